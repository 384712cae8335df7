"""Do 95 % intervals hold the truth 95 % of the time? Many draws: run with -m slow."""

import numpy as np
import pytest

import manifoldscale as ms

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6], ids=lambda s: f"floor share {s}")
@pytest.mark.parametrize(("sizes", "seeds", "spread"), [(10, 1, 0.02), (8, 5, 0.05)])
def test_exponents(
    alpha: float, share: float, sizes: int, seeds: int, spread: float
) -> None:
    """Floor free; `share` is that of the floor in the last loss. 300 draws: 90-98 %."""
    x = np.repeat(np.geomspace(100, 10_000, sizes), seeds)
    fall = (x / 100) ** -alpha
    floor = share / (1 - share) * fall[-1]
    held = []
    for draw in range(300):
        noise = np.random.default_rng([draw, sizes]).standard_normal(len(x))
        fit = ms.fit_power_law(x, (floor + fall) * (1 + spread * noise))
        held.append(alpha in fit.interval)
    assert 0.90 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(
    "method", [ms.dimension.TwoNN(), ms.dimension.MLE(k=5), ms.dimension.MLE(k=10)], ids=str
)
@pytest.mark.parametrize("anchors", [None, 200])
def test_dimension_on_the_flat_torus(
    method: ms.dimension.TwoNN, anchors: int | None
) -> None:
    """d = 2 at 3,000 points, where the curvature of the embedding biases by less than a
    fifth of the error. 1,000 draws: within four of their standard errors.
    """
    torus = ms.manifolds.FlatTorus(2)
    held = []
    for draw in range(1000):
        near = torus.sample(3000, rng=draw).neighbors(method.n_neighbors, anchors=anchors)
        held.append(2 in ms.estimate(near, method).interval)
    assert abs(np.mean(held) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.parametrize("dim", [3, 6, 12, 20, 30])
@pytest.mark.parametrize(
    "family", [ms.manifolds.Ball, ms.manifolds.Sphere, ms.manifolds.Affine], ids=str
)
def test_the_default_with_its_systematic_band(family: type, dim: int) -> None:
    held = [
        dim in ms.estimate(family(dim).sample(1500, rng=draw), ms.dimension.Auto()).interval
        for draw in range(60)
    ]
    assert np.mean(held) >= 0.90
