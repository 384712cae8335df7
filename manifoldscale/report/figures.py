"""Figures for print, with Matplotlib: PNG and PDF."""

from pathlib import Path

import matplotlib
import numpy as np
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
from .style import HEIGHT, STYLE, WIDTH, log_axes, save_figure

KINDS = ("png", "pdf")


def save_figures(result: StudyResult, folder: str | Path) -> list[Path]:
    """Write each figure, and all side by side as `study`, as PNG and PDF."""
    draw = {"loss": draw_loss, "dimension": draw_dimension, "exponent": draw_exponent}
    sheets = {name: [drawer] for name, drawer in draw.items()}
    sheets["study"] = list(draw.values())
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with matplotlib.rc_context(STYLE):
        for name, drawers in sheets.items():
            figure = Figure(figsize=(WIDTH * len(drawers), HEIGHT), layout="constrained")
            axes = figure.subplots(1, len(drawers), squeeze=False)[0]
            for drawer, ax in zip(drawers, axes, strict=True):
                drawer(result, ax)
            paths += [save_figure(figure, folder / f"{name}.{kind}") for kind in KINDS]
    return paths


def draw_loss(result: StudyResult, ax: Axes) -> None:
    """Test loss against D, every run, with the fitted power law and its band."""
    s = loss_series(result)
    law = f"${s.law}^{{{s.power}}}$".replace(" ", r"\ ")
    ax.fill_between(s.grid, s.low, s.high, color=ORANGE, alpha=0.25, lw=0)
    ax.plot(s.grid, s.curve, color=ORANGE, lw=1.2, label=law)
    ax.plot(s.run_sizes, s.run_losses, ".", color=BLUE, alpha=0.35, ms=4, mew=0)
    ax.plot(s.sizes, s.means, "o", color=BLUE, ms=4, label="mean of the runs")
    ax.set(xlabel=s.x_label, ylabel=s.y_label)
    log_axes(ax, s.sizes, s.run_losses)
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
    ax.set_xticks(places, [mark.label for mark in marks], rotation=40, ha="right")
    ax.set(ylabel="intrinsic dimension")
    ax.set_ylim(bottom=0)


def draw_exponent(result: StudyResult, ax: Axes) -> None:
    """The measured exponent over those that the dimension implies."""
    *predicted, measured = exponent_marks(result)
    low, high = measured.interval
    ax.axvspan(low, min(high, ax.get_xlim()[1] * 10), color=ORANGE, alpha=0.2, lw=0)
    for place, mark in enumerate([*predicted, measured]):
        _bar(ax, place, mark, ORANGE if mark is measured else BLUE)
    names = [mark.label for mark in [*predicted, measured]]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ends = [m.value + m.plus for m in [*predicted, measured]]
    ax.set_xlim(0, 1.1 * float(np.nanmax(ends)))
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


def _symbol(name: str) -> str:
    return {"alpha_D": r"$\alpha_D$", "alpha_P": r"$\alpha_P$", "alpha_W": r"$\alpha_W$"}[
        name
    ]
