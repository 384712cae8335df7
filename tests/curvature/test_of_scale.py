"""What works when a fit cannot: on manifolds whose curvature is known."""

import math

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.curvature import (
    MAPC,
    GaussMap,
    KappaOfScale,
    ReachEstimate,
    VolumeGrowth,
)
from manifoldscale.manifolds import Affine, FlatTorus, Sphere, Torus


@pytest.mark.parametrize(
    ("manifold", "n"), [(Sphere(2), 3000), (FlatTorus(2), 3000), (Sphere(4), 6000)], ids=str
)
def test_tangent_planes_turn_as_the_second_form_says(manifold: object, n: int) -> None:
    """|II|^2 = S's complement: d on a unit sphere and on a product of unit circles."""
    found = ms.estimate(manifold.sample(n, rng=1), GaussMap(manifold.dim))
    assert found.value == pytest.approx(math.sqrt(manifold.dim), rel=0.1)


def test_noise_in_the_planes_is_not_curvature() -> None:
    flat = ms.estimate(Affine(2).sample(3000, ambient=20, noise=0.004), GaussMap(2))
    assert flat.interval.low == 0.0


@pytest.mark.slow
def test_kappa_of_scale_is_flat_on_a_sphere_and_grows_through_relu() -> None:
    """A wide ReLU layer on S^2: kappa^2 of a chord is 8 / (pi theta), a slope of -1/2."""
    sphere = Sphere(2).sample(3000, rng=1)
    smooth = ms.estimate(sphere.neighbors(200, anchors=100), KappaOfScale(2))
    assert abs(smooth.slope) < 0.1
    np.testing.assert_allclose(smooth.kappa, 1.0, rtol=0.1)
    weights = np.random.default_rng(0).standard_normal((3, 2000))
    relu = ms.Cloud(np.maximum(sphere.points @ weights, 0) / math.sqrt(2000))
    near = relu.neighbors(200, anchors=100)
    rough = ms.estimate(near, KappaOfScale(2))
    assert rough.slope == pytest.approx(-0.5, abs=0.15)
    result = ms.estimate(near, ms.curvature.Quadric(2))
    assert result.share(ms.curvature.Status.NOT_SMOOTH) > 0.5
    assert "slope" in str(rough) and str(rough).count("[") == 3  # that of the slope too
    assert rough.row()["stderr_there"] == rough.stderr[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("manifold", "n", "k"),
    [(Sphere(2), 3000, 200), (Sphere(3), 3000, 300), (Torus(), 2000, 200)],
)
def test_the_error_of_the_slope_over_scales(manifold: object, n: int, k: int) -> None:
    """The scatter of the slope over 60 draws is its standard error, within three errors of
    the scatter, 0.09 each, and a quarter for a theory of first order.
    """
    found = [
        ms.estimate(
            manifold.sample(n, rng=draw).neighbors(k, anchors=100, rng=draw),
            KappaOfScale(manifold.dim),
        )
        for draw in range(60)
    ]
    scatter = np.std([one.slope for one in found], ddof=1)
    claimed = math.sqrt(np.mean([one.slope_stderr**2 for one in found]))
    assert 0.7 < scatter / claimed < 1.4


@pytest.mark.slow
def test_under_noise_the_interval_of_the_slope_holds_the_truth() -> None:
    """Zero on a sphere, whose curvature is the same at every scale: 95 % of 60 draws, three
    errors of the count below at most.
    """
    held = []
    for draw in range(60):
        cloud = Sphere(2).sample(2000, ambient=5, noise=0.02, rng=draw)
        found = ms.estimate(cloud.neighbors(200, anchors=200, rng=draw), KappaOfScale(2))
        held.append(0.0 in found.slope_interval)
    assert np.mean(held) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60)


