"""Published tables of losses, each with a card like a data set, and curves of their
rows.
"""

import dataclasses as dc
import functools as ft
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ManifoldScaleError, nearest
from ..core.learning_curve import LearningCurve
from ..core.tables import Row, read_rows
from .cards import folder, names_of, read_card, shipped

TABLE = "table"


@dc.dataclass(frozen=True)
class LossTable:
    """A published table of losses, as its card.toml describes it.

    Attributes
    ----------
    file : shipped beside the card; rows : how many it has.
    loss_column, size_column : what `curve` reads by default.
    curves : columns whose values distinguish the curves of the table.
    columns : what the columns hold.
    known : what was published about it: `value`, and `what` it means.
    """

    name: str
    title: str
    description: str
    file: str
    sha256: str
    rows: int
    licence: str
    origin: str
    citation: str
    loss_column: str
    columns: Mapping[str, str]
    known: Mapping[str, Mapping[str, Any]]
    size_column: Mapping[str, str] | None = None
    curves: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file itself, for `manifoldscale fit` or pandas."""
        return folder() / self.name / self.file

    def published(self, name: str) -> Any:
        """A number from `known`, or a pair of numbers for a range."""
        return self.known[name]["value"]

    def curve(
        self,
        where: Mapping[str, Any] | None = None,
        loss_column: str | None = None,
        **options: Any,
    ) -> LearningCurve:
        """The rows with these column values, as a curve.

        Parameters
        ----------
        where, options : as in `LearningCurve.from_frame`.
        loss_column : a loss other than the default of the card.

        Raises
        ------
        ManifoldScaleError : what `from_frame` refuses; a file that is missing or changed.
        """
        about = {"size_column": self.size_column, "task": self.name} | options
        loss = self.loss_column if loss_column is None else loss_column
        return LearningCurve.from_frame(self.cells, where=where, loss_column=loss, **about)

    def parts(self, **where: Any) -> Iterator[dict[str, Any]]:
        """The curves of the table, each as the `where` that selects it.

        where : column values that all of them share, as in `parts(Domain="NMT")`.
        """
        chosen = [
            tuple(row[name] for name in self.curves)
            for row in self.cells
            if all(str(row.get(column)) == str(value) for column, value in where.items())
        ]
        for values in dict.fromkeys(chosen):
            yield dict(zip(self.curves, values, strict=True))

    @ft.cached_property
    def cells(self) -> list[Row]:
        """The rows of the file, with one value per column; its checksum is verified.

        Raises
        ------
        ManifoldScaleError : the file is missing, or differs from the card.
        """
        return read_rows(shipped(self.name, self.file, self.sha256))


def tables() -> list[str]:
    """Names that `table` understands."""
    return names_of(TABLE)


def table(name: str) -> LossTable:
    """A published table of losses by name.

    >>> ladder = table("olmo-ladder")
    >>> len(ladder.curve(where={"mode": "train"}))
    16

    Raises
    ------
    ManifoldScaleError : there is no such table.
    """
    if name not in tables():
        raise ManifoldScaleError(
            f"There is no table {name!r}; did you mean {nearest(str(name), tables())}?"
        )
    fields = read_card(name)
    fields["curves"] = tuple(fields.get("curves", ()))
    return LossTable(name=name, **fields)
