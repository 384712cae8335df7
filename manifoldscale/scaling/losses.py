"""Mean losses at distinct sizes: what a fit sees of a learning curve."""

import dataclasses as dc
import math
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import Axis, LearningCurve


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
    """

    x: Floats
    y: Floats
    runs: Floats
    spread: float
    freedom: int


def losses_of(curve: Any, loss: Any, axis: Axis) -> tuple[Losses, list[Remark]]:
    """The losses of a `LearningCurve`, or of (sizes, losses), and what was noticed."""
    if isinstance(curve, LearningCurve):
        require(loss is None, "Pass a LearningCurve, or sizes and losses; not both.")
        x, y, remarks = _of_curve(curve, axis)
        return _means(x, y), remarks
    require(loss is not None, "Pass a LearningCurve, or the sizes and the losses.")
    return _means(as_real(curve, "x"), as_real(loss, "loss")), []


def _of_curve(curve: LearningCurve, axis: Axis) -> tuple[Array, Array, list[Remark]]:
    others = (Axis.width, Axis.parameters) if axis is Axis.data else (Axis.data,)
    for held in others:
        values = np.unique(curve.column(held))
        values = values[~np.isnan(values)]
        if len(values) > 1:
            listed = ", ".join(f"{value:.0f}" for value in values)
            raise ManifoldScaleError(
                f"The runs differ in {held.value} too ({listed}); choose one, as in "
                f"`curve.at({held.value}={values[-1]:.0f})`."
            )
    x, y = curve.column(axis), curve.losses
    require(not np.isnan(x).all(), f"No run says its {axis.value}; choose another `axis`.")
    usable = np.isfinite(x) & np.isfinite(y)
    remarks = []
    if not usable.all():
        remarks.append(Caveat.FAILED_RUNS(f"{(~usable).sum()} of {len(y)} runs"))
    late = sum(run.converged is False for run in curve.runs)
    if late:
        remarks.append(Caveat.NOT_CONVERGED(f"{late} of {len(y)} runs"))
    if curve.shared_data:
        remarks.append(Caveat.SHARED_DATA())
    return x[usable], y[usable], remarks


def _means(x: Array, y: Array) -> Losses:
    require(
        x.ndim == 1 and x.shape == y.shape,
        f"Sizes and losses must be 1-D and of one length; their shapes are {x.shape} and "
        f"{y.shape}.",
    )
    require(len(x) > 0, "There are no losses to fit.")
    require(
        bool((x < 1e100).all()), f"Sizes must be below 1e100; the largest is {x.max()}."
    )
    require(bool((x > 0).all()), f"Sizes must be positive; the smallest is {x.min()}.")
    require(bool((y > 0).all()), f"Losses must be positive; the smallest is {y.min()}.")
    x, y = x.astype(float), y.astype(float)
    sizes, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(where, weights=y) / counts
    freedom = len(y) - len(sizes)
    relative = y / means[where] - 1
    spread = math.sqrt((relative**2).sum() / freedom) if freedom else math.nan
    return Losses(sizes, means, counts.astype(float), spread, freedom)
