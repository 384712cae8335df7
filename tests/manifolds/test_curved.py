"""Closed forms of curvature beside automatic differentiation, and Gauss-Bonnet."""

import numpy as np
import pytest
import torch
from scipy import stats

from manifoldscale import ManifoldScaleError
from manifoldscale.manifolds import (
    Affine,
    Ball,
    Ellipsoid,
    FlatTorus,
    Grassmann,
    Helix,
    Hemisphere,
    Hyperboloid,
    KernelSphere,
    KleinBottle,
    Manifold,
    Product,
    Pseudosphere,
    SpecialOrthogonal,
    Sphere,
    Stiefel,
    SwissRoll,
    Torus,
    immersion_curvature,
    level_set_curvature,
    random_quadric,
    saddle,
)
from manifoldscale.manifolds.immersed import Immersed
from manifoldscale.manifolds.matrix_groups import _stiefel_basis
from manifoldscale.manifolds.second_form import volume_element
from manifoldscale.theory import NNGP, kernel_geometry

ANGLES = np.array([[0.3, 1.1], [2.0, 4.0], [5.5, 0.4], [1.2, 2.9]])


def torus_map(at: torch.Tensor) -> torch.Tensor:
    t, around = at
    axle = 2.5 + 0.5 * torch.cos(t)
    return torch.stack(
        [axle * torch.cos(around), axle * torch.sin(around), 0.5 * torch.sin(t)]
    )


def pseudosphere_map(at: torch.Tensor) -> torch.Tensor:
    u, v = at
    sech = 1 / torch.cosh(u)
    return 1.5 * torch.stack([sech * torch.cos(v), sech * torch.sin(v), u - torch.tanh(u)])


def helix_map(at: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.cos(at), torch.sin(at), 0.3 * at])


def roll_map(at: torch.Tensor) -> torch.Tensor:
    t, height = at
    return torch.stack([t * torch.cos(t), height, t * torch.sin(t)])


def flat_torus_map(at: torch.Tensor) -> torch.Tensor:
    return 2 * torch.cat([torch.cos(at), torch.sin(at)])


def sphere_map(at: torch.Tensor) -> torch.Tensor:
    """The stereographic projection of a sphere of radius 2, in any dimension."""
    squared = (at**2).sum()
    return 2 * torch.cat([2 * at, (squared - 1)[None]]) / (1 + squared)


def named(value: object) -> str:
    """Manifolds by their settings; functions print an address, another in each process."""
    return "" if callable(value) and not isinstance(value, Manifold) else str(value)


@pytest.mark.parametrize(
    ("manifold", "immersion", "coordinates"),
    [
        (Torus(ring=2.5, tube=0.5), torus_map, ANGLES),
        (Pseudosphere(radius=1.5), pseudosphere_map, ANGLES / 3 + 0.2),
        (Helix(), helix_map, ANGLES[:, :1]),
        (SwissRoll(), roll_map, ANGLES + 5),
        (FlatTorus(2, radius=2.0), flat_torus_map, ANGLES),
        (FlatTorus(4, radius=2.0), flat_torus_map, np.hstack([ANGLES, ANGLES])),
        (Sphere(2, radius=2.0), sphere_map, ANGLES / 3),
        (Sphere(4, radius=2.0), sphere_map, np.hstack([ANGLES, ANGLES]) / 4),
    ],
    ids=named,
)
def test_closed_forms_are_those_of_the_immersion(
    manifold: Manifold, immersion: object, coordinates: np.ndarray
) -> None:
    exact = immersion_curvature(immersion, coordinates)
    points = np.stack([immersion(torch.tensor(row)).numpy() for row in coordinates])
    np.testing.assert_allclose(manifold.scalar_curvature(points), exact.scalar, atol=1e-10)
    np.testing.assert_allclose(manifold.mean_curvature(points), exact.mean_norm, rtol=1e-9)
    np.testing.assert_allclose(manifold.kappa_rms(points), exact.kappa_rms, rtol=1e-9)


