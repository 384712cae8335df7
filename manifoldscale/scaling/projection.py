"""Variable projection: for a given exponent a power law is a linear fit.

L(x) = E + A x^-alpha is linear in (E, A). For any alpha the best E >= 0 and A >= 0 follow
in closed form. The whole profile S(alpha) of the weighted sum of squares is one array
operation: it needs no starting point, misses no local minimum, and does hundreds of
bootstrap fits at once.
"""

import dataclasses as dc
import functools as ft
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize

from ..core.arrays import Floats

ALPHA_MIN, ALPHA_MAX = 0.01, 8.0
GRID = np.geomspace(ALPHA_MIN, ALPHA_MAX, 600)
COARSE = np.geomspace(ALPHA_MIN, ALPHA_MAX, 60)  # the first grid of a minimisation
NEAR = np.arange(-5, 6) / 6  # later grids about the best, in units of a shrinking step
LAST_STEP = 1e-9  # of log alpha


@dc.dataclass(frozen=True)
class Fitted:
    """Linear fits: weighted sum of squares, floor E and amplitude A of each."""

    cost: Floats
    floor: Floats
    amplitude: Floats


def project(z: Floats, y: Floats, weights: Floats, floor: float | None) -> Fitted:
    """Weighted least squares of y = E + A z with E, A >= 0.

    z, y, weights : (..., n), broadcast against each other; floor : E where it is known,
    None to fit it. The unconstrained solution is taken where it is admissible, else the
    edge of the admissible region (the problem is convex).
    """
    level = np.asarray(floor) if floor is not None else _free_floor(z, y, weights)
    residual = y - level[..., None]
    # With E given, A is a regression through the origin.
    amplitude = np.maximum(_sum(z * residual, weights) / _sum(z * z, weights), 0)
    cost = _sum((residual - amplitude[..., None] * z) ** 2, weights)
    return Fitted(cost, np.broadcast_to(level, cost.shape), amplitude)


def _free_floor(z: Floats, y: Floats, weights: Floats) -> Floats:
    """The best E >= 0, from the straight line y = E + A z.

    The line has slope A = C_zy / C_zz in centred sums, and E = mean(y) - A mean(z). Where A
    would be negative, A = 0 and E is the mean.
    """
    share = weights / weights.sum(-1, keepdims=True)
    mean_z, mean_y = _sum(z, share), _sum(y, share)
    centred = z - mean_z[..., None]  # before squaring: for small alpha z is almost constant
    variance = _sum(centred**2, share)
    covariance = _sum(centred * (y - mean_y[..., None]), share)
    slope = np.maximum(covariance / np.maximum(variance, np.finfo(float).tiny), 0)
    return np.asarray(np.maximum(mean_y - slope * mean_z, 0))


def _sum(values: Floats, weights: Floats) -> Floats:
    return np.asarray(np.einsum("...n,...n->...", values, weights))


def geometric_mean(x: Floats) -> float:
    """The geometric mean of the finite sizes."""
    return math.exp(float(np.log(x[np.isfinite(x)]).mean()))


@dc.dataclass(frozen=True, eq=False)
class FittedOne(Fitted):
    """The best power laws, (...,) each, with the fitted losses `mean`, (..., n), and the
    weights as given. The amplitude belongs to x in units of `scale`.
    """

    alpha: Floats
    mean: Floats
    weights: Floats
    scale: float

    @property
    def draws(self) -> Floats:
        """(..., 3) alpha, floor and amplitude, in units of loss times size^alpha."""
        amplitude = self.amplitude * self.scale**self.alpha
        return np.stack([self.alpha, self.floor, amplitude], axis=-1)


@dc.dataclass(frozen=True, eq=False)
class Profile:
    """The weighted sum of squares as a function of the exponent, for one or many sets of
    losses.

    x : (n,) sizes; an infinite one has power zero. y, weights : (..., n).
    """

    x: Floats
    y: Floats
    weights: Floats
    floor: float | None

    @ft.cached_property
    def scale(self) -> float:
        """The middle size: in units of it A and E are of the same magnitude."""
        return geometric_mean(self.x)

    def powers(self, alpha: Floats | float) -> Floats:
        """(x / scale)^-alpha, (..., n)."""
        with np.errstate(over="ignore"):
            return np.asarray((self.x / self.scale) ** -np.asarray(alpha)[..., None])

    def at(self, alpha: Floats | float) -> Fitted:
        """The linear fits at these exponents, (..., sets)."""
        return project(self.powers(alpha), self.y, self.weights, self.floor)

    def cost(self, log_alpha: float) -> float:
        return float(self.at(math.exp(log_alpha)).cost)

    def minimise(self) -> Floats:
        """(sets,) best exponents, on a grid, then on ever finer ones around the best."""
        column = (-1,) + (1,) * (self.y.ndim - 1)
        ends = math.log(ALPHA_MIN), math.log(ALPHA_MAX)
        logs = np.log(COARSE)
        best = logs[self.at(COARSE.reshape(column)).cost.argmin(0)]
        step = float(logs[1] - logs[0])
        while step > LAST_STEP:
            near = np.clip(best + step * NEAR.reshape(column), *ends)
            place = self.at(np.exp(near)).cost.argmin(0)
            best = np.take_along_axis(near, place[None], 0)[0]
            step *= NEAR[-1] - NEAR[-2]
        return np.asarray(np.exp(best))

    def fit(self) -> FittedOne:
        """The best law of each set."""
        alpha = self.minimise()
        powers = self.powers(alpha)
        found = project(powers, self.y, self.weights, self.floor)
        mean = found.floor[..., None] + found.amplitude[..., None] * powers
        return FittedOne(
            **vars(found), alpha=alpha, mean=mean, weights=self.weights, scale=self.scale
        )

    def region(self, alpha: float, limit: float) -> tuple[float, float]:
        """Where the profile around its minimum `alpha` stays below `limit`; 0 or infinity
        where it does so up to the end of the grid. For one set of losses.
        """
        outside = GRID[self.at(GRID).cost > limit]
        below, above = outside[outside < alpha], outside[outside > alpha]

        def end(beyond: float) -> float:
            ends = math.log(beyond), math.log(alpha)
            return math.exp(crossing(lambda t: self.cost(t) - limit, *ends))

        low = end(below[-1]) if len(below) else 0.0
        return low, end(above[0]) if len(above) else math.inf


def crossing(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Where the excess over a limit vanishes between `outside` and `inside`."""
    if excess(inside) >= 0:
        return inside
    tolerance = 1e-9 * abs(outside - inside)
    return float(optimize.brentq(excess, outside, inside, xtol=tolerance))
