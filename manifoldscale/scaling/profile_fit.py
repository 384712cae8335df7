"""The fit of a power law with its profile-likelihood region."""

import dataclasses as dc
import math

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.errors import require
from ..core.interval import Interval
from ..core.random import keyed
from .losses import Losses
from .projection import COARSE, GRID, Profile, powers, project

REWEIGHTINGS = 6
DRAWS = 400
LEVELS = 120  # floors at which the profile of the floor is computed


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
            require(value > 0, f"`{name}` of a Reference must be positive; not {value}.")


@dc.dataclass(frozen=True, eq=False)
class Problem:
    """The data of a fit, a reference appended where there is one.

    `floor` is the known floor, None where it is fitted. Weights are such that
    w^(-1/2) is proportional to the standard deviation of y.
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


@dc.dataclass(frozen=True, eq=False)
class Solution:
    """A solved problem.

    Attributes
    ----------
    cost : weighted sum of squares at the minimum.
    mean : fitted losses at the problem's sizes.
    draws : parametric-bootstrap values of (alpha, floor, amplitude).
    """

    alpha: float
    interval: Interval
    floor: float
    floor_interval: Interval
    amplitude: float
    weights: Floats
    cost: float
    mean: Floats
    draws: Floats


def solve(problem: Problem, losses: Losses, level: float) -> Solution:
    """Fit with weights of constant relative error.

    The region of alpha is where S(alpha) <= S_min (1 + F(level; 1, m) / m), m the degrees
    of freedom: the likelihood-ratio region of a normal error whose scale is unknown.
    """
    z, scale = powers(problem.x, GRID)
    weights, profile = _reweighted(problem, z, losses)
    best = int(profile.cost.argmin())
    alpha = _polished(problem, weights, best)
    at, _ = powers(problem.x, np.array([alpha]))
    final = project(at, problem.y, weights, problem.floor, np.array([alpha]))
    cost = min(float(final.cost[0]), float(profile.cost[best]))
    threshold = stats.f.ppf(level, 1, problem.freedom) / problem.freedom
    limit = cost * (1 + float(threshold))
    floor = float(final.floor[0])
    mean = floor + final.amplitude[0] * at[0]
    return Solution(
        alpha=alpha,
        interval=_region(profile, best, alpha, limit, level),
        floor=floor,
        floor_interval=_floor_interval(problem, z, weights, limit, floor, level),
        amplitude=float(final.amplitude[0]) * scale**alpha,
        weights=weights,
        cost=cost,
        mean=mean,
        draws=_draws(problem, z, weights, mean, cost, scale),
    )


def _reweighted(problem: Problem, z: Floats, losses: Losses) -> tuple[Floats, Profile]:
    mean, noise = problem.y, losses.spread
    for _ in range(REWEIGHTINGS):
        weights = problem.runs / mean**2
        if problem.reference is not None and noise > 0:
            weights[-1] = (noise / problem.reference.stderr) ** 2
        profile = project(z, problem.y, weights, problem.floor, GRID)
        best = int(profile.cost.argmin())
        mean = profile.floor[best] + profile.amplitude[best] * z[best]
        if not losses.freedom:
            noise = math.sqrt(profile.cost[best] / problem.freedom)
    return weights, profile


def _polished(problem: Problem, weights: Floats, best: int) -> float:
    """The minimum between the neighbours of the best grid point."""

    def cost(log_alpha: float) -> float:
        alpha = np.array([math.exp(log_alpha)])
        z, _ = powers(problem.x, alpha)
        return float(project(z, problem.y, weights, problem.floor, alpha).cost[0])

    ends = GRID[[max(best - 1, 0), min(best + 1, len(GRID) - 1)]]
    found = optimize.minimize_scalar(
        cost, bounds=tuple(np.log(ends)), method="bounded", options={"xatol": 1e-9}
    )
    return math.exp(found.x)


def _region(
    profile: Profile, best: int, alpha: float, limit: float, level: float
) -> Interval:
    """Where the profile stays below the limit, to either side of the minimum."""
    if profile.amplitude[best] == 0:  # the losses do not fall: any exponent fits
        return Interval(0.0, math.inf, level)
    outside = np.flatnonzero(profile.cost > limit)
    below, above = outside[outside < best], outside[outside > best]
    low = _crossing(profile, below[-1], below[-1] + 1, limit) if len(below) else 0.0
    high = _crossing(profile, above[0], above[0] - 1, limit) if len(above) else math.inf
    return Interval(min(low, alpha), max(high, alpha), level)


def _crossing(profile: Profile, outside: int, inside: int, limit: float) -> float:
    """Where the profile meets the limit, linear in log alpha."""
    rise = profile.cost[outside] - profile.cost[inside]
    share = np.clip((limit - profile.cost[inside]) / rise, 0, 1) if rise > 0 else 0.0
    return float(GRID[inside] * (GRID[outside] / GRID[inside]) ** share)


def _floor_interval(
    problem: Problem, z: Floats, weights: Floats, limit: float, floor: float, level: float
) -> Interval:
    """Profile interval of the floor, between zero and the smallest loss; the floor
    itself where it is known.
    """
    if problem.floor is not None:
        return Interval(floor, floor, level)
    levels = np.linspace(0, float(problem.y.min()), LEVELS)
    # A fit with floor e is a fit of y - e with floor zero.
    shifted = problem.y - levels[:, None]
    cost = project(z[COARSE], shifted, weights, 0.0, GRID[COARSE]).cost.min(-1)
    inside = levels[cost <= limit]
    ends = [floor, *inside[[0, -1]]] if len(inside) else [floor]
    return Interval(float(min(ends)), float(max(ends)), level)


def _draws(
    problem: Problem, z: Floats, weights: Floats, mean: Floats, cost: float, scale: float
) -> Floats:
    """Parametric bootstrap: the fit repeated on losses drawn about the fitted curve."""
    rng = keyed(0, "power law draws")
    sigma = np.sqrt(cost / problem.freedom / weights)
    noise = rng.standard_t(problem.freedom, (DRAWS, len(mean)))
    drawn = np.clip(mean + sigma * noise, 0.05 * mean, None)
    profile = project(z[COARSE], drawn, weights, problem.floor, GRID[COARSE])
    best = profile.cost.argmin(-1)
    rows = np.arange(DRAWS)
    alpha = GRID[COARSE][best]
    amplitude = profile.amplitude[rows, best] * scale**alpha
    return np.column_stack([alpha, profile.floor[rows, best], amplitude])
