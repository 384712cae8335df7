"""The sum of two power laws, L(D, P) = E + A P^-alpha_P + B D^-alpha_D.

Hoffmann et al. (2022) fit it to language models. It approaches its plateau along one
resource with that resource's own exponent, where the joint law does so as 1 / M: losses
that follow the one give wrong exponents with the other.
"""

import dataclasses as dc
import math
from typing import Any

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.nonnegative import nonnegative
from .floor import stated_floor
from .grid import Grid, GridLaw, grid_of, require_enough

STARTS = np.array([0.1, 0.2, 0.35, 0.6, 1.0, 1.6])  # of either exponent
LOWEST, HIGHEST = math.log(0.01), math.log(8.0)
ROUNDING = 1e-4  # relative errors below this are no evidence
IDLE = 0.05  # p-value of a term above which the losses do not depend on its resource


@dc.dataclass(frozen=True, eq=False)
class SumLaw(GridLaw):
    """A fitted sum of two power laws.

    Attributes
    ----------
    alpha_D, alpha_P : exponents with `interval_D`, `interval_P`, independent of each other.
        Where the losses do not depend on a resource its term is left out: the amplitude is
        0, the exponent NaN, its interval from 0 to infinity, and a caveat says so.
    floor, floor_interval : E; the interval is a point where E was given.
    floor_rule : "fitted" or "given".
    A, B : amplitudes of the parameters and of the data.
    optimal, optimal_interval : exponent with which the best P grows with the compute P D,
        alpha_D / (alpha_D + alpha_P); that of D is the rest to one.
    misfit : relative root mean square of the residuals.
    cost, unknowns : weighted sum of squares of the relative residuals, and what was fitted.
    """

    floor: float
    floor_interval: Interval
    A: float
    B: float
    optimal_interval: Interval
    cost: float
    unknowns: int
    floor_rule: str
    caveats: tuple[Remark, ...] = ()

    @property
    def idle(self) -> list[Axis]:
        """The resources on which the losses do not depend."""
        terms = ((self.B, Axis.data), (self.A, self.grid.axis))
        return [axis for amplitude, axis in terms if amplitude == 0]

    @property
    def optimal(self) -> float:
        return self.alpha_D / (self.alpha_D + self.alpha_P)

    @property
    def misfit(self) -> float:
        return math.sqrt(self.cost / self.grid.runs.sum())

    def predict(self, dataset_size: Any, parameters: Any) -> Floats:
        """The fitted loss, sizes broadcast against each other; np.inf is a limit."""
        d, p = (np.asarray(size, dtype=float) for size in (dataset_size, parameters))
        terms = ((self.A, p, self.alpha_P), (self.B, d, self.alpha_D))
        falling = [a * x**-alpha if a > 0 else 0 * x**-1 for a, x, alpha in terms]
        return np.asarray(self.floor + sum(falling))

    def compute_optimal(self, product: Any) -> tuple[Floats, Floats]:
        """The D and the P of the smallest loss at a given product P D.

        Where a step costs 6 P operations an example, as in language models, the product is
        compute / 6. The stationary point of E + A P^-a + B D^-b at fixed P D is
        P = G (P D)^(b / (a + b)) with G = (a A / (b B))^(1 / (a + b)).

        Raises
        ------
        ManifoldScaleError : the losses do not depend on one of the two.
        """
        idle = " or ".join(axis.value for axis in self.idle)
        require(
            not idle,
            f"There is no best pair of sizes: the losses do not depend on {idle}.",
        )
        total = self.alpha_P + self.alpha_D
        balance = (self.alpha_P * self.A / (self.alpha_D * self.B)) ** (1 / total)
        product = np.asarray(product, dtype=float)
        parameters = balance * product**self.optimal
        return product / parameters, parameters

    def facts(self) -> str:
        fitted = (
            f" {self.floor_interval.labelled}" if self.floor_rule == "fitted" else ", given"
        )
        return f"{self.exponents_in_words}, floor {number(self.floor)}{fitted}"

    def headline(self) -> str:
        size = f"{len(self.grid)} pairs, residuals {100 * self.misfit:.1f} %"
        return f"{self.facts()} ({size})"

    def row(self) -> dict[str, Any]:
        return super().row() | {
            "floor": self.floor,
            "floor_low": self.floor_interval.low,
            "floor_high": self.floor_interval.high,
            "A": self.A,
            "B": self.B,
            "optimal": self.optimal,
            "optimal_low": self.optimal_interval.low,
            "optimal_high": self.optimal_interval.high,
            "misfit": self.misfit,
        }


