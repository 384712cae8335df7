"""How figures look: one style, column widths, colours, ticks; drawing on any axes.

Matplotlib is imported inside functions, so results that can draw load without it.
"""

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from .arrays import Floats
from .errors import require
from .interval import Interval
from .overlay import drawn_on, overlaid
from .ticks import plain_log_axis as plain_log_axis, plain_ticks as plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE, DOUBLE, HEIGHT = 3.5, 7.2, 2.7  # inches: one and two columns of a journal
# Okabe and Ito's colours, which every kind of colour vision tells apart, ordered so that
# neighbours differ most in lightness.
LONGEST_NAME = 34  # characters below an axis: slanted, more leave the axes no room
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
COLORS = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# Of a series with an order, from the first to the last: dark to light, after Matplotlib's
# plasma; grey tells them apart as well.
SHADES = ("#0D0887", "#5C01A6", "#9C179E", "#CC4778", "#ED7953")
MOST_COLORS = 3  # of an ordered series that has colours of its own instead of shades
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


def roles(count: int, ordered: bool = False) -> list[int | float]:
    """A colour for each of a series, no two alike: an index of `COLORS`, or a position from
    0.0 to 1.0 in `SHADES` where the series has an order, or more members than colours.
    """
    if count <= (MOST_COLORS if ordered else len(COLORS)):
        return list(range(count))
    return [place / (count - 1) for place in range(count)]


def color_of(role: int | float) -> str:
    """The colour of a role; see `roles`."""
    if isinstance(role, int):
        return COLORS[role % len(COLORS)]
    place = min(max(role, 0.0), 1.0) * (len(SHADES) - 1)
    first = min(int(place), len(SHADES) - 2)
    ends = (SHADES[first], SHADES[first + 1])
    below, above = ([int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in ends)
    share = place - first
    mixed = (round(a + share * (b - a)) for a, b in zip(below, above, strict=True))
    return "#" + "".join(f"{part:02X}" for part in mixed)


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of this package."""
    import matplotlib
    from cycler import cycler

    colors: Any = {"axes.prop_cycle": cycler(color=COLORS)}
    with matplotlib.rc_context(STYLE | colors):
        yield


def drawing(draw: "Callable[Concatenate[R, Axes, P], None]") -> "Callable[..., Axes]":
    """A method `plot(ax=None, ..., label=None, color=None)` from one that draws on given
    axes.

    Without axes it draws on Matplotlib's current ones, or makes some a column wide; it
    returns the axes. Results drawn on the same axes stand beside each other: `label` names
    the main mark of this one in the legend, and `color` is the colour of that mark.
    """
    own = inspect.signature(draw)
    paints = "color" in own.parameters  # by itself, as a view does by a value at each point

    @functools.wraps(draw)
    def plot(
        self: R,
        ax: "Axes | None" = None,
        *args: Any,
        label: str | None = None,
        color: Any = None,
        **kwargs: Any,
    ) -> "Axes":
        if paints and color is not None:
            kwargs["color"] = color
        with styled():
            if ax is None:
                import matplotlib.pyplot as plt

                ax = plt.gca()
            with overlaid(ax, label, None if paints else color):
                draw(self, ax, *args, **kwargs)
        return ax

    plot.__signature__ = _with_style(own)  # type: ignore[attr-defined]
    return plot


def _with_style(own: inspect.Signature) -> inspect.Signature:
    """The signature of `plot`: axes may be left out, and there are `label` and `color`."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    given = [
        one.replace(default=None) if one.name == "ax" else one
        for one in own.parameters.values()
    ]
    more = [
        inspect.Parameter(name, keyword, default=None)
        for name in ("label", "color")
        if name not in own.parameters
    ]
    return own.replace(parameters=[*given, *more], return_annotation="Axes")


def new_figure(columns: int = 1, width: float | None = None) -> "tuple[Figure, list[Axes]]":
    """A figure with panels side by side, each a column wide."""
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


def save_plot(result: Any, path: str | Path) -> Path:
    """Draw a result in a new figure and save it; see `save_figure`."""
    with styled():
        figure, (ax,) = new_figure()
    result.plot(ax)
    return save_figure(figure, Path(path))


