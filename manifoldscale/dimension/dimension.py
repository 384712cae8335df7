"""The result of a dimension estimate."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number, with_interval
from ..core.measurement import stored_ends
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from ..geometry.rounded import tied
from ..geometry.within_noise import within_noise
from . import near_copies
from .evenness import evenness

TOP = 100.0  # the largest estimate: above, the reference clouds end too soon
HIGH_DIM = 6  # above, a few thousand points give an estimate that is some per cent too low
MISSED = 0.99  # recall below which missed neighbours change an estimate
LOCAL = 6  # with fewer points per neighbour a neighbourhood reaches across the cloud
ON_LATTICE = "use `I3D()` for counts, `Hamming()` for bits."  # where distances are tied
TIED = 0.01  # share of tied nearest distances that a continuous density never shows


@dc.dataclass(frozen=True)
class Dimension(Quantity):
    """An intrinsic dimension with its separate errors.

    Attributes
    ----------
    value : the estimate.
    interval : where the dimension lies at the interval's level. It includes the statistical
        error, and the systematic one if the estimate is calibrated.
    stderr : statistical standard error of `value`.
    systematic : half the spread of `value` between the reference families of the
        calibration; NaN if the method is not calibrated.
    raw : the value before calibration; `value` itself if there is none.
    scale : median distance to the farthest neighbour used, in the units of the cloud.
    gof_p : p-value of the fit of the distances to one uniform dimension; NaN if the method
        has no such test.
    basis : in words, what a method that chooses has chosen.
    uncorrected : the estimate before the correction, with its statistical interval; None if
        there is no correction.
    alone : the estimate from this site alone, if `value` and `interval` use the other sites
        of its network too; else None.
    top : the number of features, which a corrected estimate does not exceed; infinite if it
        is not known.
    cap : the largest dimension of the references of a corrected estimate.
    n_points : distinct points; n_queries : points at which the estimate was made.
    """

    stderr: float = float("nan")
    systematic: float = float("nan")
    raw: float = float("nan")
    scale: float = float("nan")
    n_queries: int = 0
    gof_p: float = float("nan")
    basis: str = ""
    uncorrected: "Dimension | None" = None
    alone: "Dimension | None" = None
    top: float = math.inf
    cap: float = math.inf

    name = "dimension"
    columns: ClassVar[tuple[str, ...]] = (
        "stderr",
        "systematic",
        "raw",
        "resolved",
        "scale",
        "gof_p",
    )

    @property
    def meaning(self) -> str:
        """Which dimension it is: of the manifold, or resolved by these points."""
        if self.uncorrected is not None:
            return "of the manifold"
        return f"resolved by {self.n_points:,} points"

    @property
    def resolved(self) -> "Dimension":
        """The dimension at the scale of these points: the estimate of the nearest
        neighbours, without a correction, with the statistical error only.

        It depends on the number of points: a rough or noisy cloud has more dimensions at a
        small scale than at a large one, and a few thousand points do not resolve all of
        many dimensions. It is what `n_points` training examples see.
        """
        return self.uncorrected or self

    @property
    def is_bound(self) -> bool:
        """Whether it lies beyond the reference clouds, and only the lower end is known."""
        beyond = any(note.caveat is Caveat.BEYOND_CALIBRATION for note in self.caveats)
        return beyond and self.value >= self.cap

    @property
    def in_short(self) -> str:
        """The value with its interval, or the bound."""
        if self.is_bound:
            return f"> {number(self.interval.low)}"
        return with_interval(self.value, self.interval)

    @property
    def drawn(self) -> tuple[float, Interval]:
        """A bound begins at its known end, and goes on."""
        if not self.is_bound:
            return super().drawn
        low = self.interval.low
        return low, Interval(low, math.inf, self.interval.level)

    def headline(self) -> str:
        """The estimate in one line; a bound if it lies beyond the reference clouds."""
        if self.is_bound:
            bound = f"{self.name} {self.in_short}"
            return f"{bound} ({self.method}, n = {self.n_points:,})"
        return super().headline()

    def cells(self) -> dict[str, Any]:
        return super().cells() | ({"bound": "below"} if self.is_bound else {})

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Dimension":
        """A dimension from what `core.serialize.plain` made of it."""
        nested = ("uncorrected", "alone")
        absent = {"top": math.inf, "cap": math.inf, **dict.fromkeys(nested)}
        values: dict[str, Any] = {}
        for field in dc.fields(cls):
            # Earlier versions kept no cap.
            value = stored.get("cap") if field.name == "cap" else stored[field.name]
            values[field.name] = (
                absent.get(field.name, math.nan) if value is None else value
            )
            if value is not None and field.name in nested:
                values[field.name] = cls.from_dict(value)
        values["method"] = _method_from(stored["method"])
        values["interval"] = stored_ends(values["value"], stored["interval"])
        values["caveats"] = tuple(
            Remark(Caveat[note["caveat"].upper()], note["detail"])
            for note in stored["caveats"]
        )
        return cls(**values)

    def __str__(self) -> str:
        head, *notes = super().__str__().split("\n")
        return "\n".join([head, *([f"  = {self.basis}"] if self.basis else []), *notes])


def _method_from(stored: Any) -> Any:
    """A method of this package from its name and settings, with a method that it wraps."""
    if not (isinstance(stored, Mapping) and "type" in stored):
        return tuple(stored) if isinstance(stored, list) else stored
    from .. import dimension as room  # late, because it imports this file

    settings = {key: _method_from(value) for key, value in stored.items() if key != "type"}
    return getattr(room, stored["type"])(**settings)


def pooled_dimension(
    method: Any,
    near: Neighbors,
    value: float,
    stderr: float,
    interval: Interval,
    remarks: Sequence[Remark] = (),
) -> Dimension:
    """A `Dimension` with the caveats that hold for every neighbour-based method."""
    dim = Dimension(
        value=value,
        interval=interval,
        method=method,
        n_points=near.n_points,
        caveats=(*_remarks(near, value, interval), *remarks),
        stderr=stderr,
        raw=value,
        scale=float(np.median(near.distances[:, -1])),
        n_queries=near.n_queries,
    )
    return checked(dim, near)


def _remarks(near: Neighbors, value: float, interval: Interval) -> list[Remark]:
    remarks = evenness(near, interval)
    even = bool(remarks)
    remarks += [*within_noise(near), *near_copies.remarks(near)]
    remarks += near.remarks()
    if near.n_merged:
        remarks.append(Caveat.NEAR_DUPLICATES(f"{near.n_merged:,} points"))
    if near.recall < MISSED:
        remarks.append(Caveat.MISSED_NEIGHBORS(f"recall {near.recall:.1%}"))
    ties = 0.0
    if near.k > 1:
        ties = float((near.distances[:, 0] == near.distances[:, 1]).mean())
    if ties > TIED:
        remarks.append(tied(near, f"{ties:.0%} of points have r1 = r2"))
    if near.n_queries < 100:
        remarks.append(Caveat.FEW_POINTS(f"at {near.n_queries} points"))
    elif near.n_points < LOCAL * near.k:
        remarks.append(Caveat.FEW_POINTS(f"{near.k} neighbours of {near.n_points}"))
    # The advice of this caveat, `Auto()`, is for samples of real numbers.
    if value > HIGH_DIM and ties <= TIED and not even:
        remarks.append(Caveat.FINITE_SAMPLE_BIAS(f"n = {near.n_points:,}"))
    return remarks


def checked(dim: Dimension, near: Neighbors) -> Dimension:
    """The estimate, with a caveat if it is close to the number of features."""
    features = near.ambient_dim
    kept = [note for note in dim.caveats if note.caveat is not Caveat.NEAR_AMBIENT]
    if features is not None and features > 1 and dim.value > 0.9 * features:
        kept.append(Caveat.NEAR_AMBIENT(f"{features} features"))
    return dc.replace(dim, caveats=tuple(kept))


def capped(dim: Dimension, near: Neighbors) -> Dimension:
    """A corrected estimate and its interval, at most the number of features."""
    top = math.inf if near.ambient_dim is None else float(near.ambient_dim)
    low, high = dim.interval
    ends = Interval(min(low, top), min(high, top), dim.interval.level)
    return checked(dc.replace(dim, value=min(dim.value, top), interval=ends, top=top), near)
