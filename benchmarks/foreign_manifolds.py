"""Manifolds of other kinds than the reference clouds, in NumPy alone: homogeneous spaces,
products of unequal parts, singular sets, and rough maps.

Each is a function of (points, random generator) to the points, with its dimension.
"""

from collections.abc import Callable

import numpy as np

Draw = Callable[[int, np.random.Generator], np.ndarray]
KINDS: dict[str, tuple[int, Draw]] = {}


def kind(name: str, dim: int) -> Callable[[Draw], Draw]:
    def enter(draw: Draw) -> Draw:
        KINDS[name] = dim, draw
        return draw

    return enter


def _frames(n: int, size: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """Orthonormal columns, uniform: of Gaussian matrices, by QR with a positive R."""
    q, r = np.linalg.qr(rng.standard_normal((n, size, columns)))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    return np.asarray(q * signs[:, None, :])


def _sphere(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.standard_normal((n, dim + 1))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _circle(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _rotations(n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    q = _frames(n, size, size, rng)
    q[:, :, 0] *= np.linalg.det(q)[:, None]
    return q.reshape(n, -1)


@kind("SO(4)", 6)
def _so4(n: int, rng: np.random.Generator) -> np.ndarray:
    return _rotations(n, 4, rng)


@kind("SO(5)", 10)
def _so5(n: int, rng: np.random.Generator) -> np.ndarray:
    return _rotations(n, 5, rng)


@kind("Stiefel(5, 2)", 7)
def _stiefel(n: int, rng: np.random.Generator) -> np.ndarray:
    return _frames(n, 5, 2, rng).reshape(n, -1)


@kind("Grassmann(5, 2)", 6)
def _grassmann(n: int, rng: np.random.Generator) -> np.ndarray:
    """As projectors on the planes."""
    frames = _frames(n, 5, 2, rng)
    return np.asarray((frames @ frames.transpose(0, 2, 1)).reshape(n, -1))


@kind("three annuli", 6)
def _annuli(n: int, rng: np.random.Generator) -> np.ndarray:
    """Radius uniform, so that the density falls outwards."""
    radius = rng.uniform(0.5, 1, (n, 3, 1))
    return (radius * _circle(rng.uniform(0, 2 * np.pi, (n, 3)))).reshape(n, -1)


@kind("unequal spheres", 6)
def _spheres(n: int, rng: np.random.Generator) -> np.ndarray:
    parts = [r * _sphere(n, d, rng) for d, r in ((1, 0.3), (2, 0.6), (3, 1.0))]
    return np.concatenate(parts, axis=1)


@kind("ellipsoid", 3)
def _ellipsoid(n: int, rng: np.random.Generator) -> np.ndarray:
    """Dense where it is thin: a stretched uniform sphere."""
    return _sphere(n, 3, rng) * np.arange(1.0, 5.0)


@kind("unequal torus", 4)
def _torus(n: int, rng: np.random.Generator) -> np.ndarray:
    radii = np.array([1.0, 0.7, 0.5, 0.3])[:, None]
    return (radii * _circle(rng.uniform(0, 2 * np.pi, (n, 4)))).reshape(n, -1)


@kind("cone", 4)
def _cone(n: int, rng: np.random.Generator) -> np.ndarray:
    """Over a sphere of dimension 3 of radius 1/2, dense at the apex."""
    height = rng.uniform(0, 1, (n, 1))
    return np.concatenate([height, 0.5 * height * _sphere(n, 3, rng)], axis=1)


@kind("three lemniscates", 3)
def _lemniscates(n: int, rng: np.random.Generator) -> np.ndarray:
    """Figures of eight, each of which meets itself."""
    t = rng.uniform(0, 2 * np.pi, (n, 3))
    wide = 1 + np.sin(t) ** 2
    curves = [np.cos(t) / wide, np.sin(t) * np.cos(t) / wide]
    return np.concatenate(curves, axis=1)


@kind("Veronese of RP^3", 3)
def _veronese(n: int, rng: np.random.Generator) -> np.ndarray:
    x = _sphere(n, 3, rng)
    return (x[:, :, None] * x[:, None, :]).reshape(n, -1)


@kind("Swiss roll", 3)
def _roll(n: int, rng: np.random.Generator) -> np.ndarray:
    """Three turns, uniform in the angle; the layers are 2 pi apart."""
    t = rng.uniform(1, 7, n) * np.pi
    heights = rng.uniform(0, 20, (n, 2))
    return np.concatenate([t[:, None] * _circle(t), heights], axis=1)


@kind("helix bundle", 2)
def _helices(n: int, rng: np.random.Generator) -> np.ndarray:
    """Helices that wind around a helix, one for every point of a circle."""
    t, phase = rng.uniform(0, 4 * np.pi, n), rng.uniform(0, 2 * np.pi, n)
    outward = np.concatenate([_circle(t), np.zeros((n, 1))], axis=1)
    centre = np.concatenate([_circle(t), 0.3 * t[:, None]], axis=1)
    along = np.stack([-np.sin(t), np.cos(t), np.full(n, 0.3)], axis=1) / np.hypot(1, 0.3)
    across = np.cross(along, outward)
    turn = _circle(phase + 3 * t)
    return np.asarray(centre + 0.35 * (turn[:, :1] * outward + turn[:, 1:] * across))


def _random_map(n: int, smooth: float, rng: np.random.Generator) -> np.ndarray:
    """Thirty Matern processes of unit length on the cube [-1, 1]^3.

    By 3,000 random waves; the spectrum of a Matern kernel of smoothness nu is Student's t
    of 2 nu degrees of freedom.
    """
    u, waves = rng.uniform(-1, 1, (n, 3)), 3000
    spread = np.sqrt(2 * smooth / rng.chisquare(2 * smooth, waves))
    frequencies = rng.standard_normal((3, waves)) * spread
    features = np.cos(u @ frequencies + rng.uniform(0, 2 * np.pi, waves))
    return np.asarray(features @ rng.standard_normal((waves, 30)) * np.sqrt(2 / waves))


@kind("Matern 1.5 map", 3)
def _rough(n: int, rng: np.random.Generator) -> np.ndarray:
    return _random_map(n, 1.5, rng)


@kind("Matern 2.5 map", 3)
def _smoother(n: int, rng: np.random.Generator) -> np.ndarray:
    return _random_map(n, 2.5, rng)