def fit_sum(
    curve: LearningCurve,
    axis: Axis | str = Axis.parameters,
    floor: str | float = "free",
    level: float = 0.95,
) -> SumLaw:
    """Fit E + A P^-alpha_P + B D^-alpha_D to runs over both resources.

    Parameters
    ----------
    curve : runs that say their dataset size and the other resource.
    axis : the other resource, "parameters" or "width".
    floor : "free", "zero" or a number.
    level : of the intervals, those of the linearised fit in the logarithms of the
        exponents, with Student's t.

    Losses are means over seeds, with a constant relative error. Exponents, amplitudes and
    the floor are positive. A term without which the losses are described as well (an F test
    at 5 %) is left out, as nothing is known of its exponent.

    Raises
    ------
    ManifoldScaleError : less than three values of either resource, fewer pairs than
        unknowns and two, settings that make no sense.
    """
    check_level(level)
    grid = grid_of(curve, axis)
    known = stated_floor(floor, float(grid.loss.min()))
    require_enough(grid, 4 + (known is None))
    law = sum_of_powers(grid, known, level)
    misfit = grid.lack_of_fit(law.cost, law.unknowns)
    idle = [Caveat.IDLE_RESOURCE(axis.value) for axis in law.idle]
    return dc.replace(law, caveats=(*grid.remarks, *idle, *misfit, *grid.aligned()))


def sum_of_powers(grid: Grid, floor: float | None, level: float) -> SumLaw:
    """The fit itself, without caveats; `floor` is E where it is known."""
    problem = _Sum(grid, floor, np.sqrt(grid.runs) / grid.loss)
    problem, x = _reweighted(problem, problem.minimise())
    problem, x = _without_idle_terms(problem, x)
    cost, freedom = problem.cost(x), len(grid) - problem.unknowns
    covariance = problem.covariance(x) * max(cost / freedom, ROUNDING**2)
    quantile = float(stats.t.ppf(0.5 + level / 2, freedom))
    kept_D, kept_P = problem.kept

    def half(*weights: float) -> float:
        """Of the sum of log alpha_D, log alpha_P and E with these weights."""
        if (weights[0] and not kept_D) or (weights[1] and not kept_P):
            return math.inf
        w = np.array(weights)
        return quantile * math.sqrt(max(float(w @ covariance @ w), 0.0))

    alpha_D = math.exp(x[0]) if kept_D else math.nan
    alpha_P = math.exp(x[1]) if kept_P else math.nan
    E, A, B = problem.linear(x)
    odds = _about(alpha_D / alpha_P, half(1, -1, 0), level)
    wide = half(0, 0, 1)
    highest = max(E, float(grid.loss.min()))
    return SumLaw(
        alpha_D=alpha_D,
        interval_D=_about(alpha_D, half(1, 0, 0), level),
        alpha_P=alpha_P,
        interval_P=_about(alpha_P, half(0, 1, 0), level),
        floor=E,
        floor_interval=Interval(max(E - wide, 0.0), min(E + wide, highest), level),
        A=A,
        B=B,
        optimal_interval=odds.map(_share),
        cost=cost,
        unknowns=problem.unknowns,
        floor_rule="fitted" if floor is None else "given",
        grid=grid,
    )


def _reweighted(problem: "_Sum", x: Floats) -> tuple["_Sum", Floats]:
    """With errors relative to the fit, not to the data."""
    for _ in range(2):
        problem = dc.replace(problem, roots=np.sqrt(problem.grid.runs) / problem.fitted(x))
        x = problem.polish(x).x
    return problem, x


def _without_idle_terms(problem: "_Sum", x: Floats) -> tuple["_Sum", Floats]:
    """The fit without the terms that the losses do not need, the least needed first.

    At an amplitude of nothing an exponent may have any value, and the linearised fit tells
    nothing of it.
    """
    freedom = len(problem.grid) - problem.unknowns
    while any(problem.kept) and (problem.floor is None or all(problem.kept)):
        scale = max(problem.cost(x) / freedom, ROUNDING**2)
        fewer = []
        for term in np.flatnonzero(problem.kept):
            kept_D, kept_P = (k and i != term for i, k in enumerate(problem.kept))
            less = dc.replace(problem, kept=(kept_D, kept_P))
            found = less.minimise()
            gain = max(less.cost(found) - problem.cost(x), 0.0)
            fewer.append((float(stats.f.sf(gain / 2 / scale, 2, freedom)), less, found))
        p, less, found = max(fewer, key=lambda one: one[0])
        if not p > IDLE:
            break
        problem, x = _reweighted(less, found)
    return problem, x


