"""Flat pieces of space."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import one_of
from .manifold import Manifold


@dc.dataclass(frozen=True)
class Affine(Manifold):
    """A flat patch of dimension `dim`: uniform on the unit cube, or standard normal."""

    density: str = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("density", self.density, ("uniform", "normal"))

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim

    @property
    def betti(self) -> tuple[int, ...]:
        return self._contractible()

    def scalar_curvature(self, points: Array) -> Floats:
        return self._flat(points)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        if self.density == "uniform":
            return rng.random((n, self.dim)) - 0.5
        return rng.standard_normal((n, self.dim))
