"""Points on a grid, along a path or in pairs are told from a random sample."""

import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.arrays import Floats
from manifoldscale.dimension import MLE, AcrossScales, Auto, LocalPCA, TwoNN

PREFERRED = np.linspace(0, 2 * np.pi, 60, endpoint=False)


def tuned(angles: Floats, noise: float = 0.0) -> Floats:
    """Sixty neurons tuned to an angle: a ring, d = 1."""
    rates = np.exp(2 * np.cos(angles[:, None] - PREFERRED) - 2)
    return rates + noise * np.random.default_rng(0).standard_normal(rates.shape)


def spaced(n: int) -> Floats:
    return 2 * np.pi * np.arange(n) / n


def pairs() -> Floats:
    points = np.random.default_rng(0).standard_normal((500, 3))
    moved = points + 1e-3 * np.random.default_rng(1).standard_normal(points.shape)
    return np.vstack([points, moved])


def lattice() -> Floats:
    """A jittered 12 x 12 x 12 lattice, on which no two distances are tied."""
    grid = np.array(list(itertools.product(range(12), repeat=3)), dtype=float)
    return grid + 1e-6 * np.random.default_rng(0).standard_normal(grid.shape)


EVEN = {
    "72 angles": tuned(spaced(72)),
    "360 angles": tuned(spaced(360)),
    "360 angles, noise": tuned(spaced(360), 0.003),
    "line": np.linspace(0, 1, 500)[:, None] * np.ones(5),
    "pairs": pairs(),
    "lattice": lattice(),
}


def names(result: object) -> set[str]:
    return {note.caveat.name for note in result.caveats}  # type: ignore[attr-defined]


@pytest.mark.parametrize("points", EVEN.values(), ids=EVEN)
def test_no_dimension_is_made_of_an_even_spacing(points: Floats) -> None:
    """`Auto` read 60 [60.0, 60.0] of a ring of 360 stimuli, TwoNN 5e13 without a word."""
    with pytest.raises(ms.ManifoldScaleError, match=r"not identifiable.*LocalPCA"):
        ms.estimate(points, Auto())
    assert "EVEN_SPACING" in names(ms.estimate(points, TwoNN()))


def test_what_the_caveat_advises_reads_the_ring() -> None:
    points = tuned(spaced(1000))
    assert "EVEN_SPACING" in names(ms.estimate(points, MLE(k=20)))
    local = ms.estimate(points, LocalPCA())
    assert local.value == pytest.approx(1, abs=0.05) and not names(local)
    thinned = ms.estimate(points, AcrossScales(TwoNN(), at_scale=1000 // 16))
    assert 1 in thinned.interval and "EVEN_SPACING" not in names(thinned)


def test_one_frame_of_each_film_is_a_sample() -> None:
    """As it is where groups say which frames belong together."""
    rng = np.random.default_rng(0)
    starts, steps = rng.standard_normal((400, 1, 3)), np.arange(5)[:, None]
    films = starts + 1e-3 * steps * np.array([1.0, 0.0, 0.0])
    points, which = films.reshape(-1, 3), np.repeat(np.arange(400), 5)
    with pytest.raises(ms.ManifoldScaleError, match="along a path"):
        ms.estimate(points, Auto())
    for one_each in (points[::5], ms.Cloud(points, groups=which)):
        dim = ms.estimate(one_each, Auto())
        assert 3 in dim.interval and "EVEN_SPACING" not in names(dim)


@pytest.mark.parametrize("n", [50, 100, 300, 2000])
@pytest.mark.parametrize("dim", [1, 3, 20])
def test_random_samples_are_not_even(n: int, dim: int) -> None:
    found = []
    for seed in range(20 if n < 2000 else 3):
        rng = np.random.default_rng(seed)
        points = rng.uniform(size=(n, dim)) ** rng.uniform(0.5, 3)
        noisy = np.pad(points, [(0, 0), (0, 10)]) + 0.01 * rng.standard_normal(
            (n, dim + 10)
        )
        found += ["EVEN_SPACING" in names(ms.estimate(noisy, MLE(k=10)))]
    assert np.sum(found) <= 1
