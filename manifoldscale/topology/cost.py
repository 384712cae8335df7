"""What persistent homology will cost, known before it starts: it cannot be interrupted."""

import dataclasses as dc
import itertools
import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError
from ..core.random import keyed, nested_rows

# Measured with ripser 0.6.15, one thread of a 2 GHz server: spheres, tori, a Klein bottle
# and Gaussians of 500 to 2,000 points (degree 1) and 100 to 300 (degree 2). Seconds are the
# largest rates; other clouds took up to four times less (benchmarks/topology.py). Bytes per
# pair of degree 1 are 75 on a sphere, 350 on tori, 600 on a circle, 730 in 30 dimensions.
PAIR_BYTES = 200.0  # per ordered pair of points
PAIR_SECONDS = 4e-6
SIMPLEX_BYTES = {0: 0.0, 1: 0.0, 2: 4.5}  # per simplex of the highest dimension
SIMPLEX_SECONDS = {0: 0.0, 1: 4e-9, 2: 1e-7}
LARGEST_INDEX = 2.0**55  # of a simplex, in ripser
AMONG = 1000  # landmarks at most
DRAWN = 20_000  # tuples of them that are drawn


@dc.dataclass(frozen=True)
class Cost:
    """Predicted cost of `runs` diagrams of `landmarks` points.

    Attributes
    ----------
    simplices : number of simplices of dimension up_to + 1 in the filtration.
    seconds : of all runs, one after the other; bytes : of the largest run.
    """

    landmarks: int
    up_to: int
    simplices: float
    runs: int

    @property
    def seconds(self) -> float:
        simplices = SIMPLEX_SECONDS[self.up_to] * self.simplices
        return self.runs * (simplices + PAIR_SECONDS * self.landmarks**2)

    @property
    def bytes(self) -> float:
        dense = PAIR_BYTES * self.landmarks**2
        return dense + SIMPLEX_BYTES[self.up_to] * self.simplices

    def fits(self, seconds: float, memory: float) -> bool:
        indexed = math.comb(self.landmarks, self.up_to + 2) < LARGEST_INDEX
        return indexed and self.seconds <= seconds and self.bytes <= memory

    def scaled(self, landmarks: int) -> "Cost":
        """The cost of another number of landmarks on the same cloud."""
        share = (landmarks / self.landmarks) ** (self.up_to + 2)
        return Cost(landmarks, self.up_to, share * self.simplices, self.runs)


def predicted(points: Floats, up_to: int, threshold: float, runs: int) -> Cost:
    """The cost of these landmarks, from the share of (up_to + 2)-tuples of points within
    the threshold (or the enclosing radius, beyond which nothing happens), measured on some
    thousand random tuples.
    """
    size = up_to + 2
    if len(points) < size:
        return Cost(len(points), up_to, 0.0, runs)
    from scipy.spatial.distance import cdist

    some = points[nested_rows(AMONG, len(points), 0)]
    apart = cdist(some, some)
    # From the enclosing radius on the Rips complex is a cone, without holes.
    inside = apart <= min(threshold, apart.max(axis=1).min())
    drawn = keyed(0, "tuples").integers(len(some), size=(size, DRAWN))
    kept = np.ones(DRAWN, bool)
    for i, j in itertools.combinations(drawn, 2):
        kept &= inside[i, j]
    # Count one tuple more: none among the drawn ones does not mean none.
    share = (kept.sum() + 1) / (DRAWN + 1)
    return Cost(len(points), up_to, share * math.comb(len(points), size), runs)


def afford(
    points: Floats,
    up_to: int,
    threshold: float,
    runs: int,
    time_limit: float,
    memory_limit: float,
) -> None:
    """Raise an error, with a number of landmarks that fits, if the cost is too high."""
    most = Cost(len(points), up_to, math.comb(len(points), up_to + 2), runs)
    if not most.fits(time_limit, memory_limit):
        check(predicted(points, up_to, threshold, runs), time_limit, memory_limit)


def check(cost: Cost, time_limit: float, memory_limit: float) -> None:
    """Raise an error, with a number of landmarks that fits, if the cost is too high."""
    if cost.fits(time_limit, memory_limit):
        return
    fits = [
        n
        for n in range(cost.up_to + 2, cost.landmarks)
        if cost.scaled(n).fits(time_limit, memory_limit)
    ]
    advice = f"use `landmarks={max(fits)}`" if fits else "compute a lower degree `up_to`"
    raise ManifoldScaleError(
        f"Persistent homology up to degree {cost.up_to} of {cost.landmarks:,} landmarks, "
        f"{cost.runs} times, has about {cost.simplices:.2g} simplices and would take some "
        f"{_spell(cost.seconds)} and {cost.bytes / 1e9:.2g} GB; the limits are "
        f"{_spell(time_limit)} and {memory_limit / 1e9:.2g} GB. Instead {advice}, fewer "
        "`subsamples`, a `threshold`, or raise `time_limit` or `memory_limit`."
    )


def _spell(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.2g} h"
