"""What figures of Plotly are made of: traces, colours, axes."""

import html
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..core.arrays import Floats
from ..core.measurement import Measurement
from ..core.style import COLORS, GREEN, color_of, plain_ticks
from .networks import axis_label
from .ranges import Bars, Reach, bars_of

HEIGHT = 380
EDGE = 0.5  # of the distance of two sites, beyond the first and the last
LIGHT = 0.45  # opacity of what is beside the values
ARROWS = ("triangle-down", "triangle-up"), ("triangle-left", "triangle-right")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
HOVER = "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>"
MOST_TICKS = 30
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def literal(text: Any) -> str:
    """A text of a result as it is: Plotly reads a few tags of HTML, links among them, in
    whatever it writes.
    """
    return html.escape(str(text), quote=False)


def symbols(text: str) -> str:
    """A label of ours, with the exponents in it as symbols."""
    return re.sub(r"\balpha_(\w)\b", rf"{ALPHA}<sub>\1</sub>", literal(text))


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


def color(role: int | float | str) -> dict[str, Any]:
    """The colour of a trace: `role` is one of `core.style.roles`, or a name of
    `palette.js`.
    """
    shade = GREEN if isinstance(role, str) else color_of(role)
    if isinstance(role, int):
        role = role % len(COLORS)
    meta = {"shade" if isinstance(role, float) else "role": role}
    return {"marker": {"color": shade}, "line": {"color": shade}, "meta": meta}


def add_arrows(
    figure: go.Figure,
    x: Sequence[float] | Sequence[str],
    bars: Bars,
    role: int | float | str,
    opacity: float,
    of: int,
    across: bool = False,
) -> None:
    """Where intervals go on: a line from the value, and an arrow instead of a cap.

    A slider that shows or fades the trace `of` does so with these.
    """
    if not bars.arrows:
        return
    along: list[Any] = []
    over: list[Any] = []
    marks = []
    for place, end, way in bars.arrows:
        along += [x[place], x[place], None]
        over += [float(bars.values[place]), end, None]
        marks.append(ARROWS[across][way > 0])
    look = color(role)
    look["marker"] |= {
        "symbol": [one for mark in marks for one in ("circle", mark, "circle")],
        "size": [0, 11, 0] * len(marks),
    }
    look["line"] |= {"width": 1.2}
    look["meta"] |= {"of": of}
    places = {"x": over, "y": along} if across else {"x": along, "y": over}
    figure.add_scatter(
        **places,
        mode="markers+lines",
        hoverinfo="skip",
        showlegend=False,
        opacity=opacity,
        cliponaxis=False,
        **look,
    )


def add_measurements(
    figure: go.Figure,
    x: Sequence[float],
    found: Sequence[Measurement | None],
    names: Sequence[str],
    trace: str,
    role: int | float,
    reach: Reach,
    symbol: int = 0,
) -> None:
    """Values with bars; no line goes over one that is not known."""
    look, bars = color(role), bars_of(found, reach)
    look["marker"] |= {"size": 9, "symbol": SYMBOLS[symbol % len(SYMBOLS)]}
    look["line"] |= {"width": 1}
    figure.add_scatter(
        x=x,
        y=[None if math.isnan(value) else value for value in bars.values.tolist()],
        error_y=error_bars(bars),
        mode="markers+lines",
        name=literal(trace),
        customdata=[
            [literal(name), "", ""]
            if one is None
            else [
                literal(name),
                literal(f"{axis_label(one.name)} {one}"),
                literal(f"{one.method}, n = {one.n_points:,}"),
            ]
            for name, one in zip(names, found, strict=True)
        ],
        hovertemplate=HOVER,
        **look,
    )


def named_axis(title: str, names: Sequence[str]) -> dict[str, Any]:
    """Places 0, 1, 2, ... by name; not all of them where they are many."""
    step = max(1, math.ceil(len(names) / MOST_TICKS))
    places = list(range(0, len(names), step))
    return {
        "title": title,
        "tickvals": places,
        "ticktext": [literal(names[place]) for place in places],
        "tickangle": -40 if len(names) > 4 else 0,
        "range": [-EDGE, len(names) - 1 + EDGE],
        "zeroline": False,
    }


def add_band(
    figure: go.Figure, x: Floats, low: Floats, high: Floats, role: int | float
) -> None:
    look = color(role)
    look["meta"] |= {"band": True}
    look["line"] |= {"width": 0}
    figure.add_scatter(
        x=[*x, *x[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=_faint(color_of(role)),
        hoverinfo="skip",
        showlegend=False,
        mode="lines",
        **look,
    )


def _faint(shade: str) -> str:
    red, green, blue = (int(shade[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.2)"


def error_bars(bars: Bars) -> dict[str, Any]:
    """Those whose end is not cut."""
    below, above = bars.lengths
    return {
        "type": "data",
        "symmetric": False,
        "array": np.where(bars.high_cut, 0.0, above).tolist(),
        "arrayminus": np.where(bars.low_cut, 0.0, below).tolist(),
        "thickness": 1.2,
        "width": 4,
    }


def log_axis(label: str, values: Floats) -> dict[str, Any]:
    """A logarithmic axis from the smallest to the largest value, and a little beyond."""
    axis: dict[str, Any] = {"type": "log", "title": label}
    known = values[np.isfinite(values) & (values > 0)]
    if len(known):
        low, high = (math.log10(end) for end in (known.min(), known.max()))
        room = 0.04 * (high - low) or 0.1
        axis["range"] = [low - room, high + room]
    ticks = plain_ticks(values)
    if not ticks:
        return axis | {"exponentformat": "power", "dtick": 1}
    return axis | {"tickvals": ticks, "ticktext": list(map(_tick, ticks))}


def _tick(value: float) -> str:
    """A number of an axis: 5,000 as it is, 5 000 000 by its power of ten."""
    if value < 1e5:
        return f"{value:,.0f}" if value >= 1 and value == round(value) else f"{value:g}"
    power = math.floor(math.log10(value))
    digit = f"{value / 10.0**power:.3g}"
    tens = f"10<sup>{power}</sup>"
    return tens if digit == "1" else f"{digit}\N{MULTIPLICATION SIGN}{tens}"
