"""Recorded neurons: a ring, a torus and a code of five dimensions, from the spike counts
of a few trials.

No recordings are shipped; the populations are simulated. 120 head-direction cells have von
Mises tuning to one angle, 120 grid cells of one module to two phases, and 120 cells mix
five variables: neural manifolds of dimension 1, 2 and 5. Counts are Poisson, in up to 40
trials of 1,000 stimuli. The nearest neighbours of the means lie within the noise, and an
estimate from them (TwoNN, dotted) is of the noise; `Auto` takes the pairs that are farther
apart, or says how many trials it would take. The holes are large and hence seen from a few
trials on: one loop of the ring, two of the torus. The cross-validated spectrum removes what
is independent between two trials. A minute; writes recorded_neurons.png.
"""

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError

NEURONS, STIMULI = 120, 1000
TRIALS = [2, 5, 12, 40]
RATE = 2.0  # spikes a trial, on average
CODES = {"ring": 1, "torus": 2, "mixed": 5}


def rates(name: str, rng: np.random.Generator) -> np.ndarray:
    """(neurons x stimuli) mean counts."""
    dim = CODES[name]
    if name == "mixed":
        x = rng.uniform(-1, 1, (STIMULI, dim)) @ rng.standard_normal((dim, 64)) / 1.5
        hidden = np.maximum(x + 0.5 * rng.standard_normal(64), 0)
        found = np.logaddexp(0, hidden @ rng.standard_normal((64, NEURONS)) / 4).T
    else:
        angles, preferred = (
            rng.uniform(0, 2 * np.pi, (n, dim)) for n in (STIMULI, NEURONS)
        )
        found = np.exp(2 * (np.cos(preferred[:, None] - angles) - 1).sum(2))
    return RATE * found / found.mean()


def main() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
    for color, name in enumerate(CODES):
        rng = np.random.default_rng(color)
        mean = rates(name, rng)
        counts = rng.poisson(mean[..., None], (*mean.shape, max(TRIALS)))
        clouds = [
            ms.population(counts[..., :n], order="neurons stimuli trials") for n in TRIALS
        ]
        draw_dimension(axes[0], clouds, name, color)
        if name != "mixed":
            draw_loops(axes[1], counts, name, color)
            draw_spectra(axes[2], counts, name, color)
    axes[0].set(xscale="log", yscale="log", xlabel="trials", ylabel="dimension")
    axes[1].set(
        xscale="log", xlabel="trials", ylabel="loops", yticks=range(4), ylim=(-0.2, 3)
    )
    axes[2].set(xscale="log", yscale="log", xlabel="rank", ylabel="eigenvalue", ylim=0.3)
    for ax in axes[:2]:
        ax.set_xticks(TRIALS, map(str, TRIALS))
        ax.minorticks_off()
    axes[0].plot([], [], "k:", label="nearest neighbours")
    axes[0].set_yticks([1, 2, 5, 10, 20, 50], map(str, [1, 2, 5, 10, 20, 50]))
    axes[0].set_ylim(0.7, 150)
    for ax, columns in zip(axes, (2, 1, 1), strict=True):
        ax.legend(fontsize=7, ncols=columns, loc="upper right")
    figure.savefig("recorded_neurons.png", dpi=160)


def draw_dimension(ax: plt.Axes, clouds: list[ms.Cloud], name: str, color: int) -> None:
    """What each estimator says of more and more trials; the line is the truth."""
    naive = [ms.estimate(cloud, ms.dimension.TwoNN()).value for cloud in clouds]
    ax.plot(TRIALS, naive, ":", color=f"C{color}")
    ax.axhline(CODES[name], color=f"C{color}", lw=0.8, alpha=0.5)
    for n, cloud, wrong in zip(TRIALS, clouds, naive, strict=True):
        print(f"{name}, {n} trials: nearest neighbours say {wrong:.1f}")
        try:
            dim = ms.estimate(cloud, ms.dimension.Auto())
        except ManifoldScaleError as error:
            print(f"  {error}")
            continue
        print(f"  {dim.value:.2f} {dim.interval}: {dim.basis}")
        errors = [[dim.value - dim.interval.low], [dim.interval.high - dim.value]]
        label = name if n == TRIALS[-1] else None
        place = n * 1.06 ** (color - 1)
        ax.errorbar(place, dim.value, errors, fmt="o", ms=4, color=f"C{color}", label=label)


def draw_loops(ax: plt.Axes, counts: np.ndarray, name: str, color: int) -> None:
    for n in TRIALS:
        # The root of a count has the same variance at all rates.
        cloud = ms.population(np.sqrt(counts[..., :n].mean(2)))
        rips = ms.topology.Rips(landmarks=200, subsamples=9)
        loops = ms.estimate(cloud, rips).betti[1]
        print(f"{name}, {n} trials: loops {loops.value:g} {loops.interval}")
        errors = [[loops.value - loops.interval.low], [loops.interval.high - loops.value]]
        label = name if n == TRIALS[0] else None
        place = n * 1.06 ** (color - 1)
        ax.errorbar(place, loops.value, errors, fmt="o", color=f"C{color}", label=label)


def draw_spectra(ax: plt.Axes, counts: np.ndarray, name: str, color: int) -> None:
    """Eigenvalues of single trials, and cross-validated over two repeats."""
    repeats = np.concatenate([counts[..., 0].T, counts[..., 1].T]).astype(float)
    stimuli = np.tile(np.arange(STIMULI), 2)
    cloud = ms.Cloud(repeats, groups=stimuli, name=name)
    for validated, style in ((False, ":"), (True, "-")):
        method = ms.spectra.Covariance(repeats=validated, ranks=(2, 7))
        spectrum = ms.estimate(cloud, method)
        kind = "cross-validated" if validated else "single trials"
        print(f"{name}, {kind}: {spectrum.participation}")
        eigenvalues = spectrum.eigenvalues[:60]
        ranks = np.arange(1, len(eigenvalues) + 1)
        label = f"{name}, {kind}"
        ax.plot(ranks, eigenvalues, style, color=f"C{color}", label=label)


if __name__ == "__main__":
    main()
