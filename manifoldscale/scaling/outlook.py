"""The loss of a new run in both resources, as a sum of two power laws foresees it.

Its interval holds what is not known of the law's numbers, the scatter of a run, and what
the form of the law is worth beyond the sizes that it was fitted to. The last is measured
inside the table: the law is fitted to the runs of least compute and scored on the others,
after 40, 55, 70 and 85 % of the pairs. Where errors there exceed the first two parts, the
excess per unit of log size beyond the fitted ones is the error of the form.
"""

import dataclasses as dc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from .forecast import Forecast
from .grid import Grid
from .tails import ErrorLaw, Student, errors_of, scale_of

if TYPE_CHECKING:
    from .sum_law import SumLaw

CUTS = (0.4, 0.55, 0.7, 0.85)  # shares of the pairs, by compute, that a law is fitted to
LEAST = 3  # pairs more than unknowns in a fit of them


@dc.dataclass(frozen=True)
class FormError:
    """How fast the form of a law goes wrong beyond its sizes.

    Attributes
    ----------
    growth : relative error per unit of log size; NaN where the table is too small to tell.
    cuts : number of fits that it is the mean of.
    """

    growth: float
    cuts: int


def reach(grid: Grid, dataset_size: Floats, parameters: Floats) -> Floats:
    """How far sizes lie outside those of the grid, in units of log size."""
    outside = []
    for sizes, new in ((grid.data, dataset_size), (grid.parameters, parameters)):
        low, high, x = np.log(sizes.min()), np.log(sizes.max()), np.log(new)
        outside.append(np.maximum(np.maximum(low - x, x - high), 0.0))
    return np.asarray(np.hypot(*outside))


def form_error(grid: Grid, unknowns: int, fit: Callable[[Grid], "SumLaw"]) -> FormError:
    """Of a law with so many unknowns, by ordered extrapolation inside the grid."""
    order = np.argsort(grid.data * grid.parameters, kind="stable")
    rates = []
    for share in CUTS:
        n = round(share * len(grid))
        small, large = grid.at(order[:n]), grid.at(order[n:])
        sizes = (small.data, small.parameters)
        enough = n >= unknowns + LEAST and min(len(np.unique(x)) for x in sizes) >= 3
        distance = reach(small, large.data, large.parameters)
        if not (enough and distance.any()):
            continue
        law = fit(small)
        error = np.log(large.loss / law.predict(large.data, large.parameters))
        sd = law.uncertainty.sd_of(law.numbers, large.data, large.parameters)
        expected = sd**2 + run_errors(law)[1] ** 2 / large.runs
        excess = np.sqrt(np.maximum(error**2 - expected, 0.0))
        rates.append(_median(excess / np.maximum(distance, 1e-9), distance**2))
    growth = math.sqrt(float(np.mean(np.square(rates)))) if rates else math.nan
    return FormError(growth, len(rates))


def untested_form(law: "SumLaw") -> list[Remark]:
    """Whether the table is too small to extrapolate inside it."""
    n = len(law.grid)
    few = round(CUTS[-1] * n) < law.unknowns + LEAST
    return [Caveat.FORM_UNTESTED(f"{n} pairs")] if few else []


def _median(values: Floats, weights: Floats) -> float:
    """The weighted one: a run that is off for its own reasons is no error of the form."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(below, 0.5)])


def run_errors(law: "SumLaw") -> tuple[ErrorLaw, float]:
    """How single runs scatter about the law, and by what scale."""
    grid, unknowns = law.grid, law.unknowns
    residuals = grid.residuals(law.predict(grid.data, grid.parameters))
    errors = law.errors if law.errors.scaled else errors_of("auto", residuals)
    return errors, scale_of(errors, residuals, unknowns)


def forecast(law: "SumLaw", dataset_size: Any, parameters: Any) -> Forecast:
    """Of a new run at these sizes, broadcast against each other."""
    d, p = np.broadcast_arrays(
        np.asarray(dataset_size, dtype=float), np.asarray(parameters, dtype=float)
    )
    level, unsure, form = law.interval_D.level, law.uncertainty, law.form
    quantile = stats.t(unsure.freedom).ppf(0.5 + level / 2)
    errors, scale = run_errors(law)
    freedom = errors.freedom if isinstance(errors, Student) else unsure.freedom
    own = scale * stats.t(min(freedom, unsure.freedom)).ppf(0.5 + level / 2)
    numbers = quantile * unsure.sd_of(law.numbers, d, p)
    half = np.hypot(own, numbers)
    if form.growth > 0:  # Student's t of a growth from so few numbers about zero
        of_form = stats.t(form.cuts).ppf(0.5 + level / 2) * form.growth
        half = np.hypot(half, of_form * reach(law.grid, d, p))
    return Forecast.around(law.predict(d, p), half, level)
