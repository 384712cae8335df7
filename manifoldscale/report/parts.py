"""The parts that a page is built of; `parts.html` shows each."""

import dataclasses as dc
from collections.abc import Sequence
from typing import Any, ClassVar


@dc.dataclass(frozen=True)
class Card:
    """A headline number."""

    label: str
    value: str
    note: str = ""


@dc.dataclass(frozen=True)
class Notes:
    """Caveats, under a heading."""

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
class Table:
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


@dc.dataclass(frozen=True)
class Figure:
    """A figure: `alt` says what it shows to those who do not see it."""

    name: str
    plot: Any
    caption: str
    alt: str


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
    table: Table | None = None


@dc.dataclass(frozen=True)
class Slider:
    """Goes through the places of figures ("place"), their traces ("trace", where one is
    shown) or their networks ("network": all, then each, where the others fade).
    """

    name: str
    label: str
    steps: Sequence[Step]
    targets: Sequence[tuple[str, str]]
    start: int = 0

    kind: ClassVar[str] = "slider"


@dc.dataclass(frozen=True)
class Section:
    """One set of results."""

    name: str
    title: str
    lead: str
    cards: Sequence[Card]
    blocks: Sequence[Any]
