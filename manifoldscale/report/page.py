"""One self-contained page: figures that answer the mouse, tables, provenance."""

import math
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
import plotly.io
import plotly.offline

from ..core.arrays import Floats
from ..core.interval import number
from ..core.serialize import write_text
from ..probe import dimensions
from ..study import StudyResult
from .series import (
    BLUE,
    GREEN,
    ORANGE,
    Mark,
    dimension_marks,
    exponent_marks,
    log_ticks,
    loss_series,
)

HEIGHT = 380


def save_page(result: StudyResult, path: str | Path) -> None:
    """Write the page. It holds everything that it shows and asks no network."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("manifoldscale.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("study.html")
    figures = {
        "loss": loss_figure(result),
        "dimension": dimension_figure(result),
        "exponent": exponent_figure(result),
    }
    html = template.render(
        plotly=plotly.offline.get_plotlyjs(),
        figures={name: _fragment(figure, name) for name, figure in figures.items()},
        **_context(result),
    )
    write_text(Path(path), html)


def _fragment(figure: go.Figure, name: str) -> str:
    return str(
        plotly.io.to_html(
            figure,
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{name}",
            config={"displayModeBar": False, "responsive": True},
        )
    )


def _context(result: StudyResult) -> dict[str, Any]:
    """Everything that the template names, as text."""
    fit, plan = result.fit, result.study.plan
    headline = result.headline
    rows = []
    for site, dim in dimensions(result.dimensions):
        compared = result.comparisons.get(site)
        rows.append(
            {
                "site": site,
                "dimension": number(dim.value),
                "interval": "" if math.isnan(dim.value) else str(dim.interval),
                "raw": number(dim.raw),
                "predicted": number(compared.prediction.alpha) if compared else "",
                "ratio": f"{number(compared.ratio)} {compared.interval}"
                if compared
                else "",
                "headline": site == result.headline_site,
                "notes": "; ".join(str(note) for note in dim.caveats),
            }
        )
    return {
        "title": f"{plan.task.name}: learned manifold and scaling law",
        "fit": fit,
        "alpha": number(fit.alpha),
        "interval": str(fit.interval),
        "headline": headline,
        "ratio": number(headline.ratio) if headline else "n/a",
        "ratio_interval": str(headline.interval) if headline else "",
        "dim": number(headline.prediction.dim) if headline else "n/a",
        "dim_interval": str(headline.prediction.dim_interval) if headline else "",
        "site": result.headline_site,
        "alternative": result.alternative,
        "rows": rows,
        "predictions": result.predictions,
        "number": number,
        "caveats": [*fit.caveats, *result.own_caveats],
        "plan": plan,
        "provenance": result.provenance,
        "timings": result.timings,
        "known": plan.task.known_dim,
    }


def _layout(figure: go.Figure, **axes: Any) -> go.Figure:
    figure.update_layout(
        template="plotly_white",
        height=HEIGHT,
        margin={"l": 70, "r": 20, "t": 20, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0},
        **axes,
    )
    return figure


def loss_figure(result: StudyResult) -> go.Figure:
    """Test loss against D with the fitted law and its band."""
    s = loss_series(result)
    level = f"{result.fit.interval.level:.0%}"
    figure = go.Figure()
    figure.add_scatter(
        x=[*s.grid, *s.grid[::-1]],
        y=[*s.high, *s.low[::-1]],
        fill="toself",
        fillcolor="rgba(213,94,0,0.2)",
        line={"width": 0},
        hoverinfo="skip",
        name=f"{level} band",
    )
    figure.add_scatter(
        x=s.grid,
        y=s.curve,
        mode="lines",
        line={"color": ORANGE},
        name=f"{s.law}<sup>{s.power}</sup>",
    )
    figure.add_scatter(
        x=s.run_sizes,
        y=s.run_losses,
        mode="markers",
        name="runs",
        marker={"color": BLUE, "size": 5, "opacity": 0.4},
    )
    figure.add_scatter(
        x=s.sizes,
        y=s.means,
        mode="markers",
        name="mean of the runs",
        marker={"color": BLUE, "size": 9},
        hovertemplate="D = %{x:,}<br>loss %{y:.4g}<extra></extra>",
    )
    return _layout(
        figure,
        xaxis=_log_axis(s.x_label, s.sizes),
        yaxis=_log_axis(s.y_label, s.run_losses),
    )


def _log_axis(label: str, values: Floats) -> dict[str, Any]:
    ticks = log_ticks(values)
    return {
        "type": "log",
        "title": label,
        "tickvals": ticks,
        "ticktext": [f"{tick:g}" for tick in ticks],
    }


def dimension_figure(result: StudyResult) -> go.Figure:
    """Dimension by layer, with intervals."""
    marks = dimension_marks(result)
    figure = go.Figure()
    figure.add_scatter(
        x=[mark.label for mark in marks],
        y=[mark.value for mark in marks],
        error_y=_errors(marks),
        mode="markers+lines",
        name="dimension",
        marker={"color": BLUE, "size": 9},
        line={"color": BLUE, "width": 1},
        customdata=[[str(mark.interval), mark.note] for mark in marks],
        hovertemplate="%{x}<br>d = %{y:.2f} %{customdata[0]}<br>%{customdata[1]}"
        "<extra></extra>",
    )
    known = result.study.plan.task.known_dim
    if known is not None:
        figure.add_scatter(
            x=[mark.label for mark in marks],
            y=[known] * len(marks),
            mode="lines",
            line={"color": GREEN, "dash": "dash"},
            name=f"input manifold, d = {known}",
        )
    return _layout(
        figure,
        xaxis={"title": "layer, from input to read-out"},
        yaxis={"title": "intrinsic dimension", "rangemode": "tozero"},
        showlegend=known is not None,
    )


def exponent_figure(result: StudyResult) -> go.Figure:
    """The measured exponent over those that the dimension implies."""
    marks = exponent_marks(result)
    measured = marks[-1]
    figure = go.Figure()
    for group, color, name in (
        (marks[:-1], BLUE, f"implied by {result.headline_site}"),
        ([measured], ORANGE, "measured"),
    ):
        figure.add_scatter(
            x=[mark.value for mark in group],
            y=[mark.label for mark in group],
            error_x=_errors(group),
            mode="markers",
            marker={"color": color, "size": 10},
            name=name,
            customdata=[[str(m.interval), m.note] for m in group],
            hovertemplate="%{y}: %{x:.3f} %{customdata[0]}<br>%{customdata[1]}"
            "<extra></extra>",
        )
    low, high = measured.interval
    if math.isfinite(high):
        figure.add_vrect(x0=low, x1=high, fillcolor=ORANGE, opacity=0.15, line_width=0)
    figure = _layout(figure, xaxis={"rangemode": "tozero", "title": "exponent alpha_D"})
    return figure.update_layout(margin={"l": 130})


def _errors(marks: list[Mark]) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [mark.plus for mark in marks],
        "arrayminus": [mark.minus for mark in marks],
    }
