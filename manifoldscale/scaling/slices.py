"""A learning curve along one axis, with what is known of the other resource."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require
from ..core.learning_curve import Axis, LearningCurve, Run
from .losses import Losses, losses_of

FEWEST = 4  # sizes that a fit needs
CROSSOVER = 3.0  # within this factor of the other resource, both limit the loss


@dc.dataclass(frozen=True, eq=False)
class Slice:
    """Runs at one value of the other resource.

    Attributes
    ----------
    axis : what is swept; other : the other resource, None where no run says one.
    held : the value of the other resource, NaN where it is not said.
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
        """Which slice it is, "" where there is no other resource."""
        if self.other is None:
            return ""
        symbol = self.other.label.split()[-1]  # D, P or w
        held = f"{self.held:g}" if self.held < 1e6 else f"{self.held:.4g}"
        return f"{symbol} = {held}"

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
        """Sizes on both sides of the other resource, or none away from it."""
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
        """Without the sizes near the other resource, where the rest lies on one side."""
        near = (self.ratios > 1 / CROSSOVER) & (self.ratios < CROSSOVER)
        if not near.any() or not self.is_one_sided:
            return self
        if (~near).sum() < FEWEST:
            return self
        keep = set(self.losses.x[~near])
        sizes = self.curve.column(self.axis)
        runs = tuple(
            run for run, size in zip(self.curve.runs, sizes, strict=True) if size in keep
        )
        curve = dc.replace(self.curve, runs=runs)
        losses, _ = losses_of(curve, None, self.axis)
        return dc.replace(self, curve=curve, losses=losses, ratios=self.ratios[~near])


def slice_of(curve: LearningCurve, axis: Axis) -> Slice:
    """The slice with the most sizes away from the other resource; of several such, that at
    the largest other resource.
    """
    require(
        isinstance(curve, LearningCurve),
        "`classify_regime` takes a LearningCurve; `LearningCurve.from_frame` makes one.",
    )
    slices = slices_of(curve, axis)
    return max(slices, key=lambda part: (len(part.away().losses.x), part.held))


def slices_of(curve: LearningCurve, axis: Axis) -> list[Slice]:
    """A slice for every value of the other resource."""
    other = _other(curve, axis)
    if other is None:
        return [_slice(curve, axis, None, math.nan, ())]
    values = curve.column(other)
    pairs = list(zip(curve.runs, values, strict=True))
    slices = []
    for held in np.unique(values[~np.isnan(values)]):
        here = tuple(run for run, value in pairs if value == held)
        elsewhere = tuple(
            run for run, value in pairs if value != held and not np.isnan(value)
        )
        part = dc.replace(curve, runs=here)
        slices.append(_slice(part, axis, other, float(held), elsewhere))
    return slices


def _other(curve: LearningCurve, axis: Axis) -> Axis | None:
    candidates = (Axis.parameters, Axis.width) if axis is Axis.data else (Axis.data,)
    for candidate in candidates:
        if not np.isnan(curve.column(candidate)).all():
            return candidate
    return None


def _slice(
    curve: LearningCurve, axis: Axis, other: Axis | None, held: float, rest: tuple[Run, ...]
) -> Slice:
    losses, _ = losses_of(curve, None, axis)
    data, parameters = curve.column(Axis.data), curve.column(Axis.parameters)
    ratio = data / parameters if axis is Axis.data else parameters / data
    sizes = curve.column(axis)
    ratios = np.array([ratio[sizes == size].mean() for size in losses.x])
    return Slice(axis, other, held, curve, losses, ratios, rest)
