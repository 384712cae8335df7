"""What may be wrong with a fitted power law."""

import math

import numpy as np
from scipy import stats

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from .best_so_far import ties
from .correlated import effective
from .losses import Losses
from .profile_fit import ROUNDING, Problem, Solution, solve
from .projection import ALPHA_MAX, ALPHA_MIN
from .scatter import MISFIT
from .tails import Student

SIGNIFICANT = 0.05
NOT_INTERPOLATED = 0.1  # training loss over test loss


def diagnose(
    problem: Problem,
    solution: Solution,
    losses: Losses,
    misfit: float,
    robust: Interval | None,
    forced: bool,
) -> list[Remark]:
    """The caveats of a fit. `robust` is the interval of the wild bootstrap where there is
    lack of fit; `forced` says that a floor of zero was assumed, not known.
    """
    return [
        *_of_the_design(problem, solution, losses),
        *_of_the_noise(losses),
        *_of_the_errors(solution, losses),
        *_of_the_exponent(solution, misfit, robust),
        *_of_the_floor(problem, solution, losses, forced),
    ]


def _of_the_design(problem: Problem, solution: Solution, losses: Losses) -> list[Remark]:
    remarks = []
    decades = math.log10(losses.x[-1] / losses.x[0])
    if decades < 1:
        remarks.append(Caveat.SHORT_RANGE(f"{decades:.2f} decades"))
    if len(losses.x) < 6:
        remarks.append(Caveat.FEW_SIZES(f"{len(losses.x)} sizes"))
    if losses.freedom == 0:
        remarks.append(Caveat.NO_REPLICATES())
        if losses.test_noise > 0:
            about = math.sqrt(solution.cost / max(problem.freedom, 1))
            stated, scatter = number(100 * losses.test_noise, 2), number(100 * about, 2)
            facts = f"{stated} % of the loss; about the fit it scatters by {scatter} %"
            remarks.append(Caveat.STATED_ERRORS(facts))
    return remarks


def _of_the_noise(losses: Losses) -> list[Remark]:
    remarks = []
    if losses.train_share > NOT_INTERPOLATED:
        share = f"{100 * losses.train_share:.0f} % of the test loss"
        remarks.append(Caveat.OPTIMISER_FLOOR(share))
    if losses.test_noise**2 > losses.spread**2 / 2:
        facts = f"{losses.test_noise:.2g} of {losses.spread:.2g}, relative"
        remarks.append(Caveat.TEST_NOISE(facts))
    if np.ptp(losses.variance) > 0:
        first, last = losses.spread * np.sqrt(losses.variance[[0, -1]])
        facts = f"{first:.2g} at the smallest, {last:.2g} at the largest, relative"
        remarks.append(Caveat.UNEVEN_SCATTER(facts))
    return remarks


def _of_the_errors(solution: Solution, losses: Losses) -> list[Remark]:
    """Tails, correlated errors, and a bend beyond what such errors explain."""
    remarks = []
    if isinstance(solution.errors, Student):
        remarks.append(Caveat.HEAVY_TAILS(f"Student's t, {solution.errors.freedom:g}"))
    repeated = int(ties(losses.y).sum())
    if repeated:
        remarks.append(Caveat.BEST_SO_FAR(f"{repeated} of {len(losses.y)} repeated"))
    r, n = solution.correlation, len(losses.x)
    if r and solution.serial < MISFIT:
        count = number(effective(n, r), 2)
        facts = f"correlation {number(r, 2)}, {n} sizes as {count} independent ones"
        remarks.append(Caveat.CORRELATED_ERRORS(facts))
    if solution.bend < MISFIT:
        bend = f"a further bend, p = {number(solution.bend, 2)}"
        remarks.append(Caveat.NOT_A_POWER_LAW(bend))
    return remarks


def _of_the_exponent(
    solution: Solution, misfit: float, robust: Interval | None
) -> list[Remark]:
    if math.isnan(solution.alpha):
        said = "the losses do not fall with size; of accuracies fit what they lack of one"
        return [Caveat.NOT_ESTIMATED(said)]
    remarks = []
    if not ALPHA_MIN * 1.02 < solution.alpha < ALPHA_MAX / 1.02:
        remarks.append(Caveat.ALPHA_AT_BOUND(f"{ALPHA_MIN} to {ALPHA_MAX}"))
    if solution.interval.is_open or solution.interval.low == 0:
        remarks.append(Caveat.OPEN_INTERVAL(str(solution.interval)))
    if misfit < MISFIT:
        wild = f"; wild bootstrap over sizes: {robust}" if robust is not None else ""
        remarks.append(Caveat.LACK_OF_FIT(f"p = {misfit:.2g}{wild}"))
    return remarks


def _of_the_floor(
    problem: Problem, solution: Solution, losses: Losses, forced: bool
) -> list[Remark]:
    if problem.floor is None:
        low, high = solution.floor_interval
        if low == 0 and high > losses.y.min() / 2:
            return [Caveat.FLOOR_UNIDENTIFIED(f"floor in {solution.floor_interval}")]
        return []
    if len(problem.x) < 4:
        return []
    free = Problem.of(losses, None)
    freed = solve(free, losses, solution.interval.level)
    p_value = _floor_test(free, freed, solution)
    if p_value < SIGNIFICANT:
        caveat = Caveat.FLOOR_FORCED if forced else Caveat.FLOOR_EXCEEDED
        return [caveat(f"p = {p_value:.2g}")]
    if forced and freed.alpha not in solution.interval:
        return [Caveat.FLOOR_MATTERS(f"{number(freed.alpha)} {freed.interval}")]
    return []


def _floor_test(free: Problem, freed: Solution, solution: Solution) -> float:
    """p-value of the fixed floor against a higher one.

    The alternative is one-sided: under the null the free fit is better on that side only
    half of the time, so the p-value is half of the F tail (Self & Liang 1987).
    """
    residuals = free.y - solution.mean
    fixed = float(freed.weights @ residuals**2)
    rounding = ROUNDING**2 * float(freed.weights @ free.y**2)
    if fixed <= freed.cost + rounding or freed.floor <= solution.floor:
        return 1.0
    gain = (fixed - freed.cost) / max(freed.cost / free.freedom, np.finfo(float).tiny)
    return float(stats.f.sf(gain, 1, free.freedom) / 2)
