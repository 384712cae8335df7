"""Lines, points and bands on a sheet of panels: what the figures of the theory are."""

import dataclasses as dc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..core.arrays import Floats
from ..core.style import COLORS, new_figure, plain_log_axis, save_figure, styled

FORMATS = {"line": "-", "dashed": "--", "points": "o"}


@dc.dataclass(frozen=True, eq=False)
class Line:
    """One series of a panel.

    Attributes
    ----------
    label : its name in the legend; "" for none.
    x, y : (points,).
    kind : "line", "dashed" or "points".
    error : (points,) half-widths of the error bars; None for none.
    color : index of its colour; None for its place in the panel.
    """

    label: str
    x: Floats
    y: Floats
    kind: str = "line"
    error: Floats | None = None
    color: int | None = None


@dc.dataclass(frozen=True, eq=False)
class Panel:
    """Lines over the same axes; `log` holds the axes that are logarithmic, of "xy"."""

    x_label: str
    y_label: str
    lines: Sequence[Line]
    log: str = ""
    title: str = ""


def save_panels(panels: Sequence[Panel], path: str | Path) -> Path:
    """Draw the panels side by side; the ending of `path` is .png, .pdf or .svg."""
    with styled():
        figure, axes = new_figure(len(panels))
        for panel, ax in zip(panels, axes, strict=True):
            draw_panel(panel, ax)
    return save_figure(figure, Path(path))


def draw_panel(panel: Panel, ax: Axes) -> None:
    """Draw on existing axes, so that a panel fits into a figure of one's own."""
    for place, line in enumerate(panel.lines):
        color = COLORS[(place if line.color is None else line.color) % len(COLORS)]
        # What is infinite, such as the peak of double descent, is a gap.
        y = np.where(np.isfinite(line.y), line.y, np.nan)
        style: Any = {"color": color, "ms": 3, "lw": 1.2, "label": line.label or None}
        if line.error is None:
            ax.plot(line.x, y, FORMATS[line.kind], **style)
        else:
            ax.errorbar(line.x, y, line.error, fmt=FORMATS[line.kind], capsize=2, **style)
    ax.set(xlabel=panel.x_label, ylabel=panel.y_label, title=panel.title)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if name in panel.log:
            getattr(ax, f"set_{name}scale")("log")
            values = [getattr(line, name) for line in panel.lines]
            plain_log_axis(axis, np.concatenate(values))
    if any(line.label for line in panel.lines):
        ax.legend(fontsize=7)
