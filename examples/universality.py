"""Does the exponent belong to the data or to the network? Four students, three dimensions.

Networks of one, two and three hidden layers of ReLU units, and of tanh units, learn the
same teachers, whose inputs have dimension 5, 7 and 9. If the data decide, alpha_D d / 4 is
the same for all; `relation` tests that with errors in every exponent, and finds the scatter
between data sets that the errors do not explain. Found: p = 0.07, with a scatter of 13 %.
The deeper students agree; those of one layer lie lower, and they are the ones that do not
all interpolate. The 240 trained networks are shipped: seconds; from scratch, an hour on one
core. Writes universality.png.
"""

import dataclasses as dc

import exponent_vs_dimension as teachers
import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

REGISTRY = ms.data.shipped_sweep("universality")
DIMS = [5, 7, 9]

plan = dc.replace(teachers.by_data, dataset_sizes=[100, 200, 400, 800, 1600], seeds=4)
STUDENTS = {
    "1 layer, ReLU": dc.replace(plan, depth=1),
    "2 layers, ReLU": plan,
    "3 layers, ReLU": dc.replace(plan, depth=3),
    "2 layers, tanh": dc.replace(plan, activation="tanh"),
}


def main() -> None:
    figure, ax = plt.subplots(figsize=(4.4, 3.6), layout="constrained")
    dims, fits, groups = [], [], []
    for place, (name, student) in enumerate(STUDENTS.items()):
        for (dim,), one in student.vary(dim=DIMS).items():
            curve = ms.sweeps.run(one, REGISTRY)
            fit = ms.fit_power_law(curve, axis="data", floor="zero")
            share = np.mean([run.converged for run in curve.runs])
            print(f"{name}, d = {dim}: {fit.headline()}; {share:.0%} interpolate")
            dims, fits, groups = [*dims, dim], [*fits, fit], [*groups, name]
            errors = np.abs(np.array([*fit.interval]) - fit.alpha)[:, None] * dim / 4
            label = name if dim == DIMS[0] else None
            shown = {"fmt": "o", "capsize": 2, "color": f"C{place}", "label": label}
            ax.errorbar(dim + 0.15 * (place - 1.5), fit.alpha * dim / 4, errors, **shown)
    test = ms.relation(dims, fits, groups=groups)
    print(test)
    ax.axhline(1, color="0.5", lw=1)
    ax.set(xlabel="dimension d of the inputs", ylabel=r"$\alpha_D d / 4$", xticks=DIMS)
    ax.set_title(f"the same for all students: p = {test.p_universal:.2g}", fontsize=9)
    ax.legend(fontsize=7)
    figure.savefig("universality.png", dpi=160)


if __name__ == "__main__":
    main()
