"""The fit of a power law with its profile-likelihood region."""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.errors import is_real, require
from ..core.interval import Interval
from ..core.random import keyed
from .correlated import autoregressive, effective, whitened
from .losses import Losses
from .projection import FittedOne, Profile, crossing
from .scatter import LARGEST
from .tails import NORMAL, ErrorLaw, Normal, Student, scale_of

DRAWS = 400
REWEIGHTINGS = 6
FLAT = 1e-12  # an amplitude below this share of the losses counts as zero
ROUNDING = 1e-6  # relative residuals below this come from the minimiser


@dc.dataclass(frozen=True)
class Reference:
    """A measured limit: the loss at a size far beyond the range, finite or infinite.

    It enters the fit as one more datum with its own error. A finite reference is therefore
    not mistaken for the limit: L(x) - L(reference) = A (x^-alpha - reference^-alpha).
    """

    size: float
    loss: float
    stderr: float

    def __post_init__(self) -> None:
        for name in ("size", "loss", "stderr"):
            value = getattr(self, name)
            most = math.inf if name == "size" else LARGEST
            require(
                is_real(value) and 1 / LARGEST < value <= most,
                f"`{name}` of a Reference must be positive; not {value!r}."
                + ("" if name == "size" else f" It is at most {LARGEST:g}."),
            )


@dc.dataclass(frozen=True, eq=False)
class Problem:
    """The data of a fit, with the reference, if any, as the last datum; or of many fits at
    the same sizes: x, runs : (n,), y : (..., n). `runs` are fewer where runs scatter more.

    `floor` is the known floor, None where it is fitted.
    """

    x: Floats
    y: Floats
    runs: Floats
    floor: float | None
    reference: Reference | None = None

    @classmethod
    def of(cls, losses: Losses, floor: float | Reference | None) -> "Problem":
        if not isinstance(floor, Reference):
            return cls(losses.x, losses.y, losses.precision, floor)
        return cls(
            np.append(losses.x, floor.size),
            np.append(losses.y, floor.loss),
            np.append(losses.precision, 1.0),
            None,
            floor,
        )

    @property
    def freedom(self) -> int:
        """Data less unknowns: alpha, A, and E where it is fitted."""
        return len(self.x) - (3 if self.floor is None else 2)

    def profile(self, weights: Floats) -> Profile:
        return Profile(self.x, self.y, weights, self.floor)


@dc.dataclass(frozen=True, eq=False)
class Solution:
    """A solved problem. `alpha` is NaN where the losses do not fall at all.

    Attributes
    ----------
    weights : w^(-1/2) is proportional to the standard deviation of the problem's y.
    cost : weighted sum of squares at the minimum.
    mean : fitted losses at the problem's sizes.
    errors : the law of the errors.
    correlation : of the errors of neighbouring sizes; zero where it was not tested.
    serial, bend : p-values of zero correlation, and of no bend beyond the law; NaN where
        they were not tested.
    """

    alpha: float
    interval: Interval
    floor: float
    floor_interval: Interval
    amplitude: float
    weights: Floats
    cost: float
    mean: Floats
    errors: ErrorLaw = NORMAL
    correlation: float = 0.0
    serial: float = math.nan
    bend: float = math.nan


def solve(
    problem: Problem, losses: Losses, level: float, law: ErrorLaw = NORMAL
) -> Solution:
    """Fit with weights of constant relative error, under the law of the errors.

    The region of alpha is where S(alpha) <= S_min (1 + F(level; 1, m) / m), with m degrees
    of freedom: the likelihood-ratio region of a normal error of unknown scale. Errors that
    are shared by all sizes move the curve by more than the residuals show; the scale is
    then the scatter between runs, if that is larger.
    """
    best = fitted_under(problem, losses, law)
    profile = problem.profile(best.weights)
    alpha, cost, floor = float(best.alpha), float(best.cost), float(best.floor)
    limit = cost + widened(law) * _threshold(cost, problem.freedom, losses, level)
    falls = float(best.amplitude) > FLAT * problem.y.min()
    low, high = profile.region(alpha, limit) if falls else (0.0, math.inf)
    return Solution(
        alpha=alpha if falls else math.nan,
        interval=Interval(low, high, level),
        floor=floor,
        floor_interval=_floor_interval(problem, profile, floor, limit, level),
        amplitude=float(best.draws[-1]) if falls else 0.0,
        weights=best.weights,
        cost=cost,
        mean=best.mean,
        errors=law,
    )


