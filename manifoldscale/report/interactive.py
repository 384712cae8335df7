"""Figures that answer the mouse, with Plotly. Colours are roles, which the page turns into
those of its light or dark scheme (`palette.js`); what stands here is the light one.
"""

import functools as ft
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..core.arrays import Floats
from ..core.measurement import BESIDE
from ..core.style import ORANGE, roles
from .laws import FittedLaw
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
    Line,
    LinesFigure,
    LossFigure,
)
from .ranges import Bars, Reach, bars_of, bars_of_marks, reach_of, reach_of_marks, shaded
from .traces import (
    ALPHA,
    EDGE,
    HOVER,
    LIGHT,
    SYMBOLS,
    add_arrows,
    add_band,
    add_measurements,
    color,
    error_bars,
    finished,
    literal,
    log_axis,
    named_axis,
    symbols,
)

DASHES = {"dashed": "dash", "dotted": "dot"}


@ft.singledispatch
def interactive(figure: Figure) -> go.Figure:
    """The figure as Plotly draws it."""
    raise TypeError(f"{type(figure).__name__} is no figure that can be drawn")


@interactive.register
def _(shown: BySite) -> go.Figure:
    """Networks a little apart."""
    networks, quantity = shown.networks, shown.quantity
    sites, reach = sites_of(networks), reach_of(networks, quantity, shown.known)
    figure, apart = go.Figure(), min(0.1, 0.7 / len(networks))
    drawn = []
    for place, (network, role) in enumerate(zip(networks, roles_of(networks), strict=True)):
        shift = apart * (place - (len(networks) - 1) / 2)
        names = [s if len(networks) == 1 else f"{s}, {network.name}" for s in sites]
        found = network.along(sites, quantity)
        x = [position + shift for position in range(len(sites))]
        add_measurements(figure, x, found, names, network.name, role, reach, place)
        drawn.append((x, bars_of(found, reach), role, 1.0))
        if len(networks) == 1:
            drawn += _add_beside(figure, network, sites, quantity, reach)
    for place, one in enumerate(drawn):
        add_arrows(figure, *one, of=place)
    if shown.known is not None:
        look = color("known")
        look["line"] |= {"dash": "dash"}
        name = literal(shown.known_as)
        ends = [-EDGE, len(sites) - 1 + EDGE]
        figure.add_scatter(x=ends, y=[shown.known] * 2, mode="lines", name=name, **look)
    return finished(
        figure,
        xaxis=named_axis("site, from input to read-out", sites),
        yaxis=_ordinate(quantity, networks, reach),
        showlegend=sum(one.showlegend is not False for one in figure.data) > 1,
    )


def _ordinate(quantity: str, networks: Sequence[Network], reach: Reach) -> dict[str, Any]:
    title = literal(axis_label(quantity, networks))
    return {"title": title, "range": list(reach.axis)}


def _add_beside(
    figure: go.Figure,
    network: Network,
    sites: Sequence[str],
    quantity: str,
    reach: Reach,
) -> list[tuple[list[float], Bars, int, float]]:
    """Lightly, what is kept beside each value: of the site alone, and resolved. Returns
    what of it may have arrows.
    """
    drawn = []
    for place, (name, words) in enumerate(BESIDE.items(), 1):
        found = network.beside(sites, quantity, name)
        if any(found):
            x = [position + 0.12 * place for position in range(len(sites))]
            add_measurements(figure, x, found, sites, words, place, reach, place)
            figure.data[-1].update(mode="markers", opacity=LIGHT)
            drawn.append((x, bars_of(found, reach), place, LIGHT))
    return drawn


@interactive.register
def _(shown: AlongNetworks) -> go.Figure:
    """A trace for each site, of which a slider shows one, over what is counted along
    training, then with its band; or else over the names of the networks.
    """
    names = [network.name for network in shown.networks]
    sites, counted = sites_of(shown.networks), along_training(shown.networks)
    x = list(map(float, range(len(names)))) if counted is None else counted[1]
    figure, reach = go.Figure(), reach_of(shown.networks, shown.quantity)
    bars_of_sites = []
    for site in sites:
        found = [network.along([site], shown.quantity)[0] for network in shown.networks]
        labels = [f"{name}, {site}" for name in names]
        add_measurements(figure, x, found, labels, site, 0, reach)
        bars_of_sites.append(bars_of(found, reach))
        figure.data[-1].visible = site == sites[-1]
    for place, bars in enumerate(bars_of_sites):
        if counted is None:  # names have no order that a line would show
            figure.data[place].mode = "markers"
            add_arrows(figure, x, bars, 0, 1.0, of=place)
        else:
            figure.data[place].error_y = None
            _add_band_of(figure, np.array(x), bars, place)
        figure.data[-1].visible = place == len(sites) - 1
    return finished(
        figure,
        xaxis=named_axis("network", names) if counted is None else _training_axis(counted),
        yaxis=_ordinate(shown.quantity, shown.networks, reach),
        showlegend=False,
    )


def _add_band_of(figure: go.Figure, x: Floats, bars: Bars, place: int) -> None:
    """The intervals of the trace at a place, which the slider shows with it."""
    known = [i for i in np.argsort(x, kind="stable") if not math.isnan(bars.values[i])]
    add_band(figure, x[known], bars.low[known], bars.high[known], 0)
    figure.data[-1].meta = {**figure.data[-1].meta, "of": place}


