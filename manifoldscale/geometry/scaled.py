"""Points centred and scaled for arithmetic with squares."""

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError
from .neighbors import Neighbors


def raw_points(method: object, near: Neighbors) -> Array:
    """The points of the cloud as they are, or an error if there are none."""
    if near.cloud is None:
        raise ManifoldScaleError(
            f"{method} needs the points; this table holds distances only. Give it the "
            "points, or use a method for distances."
        )
    return near.cloud.points


def unit(points: Array) -> float:
    """The length that `scaled_points` divides by: a power of two, the largest coordinate
    about the mean, rounded down.
    """
    reach = float(np.abs(points - points.mean(axis=0, dtype=np.float64)).max())
    return float(2.0 ** np.floor(np.log2(reach))) if reach > 0 else 1.0


def scaled_points(method: object, near: Neighbors) -> Floats:
    """Every row of the cloud in float64, centred, the largest coordinate near 1.

    The scale is a power of two, which changes no digit and keeps squares from overflowing
    or vanishing.
    """
    given = raw_points(method, near)
    points = np.asarray(given, dtype=np.float64)
    return np.asarray((points - points.mean(axis=0)) / unit(given))
