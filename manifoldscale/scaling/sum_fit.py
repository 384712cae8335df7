"""Fits of the sum of two power laws, by least squares or with errors of any law.

In the second case the best few starts are polished in all unknowns at once, to the bottom
of the objective.
"""

import dataclasses as dc
import functools as ft
import math
from typing import Any

import numpy as np
from scipy import optimize

from ..core.arrays import Floats
from .powers import SumOfPowers
from .separable import Separable
from .tails import ErrorLaw, scale_of

STARTS = np.array([0.1, 0.2, 0.35, 0.6, 1.0, 1.6])  # of either exponent
LOWEST, HIGHEST = math.log(0.01), math.log(8.0)
POLISHED = 4  # of the starts
SETTLED = 1e-9  # relative gain of a round of polishing below which it has converged
ROUNDS = 12
LEAST_SCALE = 1e-6  # of log losses: exact ones would have a scale of zero, no likelihood


@dc.dataclass(frozen=True, eq=False)
class SumProblem(Separable):
    """The losses, and which unknowns are fitted; x are the logarithms of the exponents.

    Attributes
    ----------
    kept : whether there is a term of D, and one of P.
    tied : alpha_D = alpha_P.
    """

    ends = LOWEST, HIGHEST

    kept: tuple[bool, bool] = (True, True)
    tied: bool = False

    @property
    def unknowns(self) -> int:
        return 2 * sum(self.kept) + (self.floor is None) - self.one_exponent

    @property
    def one_exponent(self) -> bool:
        return self.tied and all(self.kept)

    @ft.cached_property
    def middle(self) -> Floats:
        """(2,) log sizes."""
        return np.asarray(self.logs.mean(axis=1))

    @ft.cached_property
    def logs(self) -> Floats:
        """(2, pairs) log sizes."""
        return np.log(np.stack([self.grid.data, self.grid.parameters]))

    @ft.cached_property
    def centred(self) -> Floats:
        """Log sizes about the middle one, where powers are O(1)."""
        return np.asarray(self.logs - self.middle[:, None])

    def both(self, x: Floats) -> Floats:
        """(2,) log alpha_D and log alpha_P, from one exponent or two."""
        return np.repeat(x, 2) if len(x) == 1 else x

    def columns(self, x: Floats) -> Floats:
        """(pairs, 3) ones, D^-alpha_D and P^-alpha_P; zero where a term is not fitted."""
        powers = np.exp(-np.exp(self.both(x))[:, None] * self.centred)
        used = [self.floor is None, *self.kept]
        return np.column_stack([np.ones(len(self.grid)), *powers]) * used

    def law(self, x: Floats, coefficients: Floats | None = None) -> SumOfPowers:
        """The law in the units of the sizes; coefficients that are not given come from
        least squares.
        """
        if coefficients is None:
            coefficients = self.coefficients(x)
        E, b, a = map(float, coefficients)
        alphas = np.exp(self.both(x))
        B, A = np.array([b, a]) * np.exp(alphas * self.middle)
        alpha_D, alpha_P = (
            float(alpha) if kept else math.nan
            for alpha, kept in zip(alphas, self.kept, strict=True)
        )
        return SumOfPowers(
            E if self.floor is None else self.floor, float(A), alpha_P, float(B), alpha_D
        )

    def starts(self) -> list[Floats]:
        """A coarse grid of exponents."""
        if self.one_exponent:
            return [np.log([a]) for a in STARTS]
        of_D, of_P = (STARTS if kept else STARTS[:1] for kept in self.kept)
        return [np.log([b, a]) for b in of_D for a in of_P]

    def slopes(self, law: SumOfPowers) -> Floats:
        """(pairs, 5) derivatives of the log losses in the unknowns, times the root of the
        runs; zero for a given floor.
        """
        found = law.slopes(self.grid.data, self.grid.parameters, self.middle)
        found[:, 2] *= self.floor is None
        return np.asarray(found * np.sqrt(self.grid.runs)[:, None])

    def residuals_of(self, law: SumOfPowers) -> Floats:
        """(pairs,) residuals of the log losses, in units of a single run."""
        return self.grid.residuals(law.predict(self.grid.data, self.grid.parameters))

    def merged(self, slopes: Floats) -> Floats:
        """(pairs, 5), or (pairs, 4) with one column for a common exponent."""
        if not self.one_exponent:
            return slopes
        return np.column_stack([slopes[:, 0] + slopes[:, 1], slopes[:, 2:]])


@dc.dataclass(frozen=True)
class SumFit:
    """A fit: its law, the law of its errors and their scale, in units of a single run."""

    law: SumOfPowers
    errors: ErrorLaw
    scale: float
    objective: float


def fit_errors(problem: SumProblem, errors: ErrorLaw) -> SumFit:
    """The likeliest law if log losses have these errors.

    The objective is the sum over pairs of cost(u), u = sqrt(runs) (log predicted - log
    observed) / s, plus log s per pair if the errors have a scale.
    """
    problem = dc.replace(problem, roots=np.sqrt(problem.grid.runs) / problem.grid.loss)
    starts = [_start(problem, errors, x) for x in problem.starts()]
    starts.sort(key=lambda start: start[0])
    chosen = [z for _, z in starts[:POLISHED]]
    objective = Objective(problem, errors)
    z = min((objective.descend(z) for z in chosen), key=lambda found: found.fun).x
    value, z = objective.polish(z)
    x, coefficients, scale = objective.parts(z)
    return SumFit(problem.law(x, coefficients), errors, scale, value)


