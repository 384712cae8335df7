"""Figures that answer the mouse, with Plotly. Colours are roles, which the page turns into
those of its light or dark scheme (`palette.js`); what stands here is the light one.
"""

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..core.arrays import Floats
from ..core.reading import BESIDE, Reading
from ..core.style import COLORS, GREEN, ORANGE, errors, log_ticks
from .series import Losses, Mark, Network, axis_label, in_words, sites_of

HEIGHT = 380
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
HOVER = "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>"
MOST_TICKS = 30
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def literal(text: Any) -> str:
    """A text of a result as it is: Plotly reads a few tags of HTML, links among them, in
    whatever it writes.
    """
    return html.escape(str(text), quote=False)


def finished(figure: go.Figure, **axes: Any) -> go.Figure:
    """The figure with what all have in common."""
    figure.update_layout(
        template="plotly_white",
        height=HEIGHT,
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
        font={"family": "system-ui, sans-serif", "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        **axes,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def color(role: int | str) -> dict[str, Any]:
    """The colour of a trace: `role` is the index of a colour, or a name of `palette.js`."""
    shade = COLORS[role % len(COLORS)] if isinstance(role, int) else GREEN
    role = role % len(COLORS) if isinstance(role, int) else role
    return {"marker": {"color": shade}, "line": {"color": shade}, "meta": {"role": role}}


def by_site(
    networks: Sequence[Network], quantity: str, known: float | None = None
) -> go.Figure:
    """A quantity with its interval at every site; networks a little apart."""
    sites = sites_of(networks)
    figure = go.Figure()
    for place, network in enumerate(networks):
        shift = 0.1 * (place - (len(networks) - 1) / 2)
        names = [s if len(networks) == 1 else f"{s}, {network.name}" for s in sites]
        found = network.along(sites, quantity)
        x = [position + shift for position in range(len(sites))]
        _add_readings(figure, x, found, names, network.name, place)
        if len(networks) == 1:
            _add_beside(figure, network, sites, quantity)
    if known is not None:
        look = color("known")
        look["line"] |= {"dash": "dash"}
        name = f"input manifold, d = {literal(known)}"
        ends = [-0.5, len(sites) - 0.5]
        figure.add_scatter(x=ends, y=[known, known], mode="lines", name=name, **look)
    return finished(
        figure,
        xaxis=_named_axis("site, from input to read-out", sites),
        yaxis={"title": literal(axis_label(quantity, networks)), "rangemode": "tozero"},
        showlegend=len(figure.data) > 1,
    )


def _add_beside(
    figure: go.Figure, network: Network, sites: Sequence[str], quantity: str
) -> None:
    """Lightly, what is kept beside each value: of the site alone, and resolved."""
    for place, (name, words) in enumerate(BESIDE.items()):
        found = network.beside(sites, quantity, name)
        if any(found):
            x = [position + 0.12 * (place + 1) for position in range(len(sites))]
            _add_readings(figure, x, found, sites, words, place + 1)
            figure.data[-1].update(mode="markers", opacity=0.45)


def along(networks: Sequence[Network], quantity: str) -> go.Figure:
    """A quantity over the networks, one trace a site, of which a slider shows one."""
    names = [network.name for network in networks]
    sites = sites_of(networks)
    figure = go.Figure()
    for site in sites:
        found = [network.along([site], quantity)[0] for network in networks]
        labels = [f"{name}, {site}" for name in names]
        _add_readings(figure, list(range(len(names))), found, labels, site, 0)
        figure.data[-1].visible = site == sites[-1]
    return finished(
        figure,
        xaxis=_named_axis("network", names),
        yaxis={"title": literal(axis_label(quantity)), "rangemode": "tozero"},
        showlegend=False,
    )


def _add_readings(
    figure: go.Figure,
    x: Sequence[float],
    found: Sequence[Reading | None],
    names: Sequence[str],
    trace: str,
    role: int,
) -> None:
    """Values with bars; no line goes over one that is not known."""
    look = color(role)
    look["marker"] |= {"size": 9, "symbol": SYMBOLS[role % len(SYMBOLS)]}
    look["line"] |= {"width": 1}
    values = [math.nan if reading is None else reading.value for reading in found]
    ends = [
        (math.nan, math.nan) if reading is None else tuple(reading.interval)
        for reading in found
    ]
    figure.add_scatter(
        x=x,
        y=[None if math.isnan(value) else value for value in values],
        error_y=_bars(values, ends),
        mode="markers+lines",
        name=literal(trace),
        customdata=[
            [literal(name), "", ""]
            if reading is None
            else [
                literal(name),
                literal(f"{axis_label(reading.name)} {reading}"),
                literal(f"{reading.method}, n = {reading.n_points:,}"),
            ]
            for name, reading in zip(names, found, strict=True)
        ],
        hovertemplate=HOVER,
        **look,
    )


def _named_axis(title: str, names: Sequence[str]) -> dict[str, Any]:
    """Places 0, 1, 2, ... by name; not all of them where they are many."""
    step = max(1, math.ceil(len(names) / MOST_TICKS))
    places = list(range(0, len(names), step))
    return {
        "title": title,
        "tickvals": places,
        "ticktext": [literal(names[place]) for place in places],
        "tickangle": -40 if len(names) > 4 else 0,
        "range": [-0.5, len(names) - 0.5],
        "zeroline": False,
    }


def losses(shown: Losses) -> go.Figure:
    """Test losses: every run, means, fitted laws and their bands."""
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
    for place, law in enumerate(shown.laws):
        role = place if several else 1
        name = literal(law.label) if several else f"{law.formula}<sup>{law.power}</sup>"
        _add_law(figure, law, role, name, role if several else 0)
    axes = {
        "xaxis": _log_axis(shown.axis.label, shown.x_values),
        "yaxis": _log_axis(shown.y_label, shown.y_values),
    }
    return finished(figure, **axes)


def _add_law(figure: go.Figure, law: Any, role: int, name: str, points: int) -> None:
    line = law.line
    band = color(role)
    band["meta"] |= {"band": True}
    band["line"] |= {"width": 0}
    figure.add_scatter(
        x=[*line["x"], *line["x"][::-1]],
        y=[*line["high"], *line["low"][::-1]],
        fill="toself",
        fillcolor=_faint(COLORS[role % len(COLORS)]),
        hoverinfo="skip",
        showlegend=False,
        mode="lines",
        **band,
    )
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


def _faint(shade: str) -> str:
    red, green, blue = (int(shade[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def exponents(marks: Sequence[Mark], implied_by: str) -> go.Figure:
    """The measured exponent over those that the dimension implies."""
    measured = marks[-1]
    figure = go.Figure()
    groups = (
        (list(marks[:-1]), 0, f"implied by {literal(implied_by)}"),
        ([measured], 1, "measured"),
    )
    for group, role, name in groups:
        look = color(role)
        look["marker"] |= {"size": 10, "symbol": SYMBOLS[role]}
        figure.add_scatter(
            x=[mark.value for mark in group],
            y=[literal(mark.label) for mark in group],
            error_x=_bars([m.value for m in group], [tuple(m.interval) for m in group]),
            mode="markers",
            name=name,
            customdata=[
                [literal(m.label), f"exponent {m.value:.3f} {m.interval}", literal(m.note)]
                for m in group
            ],
            hovertemplate=HOVER,
            **look,
        )
    low, high = measured.interval
    if math.isfinite(high):
        figure.add_vrect(x0=low, x1=high, fillcolor=ORANGE, opacity=0.15, line_width=0)
    return finished(
        figure,
        xaxis={"rangemode": "tozero", "title": f"exponent {ALPHA}<sub>D</sub>"},
        yaxis={"autorange": "reversed"},
    )


def _bars(values: Sequence[float], ends: Sequence[tuple[float, ...]]) -> dict[str, Any]:
    low, high = np.array(ends, dtype=float).reshape(-1, 2).T
    below, above = errors(np.array(values, dtype=float), low, high)
    return {
        "type": "data",
        "symmetric": False,
        "array": above.tolist(),
        "arrayminus": below.tolist(),
        "thickness": 1.2,
        "width": 4,
    }


def _log_axis(label: str, values: Floats) -> dict[str, Any]:
    good = values[np.isfinite(values) & (values > 0)]
    axis: dict[str, Any] = {"type": "log", "title": label}
    if len(good) and good.max() < 1000 * good.min():
        ticks = log_ticks(good)
        names = [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]
        axis |= {"tickvals": ticks, "ticktext": names}
    return axis


def alternative_text(quantity: str, networks: Sequence[Network]) -> str:
    """What a figure by site shows, for those who do not see it."""
    said = []
    for network in networks:
        found = network.of(quantity)
        if found:
            values = [reading.value for _, reading in found]
            said.append(
                f"{network.name}: from {values[0]:.3g} at {found[0][0]} to "
                f"{values[-1]:.3g} at {found[-1][0]}, between {min(values):.3g} and "
                f"{max(values):.3g}"
            )
    listed = "; ".join(said) or "no value is known"
    return f"{in_words(quantity)} by site. {listed}. The numbers are in the table below."
