"""The process that computes: reads distances, writes diagrams. Run by file, not imported.

    python worker.py INPUT.npz OUTPUT.npz

Ripser cannot be interrupted, and takes the process with it where memory ends; so it has a
process of its own. Its compiled function is called without the wrapper, which imports
scikit-learn and matplotlib and holds 25 bytes a pair of points on the way.
"""

import sys

import numpy as np


def main(source: str, target: str) -> None:
    from pyRipser import doRipsFiltrationDM

    diagrams = {}
    with np.load(source, allow_pickle=False) as given:
        settings = given["settings"]
        up_to, coefficients, threshold = int(settings[0]), int(settings[1]), settings[2]
        for i in range(int(settings[3])):
            found = doRipsFiltrationDM(
                given[f"distances{i}"], up_to, float(threshold), coefficients, False
            )
            for degree, bars in enumerate(found["births_and_deaths_by_dim"]):
                diagrams[f"{i}_{degree}"] = np.asarray(bars, np.float64).reshape(-1, 2)
    np.savez(target, allow_pickle=False, **diagrams)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
