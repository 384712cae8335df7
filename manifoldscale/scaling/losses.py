"""Mean losses at distinct sizes: what a fit sees of a learning curve."""

import dataclasses as dc
import math
from typing import Any

import numpy as np

from ..core.arrays import Array, Bools, Floats, as_real, check_same_rows
from ..core.caveat import Caveat, Remark
from ..core.columns import Columns
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import Axis, LearningCurve, Run
from ..core.names import is_without_embedding
from .scatter import LARGEST, means_of, relative_variances


@dc.dataclass(frozen=True, eq=False)
class Losses:
    """Mean losses at distinct sizes.

    Attributes
    ----------
    x : distinct sizes, rising.
    y : mean loss over the runs at each size.
    runs : number of runs at each size.
    spread : relative standard deviation between runs of one size, pooled; NaN where no
        size has two runs.
    freedom : degrees of freedom of `spread`.
    variance : of a run at each size over spread^2: ones, unless it changes with size by
        more than chance.
    test_noise : the part of `spread` that the finite test sets explain, from the standard
        errors of the runs; NaN where these are not known. A test set that all runs share
        moves them together, and adds nothing to their spread.
    train_share : median training loss over test loss at the largest third of the sizes;
        NaN without training losses, and along other axes than D.
    shared : runs of different sizes have examples or initialisations in common, which
        correlates the errors of the means.
    along_a_run : sizes are steps of the same runs.
    """

    x: Floats
    y: Floats
    runs: Floats
    spread: float
    freedom: int
    variance: Floats
    test_noise: float = math.nan
    train_share: float = math.nan
    shared: bool = False
    along_a_run: bool = False

    def at(self, where: Bools | slice) -> "Losses":
        """Some of the sizes; the scatter between runs stays that of all sizes."""
        parts = {
            name: getattr(self, name)[where] for name in ("x", "y", "runs", "variance")
        }
        return dc.replace(self, **parts)

    def means_alone(self) -> "Losses":
        """The same as if nothing were known of the scatter between runs."""
        even = np.ones_like(self.variance)
        return dc.replace(self, spread=math.nan, freedom=0, variance=even)

    @property
    def precision(self) -> Floats:
        """(sizes,) weights of relative errors: runs, fewer where they scatter more."""
        return np.asarray(self.runs / self.variance)

    @property
    def n_runs(self) -> int:
        return int(self.runs.sum())

    def up_to(self, factor: float) -> Bools:
        """(sizes,) which are no larger than the last over `factor`."""
        return np.asarray(self.x <= self.x[-1] / factor * (1 + 1e-9))

    @property
    def seed_noise(self) -> float:
        """Relative standard deviation between networks: `spread` less the test noise."""
        test = 0.0 if math.isnan(self.test_noise) else self.test_noise
        return math.sqrt(max(self.spread**2 - test**2, 0.0))


def losses_of(curve: Any, loss: Any, axis: Axis) -> tuple[Losses, list[Remark]]:
    """The losses of a `LearningCurve`, or of (sizes, losses), and what was noticed."""
    if isinstance(curve, LearningCurve):
        require(loss is None, "Pass a LearningCurve, or sizes and losses; not both.")
        x, y, usable, remarks = _of_curve(curve, axis)
        losses = _means(x[usable], y[usable], axis.value)
        remarks += _zeros(y[usable])
        runs = [run for run, use in zip(curve.runs, usable, strict=True) if use]
        return dc.replace(
            losses,
            # A network that lies above the others does so at all of its steps: its errors
            # are correlated.
            shared=curve.shared_data or curve.is_trajectory,
            along_a_run=curve.is_trajectory,
            test_noise=_test_noise(runs),
            # Networks too small for their data never interpolate, and need not.
            train_share=_train_share(runs, x[usable], losses.x)
            if axis is Axis.data
            else math.nan,
        ), remarks
    require(loss is not None, "Pass a LearningCurve, or the sizes and the losses.")
    check_same_rows([("x", curve), ("loss", loss)])
    y = as_real(loss, "loss")
    return _means(as_real(curve, "x"), y, "size"), _zeros(y)


def _zeros(losses: Array) -> list[Remark]:
    zeros = int((losses == 0).sum())
    return [Caveat.ZERO_LOSSES(f"{zeros} of {len(losses)} runs")] if zeros else []


def others(axis: Axis) -> tuple[Axis, ...]:
    """What is held along an axis: the other resource, both along the steps, and nothing
    along compute, which they share among themselves.
    """
    if axis is Axis.compute:
        return ()
    if axis is Axis.steps:
        return Axis.parameters, Axis.width, Axis.data
    return (Axis.parameters, Axis.width) if axis is Axis.data else (Axis.data,)