def test_ellipsoids_by_two_routes() -> None:
    """The level set beside the image of the sphere, and beside the formulas in R^3."""
    a, b, c = axes = (3.0, 2.0, 1.0)
    ellipsoid = Ellipsoid(axes=axes)
    immersed = immersion_curvature(
        lambda at: sphere_map(at) / 2 * torch.tensor(axes, dtype=torch.float64), ANGLES
    )
    points = np.stack([sphere_map(torch.tensor(row)).numpy() / 2 for row in ANGLES]) * axes
    np.testing.assert_allclose(
        ellipsoid.scalar_curvature(points), immersed.scalar, rtol=1e-9
    )
    np.testing.assert_allclose(
        ellipsoid.mean_curvature(points), immersed.mean_norm, rtol=1e-9
    )
    x, y, z = points.T
    w = x**2 / a**4 + y**2 / b**4 + z**2 / c**4
    np.testing.assert_allclose(immersed.scalar, 2 / (a * b * c * w) ** 2, rtol=1e-9)
    mean = np.abs(x**2 + y**2 + z**2 - a**2 - b**2 - c**2) / (2 * (a * b * c) ** 2 * w**1.5)
    np.testing.assert_allclose(immersed.mean_norm, mean, rtol=1e-9)
    assert 1 / ellipsoid.kappa_rms(np.array([[3.0, 0.0, 0.0]]))[0] > ellipsoid.reach


def test_a_level_set_of_any_dimension() -> None:
    """A sphere of radius 3 in R^6 as a level set."""
    points = Sphere(5, radius=3.0).sample(4).points
    found = level_set_curvature(lambda x: (x**2).sum() ** 2, points)
    np.testing.assert_allclose(found.scalar, 20 / 9, rtol=1e-9)
    np.testing.assert_allclose(found.kappa_rms, 1 / 3, rtol=1e-9)


def test_hyperboloid() -> None:
    sheet = Hyperboloid()
    points = sheet.sample(50).points
    z = points[:, 2]
    np.testing.assert_allclose((points[:, 0] ** 2 + points[:, 1] ** 2) / 4 - z**2, 1)
    expected = -2 / (5 * z**2 + 1) ** 2
    np.testing.assert_allclose(sheet.scalar_curvature(points), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("manifold", "euler", "area"),
    [
        (Torus(), 0, 8 * np.pi**2),
        (Ellipsoid(), 2, 48.882),
        (KleinBottle(), 0, None),
    ],
    ids=named,
)
def test_gauss_bonnet(manifold: Manifold, euler: int, area: float | None) -> None:
    """The mean of K over a uniform sample is 2 pi chi / area: within four standard errors.

    The area of the ellipsoid with half-axes 3, 2, 1 is 48.882 (by elliptic integrals).
    """
    points = manifold.sample(4000, rng=5).points
    gauss = manifold.scalar_curvature(points) / 2
    error = gauss.std() / np.sqrt(len(gauss))
    assert abs(gauss.mean() - 2 * np.pi * euler / (area or 1)) < 4 * error
    assert sum((-1) ** i * b for i, b in enumerate(manifold.betti)) == euler
    assert sum((-1) ** i * b for i, b in enumerate(manifold.rational_betti)) == euler


def test_klein_bottle() -> None:
    """S = -2 (sqrt E)'' / (r^2 sqrt E), for the metric E du^2 + r^2 dv^2 with
    E = (R + r cos v)^2 + r^2 sin^2(v) / 4; by finite differences.
    """
    bottle = KleinBottle()
    points = bottle.sample(20, rng=2).points
    v = bottle.coordinates(points)[:, 1]

    def root(v: np.ndarray) -> np.ndarray:
        return np.sqrt((2 + np.cos(v)) ** 2 + np.sin(v) ** 2 / 4)

    step = 1e-4
    second = (root(v + step) - 2 * root(v) + root(v - step)) / step**2
    np.testing.assert_allclose(
        bottle.scalar_curvature(points), -2 * second / root(v), atol=1e-6
    )
    back = [bottle.immersion(torch.tensor(c)).numpy() for c in bottle.coordinates(points)]
    np.testing.assert_allclose(back, points, atol=1e-12)


