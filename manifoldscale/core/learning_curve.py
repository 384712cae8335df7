"""Learning curves: losses of trained networks, one row a run."""

import dataclasses as dc
import enum
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .errors import ManifoldScaleError, require
from .factors import settings_that_matter
from .result import write_csv
from .style import drawing, log_axes
from .tables import Row, is_missing, rows_of

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
    converged : the training loss is small against the test loss.
    """

    loss: float
    dataset_size: int | None = None
    width: int | None = None
    parameters: int | None = None
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
    mixed : columns of the table that were not read, such as a task or an optimiser, by
        which the losses of runs of one size differ.
    """

    runs: tuple[Run, ...]
    loss: str = "loss"
    floor: float | None = None
    shared_data: bool = False
    task: str = ""
    mixed: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.runs)

    def __str__(self) -> str:
        sizes = {run.dataset_size for run in self.runs}
        return f"LearningCurve of {len(self.runs)} runs at {len(sizes)} dataset sizes"

    def column(self, axis: Axis | str) -> Array:
        """The sizes along an axis, one a run; NaN where a run does not say."""
        name = Axis.of(axis).value
        values = [getattr(run, name) for run in self.runs]
        return np.array([math.nan if v is None else v for v in values], dtype=float)

    @property
    def losses(self) -> Array:
        return np.array([run.loss for run in self.runs])

    def at(self, **fixed: int) -> "LearningCurve":
        """The runs with these values, as in `curve.at(width=128)`."""
        runs = tuple(
            run
            for run in self.runs
            if all(getattr(run, name) == value for name, value in fixed.items())
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
    def from_frame(cls, frame: Any, **about: Any) -> "LearningCurve":
        """A curve from losses measured anywhere.

        `frame` is a data frame of pandas or polars, the path of a .csv, .tsv or .parquet
        file, or a list of mappings, one row a run. It has a column `loss` and at least one
        of `dataset_size`, `width`, `parameters`; `seed`, `loss_stderr`, `train_loss`,
        `converged` and `failure` are read where they are there. Usual other names do as
        well (`ALIASES`), such as test_loss, n_train, params; a bare N, which is examples to
        some and parameters to others, does not. `about` are the other fields of a curve.
        """
        rows = rows_of(frame, ALIASES)
        runs = tuple(map(_run, rows))
        about.setdefault("mixed", _mixed(rows, runs))
        return cls(runs, **about)


# Names that other people's tables use.
ALIASES = {
    "loss": ("test_loss", "val_loss", "validation_loss", "eval_loss", "test_mse"),
    "dataset_size": (
        "d", "n_train", "train_size", "training_size", "n_samples", "num_samples",
        "samples", "n_examples", "num_examples", "examples", "tokens", "data_size",
    ),
    "parameters": (
        "p", "params", "n_params", "num_params", "n_parameters", "num_parameters",
        "model_size", "parameter_count",
    ),
    "width": ("w", "hidden", "hidden_size", "hidden_width", "hidden_dim", "n_hidden"),
    "loss_stderr": ("stderr", "test_stderr", "loss_se", "test_loss_stderr"),
    "train_loss": ("training_loss", "final_train_loss"),
    "seed": ("random_seed", "replicate"),
}  # fmt: skip
SIZES = tuple(axis.value for axis in Axis)
YES, NO = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")


def _run(row: Mapping[str, Any]) -> Run:
    require(
        "loss" in row,
        f"The table needs a column 'loss' (or {', '.join(ALIASES['loss'])}); it has "
        f"{list(row)}.",
    )
    require(
        any(name in row for name in SIZES),
        "The table needs a column 'dataset_size', 'width' or 'parameters'; it has "
        f"{list(row)}.",
    )
    known = {field.name for field in dc.fields(Run)} & row.keys()
    given = {name: row[name] for name in known if not is_missing(row[name])}
    for name in {"loss", "loss_stderr", "train_loss", *SIZES} & given.keys():
        given[name] = _number(name, given[name])
    for name in set(SIZES) & given.keys():
        if float(given[name]).is_integer():  # a column with gaps is read as floats
            given[name] = int(given[name])
    if "converged" in given:
        given["converged"] = _truth(given["converged"])
    return Run(**{"loss": math.nan, **given})


def _mixed(rows: list[Row], runs: tuple[Run, ...]) -> tuple[str, ...]:
    known = frozenset(field.name for field in dc.fields(Run))
    known |= {other for others in ALIASES.values() for other in others}
    sizes = [tuple(getattr(run, name) for name in SIZES) for run in runs]
    return settings_that_matter(rows, known, sizes, [run.loss for run in runs])


def _number(name: str, value: Any) -> float:
    """A number, or a text that is one: `csv` and columns with one bad cell give texts."""
    if isinstance(value, int | float | np.number):
        return value  # type: ignore[return-value]  # as it came: whole numbers stay whole
    try:
        return float(str(value))
    except ValueError:
        raise ManifoldScaleError(
            f"Column {name!r} must hold numbers; it holds {value!r}."
        ) from None


def _truth(value: Any) -> bool:
    """Yes or no; the text "False" would count as true."""
    text = str(value).strip().lower()
    require(
        text in (*YES, *NO),
        f"Column 'converged' must hold true or false; it holds {value!r}.",
    )
    return text in YES
