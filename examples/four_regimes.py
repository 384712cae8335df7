"""The four regimes with trained networks (Bahri et al., figure 1a).

Variance-limited: networks of width 32 on ever more data, and networks of growing width on
100 examples, both after 200 steps of full-batch gradient descent; above its limit the loss
falls with exponent 1, whatever the data. The law is that of a fixed training time, and so
are its limits: a training set of 8,192 for the same initialisation, and, for the same
examples, infinite width in closed form.
Resolution-limited: the networks of exponent_vs_dimension.py, at dimensions 4, 6 and 8. All
trained networks are shipped: a minute; from nothing, an hour on one core. Writes
four_regimes.png.
"""

import exponent_vs_dimension as resolution
import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

REGISTRY = ms.data.shipped_sweep("four_regimes")
# The mean excess of so many networks is one point of a fit: single ones may be negative.
GROUPS = {"data": 20, "width": 100}

DIM, STEPS, RATE = 6, 200, 0.1

by_data = ms.sweeps.Plan(
    ms.sweeps.TeacherStudent(DIM),
    dataset_sizes=[32, 64, 128, 256, 512, 1024, 8192],
    widths=[32],
    seeds=100,
    paired=True,
    parametrisation="ntk",
    training=ms.sweeps.Training(
        steps=STEPS,
        batch_size=None,
        learning_rate=RATE,
        schedule="constant",
        optimiser="sgd",
    ),
)
by_width = ms.sweeps.Plan(
    by_data.task,
    dataset_sizes=[100],
    widths=[8, 12, 16, 24, 32, 48, 64, 96],
    seeds=400,
    n_test=300,
    paired=True,
    parametrisation="ntk",
    training=by_data.training,
)


def excess_by_size() -> ms.LearningCurve:
    """The loss above that of the same initialisation on 8,192 examples. Sizes end at 512:
    the limit itself lies 1/16 of their excess too high.
    """
    curve = ms.sweeps.run(by_data, REGISTRY)
    limit = curve.at(dataset_size=8192).losses
    sizes = [n for n in by_data.dataset_sizes if n <= 512]
    return grouped({n: curve.at(dataset_size=n).losses - limit for n in sizes}, "data")


def excess_by_width() -> ms.LearningCurve:
    """The loss above that of infinitely wide networks on the same examples."""
    curve = ms.sweeps.run(by_width, REGISTRY)
    limits = np.array([infinite_width(seed) for seed in range(by_width.seeds)])
    return grouped({w: curve.at(width=w).losses - limits for w in by_width.widths}, "width")


def infinite_width(index: int) -> float:
    """The expected test loss after the same descent, in closed form. The theory descends
    half the sum over examples, the networks its mean: the rates differ by 2 / n.
    """
    (n,) = by_width.dataset_sizes
    seed = by_width.seed_of(by_width.shape(by_width.widths[0]), n, index)
    split = by_width.task.draw(n, by_width.n_test, seed)
    x = np.concatenate([split.train_inputs, split.test_inputs])
    network = {"depth": 2, "weight_variance": 2.0, "bias_variance": 0.01}
    run = ms.theory.linearized_training(
        ms.theory.ntk(x, **network),
        split.train_targets,
        [STEPS],
        learning_rate=2 * RATE / n,
        nngp=ms.theory.nngp(x, **network),
        test_targets=split.test_targets,
    )
    return float(run.test_loss[0])


def grouped(excess: dict[int, np.ndarray], axis: str) -> ms.LearningCurve:
    """Means of groups of networks as the runs of a curve."""
    column = {"data": "dataset_size", "width": "width"}[axis]
    rows = [
        {column: size, "seed": i, "loss": float(part.mean())}
        for size, values in excess.items()
        for i, part in enumerate(np.split(values, len(values) // GROUPS[axis]))
    ]
    return ms.LearningCurve.from_frame(rows, floor=0.0)


def draw(ax: plt.Axes, fit: object, label: str) -> None:
    points = fit.losses
    errors = points.spread * points.y / np.sqrt(points.runs)
    ax.errorbar(points.x, points.y, errors, fmt="o", ms=3, capsize=2, label=label)
    ax.plot(points.x, fit.predict(points.x), lw=1, color=ax.lines[-1].get_color())


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
    variance = (
        (axes[0, 0], excess_by_size(), "data", "training examples D"),
        (axes[1, 1], excess_by_width(), "width", "width w"),
    )
    for ax, curve, axis, x_label in variance:
        fit = ms.fit_power_law(curve, axis=axis, floor="zero")
        print(f"variance-limited: {fit}")
        draw(ax, fit, rf"$\alpha$ = {fit.alpha:.2f} {fit.interval}")
        ax.set(title=f"variance-limited, in {axis}", xlabel=x_label)
        ax.set_ylabel("loss above the limit")
    for ax, plan, axis, x_label in (
        (axes[0, 1], resolution.by_data, "data", "training examples D"),
        (axes[1, 0], resolution.by_width, "parameters", "parameters P"),
    ):
        for dim, fit in resolution.exponents(plan, axis).items():
            if dim in (4, 6, 8):
                print(f"resolution-limited, d = {dim}: {fit}")
                draw(ax, fit, rf"d = {dim}: $\alpha$ = {fit.alpha:.2f} {fit.interval}")
        ax.set(title=f"resolution-limited, in {axis}", xlabel=x_label, ylabel="loss")
    for ax in axes.flat:
        ax.set(xscale="log", yscale="log")
        ax.xaxis.set_minor_formatter("")
        ax.legend(fontsize=7)
    figure.savefig("four_regimes.png", dpi=160)


if __name__ == "__main__":
    main()
