"""Landmarks: a few points such that every point is near one of them."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats, Ints


@dc.dataclass(frozen=True, eq=False)
class Landmarks:
    """Points that were picked one by one, each the farthest from the previous ones.

    Attributes
    ----------
    rows : (L,) their row numbers, in the order of picking.
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
    start = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    rows = [start]
    distance = np.linalg.norm(points - points[start], axis=1)
    while len(rows) < min(n, len(points)):
        rows.append(int(distance.argmax()))
        new = np.linalg.norm(points - points[rows[-1]], axis=1)
        np.minimum(distance, new, out=distance)
    return Landmarks(np.array(rows), float(distance.max()))
