"""The fit where one run a size hides how errors are distributed.

Repeats show the scatter of runs, and that they are independent of each other. Without them
errors of neighbouring sizes may go together, some may lie far off, and what leaves the law
may be a bend: each is looked for in what the fit leaves.
"""

import dataclasses as dc
import math

import numpy as np

from .correlated import Series, bend_p, correlated, serial_p
from .losses import Losses
from .profile_fit import (
    ROUNDING,
    Problem,
    Solution,
    residuals,
    solve,
    weights_under,
    widened,
)
from .scatter import MISFIT
from .tails import ENOUGH, ErrorLaw, Normal, Student, errors_of

# Neighbouring errors may go together wherever one run a size hides it. On few sizes it is
# looked for where they seem to: the intervals of all would be too wide for most.
SERIES, MANY, SUSPECT = 8, 16, 0.2


def solve_as_measured(
    problem: Problem, losses: Losses, level: float, errors: str | ErrorLaw
) -> Solution:
    """`solve`, with what one run a size hides: errors of neighbouring sizes that go
    together, a bend, and tails. A curve that bends off the law is no sign of tails.
    """
    found = _dependent(problem, losses, solve(problem, losses, level))
    told = found.bend < MISFIT or losses.freedom > 0  # repeats show the scatter
    if errors == "auto" and (told or len(problem.x) < ENOUGH):
        return found
    robust = residuals(problem, found.weights, weights_under(problem, losses, Student()))
    plain = residuals(problem, found.weights, found.weights)
    law = errors_of(errors, plain, robust)
    if isinstance(law, Normal):
        return found
    return _dependent(problem, losses, solve(problem, losses, level, law))


def _dependent(problem: Problem, losses: Losses, found: Solution) -> Solution:
    """With the intervals of errors that go together, where they may."""
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
        found = dc.replace(found, **known.to_dict())
    return dc.replace(found, bend=bend_p(series, found.alpha, found.correlation))
