"""From which size on is it a power law? An exponent whose interval includes that choice.

Leaving out the k smallest sizes amounts to giving each its own parameter. The fits to all
ranges then compete on the same N runs by AIC_k = N log(S_within + S_k) + 2 k, with S_k the
relative sum of squares of the means about the curve and S_within that of the runs about
their means. The interval is averaged over the ranges with the Akaike weights w_k, by its
tails (Turek & Fletcher 2012): its ends solve

    sum_k w_k P(T_k > |t_k(alpha)|) = (1 - level) / 2,

with T_k of Student's t, and t_k the signed root of the profile of fit k,
sqrt((S_k(alpha) - S_k) / s_k^2). The scatter s_k about the curve is pooled with the scatter
between runs: on five sizes the former alone is often small by chance.
"""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize, stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis
from ..core.result import Result
from ..core.style import BLUE, drawing, plain_log_axis
from .losses import Losses, losses_of
from .power_law import Floor, known_floor
from .profile_fit import Problem, Solution, solve
from .projection import ALPHA_MAX, ALPHA_MIN
from .scatter import lack_of_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST, DECADES = 5, 1.0  # what a range keeps at least


@dc.dataclass(frozen=True, eq=False)
class Cut:
    """The fit from a smallest size on; `weight` is its share of the Akaike weights."""

    smallest: float
    alpha: float
    interval: Interval
    lack_of_fit: float
    weight: float


