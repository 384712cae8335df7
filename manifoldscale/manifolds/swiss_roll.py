"""The Swiss roll, uniform by area."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Array, Floats
from .manifold import FlatPiece


@dc.dataclass(frozen=True)
class SwissRoll(FlatPiece):
    """The surface (t cos t, h, t sin t), isometric to a rectangle.

    It is sampled uniformly by area, unlike scikit-learn's, whose density falls with t.
    """

    dim: int = dc.field(default=2, init=False)
    start: float = 1.5 * np.pi
    stop: float = 4.5 * np.pi
    height: float = 21.0

    @property
    def natural_ambient_dim(self) -> int:
        return 3

    def mean_curvature(self, points: Array) -> Floats:
        """Half the curvature of the spiral r = t, (2 + t^2) / (1 + t^2)^(3/2)."""
        squared = np.square(points[:, 0]) + np.square(points[:, 2])
        return np.asarray((2 + squared) / (1 + squared) ** 1.5 / 2)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        length = rng.uniform(_arc_length(self.start), _arc_length(self.stop), n)
        height = rng.uniform(0, self.height, n)
        t = _angle_at(length)
        return np.stack([t * np.cos(t), height, t * np.sin(t)], axis=1)


def _arc_length(t: Floats | float) -> Floats:
    """Length of the spiral r = t from 0 to t: the integral of sqrt(1 + t^2)."""
    return np.asarray((t * np.sqrt(1 + np.square(t)) + np.arcsinh(t)) / 2)


def _angle_at(length: Floats) -> Floats:
    """The inverse of `_arc_length` by Newton's method, which converges as it is convex."""
    t = np.sqrt(2 * length)
    for _ in range(20):
        t = t - (_arc_length(t) - length) / np.sqrt(1 + t**2)
    return np.asarray(t)
