"""Figures for print, with Matplotlib: on axes of one's own, or as PNG and PDF."""

import functools as ft
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ..core.measurement import BESIDE
from ..core.overlay import as_formula, finish, overlaid
from ..core.style import (
    BLUE,
    COLORS,
    DOUBLE,
    GREEN,
    ORANGE,
    SINGLE,
    color_of,
    draw_arrow,
    draw_law,
    log_axes,
    name_heights,
    name_places,
    new_figure,
    plain_log_axis,
    plain_text,
    remove_caps,
    roles,
    save_figure,
    styled,
)
from .networks import (
    Network,
    along_training,
    axis_label,
    is_wide,
    roles_of,
    sites_of,
)
from .parts import (
    AlongNetworks,
    BySite,
    Exponents,
    Figure,
    LinesFigure,
    LossFigure,
    Section,
)
from .ranges import Bars, Reach, bars_of, bars_of_marks, reach_of, reach_of_marks, shaded

KINDS = ("png", "pdf")
NAME_WIDTH = 22  # characters of a line of a legend
MOST_SITES = 14  # in one column of a journal
EDGE = 0.6  # of the distance of two sites, beyond the first and the last
FORMATS = {"line": "-", "dashed": "--", "dotted": ":", "points": "o"}


def save_figures(section: Section, folder: str | Path, together: str = "") -> list[Path]:
    """Write every figure of a section as PNG and PDF, and those that belong together side
    by side under the name `together`.
    """
    sheets = {name: [figure] for name, figure in section.figures.items()}
    if together and section.together:
        sheets[together] = [section.figures[name] for name in section.together]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figures in sheets.items():
        paths += save_sheet(figures, *(folder / f"{name}.{kind}" for kind in KINDS))
    return paths


def save_sheet(figures: Sequence[Figure], *paths: str | Path) -> list[Path]:
    """Draw figures side by side, once, and write them as .png, .pdf or .svg, as the paths
    end.
    """
    with styled():
        sheet, axes = new_figure(len(figures), _width(figures))
        for figure, ax in zip(figures, axes, strict=True):
            with overlaid(ax, finishes=False):
                draw(figure, ax)
        for ax in axes:  # with several, each has the size that is left for it only now
            finish(ax)
    return [save_figure(sheet, Path(path)) for path in paths]


def _width(figures: Sequence[Figure]) -> float:
    one = figures[0]
    if len(figures) == 1 and isinstance(one, BySite):
        return DOUBLE if len(sites_of(one.networks)) > MOST_SITES else SINGLE
    return SINGLE * len(figures)


@ft.singledispatch
def draw(figure: Figure, ax: Axes) -> None:
    """Draw a figure on axes."""
    raise TypeError(f"{type(figure).__name__} is no figure that can be drawn")


@draw.register
def _(figure: LossFigure, ax: Axes) -> None:
    """Runs, means, fitted laws and their bands."""
    several = len(figure.laws) > 1
    for x, y in figure.runs.values():
        ax.plot(x, y, ".", color="0.5" if several else BLUE, alpha=0.6, mew=0)
    for law, role in zip(figure.laws, roles(len(figure.laws), ordered=True), strict=True):
        # With its interval; the law itself stands in the caption.
        exponent = as_formula(f"{law.exponent.name} {law.exponent}")
        label = f"{plain_text(law.label)}: {exponent}" if several else exponent
        color = color_of(role) if several else ORANGE
        points = color if several else BLUE
        draw_law(ax, (law.x, law.y), law.line, label, color, points)
    for line in figure.lines:
        look: Any = {} if line.color is None else {"color": color_of(line.color)}
        ax.plot(line.x, line.y, FORMATS[line.kind], label=line.label or None, **look)
    ax.set(xlabel=figure.axis.label, ylabel=figure.y_label)
    log_axes(ax, *figure.points)
    if figure.laws:
        ax.legend()


@draw.register
def _(figure: BySite, ax: Axes) -> None:
    """Networks a little apart."""
    networks, quantity = figure.networks, figure.quantity
    sites, reach = sites_of(networks), reach_of(networks, quantity, figure.known)
    apart = min(0.12, 0.7 / len(networks))
    for place, (network, role) in enumerate(zip(networks, roles_of(networks), strict=True)):
        x = np.arange(len(sites)) + apart * (place - (len(networks) - 1) / 2)
        style: Any = {"color": color_of(role), "lw": 1, "capsize": 2, "fmt": "o-"}
        style |= {"label": textwrap.fill(plain_text(network.name), NAME_WIDTH)}
        _draw_bars(ax, x, bars_of(network.along(sites, quantity), reach), **style)
    beside = len(networks) == 1 and _draw_beside(networks[0], sites, quantity, reach, ax)
    if figure.known is not None:
        label = plain_text(figure.known_as)
        ax.axhline(figure.known, color=GREEN, lw=1, ls="--", label=label)
    name_places(ax, sites)
    ax.set_xlim(-EDGE, len(sites) - 1 + EDGE)
    _ordinate(ax, quantity, networks, reach)
    if len(networks) + (figure.known is not None) + beside > 1:
        ax.legend(
            ncols=math.ceil(len(networks) / 5), fontsize=6 if len(networks) > 5 else None
        )


