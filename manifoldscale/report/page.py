"""One self-contained page: figures that answer the mouse, sliders, tables, provenance."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.io
import plotly.offline

from ..core.errors import ManifoldScaleError
from ..core.serialize import write_text
from .record import Record, combined_name
from .sections import section_of

TEMPLATES = "manifoldscale.report", "templates"


def save_page(result: Any, path: str | Path) -> None:
    """Write the page of a result, or of its record. It holds everything that it shows and
    asks no network.
    """
    problems = save_pages([Record.of(result)], path)
    if problems:
        raise problems[0]


def save_pages(records: Sequence[Record], path: str | Path) -> list[ManifoldScaleError]:
    """Write one page of several results; returns what is wrong with those that are left
    out.

    Raises
    ------
    ManifoldScaleError : none can be shown.
    """
    sections, problems = [], []
    for place, record in enumerate(records):
        try:
            sections.append(section_of(record, f"part{place}"))
        except ManifoldScaleError as error:
            problems.append(error)
    if not sections:
        raise problems[0] if problems else ManifoldScaleError("There are no results.")
    one = len(sections) == 1
    html = (
        _environment()
        .get_template("page.html")
        .render(
            title=sections[0].title if one else f"Results: {combined_name(records)}",
            sections=sections,
            style=_text("page.css"),
            scripts=[
                plotly.offline.get_plotlyjs(),
                _text("palette.js"),
                _text("sliders.js"),
            ],
        )
    )
    write_text(Path(path), html)
    return problems


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(*TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["drawn"] = _drawn
    return environment


def _drawn(figure: Any) -> str:
    """The script that draws a figure into the element of its name."""
    return str(
        plotly.io.to_html(
            figure.plot,
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{figure.name}",
            default_width="100%",
            config={"displayModeBar": False, "responsive": True},
        )
    )


def _text(name: str) -> str:
    package, folder = TEMPLATES
    return (resources.files(package) / folder / name).read_text(encoding="utf-8")
