"""The metric of a kernel, against points and against its small-distance power."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import manifoldscale as ms

FROM = ms.Neighbors.from_kernel
POINTS = np.random.default_rng(0).standard_normal((200, 5))


def test_the_inner_product_gives_the_table_of_the_points() -> None:
    near, own = FROM(POINTS @ POINTS.T, 10), ms.Cloud(POINTS).neighbors(10)
    np.testing.assert_array_equal(near.indices, own.indices)
    np.testing.assert_allclose(near.distances, own.distances, rtol=1e-9)
    moved = FROM(POINTS @ POINTS.T * 2.0**40, 10)
    np.testing.assert_allclose(moved.distances, near.distances * 2.0**20, rtol=1e-12)
    single = (POINTS @ POINTS.T).astype(np.float32)
    np.testing.assert_allclose(FROM(single, 10).distances, own.distances, rtol=1e-4)


@pytest.mark.parametrize(("power", "factor"), [(1.0, 2.0), (1.5, 4 / 3), (2.0, 1.0)])
def test_rough_kernels_see_more_dimensions(power: float, factor: float) -> None:
    """exp(-r^power) falls as r^power: D = r^(power / 2), so logarithms of ratios of
    distances are power / 2 of those of the points.
    """
    sphere = ms.manifolds.Sphere(2).sample(800, rng=0)
    apart = cdist(sphere.points, sphere.points)
    near = FROM(np.exp(-((apart / 4) ** power)), 5)
    own = ms.estimate(sphere, ms.dimension.TwoNN())
    found = ms.estimate(near, ms.dimension.TwoNN())
    assert found.value == pytest.approx(factor * own.value, rel=0.02)


def test_the_tangent_kernel_of_relu_networks_is_rough() -> None:
    """Theta(0) - Theta(r) is linear in r, as for the Laplace kernel: twice d."""
    circle = ms.manifolds.Sphere(1).sample(600, rng=0).points
    tangent = ms.theory.ntk(circle, depth=2)
    assert ms.estimate(FROM(tangent, 5), ms.dimension.TwoNN()).value == pytest.approx(
        2, rel=0.1
    )
    smooth = ms.theory.nngp(circle, depth=2)
    assert ms.estimate(FROM(smooth, 5), ms.dimension.TwoNN()).value == pytest.approx(
        1, rel=0.1
    )


def test_copies_are_copies() -> None:
    twice = np.concatenate([POINTS, POINTS[:20]])
    assert FROM(twice @ twice.T, 5).n_duplicates == 20


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (POINTS, "points x points"),
        (cdist(POINTS, POINTS), "not positive semi-definite.*from_distances"),
        (-POINTS @ POINTS.T, "negative diagonal"),
        (np.triu(POINTS @ POINTS.T), "not symmetric"),
        (((POINTS + 3e3) @ (POINTS + 3e3).T).astype(np.float32), "Compute it in float64"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel: np.ndarray, words: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=words):
        FROM(kernel, 5)
