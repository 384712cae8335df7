"""Flat pieces of space."""

import dataclasses as dc
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.settings import among
from .manifold import FlatPiece


@dc.dataclass(frozen=True)
class Affine(FlatPiece):
    """A flat patch of dimension `dim`: uniform on the unit cube, or standard normal."""

    density: Annotated[str, among("uniform", "normal")] = "uniform"

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        if self.density == "uniform":
            return rng.random((n, self.dim)) - 0.5
        return rng.standard_normal((n, self.dim))
