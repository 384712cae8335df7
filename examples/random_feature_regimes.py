"""The four regimes where they are exactly solvable: linear random features (Bahri et al.).

Lines are the closed form, marks are simulated regressions; nothing is fitted between them.
Along each resource, examples or features, the loss is measured with the other resource in
excess (resolution-limited: the exponent of the spectrum) and scarce (variance-limited: the
excess over the limit falls with exponent 1). `classify_regime` is told neither: it infers
the regime from the simulated losses and a simulated limit. Under a minute. Writes
random_feature_regimes.png.
"""

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

ALPHA = 0.6  # loss ~ size^-ALPHA where resolution-limited
MODES, FEW, MANY = 2000, 32, 1000
EIGENVALUES = np.arange(1.0, MODES + 1) ** (-1 - ALPHA)
SCARCE = [8, 11, 16, 23, 32, 45, 64, 91]  # sizes below MANY
EXCESS = [96, 128, 192, 256, 384, 512, 768, 1024]  # sizes above FEW
LIMIT, DRAWS = 4096, 24
AXES = {"data": "dataset_size", "parameters": "parameters"}


def losses(axis: str, sizes: list[int], other: int, rng: int) -> ms.LearningCurve:
    """Simulated along `axis`, `other` of the other resource."""
    features, samples = (other, sizes) if axis == "data" else (sizes, other)
    return ms.theory.simulate_linear_random_features(
        EIGENVALUES, features, samples, draws=DRAWS, rng=rng
    )


def exact(axis: str, sizes: np.ndarray, other: int) -> np.ndarray:
    features, samples = (other, sizes) if axis == "data" else (sizes, other)
    return ms.theory.linear_random_features(EIGENVALUES, features, samples).error.ravel()


def limit(axis: str) -> ms.Reference:
    """The loss with FEW of the other resource at a size far beyond the range."""
    found = losses(axis, [LIMIT], FEW, rng=2).losses
    return ms.Reference(LIMIT, found.mean(), found.std(ddof=1) / len(found) ** 0.5)


def draw(
    ax: plt.Axes, axis: str, curve: ms.LearningCurve, other: int, limits=(0.0, 0.0)
) -> None:
    """Simulated and exact losses, each above its own limit."""
    means = curve.means(axis)
    sizes, above = np.array(list(means)), np.array(list(means.values())) - limits[0]
    found = [curve.at(**{AXES[axis]: n}).losses for n in means]
    errors = [values.std(ddof=1) / len(values) ** 0.5 for values in found]
    ax.errorbar(sizes, above, errors, fmt="o", ms=3, capsize=2)
    grid = np.geomspace(sizes[0], sizes[-1], 60)
    ax.plot(grid, exact(axis, grid, other) - limits[1], color="0.3", lw=1)


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
    for row, axis in zip(axes, AXES, strict=True):
        name = {"data": "examples D", "parameters": "features P"}[axis]
        scarce, excess = losses(axis, SCARCE, MANY, 0), losses(axis, EXCESS, FEW, 1)
        reference = limit(axis)
        verdicts = (
            ms.classify_regime(excess, axis, reference=reference),
            ms.classify_regime(scarce, axis),
        )
        limits = (reference.loss, float(exact(axis, np.array([LIMIT]), FEW)[0]))
        draw(row[0], axis, excess, FEW, limits)
        draw(row[1], axis, scarce, MANY)
        for ax, verdict, y in zip(
            row, verdicts, ("loss above its limit", "loss"), strict=True
        ):
            print(verdict)
            alpha = f"{verdict.fit.alpha:.2f} {verdict.fit.interval}"
            ax.set(xscale="log", yscale="log", xlabel=name, ylabel=y)
            ax.xaxis.set_minor_formatter("")
            ax.set_title(f"{verdict.verdict}: exponent {alpha}", fontsize=9)
    figure.savefig("random_feature_regimes.png", dpi=160)


if __name__ == "__main__":
    main()
