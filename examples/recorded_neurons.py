"""Recorded neurons: a ring and a torus, from the spike counts of a few trials.

No recordings are shipped; the populations are simulated. 120 head-direction cells have von
Mises tuning to one angle, 120 grid cells of one module to two phases: neural manifolds of
dimension 1 and 2. Counts are Poisson, in up to 40 trials of 1,500 stimuli.
At the scale of nearest neighbours there is noise only, of many dimensions; at larger scales
the dimension falls to that of the manifold, further with more trials. The curve says so;
one number would not. The holes are large and hence seen from one trial on: a loop of the
ring, two of the torus, these not in every half of the stimuli (the interval). The
cross-validated spectrum takes out what is independent between two trials. A minute; writes
recorded_neurons.png.
"""

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

NEURONS, STIMULI = 120, 1500
TRIALS = [1, 4, 40]
PEAK = 20.0  # spikes a stimulus at the preferred one


def rates(angles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(neurons x stimuli) mean counts: a product of von Mises bumps over the angles."""
    preferred = rng.uniform(0, 2 * np.pi, (NEURONS, 1, angles.shape[1]))
    return PEAK * np.exp(2 * (np.cos(preferred - angles) - 1).sum(2))


def population(dim: int) -> np.ndarray:
    """(neurons x stimuli x trials) spike counts."""
    rng = np.random.default_rng(dim)
    mean = rates(rng.uniform(0, 2 * np.pi, (STIMULI, dim)), rng)
    return rng.poisson(mean[..., None], (*mean.shape, max(TRIALS)))


def main() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
    for name, dim in (("ring", 1), ("torus", 2)):
        counts = population(dim)
        for n in TRIALS:
            # The root of a count has the same variance at all rates.
            cloud = ms.population(
                np.sqrt(counts[..., :n].mean(2)), name=f"{name}, {n} trials"
            )
            draw_dimension(axes[0], cloud, dim, TRIALS.index(n))
            draw_loops(axes[1], cloud, dim, n)
        axes[0].axhline(dim, color="0.6", lw=1)
        draw_spectra(axes[2], counts, name, dim)
    axes[0].set(xscale="log", yscale="log", ylabel="dimension")
    axes[0].set_xlabel("points that resolve the scale")
    axes[1].set(
        xscale="log", xlabel="trials", ylabel="loops", yticks=range(4), ylim=(-0.2, 3)
    )
    axes[2].set(xscale="log", yscale="log", xlabel="rank", ylabel="eigenvalue", ylim=1e-2)
    axes[0].set_ylim(0.8, 400)
    for ax, columns in zip(axes, (2, 1, 1), strict=True):
        ax.legend(fontsize=7, ncols=columns, loc="upper right")
    figure.savefig("recorded_neurons.png", dpi=160)


def draw_dimension(ax: plt.Axes, cloud: ms.Cloud, dim: int, place: int) -> None:
    """Dimension from the scale of all points to that of a few."""
    curve = ms.estimate(cloud, ms.dimension.AcrossScales(ms.dimension.Gride(), octaves=6))
    values = [one.value for one in curve.curve]
    print(f"{cloud.name}: dimension {values[0]:.1f} at the smallest scale")
    print(f"  {values[-1]:.2f} {curve.curve[-1].interval} at the largest")
    style = {"color": f"C{dim - 1}", "alpha": (place + 1) / len(TRIALS)}
    ax.plot(curve.examples, values, "o-", ms=3, label=cloud.name, **style)


def draw_loops(ax: plt.Axes, cloud: ms.Cloud, dim: int, trials: int) -> None:
    loops = ms.estimate(cloud, ms.topology.Rips(landmarks=200, subsamples=9)).betti[1]
    print(f"  loops: {loops.value:g} {loops.interval}")
    errors = [[loops.value - loops.interval.low], [loops.interval.high - loops.value]]
    label = cloud.name.split(",")[0] if trials == TRIALS[0] else None
    place = trials * 1.08 ** (dim - 1.5)
    ax.errorbar(place, loops.value, errors, fmt="o", color=f"C{dim - 1}", label=label)


def draw_spectra(ax: plt.Axes, counts: np.ndarray, name: str, dim: int) -> None:
    """Eigenvalues of single trials, and cross-validated over two repeats."""
    repeats = np.concatenate([counts[..., 0].T, counts[..., 1].T]).astype(float)
    stimuli = np.tile(np.arange(STIMULI), 2)
    cloud = ms.Cloud(repeats, groups=stimuli, name=name)
    for validated, style in ((False, ":"), (True, "-")):
        method = ms.spectra.Covariance(dim=dim, repeats=validated, ranks=(3, 15))
        spectrum = ms.estimate(cloud, method)
        kind = "cross-validated" if validated else "single trials"
        print(f"{name}, {kind}: {spectrum.headline()}")
        eigenvalues = spectrum.eigenvalues[:60]
        ranks = np.arange(1, len(eigenvalues) + 1)
        label = f"{name}, {kind}"
        ax.plot(ranks, eigenvalues, style, color=f"C{dim - 1}", label=label)


if __name__ == "__main__":
    main()
