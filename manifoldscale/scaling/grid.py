"""Losses over pairs of sizes, which the laws in both resources are fitted to."""

import abc
import dataclasses as dc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.result import Result
from ..core.style import drawing, log_axes
from .losses import of_the_table
from .scatter import MISFIT, lack_of_fit, means_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALIGNED = 0.95  # correlation of log D with log P


@dc.dataclass(frozen=True, eq=False)
class Grid:
    """Mean losses at distinct pairs of sizes, (pairs,) each.

    runs : number of runs of each pair.
    spread : relative scatter of single runs about their means, NaN without replicates;
    freedom : its degrees of freedom.
    remarks : caveats of the runs.
    """

    axis: Axis
    data: Floats
    parameters: Floats
    loss: Floats
    runs: Floats
    spread: float
    freedom: int
    remarks: tuple[Remark, ...] = ()

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def n_runs(self) -> int:
        return int(self.runs.sum())

    def at(self, where: Ints) -> "Grid":
        """The pairs at these places."""
        data, parameters, loss, runs = (
            part[where] for part in (self.data, self.parameters, self.loss, self.runs)
        )
        return dc.replace(self, data=data, parameters=parameters, loss=loss, runs=runs)

    def residuals(self, predicted: Floats) -> Floats:
        """(pairs,) residuals of the log losses, in units of a single run."""
        return np.asarray(np.sqrt(self.runs) * np.log(self.loss / predicted))

    def aligned(self) -> list[Remark]:
        """Whether the two sizes were varied together."""
        correlation = float(np.corrcoef(np.log(self.data), np.log(self.parameters))[0, 1])
        together = abs(correlation) > ALIGNED
        return [Caveat.ALIGNED_DESIGN(f"correlation {correlation:.2f}")] if together else []

    def lack_of_fit(self, cost: float, unknowns: int) -> list[Remark]:
        """Whether means lie further from a law than the scatter of their runs allows.

        cost : sum of squares of the relative residuals, weighted by runs.
        """
        p = lack_of_fit(cost, len(self) - unknowns, self.spread, self.freedom)
        return [Caveat.LACK_OF_FIT(f"p = {number(p, 2)}")] if p < MISFIT else []

    def draw(self, ax: "Axes", predict: Callable[[Floats, float], Floats]) -> None:
        """Losses against D, and the curve of a law for every P."""
        sizes = np.geomspace(self.data.min(), self.data.max(), 200)
        for p in np.unique(self.parameters):
            here = self.parameters == p
            label = f"{self.axis.label} = {p:g}"
            (line,) = ax.plot(sizes, predict(sizes, p), label=label)
            ax.plot(self.data[here], self.loss[here], "o", color=line.get_color())
        log_axes(ax, self.data, self.loss)
        ax.set(xlabel=Axis.data.label, ylabel="test loss")
        ax.legend()


@dc.dataclass(frozen=True, eq=False)
class GridLaw(Result, abc.ABC):
    """What laws in both resources have in common: two exponents with their intervals. A
    concrete law gives `predict`.
    """

    alpha_D: float
    interval_D: Interval
    alpha_P: float
    interval_P: Interval
    grid: Grid

    main = "alpha_D"
    columns: ClassVar[tuple[str, ...]] = (
        "alpha_D",
        "low_D=interval_D.low",
        "high_D=interval_D.high",
        "alpha_P",
        "low_P=interval_P.low",
        "high_P=interval_P.high",
    )

    @abc.abstractmethod
    def predict(self, dataset_size: Any, parameters: Any) -> Floats:
        """The fitted loss, sizes broadcast against each other."""

    @property
    def interval(self) -> Interval:
        """Of alpha_D, under the name that every result has."""
        return self.interval_D

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.grid.n_runs

    @property
    def exponents_in_words(self) -> str:
        by_P = f"{number(self.alpha_P)} {self.interval_P.labelled}"
        return (
            f"alpha_D {number(self.alpha_D)} {self.interval_D.labelled}, "
            f"{self.grid.axis.exponent} {by_P}"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Losses against D, with a curve for every P."""
        self.grid.draw(ax, self.predict)


def grid_of(curve: LearningCurve, axis: Axis | str) -> Grid:
    """The runs that say both sizes and a loss, averaged over seeds."""
    axis = Axis.of(axis)
    require(axis is not Axis.data, "`axis` is the other resource: 'parameters' or 'width'.")
    require(
        isinstance(curve, LearningCurve),
        "`curve` must be a LearningCurve, as `LearningCurve.from_frame` makes it; not "
        f"{type(curve).__name__}.",
    )
    data, other, loss = curve.column(Axis.data), curve.column(axis), curve.losses
    usable = np.isfinite(data) & np.isfinite(other) & np.isfinite(loss)
    require(
        bool(usable.any()), f"No run says its dataset_size, its {axis.value} and its loss."
    )
    pairs = np.column_stack([data, other])[usable]
    unique, where, counts = np.unique(
        pairs, axis=0, return_inverse=True, return_counts=True
    )
    sizes, others = unique.T
    means, spread, freedom = means_of(
        loss[usable],
        where.ravel(),
        counts,
        lambda i: f"dataset_size = {sizes[i]:g}, {axis.value} = {others[i]:g}",
    )
    remarks = of_the_table(curve)
    if not usable.all():
        left_out = f"{(~usable).sum()} of {len(usable)} runs"
        remarks.insert(0, Caveat.FAILED_RUNS(left_out))
    return Grid(
        axis, sizes, others, means, counts.astype(float), spread, freedom, tuple(remarks)
    )


def require_enough(grid: Grid, unknowns: int, spare: int = 2) -> None:
    """Three values of either resource, and more pairs than unknowns by `spare`."""
    both = ((Axis.data.value, grid.data), (grid.axis.value, grid.parameters))
    for name, sizes in both:
        n = len(np.unique(sizes))
        require(n >= 3, f"A law in both needs three values of {name}; there are {n}.")
    require(
        len(grid) >= unknowns + spare,
        f"{unknowns} unknowns need {unknowns + spare} pairs of sizes; there are "
        f"{len(grid)}.",
    )