@pytest.mark.parametrize(
    ("manifold", "start", "basis"),
    [
        (SpecialOrthogonal(n=3), np.eye(3), None),
        (SpecialOrthogonal(n=4), np.eye(4), None),
        (Stiefel(n=4, frame=2), np.eye(4)[:, :2], _stiefel_basis(4, 2)),
        (Stiefel(n=5, frame=3), np.eye(5)[:, :3], _stiefel_basis(5, 3)),
        (Stiefel(n=4, frame=1), np.eye(4)[:, :1], _stiefel_basis(4, 1)),
    ],
    ids=named,
)
def test_matrix_manifolds_by_the_polar_retraction(
    manifold: Manifold, start: np.ndarray, basis: list[np.ndarray] | None
) -> None:
    """U + X -> (U + X) ((U + X)'(U + X))^(-1/2) is an immersion near X = 0."""
    n, k = start.shape
    if basis is None:  # antisymmetric matrices
        basis = _stiefel_basis(n, k)
    tangents = torch.tensor(np.stack(basis))
    frame = torch.tensor(start)

    def retraction(at: torch.Tensor) -> torch.Tensor:
        moved = frame + torch.einsum("i,ijk->jk", at, tangents)
        excess = moved.T @ moved - torch.eye(k, dtype=torch.float64)
        # (1 + E)^(-1/2) to second order in E, which is of second order in X.
        return (moved @ (torch.eye(k, dtype=torch.float64) - excess / 2)).reshape(-1)

    assert len(basis) == manifold.dim
    found = immersion_curvature(retraction, np.zeros((1, manifold.dim)))
    points = manifold.sample(3).points
    np.testing.assert_allclose(
        manifold.scalar_curvature(points), found.scalar[0], rtol=1e-9
    )
    np.testing.assert_allclose(
        manifold.mean_curvature(points), found.mean_norm[0], rtol=1e-9
    )


@pytest.mark.parametrize(("n", "k"), [(3, 1), (4, 1), (4, 2), (5, 2)])
def test_grassmann_by_the_graph_of_a_map(n: int, k: int) -> None:
    """Planes near a given one are the images of (1, A); P = X (X'X)^-1 X'."""
    manifold = Grassmann(n=n, plane=k)

    def projection(at: torch.Tensor) -> torch.Tensor:
        block = torch.cat([torch.eye(k, dtype=torch.float64), at.reshape(n - k, k)])
        return (block @ torch.linalg.inv(block.T @ block) @ block.T).reshape(-1)

    found = immersion_curvature(projection, np.zeros((1, manifold.dim)))
    assert manifold.scalar == pytest.approx(found.scalar[0], rel=1e-9)
    assert manifold.mean_norm == pytest.approx(found.mean_norm[0], rel=1e-9)
    projections = manifold.sample(5).points.reshape(5, n, n)
    np.testing.assert_allclose(projections @ projections, projections, atol=1e-12)


def test_betti_numbers_with_torsion() -> None:
    """RP^2 and SO(3) = RP^3 over two fields; SO(4) is S^3 x SO(3) as a space."""
    assert Grassmann(n=3, plane=1).betti == (1, 1, 1)
    assert Grassmann(n=3, plane=1).rational_betti == (1, 0, 0)
    assert SpecialOrthogonal(n=3).betti == (1, 1, 1, 1)
    assert SpecialOrthogonal(n=3).rational_betti == (1, 0, 0, 1)
    pair = Product((Sphere(3), SpecialOrthogonal(n=3)))
    assert SpecialOrthogonal(n=4).betti == pair.betti
    assert SpecialOrthogonal(n=4).rational_betti == pair.rational_betti
    assert Grassmann(n=4, plane=2).betti == (1, 1, 2, 1, 1)
    assert Product((Sphere(1), Sphere(1))).betti == FlatTorus(2).betti
    with pytest.raises(ManifoldScaleError, match="use `betti`"):
        _ = Stiefel(n=4, frame=2).rational_betti


