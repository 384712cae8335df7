"""Pooled exponential spacings: the likelihood that TwoNN and MLE share.

Around a point of a locally uniform cloud of dimension d, log-ratios of neighbour
distances are exponential with rate d. Pooling m of them that sum to S gives the
maximum-likelihood rate m / S, and (m - 1) / S is unbiased.

Points near each other share neighbours, so their log-ratios are dependent, and the
independent standard error d / sqrt(m) is too small (on a flat torus by a factor of 1.1
to 1.4, growing with k and d). The standard error here is the sandwich over the graph of
shared neighbours: with scores u_i of mean zero, Var(sum u) is estimated by the sum of
u_i u_j over the pairs whose neighbourhoods meet.
"""

import math

import numpy as np
from scipy import sparse, stats

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.errors import require
from ..core.interval import Interval
from ..geometry.neighbors import Neighbors
from .dimension import Dimension, pooled_dimension

ROWS = 4096
CROWDED = 0.3  # share of linked pairs above which their correction is a guess


def pooled_rate(method: object, near: Neighbors, sums: Floats, counts: Floats) -> Dimension:
    """The dimension from each query's sum of log-ratios and number of spacings.

    The interval is that of a Gamma pivot whose number of independent spacings is the
    effective one, (value / stderr)^2; for independent spacings it is exact.
    """
    total, spacings = float(sums.sum()), float(counts.sum())
    require(
        total > 0,
        "All neighbour distances of every point are tied (r1 = rk): the points lie on a "
        "lattice, and the dimension at this scale is not identifiable from distances.",
    )
    require(
        spacings >= 2,
        f"{spacings:.0f} spacing of distances was found; at least 2 are needed: use more "
        "anchors or a larger k.",
    )
    value = (spacings - 1) / total
    variance, linked = shared_variance(counts - value * sums, near)
    remarks = [Caveat.CROWDED(f"{linked:.0%} of pairs")] if linked > CROWDED else []
    # Negative dependence between neighbours is possible in the estimate of the
    # variance, never in the truth: the independent variance is the floor.
    relative = math.sqrt(max(variance, spacings)) / spacings
    effective = 1 / relative**2
    low, high = (
        float(stats.gamma.ppf(share, effective)) / effective * value
        for share in (0.025, 0.975)
    )
    interval = Interval(low, high)
    return pooled_dimension(method, near, value, value * relative, interval, remarks)


def shared_variance(scores: Floats, near: Neighbors) -> tuple[float, float]:
    """Variance of the sum of the scores, u_i u_j over the pairs of queries whose
    neighbourhoods meet; and the share of such pairs.

    The scores are residuals: they sum to zero, because the dimension was fitted to them.
    Each linked pair is therefore short by Var / n^2, and the sum by the share of pairs
    that are linked. Dividing by the rest is the correction that gives n - 1 for
    independent points. Where most pairs are linked it would be a guess, and is left out.
    """
    n, k = near.indices.shape
    members = np.column_stack([near.queries, near.indices])
    pointers = np.arange(0, members.size + 1, k + 1)
    ones = np.ones(members.size, dtype=np.float32)
    shape = (n, len(near.cloud))
    hood = sparse.csr_array((ones, members.ravel(), pointers), shape=shape)
    transposed = hood.T.tocsr()
    total, linked = 0.0, 0
    for start in range(0, n, ROWS):  # in blocks: the product is wide
        meets = hood[start : start + ROWS] @ transposed
        meets.data[:] = 1.0
        linked += meets.nnz
        total += float(scores[start : start + ROWS] @ (meets.astype(np.float64) @ scores))
    share = linked / n**2
    return float(total / (1 - share if share <= CROWDED else 1)), share