def _of_curve(curve: LearningCurve, axis: Axis) -> tuple[Array, Array, Bools, list[Remark]]:
    x, y = curve.column(axis), curve.losses
    require(not np.isnan(x).all(), f"No run says its {axis.value}; choose another `axis`.")
    sizes = axis not in (Axis.steps, Axis.compute)
    for held in (*others(axis), *((Axis.steps,) if sizes and curve.is_trajectory else ())):
        column = curve.column(held)
        values = np.unique(column)
        values = values[~np.isnan(values)]
        silent = int(np.isnan(column).sum())
        if len(values) and silent and silent < len(column):
            raise ManifoldScaleError(
                f"{silent} of {len(column)} runs do not say their {held.value}, and may "
                f"differ in it; choose the others, as in "
                f"`curve.at({held.value}={values[-1]:.0f})`, or give the table without "
                "that column."
            )
        if len(values) > 1:
            listed = ", ".join(f"{value:.0f}" for value in values)
            raise ManifoldScaleError(
                f"The runs differ in {held.value} too ({listed}); choose one, as in "
                f"`curve.at({held.value}={values[-1]:.0f})`."
            )
    _check_one_envelope(curve, axis)
    usable = np.isfinite(x) & np.isfinite(y)
    remarks = []
    if not usable.all():
        remarks.append(Caveat.FAILED_RUNS(f"{(~usable).sum()} of {len(y)} runs"))
    late = sum(run.converged is False for run in curve.runs)
    if late and axis is Axis.data and not curve.early_stopped:
        remarks.append(Caveat.NOT_CONVERGED(f"{late} of {len(y)} runs"))
    remarks += of_the_table(curve, axis)
    if curve.shared_data:
        remarks.append(Caveat.SHARED_DATA())
    if curve.copies:
        remarks.append(Caveat.COPIES(curve.copies))
    if curve.early_stopped:
        remarks.append(Caveat.EARLY_STOPPED())
    if curve.loss.startswith("py:"):
        remarks.append(Caveat.OWN_LOSS(curve.loss))
    return x, y, usable, remarks


def _check_one_envelope(curve: LearningCurve, axis: Axis) -> None:
    """Refuse to average trajectories of several sizes at one compute."""
    several = [a for a in others(Axis.steps) if curve.distinct(a) > 1]
    if axis is Axis.compute and curve.is_trajectory and several:
        raise ManifoldScaleError(
            f"These are trajectories of several {several[0].value}: along compute they are "
            "fitted by their lower envelope, `compute_envelope(curve)`; one of them alone, "
            f"by `curve.at({several[0].value}="
            f"{np.nanmax(curve.column(several[0])):.0f})`."
        )


def of_the_table(curve: LearningCurve, axis: Axis | None = None) -> list[Remark]:
    """What else a table holds: columns by which the runs of one size differ, or that may
    have been meant instead; which rows count, and which belong together.
    """
    remarks, columns = [], curve.columns
    if curve.drift and axis in (None, Axis.width, Axis.parameters):
        remarks.append(Caveat.DRIFT(curve.drift))
    along = None if columns is None or axis is None else columns.column(axis.value)
    mixed = [name for name in curve.unread_settings if name != along]
    if mixed:
        remarks.append(Caveat.MIXED_RUNS(", ".join(map(repr, mixed))))
    if columns is not None:
        remarks += _of_rivals(columns)
    repeated = sum(
        (run.unique_examples or math.inf) < (run.dataset_size or 0) for run in curve.runs
    )
    if repeated:
        remarks.append(Caveat.REPEATED_DATA(f"{repeated} of {len(curve)} runs"))
    if columns is not None and columns.rows:
        remarks.append(Caveat.ROWS_OF_A_NETWORK(columns.rows))
    if columns is not None and columns.tuned:
        remarks.append(Caveat.TUNED(columns.tuned))
    if curve.is_trajectory:
        networks = len({run.network for run in curve.runs})
        remarks.append(Caveat.TRAJECTORIES(f"{networks} networks, {len(curve)} rows"))
    return remarks


def _of_rivals(columns: Columns) -> list[Remark]:
    """Columns that may have been meant instead, and which parameters are counted."""
    read = columns.column("parameters") or ""
    partial = [name for name in columns.rivals if is_without_embedding(name)]
    rest = [name for name in columns.rivals if name not in partial]
    remarks = [Caveat.OTHER_COLUMNS(", ".join(map(repr, rest)))] if rest else []
    if partial:
        said = f"read: {read!r}, with the embedding; not {', '.join(map(repr, partial))}"
        remarks.append(Caveat.EMBEDDINGS(said))
    elif is_without_embedding(read):
        remarks.append(Caveat.EMBEDDINGS(f"read: {read!r}, without the embedding"))
    return remarks


def _means(x: Array, y: Array, name: str) -> Losses:
    require(
        x.ndim == 1 and x.shape == y.shape,
        f"Sizes and losses must be 1-D and of one length; their shapes are {x.shape} and "
        f"{y.shape}.",
    )
    require(len(x) > 0, "There are no losses to fit.")
    require(
        bool((x < LARGEST).all()), f"Sizes must be below 1e100; the largest is {x.max()}."
    )
    require(bool((x > 0).all()), f"Sizes must be positive; the smallest is {x.min()}.")
    x, y = x.astype(float), y.astype(float)
    sizes, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    means, spread, freedom = means_of(
        y, where, counts, lambda group: f"{name} = {sizes[group]:g}"
    )
    variance = relative_variances(y, where, counts, sizes)
    return Losses(sizes, means, counts.astype(float), spread, freedom, variance)


def _test_noise(runs: list[Run]) -> float:
    """Root mean square of the relative errors from the test sets."""
    relative = np.array([run.loss_stderr / run.loss for run in runs if run.loss > 0])
    relative = relative[np.isfinite(relative)]
    return math.sqrt(float((relative**2).mean())) if len(relative) else math.nan


def _train_share(runs: list[Run], x: Array, sizes: Floats) -> float:
    largest = sizes[-max(len(sizes) // 3, 1)]
    shares = [
        run.train_loss / run.loss
        for run, size in zip(runs, x, strict=True)
        if size >= largest and math.isfinite(run.train_loss) and run.loss > 0
    ]
    return float(np.median(shares)) if shares else math.nan
