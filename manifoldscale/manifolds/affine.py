"""Flat pieces of space."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats
from ..core.errors import one_of
from .manifold import FlatPiece


@dc.dataclass(frozen=True)
class Affine(FlatPiece):
    """A flat patch of dimension `dim`: uniform on the unit cube, or standard normal."""

    density: str = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("density", self.density, ("uniform", "normal"))

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        if self.density == "uniform":
            return rng.random((n, self.dim)) - 0.5
        return rng.standard_normal((n, self.dim))