def errors(values: Floats, low: Floats, high: Floats) -> Floats:
    """Lengths of error bars, (2, n). An open end is drawn to twice the value; an unknown
    end has no bar.
    """
    values, low, high = (np.asarray(x, dtype=float) for x in (values, low, high))
    high = np.where(np.isposinf(high), values + np.abs(values), high)
    low = np.where(np.isneginf(low), values - np.abs(values), low)
    return np.nan_to_num(np.maximum([values - low, high - values], 0.0))


def draw_interval(
    ax: "Axes", place: float, value: float, interval: Interval, color: str
) -> None:
    """A number with its interval, horizontal, at a height, above which are those of results
    that were drawn before; nothing if it is not known. An open end has an arrow, and no
    cap.
    """
    place += drawn_on(ax).base
    if not math.isfinite(value):
        return
    bars = errors(*(np.array([number]) for number in (value, *interval)))
    drawn = ax.errorbar([value], [place], xerr=bars, fmt="o", color=color, capsize=2)
    ends = (value - bars[0, 0], value + bars[1, 0])
    for side, (end, known) in enumerate(zip(ends, interval, strict=True)):
        if not math.isfinite(known):
            remove_caps(drawn, side, [0])
            draw_arrow(ax, end, place, "<>"[side], color)


def remove_caps(drawn: Any, side: int, places: Sequence[int]) -> None:
    """Those at some lower (0) or upper (1) ends of bars that Matplotlib drew."""
    if drawn[1]:
        cap = drawn[1][side]
        x, y = (np.array(one, dtype=float) for one in cap.get_data())
        y[list(places)] = np.nan
        cap.set_data(x, y)


def draw_arrow(
    ax: "Axes", x: float, y: float, kind: str, color: str, alpha: float = 1.0
) -> None:
    """Where an interval goes on."""
    ax.plot([x], [y], kind, color=color, alpha=alpha, mew=0, ms=5)


def plain_text(name: str) -> str:
    """A name printed as it is: Matplotlib takes text between dollars for a formula."""
    return name.replace("$", r"\$")


def name_heights(ax: "Axes", names: Sequence[str]) -> None:
    """Names at 0, 1, 2, ... of the vertical axis, the first on top, below those of results
    that were drawn before.
    """
    before = drawn_on(ax)
    before.names[before.base :] = names
    names = before.names
    ax.set_yticks(range(len(names)), list(map(plain_text, names)))
    ax.set_ylim(len(names) - 0.4, -0.6)


def log_axes(ax: "Axes", x: Floats, y: Floats) -> None:
    """Logarithmic axes with plain ticks, for what was drawn there before as well."""
    ax.set(xscale="log", yscale="log")
    drawn = [line for line in ax.lines if line.get_transform() == ax.transData]
    before_x, before_y = ([one.get_data()[i] for one in drawn] for i in (0, 1))
    plain_log_axis(ax.xaxis, np.concatenate([x, *before_x]).astype(float))
    plain_log_axis(ax.yaxis, np.concatenate([y, *before_y]).astype(float))


def draw_law(
    ax: "Axes",
    means: tuple[Floats, Floats],
    line: Mapping[str, Floats],
    label: str,
    color: str | None = None,
    points: str | None = None,
) -> None:
    """A fitted law: its curve, `line["x"]` and `line["y"]`, the band from `low` to `high`,
    and the mean losses, which have the colour `points` if one is given.
    """
    (drawn,) = ax.plot(line["x"], line["y"], color=color, label=label)
    own = drawn.get_color()
    band: Any = {"color": own, "alpha": 0.25, "lw": 0}
    ax.fill_between(line["x"], line["low"], line["high"], **band)
    ax.plot(*means, "o", color=points or own)


def fitting(name: str) -> str:
    """A name as it fits below an axis; of a longer one, beginning and end.

    >>> fitting("network less shuffled words, word:nouns.txt")
    'network less shu... word:nouns.txt'
    """
    half = (LONGEST_NAME - 3) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: half + 1]}...{name[-half:]}"


def name_places(ax: "Axes", names: Sequence[str]) -> None:
    """Slanted names at 0, 1, 2, ... of the horizontal axis; if there are many, not all."""
    step = max(1, math.ceil(len(names) / 40))
    places = range(0, len(names), step)
    ax.set_xticks(places, [plain_text(fitting(names[place])) for place in places])
    for label in ax.get_xticklabels():
        label.set(rotation=40, ha="right", rotation_mode="anchor")
