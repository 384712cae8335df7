"""Variable projection: for a given exponent a power law is a linear fit.

L(x) = E + A x^-alpha is linear in (E, A). For any alpha the best E >= 0 and A >= 0 follow
in closed form, so the whole profile S(alpha) of the weighted sum of squares is one array
operation: no starting point, no local minimum missed, and hundreds of bootstrap fits at
once.
"""

import dataclasses as dc
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize

from ..core.arrays import Floats

ALPHA_MIN, ALPHA_MAX = 0.01, 8.0
GRID = np.geomspace(ALPHA_MIN, ALPHA_MAX, 600)
COARSE = np.geomspace(ALPHA_MIN, ALPHA_MAX, 120)  # where many fits are made


@dc.dataclass(frozen=True)
class Fitted:
    """Linear fits: weighted sum of squares, floor E and amplitude A of each."""

    cost: Floats
    floor: Floats
    amplitude: Floats


def project(z: Floats, y: Floats, weights: Floats, floor: float | None) -> Fitted:
    """Weighted least squares of y = E + A z with E, A >= 0.

    z, y, weights : (..., n), broadcast against each other; floor : E where it is known,
    None to fit it. The plane's solution is taken where it is admissible, else the
    edge of the admissible region (the problem is convex).
    """
    level = np.asarray(floor) if floor is not None else _free_floor(z, y, weights)
    residual = y - level[..., None]
    # With E given, A is a regression through the origin.
    amplitude = np.maximum(_sum(z * residual, weights) / _sum(z * z, weights), 0)
    cost = _sum((residual - amplitude[..., None] * z) ** 2, weights)
    return Fitted(cost, np.broadcast_to(level, cost.shape), amplitude)


def _free_floor(z: Floats, y: Floats, weights: Floats) -> Floats:
    """The best E >= 0: that of the straight line, where it is positive.

    The line has slope A = C_zy / C_zz in centred sums and E = mean(y) - A mean(z). Where
    A would be negative, A = 0 and E is the mean.
    """
    share = weights / weights.sum(-1, keepdims=True)
    mean_z, mean_y = _sum(z, share), _sum(y, share)
    centred = z - mean_z[..., None]  # first: for small alpha z is nearly constant
    variance = _sum(centred**2, share)
    covariance = _sum(centred * (y - mean_y[..., None]), share)
    slope = np.maximum(covariance / np.maximum(variance, np.finfo(float).tiny), 0)
    return np.asarray(np.maximum(mean_y - slope * mean_z, 0))


def _sum(values: Floats, weights: Floats) -> Floats:
    return np.asarray(np.einsum("...n,...n->...", values, weights))


@dc.dataclass(frozen=True, eq=False)
class Profile:
    """The weighted sum of squares as a function of the exponent.

    x : sizes, an infinite one has power zero; scale : their geometric mean, which keeps
    A and E of one magnitude.
    """

    x: Floats
    y: Floats
    weights: Floats
    floor: float | None

    @property
    def scale(self) -> float:
        finite = np.isfinite(self.x)
        return math.exp(np.log(self.x[finite]).mean())

    def powers(self, alpha: Floats) -> Floats:
        """(x / scale)^-alpha, (..., n)."""
        with np.errstate(over="ignore"):
            return np.asarray((self.x / self.scale) ** -np.asarray(alpha)[..., None])

    def at(self, alpha: Floats | float) -> Fitted:
        """The linear fits at these exponents."""
        return project(self.powers(np.asarray(alpha)), self.y, self.weights, self.floor)

    def cost(self, log_alpha: float) -> float:
        return float(self.at(math.exp(log_alpha)).cost)

    def minimise(self) -> float:
        """The best exponent: of the grid, then between its neighbours."""
        best = int(self.at(GRID).cost.argmin())
        ends = GRID[[max(best - 1, 0), min(best + 1, len(GRID) - 1)]]
        found = optimize.minimize_scalar(
            self.cost,
            bounds=tuple(np.log(ends)),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return math.exp(found.x)

    def region(self, alpha: float, limit: float) -> tuple[float, float]:
        """Where the profile around its minimum `alpha` stays below `limit`; 0 or infinity
        where it does so up to the end of the grid.
        """
        outside = GRID[self.at(GRID).cost > limit]
        below, above = outside[outside < alpha], outside[outside > alpha]
        low = self._crossing(below[-1], alpha, limit) if len(below) else 0.0
        high = self._crossing(above[0], alpha, limit) if len(above) else math.inf
        return low, high

    def _crossing(self, outside: float, inside: float, limit: float) -> float:
        return crossing(lambda t: self.cost(t) - limit, math.log(outside), math.log(inside))


def crossing(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """exp(t) where the excess over the limit vanishes."""
    if excess(inside) >= 0:
        return math.exp(inside)
    return math.exp(optimize.brentq(excess, outside, inside, xtol=1e-12))