@pytest.mark.parametrize("method", [GaussMap, KappaOfScale, ReachEstimate, VolumeGrowth])
@pytest.mark.parametrize(
    ("dim", "reason"),
    [
        (4, "3 features"),
        (0, "at least 1"),
        (2.5, "a whole number"),
        ("two", "a whole number"),
    ],
)
def test_a_dimension_that_cannot_be_is_refused(
    method: type, dim: object, reason: str
) -> None:
    points = Sphere(2).sample(400, rng=0)
    with pytest.raises(ms.ManifoldScaleError, match=reason):
        ms.estimate(points, method(dim))


def test_reach() -> None:
    """On a sphere the ratio is the radius for every pair; on a torus it is the tube's."""
    sphere = ms.estimate(Sphere(2, radius=2.0).sample(4000), ReachEstimate(2))
    assert sphere.value == pytest.approx(2.0, rel=0.1)
    torus = Torus()
    found = ms.estimate(torus.sample(4000), ReachEstimate(2))
    assert found.value == pytest.approx(torus.reach, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("dim", "n"), [(2, 3000), (3, 3000)])
def test_volume_growth_from_geodesic_distances(dim: int, n: int) -> None:
    """On the unit sphere, from angles only: S = d (d - 1) in the interval; and 0 on a flat
    torus.
    """
    points = Sphere(dim).sample(n, rng=2).points
    angles = np.arccos(np.clip(points @ points.T, -1, 1))
    np.fill_diagonal(angles, 0.0)
    near = ms.Neighbors.from_distances((angles + angles.T) / 2, k=600)
    found = ms.estimate(near, VolumeGrowth(dim, k=600))
    assert dim * (dim - 1) in found.interval
    assert found.value > 0.4 * dim * (dim - 1)
    turns = np.random.default_rng(3).random((1500, 2))
    apart = np.abs(turns[:, None] - turns[None])
    flat = np.sqrt((np.minimum(apart, 1 - apart) ** 2).sum(2))
    zero = ms.estimate(ms.Neighbors.from_distances(flat, k=200), VolumeGrowth(2, k=200))
    assert 0.0 in zero.interval


def test_volume_growth_says_that_straight_distances_mislead() -> None:
    """On S^3 they read 3/4 (9 - 6) = 2.25 in place of 6."""
    near = Sphere(3).sample(6000, rng=2).neighbors(k=400)
    found = ms.estimate(near, VolumeGrowth(3, k=400))
    assert found.value == pytest.approx(2.25, abs=1.0)
    assert any("straight" in str(note) for note in found.caveats)


def test_mapc_is_diluted_by_codimension() -> None:
    """A unit circle in the plane reads 1; a sphere in codimension c about 1 / c."""
    circle = ms.estimate(Sphere(1).sample(500), MAPC(1))
    assert circle.value == pytest.approx(1.0, rel=0.05)
    torus = ms.estimate(FlatTorus(2).sample(4000, rng=1), MAPC(2))
    # Two normals with eigenvalues 1 and 0 each, in the axes of the circles; in others less.
    assert 0.3 < torus.value < 0.75
    assert "for comparison with published values only" in str(torus)


@pytest.mark.parametrize(("features", "k"), [(1, None), (2, None), (5, 3)])
def test_mapc_without_normal_directions_is_no_number(features: int, k: int | None) -> None:
    """A mean over none; that is no flat manifold, and no zero error."""
    points = np.random.default_rng(0).random((300, features))
    dim = min(features, 3)
    found = ms.estimate(points, MAPC(dim, k))
    assert math.isnan(found.value) and found.interval.is_open
    assert "no direction normal" in str(found)
    assert {note.caveat.name for note in found.caveats} == {"NOT_ESTIMATED"}


def test_mapc_of_more_dimensions_than_features_is_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`dim` is 3, and the points have 2"):
        ms.estimate(np.random.default_rng(0).random((300, 2)), MAPC(3))


def test_mapc_of_a_flat_sheet_is_zero() -> None:
    sheet = np.pad(np.random.default_rng(0).random((300, 2)), ((0, 0), (0, 2)))
    assert ms.estimate(sheet, MAPC(2)).value == pytest.approx(0, abs=1e-10)
