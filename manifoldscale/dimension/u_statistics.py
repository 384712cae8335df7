"""Averages over pairs of points, and their error.

Such estimators use T = the mean of g(distance) over pairs (i, j) of a query and another
point. The pairs are not independent, because each point is in many of them, and an error of
d / sqrt(pairs) is far too small. T is a U-statistic. With h(x) = E[g | x] its variance is a
variance of h over the points plus a variance of g over the pairs,

    Var T = z1 (1 / M + 3 / N) + (z2 - 2 z1) (1 / distinct pairs),

where z1 = Var h and z2 = Var g (Hoeffding 1948; for M = N it is 4 z1 / N + ...). z1 is the
variance of the means per query, less the part that comes from finite sums.
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from ..core.arrays import Floats, Ints

BLOCK_BYTES = 1 << 25


def blocks_of_distances(
    points: Floats, queries: Ints, metric: str = "euclidean"
) -> Iterator[tuple[Ints, Floats]]:
    """Distances of blocks of queries to every point, in float64; the distance of a point to
    itself is infinite.
    """
    step = max(1, BLOCK_BYTES // (8 * len(points)))
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        distances = cdist(points[rows], points, metric)
        distances[np.arange(len(rows)), rows] = np.inf
        yield rows, distances


def pair_variance(means: Floats, mean_square: float, n_points: int) -> float:
    """Variance of the mean of `means`, the average of g over the other points for each
    query; g is centred, and `mean_square` is the average of g^2.
    """
    n_queries, n_others = len(means), n_points - 1
    # Hoeffding's two parts: z2 is the variance of a pair, z1 the variance that all pairs of
    # a point share, less the noise of a mean over finitely many pairs.
    z2 = mean_square
    spread = float(means.var(ddof=1)) if n_queries > 1 else z2
    z1 = max((spread - z2 / n_others) / (1 - 1 / n_others), 0.0)
    # A pair of two queries is counted from both ends, but is one draw.
    twice = (n_queries - 1) / n_others
    per_pair = (1 + twice) / (n_queries * n_others)
    return z1 * (1 / n_queries + 3 / n_points) + max(z2 - 2 * z1, 0.0) * per_pair
