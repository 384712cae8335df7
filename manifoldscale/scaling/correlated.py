"""Intervals where errors of neighbouring sizes go together, as along one training run.

Errors relative to the curve are taken as an autoregression of first order along the sizes,
e_i = r e_(i-1) + sqrt(1 - r^2) u_i. The log-likelihood of alpha is then

    l(alpha) = log sum_r exp[-(f / 2) log C(alpha, r) + log(1 - r^2) / 2 - log|X'X| / 2],

where C is the sum of squares of the whitened residuals, with floor and amplitude projected
out, X holds the whitened directions in which the curve can move at the estimate (as in
restricted maximum likelihood), and f = n - 3. The region is where l has fallen by at most

    (nu / 2) log(1 + F(level; 1, nu) / nu),   nu = f E[(1 - r) / (1 + r)],

which at r = 0 is the region of independent errors. It matters to sum over r and not to take
the best one: a few sizes hardly tell r. Coverage is tested at r = 0, 0.5 and 0.9.
"""

import dataclasses as dc
import math

import numpy as np
from scipy import special, stats

from ..core.arrays import Floats
from ..core.interval import Interval
from ..core.random import keyed
from .projection import ALPHA_MAX, ALPHA_MIN, geometric_mean

CORRELATIONS = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.87, 0.92, 0.96, 0.985])
COARSE, FINE, ROUNDS = 250, 120, 3  # exponents of a grid, and how often it is narrowed
FLOORS = 200
SHUFFLES = 999
SMALLEST = 1e-14  # share of the squares that is rounding


@dc.dataclass(frozen=True, eq=False)
class Series:
    """Losses in the order of sizes: (n,) each. `deviation` is proportional to the standard
    deviation of each error, for instance the fitted loss; `floor` is None where unknown.
    """

    x: Floats
    y: Floats
    deviation: Floats
    floor: float | None

    @property
    def freedom(self) -> int:
        return len(self.x) - (3 if self.floor is None else 2)

    def powers(self, alpha: Floats) -> Floats:
        return np.asarray((self.x / geometric_mean(self.x)) ** -alpha[:, None])

    def tangent(self, alpha: float) -> Floats:
        """(unknowns, n) directions in which the curve can move."""
        power = self.powers(np.array([alpha]))[0]
        columns = [power, power * np.log(self.x / geometric_mean(self.x))]
        if self.floor is None:
            columns.append(np.ones(len(power)))
        return np.array(columns) / self.deviation


def whitened(columns: Floats, r: float) -> Floats:
    """(..., n) errors of correlation r made independent, with variance 1 - r^2."""
    found = columns.copy()
    found[..., 1:] -= r * columns[..., :-1]
    found[..., 0] *= math.sqrt(1 - r * r)
    return found


def effective(n: int, r: float) -> float:
    """How many independent errors n of correlation r count as: n (1 - r) / (1 + r)."""
    return max(n * (1 - r) / (1 + r), 1.0)


def autoregressive(shocks: Floats, r: float) -> Floats:
    """(..., n) errors of variance one and correlation r, from independent shocks."""
    found = shocks.copy()
    for i in range(1, shocks.shape[-1]):
        found[..., i] = r * found[..., i - 1] + math.sqrt(1 - r * r) * shocks[..., i]
    return found


@dc.dataclass(frozen=True, eq=False)
class Correlated:
    """Intervals of alpha and of the floor where errors may go together, and the posterior
    mean of their correlation. The names are those that a `Solution` has for them.
    """

    interval: Interval
    floor_interval: Interval
    correlation: float


def correlated(
    series: Series, alpha: float, floor: float, level: float, stretch: float
) -> Correlated:
    """The regions. `alpha` and `floor` are the estimates under independent errors, and the
    regions are extended to hold them; `stretch` multiplies the allowed fall of the
    likelihood.
    """
    penalty = _penalty(series, alpha)
    grid = np.geomspace(ALPHA_MIN, ALPHA_MAX, COARSE)
    for left in reversed(range(ROUNDS)):
        costs = np.array([_Whitened.of(series, grid, r).cost() for r in CORRELATIONS])
        logs = penalty[:, None] - series.freedom / 2 * np.log(costs)
        likely = special.logsumexp(logs, axis=0)
        weights = special.softmax(special.logsumexp(logs, axis=1))
        fall = stretch * _fall(series.freedom, weights, level)
        inside = np.flatnonzero(likely >= likely.max() - fall)
        first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, len(grid) - 1)
        if left:
            grid = np.geomspace(grid[first], grid[last], FINE)
    low, high = float(grid[inside[0]]), float(grid[inside[-1]])
    low = 0.0 if low <= ALPHA_MIN * 1.001 else low
    high = math.inf if high >= ALPHA_MAX / 1.001 else high
    return Correlated(
        Interval(min(low, alpha), max(high, alpha), level),
        _floors(series, penalty, grid, floor, fall, level),
        float(weights @ CORRELATIONS),
    )


def _fall(freedom: int, weights: Floats, level: float) -> float:
    nu = max(freedom * float(weights @ ((1 - CORRELATIONS) / (1 + CORRELATIONS))), 1.0)
    return nu / 2 * math.log1p(float(stats.f.ppf(level, 1, nu)) / nu)


