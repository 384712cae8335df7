"""Scalar curvature from distances alone, by the growth of volume."""

import dataclasses as dc
import math

import numpy as np

from ..core.caveat import Caveat
from ..core.interval import Interval
from ..core.method import Method
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from ..geometry.within_noise import despite_noise
from .curvature import ScalarCurvature
from .quadric import dim_within, dims_of


@dc.dataclass(frozen=True)
class VolumeGrowth(Method[ScalarCurvature]):
    """Mean scalar curvature from intrinsic distances: no coordinates, graphs included.

    The volume of a ball of radius r is proportional to r^d (1 - S r^2 / (6 (d + 2)) +
    O(r^4)). So f = r / R of the points in a ball of radius R has a density proportional to
    f^(d - 1) (1 - S R^2 f^2 / (6 d)), and

        E f^2 = d / (d + 2) (1 - 2 S R^2 / (3 d (d + 2) (d + 4)) + O(R^4)).

    An error of +-1 in S on the unit sphere takes thousands of points. The distances must be
    distances within the manifold, and the density must be uniform: a gradient counts at the
    same order. Straight distances through space give 3/4 (d^2 |H|^2 - 2 |II|^2), 0 on a
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
        # Balls share points: count a point as if it dominated all the balls that hold it.
        shared = min(near.k, near.n_queries)
        error = math.sqrt(shared * float(apart @ apart)) / float(weight @ weight)
        ends, noisy = despite_noise(
            near, Interval(value - 1.96 * error, value + 1.96 * error), least=-math.inf
        )
        straight = () if near.cloud is None else (Caveat.STRAIGHT_DISTANCES(),)
        notes = (Caveat.UNIFORM_DENSITY(), *straight, *noisy)
        return ScalarCurvature(value, ends, self, near.n_points, notes, stderr=error)
