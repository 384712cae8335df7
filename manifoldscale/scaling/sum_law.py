"""The sum of two power laws, L(D, P) = E + A P^-alpha_P + B D^-alpha_D.

Hoffmann et al. (2022) fit it to language models. Along one resource it approaches its
plateau with the exponent of that resource, while the joint law does so as 1 / M. Losses
that follow one of these laws give wrong exponents with the other.
"""

import dataclasses as dc
import functools as ft
import math
from typing import Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from .floor import FITTED, GIVEN, stated_floor
from .forecast import Forecast
from .grid import Grid, GridLaw, grid_of, require_enough
from .outlook import CUTS, LEAST, FormError, form_error, reach
from .powers import SumOfPowers
from .scatter import ROUNDING, about
from .sizes import sizes_of
from .sum_fit import SumFit, SumProblem, fit_errors
from .tails import ENOUGH, ErrorLaw, Normal, Student, errors_of, scale_of
from .uncertainty import Uncertainty, uncertainty_of

IDLE = 0.05  # p-value of a term above which the losses do not depend on its resource


@dc.dataclass(frozen=True, eq=False)
class SumLaw(GridLaw):
    """A fitted sum of two power laws.

    Attributes
    ----------
    alpha_D, alpha_P : independent exponents with `interval_D`, `interval_P`. If the losses
        do not depend on a resource, its term is left out: the amplitude is 0, the exponent
        NaN, its interval from 0 to infinity, and a caveat says so.
    floor, floor_interval : E; the interval is a point where E was given.
    floor_rule : "fitted" or "given".
    A, B : amplitudes of the parameters and of the data.
    optimal, optimal_interval : exponent with which the best P grows with the compute P D,
        alpha_D / (alpha_D + alpha_P); the exponent of D is one minus it.
    misfit : relative root mean square of the residuals.
    cost, unknowns : weighted sum of squares of the relative residuals, and the number of
        fitted unknowns.
    tied : alpha_D = alpha_P was given.
    errors, scale : the law of the errors of log losses, and their scale; one for `Huber`.
    objective : what was minimised: the sum of the costs of the residuals, plus log scale
        per pair if the scale is fitted.
    uncertainty : covariances of the unknowns.
    """

    floor: float
    floor_interval: Interval
    A: float
    B: float
    optimal_interval: Interval
    cost: float
    unknowns: int
    floor_rule: str
    tied: bool
    errors: ErrorLaw
    scale: float
    objective: float
    uncertainty: Uncertainty
    caveats: tuple[Remark, ...] = ()

    columns = (
        *GridLaw.columns,
        "floor",
        "floor_interval",
        "A",
        "B",
        "optimal",
        "optimal_interval",
        "misfit",
        "errors",
    )

    @property
    def method(self) -> str:
        return f"sum of two power laws, floor {self.floor_rule}"

    @property
    def numbers(self) -> SumOfPowers:
        """The law as a function, without its intervals."""
        return SumOfPowers(self.floor, self.A, self.alpha_P, self.B, self.alpha_D)

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
        return self.numbers.predict(
            sizes_of(dataset_size, "dataset_size", limit=True),
            sizes_of(parameters, "parameters", limit=True),
        )

    def compute_optimal(self, product: Any) -> tuple[Floats, Floats]:
        """The D and the P of the smallest loss at a given product P D.

        Where a step costs 6 P operations an example, as in language models, the product is
        compute / 6. `SumOfPowers.compute_optimal` has the formula.

        Raises
        ------
        ManifoldScaleError : the losses do not depend on one of the two.
        """
        idle = " or ".join(axis.value for axis in self.idle)
        require(
            not idle, f"There is no best pair of sizes: the losses do not depend on {idle}."
        )
        return self.numbers.compute_optimal(sizes_of(product, "product"))

    @ft.cached_property
    def form(self) -> FormError:
        """How fast the form of the law goes wrong beyond its sizes, from inside them."""
        floor = self.floor if self.floor_rule == GIVEN else None

        def miss(small: Grid, large: Grid) -> tuple[Floats, Floats]:
            level, sizes = self.interval_D.level, (large.data, large.parameters)
            law = sum_of_powers(small, floor, level, self.errors, self.tied)
            sd = law.uncertainty.sd_of(law.numbers, *sizes)
            expected = sd**2 + law.run_errors[1] ** 2 / large.runs
            return np.log(large.loss / law.predict(*sizes)), expected

        return form_error(self.grid, self.unknowns, miss)

    @property
    def run_errors(self) -> tuple[ErrorLaw, float]:
        """How single runs scatter about the law, and by what scale."""
        residuals = self.grid.residuals(self.predict(self.grid.data, self.grid.parameters))
        errors = self.errors if self.errors.scaled else errors_of("auto", residuals)
        return errors, scale_of(errors, residuals, self.unknowns)

    def forecast(self, dataset_size: Any, parameters: Any) -> Forecast:
        """The loss of a new run at these sizes, broadcast against each other: `.median`,
        and `.low` to `.high`, which hold it at the level of the law.

        The interval includes the uncertainty of the law's numbers, the scatter of a run,
        and the error of the law's form beyond its sizes, as measured inside the table
        (`law.form`). A change with scale, such as another mixture of data, is in no table.
        """
        d, p = np.broadcast_arrays(
            sizes_of(dataset_size, "dataset_size", limit=True),
            sizes_of(parameters, "parameters", limit=True),
        )
        level, unsure = self.interval_D.level, self.uncertainty
        quantile = stats.t(unsure.freedom).ppf(0.5 + level / 2)
        errors, scale = self.run_errors
        freedom = errors.freedom if isinstance(errors, Student) else unsure.freedom
        own = scale * stats.t(min(freedom, unsure.freedom)).ppf(0.5 + level / 2)
        half = np.hypot(own, quantile * unsure.sd_of(self.numbers, d, p))
        if self.form.growth > 0:  # Student's t of a growth from so few numbers about zero
            of_form = stats.t(self.form.cuts).ppf(0.5 + level / 2) * self.form.growth
            half = np.hypot(half, of_form * reach(self.grid, d, p))
        return Forecast.around(self.predict(d, p), half, level)

    def facts(self) -> str:
        fitted = (
            f" {self.floor_interval.labelled}" if self.floor_rule == FITTED else ", given"
        )
        return f"{self.exponents_in_words}, floor {number(self.floor)}{fitted}"

    def headline(self) -> str:
        size = f"{len(self.grid)} pairs, residuals {100 * self.misfit:.1f} %"
        errors = "" if isinstance(self.errors, Normal) else f", errors {self.errors}"
        return f"{self.facts()} ({size}{errors})"


