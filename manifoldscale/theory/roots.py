"""Roots of many decreasing functions at once, to the last digits of a float."""

from collections.abc import Callable

import numpy as np

from ..core.arrays import Floats

# (values of log(f / target), their slopes in log x) at trial values of log x
LogFunction = Callable[[Floats], tuple[Floats, Floats]]

MAX_STEPS = 200  # bisection alone needs about 60 for any bracket of floats
PRECISION = 4 * np.finfo(float).eps
RESIDUAL = 1e-9  # of f / target: far above rounding, and far below what any use needs


def decreasing_root(function: LogFunction, low: Floats) -> Floats:
    """The root of each function in [low, 0], by Newton's method inside a bracket.

    The unknown is log(x / x_upper), which keeps the relative precision of small roots. A
    Newton step that leaves the bracket, or that does not halve the last step, is replaced
    by a bisection [Numerical Recipes, `rtsafe`].

    Raises
    ------
    ArithmeticError : a root whose residual is not small; there is no known case.
    """
    low, high = low.copy(), np.zeros_like(low)
    at, last = low.copy(), high - low
    for _ in range(MAX_STEPS):
        value, slope = function(at)
        low, high = np.where(value >= 0, at, low), np.where(value <= 0, at, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -value / slope
        newton = at + step
        good = (newton >= low) & (newton <= high) & (np.abs(step) <= last / 2)
        settled = (value == 0) | (np.abs(step) <= PRECISION * np.maximum(1, np.abs(at)))
        following = np.where(settled, at, np.where(good, newton, (low + high) / 2))
        last, at = np.abs(following - at), following
        if np.all(last <= PRECISION * np.maximum(1, np.abs(at))):
            break
    residual = np.abs(np.expm1(function(at)[0]))
    if not np.all(residual <= RESIDUAL):
        raise ArithmeticError(f"a root was not found: residual {residual.max():.1e}")
    return at
