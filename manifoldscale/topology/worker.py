"""The process that computes: reads distances, writes diagrams, and representatives of loops
where they are wanted. Run by file, not imported.

    python worker.py INPUT.npz OUTPUT.npz

Ripser cannot be interrupted, and kills its process when memory runs out, so it gets a
separate process. Its compiled function is called without the wrapper, which imports
scikit-learn and matplotlib and takes another 25 bytes per pair of points.
"""

import sys

import numpy as np


def main(source: str, target: str) -> None:
    from pyRipser import doRipsFiltrationDM

    diagrams: dict[str, np.ndarray] = {}
    with np.load(source, allow_pickle=False) as given:
        settings = given["settings"]
        up_to, coefficients, threshold = int(settings[0]), int(settings[1]), settings[2]
        with_cocycles = bool(settings[4])
        for i in range(int(settings[3])):
            found = doRipsFiltrationDM(
                given[f"distances{i}"], up_to, float(threshold), coefficients, with_cocycles
            )
            for degree, bars in enumerate(found["births_and_deaths_by_dim"]):
                diagrams[f"{i}_{degree}"] = np.asarray(bars, np.float64).reshape(-1, 2)
            for j, one in enumerate(found["cocycles_by_dim"][1] if with_cocycles else ()):
                diagrams[f"{i}_cocycle{j}"] = np.asarray(one, np.int64).reshape(-1, 3)
    np.savez(target, allow_pickle=False, **diagrams)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
