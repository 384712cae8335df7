"""How near are theories of kernel regression to regression itself, on images?

    python benchmarks/learning_curves.py
    python benchmarks/learning_curves.py --data digits

1,250 images, the targets their classes; NTK and NNGP of three hidden ReLU layers, and the
NNGP of one tanh layer; no ridge. Measured: the mean of 40 random subsets, tested on 250
others. Theories: one kappa for all points (`EmpiricalSpectrum.learning_curve`), and a kappa
for each (`gram_learning_curve`). Beside their relative errors stands the standard error of
what was measured.

Prints a table and writes benchmarks/learning_curves.json.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from output import keep, show

import manifoldscale as ms

POINTS, SIZES, REPEATS = 1250, (20, 60, 200, 500, 750, 1000), 40
KERNELS = {
    "NTK, 3 ReLU": ms.theory.NTK(3, "relu", 2.0, 0.01),
    "NNGP, 3 ReLU": ms.theory.NNGP(3, "relu", 2.0, 0.01),
    "NNGP, 1 tanh": ms.theory.NNGP(1, "tanh", 1.0, 0.01),
}


def case(data: str, name: str) -> list[dict[str, Any]]:
    found = ms.sweeps.DataSet(data).everything()
    rows = np.random.default_rng(5).permutation(len(found[0]))[:POINTS]
    inputs, targets = (np.asarray(one)[rows] for one in found)
    gram = KERNELS[name](inputs).numpy()
    curve = ms.theory.kernel_regression_curve(
        gram, targets, SIZES, n_test=POINTS - SIZES[-1], permutations=REPEATS
    )
    losses = curve.losses.reshape(REPEATS, len(SIZES))
    measured, scatter = losses.mean(0), losses.std(0) / REPEATS**0.5
    theories = {
        "one kappa": ms.theory.empirical_spectrum(gram, targets).learning_curve(SIZES),
        "each its own": ms.theory.gram_learning_curve(gram, targets, SIZES),
    }
    return [
        {
            "data": data,
            "kernel": name,
            "examples": size,
            "measured": float(measured[place]),
            "standard error": float(scatter[place] / measured[place]),
            **{
                theory: float(one.error[place] / measured[place] - 1)
                for theory, one in theories.items()
            },
        }
        for place, size in enumerate(SIZES)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ("mnist5k", "fashion-mnist", "digits")
    parser.add_argument("--data", nargs="+", choices=every, default=every)
    arguments = parser.parse_args()
    rows = [row for data in arguments.data for name in KERNELS for row in case(data, name)]
    show(rows, "Relative errors of predicted losses")
    keep({"points": POINTS, "cases": rows}, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
