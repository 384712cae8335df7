"""The fit where one run per size hides how errors are distributed.

Repeats show the scatter of runs, and that they are independent of each other. Without them
errors of neighbouring sizes may go together, some losses may lie far off, and the curve may
bend away from the law: each is looked for in the residuals.
"""

import dataclasses as dc
import math

import numpy as np

from .correlated import Series, bend_p, correlated, serial_p
from .losses import Losses
from .profile_fit import ROUNDING, Problem, Solution, fitted_under, solve, widened
from .scatter import MISFIT
from .tails import ENOUGH, ErrorLaw, Normal, Student, errors_of

# With one run per size neighbouring errors may go together unseen. On fewer than MANY sizes
# this is assumed only where the residuals suggest it (p < SUSPECT): assumed always, it
# would make most intervals too wide.
SERIES, MANY, SUSPECT = 8, 16, 0.2


def solve_as_measured(
    problem: Problem, losses: Losses, level: float, errors: str | ErrorLaw
) -> Solution:
    """`solve`, and what one run per size hides: errors of neighbouring sizes that go
    together, a bend, and tails. A curve that bends off the law is not a sign of tails.
    """
    found = _dependent(problem, losses, solve(problem, losses, level))
    told = found.bend < MISFIT or losses.freedom > 0  # repeats show the scatter
    if errors == "auto" and (told or len(problem.x) < ENOUGH):
        return found
    root = np.sqrt(found.weights)
    robust = root * (problem.y - fitted_under(problem, losses, Student()).mean)
    law = errors_of(errors, root * (problem.y - found.mean), robust)
    if isinstance(law, Normal):
        return found
    return _dependent(problem, losses, solve(problem, losses, level, law))


def _dependent(problem: Problem, losses: Losses, found: Solution) -> Solution:
    """With the intervals of correlated errors, where errors may be correlated."""
    n, hidden = len(problem.x), losses.freedom == 0 or losses.along_a_run
    if problem.reference is not None or n < SERIES or not hidden:
        return found
    if math.isnan(found.alpha) or found.cost < ROUNDING**2 * n:
        return found
    deviation = 1 / np.sqrt(found.weights)
    series = Series(problem.x, problem.y, deviation, problem.floor)
    p = serial_p(series, (problem.y - found.mean) / deviation, found.alpha)
    found = dc.replace(found, serial=p)
    if n >= MANY or p < SUSPECT or losses.along_a_run:
        level, stretch = found.interval.level, widened(found.errors)
        known = correlated(series, found.alpha, found.floor, level, stretch)
        found = dc.replace(found, **vars(known))
    return dc.replace(found, bend=bend_p(series, found.alpha, found.correlation))
