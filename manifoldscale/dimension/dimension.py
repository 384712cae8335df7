"""The result of a dimension estimate."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from ..core.reading import stored_ends
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from . import near_copies
from .evenness import evenness

TOP = 100.0  # above, the largest dimension of the reference clouds is too near
HIGH_DIM = 6  # above, a few thousand points read low by more than a few per cent
MISSED = 0.99  # recall below which missed neighbours move an estimate
LOCAL = 6  # points a neighbour below which a neighbourhood reaches across the cloud
ON_LATTICE = "use `I3D()` for counts, `Hamming()` for bits."  # where distances are tied
TIED = 0.01  # share of tied nearest distances that a continuous density never shows


@dc.dataclass(frozen=True)
class Dimension(Quantity):
    """An intrinsic dimension with its errors apart.

    Attributes
    ----------
    value : the estimate.
    interval : where the dimension lies at the interval's level. It holds the statistical
        error, and for a calibrated estimate the systematic one too.
    stderr : statistical standard error of `value`.
    systematic : half the spread of `value` between the reference families of the
        calibration; NaN where the method is not calibrated.
    raw : the value before calibration; `value` itself where there is none.
    scale : median distance to the farthest neighbour used, in the units of the cloud.
    gof_p : p-value of the fit of the distances to one uniform dimension; NaN where the
        method has no such test.
    basis : what a method that chooses has chosen, in words.
    uncorrected : the estimate before the correction, with its statistical interval; None
        where there is no correction.
    alone : the estimate of this site for itself, where `value` and `interval` are those
        given the other sites of its network; else None.
    top : the number of features, which a corrected estimate does not exceed; infinite where
        it is not known.
    n_points : distinct points; n_queries : those at which the estimate was made.
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

    name = "dimension"

    @property
    def meaning(self) -> str:
        """Which of the two dimensions it is: that of the manifold, or the resolved one."""
        if self.uncorrected is not None:
            return "of the manifold"
        return f"resolved by {self.n_points:,} points"

    @property
    def resolved(self) -> "Dimension":
        """The dimension at the scale of these points: what the nearest neighbours say,
        without a correction, and with the statistical error only.

        It depends on the number of points: a rough or noisy cloud has more dimensions at a
        small scale than at a large one, and in high dimension a few thousand points resolve
        fewer than there are. It is what `n_points` training examples see.
        """
        return self.uncorrected or self

    def headline(self) -> str:
        """As a bound where the estimate lies beyond the reference clouds."""
        beyond = any(note.caveat is Caveat.BEYOND_CALIBRATION for note in self.caveats)
        if beyond and self.value >= TOP:
            bound = f"{self.name} > {number(self.interval.low)}"
            return f"{bound} ({self.method}, n = {self.n_points:,})"
        return super().headline()

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], method: Any) -> "Dimension":
        """What `core.serialize.plain` made of a dimension by this method."""
        nested = ("uncorrected", "alone")
        absent = {"top": math.inf, **dict.fromkeys(nested)}
        values: dict[str, Any] = {}
        for field in dc.fields(cls):
            value = stored[field.name]
            values[field.name] = (
                absent.get(field.name, math.nan) if value is None else value
            )
            if value is not None and field.name in nested:
                values[field.name] = cls.from_dict(value, method)
        values["method"] = method
        values["interval"] = stored_ends(values["value"], stored["interval"])
        values["caveats"] = tuple(
            Remark(Caveat[note["caveat"].upper()], note["detail"])
            for note in stored["caveats"]
        )
        return cls(**values)

    def __str__(self) -> str:
        head, *notes = super().__str__().split("\n")
        return "\n".join([head, *([f"  = {self.basis}"] if self.basis else []), *notes])

    def row(self) -> dict[str, Any]:
        row = super().row()
        notes = row.pop("caveats")
        return {
            **row,
            "stderr": self.stderr,
            "systematic": self.systematic,
            "raw": self.raw,
            "resolved": self.resolved.value,
            "resolved_low": self.resolved.interval.low,
            "resolved_high": self.resolved.interval.high,
            "scale": self.scale,
            "gof_p": self.gof_p,
            "caveats": notes,
        }


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
    remarks += near_copies.remarks(near)
    if near.n_duplicates:
        total = near.n_points + near.n_duplicates
        remarks.append(Caveat.DUPLICATES(f"{near.n_duplicates:,} of {total:,} points"))
    if near.n_merged:
        remarks.append(Caveat.NEAR_DUPLICATES(f"{near.n_merged:,} points"))
    if near.recall < MISSED:
        remarks.append(Caveat.MISSED_NEIGHBORS(f"recall {near.recall:.1%}"))
    tied = 0.0
    if near.k > 1:
        tied = float((near.distances[:, 0] == near.distances[:, 1]).mean())
    if tied > TIED:
        remarks.append(Caveat.DISCRETE(f"{tied:.0%} of points have r1 = r2"))
    if near.n_queries < 100:
        remarks.append(Caveat.FEW_POINTS(f"at {near.n_queries} points"))
    elif near.n_points < LOCAL * near.k:
        remarks.append(Caveat.FEW_POINTS(f"{near.k} neighbours of {near.n_points}"))
    # Its advice, `Auto()`, is for samples of real numbers.
    if value > HIGH_DIM and tied <= TIED and not even:
        remarks.append(Caveat.FINITE_SAMPLE_BIAS(f"n = {near.n_points:,}"))
    return remarks


def checked(dim: Dimension, near: Neighbors) -> Dimension:
    """The estimate with a caveat where it comes close to the number of features."""
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
