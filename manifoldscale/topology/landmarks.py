"""Landmarks: a few points that lie near all others."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats, Ints


@dc.dataclass(frozen=True, eq=False)
class Landmarks:
    """Points that were picked one by one, each the farthest from those before it.

    Attributes
    ----------
    rows : (L,) their row numbers, in the order of picking.
    covering_radius : the largest distance of any point from its nearest landmark. The
        ends of the bars lie within twice of it of those of all points (stability of the
        Rips filtration, whose scale is the diameter of simplices).
    """

    rows: Ints
    covering_radius: float


def farthest_points(points: Floats, n: int) -> Landmarks:
    """At most `n` landmarks by farthest-point sampling (maxmin), in time n x points.

    The first is the point nearest to the mean, so that the order of the rows does not
    matter. Outliers are far from all others and are picked early.
    """
    start = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    rows = [start]
    distance = np.linalg.norm(points - points[start], axis=1)
    while len(rows) < min(n, len(points)):
        rows.append(int(distance.argmax()))
        new = np.linalg.norm(points - points[rows[-1]], axis=1)
        np.minimum(distance, new, out=distance)
    return Landmarks(np.array(rows), float(distance.max()))