def _draw_bars(ax: Axes, x: Any, bars: Bars, **style: Any) -> None:
    """An end that is cut has an arrow and no cap."""
    drawn = ax.errorbar(x, bars.values, bars.lengths, **style)
    for place, end, way in bars.arrows:
        remove_caps(drawn, int(way > 0), [place])
        kind = "^" if way > 0 else "v"
        draw_arrow(ax, x[place], end, kind, style["color"], style.get("alpha", 1.0))


def _ordinate(ax: Axes, quantity: str, networks: Sequence[Network], reach: Reach) -> None:
    ax.set(ylabel=plain_text(axis_label(quantity, networks)), ylim=reach.axis)
    if any(network.is_difference for network in networks):
        ax.axhline(0.0, color="0.3", lw=0.8)


def _draw_beside(
    network: Network, sites: Sequence[str], quantity: str, reach: Reach, ax: Axes
) -> int:
    """Lightly, what is kept beside each value; how many kinds there are."""
    kinds = 0
    for name, words in BESIDE.items():
        found = network.beside(sites, quantity, name)
        if any(found):
            kinds += 1
            x = np.arange(len(sites)) + 0.14 * kinds
            style: Any = {"color": COLORS[kinds], "alpha": 0.45, "ms": 3, "lw": 0.8}
            style |= {"fmt": "s", "label": words}
            _draw_bars(ax, x, bars_of(found, reach), **style)
    return kinds


@draw.register
def _(figure: AlongNetworks, ax: Axes) -> None:
    """A line for each site: with its band over what is counted along training, or else with
    bars at the names of the networks.
    """
    sites, counted = sites_of(figure.networks), along_training(figure.networks)
    x = np.arange(len(figure.networks)) if counted is None else np.array(counted[1])
    order = np.argsort(x, kind="stable")
    reach = reach_of(figure.networks, figure.quantity)
    for site, role in zip(sites, roles(len(sites), ordered=True), strict=True):
        found = [one.along([site], figure.quantity)[0] for one in figure.networks]
        bars = bars_of(found, reach)
        style: Any = {"color": color_of(role), "lw": 1, "label": plain_text(site)}
        if counted is None:
            _draw_bars(ax, x, bars, fmt="o-", capsize=2, **style)
            continue
        ax.plot(x[order], bars.values[order], "o-", **style)
        ends = bars.low[order], bars.high[order]
        ax.fill_between(x[order], *ends, color=style["color"], alpha=0.15, lw=0)
    _ordinate(ax, figure.quantity, figure.networks, reach)
    if counted is None:
        name_places(ax, [network.name for network in figure.networks])
        ax.set_xlim(-EDGE, len(figure.networks) - 1 + EDGE)
    else:
        ax.set(xlabel=counted[0], xscale="log" if is_wide(counted[1]) else "linear")
        if not is_wide(counted[1]):
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(ncols=math.ceil(len(sites) / 7), fontsize=6)


@draw.register
def _(figure: Exponents, ax: Axes) -> None:
    """The interval of the measured exponent is a band over those that are implied."""
    marks = figure.marks
    reach, heights = reach_of_marks(marks), np.arange(len(marks))
    for rows, color in ((heights[:-1], BLUE), (heights[-1:], ORANGE)):
        bars = bars_of_marks([marks[i] for i in rows], reach)
        style: Any = {"fmt": "o", "color": color, "capsize": 2}
        drawn = ax.errorbar(bars.values, rows, xerr=bars.lengths, **style)
        for place, end, way in bars.arrows:
            remove_caps(drawn, int(way > 0), [place])
            draw_arrow(ax, end, rows[place], ">" if way > 0 else "<", color)
    if math.isfinite(marks[-1].value):
        ax.axvspan(*shaded(bars, reach), color=ORANGE, alpha=0.2, lw=0)
    name_heights(ax, [mark.label for mark in marks])
    ax.set(xlabel="exponent $\\alpha_D$", xlim=reach.axis)
    if reach.is_log:
        ax.set_xscale("log")
        plain_log_axis(ax.xaxis, np.array(reach.axis))


@draw.register
def _(figure: LinesFigure, ax: Axes) -> None:
    for place, line in enumerate(figure.lines):
        color = color_of(place if line.color is None else line.color)
        # What is infinite, such as the peak of double descent, is a gap.
        y = np.where(np.isfinite(line.y), line.y, np.nan)
        style: Any = {"color": color, "ms": 3, "lw": 1.2, "label": line.label or None}
        if line.band is not None:
            ax.fill_between(line.x, *line.band, color=color, alpha=0.25, lw=1)  # is seen
        if line.error is None:
            ax.plot(line.x, y, FORMATS[line.kind], **style)
        else:
            ax.errorbar(line.x, y, line.error, fmt=FORMATS[line.kind], capsize=2, **style)
    ax.set(xlabel=figure.x_label, ylabel=figure.y_label)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if name in figure.log:
            getattr(ax, f"set_{name}scale")("log")
            plain_log_axis(axis, figure.values(name))
    if any(line.label for line in figure.lines):
        ax.legend(fontsize=7)
