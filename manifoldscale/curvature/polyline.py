"""Lengths and turning of curves that are known at points only.

The turning of a polygon, the sum of its exterior angles, is defined for any points. Over
finer and finer points of a curve it rises to the total curvature, which is the integral of
the curvature over the length where there is one, and the sum of the angles at the kinks
where there are straight pieces only (Milnor 1950, "On the total curvature of knots").
"""

import numpy as np

from ..core.arrays import Array, Floats


def turns(points: Array, stride: int = 1, is_closed: bool = False) -> Floats:
    """Angles by which the chords over `stride` points turn from one to the next.

    >>> corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    >>> turns(corner).tolist() == [np.pi / 2]
    True

    Parameters
    ----------
    points : (m, features) along a curve.
    is_closed : whether the last point is followed by the first.

    Returns
    -------
    (m - 2 stride,) radians, or (m,) of a closed curve; NaN at a chord of no length.
    """
    chords = steps(points, stride, is_closed)
    sizes = np.linalg.norm(chords, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        ways = chords / sizes
    after = np.roll(ways, -stride, 0) if is_closed else ways[stride:]
    before = ways[: len(after)]
    # The arc cosine would lose half of the digits of a small angle.
    apart, along = (np.linalg.norm(v, axis=1) for v in (after - before, after + before))
    angles: Floats = 2 * np.arctan2(apart, along)
    return angles


def steps(points: Array, stride: int = 1, is_closed: bool = False) -> Floats:
    """The chords over `stride` points: (m - stride, features), or m of a closed curve."""
    x = np.asarray(points, dtype=float)
    chords: Floats = np.roll(x, -stride, 0) - x if is_closed else x[stride:] - x[:-stride]
    return chords


def turning(points: Array) -> float:
    """The sum of the angles of a polygon through all points, radians; points that equal
    the one before are passed over. NaN if all of them do.
    """
    x = np.asarray(points, dtype=float)
    moved = np.any(steps(x) != 0, axis=1)
    if not moved.any():
        return float("nan")
    return float(turns(x[np.r_[True, moved]]).sum())


def stretch(points: Array) -> float:
    """The length of a polygon over the distance of its ends: 1 where it is straight. NaN
    where its ends meet.
    """
    x = np.asarray(points, dtype=float)
    apart = float(np.linalg.norm(x[-1] - x[0]))
    return float(np.linalg.norm(steps(x), axis=1).sum()) / apart if apart else float("nan")
