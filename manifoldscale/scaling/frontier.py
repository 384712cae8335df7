"""The compute frontier: the best P and D at a given compute C = 6 P D, and their loss.

Three approaches (Hoffmann et al. 2022), each with a bias of its own:

- parametric: the minimum of a fitted sum of two power laws, P ~ C^(alpha_D / (alpha_D +
  alpha_P)). It is as good as the form; the errors of the two exponents are correlated.
- isoflop: the minimum of a parabola in log P through the runs of each budget. Where the
  exponents differ, the losses of a sum of powers at one budget do not form a parabola: with
  alpha_D > alpha_P they rise more steeply towards large models, and log P of the minimum is
  too low by about (alpha_D - alpha_P) / 6 times <x^4> / <x^2>, x the log sizes about it
  (9/5 of their variance where they are spread evenly). A range of the same width and centre
  at every budget moves only the amplitude; a range that drifts moves the exponent.
- envelope: the runs that no run of less compute beats. In a finite set no size is exactly
  the best at its compute, so the losses lie above the frontier; and among runs that scatter
  the lucky ones are picked.
"""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, one_of, require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.result import Result
from ..core.settings import Positive, check
from ..core.style import drawing, log_axes
from .forecast import Forecast
from .grid import Grid, grid_of
from .isoflop import (
    LEAST,
    WIDE,
    IsoflopLine,
    Minima,
    budgets_of,
    envelope,
    line_of_envelope,
    line_through,
    parabolas,
)
from .power_law import PowerLaw, fit_power_law
from .powers import SumOfPowers
from .sum_law import SumLaw, fit_sum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("parametric", "isoflop", "envelope")
SHOWN = 9  # budgets of a figure
STEP = 1e-4  # of derivatives


