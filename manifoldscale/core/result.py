"""What every result carries, and how results print, tabulate and save."""

import csv
import dataclasses as dc
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from .caveat import Remark
from .interval import Interval, number
from .serialize import dumps, write_text
from .style import BLUE, draw_interval, drawing, name_heights

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Result:
    """A frozen result that prints as one line plus one line a caveat.

    A concrete result is a frozen dataclass that gives `row`, `headline` and `caveats`.
    """

    caveats: tuple[Remark, ...]

    def row(self) -> dict[str, Any]:
        """The result as one flat row of a table."""
        raise NotImplementedError

    def headline(self) -> str:
        """The one line that says it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return "\n".join([self.headline(), *(f"  ! {note}" for note in self.caveats)])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in self.caveats)
        listed = f"<ul>{notes}</ul>" if notes else ""
        return f"<div><code>{html.escape(self.headline())}</code>{listed}</div>"

    def to_frame(self) -> "pd.DataFrame":
        """The result as a data frame of one row."""
        return Table((self,)).to_frame()

    def to_json(self, path: str | Path | None = None) -> str:
        """The whole result as JSON text, also written to `path` where one is given."""
        text = dumps(self)
        if path is not None:
            write_text(Path(path), text)
        return text


@dc.dataclass(frozen=True)
class Quantity(Result):
    """A number with its company: interval, method, sample size and caveats."""

    value: float
    interval: Interval
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    name = "quantity"

    @property
    def meaning(self) -> str:
        """Of what it is the number, where there is more than one; in words."""
        return ""

    def headline(self) -> str:
        return (
            f"{self.name} {number(self.value)} {self.interval.labelled} "
            f"({self.method}, n = {self.n_points:,})"
        )

    def row(self) -> dict[str, Any]:
        return {
            self.name: self.value,
            "low": self.interval.low,
            "high": self.interval.high,
            "level": self.interval.level,
            "method": str(self.method),
            "n_points": self.n_points,
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    def __float__(self) -> float:
        return float(self.value)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The number with its interval."""
        draw_interval(ax, 0, self.value, self.interval, BLUE)
        name_heights(ax, [str(self.method)])
        ax.set(xlabel=self.name)


def is_dimension(quantity: Quantity) -> bool:
    """Whether it is one, or was made by hand and says nothing of what it is; a curvature,
    say, is none.
    """
    return quantity.name in ("dimension", Quantity.name)


@dc.dataclass(frozen=True)
class Table(Sequence[Result]):
    """Results side by side: a sequence, with a row each; what is labelled is found by its
    first label too, as `table["fc1"]`.
    """

    results: tuple[Result, ...]
    labels: tuple[Mapping[str, Any], ...] | None = None

    # Any, as in a table of one kind: `table["fc1"].value`.
    @overload
    def __getitem__(self, index: int | str) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | str | slice) -> Any:
        if isinstance(index, str):
            names = self.keys()
            if index not in names:
                raise KeyError(f"{index!r}; there are {', '.join(names) or 'no labels'}")
            return self.results[names.index(index)]
        return self.results[index]

    def keys(self) -> list[str]:
        """The first label of each row."""
        return [str(next(iter(label.values()), "")) for label in self.labels or ()]

    def items(self) -> list[tuple[str, Any]]:
        """(first label, result) of each row."""
        return list(zip(self.keys(), self.results, strict=True))

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __str__(self) -> str:
        return "\n".join(str(result) for result in self.results)

    def rows(self) -> list[dict[str, Any]]:
        labels = self.labels or ({},) * len(self.results)
        pairs = zip(labels, self.results, strict=True)
        return [{**label, **result.row()} for label, result in pairs]

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_csv(self, path: str | Path) -> None:
        """One row a result."""
        write_csv(Path(path), self.rows())

    def to_json(self, path: str | Path | None = None) -> str:
        text = dumps(self.rows())
        if path is not None:
            write_text(Path(path), text)
        return text

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Every result that has a value with its interval, under each other."""
        names = []
        for place, result in enumerate(self.results):
            labels = self.labels[place] if self.labels else {}
            said = next((str(v) for v in labels.values()), "")
            names.append(said or str(getattr(result, "method", type(result).__name__)))
            value, interval = (
                getattr(result, "value", None),
                getattr(result, "interval", None),
            )
            if isinstance(value, float) and isinstance(interval, Interval):
                draw_interval(ax, place, value, interval, BLUE)
        name_heights(ax, names)
        kinds = {getattr(result, "name", "value") for result in self.results}
        ax.set(xlabel=" and ".join(sorted(kinds)))

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows with the same keys as a CSV file, numbers at full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
