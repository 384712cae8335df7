"""The four regimes with trained networks (Bahri et al., figure 1a), recognised.

Variance-limited: networks of width 32 on ever more data, and networks of growing width on
100 examples, both after 200 steps of full-batch gradient descent; above its limit the loss
falls with exponent 1, whatever the data. The law is that of a fixed training time, and so
are its limits: a training set of 8,192 for the same initialisation, and, for the same
examples, infinite width in closed form. `classify_regime` finds it although there are fewer
examples than parameters: it is training time that holds the limit. Resolution-limited: the
networks of exponent_vs_dimension.py, at dimensions 4, 6 and 8. All trained networks are
shipped: two minutes; from scratch, an hour on one core. Writes four_regimes.png.
"""

import dataclasses as dc

import exponent_vs_dimension as resolution
import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

REGISTRY = ms.data.shipped_sweep("four_regimes")
DIM, STEPS, RATE = 6, 200, 0.1
EXACT = 1e-9  # the error of a limit that the losses share

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
    widths=[16, 24, 32, 48, 64, 96, 128, 192, 256],
    seeds=400,
    n_test=300,
    paired=True,
    parametrisation="ntk",
    training=by_data.training,
)


def over_data() -> tuple[ms.LearningCurve, ms.Reference]:
    """Losses over D, and their limit: the same initialisations on 8,192 examples."""
    curve = ms.sweeps.run(by_data, REGISTRY)
    limits = curve.at(dataset_size=8192).losses
    return without_common_part(curve, limits), ms.Reference(8192, limits.mean(), EXACT)


def over_width() -> tuple[ms.LearningCurve, ms.Reference]:
    """Losses over width, and their limit: infinite width on the same examples."""
    curve = ms.sweeps.run(by_width, REGISTRY)
    limits = np.array([infinite_width(seed) for seed in range(by_width.seeds)])
    return without_common_part(curve, limits), ms.Reference(np.inf, limits.mean(), EXACT)


def without_common_part(curve: ms.LearningCurve, limits: np.ndarray) -> ms.LearningCurve:
    """The same mean losses with less scatter. If the limit of a seed differs from the mean
    limit, its losses differ by as much at every size. Without this difference they lie
    above a limit that has no error of its own.
    """
    common = limits - limits.mean()
    runs = tuple(
        dc.replace(run, loss=run.loss - common[run.seed])
        for run in curve.runs
        if run.dataset_size != 8192
    )
    return dc.replace(curve, runs=runs)


def infinite_width(index: int) -> float:
    """The expected test loss after the same descent, in closed form. The theory minimises
    half the sum over examples, the networks the mean: the rates differ by a factor 2 / n.
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


def draw(ax: plt.Axes, fit: object, label: str, limit: float = 0.0) -> None:
    points = fit.losses
    errors = points.spread * points.y / np.sqrt(points.runs)
    style = {"fmt": "o", "ms": 3, "capsize": 2, "label": label}
    ax.errorbar(points.x, points.y - limit, errors, **style)
    ax.plot(points.x, fit.predict(points.x) - limit, lw=1, color=ax.lines[-1].get_color())


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
    for ax, (curve, limit), axis, x_label in (
        (axes[0, 0], over_data(), "data", "training examples D"),
        (axes[1, 1], over_width(), "width", "width w"),
    ):
        verdict = ms.classify_regime(curve, axis, limit)
        print(verdict)
        fit = verdict.fit
        draw(ax, fit, rf"$\alpha$ = {fit.alpha:.2f} {fit.interval} (90 %)", fit.floor)
        ax.set(title=f"{verdict.verdict}, in {axis}", xlabel=x_label)
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