@dc.dataclass(frozen=True, eq=False)
class RangeSelection(Result):
    """An exponent averaged over the ranges that may hold a power law.

    Attributes
    ----------
    alpha, interval : from the weighted mean of log alpha over the cuts, and from the
        averaged tails.
    cuts : a fit for every smallest size, the full range first.
    n_points : number of runs.
    """

    alpha: float
    interval: Interval
    cuts: tuple[Cut, ...]
    axis: Axis
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "alpha"
    columns = ("alpha", "smallest=best.smallest", "weight=best.weight")

    @property
    def method(self) -> str:
        return f"average over {len(self.cuts)} ranges"

    @property
    def best(self) -> Cut:
        """The cut with the highest weight."""
        return max(self.cuts, key=lambda cut: cut.weight)

    def headline(self) -> str:
        return (
            f"{self.axis.exponent} {number(self.alpha)} {self.interval.labelled} over "
            f"{len(self.cuts)} ranges, most likely from {self.best.smallest:g} on "
            f"(weight {number(self.best.weight, 2)})"
        )

    def cells(self) -> dict[str, Any]:
        names = {"alpha": self.axis.exponent}
        return {names.get(name, name): cell for name, cell in super().cells().items()}

    def rows(self) -> list[dict[str, Any]]:
        """One row per cut."""
        return [
            {
                "smallest": cut.smallest,
                self.axis.exponent: cut.alpha,
                "low": cut.interval.low,
                "high": cut.interval.high,
                "lack_of_fit": cut.lack_of_fit,
                "weight": cut.weight,
            }
            for cut in self.cuts
        ]

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The exponent against the smallest size, and the averaged interval as a band."""
        ax.axhspan(*self.interval, color=BLUE, alpha=0.2, lw=0)
        for cut in self.cuts:
            if math.isfinite(cut.alpha) and not cut.interval.is_open:
                ax.plot([cut.smallest] * 2, list(cut.interval), color=BLUE, lw=0.8)
                ax.plot(cut.smallest, cut.alpha, "o", color=BLUE, ms=3 + 5 * cut.weight)
        smallest = f"smallest {self.axis.label} kept"
        ax.set(xscale="log", xlabel=smallest, ylabel=self.axis.exponent)
        plain_log_axis(ax.xaxis, [cut.smallest for cut in self.cuts])


def select_range(
    curve: Any,
    loss: Any = None,
    *,
    axis: Axis | str = Axis.data,
    floor: Floor = "free",
    level: float = 0.95,
) -> RangeSelection:
    """Fit a power law from every smallest size on, and average over that choice.

    Parameters are those of `fit_power_law`. Every range keeps five sizes and one decade.

    Raises
    ------
    ManifoldScaleError : no replicates, without which the scatter is not known apart from
        the curve; fewer than five sizes or one decade; what `fit_power_law` refuses.
    """
    axis = Axis.of(axis)
    check_level(level)
    losses, remarks = losses_of(curve, loss, axis)
    known = known_floor(floor, losses)
    require(
        losses.freedom > 0 and losses.spread > 0,
        "`select_range` needs several runs per size: without them a bend cannot be told "
        "from scatter. Use `fit_power_law` on the sizes you trust.",
    )
    ranges = _ranges(losses)
    require(
        bool(ranges),
        f"A range needs {FEWEST} sizes over one decade; there are {len(losses.x)} sizes "
        f"over {math.log10(losses.x[-1] / losses.x[0]):.2f} decades.",
    )
    problems = [Problem.of(kept, known) for kept in ranges]
    each = [
        _Tail(problem, solve(problem, kept, level), kept)
        for problem, kept in zip(problems, ranges, strict=True)
    ]
    costs = np.array([tail.solution.cost for tail in each])
    within = losses.spread**2 * losses.freedom
    scores = losses.runs.sum() * np.log1p(costs / within) + 2 * np.arange(len(ranges))
    scores += np.where([math.isnan(tail.solution.alpha) for tail in each], np.inf, 0.0)
    require(bool(np.isfinite(scores).any()), "The losses do not fall on any range.")
    weights = np.exp(-(scores - scores.min()) / 2)
    weights /= weights.sum()
    cuts = tuple(tail.cut(float(w), level) for tail, w in zip(each, weights, strict=True))
    alpha = math.exp(sum(c.weight * math.log(c.alpha) for c in cuts if c.weight))
    interval, notes = _interval(each, weights, alpha, level), (*remarks, *_notes(cuts))
    return RangeSelection(alpha, interval, cuts, axis, losses.n_runs, notes)


def _ranges(losses: Losses) -> list[Losses]:
    """The losses without the k smallest sizes, k = 0, 1, ..."""
    least = 10**DECADES * (1 - 1e-9)
    cuts = range(len(losses.x) - FEWEST + 1)
    return [losses.at(slice(k, None)) for k in cuts if losses.x[-1] / losses.x[k] >= least]


@dc.dataclass(frozen=True, eq=False)
class _Tail:
    """The probability of an exponent above a given one, by the profile of one fit."""

    problem: Problem
    solution: Solution
    losses: Losses

    def above(self, alpha: float) -> float:
        if math.isnan(self.solution.alpha):
            return 0.5
        # The scatter about the curve and the scatter between runs, pooled.
        freedom = self.problem.freedom + self.losses.freedom
        within = self.losses.spread**2 * self.losses.freedom
        variance = (self.solution.cost + within) / freedom
        cost = float(self.problem.profile(self.solution.weights).at(alpha).cost)
        excess = math.sqrt(max(cost - self.solution.cost, 0.0) / variance)
        root = math.copysign(excess, alpha - self.solution.alpha)
        return float(stats.t.sf(root, freedom))

    def cut(self, weight: float, level: float) -> Cut:
        losses, alpha = self.losses, self.solution.alpha
        freedom = self.problem.freedom
        p = lack_of_fit(self.solution.cost, freedom, losses.spread, losses.freedom)
        interval = _interval([self], np.ones(1), alpha, level)
        return Cut(float(losses.x[0]), alpha, interval, p, weight)


def _interval(tails: list[_Tail], weights: Floats, alpha: float, level: float) -> Interval:
    """Where the weighted tails are (1 - level) / 2; open where they do not fall so low."""
    kept = [(tail, w) for tail, w in zip(tails, weights, strict=True) if w > 1e-6]
    ends = math.log(ALPHA_MIN), math.log(ALPHA_MAX)
    share = (1 - level) / 2

    def above(log_alpha: float) -> float:
        return float(sum(w * tail.above(math.exp(log_alpha)) for tail, w in kept))

    def end(target: float) -> float:
        found = optimize.brentq(lambda t: above(t) - target, *ends, xtol=1e-8)
        return math.exp(found)

    if math.isnan(alpha):
        return Interval(0.0, math.inf, level)
    low = end(1 - share) if 1 - above(ends[0]) < share else 0.0
    high = end(share) if above(ends[1]) < share else math.inf
    return Interval(min(low, alpha), max(high, alpha), level)


def _notes(cuts: tuple[Cut, ...]) -> list[Remark]:
    full, best = cuts[0], max(cuts, key=lambda cut: cut.weight)
    if best is not full and full.alpha not in best.interval:
        ends = [f"{number(c.alpha)} from {c.smallest:g} on" for c in (full, best)]
        return [Caveat.RANGE_MATTERS(", ".join(ends))]
    return []
