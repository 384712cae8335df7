"""One self-contained page: figures that answer the mouse, sliders, tables, provenance."""

import dataclasses as dc
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import jinja2
import plotly.graph_objects as go
import plotly.io

from ..core.serialize import write_text
from .interactive import interactive
from .parts import Section

# A value with its interval in one cell: on two lines, neither of which is broken.
ESTIMATE = re.compile(r"\S+ \[[^\]]*\]")
TEMPLATES = "manifoldscale.report", "templates"


@dc.dataclass(frozen=True)
class Shown:
    """A section, and its figures by name as Plotly draws them."""

    section: Section
    plots: Mapping[str, go.Figure]

    @classmethod
    def of(cls, section: Section) -> "Shown":
        figures = section.figures.items()
        return cls(section, {name: interactive(figure) for name, figure in figures})


def save_page(shown: Sequence[Shown], path: str | Path, title: str) -> None:
    """Write one page of some sections, under a title. It holds everything that it shows
    and asks no network.
    """
    html = (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            sections={f"part{place}": one for place, one in enumerate(shown)},
            style=_text("page.css"),
            scripts=[
                library(),
                _text("palette.js"),
                _text("sliders.js"),
                _text("legends.js"),
            ],
        )
    )
    write_text(Path(path), html)


def library() -> str:
    """Plotly's published bundle of lines, points and bars, a quarter of the whole library;
    docs/decisions.md says why it is here.
    """
    return _text("plotly-basic.min.js")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(*TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["drawn"] = _drawn
    environment.filters["is_estimate"] = lambda cell: bool(ESTIMATE.fullmatch(str(cell)))
    return environment


def _drawn(plot: go.Figure, name: str) -> str:
    """The script that draws a figure into the element of its name."""
    return str(
        plotly.io.to_html(
            plot,
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{name}",
            default_width="100%",
            config={"displayModeBar": False, "responsive": True},
        )
    )


def _text(name: str) -> str:
    package, folder = TEMPLATES
    return (resources.files(package) / folder / name).read_text(encoding="utf-8")
