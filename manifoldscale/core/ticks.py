"""Ticks of logarithmic axes that are written out."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

CHARACTERS = 20  # in all labels of an axis; with more the labels overlap

NEAR = 1.4  # times the end of an axis; a tick within needs no other
APART = 0.12  # of the length of an axis, between two ticks


def log_ticks(
    values: Floats | Sequence[float], digits: Sequence[int] = (1, 2, 5)
) -> list[float]:
    """`digits` times the powers of ten within the range of the values; over a decade or two
    these are easier to read than powers alone.
    """
    low, high = float(np.min(values)) / 1.3, float(np.max(values)) * 1.3
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def even_ticks(values: Floats | Sequence[float], most: int = 5) -> list[float]:
    """Ticks at even steps, for a range too short for `log_ticks`."""
    low, high = float(np.min(values)), float(np.max(values))
    rough = (high - low) / most or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def plain_ticks(values: Floats | Sequence[float]) -> list[float]:
    """Ticks of a logarithmic axis that are written out: 1, 2, 5 within the range of the
    values, or fewer where these would run into each other; even steps where the range is
    short. None over many decades, where powers of ten read better.
    """
    array = np.asarray(values, dtype=float)
    positive = array[np.isfinite(array) & (array > 0)]
    if not len(positive) or positive.max() > 300 * positive.min():
        return []
    choices = (log_ticks(positive, digits) for digits in ((1, 2, 5), (1, 3), (1,)))
    ticks = next((c for c in choices if sum(len(f"{t:g}") for t in c) <= CHARACTERS), [])
    low, high = float(positive.min()), float(positive.max())
    inside = [t for t in ticks if low <= t <= high]
    return _with_ends(ticks, low, high) if len(inside) > 1 else even_ticks(positive)


def _with_ends(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """A tick at each end that has none near, instead of those beyond it. A round end, as
    sizes are, stands instead of what is near as well.
    """
    found = list(ticks)
    span = math.log(high / low)
    apart = max(APART * span, math.log(NEAR))
    for end, sign in ((low, -1), (high, 1)):
        inside = [t for t in found if low <= t <= high]
        rounded = float(f"{end:.2g}")
        is_round = math.isclose(end, rounded, rel_tol=1e-9)
        if min(abs(math.log(t / end)) for t in inside) > (0 if is_round else apart):
            within = [t for t in found if sign * t < sign * end]
            far = [t for t in within if abs(math.log(t / end)) > APART * span]
            found = [*(far if is_round else within), rounded]
    return sorted(found)


def plain_log_axis(axis: "Axis", values: Floats | Sequence[float]) -> None:
    """Ticks of a logarithmic axis written out, `plain_ticks`; else Matplotlib's powers."""
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    ticks = plain_ticks(values)
    if ticks:
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())


def number_log_axis(ax: "Axes", name: str) -> None:
    """At least two numbers at the axis "x" or "y", if it is logarithmic, for all that is
    drawn within its limits.
    """
    from matplotlib.ticker import FixedLocator, LogFormatterSciNotation, LogLocator

    axis: Axis = getattr(ax, f"{name}axis")
    if axis.get_scale() != "log":
        return
    ends: list[float] = sorted(getattr(ax, f"get_{name}lim")())
    span: Floats = getattr(ax.dataLim, f"interval{name}")
    least = float(np.asarray(ax.dataLim.minpos)[0 if name == "x" else 1])
    low, high = max(ends[0], least, min(span)), min(ends[1], max(span))
    values = [low, high] if 0 < low < high < math.inf else ends
    if plain_ticks(values):
        plain_log_axis(axis, values)
        shown = [t for t in axis.get_majorticklocs() if ends[0] <= t <= ends[1]]
        if len(shown) < 2:
            axis.set_major_locator(FixedLocator(even_ticks(ends)))
    elif isinstance(axis.get_major_locator(), FixedLocator):  # of what was there before
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(LogFormatterSciNotation())
