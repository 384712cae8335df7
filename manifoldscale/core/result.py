"""What every result carries, and how results print, tabulate and save."""

import csv
import dataclasses as dc
import html
import inspect
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np

from .arrays import Floats, Ints, freeze_fields
from .caveat import Remark
from .interval import Interval, number
from .latex import latex_table
from .serialize import dumps, write_text
from .style import BLUE, draw_interval, drawing, name_heights

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Result:
    """A frozen result that prints as one line plus one line per caveat.

    A concrete result is a frozen dataclass with a `headline`, `plot`, `columns` and `main`:

        @dc.dataclass(frozen=True)
        class Comparison(Result):
            ratio: float
            interval: Interval
            ...
            main = "ratio"
            columns = ("law=prediction.law", "ratio", "verdict")

    Every result has `caveats`, `method`, `n_points` (0 where it comes from a formula),
    `row()`, `to_frame()`, `to_json()` and `plot()`. A result that is a number also has
    `value` and `interval`, taken from what `main` names. A verdict has its word as `value`.
    A result of several numbers leaves `main` empty: each is a column, or a `Quantity` with
    its own value and interval. Arrays are read-only.
    """

    # The field or path, as "pooled.kappa_rms", of the number, Quantity or word that it is.
    main: ClassVar[str] = ""
    # The columns of `row()`, in order: a field or path, or name=path; a path may index, as
    # "first=ranks.0" does. A Quantity makes name, name_low and name_high, an interval
    # `name_interval` the last two. The base adds low, high and level of `interval` after
    # `main`, and at the end the method, the number of points and the caveats.
    columns: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:  # not there at run time: a dataclass would take it for a default

        @property
        def value(self) -> Any: ...
        @property
        def interval(self) -> Interval: ...
        @property
        def method(self) -> Any: ...
        @property
        def n_points(self) -> int: ...
        @property
        def caveats(self) -> tuple[Remark, ...]: ...
        def plot(self, ax: "Axes | None" = None, **style: Any) -> "Axes": ...

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        main = cls.__dict__.get("main")
        if main:
            derived = {
                "value": lambda self: _number(at_path(self, main)),
                "interval": lambda self: at_path(self, main).interval,
            }
            own = {*inspect.get_annotations(cls), *cls.__dict__}
            for name in derived.keys() - own:
                setattr(cls, name, property(derived[name]))

    def __post_init__(self) -> None:
        freeze_fields(self)

    def cells(self) -> dict[str, Any]:
        """What `columns` name; a class whose columns depend on the result adds them."""
        cells: dict[str, Any] = {}
        for column in self.columns:
            name, _, path = column.rpartition("=")
            if path == self.main:
                cells[name or path] = self.value
                if not isinstance(self.value, str):
                    cells |= as_cells("interval", self.interval)
            else:
                cells |= as_cells(name or path, at_path(self, path))
        return cells

    def row(self) -> dict[str, Any]:
        """The result as one flat row of a table."""
        return self.cells() | {
            "method": str(self.method),
            "n_points": self.n_points,
            "caveats": "; ".join(map(str, self.caveats)),
        }

    def headline(self) -> str:
        """The result in one line."""
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

    def to_latex(self, columns: Sequence[str] | None = None) -> str:
        """The result as a LaTeX table of one row, see `core.latex.latex_table`."""
        return latex_table([self.row()], columns)

    def to_json(self, path: str | Path | None = None) -> str:
        """The whole result as JSON text, also written to `path` if one is given."""
        text = dumps(self)
        if path is not None:
            write_text(Path(path), text)
        return text


@dc.dataclass(frozen=True)
class Quantity(Result):
    """A number with its interval, method, sample size and caveats."""

    value: float
    interval: Interval
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    name = "quantity"

    @property
    def meaning(self) -> str:
        """In words, what the number is, if there is more than one such number."""
        return ""

    def headline(self) -> str:
        return (
            f"{self.name} {number(self.value)} {self.interval.labelled} "
            f"({self.method}, n = {self.n_points:,})"
        )

    def cells(self) -> dict[str, Any]:
        interval = as_cells("interval", self.interval)
        return {self.name: self.value, **interval, **super().cells()}

    def __float__(self) -> float:
        return float(self.value)

    @property
    def drawn(self) -> tuple[float, Interval]:
        """Value and interval as they are drawn."""
        return self.value, self.interval

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The number with its interval."""
        draw_interval(ax, 0, *self.drawn, BLUE)
        name_heights(ax, [str(self.method)])
        ax.set(xlabel=self.name)


@dc.dataclass(frozen=True, eq=False)
class PointValues:
    """Numbers at some rows of a cloud, NaN where nothing is known. Results offer them as
    `point_values`, and a view can be coloured by them.
    """

    rows: Ints
    values: Floats
    name: str


def is_dimension(quantity: Quantity) -> bool:
    """Whether it is a dimension, or a quantity made by hand that does not say what it is;
    a curvature, for example, is not.
    """
    return quantity.name in ("dimension", Quantity.name)


@dc.dataclass(frozen=True)
class Table(Sequence[Result]):
    """Results side by side: a sequence with a row each. A labelled result is also found by
    its first label, as `table["fc1"]`.
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
        """One row per result."""
        write_csv(Path(path), self.rows())

    def to_latex(self, columns: Sequence[str] | None = None) -> str:
        """A LaTeX table with a row per result; `columns` chooses some, by name."""
        return latex_table(self.rows(), columns)

    def to_json(self, path: str | Path | None = None) -> str:
        text = dumps(self.rows())
        if path is not None:
            write_text(Path(path), text)
        return text

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Every result that has a value, with its interval, one below the other."""
        names = []
        for place, result in enumerate(self.results):
            labels = self.labels[place] if self.labels else {}
            said = next((str(v) for v in labels.values()), "")
            names.append(said or str(getattr(result, "method", type(result).__name__)))
            value = getattr(result, "value", None)
            interval = getattr(result, "interval", None)
            if isinstance(value, float) and isinstance(interval, Interval):
                value, interval = getattr(result, "drawn", (value, interval))
                draw_interval(ax, place, value, interval, BLUE)
        name_heights(ax, names)
        kinds = {getattr(result, "name", "value") for result in self.results}
        ax.set(xlabel=" and ".join(sorted(kinds)))

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a CSV file, with numbers at full precision. It has the columns of all rows; a
    cell that a row does not have is left blank.
    """
    text = io.StringIO()
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(text, fieldnames=list(columns))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def at_path(result: object, path: str) -> Any:
    """What a path leads to; NaN beyond a field that is None, that is, not known."""
    for name in path.split("."):
        if result is None:
            return math.nan
        index = name.removeprefix("-").isdigit()
        result = result[int(name)] if index else getattr(result, name)  # type: ignore[index]
    return result


def _number(main: Any) -> Any:
    return main.value if isinstance(main, Quantity) else main


def as_cells(name: str, value: Any) -> dict[str, Any]:
    """The columns that a value with a name makes, as `Result.columns` says."""
    if isinstance(value, Quantity):
        return {name: value.value, **as_cells(f"{name}_interval", value.interval)}
    if isinstance(value, Interval):
        about = name.removesuffix("interval")
        level = {} if about else {"level": value.level}
        return {f"{about}low": value.low, f"{about}high": value.high, **level}
    simple = isinstance(value, str | bool | int | float | np.generic) or value is None
    return {name: value if simple else str(value)}
