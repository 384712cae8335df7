"""A learning curve along one axis, with what is known of the other resource."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import Axis, LearningCurve, Run
from .losses import Losses, losses_of, others

FEWEST = 4  # sizes that a fit needs
CROSSOVER = 3.0  # within this factor of the other resource, both limit the loss


@dc.dataclass(frozen=True, eq=False)
class Slice:
    """Runs at one value of the other resource.

    Attributes
    ----------
    axis : what is swept; other : the other resource, None where no run says one.
    held : the value of the other resource, NaN where it is not known.
    curve : the runs of the slice; losses : their means.
    ratios : (sizes,) the swept resource over the other one, in examples and parameters;
        NaN where these are not known.
    elsewhere : the runs at other values of the other resource.
    """

    axis: Axis
    other: Axis | None
    held: float
    curve: LearningCurve
    losses: Losses
    ratios: Floats
    elsewhere: tuple[Run, ...]

    @property
    def label(self) -> str:
        return label_of(self.other, self.held)

    @property
    def below(self) -> bool:
        """The swept resource is the scarce one, by count, at every size."""
        return bool((self.ratios <= 1 / CROSSOVER).all())

    @property
    def above(self) -> bool:
        """The swept resource is in excess, by count, at every size."""
        return bool((self.ratios >= CROSSOVER).all())

    @property
    def across(self) -> bool:
        """Sizes on both sides of the other resource, or no size away from it."""
        low, high = self.ratios.min(), self.ratios.max()
        outside = (self.ratios <= 1 / CROSSOVER) | (self.ratios >= CROSSOVER)
        return bool(low < 1 < high and not self.is_one_sided) or not (
            outside.any() or np.isnan(low)
        )

    @property
    def is_one_sided(self) -> bool:
        """Away from the other resource there are sizes on one side only."""
        low = (self.ratios <= 1 / CROSSOVER).any()
        high = (self.ratios >= CROSSOVER).any()
        return bool(low != high)

    @property
    def decades(self) -> float:
        return math.log10(self.losses.x[-1] / self.losses.x[0])

    def away(self) -> "Slice":
        """Without the sizes near the other resource, if the rest lies on one side."""
        near = (self.ratios > 1 / CROSSOVER) & (self.ratios < CROSSOVER)
        if not near.any() or not self.is_one_sided or (~near).sum() < FEWEST:
            return self
        keep = set(self.losses.x[~near])
        sizes = self.curve.column(self.axis)
        runs = tuple(
            run for run, size in zip(self.curve.runs, sizes, strict=True) if size in keep
        )
        curve = dc.replace(self.curve, runs=runs)
        losses, _ = losses_of(curve, None, self.axis)
        return dc.replace(self, curve=curve, losses=losses, ratios=self.ratios[~near])


@dc.dataclass(frozen=True, eq=False)
class Slices:
    """The slices of a curve, and why others could not be made, by their label."""

    made: list[Slice]
    left_out: dict[str, str]


def slice_of(curve: LearningCurve, axis: Axis) -> Slice:
    """The slice with the most sizes away from the other resource; of several such, the one
    with the most of the other resource.
    """
    slices = slices_of(curve, axis).made
    return max(slices, key=lambda part: (len(part.away().losses.x), part.held))


def slices_of(curve: LearningCurve, axis: Axis) -> Slices:
    """A slice for every value of the other resource; one with unusable losses is left out.

    Raises
    ------
    ManifoldScaleError : no slice could be made.
    """
    require(
        isinstance(curve, LearningCurve),
        "`classify_regime` takes a LearningCurve; `LearningCurve.from_frame` makes one.",
    )
    other = _other(curve, axis)
    if other is None:
        return Slices([_slice(curve, axis, None, math.nan, ())], {})
    values = curve.column(other)
    made: list[Slice] = []
    left_out: dict[str, str] = {}
    silent = int(np.isnan(values).sum())
    if silent:
        left_out[f"{silent} runs"] = f"they do not say their {other.value}"
    for held in np.unique(values[~np.isnan(values)]):
        pairs = list(zip(curve.runs, values, strict=True))
        here = tuple(run for run, value in pairs if value == held)
        rest = tuple(run for run, value in pairs if value != held and not np.isnan(value))
        try:
            part = dc.replace(curve, runs=here)
            made.append(_slice(part, axis, other, float(held), rest))
        except ManifoldScaleError as error:
            left_out[label_of(other, float(held))] = str(error)
    if not made:
        raise ManifoldScaleError(next(iter(left_out.values())))
    return Slices(made, left_out)


def label_of(other: Axis | None, held: float) -> str:
    """Which slice it is, "" where there is no other resource."""
    if other is None:
        return ""
    return f"{other.symbol} = {held:g}" if held < 1e6 else f"{other.symbol} = {held:.4g}"


def _other(curve: LearningCurve, axis: Axis) -> Axis | None:
    said = (one for one in others(axis) if not np.isnan(curve.column(one)).all())
    return next(said, None)


def _slice(
    curve: LearningCurve, axis: Axis, other: Axis | None, held: float, rest: tuple[Run, ...]
) -> Slice:
    losses, _ = losses_of(curve, None, axis)
    data, parameters = curve.column(Axis.data), curve.column(Axis.parameters)
    ratio = data / parameters if axis is Axis.data else parameters / data
    if axis in (Axis.steps, Axis.compute):
        ratio = np.full(len(ratio), math.nan)  # neither is a resource to count
    sizes = curve.column(axis)
    ratios = np.array([ratio[sizes == size].mean() for size in losses.x])
    return Slice(axis, other, held, curve, losses, ratios, rest)
