"""Flat tori."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Array, Floats
from .manifold import Manifold


@dc.dataclass(frozen=True)
class FlatTorus(Manifold):
    """The product of `dim` circles in R^(2 dim), uniform: no edge, no intrinsic
    curvature, one density.
    """

    radius: float = 1.0

    @property
    def natural_ambient_dim(self) -> int:
        return 2 * self.dim

    @property
    def betti(self) -> tuple[int, ...]:
        return tuple(math.comb(self.dim, i) for i in range(self.dim + 1))

    def scalar_curvature(self, points: Array) -> Floats:
        """Zero everywhere."""
        return np.zeros(len(points))

    @property
    def reach(self) -> float:
        return self.radius

    def mean_curvature(self, points: Array) -> Floats:
        """1 / (radius sqrt(dim)) everywhere."""
        return np.full(len(points), 1 / (self.radius * np.sqrt(self.dim)))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        angles = rng.uniform(0, 2 * np.pi, (n, self.dim))
        return self.radius * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
