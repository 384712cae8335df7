"""What exact curves share: tables, plots, and the conversion to a `LearningCurve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require
from ..core.learning_curve import LearningCurve, Run
from ..core.result import Result, write_csv
from ..core.style import drawing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


Series = tuple[str, Floats, Floats]


class ExactCurve(Result):
    """A result of many rows, one per size or time; its `columns` are arrays."""

    n_points = 0

    def rows(self) -> list[dict[str, Any]]:
        """One row per size or time."""
        paths = dict(column.split("=") for column in self.columns)
        values = zip(*(getattr(self, path) for path in paths.values()), strict=True)
        return [dict(zip(paths, row, strict=True)) for row in values]

    def series(self) -> "tuple[str, str, list[Series]]":
        """Labels of the axes, and the lines, each with a name, x and y."""
        raise NotImplementedError

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The lines on logarithmic axes; infinite values and zeros are gaps."""
        x_label, y_label, lines = self.series()
        known = False
        for name, x, y in lines:
            shown = np.where(np.isfinite(y) & (y > 0), y, np.nan)
            ax.plot(x, shown, "o-", label=name or None)
            known |= bool(np.isfinite(shown).any())
        ax.set(xscale="log", xlabel=x_label, ylabel=y_label)
        if known:  # an axis without any value has no logarithm
            ax.set_yscale("log")
        if any(name for name, _, _ in lines):
            ax.legend()

    def cells(self) -> dict[str, Any]:
        """The last row: the largest size, or the latest time."""
        return self.rows()[-1]

    def to_frame(self) -> "pd.DataFrame":
        """One row per size or time."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_csv(self, path: str | Path) -> None:
        write_csv(Path(path), self.rows())


class ErrorCurve(ExactCurve):
    """An expected test error over numbers of training examples P."""

    if TYPE_CHECKING:  # fields of a concrete one
        sizes: Floats
        error: Floats

    def series(self) -> "tuple[str, str, list[Series]]":
        return "training examples P", "expected test error", [("", self.sizes, self.error)]

    def to_curve(self) -> LearningCurve:
        """The same errors as a `LearningCurve`, to fit or to lay over measured ones."""
        pairs = zip(self.sizes, self.error, strict=True)
        runs = [Run(float(e), dataset_size=as_count(p, "sizes")) for p, e in pairs]
        return LearningCurve(tuple(runs), loss="mse", task="kernel regression, theory")


def as_count(value: float, name: str) -> int:
    """A size as a `LearningCurve` counts it."""
    require(
        float(value).is_integer(),
        f"A LearningCurve counts in whole numbers; one of the `{name}` is {value:g}: use "
        f"`np.unique(np.round({name}))`.",
    )
    return int(value)


def as_sizes(data: Any, name: str, *, infinite: bool = False) -> Floats:
    """Positive sizes of any shape, scalars included; with `infinite`, np.inf as well."""
    try:
        array = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array([])
    most, also = (np.inf, " or np.inf") if infinite else (np.finfo(float).max, "")
    require(
        array.size > 0 and bool(np.all((array > 0) & (array <= most))),
        f"`{name}` must be positive numbers{also}; not {data!r}.",
    )
    return array
