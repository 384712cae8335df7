"""Samplers: on the manifold, uniform, isometrically embedded."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from manifoldscale import ManifoldScaleError
from manifoldscale.manifolds import (
    Affine,
    Ball,
    FlatTorus,
    Manifold,
    Sphere,
    SwissRoll,
)

ALL = [
    Sphere(1),
    Sphere(4, radius=2.0),
    Ball(3),
    FlatTorus(2),
    SwissRoll(),
    Affine(5),
    Affine(2, density="normal"),
]


@pytest.mark.parametrize("noise", [-1.0, np.nan, np.inf, "0.1", None, True])
def test_noise_that_is_none(noise: object) -> None:
    with pytest.raises(ManifoldScaleError, match="`noise` must be a finite number of at"):
        Sphere(2).sample(5, noise=noise)


def is_uniform(values: np.ndarray, cdf: object = "uniform") -> bool:
    return stats.kstest(values, cdf).pvalue > 1e-3


@pytest.mark.parametrize("manifold", ALL, ids=str)
def test_a_rotation_into_more_dimensions_keeps_distances(manifold: Manifold) -> None:
    plain = manifold.sample(50, rng=1).points
    wide = manifold.sample(50, ambient=30, rng=1).points
    assert wide.shape == (50, 30)
    np.testing.assert_allclose(pdist(plain), pdist(wide), rtol=1e-10)
    with pytest.raises(ManifoldScaleError, match="`ambient` must be at least"):
        manifold.sample(5, ambient=manifold.natural_ambient_dim - 1)


@pytest.mark.parametrize("manifold", ALL, ids=str)
def test_euler_characteristic_and_curvature_agree(manifold: Manifold) -> None:
    """On a closed flat manifold the alternating sum of Betti numbers vanishes; on an
    even sphere it is 2; a contractible piece has 1.
    """
    chi = sum((-1) ** i * b for i, b in enumerate(manifold.betti))
    if isinstance(manifold, Sphere):
        assert chi == (2 if manifold.dim % 2 == 0 else 0)
    else:
        assert chi == (0 if isinstance(manifold, FlatTorus) else 1)
    assert len(manifold.betti) == manifold.dim + 1


def test_sphere() -> None:
    """On S^2 each coordinate is uniform (Archimedes); Gauss: S = 2K = 2 / r^2."""
    sphere = Sphere(2, radius=3.0)
    points = sphere.sample(4000).points
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 3.0)
    assert all(is_uniform((column / 3 + 1) / 2) for column in points.T)
    np.testing.assert_allclose(sphere.scalar_curvature(points), 2 / 9)
    assert sphere.scalar_curvature(points).shape == (4000,)


def test_ball() -> None:
    radii = np.linalg.norm(Ball(4, radius=2.0).sample(4000).points, axis=1)
    assert is_uniform((radii / 2) ** 4)


def test_flat_torus() -> None:
    points = FlatTorus(2, radius=2.0).sample(4000).points
    for i in range(2):
        np.testing.assert_allclose(np.hypot(points[:, i], points[:, 2 + i]), 2.0)
        angle = np.arctan2(points[:, 2 + i], points[:, i])
        assert is_uniform(angle / (2 * np.pi) + 0.5)


def test_swiss_roll_is_uniform_by_area() -> None:
    """The arc length along the spiral, integrated numerically, is uniform."""
    points = SwissRoll().sample(4000).points
    t = np.hypot(points[:, 0], points[:, 2])
    assert t.min() >= 1.5 * np.pi - 1e-9 and t.max() <= 4.5 * np.pi + 1e-9
    np.testing.assert_allclose(points[:, 0], t * np.cos(t), atol=1e-9)
    fine = np.linspace(1.5 * np.pi, 4.5 * np.pi, 20_001)
    steps = np.hypot(np.diff(fine * np.cos(fine)), np.diff(fine * np.sin(fine)))
    length = np.concatenate([[0], np.cumsum(steps)])
    assert is_uniform(np.interp(t, fine, length) / length[-1])
    assert is_uniform(points[:, 1] / 21.0)


def test_affine() -> None:
    assert is_uniform(Affine(1).sample(4000).points[:, 0] + 0.5)
    normal = Affine(1, density="normal").sample(4000).points[:, 0]
    assert is_uniform(normal, "norm")


def test_noise_has_the_standard_deviation_asked_for() -> None:
    plain = Sphere(1).sample(5000, rng=0).points
    noisy = Sphere(1).sample(5000, noise=0.1, rng=0).points
    assert np.std(noisy - plain) == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("dim", [0, -1, 1.5])
def test_a_dimension_must_be_a_positive_integer(dim: object) -> None:
    with pytest.raises(ManifoldScaleError, match="`dim` must be"):
        Sphere(dim)