def _training_axis(counted: tuple[str, Sequence[float]]) -> dict[str, Any]:
    name, places = counted
    return log_axis(name, np.array(places)) if is_wide(places) else {"title": name}


@interactive.register
def _(shown: LossFigure) -> go.Figure:
    """Every run, means, fitted laws and their bands."""
    figure = go.Figure()
    several = len(shown.laws) > 1
    for label, (x, y) in shown.runs.items():
        look = color("soft" if several else 0)
        look["marker"] |= {"size": 5, "opacity": 0.45}
        figure.add_scatter(
            x=x,
            y=y,
            mode="markers",
            name="runs" if len(shown.runs) == 1 else f"runs, {literal(label)}",
            showlegend=not several,
            hovertemplate="size %{x:,}<br>loss %{y:.4g}<extra>one run</extra>",
            **look,
        )
    for law, series in zip(shown.laws, roles(len(shown.laws), ordered=True), strict=True):
        role = series if several else 1
        exponent = symbols(f"{law.exponent.name} {law.exponent}")
        name = f"{literal(law.label)}: {exponent}" if several else exponent
        _add_law(figure, law, role, name, role if several else 0)
    for place, line in enumerate(shown.lines):
        _add_line(figure, line, place if line.color is None else line.color)
    x, y = shown.points
    axes = {"xaxis": log_axis(shown.axis.label, x), "yaxis": log_axis(shown.y_label, y)}
    return finished(figure, **axes)


def _add_law(
    figure: go.Figure,
    law: FittedLaw,
    role: int | float,
    name: str,
    points: int | float,
) -> None:
    line = law.line
    add_band(figure, line["x"], line["low"], line["high"], role)
    figure.add_scatter(
        x=line["x"], y=line["y"], mode="lines", name=name, hoverinfo="skip", **color(role)
    )
    look = color(points)
    look["marker"] |= {"size": 9}
    figure.add_scatter(
        x=law.x,
        y=law.y,
        mode="markers",
        name="mean of the runs",
        showlegend=role != points,  # one law: its line and its means have their colours
        customdata=[
            [
                f"size {size:,.0f}",
                f"mean loss {loss:.4g} over {runs:.0f} runs",
                literal(
                    f"{law.exponent.name} {law.exponent}, {law.exponent.method}, "
                    f"n = {law.exponent.n_points:,}"
                ),
            ]
            for size, loss, runs in zip(law.x, law.y, law.runs, strict=True)
        ],
        hovertemplate=HOVER,
        **look,
    )


@interactive.register
def _(shown: Exponents) -> go.Figure:
    """The interval of the measured exponent is a band over those that are implied."""
    *implied, measured = shown.marks
    figure, reach = go.Figure(), reach_of_marks(shown.marks)
    groups = (
        (implied, 0, f"implied by {literal(shown.implied_by)}"),
        ([measured], 1, "measured"),
    )
    for group, role, name in groups:
        look, bars = color(role), bars_of_marks(group, reach)
        look["marker"] |= {"size": 10, "symbol": SYMBOLS[role]}
        labels = [literal(mark.label) for mark in group]
        figure.add_scatter(
            x=[mark.value for mark in group],
            y=labels,
            error_x=error_bars(bars),
            mode="markers",
            name=name,
            customdata=[
                [literal(m.label), f"exponent {m.value:.3f} {m.interval}", literal(m.note)]
                for m in group
            ],
            hovertemplate=HOVER,
            **look,
        )
        add_arrows(figure, labels, bars, role, 1.0, of=role, across=True)
    if math.isfinite(measured.value):
        low, high = shaded(bars, reach)
        ends = {"x0": low, "x1": high}
        figure.add_vrect(
            **ends, fillcolor=ORANGE, opacity=0.15, line_width=0, layer="below"
        )
    axis: dict[str, Any] = {"range": list(reach.axis)}
    if reach.is_log:
        axis = log_axis("", np.array(reach.axis))
        axis["range"] = [math.log10(end) for end in reach.axis]
    axis["title"] = f"exponent {ALPHA}<sub>D</sub>"
    order = [literal(mark.label) for mark in shown.marks]
    return finished(
        figure,
        xaxis=axis,
        yaxis={
            "autorange": "reversed",
            "categoryorder": "array",
            "categoryarray": order,
        },
    )


@interactive.register
def _(shown: LinesFigure) -> go.Figure:
    figure = go.Figure()
    for place, line in enumerate(shown.lines):
        _add_line(figure, line, place if line.color is None else line.color)
    axes = {}
    for name, label in (("x", shown.x_label), ("y", shown.y_label)):
        values = shown.values(name)
        log = name in shown.log
        said = symbols(label)
        axes[f"{name}axis"] = log_axis(said, values) if log else {"title": said}
    return finished(figure, showlegend=any(line.label for line in shown.lines), **axes)


def _add_line(figure: go.Figure, line: Line, role: int | float) -> None:
    if line.band is not None:
        add_band(figure, line.x, *line.band, role)
    look = color(role)
    if line.kind in DASHES:
        look["line"] |= {"dash": DASHES[line.kind]}
    bars = {} if line.error is None else {"error_y": {"array": line.error, "width": 4}}
    figure.add_scatter(
        x=line.x,
        y=[y if math.isfinite(y) else None for y in line.y],
        mode="markers" if line.kind == "points" else "lines",
        name=literal(line.label),
        showlegend=bool(line.label),
        **bars,
        **look,
    )
