"""The scatter of runs about their means, and whether a curve lies within it."""

import math

import numpy as np
from scipy import stats

from ..core.arrays import Array, Floats, Ints


def means_of(loss: Array, where: Ints, counts: Ints) -> tuple[Floats, float, int]:
    """Mean losses of groups of runs, and how the runs lie about them.

    Parameters
    ----------
    loss : (runs,); where : the group of each run; counts : runs of each group.

    Returns
    -------
    The means, the relative standard deviation about them, pooled, NaN without replicates,
    and its degrees of freedom.
    """
    means = np.bincount(where, weights=loss) / counts
    freedom = int((counts - 1).sum())
    squares = float(((loss / means[where] - 1) ** 2).sum())
    return means, math.sqrt(squares / freedom) if freedom else math.nan, freedom


def lack_of_fit(cost: float, free: int, spread: float, freedom: int) -> float:
    """p-value of the distance of the means to a curve, against the scatter of the runs
    about their means; NaN without replicates, or where the curve meets every mean.

    Parameters
    ----------
    cost : sum of squares of the relative residuals, weighted by runs; free : its degrees of
        freedom; spread, freedom : of the runs, as `means_of` gives them.
    """
    if free <= 0 or freedom == 0 or not spread > 0:
        return math.nan
    return float(stats.f.sf(cost / free / spread**2, free, freedom))
