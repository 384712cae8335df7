"""Figures for print, with Matplotlib: PNG and PDF."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..core.arrays import Floats
from ..core.reading import BESIDE, Reading
from ..core.style import (
    BLUE,
    COLORS,
    DOUBLE,
    GREEN,
    ORANGE,
    SINGLE,
    draw_interval,
    errors,
    log_axes,
    name_heights,
    name_places,
    new_figure,
    plain_text,
    save_figure,
    styled,
)
from .record import Record
from .series import (
    Network,
    axis_label,
    exponent_marks,
    losses_of,
    networks_of,
    quantities_of,
    sites_of,
)

KINDS = ("png", "pdf")
FILES = {"kappa_extent": "curvature"}  # quantity to the name of its figure
LEFT_OUT = "kappa_rms"  # scales of layers are arbitrary: the figure is of kappa_extent
LEGEND_ROW = 0.09  # height of a line of a legend, in heights of the axes
Draw = Callable[[Axes], None]


def save_figures(result: Any, folder: str | Path) -> list[Path]:
    """Write the figures of a result, or of its record, as PNG and PDF; those of a study
    also side by side.
    """
    record = Record.of(result)
    drawers = _drawers(record)
    sheets = {name: [draw] for name, draw in drawers.items()}
    if record.kind == "study":
        sheets["study"] = [drawers[name] for name in ("loss", "dimension", "exponent")]
    n_sites = len(sites_of(networks_of(record)))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draws in sheets.items():
        wide = len(draws) == 1 and name not in ("loss", "exponent") and n_sites > 14
        with styled():
            width = DOUBLE if wide else SINGLE * len(draws)
            figure, axes = new_figure(len(draws), width)
            for draw, ax in zip(draws, axes, strict=True):
                draw(ax)
        paths += [save_figure(figure, folder / f"{name}.{kind}") for kind in KINDS]
    return paths


def _drawers(record: Record) -> dict[str, Draw]:
    """What there is to draw, by the name of the figure."""
    found: dict[str, Draw] = {}
    if record.kind != "probe":
        found["loss"] = lambda ax: draw_loss(record, ax)
    networks = networks_of(record)
    for quantity in figure_quantities(networks):
        name = FILES.get(quantity, quantity)
        found[name] = _by_site(networks, quantity, _known_dim(record, quantity))
    differences = networks_of(record, "differences") if record.kind == "probe" else []
    for quantity in figure_quantities(differences):
        name = f"difference_{FILES.get(quantity, quantity)}"
        found[name] = _by_site(differences, quantity, None)
    if record.kind == "study":
        found["exponent"] = lambda ax: draw_exponent(record, ax)
    return found


def figure_quantities(networks: Sequence[Network]) -> list[str]:
    """The quantities by site that have a figure: those with a value, dimension always."""
    names = dict.fromkeys(["dimension"] if networks else [])
    names |= dict.fromkeys(quantities_of(networks, known=True))
    return [name for name in names if name != LEFT_OUT]


def _by_site(networks: Sequence[Network], quantity: str, known: float | None) -> Draw:
    return lambda ax: draw_by_site(networks, quantity, ax, known)


def _known_dim(record: Record, quantity: str) -> float | None:
    if record.kind != "study" or quantity != "dimension":
        return None
    return record.content["provenance"]["known_dimension"]  # type: ignore[no-any-return]


def draw_loss(record: Record, ax: Axes) -> None:
    """Test loss against size: runs, means, fitted laws and their bands."""
    losses = losses_of(record)
    several = len(losses.laws) > 1
    for x, y in losses.runs.values():
        ax.plot(x, y, ".", color="0.5" if several else BLUE, alpha=0.35, mew=0)
    for place, law in enumerate(losses.laws):
        color = COLORS[place % len(COLORS)] if several else ORANGE
        line = law.line
        ax.fill_between(line["x"], line["low"], line["high"], color=color, alpha=0.25, lw=0)
        formula = f"${law.formula}^{{{law.power}}}$".replace(" ", r"\ ")
        label = plain_text(law.label) if several else formula
        ax.plot(line["x"], line["y"], color=color, label=label)
        ax.plot(law.x, law.y, "o", color=color if several else BLUE)
    ax.set(xlabel=losses.axis.label, ylabel=losses.y_label)
    log_axes(ax, losses.x_values, losses.y_values)
    if losses.laws:
        ax.legend()


def draw_by_site(
    networks: Sequence[Network], quantity: str, ax: Axes, known: float | None = None
) -> None:
    """A quantity with its interval at every site; networks a little apart."""
    sites = sites_of(networks)
    for place, network in enumerate(networks):
        found = network.along(sites, quantity)
        x = np.arange(len(sites)) + 0.12 * (place - (len(networks) - 1) / 2)
        values, bars = _with_bars(found)
        style: Any = {"color": COLORS[place % len(COLORS)], "lw": 1, "capsize": 2}
        ax.errorbar(x, values, bars, fmt="o-", label=plain_text(network.name), **style)
    beside = _draw_beside(networks[0], sites, quantity, ax) if len(networks) == 1 else 0
    if known is not None:
        label = f"input manifold, d = {known}"
        ax.axhline(known, color=GREEN, lw=1, ls="--", label=label)
    name_places(ax, sites)
    ax.set_xlim(-0.5, len(sites) - 0.5)
    ax.set(ylabel=plain_text(axis_label(quantity, networks)))
    if any(network.is_difference for network in networks):
        ax.axhline(0.0, color="0.3", lw=0.8)
    else:
        ax.set_ylim(bottom=0.0)
    rows = len(networks) + (known is not None) + beside
    if rows > 1:
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + LEGEND_ROW * rows * (high - low))  # room above the bars
        ax.legend(loc="upper left")


def _with_bars(found: Sequence[Reading | None]) -> tuple[Floats, Floats]:
    """Values and error bars; NaN where there is none, so that no line goes over it."""
    values = np.array([math.nan if r is None else r.value for r in found])
    ends = np.array([(math.nan,) * 2 if r is None else tuple(r.interval) for r in found])
    return values, errors(values, *ends.reshape(-1, 2).T)


def _draw_beside(network: Network, sites: Sequence[str], quantity: str, ax: Axes) -> int:
    """Lightly, what is kept beside each value; how many kinds there are."""
    kinds = 0
    for name, words in BESIDE.items():
        found = network.beside(sites, quantity, name)
        if any(found):
            kinds += 1
            x = np.arange(len(sites)) + 0.14 * kinds
            values, bars = _with_bars(found)
            style: Any = {"color": COLORS[kinds], "alpha": 0.45, "ms": 3, "lw": 0.8}
            ax.errorbar(x, values, bars, fmt="s", label=words, **style)
    return kinds


def draw_exponent(record: Record, ax: Axes) -> None:
    """The measured exponent over those that the dimension implies."""
    marks = exponent_marks(record)
    measured = marks[-1]
    names = [mark.label for mark in marks]
    for place, mark in enumerate(marks):
        color = ORANGE if mark is measured else BLUE
        draw_interval(ax, place, mark.value, mark.interval, color)
    known = [m for m in marks if math.isfinite(m.value)]
    ends = [
        m.interval.high if math.isfinite(m.interval.high) else 2 * m.value for m in known
    ]
    right = 1.1 * max(ends, default=1.0)
    low, high = measured.interval
    if math.isfinite(low):
        ax.axvspan(low, min(high, right), color=ORANGE, alpha=0.2, lw=0)
    name_heights(ax, names)
    ax.set_xlim(0, right)
    ax.set(xlabel="exponent $\\alpha_D$")
