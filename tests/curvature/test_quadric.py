"""Curvature of known manifolds: accuracy, honesty of the intervals, invariances."""

from typing import Any

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.core.result import Quantity
from manifoldscale.curvature import Curvature, Quadric, Status
from manifoldscale.manifolds import (
    Affine,
    Ellipsoid,
    FlatTorus,
    Grassmann,
    Hemisphere,
    Hyperboloid,
    KernelSphere,
    Manifold,
    SpecialOrthogonal,
    Sphere,
    Torus,
    random_quadric,
)

HARD_QUADRICS = ((5, 4),)  # where r = .9 is not reached


def measured(
    manifold: Manifold,
    n: int,
    *,
    noise: float = 0.0,
    ambient: int | None = None,
    anchors: int | None = None,
    rng: int = 1,
) -> tuple[Curvature, np.ndarray]:
    """The estimate, and the noise-free points at its queries."""
    method = Quadric(manifold.dim)
    cloud = manifold.sample(n, noise=noise, ambient=ambient, rng=rng)
    near = cloud.neighbors(min(method.n_neighbors, n - 2), anchors=anchors)
    result = ms.estimate(near, method)
    return result, manifold.sample(n, rng=rng).points[result.rows]


def correlation(manifold: Manifold, result: Curvature, points: np.ndarray) -> float:
    known = np.isfinite(result.scalar)
    truth = manifold.scalar_curvature(points)
    return float(np.corrcoef(truth[known], result.scalar[known])[0, 1])


@pytest.mark.parametrize(
    ("manifold", "least"),
    [(Torus(), 0.99), (Ellipsoid(), 0.95), (Hyperboloid(), 0.95)],
    ids=str,
)
def test_correlation_with_the_truth(manifold: Manifold, least: float) -> None:
    """At 2,000 points without noise; the best peers have .987, .734 and .651."""
    result, points = measured(manifold, 2000, anchors=250)
    assert correlation(manifold, result, points) > least
    inside = result.status == Status.OK
    low, high = result.kappa_interval[inside].T
    truth = manifold.kappa_rms(points[inside])
    assert ((low <= truth) & (truth <= high)).mean() > 0.9


# Noise of a tenth is as large as the bend of the tips within reach of a stable fit.
TIPS = "r = .80 to .84 is reached"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("manifold", "least"),
    [
        (Torus(), 0.97),
        pytest.param(Ellipsoid(), 0.85, marks=pytest.mark.xfail(reason=TIPS, strict=True)),
        (Hyperboloid(), 0.80),
    ],
    ids=str,
)
def test_correlation_with_the_truth_under_noise(manifold: Manifold, least: float) -> None:
    result, points = measured(manifold, 2000, noise=0.1)
    assert correlation(manifold, result, points) > least


@pytest.mark.parametrize(
    ("manifold", "relative"),
    [
        (Sphere(2), 0.01),
        (Sphere(3), 0.02),
        (Sphere(5), 0.05),
        (SpecialOrthogonal(n=3), 0.02),
    ],
    ids=str,
)
def test_pooled_scalar_curvature(manifold: Manifold, relative: float) -> None:
    """At 10,000 points without noise."""
    result, points = measured(manifold, 10_000, anchors=100)
    truth = manifold.scalar_curvature(points)[0]
    assert result.pooled.scalar.value == pytest.approx(truth, rel=relative)
    assert truth in result.pooled.scalar.interval
    assert result.share(Status.OK) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.01, 0.03])
@pytest.mark.parametrize(
    "manifold",
    [
        Sphere(2),
        Sphere(3),
        Sphere(5),
        SpecialOrthogonal(n=3),
        FlatTorus(2),
        Grassmann(n=3, plane=1),
    ],
    ids=str,
)
def test_the_truth_lies_in_the_intervals_under_noise(
    manifold: Manifold, noise: float
) -> None:
    """Pooled: in each draw of three. Pointwise where the status is ok: in 90 %."""
    hits = []
    for rng in (1, 2, 3):
        result, points = measured(manifold, 10_000, noise=noise, anchors=150, rng=rng)
        scalar, kappa = manifold.scalar_curvature(points), manifold.kappa_rms(points)
        assert scalar[0] in result.pooled.scalar.interval
        assert kappa[0] in result.pooled.kappa_rms.interval
        inside = result.status == Status.OK
        for truth, ends in (
            (scalar, result.scalar_interval),
            (kappa, result.kappa_interval),
        ):
            low, high = ends[inside].T
            hits.append((low <= truth[inside]) & (truth[inside] <= high))
    together = np.concatenate(hits)
    if len(together) >= 50:  # of S^5 under noise .03 hardly a point is ok
        assert together.mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("ambient", [10, 50, 512])
