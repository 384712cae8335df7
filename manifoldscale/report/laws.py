"""Fitted laws and exponents as they are drawn, from what `plain` made of a fit."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.interval import Interval
from ..core.learning_curve import Axis
from ..core.measurement import Measurement
from ..scaling.floor import floor_in_words


@dc.dataclass(frozen=True, eq=False)
class FittedLaw:
    """A fitted power law: mean losses, the curve through them and its band.

    Attributes
    ----------
    label : of the slice; "" where there is one.
    x, y, runs : (sizes,) sizes, mean losses, and over how many runs.
    line : "x", "y", "low" and "high" of the curve.
    """

    label: str
    exponent: Measurement
    axis: Axis
    floor: float
    floor_interval: Interval
    floor_rule: str
    x: Floats
    y: Floats
    runs: Floats
    line: Mapping[str, Floats]

    @classmethod
    def of(cls, label: str, stored: Mapping[str, Any]) -> "FittedLaw":
        """What `plain` made of a `PowerLaw`."""
        return cls(
            label=label,
            exponent=Measurement.from_dict(stored["reading"]),
            axis=Axis.of(stored["axis"]),
            floor=math.nan if stored["floor"] is None else float(stored["floor"]),
            floor_interval=stored_interval(stored["floor_interval"]),
            floor_rule=str(stored["floor_rule"]),
            x=floats(stored["losses"]["x"]),
            y=floats(stored["losses"]["y"]),
            runs=floats(stored["losses"]["runs"]),
            line={key: floats(stored["line"][key]) for key in ("x", "y", "low", "high")},
        )

    @property
    def floor_in_words(self) -> str:
        return floor_in_words(self.floor, self.floor_interval, self.floor_rule)

    def __str__(self) -> str:
        return (
            f"{self.exponent.name} {self.exponent} (floor {self.floor_in_words}; "
            f"{len(self.x)} sizes, {self.exponent.n_points} runs)"
        )


@dc.dataclass(frozen=True)
class Mark:
    """An exponent with its interval, at a named place."""

    name: str
    value: float
    interval: Interval
    note: str = ""

    @property
    def label(self) -> str:
        bounded = math.isfinite(self.interval.high)
        return self.name if bounded else f"{self.name} (no upper end)"


def floats(values: Sequence[float | None]) -> Floats:
    """An array of JSON's numbers, whose null is NaN here."""
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def stored_interval(ends: Mapping[str, Any]) -> Interval:
    """An interval of JSON, whose null is an open end here."""
    return Interval(
        -math.inf if ends["low"] is None else ends["low"],
        math.inf if ends["high"] is None else ends["high"],
        ends["level"],
    )