def _penalty(series: Series, alpha: float) -> Floats:
    """(correlations,) log(1 - r^2) / 2 - log|X'X| / 2."""
    tangent, found = series.tangent(alpha), []
    for r in CORRELATIONS:
        x = whitened(tangent, r)
        found.append((math.log(1 - r * r) - np.linalg.slogdet(x @ x.T)[1]) / 2)
    return np.array(found)


@dc.dataclass(frozen=True, eq=False)
class _Whitened:
    """Products of whitened columns: v are the powers, (alphas,); u is a constant; b are the
    losses above the known floor.
    """

    vv: Floats
    uv: Floats
    vb: Floats
    uu: float
    ub: float
    bb: float
    floor: float | None

    @classmethod
    def of(cls, series: Series, alpha: Floats, r: float) -> "_Whitened":
        v = whitened(series.powers(alpha) / series.deviation, r)
        u = whitened(1 / series.deviation, r)
        b = whitened((series.y - (series.floor or 0.0)) / series.deviation, r)
        u_b, b_b = float(u @ b), float(b @ b)
        return cls((v * v).sum(1), v @ u, v @ b, float(u @ u), u_b, b_b, series.floor)

    def cost(self) -> Floats:
        """(alphas,) sums of squares at the best floor and amplitude of at least zero."""
        if self.floor is not None:
            return self.at_floors(np.zeros(1))[:, 0]
        area = np.maximum(self.vv * self.uu - self.uv**2, np.finfo(float).tiny)
        A = (self.uu * self.vb - self.uv * self.ub) / area
        E = (self.vv * self.ub - self.uv * self.vb) / area
        both = self.bb - A * self.vb - E * self.ub
        cost = np.where(E >= 0, both, self.at_floors(np.zeros(1))[:, 0])
        cost = np.where(A >= 0, cost, self.bb - self.ub**2 / self.uu)
        return np.maximum(cost, self.bb * SMALLEST)

    def at_floors(self, floors: Floats) -> Floats:
        """(alphas, floors) sums of squares above each floor."""
        pull = np.maximum(self.vb[:, None] - floors * self.uv[:, None], 0)
        above = self.bb - 2 * floors * self.ub + floors**2 * self.uu
        return np.maximum(above - pull**2 / self.vv[:, None], self.bb * SMALLEST)


def _floors(
    series: Series, penalty: Floats, grid: Floats, best: float, fall: float, level: float
) -> Interval:
    """Where the likelihood of the floor, at its best exponent, stays as high."""
    if series.floor is not None:
        return Interval(best, best, level)
    alphas = np.append(grid, np.geomspace(ALPHA_MIN, ALPHA_MAX, FINE))
    whitened_by = [_Whitened.of(series, alphas, r) for r in CORRELATIONS]
    # At most the mean loss, where nothing is left to fall: errors lie below a floor too.
    low, high = 0.0, float(np.average(series.y, weights=series.deviation**-2.0))
    for left in reversed(range(ROUNDS)):
        values = np.unique(np.append(np.linspace(low, high, FLOORS), best))
        costs = np.array([one.at_floors(values).min(0) for one in whitened_by])
        logs = penalty[:, None] - series.freedom / 2 * np.log(costs)
        likely = special.logsumexp(logs, axis=0)
        inside = np.flatnonzero(likely >= likely.max() - fall)
        beyond = 1 if left else 0  # a coarse grid may step over all but the best floor
        low = float(values[max(inside[0] - beyond, 0)])
        high = float(values[min(inside[-1] + beyond, len(values) - 1)])
    return Interval(min(low, best), max(high, best), level)


def serial_p(series: Series, residual: Floats, alpha: float) -> float:
    """p-value of the correlation of neighbouring residuals, r_1 = sum e_i e_(i+1) / sum
    e_i^2, against that of independent normal errors fitted by the same curve.
    """
    basis, _ = np.linalg.qr(series.tangent(alpha).T)
    drawn = keyed(0, "serial correlation").standard_normal((SHUFFLES, len(residual)))
    drawn -= drawn @ basis @ basis.T

    def lag(e: Floats) -> Floats:
        return np.asarray((e[..., 1:] * e[..., :-1]).sum(-1) / (e * e).sum(-1))

    above = int((lag(drawn) >= lag(residual)).sum())
    return (1 + above) / (1 + SHUFFLES)


def bend_p(series: Series, alpha: float, r: float) -> float:
    """p-value of no further bend, by an F test of the terms A x^-alpha log^2 x and log^3 x
    beside the law, with errors of correlation r.
    """
    tangent = series.tangent(alpha)
    log = np.log(series.x / geometric_mean(series.x))
    bends = tangent[0] * np.array([log**2, log**3])
    of_all = whitened(np.vstack([tangent, bends]), r).T
    shift = series.y - (series.floor or 0.0)
    target = whitened(shift / series.deviation, r)

    def left(columns: Floats) -> float:
        found = np.linalg.lstsq(columns, target, rcond=None)[0]
        return float(((target - columns @ found) ** 2).sum())

    freedom = len(target) - of_all.shape[1]
    if freedom < 2:
        return math.nan
    without, with_bends = left(of_all[:, : len(tangent)]), left(of_all)
    noise = max(with_bends / freedom, 1e-24 * float((target**2).mean()))
    gain = (without - with_bends) / len(bends) / noise
    return float(stats.f.sf(gain, len(bends), freedom))
