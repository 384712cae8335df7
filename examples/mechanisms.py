"""What makes a loss fall as a power of the data: a manifold, or frequencies? Interventions
tell.

On a manifold of dimension d the exponent follows d (about 4/d). For many independent
subtasks of frequencies k^-(1 + a) it is a / (1 + a): it follows the frequencies, and other
bits in the inputs leave it where it was. Where all frequencies are equal, or the target is
a hierarchy of rules, there is no law: the loss stays, and then falls at one size, which for
the hierarchy grows with D* = classes * synonyms^depth. So change one thing and fit again: a
measured exponent alone does not say what made it. The networks on manifolds are those of
exponent_vs_dimension.py; the others train in two minutes on one core. Writes
mechanisms.png.
"""

import exponent_vs_dimension as manifolds
import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

TRAINING = ms.sweeps.Training(steps=1200)
SIZES = [200, 400, 800, 1600, 3200, 6400]
PARITIES = {
    "a = 0.5": ms.sweeps.SparseParities(decay=0.5, bits=16),
    "a = 2": ms.sweeps.SparseParities(decay=2.0, bits=16),
    "a = 2, 12 bits": ms.sweeps.SparseParities(decay=2.0, bits=12, subtasks=60),
}
DIMS = (4, 8)
EQUAL = ms.sweeps.SparseParities(decay=None, bits=8, subtasks=28)
HIERARCHIES = {
    f"{m} synonyms": ms.sweeps.RandomHierarchy(synonyms=m, vocabulary=6, classes=6)
    for m in (2, 4)
}


def losses(task: ms.sweeps.Task, sizes: list[int]) -> ms.LearningCurve:
    plan = ms.sweeps.Plan(task, sizes, [128], seeds=2, n_test=1500, training=TRAINING)
    return ms.sweeps.run(plan)


def draw(ax: plt.Axes, label: str, fit: ms.scaling.PowerLaw, expected: float) -> None:
    said = f"{label}: alpha_D {fit.alpha:.2f} {fit.interval}, predicted {expected:.2f}"
    print(said)
    points = fit.losses
    said = said.replace("alpha_D", r"$\alpha$ =").replace("predicted", "theory")
    (drawn,) = ax.plot(points.x, points.y, "o", label=said)
    ax.plot(points.x, fit.predict(points.x), color=drawn.get_color(), lw=1)


def main() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
    for label, task in PARITIES.items():
        fit = ms.fit_power_law(losses(task, SIZES), axis="data", floor="zero")
        draw(axes[0], label, fit, task.alpha_D)
    for dim, fit in manifolds.exponents(manifolds.by_data, "data").items():
        if dim in DIMS:
            draw(axes[1], f"d = {dim}", fit, 4 / dim)
    for label, task in {"equal parities": EQUAL, **HIERARCHIES}.items():
        start = getattr(task, "transition", 800)
        found = losses(task, [int(start * f) for f in (0.5, 1, 2, 4, 8)]).means()
        sizes, mean = list(found), np.array(list(found.values()))
        axes[2].plot(sizes, mean / mean[0], "o-", label=label)
        slopes = -np.diff(np.log(mean)) / np.diff(np.log(sizes))
        print(f"{label}: the slope goes from {slopes[0]:.2f} to {slopes[-1]:.2f}")
    titles = ("parities of frequency a", "manifold of dimension d", "no power law")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(xscale="log", yscale="log", title=title, xlabel="training examples D")
        ax.xaxis.set_minor_formatter("")
        ax.yaxis.set_minor_formatter("")
        ax.set_ylim(bottom=ax.get_ylim()[0] / 3)  # below the points, for the legend
        ax.legend(fontsize=7, loc="lower left")
    axes[0].set_ylabel("loss")
    axes[2].set_ylabel("loss / loss at fewest D")
    figure.savefig("mechanisms.png", dpi=160)


if __name__ == "__main__":
    main()