def _share(odds: float) -> float:
    return 1.0 if math.isinf(odds) else odds / (1 + odds)


def _about(value: float, half: float, level: float) -> Interval:
    # Beyond a factor of e^20 there is no knowledge, and no number either.
    if not half <= 20:
        return Interval(0.0, math.inf, level)
    return Interval(value * math.exp(-half), value * math.exp(half), level)


@dc.dataclass(frozen=True, eq=False)
class _Sum:
    """Least squares over (log alpha_D, log alpha_P); E, A and B, none negative, projected
    out.

    roots : square roots of the weights.
    kept : whether there is a term of D, and one of P.
    """

    grid: Grid
    floor: float | None
    roots: Floats
    kept: tuple[bool, bool] = (True, True)

    @property
    def unknowns(self) -> int:
        return 2 * sum(self.kept) + (self.floor is None)

    @property
    def logs(self) -> Floats:
        """(2, pairs) log sizes."""
        return np.log(np.stack([self.grid.data, self.grid.parameters]))

    @property
    def centred(self) -> Floats:
        """The same about the middle size, where powers are O(1)."""
        return np.asarray(self.logs - self.logs.mean(axis=1, keepdims=True))

    def columns(self, x: Floats) -> Floats:
        """(pairs, 3) one where E is fitted, P^-alpha_P, D^-alpha_D; zero where they are
        not.
        """
        by_D, by_P = np.exp(-np.exp(x)[:, None] * self.centred)
        used = [self.floor is None, *self.kept[::-1]]
        return np.column_stack([np.ones_like(by_D), by_P, by_D]) * used

    def coefficients(self, x: Floats) -> Floats:
        """(3,) of the columns."""
        columns, level = self.columns(x), self.floor or 0.0
        used = columns.any(axis=0)
        found = np.zeros(3)
        found[used] = nonnegative(
            columns[:, used] * self.roots[:, None], (self.grid.loss - level) * self.roots
        )[0]
        return found

    def linear(self, x: Floats) -> tuple[float, float, float]:
        """E, A and B in the units of the sizes."""
        E, a, b = map(float, self.coefficients(x))
        middle_D, middle_P = self.logs.mean(axis=1)
        alpha_D, alpha_P = np.exp(x)
        A, B = a * math.exp(alpha_P * middle_P), b * math.exp(alpha_D * middle_D)
        return (E if self.floor is None else self.floor), A, B

    def fitted(self, x: Floats) -> Floats:
        return np.asarray((self.floor or 0.0) + self.columns(x) @ self.coefficients(x))

    def residuals(self, x: Floats) -> Floats:
        return np.asarray((self.grid.loss - self.fitted(x)) * self.roots)

    def cost(self, x: Floats) -> float:
        return float((self.residuals(x) ** 2).sum())

    def minimise(self) -> Floats:
        """Polished from the three best of a coarse grid."""
        of_D, of_P = (STARTS if kept else STARTS[:1] for kept in self.kept)
        starts = [np.log([b, a]) for b in of_D for a in of_P]
        starts.sort(key=self.cost)
        best = min(map(self.polish, starts[:3]), key=lambda found: float(found.cost))
        return np.asarray(best.x)

    def polish(self, start: Floats) -> Any:
        ends = (LOWEST, HIGHEST)
        return optimize.least_squares(
            self.residuals, np.clip(start, *ends), bounds=ends, x_scale=1.0, max_nfev=60
        )

    def covariance(self, x: Floats) -> Floats:
        """(3, 3) of (log alpha_D, log alpha_P, E), for errors of unit weight.

        E is free to move even where it ended at zero: held there, it would lend the
        exponents a certainty that they do not have.
        """
        columns, coefficients = self.columns(x), self.coefficients(x)
        by_P, by_D = (columns[:, 1:] * coefficients[1:]).T
        slopes = -np.exp(x)[:, None] * self.centred * np.stack([by_D, by_P])
        jacobian = np.column_stack([*slopes, columns]) * self.roots[:, None]
        # E comes first of the columns; what is not fitted is a column of zeros.
        return np.asarray(np.linalg.pinv(jacobian.T @ jacobian)[:3, :3], dtype=float)
