"""Landmarks: a few points such that every point is near one of them."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats, Ints

# A landmark is nearer than the previous ones to few points only. With many features it pays
# to find them by a product, for several of the points that are likely to come next at once.
MANY = 64
AHEAD = 16


@dc.dataclass(frozen=True, eq=False)
class Landmarks:
    """Points that were picked one by one, each the farthest from the previous ones.

    Attributes
    ----------
    rows : (L,) their row numbers, in the order of picking; in their own if all points are.
    covering_radius : the largest distance of any point from its nearest landmark. The ends
        of bars are within twice this radius of the ends for all points (stability of the
        Rips filtration, whose scale is the diameter of simplices).
    """

    rows: Ints
    covering_radius: float


def farthest_points(points: Floats, n: int) -> Landmarks:
    """At most `n` landmarks by farthest-point sampling (maxmin), in time n x points.

    The first is the point nearest to the mean, so the order of the rows does not matter.
    Outliers are picked early, because they are far from all other points.
    """
    from scipy.spatial.distance import cdist

    if n >= len(points):
        return Landmarks(np.arange(len(points)), 0.0)
    rows = [int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())]
    squared = cdist(points[rows], points, "sqeuclidean")[0]
    bounds: dict[int, Floats] = {}
    while len(rows) < n:
        here = int(squared.argmax())
        rows.append(here)
        nearer: slice | Ints = slice(None)
        if points.shape[1] >= MANY:
            if here not in bounds:
                ahead = np.argpartition(squared, -min(AHEAD, len(points)))[-AHEAD:]
                bounds = _lower_bounds(points, {here, *ahead.tolist()})
            nearer = np.flatnonzero(bounds[here] < squared)
        new = cdist(points[[here]], points[nearer], "sqeuclidean")[0]
        squared[nearer] = np.minimum(squared[nearer], new)
    return Landmarks(np.array(rows), math.sqrt(squared.max()))


def _lower_bounds(points: Floats, rows: set[int]) -> dict[int, Floats]:
    """Below the squared distances of all points from these, by one product."""
    squares = np.einsum("ij,ij->i", points, points)
    rounding = 8 * (points.shape[1] + 4) * np.finfo(float).eps * squares.max()
    some = list(rows)
    product = points[some] @ points.T
    return dict(
        zip(some, squares[some, None] + squares - 2 * product - rounding, strict=True)
    )
