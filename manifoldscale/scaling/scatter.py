"""The scatter of runs about their means, and whether a curve lies within it."""

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError
from ..core.interval import Interval, number

COPIES = 1e-12  # a relative scatter below this counts as zero
ROUNDING = 1e-4  # relative errors of a fit below this are not evidence
EXCLUDED = 6.0  # difference of AICc from which the worse form counts as excluded
MISFIT = 0.01  # p-value below which a curve does not describe the losses
UNEVEN = 0.05  # p-value below which the scatter of runs changes with size
STEEPEST = 30.0  # between the ends, of the standard deviation
LARGEST = 1e100  # of sizes and losses, whose squares are still numbers


def means_of(
    loss: Array, where: Ints, counts: Ints, place: Callable[[int], str]
) -> tuple[Floats, float, int]:
    """Mean losses of groups of runs, and how the runs lie about them.

    A run without a single error has a loss of zero and counts: leaving it out would raise
    the mean of its group.

    Parameters
    ----------
    loss : (runs,); where : the group of each run; counts : runs of each group.
    place : the sizes of a group, in words.

    Raises
    ------
    ManifoldScaleError : a negative loss, or a group whose losses are all zero.

    Returns
    -------
    The means, the relative standard deviation about them, pooled, NaN without replicates,
    and its degrees of freedom.
    """
    means = np.bincount(where, weights=loss) / counts
    lowest = int(np.argmin(loss))
    if loss[lowest] < 0:
        smallest, where_at = number(float(loss[lowest]), 6), place(int(where[lowest]))
        raise ManifoldScaleError(
            f"Losses must be positive; the smallest is {smallest}, at {where_at}. Leave "
            "empty what stands for a missing loss, as -1. A negative log-likelihood of "
            "densities has no zero of its own: subtract the entropy of the data (the loss "
            "of the best possible model), or fit exp(loss)."
        )
    if not (means > 0).all():
        group = int(np.argmin(means))
        raise ManifoldScaleError(
            f"Losses must be positive; all {counts[group]} at {place(group)} are zero. A "
            "larger test set shows how small they are; else leave these rows out."
        )
    freedom = int((counts - 1).sum())
    extreme = (means < 1 / LARGEST) | (means > LARGEST)
    if extreme.any():
        group = int(np.argmax(extreme))
        raise ManifoldScaleError(
            f"Losses must be between {1 / LARGEST:g} and {LARGEST:g}; the mean at "
            f"{place(group)} is {means[group]:g}."
        )
    squares = float(((loss / means[where] - 1) ** 2).sum())
    spread = math.sqrt(squares / freedom) if freedom else math.nan
    return means, 0.0 if spread < COPIES else spread, freedom  # copies have none


def relative_variances(loss: Array, where: Ints, counts: Ints, sizes: Floats) -> Floats:
    """(sizes,) variance of a run, relative to its mean, over the pooled one: ones, or along
    a power of size where the likelihood of normal runs shows one (p < UNEVEN).

    With S_i the sum of squares about the mean of size i, and f_i its degrees of freedom,
    -2 log likelihood of variances s^2 e^(b u_i) is f log sum S_i e^(-b u_i), up to a
    constant, where u is log size less its mean weighted by f_i: convex in b.
    """
    free = counts - 1.0
    several, flat = free > 0, np.ones(len(sizes))
    rest = loss / (np.bincount(where, weights=loss) / counts)[where] - 1
    squares = np.bincount(where, weights=rest**2)[several]
    if several.sum() < 3 or not squares.max() > COPIES**2:
        return flat
    u = np.log(sizes) - np.average(np.log(sizes), weights=free)

    def fall(b: float) -> float:
        return float(free.sum() * np.log((squares * np.exp(-b * u[several])).sum()))

    most = 2 * math.log(STEEPEST) / np.ptp(u)
    best = optimize.minimize_scalar(fall, bounds=(-most, most), method="bounded")
    if stats.chi2.sf(fall(0.0) - best.fun, 1) >= UNEVEN:
        return flat
    power = np.exp(best.x * u)
    return np.asarray(power / np.average(power, weights=free))


def half_width(distances: Floats, level: float, freedom: int) -> float:
    """Half the width of an interval: the quantile of the distances of draws from the
    estimate, times Student's quantile over the normal one, as their scatter is itself an
    estimate.
    """
    share = 0.5 + level / 2
    few = float(stats.t.ppf(share, max(freedom, 1)) / stats.norm.ppf(share))
    return few * float(np.quantile(np.abs(distances), level))


def about(value: float, half: float, level: float) -> Interval:
    """From half the width of an interval of the logarithm."""
    # A factor beyond e^20 means that nothing is known, and may overflow.
    if not half <= 20:
        return Interval(0.0, math.inf, level)
    return Interval(value * math.exp(-half), value * math.exp(half), level)


def aicc(squares: float, n: float, unknowns: int) -> float:
    """n log(S / n) + 2 k + 2 k (k + 1) / (n - k - 1), S the sum of n squared relative
    errors that are normal and of unknown size; k counts that size too.
    """
    k = unknowns + 1
    if n <= k + 1:
        return math.inf
    variance = max(squares / n, ROUNDING**2)
    return n * math.log(variance) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def lack_of_fit(cost: float, free: int, spread: float, freedom: int) -> float:
    """p-value of the distance of the means from a curve, against the scatter of the runs
    about their means; NaN without replicates or degrees of freedom.

    Parameters
    ----------
    cost : sum of squares of the relative residuals, weighted by runs; free : its degrees of
        freedom; spread, freedom : of the runs, as `means_of` gives them.
    """
    if free <= 0 or freedom == 0 or not spread > 0:
        return math.nan
    return float(stats.f.sf(cost / free / spread**2, free, freedom))
