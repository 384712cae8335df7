"""Are some points near-copies of others?

Around a point of a random sample of any density, d log(r2 / r1) is exponential: of the
points with log(r2 / r1) above s, a share exp(-d g) is above s + g. For dimensions of one or
more this share is at most exp(-g). A larger share means that pairs of points are closer
than any density allows: a photograph saved twice, two frames of a film, a row measured
again. With a few per cent of such pairs, an estimate at small ranks measures them instead
of the manifold.
"""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Array, Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.interval import number
from ..geometry.neighbors import Neighbors

STEPS = np.arange(0.5, 12.5, 0.5)  # values of s
GAPS = (1.5, 3.0, 5.0)  # values of g: small finds many pairs, large finds a few close ones
LEVEL = 1e-4  # of all tests together
ROWS = 2000  # rows that give the extent of a cloud


@dc.dataclass(frozen=True)
class NearCopies:
    """share : of points with a near-copy; farthest : the distance of the farthest pair."""

    share: float
    farthest: float


def near_copies(near: Neighbors) -> NearCopies | None:
    """The near-copies that a test on the ratio of the first two distances finds."""
    if near.k < 2 or near.n_queries < 2:
        return None
    first = near.distances[:, 0]
    logs = np.log(near.distances[:, 1] / first)
    ordered = np.sort(logs)

    def above(s: Floats) -> Ints:
        # Two points that are each other's nearest share r1, so they count as one.
        return np.asarray((len(ordered) - np.searchsorted(ordered, s, "right")) // 2)

    chances = np.array(
        [stats.binom.sf(above(STEPS + g) - 1, above(STEPS), math.exp(-g)) for g in GAPS]
    )
    if chances.min() > LEVEL / chances.size:
        return None
    gap, step = np.unravel_index(int(chances.argmin()), chances.shape)
    pairs = logs > STEPS[step] + GAPS[gap] / 2
    return NearCopies(float(pairs.mean()), float(first[pairs].max()))


def remarks(near: Neighbors) -> list[Remark]:
    """The caveat if there are near-copies."""
    found = near_copies(near)
    if found is None:
        return []
    facts = f"{found.share:.1%} of the points, at up to {number(found.farthest, 2)}"
    if near.cloud is not None:
        tolerance = 1.1 * found.farthest / _extent(near.points)
        facts += f", which tolerance={number(tolerance, 2)} merges"
    return [Caveat.NEAR_COPIES(facts)]


def _extent(points: Array) -> float:
    """The rms distance of points from their mean, the unit of a tolerance."""
    rows = np.linspace(0, len(points) - 1, min(ROWS, len(points))).astype(np.int64)
    some = np.asarray(points[rows], dtype=np.float64)
    return float(np.sqrt(np.square(some - some.mean(axis=0)).sum(axis=1).mean()))