def fit_sum(
    curve: LearningCurve,
    *,
    axis: Axis | str = Axis.parameters,
    floor: str | float = "free",
    level: float = 0.95,
    errors: str | ErrorLaw = "auto",
    tied: bool = False,
) -> SumLaw:
    """Fit E + A P^-alpha_P + B D^-alpha_D to runs over both resources.

    Parameters
    ----------
    curve : runs that say their dataset size and the other resource.
    axis : the other resource, "parameters" or "width".
    floor : "free", "zero" or a number.
    level : of the intervals, which come from the linearised fit in the logarithms of the
        exponents, with Student's t.
    errors : of the log losses: "auto" chooses between normal ones and a Student t by
        likelihood, with 20 pairs or more; "normal"; "student"; or a law of
        `manifoldscale.scaling`, as `Huber(1e-3)`, the objective of Hoffmann et al.
    tied : one exponent for both resources, as in Gadre et al. (2024).

    Losses are means over seeds, with a constant relative error. Exponents, amplitudes and
    the floor are not negative. A term that does not improve the fit (an F test at 5 %) is
    left out, as nothing is known of its exponent.

    Raises
    ------
    ManifoldScaleError : fewer than three values of either resource, too few pairs for the
        unknowns, settings that make no sense.
    """
    check_level(level)
    grid = grid_of(curve, axis)
    known = stated_floor(floor, float(grid.loss.min()))
    require_enough(grid, 4 + (known is None) - tied, 1 if tied else 2)
    law = sum_of_powers(grid, known, level, errors, tied)
    misfit = grid.lack_of_fit(law.cost, law.unknowns)
    idle = [Caveat.IDLE_RESOURCE(axis.value) for axis in law.idle]
    tails = []
    if errors == "auto" and isinstance(law.errors, Student):
        tails = [Caveat.HEAVY_TAILS(f"{law.errors.freedom:g} degrees of freedom")]
    notes = [*grid.remarks, *idle, *tails, *misfit, *grid.aligned()]
    if round(CUTS[-1] * len(grid)) < law.unknowns + LEAST:  # too few to extrapolate inside
        notes.append(Caveat.FORM_UNTESTED(f"{len(grid)} pairs"))
    return dc.replace(law, caveats=tuple(notes))


