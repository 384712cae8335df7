"""The wild cluster bootstrap over sizes: an interval that lack of fit widens.

All runs of one size share what the curve misses there, so a size is one cluster. Each
replicate flips and stretches the residual of every size, r -> v r / sqrt(1 - h), and fits
again. v is the six-point variable of Webb (2023), of mean 0 and variance 1. h is the
leverage of the size (HC2): a point that pulls the curve towards itself has too small a
residual.
"""

import math

import numpy as np

from ..core.arrays import Floats
from ..core.interval import Interval
from ..core.random import keyed
from .correlated import Series
from .profile_fit import Solution
from .projection import Profile
from .scatter import about, half_width

WEBB = np.array([-(1.5**0.5), -1.0, -(0.5**0.5), 0.5**0.5, 1.0, 1.5**0.5])
REPLICATES = 999
MOST_LEVERAGE = 0.95  # a size that fixes the curve alone has no residual to stretch


def wild_interval(
    x: Floats, y: Floats, floor: float | None, solution: Solution, level: float
) -> Interval:
    """Interval of the exponent, from the spread of log alpha over the replicates.

    x, y : (sizes,); floor : None where unknown. The spread is the quantile of the distances
    of the replicates from the estimate, times Student's over the normal quantile. It is
    applied to both sides: with a floor at zero the replicates scatter to one side only,
    where the truth need not be.
    """
    alpha, mean, weights = solution.alpha, solution.mean, solution.weights
    tangent = Series(x, y, 1 / np.sqrt(weights), floor).tangent(alpha)
    basis, _ = np.linalg.qr(tangent.T)
    leverage = np.minimum((basis**2).sum(-1), MOST_LEVERAGE)  # diagonal of the hat matrix
    residual = (y - mean) / np.sqrt(1 - leverage)
    rng = keyed(0, "wild bootstrap")
    signs = rng.choice(WEBB, (REPLICATES, len(x)))
    drawn = np.maximum(mean + signs * residual, 0.02 * mean)
    logs = np.log(Profile(x, drawn, weights, floor).minimise()) - math.log(alpha)
    half = half_width(logs, level, len(x) - (3 if floor is None else 2))
    return about(alpha, half, level)
