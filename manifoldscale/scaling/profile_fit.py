"""The fit of a power law with its profile-likelihood region."""

import dataclasses as dc
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.errors import is_real, require
from ..core.interval import Interval
from ..core.random import keyed
from .correlated import (
    autoregressive,
    effective,
    whitened,
)
from .losses import Losses
from .many import REWEIGHTINGS, refined
from .projection import Profile
from .scatter import LARGEST
from .tails import NORMAL, ErrorLaw, Normal, Student, scale_of

DRAWS = 400
FLAT = 1e-12  # an amplitude below this share of the losses is none
ROUNDING = 1e-6  # relative residuals below this are the minimiser's, no evidence


@dc.dataclass(frozen=True)
class Reference:
    """A measured limit: the loss at a size far beyond the range, finite or infinite.

    It enters the fit as one more datum with its own error, so a finite reference is not
    taken for the limit: L(x) - L(reference) = A (x^-alpha - reference^-alpha).
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
    """The data of a fit, a reference appended where there is one.

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
            return cls(losses.x, losses.y, losses.runs, floor)
        return cls(
            np.append(losses.x, floor.size),
            np.append(losses.y, floor.loss),
            np.append(losses.runs, 1.0),
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
    correlation : of the errors of neighbouring sizes; zero where it was not looked for.
    serial, bend : p-values of its being none, and of no bend beyond the law; NaN where
        they were not looked for.
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
    """Fit with weights of constant relative error, and of its law.

    The region of alpha is where S(alpha) <= S_min (1 + F(level; 1, m) / m), m the degrees
    of freedom: the likelihood-ratio region of a normal error whose scale is unknown. Where
    errors at different sizes move together they leave less of a residual than they move
    the curve; the scale is then that of the scatter between runs, if this is larger.
    """
    weights = weights_under(problem, losses, law)
    profile = problem.profile(weights)
    alpha = profile.minimise()
    best = profile.at(alpha)
    cost, floor, amplitude = float(best.cost), float(best.floor), float(best.amplitude)
    limit = cost + widened(law) * _threshold(cost, problem.freedom, losses, level)
    mean = floor + amplitude * profile.powers(np.asarray(alpha))
    falls = amplitude > FLAT * problem.y.min()
    low, high = profile.region(alpha, limit) if falls else (0.0, math.inf)
    return Solution(
        alpha=alpha if falls else math.nan,
        interval=Interval(low, high, level),
        floor=floor,
        floor_interval=_floor_interval(problem, profile, floor, limit, level),
        amplitude=amplitude * profile.scale**alpha if falls else 0.0,
        weights=weights,
        cost=cost,
        mean=mean,
        errors=law,
    )


def weights_under(problem: Problem, losses: Losses, law: ErrorLaw) -> Floats:
    """The weights of iterated least squares under this law."""
    weights = _reweighted(problem, losses, np.ones(len(problem.y)))
    if isinstance(law, Normal):
        return weights
    units, unknowns = weights, len(problem.y) - problem.freedom
    for _ in range(REWEIGHTINGS):
        unit = residuals(problem, units, weights)
        pull = law.weight(unit / scale_of(law, unit, unknowns))
        weights = _reweighted(problem, losses, pull)
        units = weights / pull
    return weights


def residuals(problem: Problem, units: Floats, weights: Floats) -> Floats:
    """About the fit with these weights, in the units of 1 / sqrt(units)."""
    profile = problem.profile(weights)
    alpha = profile.minimise()
    best = profile.at(alpha)
    mean = best.floor + best.amplitude * profile.powers(np.asarray(alpha))
    return np.asarray(np.sqrt(units) * (problem.y - mean))


def widened(law: ErrorLaw) -> float:
    """What the curvature of the weighted squares lacks to the variance of the estimate:
    under a Student t their ratio is (f + 3) / (f + 1).
    """
    return (law.freedom + 3) / (law.freedom + 1) if isinstance(law, Student) else 1.0


def _threshold(cost: float, freedom: int, losses: Losses, level: float) -> float:
    """By how much the cost may exceed its minimum within the region."""
    rise = cost / freedom * float(stats.f.ppf(level, 1, freedom))
    if losses.shared and losses.spread > 0:
        between = losses.spread**2 * float(stats.f.ppf(level, 1, losses.freedom))
        return max(rise, between)
    return rise


def _reweighted(problem: Problem, losses: Losses, pull: Floats) -> Floats:
    """Weights 1 / variance up to a factor, about the fitted curve, times `pull`."""
    mean, noise = problem.y, losses.spread
    for _ in range(REWEIGHTINGS):
        weights = pull * problem.runs / mean**2
        if problem.reference is not None and noise > 0:
            weights[-1] = (noise / problem.reference.stderr) ** 2
        profile = problem.profile(weights)
        alpha = profile.minimise()
        best = profile.at(alpha)
        mean = best.floor + best.amplitude * profile.powers(np.asarray(alpha))
        mean = np.maximum(mean, FLAT * problem.y)  # a floor of zero, at an infinite size
        if not losses.spread > 0:  # no replicates, or identical ones
            noise = math.sqrt(float(best.cost) / problem.freedom)
    return weights


def _floor_interval(
    problem: Problem, profile: Profile, floor: float, limit: float, level: float
) -> Interval:
    """Profile interval of the floor; the floor itself where it is known.

    A fit with floor e is a fit of y - e with floor zero. The highest floor considered is
    the mean loss, at which nothing is left to fall.
    """
    if problem.floor is not None:
        return Interval(floor, floor, level)

    def excess(e: float) -> float:
        shifted = dc.replace(profile, y=problem.y - e, floor=0.0)
        return float(shifted.at(shifted.minimise()).cost) - limit

    top = float(np.average(problem.y, weights=profile.weights))
    low, high = 0.0, top
    if floor > 0 and excess(0.0) > 0:
        low = _root(excess, 0.0, floor)
    if excess(top) > 0:
        high = _root(excess, top, floor)
    return Interval(min(low, floor), max(high, floor), level)


def _root(excess: Callable[[float], float], outside: float, inside: float) -> float:
    if excess(inside) >= 0:
        return inside
    return float(
        optimize.brentq(excess, outside, inside, xtol=1e-9 * abs(outside - inside))
    )


def draws(problem: Problem, found: Solution) -> Floats:
    """(DRAWS, 3) alpha, floor and amplitude of a parametric bootstrap: the fit repeated on
    losses drawn about the fitted curve.
    """
    mean = found.mean
    noise = _noise(problem, found, keyed(0, "power law draws"))
    drawn = np.clip(mean + noise / np.sqrt(found.weights), 0.05 * mean, None)
    many = refined(problem.x, drawn, found.weights, problem.floor)
    return np.column_stack(
        [many.alpha, many.floor, many.amplitude * many.scale**many.alpha]
    )


def _noise(problem: Problem, found: Solution, rng: np.random.Generator) -> Floats:
    """(DRAWS, sizes) in units of 1 / sqrt(weights)."""
    r, shape = found.correlation, (DRAWS, len(found.mean))
    if not r:
        sigma = math.sqrt(found.cost / problem.freedom)
        return np.asarray(sigma * rng.standard_t(problem.freedom, shape))
    # The fit has taken most of what such errors share: their size is that of their steps.
    # One scale a draw, as it is hardly known, and not one a size.
    rest = whitened(np.sqrt(found.weights) * (problem.y - found.mean), r)
    variance = float(rest @ rest) / problem.freedom / (1 - r * r)
    freedom = effective(problem.freedom, r)
    scale = np.sqrt(variance * freedom / rng.chisquare(freedom, (DRAWS, 1)))
    return np.asarray(scale * autoregressive(rng.standard_normal(shape), r))
