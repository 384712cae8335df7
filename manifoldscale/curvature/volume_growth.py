"""Scalar curvature from distances alone, by how volume grows."""

import dataclasses as dc
import math

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval
from ..core.method import Method
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from .curvature import ScalarCurvature
from .quadric import dim_within, dims_of


@dc.dataclass(frozen=True)
class VolumeGrowth(Method[ScalarCurvature]):
    """Mean scalar curvature from intrinsic distances: no coordinates, graphs included.

    A ball of radius r has the volume r^d (1 - S r^2 / (6 (d + 2)) + O(r^4)) but for a
    factor, so that f = r / R of the points in a ball of radius R has a density proportional
    to f^(d - 1) (1 - S R^2 f^2 / (6 d)), and

        E f^2 = d / (d + 2) (1 - 2 S R^2 / (3 d (d + 2) (d + 4)) + O(R^4)).

    The error of S is that of thousands of points for +-1 on the unit sphere. The distances
    must be those within the manifold, and the density must be uniform: a gradient counts at
    the same order. Straight distances through space read 3/4 (d^2 |H|^2 - 2 |II|^2), 0 on a
    2-sphere (Karp & Pinsky 1989). A check on `Quadric`, and the only way without
    coordinates.

    Parameters
    ----------
    dim : the dimension of the manifold.
    k : neighbours in the ball.
    """

    dim: int | Quantity
    k: int = 256

    @property
    def n_neighbors(self) -> int:
        return self.k

    @property
    def min_neighbors(self) -> int:
        return 4 * max(dims_of(self.dim)) + 8

    def __call__(self, near: Neighbors, /) -> ScalarCurvature:
        dim = dim_within(self.dim, near)
        radius = near.distances[:, -1]
        relative = near.distances[:, :-1] / radius[:, None]
        flat = dim / (dim + 2)
        lean = 3 * dim * (dim + 2) * (dim + 4) / 2
        excess = (1 - np.square(relative).mean(axis=1) / flat) * lean
        weight = radius**2
        value = float(excess @ weight / (weight @ weight))
        apart = (excess - value * weight) * weight
        # Balls share points: as if each point counted in all balls that it lies in.
        shared = min(near.k, near.n_queries)
        error = math.sqrt(shared * float(apart @ apart)) / float(weight @ weight)
        half = 1.96 * error
        return ScalarCurvature(
            value,
            Interval(value - half, value + half),
            self,
            near.n_points,
            _caveats(near),
            stderr=error,
        )


def _caveats(near: Neighbors) -> tuple[Remark, ...]:
    straight = () if near.cloud is None else (Caveat.STRAIGHT_DISTANCES(),)
    return (Caveat.UNIFORM_DENSITY(), *straight)
