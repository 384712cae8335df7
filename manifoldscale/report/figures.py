"""Figures for print, with Matplotlib: PNG and PDF."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..study import StudyResult
from .series import (
    BLUE,
    GREEN,
    ORANGE,
    Mark,
    dimension_marks,
    exponent_marks,
    loss_series,
)

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
}
WIDTH, HEIGHT = 3.5, 2.7  # inches: one column


def save_figures(result: StudyResult, folder: str | Path) -> list[Path]:
    """Write each figure as PNG and PDF; returns the paths."""
    drawers: dict[str, Callable[[StudyResult, Axes], None]] = {
        "loss": draw_loss,
        "dimension": draw_dimension,
        "exponent": draw_exponent,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with matplotlib.rc_context(STYLE):
        for name, draw in drawers.items():
            figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
            draw(result, figure.add_subplot())
            for suffix in (".png", ".pdf"):
                path = folder / f"{name}{suffix}"
                # No date in the file: the same study gives the same bytes.
                stamp: dict[str, Any] = {"CreationDate": None} if suffix == ".pdf" else {}
                figure.savefig(path, metadata=stamp)
                paths.append(path)
    return paths


def draw_loss(result: StudyResult, ax: Axes) -> None:
    """Test loss against D, every run, with the fitted power law and its band."""
    s = loss_series(result)
    ax.fill_between(s.grid, s.low, s.high, color=ORANGE, alpha=0.25, lw=0)
    ax.plot(s.grid, s.curve, color=ORANGE, lw=1.2, label=_exponents(s.fit_label))
    ax.plot(s.run_sizes, s.run_losses, ".", color=BLUE, alpha=0.35, ms=4, mew=0)
    ax.plot(s.sizes, s.means, "o", color=BLUE, ms=4, label="mean of the runs")
    if result.fit.floor > 0:
        ax.axhline(result.fit.floor, color="0.5", lw=0.8, ls=":", label="floor E")
    ax.set(xscale="log", yscale="log", xlabel=s.x_label, ylabel=s.y_label)
    ax.legend()


def draw_dimension(result: StudyResult, ax: Axes) -> None:
    """Dimension by layer, with intervals; the known dimension where there is one."""
    marks = dimension_marks(result)
    places = list(range(len(marks)))
    errors = [[mark.minus for mark in marks], [mark.plus for mark in marks]]
    values = [mark.value for mark in marks]
    ax.errorbar(places, values, errors, fmt="o-", color=BLUE, ms=4, lw=1, capsize=2)
    known = result.study.plan.task.known_dim
    if known is not None:
        ax.axhline(known, color=GREEN, lw=1, ls="--", label=f"input manifold, d = {known}")
        ax.legend()
    ax.set_xticks(places, [mark.name for mark in marks], rotation=40, ha="right")
    ax.set(ylabel="intrinsic dimension")
    ax.set_ylim(bottom=0)


def draw_exponent(result: StudyResult, ax: Axes) -> None:
    """The measured exponent over those that the dimension implies."""
    *predicted, measured = exponent_marks(result)
    low, high = measured.interval
    ax.axvspan(low, min(high, ax.get_xlim()[1] * 10), color=ORANGE, alpha=0.2, lw=0)
    for place, mark in enumerate([*predicted, measured]):
        _bar(ax, place, mark, ORANGE if mark is measured else BLUE)
    names = [mark.name for mark in [*predicted, measured]]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ends = [m.value + m.plus for m in [*predicted, measured]]
    ax.set_xlim(0, 1.1 * max(ends))
    ax.set(xlabel=f"exponent {_symbol(result.fit.axis.exponent)}")


def _bar(ax: Axes, place: int, mark: Mark, color: str) -> None:
    ax.errorbar(
        [mark.value],
        [place],
        xerr=[[mark.minus], [mark.plus]],
        fmt="o",
        color=color,
        ms=4,
        capsize=2,
    )


def _exponents(text: str) -> str:
    """D^-0.46 as a superscript."""
    base, _, power = text.partition("^")
    return f"${base.replace(' ', chr(92) + ' ')}^{{{power}}}$"


def _symbol(name: str) -> str:
    return {"alpha_D": r"$\alpha_D$", "alpha_P": r"$\alpha_P$", "alpha_W": r"$\alpha_W$"}[
        name
    ]
