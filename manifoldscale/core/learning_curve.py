"""Learning curves: losses of trained networks, one row a run."""

import dataclasses as dc
import enum
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .columns import SIZES, Columns, columns_of_losses
from .errors import ManifoldScaleError, one_of, require
from .factors import settings_that_matter
from .names import meaning, unit_of
from .result import write_csv
from .style import drawing, log_axes
from .tables import Row, as_number, read_rows
from .trajectories import CHOICES, networks_in

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Axis(enum.Enum):
    """What is scaled. The value names the column of a learning curve."""

    data = "dataset_size"
    parameters = "parameters"
    width = "width"

    @property
    def exponent(self) -> str:
        """How the exponent along this axis is printed."""
        return {"data": "alpha_D", "parameters": "alpha_P", "width": "alpha_W"}[self.name]

    @property
    def label(self) -> str:
        return {
            "data": "training examples D",
            "parameters": "parameters P",
            "width": "width w",
        }[self.name]

    @classmethod
    def of(cls, axis: "Axis | str") -> "Axis":
        if isinstance(axis, Axis):
            return axis
        if axis not in cls.__members__:
            names = ", ".join(repr(name) for name in cls.__members__)
            raise ManifoldScaleError(f"`axis` must be one of {names}; not {axis!r}.")
        return cls[axis]


@dc.dataclass(frozen=True)
class Run:
    """One trained network.

    Attributes
    ----------
    loss : test loss; NaN where the run failed.
    loss_stderr : standard error of `loss` from the finite test set.
    train_loss : training loss at the end.
    unique_examples : how many of the examples are distinct, where some are seen again.
    converged : the training loss is small against the test loss.
    """

    loss: float
    dataset_size: int | None = None
    width: int | None = None
    parameters: int | None = None
    unique_examples: int | None = None
    seed: int = 0
    loss_stderr: float = math.nan
    train_loss: float = math.nan
    converged: bool | None = None
    failure: str | None = None


