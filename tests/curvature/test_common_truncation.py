"""The truncation that is the same over the cloud, and the choice that rests on it."""

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.curvature import Quadric
from manifoldscale.curvature.common_truncation import common_truncation, too_steep
from manifoldscale.curvature.forms import KAPPA, SCALAR, TRACE, forms_of
from manifoldscale.curvature.local_fit import Products
from manifoldscale.curvature.moments import counted
from manifoldscale.curvature.scales import ScaleFits, fit_everywhere
from manifoldscale.geometry.neighbors import Neighbors
from manifoldscale.manifolds import Ellipsoid, Manifold, Sphere, Torus


def fitted(manifold: Manifold, n: int, noise: float) -> tuple[ScaleFits, Neighbors]:
    cloud = manifold.sample(n, noise=noise, rng=1)
    near = cloud.neighbors(Quadric(manifold.dim).n_neighbors, anchors=150)
    return fit_everywhere(near, manifold.dim), near


def test_it_is_found_on_a_sphere_under_noise() -> None:
    """S^5 at noise .03: of a bias of a third of S, at large scales, most is taken off."""
    fits, near = fitted(Sphere(5), 10_000, 0.03)
    common = common_truncation(fits, near, 5)
    for n in (172, 275):
        c = fits.place(n, 0)
        before = fits.values[:, c, SCALAR].mean() - 20
        after = (fits.values[:, c] - common.bias[:, c])[:, SCALAR].mean() - 20
        assert before > 6 and abs(after) < before / 2
    square = (5 * 7 * common.bias[..., KAPPA] - common.bias[..., TRACE]) / 2
    np.testing.assert_allclose(
        common.bias[..., TRACE] - square, common.bias[..., SCALAR], atol=1e-9
    )
    assert (common.bias[~counted(fits)] == 0).all()


def test_what_differs_from_point_to_point_stays() -> None:
    """On an ellipsoid the bias has its seat at the tips."""
    fits, near = fitted(Ellipsoid(), 2000, 0.0)
    assert (common_truncation(fits, near, 2).bias == 0).mean() > 0.9


def test_a_neighbourhood_around_the_tube_is_too_steep() -> None:
    fits, _ = fitted(Torus(), 2000, 0.03)
    radius = np.median(fits.radius, axis=0)
    assert too_steep(fits)[radius > 1.1].all() and not too_steep(fits)[radius < 0.8].any()


@pytest.mark.slow
def test_points_of_high_dimension_under_noise() -> None:
    """Better than one plain quadric a point, which is off by 4.1; where noise is less, most
    points are ok, and intervals hold the truth.
    """
    for noise, most in ((0.03, 3.5), (0.01, 1.5)):
        near = Sphere(5).sample(10_000, noise=noise, rng=4)
        near = near.neighbors(Quadric(5).n_neighbors, anchors=150)
        result = ms.estimate(near, Quadric(5))
        assert np.nanmean(np.abs(result.scalar - 20)) < most
    low, high = result.scalar_interval[result.status == "ok"].T
    assert len(low) > 100 and (np.maximum(low - 20, 20 - high) <= 0).mean() > 0.9


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_pairs_are_the_matrices(dim: int) -> None:
    forms = forms_of(dim)
    pairs = dim * (dim + 1) // 2
    left, right = torch.randn(2, 3, pairs, 4, dtype=torch.float64)
    expected = torch.einsum("fab,zan,zbn->znf", forms.matrices, left, right)
    torch.testing.assert_close(forms.paired(left, right), expected)


def test_few_and_many_features_give_the_same_products() -> None:
    """Padded with zeros, points go by their Gram matrix."""
    draws = torch.randn(2, 12, 5, dtype=torch.float64)
    columns = torch.randn(2, 12, 3, dtype=torch.float64)
    smoother = torch.linalg.pinv(columns)
    narrow = Products(draws)
    wide = Products(torch.cat([draws, torch.zeros(2, 12, 20, dtype=torch.float64)], 2))
    assert narrow.gram is None and wide.gram is not None
    near, far = narrow.combined(smoother), wide.combined(smoother)
    torch.testing.assert_close(narrow.with_points(near), wide.with_points(far))
    for one, other in zip(
        narrow.of_residuals(columns, smoother, near),
        wide.of_residuals(columns, smoother, far),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
