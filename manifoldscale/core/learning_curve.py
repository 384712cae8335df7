"""Learning curves: losses of trained networks, one row per run."""

import dataclasses as dc
import enum
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .columns import Columns, columns_of_losses
from .errors import ManifoldScaleError, one_of, require
from .layouts import (
    chosen_rows,
    how_to_choose,
    how_to_divide,
    long_rows,
    with_error,
    with_quotients,
)
from .result import write_csv
from .serialize import LATER
from .style import drawing, log_axes
from .table_rows import fields_of, mixed_in, run_of
from .tables import Row, read_rows
from .trajectories import CHOICES, networks_in, with_rows
from .tuned import best_of_tuned, tuned_columns

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
        return "alpha_W" if self is Axis.width else f"alpha_{self.symbol}"

    @property
    def label(self) -> str:
        words = {"data": "training examples", "steps": "training steps"}
        unit = " (FLOP)" if self is Axis.compute else ""
        return f"{words.get(self.name, self.name)} {self.symbol}{unit}"

    @property
    def symbol(self) -> str:
        own = {"data": "D", "parameters": "P", "width": "w", "steps": "t", "compute": "C"}
        return own[self.name]

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
    steps : optimisation steps; compute : operations (FLOP) of these steps.
    network : the network that this is a step of, if a curve has several rows per network.
    trajectory : (steps, test loss, its standard error) during training, in order of steps.
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

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Run":
        """A run from what `plain` made of it or of its row, where None stands for NaN."""
        unknown = {f.name: f.default for f in dc.fields(cls) if f.default is math.nan}
        values: dict[str, Any] = {
            field.name: unknown.get(field.name)
            if stored[field.name] is None
            else stored[field.name]
            for field in dc.fields(cls)
            if field.name in stored
        }
        values["loss"] = math.nan if values["loss"] is None else values["loss"]
        steps = stored.get("trajectory", ())
        values["trajectory"] = tuple(
            (step, *(math.nan if x is None else x for x in rest)) for step, *rest in steps
        )
        return cls(**values)

    def along(self, network: int) -> "tuple[Run, ...]":
        """A run for each step of the trajectory, without what is known only at its end."""
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
    runs : one entry per trained network.
    loss : the kind of loss: "mse", "cross_entropy" or any name.
    floor : the irreducible loss if it is known, else None.
    shared_data : the runs share examples of one finite data set.
    task : the name of the task in tables.
    mixed : columns of the table that were not read, such as a task, an optimiser or a
        step, but by which the losses at one size differ.
    columns : which columns of a table were read, as what, and which were not; None if the
        curve does not come from a table.
    early_stopped : each network was kept at its best step, see `sweeps.Training.keep`.
    copies : how many of the examples are exact copies of others; empty if hardly any.
    drift : how it is known that a step of training moves wide networks more than narrow
        ones; empty if it does not, or nothing is known.
    """

    runs: tuple[Run, ...]
    loss: str = "loss"
    floor: float | None = None
    shared_data: bool = False
    task: str = ""
    mixed: tuple[str, ...] = ()
    columns: Columns | None = None
    early_stopped: bool = dc.field(default=False, metadata=LATER)
    drift: str = dc.field(default="", metadata=LATER)
    copies: str = dc.field(default="", metadata=LATER)

    @property
    def unread_settings(self) -> tuple[str, ...]:
        """Columns that tell networks of one size apart: `mixed` without the step of a log,
        which told apart only the rows of one network.
        """
        logged = "" if self.columns is None else self.columns.logged
        return tuple(name for name in self.mixed if name != logged)

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
        """The sizes along an axis, one per run; NaN where a run does not say."""
        name = Axis.of(axis).value
        values = [getattr(run, name) for run in self.runs]
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    @property
    def losses(self) -> Array:
        return np.array([run.loss for run in self.runs])

    def means(self, axis: Axis | str = Axis.data) -> dict[float, float]:
        """The mean loss at each size along an axis, in rising order, over all runs that
        have a loss and this size: of a grid, over those of every other size too, unless
        `at` has chosen one.

        >>> curve = LearningCurve((Run(1.0, 200), Run(4.0, 100), Run(2.0, 100)))
        >>> curve.means()
        {100: 3.0, 200: 1.0}
        """
        sizes, losses = self.column(axis), self.losses
        known = np.isfinite(sizes) & np.isfinite(losses)
        return {
            int(size) if size.is_integer() else float(size): float(
                losses[known & (sizes == size)].mean()
            )
            for size in np.unique(sizes[known])
        }

    @property
    def is_trajectory(self) -> bool:
        """Whether several rows are steps of one network, `Run.network`: their errors are
        correlated, and a trajectory is one run.
        """
        named = [run.network for run in self.runs if run.network is not None]
        return len(set(named)) < len(named)

    @property
    def trajectories(self) -> "LearningCurve":
        """The losses during training: a row per network and step.

        Raises
        ------
        ManifoldScaleError : no run of the curve has a trajectory.
        """
        if self.is_trajectory:
            return self
        runs = [row for i, run in enumerate(self.runs) for row in run.along(i)]
        require(
            bool(runs),
            "No run of this curve has a trajectory. A sweep keeps trajectories (in older "
            "registries it did not); `LearningCurve.from_frame(log, row='trajectory')` "
            "reads them from a log.",
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
        """The loss of every run against its size, and the means, with one colour per value
        of the other resource.
        """
        axis = self.longest_axis()
        other = Axis.width if axis is Axis.data else Axis.data
        if axis in (Axis.steps, Axis.compute):
            other = max(_SIZES, key=self.distinct)
        held, sizes, losses = self.column(other), self.column(axis), self.losses
        good = np.isfinite(losses) & np.isfinite(sizes)
        for value in np.unique(held):  # NaN, where runs do not say, counts as one value
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
        """The axis with the most distinct sizes; steps, if the rows are steps of
        trajectories; compute, if no run says another size.
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
        """A row per run, without its trajectory (see `trajectories.rows()`)."""
        return [run.row() for run in self.runs]

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_csv(self, path: str | Path) -> None:
        write_csv(Path(path), self.rows())

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "LearningCurve":
        """A curve from what `plain` made of it.

        >>> from manifoldscale.core.serialize import plain
        >>> curve = LearningCurve((Run(0.5, dataset_size=10, steps=3),), floor=0.1)
        >>> LearningCurve.from_dict(plain(curve)) == curve
        True
        """
        runs, columns = tuple(map(Run.from_dict, stored["runs"])), stored["columns"]
        plainly = ("loss", "floor", "shared_data", "task")
        return cls(
            runs,
            **{name: stored[name] for name in plainly},
            mixed=tuple(stored["mixed"]),
            columns=None if columns is None else Columns.from_dict(columns),
            early_stopped=stored.get("early_stopped", False),
            drift=stored.get("drift", ""),
            copies=stored.get("copies", ""),
        )

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        row: str | None = None,
        size_column: str | Mapping[str, str] | None = None,
        loss_column: str | None = None,
        where: Mapping[str, Any] | None = None,
        tuned: str | Sequence[str] = (),
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
            row per run. It has `loss` and at least one of `dataset_size`, `width` and
            `parameters`, and may have `unique_examples`, `seed`, `loss_stderr`,
            `train_loss`, `converged` and `failure` (or `state`: finished, crashed): runs
            that failed have no loss. Other usual names work too, such as val/loss,
            config.n_train, Training Tokens, model_params. A bare N is read (as
            parameters) only beside D. Parameters with the embedding are read before those
            without, unless `size_column` names the others.
        row : for a log with many rows per network: "last" or "best" of each; "all" takes
            every row as a network, "trajectory" every row as a step of its network, which
            gives L(t). By default the last, if there are steps or epochs.
        size_column : the column of the size, if its name does not say it: by axis, as in
            {"data": "N"}, or the name alone for the data; {"data": "C / 6 N"} is compute
            over six times the parameters.
        loss_column : the column of the loss, if several may be meant; "1 - NAME" is the
            error of an accuracy.
        where : which rows are read, by their values in columns, as in {"task": "inet_5"}.
        tuned : columns of which the best value at each size counts, such as the learning
            rate: that of the smallest mean loss over its runs.
        about : the other fields of a curve.

        Raises
        ------
        ManifoldScaleError : no loss or no size; several columns that may be the loss or a
            size; cells that are not numbers; rows of one network without an order.
        """
        if row is not None:
            one_of("row", row, CHOICES)
        rows = chosen_rows(read_rows(frame), where)
        sizes = fields_of(size_column, lambda name: Axis.of(name).value)
        return _curve_of(rows, row, loss_column, sizes, tuned, about)


def _curve_of(
    rows: list[Row],
    choice: str | None,
    loss_column: str | None,
    sizes: Mapping[str, str],
    tuned: str | Sequence[str],
    about: dict[str, Any],
) -> LearningCurve:
    rows, layout = long_rows(rows, choice, loss_column)
    rows = with_quotients(with_error(rows, loss_column), sizes)
    steps = choice == "trajectory"
    columns = columns_of_losses(rows, loss_column, sizes, needs_size=not steps)
    kept = networks_in(rows, columns, choice)
    columns = with_rows(columns, layout, kept, steps)
    found = [run_of(one, columns, steps) for one in kept.rows]
    require(
        any(math.isfinite(run["loss"]) for run in found),
        f"Column {columns.column('loss')!r} is read as the loss, and there are no losses "
        f"to fit in it (rows: {len(found)}): name another one, loss_column='...' "
        "(--loss-column).",
    )
    rows = kept.rows
    numbers: list[int | None] = [*kept.network] or [None] * len(found)
    if names := tuned_columns(tuned, rows):
        require(not steps, "`tuned` is of final losses; not of row='trajectory'.")
        best, said = best_of_tuned(rows, found, names)
        rows, found = [rows[i] for i in best], [found[i] for i in best]
        numbers, columns = [numbers[i] for i in best], dc.replace(columns, tuned=said)
    about.setdefault("mixed", mixed_in(rows, found, columns, steps, names))
    advice = how_to_choose(rows, about["mixed"]), how_to_divide(columns)
    columns = dc.replace(columns, choose="; ".join(filter(None, advice)))
    runs = (Run(**one, network=n) for one, n in zip(found, numbers, strict=True))
    return LearningCurve(tuple(runs), columns=columns, **about)


_SIZES = (Axis.data, Axis.parameters, Axis.width)
