"""Does a table without replicates exclude the law of the other regime?"""

import dataclasses as dc

import numpy as np
from scipy import stats

from ..core.interval import number
from .evidence import BAND, SATURATED, Evidence
from .losses import Losses
from .profile_fit import ROUNDING, Problem, weights_under
from .projection import Profile
from .tails import NORMAL

CHANCE = 0.003  # below it the other law is excluded, with all sizes and without any one
NEAR_ONE = np.linspace(BAND.low, BAND.high, 7)
FEWEST = 5  # sizes: one is left out, and three unknowns leave one to test against


def is_alone(losses: Losses) -> bool:
    """Fewer than two runs a size, or copies: runs tell little of their scatter."""
    return losses.freedom < len(losses.x) or not losses.spread > 0


def other_regime(losses: Losses, verdict: str, floor: float) -> Evidence:
    """Whether the law of the other regime is excluded, also without any one size.

    With few runs a size nothing but the scatter about a curve tells how far losses lie from
    it, so a verdict is only as good as the distance to the other law:

    - of "resolution-limited", E + A / x, the exponent within 0.15 of one and E at least
      half of the smallest loss; a loss that does not fall at all is among these;
    - of "variance-limited", A x^-alpha with no limit but the irreducible `floor`.

    Either is a case of E + A x^-alpha, so that an F test of one unknown says how much worse
    it is. The largest p-value with one size left out must be below 0.003: one wild loss, as
    of heavy tails, then makes no verdict.
    """
    kind = "other regime"
    if len(losses.x) < FEWEST:
        return Evidence(kind, "", "few runs a size, and too few sizes to leave one out")
    n = len(losses.x)
    every = np.ones(n, bool)
    keeps = [every, *(np.arange(n) != i for i in range(n))]
    p = [_p_value(losses.at(keep), verdict, floor) for keep in keeps]
    worst = int(np.argmax(p[1:]))
    at = f"p = {number(p[0], 2)}; {number(p[1:][worst], 2)} without {losses.x[worst]:g}"
    few = "one run a size" if losses.freedom == 0 else "few runs a size"
    if max(p) < CHANCE:
        return Evidence(kind, verdict, f"{few}; its law is excluded ({at})")
    return Evidence(kind, "", f"{few}; its law is not excluded ({at})")


def _p_value(losses: Losses, verdict: str, floor: float) -> float:
    """Of the law of the other regime, against E + A x^-alpha, E at least `floor`."""
    problem = Problem(losses.x, losses.y - floor, losses.runs, None)
    free = problem.profile(weights_under(problem, losses, NORMAL))
    alpha = free.minimise()
    best = free.at(alpha)
    if verdict == "variance-limited":
        zero = dc.replace(free, floor=0.0)
        rival = zero.cost(np.log(zero.minimise()))
    else:
        last = best.floor + best.amplitude * free.powers(np.asarray(alpha))[-1]
        rival = _held_up(free, SATURATED * float(last))
    rounding = ROUNDING**2 * float(free.weights @ free.y**2)
    least = float(best.cost)
    gain = max(rival - least, 0.0) / ((least + rounding) / problem.freedom)
    return float(stats.f.sf(gain, 1, problem.freedom))


def _held_up(free: Profile, least: float) -> float:
    """The smallest cost of E + A x^-alpha, alpha near one and E at least `least`: the cost
    is convex in E, so where the best E is less it is that at `least`.
    """
    at = free.at(NEAR_ONE)
    held = dc.replace(free, y=free.y - least, floor=0.0).at(NEAR_ONE)
    return float(np.where(at.floor >= least, at.cost, held.cost).min())
