"""ABIDE: the neighbourhoods that points choose."""

import numpy as np
import pytest
from scipy import stats

import manifoldscale as ms
from manifoldscale.dimension import ABIDE, BIDE
from manifoldscale.dimension.abide import constant_density


def test_the_threshold_is_the_published_one() -> None:
    assert stats.chi2.isf(ABIDE().alpha, 1) == pytest.approx(23.92812698, abs=1e-8)


def test_k_star_against_a_loop_over_the_likelihood_ratio() -> None:
    """A dense clump in a thin cloud, so that the test fails at many ranks."""
    rng = np.random.default_rng(0)
    points = np.vstack(
        [rng.standard_normal((150, 2)), 0.03 * rng.standard_normal((150, 2))]
    )
    near = ms.Cloud(points).neighbors(40)
    expected = []
    for i in range(300):
        rank = 4
        while rank <= 40:
            k, j = rank - 1, near.indices[i, rank - 1]
            v = near.distances[i, k - 1] ** 2.0
            w = near.distances[j, k - 1] ** 2.0
            ratio = -2 * k * (np.log(v) + np.log(w) - 2 * np.log(v + w) + np.log(4))
            if ratio > 23.92812698:
                break
            rank += 1
        expected.append(rank - 1)
    found = constant_density(near, 2.0, 1e-6)
    np.testing.assert_array_equal(found, expected)
    assert 3 < found.min() < found.max() == 40


def test_uniform_density_takes_all_neighbours_and_agrees_with_bide() -> None:
    near = ms.manifolds.FlatTorus(2).sample(1500).neighbors(40)
    ranks, dim, settled = ABIDE(k_max=40).ranks(near)
    assert settled and np.mean(ranks) > 39.9
    found = ms.estimate(near, ABIDE(k_max=40))
    assert found.value == pytest.approx(ms.estimate(near, BIDE(k=40)).value, rel=0.01)
    assert found.value == pytest.approx(dim, rel=0.01)


def test_it_sees_through_noise_better_than_the_nearest_neighbours() -> None:
    cloud = ms.manifolds.FlatTorus(1).sample(1500, ambient=10, noise=0.002, rng=1)
    adaptive = ms.estimate(cloud, ABIDE(k_max=64)).value
    assert abs(adaptive - 1) < 0.3 < ms.estimate(cloud, ms.dimension.TwoNN()).value - 1


def test_anchors_and_settings_that_cannot_work() -> None:
    near = ms.manifolds.Sphere(2).sample(300).neighbors(64, anchors=100)
    with pytest.raises(ms.ManifoldScaleError, match="without `anchors`"):
        ms.estimate(near, ABIDE())
    for make in (lambda: ABIDE(k_max=3), lambda: ABIDE(alpha=0), lambda: BIDE(ratio=1.0)):
        with pytest.raises(ms.ManifoldScaleError):
            make()
    with pytest.raises(ms.ManifoldScaleError, match="larger `ratio`"):
        ms.estimate(near, BIDE(k=5, ratio=1e-6))
