"""Does a table without replicates exclude the law of the other regime?"""

import dataclasses as dc

import numpy as np
from scipy import stats

from ..core.interval import number
from .evidence import BAND, SATURATED, Evidence
from .losses import Losses
from .profile_fit import ROUNDING, Problem, fitted_under
from .projection import Profile
from .tails import NORMAL

CHANCE = 0.003  # p-value below which the other law is excluded
NEAR_ONE = np.linspace(BAND.low, BAND.high, 7)
FEWEST = 5  # sizes: without one of them, three unknowns leave one to test against


def is_alone(losses: Losses) -> bool:
    """Fewer than two runs per size, or copies: they tell little about their scatter."""
    return losses.freedom < len(losses.x) or not losses.spread > 0


def other_regime(losses: Losses, verdict: str, floor: float) -> Evidence:
    """Whether the law of the other regime is excluded, even without any one size.

    With few runs per size only the scatter about a curve tells how far losses lie from it,
    so a verdict is only as good as the distance to the other law:

    - the rival of "resolution-limited" is E + A x^-alpha with alpha within 0.15 of one and
      E at least half of the smallest loss; it includes a loss that does not fall at all;
    - the rival of "variance-limited" is A x^-alpha with no limit but the irreducible
      `floor`.

    Both are special cases of E + A x^-alpha, so an F test of one unknown says how much
    worse they are. The largest p-value with one size left out must be below 0.003: a single
    wild loss, as of heavy tails, then decides nothing.
    """
    kind = "other regime"
    if len(losses.x) < FEWEST:
        return Evidence(kind, "", "few runs per size, and too few sizes to leave one out")
    n = len(losses.x)
    every = np.ones(n, bool)
    keeps = [every, *(np.arange(n) != i for i in range(n))]
    p = [_p_value(losses.at(keep), verdict, floor) for keep in keeps]
    worst = int(np.argmax(p[1:]))
    at = f"p = {number(p[0], 2)}; {number(p[1:][worst], 2)} without {losses.x[worst]:g}"
    few = "one run per size" if losses.freedom == 0 else "few runs per size"
    if max(p) < CHANCE:
        return Evidence(kind, verdict, f"{few}; its law is excluded ({at})")
    return Evidence(kind, "", f"{few}; its law is not excluded ({at})")


def _p_value(losses: Losses, verdict: str, floor: float) -> float:
    """Of the law of the other regime, against E + A x^-alpha with E at least `floor`."""
    problem = Problem(losses.x, losses.y - floor, losses.precision, None)
    best = fitted_under(problem, losses, NORMAL)
    free = problem.profile(best.weights)
    if verdict == "variance-limited":
        rival = float(dc.replace(free, floor=0.0).fit().cost)
    else:
        rival = _held_up(free, SATURATED * float(best.mean[-1]))
    rounding = ROUNDING**2 * float(free.weights @ free.y**2)
    least = float(best.cost)
    gain = max(rival - least, 0.0) / ((least + rounding) / problem.freedom)
    return float(stats.f.sf(gain, 1, problem.freedom))


def _held_up(free: Profile, least: float) -> float:
    """The smallest cost of E + A x^-alpha with alpha near one and E at least `least`. The
    cost is convex in E: where the best E is smaller, the constrained one is `least`.
    """
    at = free.at(NEAR_ONE)
    held = dc.replace(free, y=free.y - least, floor=0.0).at(NEAR_ONE)
    return float(np.where(at.floor >= least, at.cost, held.cost).min())