def test_flat_planes_with_noise_are_not_called_curved(ambient: int) -> None:
    result, _ = measured(Affine(3), 5000, noise=0.02, ambient=ambient, anchors=200)
    assert (result.kappa_interval[:, 0] > 0).mean() <= 0.05
    scalar = result.pooled.scalar
    assert not np.isfinite(scalar.value) or 0.0 in scalar.interval


def test_a_flat_plane_without_noise_is_flat() -> None:
    result, _ = measured(Affine(2), 500, ambient=10)
    assert np.nanmax(result.kappa_rms) < 1e-4
    assert 0.0 in result.pooled.scalar.interval or abs(result.pooled.scalar.value) < 1e-8


def test_an_edge_is_seen() -> None:
    """On the upper half of the sphere, points whose height is below r / 3."""
    result, points = measured(Hemisphere(2), 3000, anchors=600)
    edge = result.status == Status.BOUNDARY
    assert edge[points[:, 2] < np.median(result.radius) / 3].mean() > 0.9
    assert edge[points[:, 2] > 3 * np.median(result.radius)].mean() < 0.02


def test_high_dimension_is_not_identifiable() -> None:
    result, _ = measured(Sphere(20), 10_000, anchors=100)
    assert result.share(Status.TOO_FEW_POINTS) > 0.95
    assert np.isnan(result.scalar).mean() > 0.95
    assert np.isnan(result.pooled.scalar.value)
    assert "n/a" in str(result) and "too-few-points" in str(result)
    assert result.knowable.startswith("knowable: 462 points")


