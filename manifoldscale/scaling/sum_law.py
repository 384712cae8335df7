"""The sum of two power laws, L(D, P) = E + A P^-a + B D^-b: the joint law's rival.

Hoffmann et al. (2022) fit it to language models. It approaches its plateau along one
resource with that resource's own exponent, where the joint law does so as 1 / M; losses
that follow the one give wrong exponents with the other.
"""

import dataclasses as dc
import math
from typing import Any

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.interval import Interval, number
from ..core.learning_curve import Axis

STARTS = np.array([0.1, 0.2, 0.35, 0.6, 1.0, 1.6])  # of either exponent
LOWEST, HIGHEST = math.log(0.01), math.log(8.0)
ROUNDING = 1e-4  # relative errors below this are no evidence


@dc.dataclass(frozen=True)
class SumLaw:
    """A fitted sum of two power laws.

    Attributes
    ----------
    alpha_D, alpha_P : exponents, with `interval_D` and `interval_P`, independent.
    floor : E; cost : weighted sum of squares of relative residuals; unknowns : fitted.
    """

    alpha_D: float
    interval_D: Interval
    alpha_P: float
    interval_P: Interval
    floor: float
    cost: float
    unknowns: int

    def facts(self, axis: Axis) -> str:
        return (
            f"alpha_D {number(self.alpha_D)} {self.interval_D}, {axis.exponent} "
            f"{number(self.alpha_P)} {self.interval_P}, floor {number(self.floor)}"
        )


def fit_sum(
    data: Floats,
    parameters: Floats,
    loss: Floats,
    runs: Floats,
    floor: float | None,
    level: float,
) -> SumLaw:
    """Fit mean losses at pairs of sizes, with a constant relative error.

    floor : E where it is known; None fits it.
    """
    problem = _Sum(np.log(data), np.log(parameters), loss, floor, np.sqrt(runs) / loss)
    best = problem.minimise()
    for _ in range(2):  # errors relative to the fit, not to the data
        fitted = problem.fitted(best.x)
        problem = dc.replace(problem, roots=np.sqrt(runs) / fitted)
        best = problem.polish(best.x)
    unknowns = 4 + (floor is None)
    freedom = len(loss) - unknowns
    variance = max(2 * best.cost / freedom, ROUNDING**2)
    errors = np.sqrt(np.diag(np.linalg.pinv(best.jac.T @ best.jac)) * variance)
    half = errors * float(stats.t.ppf(0.5 + level / 2, freedom))

    def interval(which: int) -> Interval:
        # Beyond a factor of e^20 there is no knowledge, and no number either.
        if half[which] > 20:
            return Interval(0.0, math.inf, level)
        ends = np.exp(best.x[which] + np.array([-1, 1]) * half[which])
        return Interval(float(ends[0]), float(ends[1]), level)

    alpha_D, alpha_P = np.exp(best.x)
    return SumLaw(
        alpha_D=float(alpha_D),
        interval_D=interval(0),
        alpha_P=float(alpha_P),
        interval_P=interval(1),
        floor=float(problem.linear(best.x)[0]) if floor is None else floor,
        cost=2 * float(best.cost),
        unknowns=unknowns,
    )


@dc.dataclass(frozen=True, eq=False)
class _Sum:
    """Least squares over (log b, log a); E, A and B, none negative, projected out.

    roots : square roots of the weights.
    """

    log_data: Floats
    log_parameters: Floats
    loss: Floats
    floor: float | None
    roots: Floats

    def columns(self, x: Floats) -> Floats:
        """1, D^-b, P^-a, the powers about the middle size, where their columns are O(1)."""
        b, a = np.exp(x)
        logs = self.log_data, self.log_parameters
        powers = [
            np.exp(-alpha * (log - log.mean()))
            for alpha, log in zip((b, a), logs, strict=True)
        ]
        free = [] if self.floor is not None else [np.ones_like(self.loss)]
        return np.column_stack([*free, *powers])

    def linear(self, x: Floats) -> Floats:
        level = self.floor or 0.0
        found, _ = optimize.nnls(
            self.columns(x) * self.roots[:, None], (self.loss - level) * self.roots
        )
        return np.asarray(found)

    def fitted(self, x: Floats) -> Floats:
        return np.asarray((self.floor or 0.0) + self.columns(x) @ self.linear(x))

    def residuals(self, x: Floats) -> Floats:
        return np.asarray((self.loss - self.fitted(x)) * self.roots)

    def minimise(self) -> Any:
        """Polished from the three best of a coarse grid."""
        starts = [np.log([b, a]) for b in STARTS for a in STARTS]
        starts.sort(key=lambda x: float((self.residuals(x) ** 2).sum()))
        return min(map(self.polish, starts[:3]), key=lambda found: float(found.cost))

    def polish(self, start: Floats) -> Any:
        ends = (LOWEST, HIGHEST)
        return optimize.least_squares(
            self.residuals, np.clip(start, *ends), bounds=ends, x_scale=1.0, max_nfev=60
        )