def test_products_by_the_immersion() -> None:
    pair = Product((Sphere(1, radius=0.5), Torus(ring=2.5, tube=0.5)))

    def immersion(at: torch.Tensor) -> torch.Tensor:
        circle = 0.5 * torch.stack([torch.cos(at[0]), torch.sin(at[0])])
        return torch.cat([circle, torus_map(at[1:])])

    coordinates = np.hstack([ANGLES[:, :1], ANGLES])
    exact = immersion_curvature(immersion, coordinates)
    points = np.stack([immersion(torch.tensor(row)).numpy() for row in coordinates])
    np.testing.assert_allclose(pair.scalar_curvature(points), exact.scalar, rtol=1e-9)
    np.testing.assert_allclose(pair.kappa_rms(points), exact.kappa_rms, rtol=1e-9)
    assert pair.reach == 0.5 and pair.sample(3).points.shape == (3, 5)


@pytest.mark.parametrize(("dim", "codim"), [(2, 1), (3, 2), (4, 3)])
def test_quadrics_at_the_origin(dim: int, codim: int) -> None:
    """At u = 0 the second fundamental form is the Hessian."""
    graph = random_quadric(dim, codim, rng=dim)
    forms = np.array(graph.function.matrices)
    traces = np.einsum("aii->a", forms)
    found = graph.curvature(np.zeros((1, dim + codim)))
    assert found.scalar[0] == pytest.approx((traces**2).sum() - (forms**2).sum())
    assert found.mean_norm[0] == pytest.approx(np.linalg.norm(traces) / dim)


def test_a_saddle_is_negatively_curved() -> None:
    saddled = saddle()
    points = saddled.sample(100).points
    squared = (points[:, :2] ** 2).sum(1)
    np.testing.assert_allclose(saddled.scalar_curvature(points), -2 / (1 + squared) ** 2)


@pytest.mark.parametrize("manifold", [KleinBottle(), random_quadric(2, 2)], ids=named)
def test_rejection_is_uniform_by_area(manifold: Immersed) -> None:
    """Each coordinate has the distribution function of the volume element, integrated on
    a grid.
    """
    sample = manifold.coordinates(manifold.sample(4000, rng=3).points)
    low, high = manifold.box.T
    fine = (np.arange(200) + 0.5) / 200
    grid = np.stack(np.meshgrid(fine, fine, indexing="ij"), -1).reshape(-1, 2)
    weights = volume_element(manifold.immersion, low + grid * (high - low))
    for axis in range(2):
        marginal = weights.reshape(200, 200).sum(1 - axis)
        place = ((sample[:, axis] - low[axis]) / (high[axis] - low[axis])) % 1
        cdf = np.interp(place, np.linspace(0, 1, 201), np.append(0, np.cumsum(marginal)))
        assert stats.kstest(cdf / marginal.sum(), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("manifold", "column"),
    [
        (Torus(), lambda p: np.hypot(p[:, 0], p[:, 1]) - 2),
        (Ellipsoid(axes=(2.0, 2.0, 2.0)), lambda p: p[:, 0] / 2),
        (Hemisphere(2), lambda p: 2 * p[:, 2] - 1),
        (Pseudosphere(), lambda p: p[:, 2]),
        (Hyperboloid(), lambda p: p[:, 2]),
    ],
    ids=named,
)
def test_the_surfaces_are_uniform_by_area(manifold: Manifold, column: object) -> None:
    """By the area of a surface of revolution up to a height, integrated numerically."""
    values = np.sort(column(manifold.sample(4000, rng=4).points))
    if isinstance(manifold, Ellipsoid | Hemisphere):  # Archimedes
        cdf = (values + 1) / 2
    elif isinstance(manifold, Torus):  # cos t, with the weight 2 + cos t
        t = np.arccos(np.clip(values, -1, 1))
        cdf = 1 - (2 * t + np.sin(t)) / (2 * np.pi)
    elif isinstance(manifold, Pseudosphere):
        u = np.linspace(0.5, 2.0, 20_001)
        height, area = u - np.tanh(u), 1 / np.cosh(0.5) - 1 / np.cosh(u)
        cdf = np.interp(values, height, area / area[-1])
    else:
        z = np.linspace(-2, 2, 20_001)
        radius = 2 * np.sqrt(1 + z**2)
        slope = np.hypot(np.gradient(radius, z), 1) * radius
        area = np.append(0, np.cumsum((slope[1:] + slope[:-1]) / 2))
        cdf = np.interp(values, z, area / area[-1])
    assert stats.kstest(cdf, "uniform").pvalue > 1e-3


