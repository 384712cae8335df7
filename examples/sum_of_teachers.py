"""Where 4/d is not tight: a target that is a sum of functions of few coordinates.

The inputs have dimension 9. One teacher uses all of it; another is a sum of three teachers
of 3 coordinates each, which a network can learn at the dimension of a summand. The measured
dimension of the inputs, 9 for both, predicts alpha >= 4/9; told the dimensions of the
factors, `predict_exponent` gives alpha >= 4/3. Over P the sum is learned as a teacher of
dimension 3 is (1.24 and 1.20); over D it lies between. The trained networks are shipped:
seconds; from scratch, an hour on one core. Writes sum_of_teachers.png.
"""

import dataclasses as dc

import exponent_vs_dimension as teachers
import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

FACTORS = (3, 3, 3)
TASKS = {
    "d = 9": (ms.sweeps.TeacherStudent(9), teachers.REGISTRY),
    "d = 3 + 3 + 3": (
        ms.sweeps.TeacherStudent(9, factors=FACTORS),
        ms.data.shipped_sweep("sum_of_teachers"),
    ),
    "d = 3": (ms.sweeps.TeacherStudent(3), teachers.REGISTRY),
}


def main() -> None:
    points = TASKS["d = 3 + 3 + 3"][0].points(5000, seed=0)[0]
    dim = ms.estimate(points, ms.dimension.Auto())
    print(f"inputs of the sum: {dim.headline()}")
    print(f"  {ms.predict_exponent(dim)}")
    print(f"its factors: {ms.predict_exponent(FACTORS)}")
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
    panels = (
        (axes[0], teachers.by_width, "parameters", "parameters P"),
        (axes[1], teachers.by_data, "data", "training examples D"),
    )
    for ax, plan, axis, x_label in panels:
        for name, (task, registry) in TASKS.items():
            curve = ms.sweeps.run(dc.replace(plan, task=task), registry)
            if axis == "data":
                curve = teachers.converged(curve)
            if curve is not None:
                draw(ax, ms.fit_power_law(curve, axis=axis, floor="zero"), name)
        ax.set(xscale="log", yscale="log", xlabel=x_label, ylabel="test loss")
        ax.xaxis.set_minor_formatter("")
        ax.legend(fontsize=7)
    figure.savefig("sum_of_teachers.png", dpi=160)


def draw(ax: plt.Axes, fit: object, name: str) -> None:
    print(f"{name}: {fit.headline()}")
    seen = fit.losses
    errors = seen.y * seen.spread / np.sqrt(seen.runs)
    label = rf"{name}: $\alpha$ = {fit.alpha:.2f} {fit.interval}"
    ax.errorbar(seen.x, seen.y, errors, fmt="o", ms=3, capsize=2, label=label)
    ax.plot(seen.x, fit.predict(seen.x), color=ax.lines[-1].get_color(), lw=1)


if __name__ == "__main__":
    main()
