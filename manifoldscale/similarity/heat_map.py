"""A matrix of numbers as colours, with the numbers in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Floats
from ..core.interval import number
from ..core.style import name_places, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 14  # rows or columns up to which numbers are written in the cells
COLOURS = "cividis"  # sequential, and the same for every kind of colour vision


def draw_heat_map(
    ax: "Axes", values: Floats, rows: Sequence[str], columns: Sequence[str], meaning: str
) -> None:
    """One cell per number, from 0 (or the least) to 1 (or the largest); grey, not known."""
    low, high = (
        min(0.0, np.nanmin(values, initial=0)),
        max(1.0, np.nanmax(values, initial=0)),
    )
    from matplotlib import colormaps

    colours = colormaps[COLOURS].with_extremes(bad="0.85")
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    name_places(ax, columns)
    step = max(1, -(-len(rows) // 40))
    places = range(0, len(rows), step)
    ax.set_yticks(places, [plain_text(rows[place]) for place in places])
    ax.figure.colorbar(image, ax=ax, label=meaning)
    if max(values.shape) > MOST:
        return
    size = 8 if max(values.shape) <= 7 else 5
    for (row, column), value in np.ndenumerate(values):
        # Black is readable on the light half of the colours, white on the dark one.
        dark = np.isfinite(value) and (value - low) / (high - low) < 0.45
        ink = "white" if dark else "black"
        text = _short(float(value))
        ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)


def _short(value: float) -> str:
    """As it fits into a cell: two digits, at most two behind the point."""
    return number(value, 2) if not abs(value) < 0.1 else f"{value:.2f}"
