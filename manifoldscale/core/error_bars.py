"""Intervals from a value and its standard error, on the scale where it is near normal."""

import math

import numpy as np
from scipy import stats

from .arrays import Floats
from .caveat import Caveat, Remark
from .interval import Interval

LEVEL = 0.95
FEW_DECIDE = 16  # degrees of freedom of a jackknife below which few points decide
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def log_interval(value: float, stderr: float, freedom: float = math.inf) -> Interval:
    """The interval of a positive quantity whose logarithm is normal, or Student's t with
    few degrees of freedom.
    """
    half = quantile(freedom) * stderr / value
    return Interval(value * math.exp(-half), value * math.exp(half))


def normal_interval(value: float, stderr: float, freedom: float = math.inf) -> Interval:
    half = quantile(freedom) * stderr
    return Interval(value - half, value + half)


def share_interval(share: float, variance: float) -> Interval:
    """The interval of a proportion: Jeffreys' Beta, with as many independent trials as
    give this variance.
    """
    trials = share * (1 - share) / variance
    hits, misses = share * trials + 0.5, (1 - share) * trials + 0.5
    low, high = (float(stats.beta.ppf(tail, hits, misses)) for tail in TAILS)
    return Interval(low, high)


def jackknife_error(left_out: Floats) -> Floats:
    """The standard error of a statistic from its values without each part of the data in
    turn, along the first axis.
    """
    scatter = np.var(left_out, axis=0)
    return np.asarray(np.sqrt((len(left_out) - 1) * scatter))


def jackknife_freedom(left_out: Floats) -> float:
    """Degrees of freedom of `jackknife_error`, by Satterthwaite: those of the chi-squared
    law with the relative variance (kurtosis - 1) / n of a mean of n squares. They are few
    where few points decide the statistic, and at most n - 1.
    """
    n, apart = len(left_out), left_out - np.mean(left_out)
    square = float((apart**2).mean())
    if not square > 0 or not math.isfinite(square):
        return n - 1.0
    kurtosis = float(((apart / math.sqrt(square)) ** 4).mean())
    return float(np.clip(2 * n / max(kurtosis - 1, 1e-9), 1, n - 1))


def influential(name: str, freedom: float, n: int) -> tuple[Remark, ...]:
    """Whether few of n points decide a number, by the freedom of its jackknife."""
    if freedom >= min(FEW_DECIDE, n - 1):
        return ()
    facts = f"{name}: its error comes from about {max(freedom / 2, 1):.0f} of {n:,} points"
    return (Caveat.INFLUENTIAL_POINTS(facts),)


def quantile(freedom: float) -> float:
    """How many standard errors the interval reaches to either side."""
    return float(stats.t.ppf(TAILS[1], freedom))
