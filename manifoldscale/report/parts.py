"""The parts of which a page and the figures of a run are made, as frozen values.

Who has results says what is to be shown, in these; `static` draws a figure for print,
`interactive` for the page, and the templates lay out the rest.
"""

import dataclasses as dc
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from ..core.arrays import Floats
from ..core.learning_curve import Axis
from .laws import FittedLaw, Mark
from .networks import Network

FAR = 10.0


@dc.dataclass(frozen=True)
class Headline:
    """A number in large type, with its label above and a note below; what says little, such
    as a verdict that is open, is smaller.
    """

    label: str
    value: str
    note: str = ""
    is_minor: bool = False


@dc.dataclass(frozen=True)
class Notes:
    """Sentences under a heading: caveats, evidence, reasons."""

    title: str
    lines: Sequence[str]

    kind: ClassVar[str] = "notes"


@dc.dataclass(frozen=True)
class How:
    """Where a number comes from: a name, and what belongs to it in words."""

    name: str
    facts: Sequence[tuple[str, str]]


@dc.dataclass(frozen=True)
class Row:
    """The first cell is the row's header; notes stand below the table, by number."""

    cells: Sequence[str]
    how: Sequence[How] = ()
    notes: Sequence[str] = ()
    is_headline: bool = False


@dc.dataclass(frozen=True)
class Listing:
    """A table; `columns` are headings, those of numbers with True."""

    caption: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Row]
    title: str = ""

    kind: ClassVar[str] = "table"

    @property
    def has_how(self) -> bool:
        return any(row.how for row in self.rows)

    @property
    def notes(self) -> dict[str, int]:
        """Every note once, with its number."""
        texts = dict.fromkeys(note for row in self.rows for note in row.notes)
        return {text: place for place, text in enumerate(texts, 1)}


@dc.dataclass(frozen=True, eq=False)
class Figure:
    """What every figure has.

    Attributes
    ----------
    name : tells it from the others of its section, and names its files.
    caption : below it.
    alt : what it shows, to those who do not see it.
    """

    name: str
    caption: str
    alt: str


def with_bands(values: Floats, bands: Sequence[Floats]) -> Floats:
    """What an axis is for: values, and the ends of bands within ten times these."""
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return values
    low, high = known.min() / FAR, known.max() * FAR
    return np.concatenate([values, *(np.clip(band, low, high) for band in bands)])


@dc.dataclass(frozen=True, eq=False)
class LossFigure(Figure):
    """Losses over an axis: every run where they are known, and the fitted laws.

    Attributes
    ----------
    runs : sizes and losses of single runs, by curve.
    lines : what is laid over them, such as what a theory predicts.
    """

    axis: Axis
    y_label: str
    laws: tuple[FittedLaw, ...]
    runs: Mapping[str, tuple[Floats, Floats]]
    lines: "tuple[Line, ...]" = ()

    @property
    def points(self) -> tuple[Floats, Floats]:
        """All sizes and losses that are drawn, and the bands near these."""
        shown = [*((law.x, law.y) for law in self.laws), *self.runs.values()]
        x, y = (np.concatenate([one[i] for one in shown]) for i in (0, 1))
        bands = [law.line[end] for law in self.laws for end in ("low", "high")]
        return x, with_bands(y, bands)


@dc.dataclass(frozen=True, eq=False)
class BySite(Figure):
    """A quantity with its interval at every site; `known` is the value of a line, such as
    that of the truth, and `known_as` its name.
    """

    networks: tuple[Network, ...]
    quantity: str
    known: float | None = None
    known_as: str = ""


@dc.dataclass(frozen=True, eq=False)
class AlongNetworks(Figure):
    """A quantity at each site over the networks, as along training."""

    networks: tuple[Network, ...]
    quantity: str


@dc.dataclass(frozen=True, eq=False)
class Exponents(Figure):
    """The measured exponent, the last mark, and those that a dimension implies."""

    marks: tuple[Mark, ...]
    implied_by: str


@dc.dataclass(frozen=True, eq=False)
class Line:
    """One series of a `LinesFigure`.

    Attributes
    ----------
    label : its name in the legend; "" for none.
    x, y : (points,).
    kind : "line", "dashed", "dotted" or "points".
    error : (points,) half-widths of the error bars; None for none.
    color : its colour, one of `core.style.roles`; None for its place in the figure.
    band : (points,) lower and upper ends of a band; None for none.
    """

    label: str
    x: Floats
    y: Floats
    kind: str = "line"
    error: Floats | None = None
    color: int | float | None = None
    band: tuple[Floats, Floats] | None = None


@dc.dataclass(frozen=True, eq=False)
class LinesFigure(Figure):
    """Lines and points over the same axes; `log` holds the logarithmic ones, of "xy"."""

    x_label: str
    y_label: str
    lines: Sequence[Line]
    log: str = ""

    def values(self, name: str) -> Floats:
        """All that is drawn along the axis "x" or "y"."""
        values = np.concatenate([getattr(line, name) for line in self.lines])
        bands = [line.band for line in self.lines if line.band and name == "y"]
        return with_bands(values, [end for band in bands for end in band])


@dc.dataclass(frozen=True)
class Figures:
    """Figures beside each other, under a heading."""

    title: str
    figures: Sequence[Figure]

    kind: ClassVar[str] = "figures"


@dc.dataclass(frozen=True)
class Step:
    """A position of a slider: its name, and the table that is shown there."""

    label: str
    table: Listing | None = None


@dc.dataclass(frozen=True)
class Slider:
    """Goes through the places of figures ("place"), their traces ("trace", where one is
    shown) or their networks ("network": all, then each, where the others fade).

    Attributes
    ----------
    targets : name of a figure of the section, and what is gone through there.
    """

    name: str
    label: str
    steps: Sequence[Step]
    targets: Sequence[tuple[str, str]]
    start: int = 0

    kind: ClassVar[str] = "slider"


Block = Notes | Listing | Figures | Slider


@dc.dataclass(frozen=True)
class Section:
    """All that is shown of one run.

    Attributes
    ----------
    lead : the paragraph below the title.
    together : names of the figures that also stand side by side in one file.
    """

    title: str
    lead: str
    headlines: Sequence[Headline]
    blocks: Sequence[Block]
    together: Sequence[str] = ()

    @property
    def figures(self) -> dict[str, Figure]:
        """Every figure by its name, in order."""
        shown = (block for block in self.blocks if isinstance(block, Figures))
        return {figure.name: figure for block in shown for figure in block.figures}