def fitted_under(problem: Problem, losses: Losses, law: ErrorLaw) -> FittedOne:
    """The fit by iterated least squares under this law of errors."""
    found = reweighted(problem, losses.spread)
    if isinstance(law, Normal):
        return found
    units, unknowns = found.weights, len(problem.y) - problem.freedom
    for _ in range(REWEIGHTINGS):
        unit = np.sqrt(units) * (problem.y - found.mean)
        pull = law.weight(unit / scale_of(law, unit, unknowns))
        found = reweighted(problem, losses.spread, pull)
        units = found.weights / pull
    return found


def widened(law: ErrorLaw) -> float:
    """The factor between the variance of the estimate and what the curvature of the
    weighted squares implies: under a Student t it is (f + 3) / (f + 1).
    """
    return (law.freedom + 3) / (law.freedom + 1) if isinstance(law, Student) else 1.0


def _threshold(cost: float, freedom: int, losses: Losses, level: float) -> float:
    """How far the cost may exceed its minimum within the region."""
    rise = cost / freedom * float(stats.f.ppf(level, 1, freedom))
    if losses.shared and losses.spread > 0:
        between = losses.spread**2 * float(stats.f.ppf(level, 1, losses.freedom))
        return max(rise, between)
    return rise


def reweighted(
    problem: Problem, spread: float = math.nan, pull: Floats | float = 1.0
) -> FittedOne:
    """The fit of one or of many sets of losses, with weights 1 / variance about the fitted
    curve, up to a factor, times `pull`. `spread` is the relative scatter between runs of
    one size, against which the error of a reference is weighed.
    """
    mean, noise = problem.y, spread
    for _ in range(REWEIGHTINGS):
        weights = pull * problem.runs / mean**2
        if problem.reference is not None and noise > 0:
            weights[-1] = (noise / problem.reference.stderr) ** 2
        found = problem.profile(weights).fit()
        # With a floor of zero, the mean at an infinite size would be zero.
        mean = np.maximum(found.mean, FLAT * problem.y)
        if problem.reference is not None and not spread > 0:  # no replicates, or copies
            noise = math.sqrt(float(found.cost) / problem.freedom)
    return found


def _floor_interval(
    problem: Problem, profile: Profile, floor: float, limit: float, level: float
) -> Interval:
    """Profile interval of the floor; the floor itself where it is known.

    A fit with floor e is a fit of y - e with floor zero. The highest floor considered is
    the mean loss, where nothing is left to fall.
    """
    if problem.floor is not None:
        return Interval(floor, floor, level)

    def excess(e: float) -> float:
        shifted = dc.replace(profile, y=problem.y - e, floor=0.0)
        return float(shifted.at(shifted.minimise()).cost) - limit

    top = float(np.average(problem.y, weights=profile.weights))
    low, high = 0.0, top
    if floor > 0 and excess(0.0) > 0:
        low = crossing(excess, 0.0, floor)
    if excess(top) > 0:
        high = crossing(excess, top, floor)
    return Interval(min(low, floor), max(high, floor), level)


def draws(problem: Problem, found: Solution) -> Floats:
    """(DRAWS, 3) alpha, floor and amplitude of a parametric bootstrap: the fit repeated on
    losses drawn about the fitted curve.
    """
    mean = found.mean
    noise = _noise(problem, found, keyed(0, "power law draws"))
    drawn = np.clip(mean + noise / np.sqrt(found.weights), 0.05 * mean, None)
    return Profile(problem.x, drawn, found.weights, problem.floor).fit().draws


def _noise(problem: Problem, found: Solution, rng: np.random.Generator) -> Floats:
    """(DRAWS, sizes) in units of 1 / sqrt(weights)."""
    r, shape = found.correlation, (DRAWS, len(found.mean))
    if not r:
        sigma = math.sqrt(found.cost / problem.freedom)
        return np.asarray(sigma * rng.standard_t(problem.freedom, shape))
    # The fit has absorbed most of what correlated errors share, so their size is estimated
    # from their steps. It is hardly known: one scale per draw, not one per size.
    rest = whitened(np.sqrt(found.weights) * (problem.y - found.mean), r)
    variance = float(rest @ rest) / problem.freedom / (1 - r * r)
    freedom = effective(problem.freedom, r)
    scale = np.sqrt(variance * freedom / rng.chisquare(freedom, (DRAWS, 1)))
    return np.asarray(scale * autoregressive(rng.standard_normal(shape), r))