def test_kernel_spheres_have_the_geometry_of_their_kernel() -> None:
    """erf: beside `theory.kernel_geometry`. sin: beside finite differences of the kernel.
    And the Gram matrix of the features is the kernel, to 1 / sqrt(width).
    """
    sphere = KernelSphere(3, feature="erf", scale=1.3)
    kernel = NNGP(depth=1, activation="erf", weight_variance=1.3**2)
    truth = kernel_geometry(kernel, 3, radius=2.0)
    # The kernel divides by the 4 features and has the read-out's variance: radius 2 makes
    # K0 = 1.3^2 t, and the read-out multiplies the kernel by 1.3^2.
    first, second = sphere.kernel_derivatives
    assert first * 1.3**2 == pytest.approx(truth.stretch**2)
    assert sphere.scalar_curvature(np.zeros((1, 4)))[0] == pytest.approx(
        1.3**2 * truth.scalar_curvature
    )
    assert sphere.kappa_rms(np.zeros((1, 4)))[0] == pytest.approx(1.3 * truth.kappa_rms)
    assert sphere.mean_curvature(np.zeros((1, 4)))[0] == pytest.approx(
        1.3 * truth.mean_norm
    )
    wave = KernelSphere(2, feature="sin", scale=0.7, width=100_000)
    s2, step = 0.49, 1e-4

    def k(t: float) -> float:
        return float(np.exp(s2 * (t - 1)) - np.exp(-s2 * (t + 1)))

    first, second = wave.kernel_derivatives
    assert first == pytest.approx((k(1 + step) - k(1 - step)) / (2 * step), rel=1e-6)
    numeric = (k(1 + step) - 2 * k(1) + k(1 - step)) / step**2
    assert second == pytest.approx(numeric, rel=1e-5)
    points = wave.sample(2, rng=1).points
    inputs = Sphere(2).sample(2, rng=1).points
    assert points[0] @ points[1] == pytest.approx(k(float(inputs[0] @ inputs[1])), abs=0.02)
    assert points[0] @ points[0] == pytest.approx(k(1.0), abs=0.02)


@pytest.mark.parametrize("manifold", [Affine(3), Ball(2)], ids=named)
def test_flat_pieces_are_flat(manifold: Manifold) -> None:
    assert not manifold.kappa_rms(manifold.sample(5).points).any()


def test_noise_and_rotation_leave_the_sample_as_it_was() -> None:
    torus = Torus()
    plain = torus.sample(200, rng=7).points
    moved = torus.sample(200, ambient=3, noise=1e-6, rng=7).points
    distances = [np.linalg.norm(p[1:] - p[:-1], axis=1) for p in (plain, moved)]
    np.testing.assert_allclose(*distances, atol=1e-5)