def sum_of_powers(
    grid: Grid,
    floor: float | None,
    level: float,
    errors: str | ErrorLaw = "normal",
    tied: bool = False,
) -> SumLaw:
    """The fit itself, without caveats; `floor` is E where it is known."""
    problem = SumProblem(grid, floor, np.sqrt(grid.runs) / grid.loss, tied=tied)
    problem, fit = _without_idle_terms(problem, *_with_errors(problem, errors))
    law, unsure = fit.law, uncertainty_of(problem, fit)
    quantile = float(stats.t.ppf(0.5 + level / 2, unsure.freedom))

    def half(*weights: float) -> float:
        """Half-width for the sum of log alpha_D, log alpha_P and E with these weights."""
        idle = any(w and not k for w, k in zip(weights, problem.kept, strict=False))
        return math.inf if idle else quantile * unsure.sd(*weights)

    odds = about(law.alpha_D / law.alpha_P, half(1, -1), level)
    wide = half(0, 0, 1) if floor is None else 0.0
    highest = max(law.floor, float(np.average(grid.loss, weights=grid.runs)))
    ends = max(law.floor - wide, 0.0), min(law.floor + wide, highest)
    relative = grid.loss / law.predict(grid.data, grid.parameters) - 1
    return SumLaw(
        **dc.asdict(law),
        interval_D=about(law.alpha_D, half(1), level),
        interval_P=about(law.alpha_P, half(0, 1), level),
        floor_interval=Interval(*ends, level),
        optimal_interval=odds.map(lambda o: 1.0 if math.isinf(o) else o / (1 + o)),
        cost=float(grid.runs @ relative**2),
        unknowns=problem.unknowns,
        floor_rule=FITTED if floor is None else GIVEN,
        tied=tied,
        errors=fit.errors,
        scale=fit.scale,
        objective=fit.objective,
        uncertainty=unsure,
        grid=grid,
    )


def _with_errors(problem: SumProblem, errors: str | ErrorLaw) -> tuple[ErrorLaw, SumFit]:
    """The law of the errors, chosen by the residuals if asked for, and the fit with it."""
    normal = _solve(problem, Normal())
    robust = None
    if errors == "student" or (errors == "auto" and len(problem.grid) >= ENOUGH):
        robust = problem.residuals_of(fit_errors(problem, Student(3.0)).law)
    law = errors_of(errors, problem.residuals_of(normal.law), robust)
    return law, normal if isinstance(law, Normal) else fit_errors(problem, law)


def _solve(problem: SumProblem, errors: ErrorLaw) -> SumFit:
    if not isinstance(errors, Normal):
        return fit_errors(problem, errors)
    weighted, best = problem.relative()
    n = len(problem.grid)
    scale = max(math.sqrt(2 * float(best.cost) / n), 1e-300)
    return SumFit(weighted.law(best.x), errors, scale, n / 2 + n * math.log(scale))


def _without_idle_terms(
    problem: SumProblem, errors: ErrorLaw, fit: SumFit
) -> tuple[SumProblem, SumFit]:
    """The fit without the terms that the losses do not need, the least needed first.

    At an amplitude of zero an exponent may have any value, which the linearised fit cannot
    show.
    """
    while any(problem.kept) and (problem.floor is None or all(problem.kept)):
        fewer = []
        for term in np.flatnonzero(problem.kept):
            kept_D, kept_P = (k and i != term for i, k in enumerate(problem.kept))
            less = dc.replace(problem, kept=(kept_D, kept_P))
            found = _solve(less, errors)
            fewer.append((_p_value(problem, fit, less, found), less, found))
        p, less, found = max(fewer, key=lambda one: one[0])
        if not p > IDLE:
            break
        problem, fit = less, found
    return problem, fit


def _p_value(problem: SumProblem, fit: SumFit, less: SumProblem, found: SumFit) -> float:
    """Of the unknowns that the smaller problem lacks, by an F test. The unit is the
    variance of the pull of a pair over the steepness of its cost.
    """
    n, freedom = len(problem.grid), max(len(problem.grid) - problem.unknowns, 1)
    dropped = max(problem.unknowns - less.unknowns, 1)
    if isinstance(fit.errors, Normal):
        scale = max(n * fit.scale**2 / freedom, ROUNDING**2)
        gain = n * (found.scale**2 - fit.scale**2) / scale
    else:
        u = problem.residuals_of(fit.law) / fit.scale
        pull = fit.errors.weight(u) * u
        unit = float(pull @ pull) / freedom / float(fit.errors.slope(u).mean())
        gain = 2 * (found.objective - fit.objective) / max(unit, 1e-300)
    return float(stats.f.sf(max(gain, 0.0) / dropped, dropped, freedom))
