"""The wild cluster bootstrap over sizes: an interval that lack of fit widens.

All runs of one size share what the curve misses there, so a size is one cluster. Each
replicate flips and stretches the residual of every size, r -> v r / sqrt(1 - h), by Webb's
six-point variable v (mean 0, variance 1; Webb 2023), h the leverage of the size (HC2: the
residual of a point that pulls the curve towards itself is too small), and fits again.
"""

import math

import numpy as np

from ..core.arrays import Floats
from ..core.interval import Interval
from ..core.random import keyed
from .many import geometric_mean, refined
from .profile_fit import Solution
from .scatter import half_width

WEBB = np.array(
    [-math.sqrt(1.5), -1.0, -math.sqrt(0.5), math.sqrt(0.5), 1.0, math.sqrt(1.5)]
)
REPLICATES = 999
MOST_LEVERAGE = 0.95  # a size that fixes the curve alone has no residual to stretch


def wild_interval(
    x: Floats,
    y: Floats,
    floor: float | None,
    solution: Solution,
    level: float,
) -> Interval:
    """Interval of the exponent, from the spread of log alpha over the replicates.

    x, y : (sizes,); floor : where it is known. The spread is the quantile of the
    distance of the replicates from the estimate, times t over normal quantile with the
    degrees of freedom of the residuals. It is taken to both sides: where the floor is at
    zero, the replicates scatter to one side only, which need not be that of the truth.
    """
    scale, alpha = geometric_mean(x), solution.alpha
    mean, weights = solution.mean, solution.weights
    power = (x / scale) ** -alpha
    leverage = np.minimum(_leverage(x / scale, power, weights, floor), MOST_LEVERAGE)
    residual = (y - mean) / np.sqrt(1 - leverage)
    rng = keyed(0, "wild bootstrap")
    signs = rng.choice(WEBB, (REPLICATES, len(x)))
    drawn = np.maximum(mean + signs * residual, 0.02 * mean)
    logs = np.log(refined(x, drawn, weights, floor).alpha) - math.log(alpha)
    half = half_width(logs, level, len(x) - (3 if floor is None else 2))
    return Interval(alpha * math.exp(-half), alpha * math.exp(half), level)


def _leverage(x: Floats, power: Floats, weights: Floats, floor: float | None) -> Floats:
    """Diagonal of the hat matrix of the fit, linearised at its solution."""
    columns = [power, power * np.log(x)]
    if floor is None:
        columns.append(np.ones_like(x))
    basis, _ = np.linalg.qr(np.column_stack(columns) * np.sqrt(weights)[:, None])
    return np.asarray((basis**2).sum(-1))
