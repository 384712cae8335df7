"""Are the points spaced more evenly than a random sample?

Around a point of a random sample the log-ratios log(r_{j+1} / r_j) are exponential, and
over points of any density, dimension or scale they are a mixture of exponentials: their
coefficient of variation is one or more. It is smaller only if points keep their distance:
on a grid of stimuli, along one path, or in pairs of near-copies. There a ratio measures how
even the spacing is, not the dimension: for 360 angles around a circle TwoNN gives 1e13.
"""

import math

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from ..geometry.neighbors import Neighbors

RANKS = 9  # the spacing shows between the first neighbours
LIMIT, SAMPLING = 0.85, 1.6  # below LIMIT - SAMPLING / sqrt(n): 1 % of random samples
PLAIN = 0.5  # below, it is nothing like a random sample
IMPOSSIBLE = 1.5  # times the number of features, which no random sample exceeds


def variation(near: Neighbors) -> float:
    """The smallest coefficient of variation of the log-ratios of neighbouring ranks;
    infinite if there are none.
    """
    distances = near.distances[:, :RANKS]
    if distances.shape[1] < 2 or len(distances) < 2 or not (distances > 0).all():
        return math.inf
    logs = np.diff(np.log(distances), axis=1)
    means = logs.mean(axis=0)
    spread = logs.std(axis=0)[means > 0] / means[means > 0]  # 0 / 0 at a rank that is tied
    return float(spread.min()) if len(spread) else math.inf


def evenness(near: Neighbors, interval: Interval) -> list[Remark]:
    """The caveat if the points are spaced evenly, or the estimate is impossibly high."""
    spread = variation(near)
    if spread < LIMIT - SAMPLING / math.sqrt(near.n_queries):
        return [Caveat.EVEN_SPACING(f"ratios vary by {number(spread, 2)}, not 1 or more")]
    if is_impossible(near, interval):
        facts = f"{number(interval.low, 2)} or more of {near.ambient_dim} features"
        return [Caveat.EVEN_SPACING(facts)]
    return []


def is_impossible(near: Neighbors, interval: Interval) -> bool:
    """Whether the whole interval lies far above the number of features."""
    features = near.ambient_dim
    return features is not None and interval.low > IMPOSSIBLE * features


def is_plainly_even(near: Neighbors, interval: Interval) -> bool:
    """Whether the points are so even that no correction can give a dimension."""
    return variation(near) < PLAIN or is_impossible(near, interval)