@dc.dataclass(frozen=True, eq=False)
class ComputeFrontier(Result):
    """The best sizes at a given compute.

    Attributes
    ----------
    method : "parametric", "isoflop" or "envelope".
    a, interval_a : the best P grows as C^a.
    b, interval_b : the best D as C^b; b = 1 - a.
    flops_per : operations per parameter and example.
    line : log P of the best P against log C.
    minima : the best sizes that were found, a row per budget.
    law : of the loss: the `SumLaw`, or a power law in C through the minima; None where
        there are fewer than five of them.
    grid : the runs.
    """

    method: str
    a: float
    interval_a: Interval
    b: float
    interval_b: Interval
    flops_per: float
    line: IsoflopLine
    minima: Minima
    law: SumLaw | PowerLaw | None
    grid: Grid
    caveats: tuple[Remark, ...] = ()

    main = "a"
    columns = (
        "method",
        "a",
        "low_a=interval_a.low",
        "high_a=interval_a.high",
        "b",
        "low_b=interval_b.low",
        "high_b=interval_b.high",
        "n_minima=minima.compute.size",
    )

    @property
    def interval(self) -> Interval:
        """Of a, under the name that every result has."""
        return self.interval_a

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.grid.n_runs

    def parameters(self, compute: Any) -> Forecast:
        """The best P at this compute, with its interval."""
        log, half = self.line.at(np.asarray(compute, dtype=float))
        return Forecast.around(np.exp(log), half, self.interval.level)

    def dataset_size(self, compute: Any) -> Forecast:
        """The best D at this compute, with its interval."""
        c = np.asarray(compute, dtype=float)
        log, half = self.line.at(c)
        best = c / self.flops_per / np.exp(log)
        return Forecast.around(best, half, self.interval.level)

    def loss(self, compute: Any) -> Forecast:
        """The smallest mean loss at this compute; NaN where it is not known."""
        c, level = np.asarray(compute, dtype=float), self.interval.level
        if self.law is None:
            return Forecast(*(np.full(c.shape, math.nan),) * 3, level)
        if isinstance(self.law, PowerLaw):
            low, high = (end.reshape(c.shape) for end in self.law.band(c.ravel(), level))
            return Forecast(self.law.predict(c), low, high, level)
        d, p = self.law.compute_optimal(c / self.flops_per)
        unsure = self.law.uncertainty
        # To first order an error of the best sizes does not change the loss at the minimum.
        quantile = float(stats.t.ppf(0.5 + level / 2, unsure.freedom))
        half = quantile * unsure.sd_of(self.law.numbers, d, p)
        return Forecast.around(self.law.predict(d, p), half, level)

    def headline(self) -> str:
        return (
            f"P ~ C^{number(self.a)} {self.interval_a.labelled}, D ~ C^{number(self.b)} "
            f"{self.interval_b.labelled} ({self.method}, {len(self.grid)} pairs"
            + (")" if self.method == "parametric" else f", {len(self.minima)} minima)")
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Losses against P, with a colour per budget and the fitted curves; the best sizes
        and the frontier through them.
        """
        compute = self.flops_per * self.grid.data * self.grid.parameters
        budgets = [p for p in budgets_of(compute) if len(p) >= LEAST or len(compute) < 50]
        last = max(len(budgets) - 1, 0)
        for i in np.unique(np.linspace(0, last, SHOWN).round().astype(int))[: len(budgets)]:
            self._draw_budget(ax, budgets[i], i / max(last, 1))
        ends = np.geomspace(self.minima.compute.min(), self.minima.compute.max(), 50)
        ax.plot(
            self.parameters(ends).median, self.loss(ends).median, "k-", label="frontier"
        )
        ax.plot(self.minima.parameters, self.minima.loss, "kx", label="best sizes")
        ax.set(xlabel=self.grid.axis.label, ylabel="test loss")
        log_axes(ax, self.grid.parameters, self.grid.loss)
        ax.legend()

    def _draw_budget(self, ax: "Axes", places: Ints, shade: float) -> None:
        import matplotlib as mpl

        color = mpl.colormaps["viridis"](0.9 * shade)
        p, loss = self.grid.parameters[places], self.grid.loss[places]
        compute = self.flops_per * float(np.exp(np.log(self.grid.data[places] * p).mean()))
        ax.plot(p, loss, ".", color=color)
        if self.method == "envelope" or len(p) < 3:
            return
        sizes = np.geomspace(p.min(), p.max(), 60)
        if isinstance(self.law, SumLaw):
            curve = self.law.predict(compute / self.flops_per / sizes, sizes)
        else:
            curve = np.asarray(np.polyval(np.polyfit(np.log(p), loss, 2), np.log(sizes)))
        ax.plot(sizes, curve, color=color, lw=0.8)


def compute_frontier(
    on: LearningCurve | SumLaw,
    method: str = "parametric",
    *,
    level: float = 0.95,
    flops_per: float = 6.0,
) -> ComputeFrontier:
    """The best P and D at a given compute C = flops_per P D.

    Parameters
    ----------
    on : runs that say dataset size, parameters and loss; or a fitted sum of power laws.
    method : "parametric", "isoflop" or "envelope".
    flops_per : operations per parameter and example; 6 for language models.
    level : of intervals; a fitted law keeps its own.

    Raises
    ------
    ManifoldScaleError : an unknown method; a law for another method than "parametric";
        fewer than three budgets with a minimum, or models on the envelope.
    """
    check_level(level)
    one_of("method", method, METHODS)
    check("flops_per", flops_per, Positive)
    if method == "parametric":
        fitted = on if isinstance(on, SumLaw) else fit_sum(on, level=level)
        return _parametric(fitted, float(flops_per))
    if isinstance(on, SumLaw):
        raise ManifoldScaleError(
            f"A fitted law has a 'parametric' frontier; {method!r} needs its LearningCurve."
        )
    grid = grid_of(on, Axis.parameters)
    compute = flops_per * grid.data * grid.parameters
    if method == "isoflop":
        minima = parabolas(grid, compute)
        _require_minima(len(minima), "budgets of five sizes or more with a minimum inside")
        line, notes = line_through(minima, level), _of_parabolas(minima)
    else:
        minima = envelope(grid, compute)
        found = len(np.unique(minima.parameters))
        _require_minima(found, "models that no run of less compute beats")
        line = line_of_envelope(grid, compute, level)
        notes = [Caveat.ENVELOPE(f"{len(minima)} runs of {found} models")]
    law = fit_power_law(minima.compute, minima.loss) if len(minima) >= LEAST else None
    interval = Interval(line.slope - line.half, line.slope + line.half, level)
    return ComputeFrontier(
        method, line.slope, interval, 1 - line.slope, interval.map(lambda a: 1 - a),
        float(flops_per), line, minima, law, grid, (*grid.remarks, *notes),
    )  # fmt: skip


def _require_minima(n: int, what: str) -> None:
    require(n >= 3, f"A frontier needs three {what}; there are {n}.")


def _of_parabolas(minima: Minima) -> list[Remark]:
    """Which budgets are wide, or not centred on their minimum."""
    wide = int((minima.reach > WIDE).any(axis=1).sum())
    ratio = minima.reach.max(axis=1) > 2 * minima.reach.min(axis=1)
    said = []
    if wide:
        said.append(f"{wide} of {len(minima)} span more than a decade to one side")
    if ratio.any():
        said.append(f"{int(ratio.sum())} reach twice as far to one side as to the other")
    if minima.left_out:
        said.append(f"{minima.left_out} more have no minimum among their sizes")
    return [Caveat.PARABOLAS("; ".join(said))] if said else []


def _parametric(law: SumLaw, flops_per: float) -> ComputeFrontier:
    grid, unsure = law.grid, law.uncertainty
    require(
        grid.axis is Axis.parameters,
        "Compute is counted in parameters: fit the law with axis='parameters'.",
    )
    logs = np.log(flops_per * grid.data * grid.parameters)
    budgets = np.exp(np.linspace(logs.min(), logs.max(), SHOWN))
    d, p = law.compute_optimal(budgets / flops_per)
    minima = Minima.plain(budgets, p, law.predict(d, p))
    level, centre = law.interval_D.level, float(logs.mean())
    value = float(np.log(law.compute_optimal(math.exp(centre) / flops_per)[1]))
    slopes = _slopes_of_line(law, centre - math.log(flops_per))
    each = slopes @ unsure.covariances @ slopes.T
    covariance = each[np.argmax(each[:, 1, 1])]
    quantile = float(stats.t.ppf(0.5 + level / 2, unsure.freedom))
    line = IsoflopLine(centre, value, law.optimal, covariance, quantile)
    interval = law.optimal_interval
    return ComputeFrontier(
        "parametric", line.slope, interval, 1 - line.slope, interval.map(lambda a: 1 - a),
        flops_per, line, minima, law, grid, law.caveats,
    )  # fmt: skip


def _slopes_of_line(law: SumLaw, product: float) -> Floats:
    """(2, 5) derivatives of the best log P at log(P D) = `product`, and of its growth with
    log(P D), in the unknowns of `Uncertainty`.
    """
    middle_D, middle_P = law.uncertainty.middle
    start = np.log([law.alpha_D, law.alpha_P, 1.0, 1.0, 1.0])
    start[3:] = math.log(law.B), math.log(law.A)
    start[3:] -= law.alpha_D * middle_D, law.alpha_P * middle_P

    def line(z: Floats) -> Floats:
        alpha_D, alpha_P = np.exp(z[:2])
        B, A = np.exp(z[3:] + np.array([alpha_D * middle_D, alpha_P * middle_P]))
        there = SumOfPowers(0.0, float(A), float(alpha_P), float(B), float(alpha_D))
        return np.array([math.log(there.balance) + there.optimal * product, there.optimal])

    steps = STEP * np.eye(5)
    return np.stack(
        [(line(start + step) - line(start - step)) / (2 * STEP) for step in steps], axis=1
    )
