"""How a quantity goes with width: the slope of its logarithm against that of the width."""

import numpy as np
from scipy import stats

from ..core.arrays import Floats, Ints
from ..core.error_bars import normal_interval
from ..core.interval import Interval


def slope_of_logs(widths: Ints, logs: Floats) -> tuple[float, Interval]:
    """The slope of `logs`, (widths x seeds), against log width, with its interval by
    Student's t; seeds may each have a level of their own. Unknown with fewer than three
    finite widths.

    The error is that of all residuals. Where the means bend from a line by more than their
    scatter allows (F test at 5 %), it is that of the means about the line alone.
    """
    good = np.isfinite(logs).all(1)
    if good.sum() < 3:
        return np.nan, Interval(-np.inf, np.inf)
    x, y = np.log(widths[good]), logs[good] - logs[good].mean(0)
    found = stats.linregress(x, y.mean(1))
    k, seeds = y.shape
    bend = seeds * np.square(y.mean(1) - found.intercept - found.slope * x).sum()
    scatter = np.square(y - y.mean(1, keepdims=True)).sum()
    inner = (k - 1) * (seeds - 1)
    if inner and bend / (k - 2) < stats.f.ppf(0.95, k - 2, inner) * scatter / inner:
        variance = (bend + scatter) / (inner + k - 2) / seeds
        error = np.sqrt(variance / np.square(x - x.mean()).sum())
        return float(found.slope), normal_interval(found.slope, error, inner + k - 2)
    return float(found.slope), normal_interval(found.slope, found.stderr, k - 2)
