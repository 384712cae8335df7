"""Pooled exponential spacings: the likelihood that TwoNN and MLE share.

Around a point of a locally uniform cloud of dimension d, log-ratios of neighbour
distances are exponential with rate d. Pooling m of them that sum to S gives the
maximum-likelihood rate m / S, and (m - 1) / S is unbiased.

Points near each other share neighbours, so their log-ratios are dependent, and the
independent standard error d / sqrt(m) is too small (on a flat torus by a factor of 1.1
to 1.4, growing with k and d). The standard error here is the sandwich over the graph of
neighbours: with scores u_i of mean zero, Var(sum u) is estimated by the sum of u_i u_j
over the pairs that are near each other.
"""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension, pooled_dimension

CLOSE = 4
CAUTION = 0.5
CROWDED = 0.3  # share of linked pairs above which their correction is a guess


@dc.dataclass(frozen=True, eq=False)
class Rate:
    """A fitted rate: its value, each query's influence on its logarithm (the influences sum
    to zero), and the information on the logarithm, which is the number of spacings.
    """

    value: float
    influence: Floats
    information: float


def pooled_rate(method: object, near: Neighbors, sums: Floats, counts: Floats) -> Dimension:
    """The dimension from each query's sum of log-ratios and number of spacings.

    For independent spacings the interval is exact.
    """
    return rate_dimension(method, near, pool(sums, counts))


def pool(sums: Floats, counts: Floats) -> Rate:
    """The unbiased rate of all spacings together."""
    total, spacings = float(sums.sum()), float(counts.sum())
    require(
        total > 0,
        "All neighbour distances of every point are tied (r1 = rk): the points lie on a "
        "lattice, and the dimension at this scale is not identifiable from distances: "
        f"{ON_LATTICE}",
    )
    require(
        spacings >= 2,
        f"Only {spacings:.0f} spacing of distances was found; at least 2 are needed: use "
        "more anchors or a larger k.",
    )
    value = (spacings - 1) / total
    return Rate(value, (counts - value * sums) / spacings, spacings)


def censored(logs: Floats, trim: float) -> tuple[Floats, Floats]:
    """Sums and counts of log-ratios; the largest share `trim` of them is censored at the
    largest that is kept.
    """
    kept = max(2, len(logs) - int(trim * len(logs)))
    last = np.partition(logs, kept - 1)[kept - 1]
    uncensored = np.zeros(len(logs))
    uncensored[np.argsort(logs, kind="stable")[:kept]] = 1.0
    return np.minimum(logs, last), uncensored


def rate_dimension(
    method: object, near: Neighbors, rate: Rate, close: int = CLOSE
) -> Dimension:
    """A fitted rate as a `Dimension`; its error allows for shared neighbours."""
    relative, linked = relative_error(rate.influence, rate.information**-0.5, near, close)
    return pooled_dimension(
        method,
        near,
        rate.value,
        rate.value * relative,
        rate_interval(rate.value, relative),
        crowding(linked),
    )


def relative_error(
    influence: Floats, independent: float, near: Neighbors, close: int = CLOSE
) -> tuple[float, float]:
    """Relative standard error of a rate from each query's influence on its logarithm, and
    the share of linked pairs.

    The estimate of the variance may find negative dependence between neighbours, but there
    is none in truth, so the error is never below the `independent` one.
    """
    variance, linked = shared_variance(influence, near, close)
    return math.sqrt(max(variance, independent**2)), linked


def rate_interval(value: float, relative: float) -> Interval:
    """95 % interval of a rate with this relative error, by the Gamma pivot with as many
    independent spacings as would have that error.
    """
    # Gamma, not normal: one over a sum of few spacings is skewed.
    effective = 1 / relative**2
    low, high = (
        float(stats.gamma.ppf(share, effective)) / effective * value
        for share in (0.025, 0.975)
    )
    return Interval(low, high)


def crowding(linked: float) -> list[Remark]:
    """The caveat if too many pairs are neighbours to tell them from the rest."""
    return [Caveat.CROWDED(f"{linked:.0%} of pairs")] if linked > CROWDED else []


def shared_variance(
    scores: Floats, near: Neighbors, close: int = CLOSE
) -> tuple[float, float]:
    """Variance of the sum of the scores, u_i u_j over the linked pairs of queries, and the
    share of such pairs.

    Two queries are linked if one is a neighbour of the other, or they share one of their
    `close` nearest. The nearest distances dominate a log-ratio: points further apart depend
    on each other too, but so weakly that counting their pairs adds more noise to the
    estimate than it removes bias. A method that weights all neighbours equally asks for all
    of them, and gets `CLOSE` if that would link too many pairs.

    The scores are residuals: they sum to zero, because the dimension was fitted to them.
    So each linked pair is short by Var / n^2, and the sum by the share of linked pairs.
    Dividing by the rest corrects it; for independent points this is the usual n - 1. If
    most pairs are linked it would be a guess, and is left out.

    The result is unbiased, but its own scatter, 2 u^2 G u^2 for links G and Gaussian
    scores, makes some intervals too narrow and others too wide. Too narrow is worse, so
    `CAUTION` times that standard error is added.
    """
    from .links import linked_sums

    total, squares, pairs = linked_sums(near, scores, close)
    share = pairs / near.n_queries**2
    if share > CROWDED and close > CLOSE:
        return shared_variance(scores, near)
    total += CAUTION * math.sqrt(2 * squares)
    return total / (1 - share if share <= CROWDED else 1), share
