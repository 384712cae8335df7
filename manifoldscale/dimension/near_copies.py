"""Are some points near-copies of others?

Around a point of a random sample of any density, d log(r2 / r1) is exponential, so that of
the points with log(r2 / r1) above s a share of exp(-d g) is above s + g. Over points of any
dimensions of one or more, that is at most exp(-g). Where it is more, pairs of points lie
nearer to each other than a density puts them: a photograph saved twice, two frames of a
film, a row measured again. A few per cent of such pairs are enough for an estimate at
small ranks to read them instead of the manifold.
"""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Array, Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.interval import number
from ..geometry.neighbors import Neighbors

STEPS = np.arange(0.5, 12.5, 0.5)  # of s
GAPS = (1.5, 3.0, 5.0)  # of g: small for many pairs at some distance, large for a few close
LEVEL = 1e-4  # of all tests together
ROWS = 2000  # that tell the extent of a cloud


@dc.dataclass(frozen=True)
class NearCopies:
    """share : of the points that have one; farthest : the distance of the farthest pair."""

    share: float
    farthest: float


def near_copies(near: Neighbors) -> NearCopies | None:
    """Those that a test on the ratio of the first two distances finds."""
    if near.k < 2 or near.n_queries < 2:
        return None
    first = near.distances[:, 0]
    logs = np.log(near.distances[:, 1] / first)
    ordered = np.sort(logs)

    def above(s: Floats) -> Ints:
        # Two points that are each other's nearest share r1: they count as one.
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
    """The caveat where there are some."""
    found = near_copies(near)
    if found is None:
        return []
    facts = f"{found.share:.1%} of the points, at up to {number(found.farthest, 2)}"
    if near.cloud is not None:
        tolerance = 1.1 * found.farthest / _extent(near.points)
        facts += f", which tolerance={number(tolerance, 2)} merges"
    return [Caveat.NEAR_COPIES(facts)]


def _extent(points: Array) -> float:
    """The rms distance of points from their mean, in which a tolerance is given."""
    rows = np.linspace(0, len(points) - 1, min(ROWS, len(points))).astype(np.int64)
    some = np.asarray(points[rows], dtype=np.float64)
    return float(np.sqrt(np.square(some - some.mean(axis=0)).sum(axis=1).mean()))
