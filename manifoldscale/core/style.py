"""How figures look: one style, sizes of a column, colours, ticks; drawing on any axes.

Matplotlib is imported inside functions: results that can draw load without it.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .arrays import Floats
from .errors import require
from .interval import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SINGLE, DOUBLE, HEIGHT = 3.5, 7.2, 2.7  # inches: one and two columns of a journal
# Okabe and Ito's colours, told apart by every kind of colour vision, in the order in which
# neighbours differ most in lightness.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
COLORS = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000")
CHARACTERS = 20  # of all labels of an axis; more of them run into each other
# No date in the file: the same numbers give the same bytes.
UNDATED = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "figure.figsize": (SINGLE, HEIGHT),
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "manifoldscale",
}

R = TypeVar("R")
P = ParamSpec("P")


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of this package."""
    import matplotlib
    from cycler import cycler

    colors: Any = {"axes.prop_cycle": cycler(color=COLORS)}
    with matplotlib.rc_context(STYLE | colors):
        yield


def drawing(draw: "Callable[Concatenate[R, Axes, P], None]") -> "Callable[..., Axes]":
    """A method `plot(ax=None, ...)` from one that draws on given axes.

    Without axes it draws on Matplotlib's current ones, a column wide where they are made
    here; it returns the axes.
    """

    @functools.wraps(draw)
    def plot(
        self: R, ax: "Axes | None" = None, *args: P.args, **kwargs: P.kwargs
    ) -> "Axes":
        with styled():
            if ax is None:
                import matplotlib.pyplot as plt

                ax = plt.gca()
            draw(self, ax, *args, **kwargs)
        return ax

    return plot


def new_figure(columns: int = 1, width: float | None = None) -> "tuple[Figure, list[Axes]]":
    """A figure with panels side by side, a column wide each."""
    from matplotlib.figure import Figure

    size = (width or SINGLE * columns, HEIGHT)
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write a figure in the format that the ending of `path` names."""
    require(
        path.suffix in UNDATED,
        f"A figure is written as {', '.join(UNDATED)}; not as {path.name!r}.",
    )
    with styled():
        figure.savefig(path, metadata=UNDATED[path.suffix])
    return path


def errors(values: Floats, low: Floats, high: Floats) -> Floats:
    """(2, n) lengths of error bars. An end that is open is drawn to twice the value; what
    is not known is no bar.
    """
    values, low, high = (np.asarray(x, dtype=float) for x in (values, low, high))
    high = np.where(np.isposinf(high), values + np.abs(values), high)
    low = np.where(np.isneginf(low), values - np.abs(values), low)
    return np.nan_to_num(np.maximum([values - low, high - values], 0.0))


def draw_interval(
    ax: "Axes", place: float, value: float, interval: Interval, color: str
) -> None:
    """A number with its interval, horizontal, at a height; nothing where it is not known.
    An end that is open has an arrow.
    """
    if not math.isfinite(value):
        return
    bars = errors(*(np.array([number]) for number in (value, *interval)))
    ax.errorbar([value], [place], xerr=bars, fmt="o", color=color, capsize=2)
    for end, sign, arrow in ((interval.low, -1, "<"), (interval.high, 1, ">")):
        if not math.isfinite(end):
            ax.plot([value + sign * bars[(sign + 1) // 2, 0]], [place], arrow, color=color)


def plain_text(name: str) -> str:
    """A name as it is: Matplotlib reads what stands between dollars as a formula."""
    return name.replace("$", r"\$")


def name_heights(ax: "Axes", names: Sequence[str]) -> None:
    """Names at 0, 1, 2, ... of the vertical axis, the first on top."""
    ax.set_yticks(range(len(names)), list(map(plain_text, names)))
    ax.set_ylim(len(names) - 0.4, -0.6)


def log_ticks(
    values: Floats | Sequence[float], digits: Sequence[int] = (1, 2, 5)
) -> list[float]:
    """`digits` times the powers of ten within the range of the values, which read better
    than powers alone where the range is a decade or two.
    """
    low, high = float(np.min(values)) / 1.3, float(np.max(values)) * 1.3
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in digits]
    return [tick for tick in ticks if low <= tick <= high]


def plain_log_axis(axis: "Axis", values: Floats | Sequence[float]) -> None:
    """Ticks written out: 1, 2, 5 within the values' range, or fewer where these would run
    into each other; even steps where the range is short. Over many decades, Matplotlib's
    powers of ten.
    """
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

    array = np.asarray(values, dtype=float)
    positive = array[np.isfinite(array) & (array > 0)]
    if not len(positive) or positive.max() > 300 * positive.min():
        return
    choices = (log_ticks(positive, digits) for digits in ((1, 2, 5), (1, 3), (1,)))
    ticks = next((c for c in choices if sum(len(f"{t:g}") for t in c) <= CHARACTERS), [])
    inside = [t for t in ticks if positive.min() <= t <= positive.max()]
    axis.set_major_locator(FixedLocator(ticks) if len(inside) > 1 else MaxNLocator(4))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def log_axes(ax: "Axes", x: Floats, y: Floats) -> None:
    """Logarithmic axes with plain ticks."""
    ax.set(xscale="log", yscale="log")
    plain_log_axis(ax.xaxis, x)
    plain_log_axis(ax.yaxis, y)


def name_places(ax: "Axes", names: Sequence[str]) -> None:
    """Slanted names at 0, 1, 2, ... of the horizontal axis; not all where they are many."""
    step = max(1, math.ceil(len(names) / 40))
    places = range(0, len(names), step)
    ax.set_xticks(places, [plain_text(names[place]) for place in places])
    for label in ax.get_xticklabels():
        label.set(rotation=40, ha="right", rotation_mode="anchor")