def test_similarities_padding_and_order_change_nothing() -> None:
    """S in 1 / a^2 and kappa in 1 / a under a similarity; to one part in a million."""
    cloud = Torus().sample(300, ambient=4, noise=0.01, rng=3)
    plain = ms.estimate(cloud, Quadric(2))
    draws = np.random.default_rng(2)
    rotation = np.linalg.qr(draws.standard_normal((9, 9)))[0]
    padded = np.hstack([cloud.points, np.zeros((300, 5))])
    order = draws.permutation(300)
    moved = ms.estimate((7.0 * padded @ rotation + 3.0)[order], Quadric(2))
    np.testing.assert_array_equal(moved.status, plain.status[order])
    np.testing.assert_allclose(moved.scalar * 49, plain.scalar[order], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(moved.kappa_rms * 7, plain.kappa_rms[order], rtol=1e-6)
    np.testing.assert_allclose(
        moved.scalar_interval * 49, plain.scalar_interval[order], rtol=1e-5, atol=1e-6
    )
    assert moved.pooled.scalar.value * 49 == pytest.approx(plain.pooled.scalar.value)
    np.testing.assert_allclose(moved.kappa_r, plain.kappa_r[order], rtol=1e-6)
    np.testing.assert_allclose(moved.kappa_extent, plain.kappa_extent[order], rtol=1e-6)


def test_the_uncertainty_of_the_dimension_is_carried() -> None:
    near = Sphere(3).sample(3000, rng=1).neighbors(200, anchors=60)
    sure = Quantity(3.05, Interval(2.8, 3.3), "a method", 3000)
    unsure = Quantity(2.6, Interval(1.9, 3.3), "a method", 3000)
    one = ms.estimate(near, Quadric(sure))
    both = ms.estimate(near, Quadric(unsure))
    assert one.dim == both.dim == 3
    assert both.pooled.scalar.interval.width > one.pooled.scalar.interval.width
    assert Caveat.DIMENSION_OPEN in {note.caveat for note in both.caveats}
    assert both.share(Status.DIMENSION_UNSTABLE) > 0.1
    assert np.isnan(both.scalar[both.status == Status.DIMENSION_UNSTABLE]).all()


def test_kernel_sphere() -> None:
    """20,000 erf features: within 5 % of the exact kernel."""
    sphere = KernelSphere(2, width=20_000)
    cloud = sphere.sample(600, rng=1)
    result = ms.estimate(cloud.neighbors(64, anchors=20), Quadric(2))
    assert result.pooled.scalar.value == pytest.approx(
        sphere.scalar_curvature(np.zeros((1, 3)))[0], rel=0.05
    )
    assert result.pooled.kappa_rms.value == pytest.approx(
        sphere.kappa_rms(np.zeros((1, 3)))[0], rel=0.05
    )


@pytest.mark.slow
@pytest.mark.parametrize("codim", [1, 2, 3, 4])
@pytest.mark.parametrize(("dim", "n"), [(2, 5000), (3, 5000), (4, 16_000), (5, 32_000)])
def test_random_quadrics(
    dim: int, n: int, codim: int, request: pytest.FixtureRequest
) -> None:
    """The peers' battery, which favours a quadric fit by construction."""
    if (dim, codim) in HARD_QUADRICS:
        reason = "nine in ten points lie at an edge: r = .73"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    graph = random_quadric(dim, codim, rng=10 * dim + codim)
    result, points = measured(graph, n, anchors=200)
    assert correlation(graph, result, points) > 0.9


def test_printing_and_saving() -> None:
    result, _ = measured(Sphere(2), 300)
    text = str(result)
    assert text.startswith("curvature at d = 2: kappa_rms 1.00 [")
    assert "knowable: 12 points" in text and "Quadric(dim=2)" in str(result.method)
    row = result.to_frame().iloc[0]
    assert row["kappa_rms"] == pytest.approx(1, abs=0.01) and row["ok"] > 0.9
    assert '"pooled"' in result.to_json()
    assert {Quadric(2), Quadric(2)} == {Quadric(2)}


def test_errors() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`dim` must be"):
        Quadric(2.5)
    with pytest.raises(ms.ManifoldScaleError, match="`k` must be at least 16"):
        Quadric(2, k=8)
    with pytest.raises(ms.ManifoldScaleError, match="3 features"):
        ms.estimate(Sphere(2).sample(400), Quadric(5, k=60))
    near = ms.Neighbors.from_distances(np.abs(np.subtract.outer(range(99), range(99))))
    with pytest.raises(ms.ManifoldScaleError, match="VolumeGrowth"):
        ms.estimate(near, Quadric(1))


@pytest.mark.parametrize("k", [pytest.param(64, marks=pytest.mark.slow), 128])
def test_neighbourhoods_that_reach_around_a_circle_do_not_read_low(k: int) -> None:
    """Fits of higher order halfway round three circles read half of their curvature."""
    circles = FlatTorus(3)
    truth = float(np.sqrt((circles.kappa_rms(circles.sample(10).points) ** 2).mean()))
    for seed in (1, 2):
        near = circles.sample(1500, rng=seed).neighbors(k, anchors=150)
        assert truth in ms.estimate(near, Quadric(3, k=k)).pooled.kappa_rms.interval


@pytest.mark.parametrize("method", [ms.curvature.Quadric(2), ms.curvature.GaussMap(2)])
def test_lengths_whose_powers_overflow_or_vanish_are_refused(method: Any) -> None:
    """At 1e80 GaussMap gave a curvature of 0, at 1e-100 it divided by zero."""
    points = ms.manifolds.Sphere(2).sample(400, ambient=5, rng=0).points
    want = ms.estimate(points, method)
    for scale in (1e-30, 1e40):
        found = ms.estimate(points * scale, method)
        assert found.value * scale == pytest.approx(want.value, rel=1e-3)
    for scale in (1e-100, 1e80):
        with pytest.raises(ms.ManifoldScaleError, match="Scale the points"):
            ms.estimate(points * scale, method)


def test_pooled_means_of_a_surface_with_edges_are_of_its_inside() -> None:
    """A catenoid is less curved at its ends, which the mean leaves out: this is said."""
    rng = np.random.default_rng(0)
    v, u = rng.triangular(-1, 0.2, 1, 500), rng.uniform(0, 2 * np.pi, 500)
    points = np.stack([np.cosh(v) * np.cos(u), np.cosh(v) * np.sin(u), v], axis=1)
    found = ms.estimate(points, Quadric(2))
    scalar = -2 / np.cosh(v[found.rows]) ** 4
    inside = found.status != "boundary"
    assert scalar[inside].mean() in found.pooled.scalar.interval
    assert scalar.mean() not in found.pooled.scalar.interval
    assert "EDGES_LEFT_OUT" in {note.caveat.name for note in found.caveats}
    closed = ms.estimate(ms.manifolds.Sphere(2).sample(500, rng=0), Quadric(2))
    assert "EDGES_LEFT_OUT" not in {note.caveat.name for note in closed.caveats}