@dc.dataclass(frozen=True)
class LearningCurve:
    """Test losses over sizes and seeds.

    Attributes
    ----------
    runs : one entry a trained network.
    loss : what the losses are, "mse" or "cross_entropy" or any name.
    floor : the irreducible loss where it is known, else None.
    shared_data : the runs share examples of one finite data set.
    task : how the task is called in tables.
    mixed : columns of the table that were not read, such as a task, an optimiser or a
        step, by which the losses in rows of one size differ.
    columns : which columns of a table were read, as what, and which were not; None where
        the curve comes from no table.
    """

    runs: tuple[Run, ...]
    loss: str = "loss"
    floor: float | None = None
    shared_data: bool = False
    task: str = ""
    mixed: tuple[str, ...] = ()
    columns: Columns | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def __str__(self) -> str:
        sizes = {run.dataset_size for run in self.runs}
        said = f"LearningCurve of {len(self.runs)} runs at {len(sizes)} dataset sizes"
        return said if self.columns is None else f"{said}\n{self.columns}"

    def column(self, axis: Axis | str) -> Array:
        """The sizes along an axis, one a run; NaN where a run does not say."""
        name = Axis.of(axis).value
        values = [getattr(run, name) for run in self.runs]
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    @property
    def losses(self) -> Array:
        return np.array([run.loss for run in self.runs])

    def at(self, **fixed: int) -> "LearningCurve":
        """The runs with these values, as in `curve.at(width=128)`.

        Names are those of an axis (data, parameters, width) or of a field of a `Run`.
        """
        fields = {axis.name: axis.value for axis in Axis}
        fields |= {field.name: field.name for field in dc.fields(Run)}
        for name in fixed:
            one_of("name", name, fields)
        runs = tuple(
            run
            for run in self.runs
            if all(getattr(run, fields[name]) == value for name, value in fixed.items())
        )
        require(bool(runs), f"No run has {fixed}.")
        return dc.replace(self, runs=runs)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The loss of every run against its size, and the means; a colour for each value of
        the other resource.
        """
        axis = self.longest_axis()
        other = Axis.width if axis is Axis.data else Axis.data
        held, sizes, losses = self.column(other), self.column(axis), self.losses
        good = np.isfinite(losses) & np.isfinite(sizes)
        for value in np.unique(held):  # NaN, where no run says one, is one value
            here = good & ((held == value) | (np.isnan(held) & np.isnan(value)))
            x = np.unique(sizes[here])
            means = [losses[here & (sizes == size)].mean() for size in x]
            label = "" if np.isnan(value) else f"{other.label} = {value:g}"
            (line,) = ax.plot(x, means, "o-", label=label or None)
            shade = line.get_color()
            ax.plot(sizes[here], losses[here], ".", color=shade, alpha=0.35, mew=0)
        ax.set(xlabel=axis.label, ylabel="test loss")
        log_axes(ax, sizes[good], losses[good])
        if np.isfinite(held).any():
            ax.legend()

    def longest_axis(self) -> Axis:
        """The axis with the most distinct sizes."""
        sizes = {axis: self.column(axis) for axis in Axis}
        return max(sizes, key=lambda axis: len(set(sizes[axis][np.isfinite(sizes[axis])])))

    def rows(self) -> list[dict[str, Any]]:
        return [dc.asdict(run) for run in self.runs]

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_csv(self, path: str | Path) -> None:
        write_csv(Path(path), self.rows())

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        row: str | None = None,
        size_column: str | Mapping[str, str] | None = None,
        loss_column: str | None = None,
        **about: Any,
    ) -> "LearningCurve":
        """A curve from losses measured anywhere.

        >>> table = {"n_train": [100, 200], "val_loss": [0.3, 0.2], "note": ["a", "b"]}
        >>> print(LearningCurve.from_frame(table))
        LearningCurve of 2 runs at 2 dataset sizes
        read: n_train as dataset_size, val_loss as loss; not read: note

        Parameters
        ----------
        frame : a data frame of pandas, polars or pyarrow; the path of a .csv, .tsv,
            .parquet, .json or .jsonl file; a mapping of columns; or a list of mappings, one
            row a run. It has a column `loss` and at least one of `dataset_size`, `width`,
            `parameters`; `unique_examples`, `seed`, `loss_stderr`, `train_loss`,
            `converged` and `failure` are read where they are there. Names that others give
            them do as well, such as test_loss, val/loss, config.n_train, Training Tokens,
            model_params. A bare N is read (as parameters) beside D only. Of parameters with
            and without the embedding all are read, unless `size_column` names the others.
        row : of a log, with many rows a network: "last" or "best" of each; "all" takes
            every row for a network. By default the last, where there are steps or epochs.
        size_column : the column of the size, where the name does not say it: by its axis,
            as in {"data": "N"}, or its name alone for the data.
        loss_column : the column of the loss, where several may be meant.
        about : the other fields of a curve.

        Raises
        ------
        ManifoldScaleError : no loss or no size; several columns that may be the loss or a
            size; cells that are no numbers; rows of one network that nothing orders.
        """
        rows = read_rows(frame)
        if row is not None:
            one_of("row", row, CHOICES)
        columns = columns_of_losses(rows, loss_column, _fields(size_column))
        kept = networks_in(rows, columns, row)
        columns = dc.replace(columns, rows=kept.said, logged=kept.by or "")
        runs = tuple(_run(one, columns) for one in kept.rows)
        about.setdefault("mixed", _mixed(kept.rows, runs, columns))
        return cls(runs, columns=columns, **about)


YES, NO = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")


def _fields(size_column: str | Mapping[str, str] | None) -> dict[str, str]:
    """The column of each size, by the field of a run; a name alone is that of the data,
    unless it says itself what it is.
    """
    if size_column is None:
        return {}
    if isinstance(size_column, str):
        said = meaning(size_column)
        return {said if said in SIZES else Axis.data.value: size_column}
    require(
        isinstance(size_column, Mapping),
        "`size_column` must be the name of a column, or one for each axis, as in "
        f"{{'data': 'N'}}; not {size_column!r}.",
    )
    return {
        axis if axis in SIZES else Axis.of(axis).value: column
        for axis, column in size_column.items()
    }


def _run(row: Row, columns: Columns) -> Run:
    given: dict[str, Any] = {}
    for column, field in columns.read:
        value = row[column]
        if value is None:
            continue
        if field in ("loss", "loss_stderr", "train_loss", *SIZES):
            value = _number(column, field, value)
        if field in SIZES:
            value = value * unit_of(column)
            # A column with gaps is read as floats.
            value = int(value) if float(value).is_integer() else value
        if field == "converged":
            value = _truth(column, value)
        given[field] = value
    return Run(**{"loss": math.nan, **given})


def _mixed(rows: list[Row], runs: tuple[Run, ...], columns: Columns) -> tuple[str, ...]:
    sizes = [tuple(getattr(run, name) for name in SIZES) for run in runs]
    losses = np.array([run.loss for run in runs], dtype=float)
    unread = [name for name in columns.unread if name != columns.logged]
    logged = (columns.logged,) if columns.logged else ()
    return (*logged, *settings_that_matter(rows, unread, sizes, losses))


def _number(column: str, field: str, value: Any) -> float:
    found = as_number(value)
    if found is None:
        said = repr(column) if column == field else f"{column!r} as {field!r}"
        raise ManifoldScaleError(
            f"Column {said} must hold numbers; it holds {value!r}. Numbers are written as "
            "in 1600, 0.5 or 1.25e8."
        )
    return found


def _truth(column: str, value: Any) -> bool:
    """Yes or no; the text "False" would count as true."""
    text = str(value).strip().lower()
    require(
        text in (*YES, *NO),
        f"Column {column!r} must hold true or false; it holds {value!r}.",
    )
    return text in YES