def _start(problem: SumProblem, errors: ErrorLaw, x: Floats) -> tuple[float, Floats]:
    """The objective and all unknowns at these exponents, by iterated least squares."""
    roots, loss = problem.roots, problem.grid.loss
    scale = 1.0
    for _ in range(4):
        coefficients = problem.coefficients(x, roots)
        predicted = (problem.floor or 0.0) + problem.columns(x) @ coefficients
        r = np.sqrt(problem.grid.runs) * np.log(np.maximum(predicted / loss, 1e-9))
        scale = max(scale_of(errors, r), 2 * LEAST_SCALE)
        roots = problem.roots * np.sqrt(errors.weight(r / scale))
    least = 1e-4 * float(np.median(loss))
    E, *amplitudes = np.maximum(coefficients, least)
    z = [*x, *([math.sqrt(E)] if problem.floor is None else [])]
    z += [math.log(a) for a, kept in zip(amplitudes, problem.kept, strict=True) if kept]
    z += [math.log(scale - LEAST_SCALE)] if errors.scaled else []
    value = float(errors.cost(r / scale).sum()) + errors.scaled * len(r) * math.log(scale)
    return value, np.array(z)


@dc.dataclass(frozen=True, eq=False)
class Objective:
    """As a function of all unknowns z: log exponents, sqrt(E), the log amplitudes at the
    middle size, and the log scale, each if it is fitted.
    """

    problem: SumProblem
    errors: ErrorLaw

    def parts(self, z: Floats) -> tuple[Floats, Floats, float]:
        """Exponents, coefficients and scale."""
        problem = self.problem
        n = 1 if problem.one_exponent else 2
        left = list(z[n:])
        E = left.pop(0) ** 2 if problem.floor is None else 0.0
        amplitudes = [np.exp(left.pop(0)) if kept else 0.0 for kept in problem.kept]
        scale = LEAST_SCALE + float(np.exp(left.pop(0))) if left else 1.0
        return np.clip(z[:n], LOWEST, HIGHEST), np.array([E, *amplitudes]), scale

    def __call__(self, z: Floats) -> tuple[float, Floats]:
        """The objective and its gradient."""
        u, slopes, scale = self.linearised(z)
        pull = self.errors.weight(u) * u
        value, gradient = float(self.errors.cost(u).sum()), slopes.T @ pull / scale
        if self.errors.scaled:
            value += len(u) * math.log(scale)
            share = 1 - LEAST_SCALE / scale
            gradient = np.append(gradient, (len(u) - pull @ u) * share)
        return value, gradient

    def linearised(self, z: Floats) -> tuple[Floats, Floats, float]:
        """Residuals u; (pairs, unknowns) their derivatives times the scale; the scale."""
        problem = self.problem
        x, coefficients, scale = self.parts(z)
        columns = problem.columns(x) * coefficients
        predicted = (problem.floor or 0.0) + columns.sum(axis=1)
        root = np.sqrt(problem.grid.runs)
        u = root * np.log(predicted / problem.grid.loss) / scale
        # Beyond the ends of the exponents nothing changes.
        alphas = np.exp(problem.both(x)) * problem.both((x == z[: len(x)]).astype(float))
        by_exponent = -alphas[:, None] * problem.centred * columns[:, 1:].T
        if problem.one_exponent:
            by_exponent = by_exponent.sum(axis=0, keepdims=True)
        by_E = [2 * math.sqrt(coefficients[0]) * np.ones(len(u))]
        kept = columns[:, 1:].T[list(problem.kept)]
        parts = [*by_exponent, *(by_E if problem.floor is None else []), *kept]
        return u, np.stack(parts, axis=1) * (root / predicted)[:, None], scale

    def polish(self, z: Floats) -> tuple[float, Floats]:
        """By rounds of BFGS, in coordinates in which the objective is round, until one
        gains nothing.
        """
        value = self(z)[0]
        for _ in range(ROUNDS):
            found = self.descend(z)
            gain = value - found.fun
            if gain > 0:
                value, z = float(found.fun), found.x
            if not gain > SETTLED * max(abs(value), 1e-300):
                break
        return value, z

    def descend(self, z: Floats) -> Any:
        u, slopes, scale = self.linearised(z)
        rows = slopes / scale * np.sqrt(self.errors.weight(u))[:, None]
        values, vectors = np.linalg.eigh(rows.T @ rows)
        steps = vectors / np.sqrt(np.maximum(values, 1e-10 * values.max() + 1e-300))
        if self.errors.scaled:
            edge = np.zeros((len(steps), 1))  # the scale is a coordinate of its own
            own = np.array([[1 / math.sqrt(2 * len(u))]])
            steps = np.block([[steps, edge], [edge.T, own]])
        unit = 1.0 if self.errors.scaled else max(self(z)[0], 1e-300) / len(u)

        def local(y: Floats) -> tuple[float, Floats]:
            with np.errstate(all="ignore"):
                value, gradient = self(z + steps @ y)
            if not (math.isfinite(value) and np.isfinite(gradient).all()):
                return 1e300, np.zeros_like(y)
            return value / unit, steps.T @ gradient / unit

        found = optimize.minimize(
            local, np.zeros(len(z)), jac=True, method="BFGS",
            options={"gtol": 1e-9, "maxiter": 400},
        )  # fmt: skip
        found.fun, found.x = found.fun * unit, z + steps @ found.x
        return found
