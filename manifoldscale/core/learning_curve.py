"""Learning curves: losses of trained networks, one row a run."""

import dataclasses as dc
import enum
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .columns import Columns, columns_of_losses
from .errors import ManifoldScaleError, one_of, require
from .layouts import chosen_rows, how_to_choose, long_rows, with_error
from .result import write_csv
from .style import drawing, log_axes
from .table_rows import fields_of, mixed_in, run_of
from .tables import read_rows
from .trajectories import CHOICES, networks_in, with_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Axis(enum.Enum):
    """What is scaled. The value names the column of a learning curve."""

    data = "dataset_size"
    parameters = "parameters"
    width = "width"
    steps = "steps"
    compute = "compute"

    @property
    def exponent(self) -> str:
        """How the exponent along this axis is printed."""
        return {
            "data": "alpha_D",
            "parameters": "alpha_P",
            "width": "alpha_W",
            "steps": "alpha_t",
            "compute": "alpha_C",
        }[self.name]

    @property
    def label(self) -> str:
        return {
            "data": "training examples D",
            "parameters": "parameters P",
            "width": "width w",
            "steps": "training steps t",
            "compute": "compute C (FLOP)",
        }[self.name]

    @property
    def symbol(self) -> str:
        """The letter of its label."""
        return {"data": "D", "parameters": "P", "width": "w", "steps": "t", "compute": "C"}[
            self.name
        ]

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
    steps : optimisation steps that it made; compute : operations (FLOP) that these took.
    network : which network this is a step of, where a curve has several rows a network.
    trajectory : (steps, test loss, its standard error) while it was trained, rising.
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
    steps: int | None = None
    compute: float | None = None
    network: int | None = None
    trajectory: tuple[tuple[int, float, float], ...] = ()

    def row(self) -> dict[str, Any]:
        """All but the trajectory."""
        fields = (field.name for field in dc.fields(self))
        return {name: getattr(self, name) for name in fields if name != "trajectory"}

    def along(self, network: int) -> "tuple[Run, ...]":
        """A run for each step of the trajectory; what is only known of its end is left."""
        unit = math.nan if not (self.compute and self.steps) else self.compute / self.steps
        return tuple(
            dc.replace(
                self,
                loss=loss,
                loss_stderr=stderr,
                steps=steps,
                compute=None if math.isnan(unit) else unit * steps,
                network=network,
                train_loss=math.nan,
                converged=None,
                trajectory=(),
            )
            for steps, loss, stderr in self.trajectory
        )


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
        axis = Axis.data if self.distinct(Axis.data) else self.longest_axis()
        sizes = "dataset sizes" if axis is Axis.data else f"values of {axis.value}"
        said = f"LearningCurve of {len(self.runs)} runs at {self.distinct(axis)} {sizes}"
        if self.is_trajectory:
            networks = {run.network for run in self.runs}
            said = f"LearningCurve of {len(self.runs)} steps of {len(networks)} networks"
        return said if self.columns is None else f"{said}\n{self.columns}"

    def column(self, axis: Axis | str) -> Array:
        """The sizes along an axis, one a run; NaN where a run does not say."""
        name = Axis.of(axis).value
        values = [getattr(run, name) for run in self.runs]
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    @property
    def losses(self) -> Array:
        return np.array([run.loss for run in self.runs])

    @property
    def is_trajectory(self) -> bool:
        """Whether several rows are steps of one network, `Run.network`: their errors go
        together, and a trajectory is one run.
        """
        named = [run.network for run in self.runs if run.network is not None]
        return len(set(named)) < len(named)

    @property
    def trajectories(self) -> "LearningCurve":
        """The losses while the networks were trained: a row a network and step.

        Raises
        ------
        ManifoldScaleError : the curve knows of no run what its loss was on the way.
        """
        if self.is_trajectory:
            return self
        runs = [row for i, run in enumerate(self.runs) for row in run.along(i)]
        require(
            bool(runs),
            "No run of this curve has a trajectory. A sweep keeps them (those of older "
            "registries do not); of a log, `LearningCurve.from_frame(log, "
            "row='trajectory')` reads them.",
        )
        return dc.replace(self, runs=tuple(runs))

    def at(self, **fixed: float) -> "LearningCurve":
        """The runs with these values, as in `curve.at(width=128)`.

        Names are those of an axis (data, parameters, width, steps, compute) or of a field
        of a `Run`.
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
        if axis in (Axis.steps, Axis.compute):
            other = max(_SIZES, key=self.distinct)
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
        """The axis with the most distinct sizes; steps, where the rows are those of
        trajectories; compute, where no run says another size.
        """
        if self.is_trajectory:
            return Axis.steps
        axis = max(_SIZES, key=self.distinct)
        return axis if self.distinct(axis) else max(Axis, key=self.distinct)

    def distinct(self, axis: Axis) -> int:
        """How many sizes there are along an axis."""
        sizes = self.column(axis)
        return len(set(sizes[np.isfinite(sizes)]))

    def rows(self) -> list[dict[str, Any]]:
        """A row a run, without its trajectory, whose rows are `trajectories.rows()`."""
        return [run.row() for run in self.runs]

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
        where: Mapping[str, Any] | None = None,
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
            every row for a network; "trajectory" every row for a step of its network, so
            that the curve is L(t). By default the last, where there are steps or epochs.
        size_column : the column of the size, where the name does not say it: by its axis,
            as in {"data": "N"}, or its name alone for the data.
        loss_column : the column of the loss, where several may be meant; "1 - NAME" is
            the error of an accuracy.
        where : which rows are read, by their values in columns, as in {"task": "inet_5"}.
        about : the other fields of a curve.

        Raises
        ------
        ManifoldScaleError : no loss or no size; several columns that may be the loss or a
            size; cells that are no numbers; rows of one network that nothing orders.
        """
        if row is not None:
            one_of("row", row, CHOICES)
        rows, said = long_rows(chosen_rows(read_rows(frame), where), row, loss_column)
        rows = with_error(rows, loss_column)
        steps = row == "trajectory"
        sizes = fields_of(size_column, lambda name: Axis.of(name).value)
        columns = columns_of_losses(rows, loss_column, sizes, needs_size=not steps)
        kept = networks_in(rows, columns, row)
        columns = with_rows(columns, said, kept, steps)
        found = [run_of(one, columns) for one in kept.rows]
        about.setdefault("mixed", mixed_in(kept.rows, found, columns, steps))
        choose = how_to_choose(kept.rows, about["mixed"])
        networks = kept.network or (None,) * len(found)
        runs = tuple(
            Run(**one, network=network)
            for one, network in zip(found, networks, strict=True)
        )
        return cls(runs, columns=dc.replace(columns, choose=choose), **about)


_SIZES = (Axis.data, Axis.parameters, Axis.width)
