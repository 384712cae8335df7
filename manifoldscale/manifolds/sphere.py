"""Spheres and balls."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Array, Floats
from .manifold import FlatPiece, Manifold, sphere_betti


@dc.dataclass(frozen=True)
class Sphere(Manifold):
    """The sphere of dimension `dim` in R^(dim + 1), sampled uniformly by area."""

    radius: float = 1.0

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim + 1

    @property
    def betti(self) -> tuple[int, ...]:
        return sphere_betti(self.dim)

    def scalar_curvature(self, points: Array) -> Floats:
        """d (d - 1) / radius^2 everywhere."""
        return np.full(len(points), self.dim * (self.dim - 1) / self.radius**2)

    @property
    def reach(self) -> float:
        return self.radius

    def mean_curvature(self, points: Array) -> Floats:
        """1 / radius everywhere."""
        return np.full(len(points), 1 / self.radius)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        return self.radius * directions(n, self.dim + 1, rng)


@dc.dataclass(frozen=True)
class Hemisphere(Sphere):
    """The half of a sphere with a positive last coordinate. It has an edge."""

    @property
    def betti(self) -> tuple[int, ...]:
        return (1,) + (0,) * self.dim

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        points = super()._draw(n, rng)
        points[:, -1] = np.abs(points[:, -1])
        return points


@dc.dataclass(frozen=True)
class Ball(FlatPiece):
    """The solid ball of dimension `dim`, sampled uniformly by volume."""

    radius: float = 1.0

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        radii = self.radius * rng.random((n, 1)) ** (1 / self.dim)
        return radii * directions(n, self.dim, rng)


def directions(n: int, dim: int, rng: np.random.Generator) -> Floats:
    """`n` unit vectors of R^dim, uniform."""
    normal = rng.standard_normal((n, dim))
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))
