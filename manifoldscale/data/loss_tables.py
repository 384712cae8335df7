"""Published tables of losses: a card each, like the data sets, and curves of their rows."""

import dataclasses as dc
import functools as ft
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ManifoldScaleError, nearest
from ..core.learning_curve import LearningCurve
from ..core.tables import Row, read_rows
from .cards import folder, names_of, read_card, verify

TABLE = "table"


@dc.dataclass(frozen=True)
class LossTable:
    """A published table of losses, as its card.toml describes it.

    Attributes
    ----------
    file : shipped beside the card; rows : how many it has.
    loss_column, size_column : what `curve` reads where it is told nothing else.
    curves : columns by whose values one curve of the table is told from another.
    columns : what the columns hold.
    known : what was published about it: `value`, and `what` that is.
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
        """The file itself, as `manifoldscale fit` and pandas take it."""
        return folder() / self.name / self.file

    def published(self, name: str) -> Any:
        """A number of `known`, or a pair of them where it is a range."""
        return self.known[name]["value"]

    def curve(
        self,
        where: Mapping[str, Any] | None = None,
        loss_column: str | None = None,
        **options: Any,
    ) -> LearningCurve:
        """The rows with these values in columns as a curve.

        Parameters
        ----------
        where, options : as those of `LearningCurve.from_frame`.
        loss_column : another loss than that of the card.

        Raises
        ------
        ManifoldScaleError : what `from_frame` refuses; a file that is missing or changed.
        """
        about = {"size_column": self.size_column, "task": self.name} | options
        loss = self.loss_column if loss_column is None else loss_column
        return LearningCurve.from_frame(self.cells, where=where, loss_column=loss, **about)

    def parts(self, **where: Any) -> Iterator[dict[str, Any]]:
        """The curves of the table, each as the `where` that chooses it.

        where : values of columns that all of them have, as in `parts(Domain="NMT")`.
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
        """The rows of the file, its checksum verified: a value a column each.

        Raises
        ------
        ManifoldScaleError : the file is missing, or not what the card describes.
        """
        if not self.path.is_file():
            raise ManifoldScaleError(
                f"The file of the table {self.name!r} is missing: {self.path}. Install the "
                "package again."
            )
        verify(self.name, self.sha256, self.path.read_bytes(), str(self.path))
        return read_rows(self.path)


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
