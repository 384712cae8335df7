"""Learning curves: losses of trained networks, one row a run."""

import dataclasses as dc
import enum
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .errors import ManifoldScaleError, require
from .result import write_csv

if TYPE_CHECKING:
    import pandas as pd


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
    """

    runs: tuple[Run, ...]
    loss: str = "loss"
    floor: float | None = None
    shared_data: bool = False
    task: str = ""

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

    def rows(self) -> list[dict[str, Any]]:
        return [dc.asdict(run) for run in self.runs]

    def to_frame(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_csv(self, path: str | Path) -> None:
        write_csv(Path(path), self.rows())

    @classmethod
    def from_frame(cls, frame: "pd.DataFrame", **about: Any) -> "LearningCurve":
        """A curve from losses measured anywhere.

        `frame` has a column `loss` and at least one of `dataset_size`, `width`,
        `parameters`; `seed`, `loss_stderr`, `train_loss`, `converged` and `failure` are
        read where they are there. `about` are the other fields of a curve.
        """
        return cls(tuple(_runs(frame.to_dict("records"))), **about)


def _runs(rows: Iterable[Mapping[Any, Any]]) -> Iterable[Run]:
    known = {field.name for field in dc.fields(Run)}
    for row in rows:
        require("loss" in row, f"The table needs a column 'loss'; it has {list(row)}.")
        require(
            any(axis.value in row for axis in Axis),
            "The table needs a column 'dataset_size', 'width' or 'parameters'; it has "
            f"{list(row)}.",
        )
        fields = {name: row[name] for name in known & row.keys()}
        for name in {"loss", *(axis.value for axis in Axis)} & fields.keys():
            require(
                isinstance(fields[name], int | float | np.number | None),
                f"Column {name!r} must hold numbers; it holds {fields[name]!r}.",
            )
        given = {name: value for name, value in fields.items() if not _missing(value)}
        yield Run(**{"loss": math.nan, **given})


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
