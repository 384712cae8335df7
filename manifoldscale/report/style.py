"""How figures look and how they are written: PNG, PDF or SVG, the same bytes each time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from ..core.arrays import Floats
from ..core.errors import require
from .series import log_ticks

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "manifoldscale",
}
WIDTH, HEIGHT = 3.5, 2.7  # inches: one column
CHARACTERS = 28  # of all labels of an axis; more of them run into each other
# No date in the file: the same numbers give the same bytes.
UNDATED = {".png": {}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure in the format that the ending of `path` names."""
    require(
        path.suffix in UNDATED,
        f"A figure is written as {', '.join(UNDATED)}; not as {path.name!r}.",
    )
    figure.savefig(path, metadata=UNDATED[path.suffix])
    return path


def plain_log_axis(axis: Axis, values: Floats | Sequence[float]) -> None:
    """1, 2, 5 as ticks within the values' range, written out, where they are few enough to
    be read; beyond, Matplotlib's powers of ten.
    """
    array = np.asarray(values, dtype=float)
    positive = array[np.isfinite(array) & (array > 0)]
    if not len(positive) or positive.max() > 300 * positive.min():
        return
    ticks = log_ticks(positive)
    if sum(len(f"{tick:g}") for tick in ticks) > CHARACTERS:
        return
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def log_axes(ax: Axes, x: Floats, y: Floats) -> None:
    """Logarithmic axes with plain ticks."""
    ax.set(xscale="log", yscale="log")
    plain_log_axis(ax.xaxis, x)
    plain_log_axis(ax.yaxis, y)
