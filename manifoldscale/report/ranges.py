"""How far the axis of a quantity reaches, and what of its intervals is within.

Values set the axis, and their intervals with some room; an interval that is far wider than
its value, or open, is cut, and the figure shows an arrow there.
"""

import dataclasses as dc
import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.interval import Interval
from ..core.measurement import BESIDE, Measurement
from .laws import Mark
from .networks import LEAST, Network, sites_of

ROOM = 0.06  # beyond the last end, of the whole axis
NEAR = 0.25  # beyond the axis, of all of it: what is beside the values may reach there
DECADE = 10.0
BEYOND = " An arrow marks an interval that goes on beyond the figure."


@dc.dataclass(frozen=True)
class Reach:
    """Between which ends intervals are drawn, and the ends of the axis, just beyond."""

    low: float
    high: float
    axis: tuple[float, float]
    is_log: bool = False


@dc.dataclass(frozen=True, eq=False)
class Bars:
    """Values, the ends of their intervals within the figure, and which of these are cut;
    all (n,). What is not known is NaN.
    """

    values: Floats
    low: Floats
    high: Floats
    low_cut: Bools
    high_cut: Bools

    @classmethod
    def of(
        cls, values: Sequence[float], ends: Sequence[tuple[float, float]], reach: Reach
    ) -> "Bars":
        at, pairs = np.array(values, float), np.array(ends, float).reshape(-1, 2)
        low, high = np.where(np.isnan(pairs), at[:, None], pairs).T
        inside = (np.clip(end, reach.low, reach.high) for end in (low, high))
        below, above = low < reach.low, high > reach.high
        within = [np.where(np.isnan(at), np.nan, end) for end in inside]
        return cls(at, np.minimum(within[0], at), np.maximum(within[1], at), below, above)

    @property
    def lengths(self) -> Floats:
        """Of the bars, (2, n); zero where there is none."""
        return np.nan_to_num(np.stack([self.values - self.low, self.high - self.values]))

    @property
    def arrows(self) -> list[tuple[int, float, int]]:
        """Index, end and direction of every end that is cut."""
        return [
            *((int(i), float(self.low[i]), -1) for i in np.flatnonzero(self.low_cut)),
            *((int(i), float(self.high[i]), 1) for i in np.flatnonzero(self.high_cut)),
        ]


def bars_of(found: Sequence[Measurement | None], reach: Reach) -> Bars:
    """Of measurements; NaN where there is none, so that no line goes over it."""
    unknown = (math.nan, math.nan)
    return Bars.of(
        [math.nan if one is None else one.drawn for one in found],
        [
            unknown if one is None else (one.interval.low, one.interval.high)
            for one in found
        ],
        reach,
    )


def bars_of_marks(marks: Sequence[Mark], reach: Reach) -> Bars:
    ends = [(mark.interval.low, mark.interval.high) for mark in marks]
    return Bars.of([mark.value for mark in marks], ends, reach)


def reach_of(
    networks: Sequence[Network], quantity: str, known: float | None = None
) -> Reach:
    """Of a quantity by site. What is kept beside the values of one network sets the axis by
    its values alone, as the interval of a site alone may reach to its number of features.
    """
    sites = sites_of(networks)
    found = [one for each in networks for one in each.along(sites, quantity) if one]
    values = [one.drawn for one in found] + ([] if known is None else [known])
    beside = list(_beside(networks[0], sites, quantity)) if len(networks) == 1 else []
    # An arrow stands above its mark.
    values += [one.drawn + ROOM * abs(one.drawn) for one in beside]
    values = [value for value in values if math.isfinite(value)]
    differ = any(network.is_difference for network in networks)
    intervals = [one.interval for one in found]
    if not differ:
        near = [one.interval.high for one in beside]
        return _linear(values, intervals, LEAST.get(quantity, 0.0), near=near)
    # Differences may be nothing beside their intervals, which are what is to be seen.
    widths = [one.width for one in intervals if math.isfinite(one.width)]
    return _linear(values, intervals, 0.0, float(np.median(widths)) if widths else 0.0)


def _beside(network: Network, sites: Sequence[str], quantity: str) -> Iterable[Measurement]:
    for name in BESIDE:
        yield from (one for one in network.beside(sites, quantity, name) if one)


def _linear(
    values: Sequence[float],
    intervals: Sequence[Interval],
    floor: float,
    least: float = 0.0,
    near: Sequence[float] = (),
) -> Reach:
    """From `floor`, or from the smallest value; an end counts up to as far beyond the
    values as these reach from there, and at least as far as `least`; of
    `near`, what is a little beyond.
    """
    low, high = min([floor, *values]), max([floor, *values])
    span = max(high - low, least) or 1.0
    ends = [end for one in intervals for end in one if not math.isnan(end)]
    # Nothing counts below the floor but what is known to be there.
    low = min([low, *(max(end, low - span) for end in ends if math.isfinite(end))])
    high = max([high, *(min(end, high + span) for end in ends)])
    top = high + NEAR * (high - low)
    high = max([high, *(end for end in near if end <= top)])
    room = ROOM * (high - low or 1.0)
    is_near = any(v < low + room for v in [*values, *ends]) or low < floor
    return Reach(low, high, (low - room if is_near else low, high + room))


def beyond(
    networks: Sequence[Network],
    quantity: str,
    known: float | None = None,
    with_beside: bool = True,
) -> str:
    """What a caption says where an interval is cut; "" where none is."""
    sites, reach = sites_of(networks), reach_of(networks, quantity, known)
    found = [network.along(sites, quantity) for network in networks]
    if len(networks) == 1 and with_beside:
        found += [networks[0].beside(sites, quantity, name) for name in BESIDE]
    return BEYOND if any(bars_of(one, reach).arrows for one in found) else ""


def beyond_marks(marks: Sequence[Mark]) -> str:
    return BEYOND if bars_of_marks(marks, reach_of_marks(marks)).arrows else ""


def reach_of_marks(marks: Sequence[Mark]) -> Reach:
    """Of exponents; logarithmic where the values span more than a decade."""
    known = [mark for mark in marks if math.isfinite(mark.value)]
    values = [mark.value for mark in known]
    intervals = [mark.interval for mark in known]
    if not values or min(values) <= 0 or max(values) < DECADE * min(values):
        return _linear(values, intervals, 0.0)
    ends = [end for one in intervals for end in one if math.isfinite(end) and end > 0]
    low = min([*values, *(max(end, min(values) / DECADE) for end in ends)])
    high = max([*values, *(min(end, max(values) * DECADE) for end in ends)])
    if any(one.high > high for one in intervals):
        high *= 2.0
    if any(one.low < low for one in intervals):
        low /= 2.0
    room = (high / low) ** ROOM
    return Reach(low, high, (low / room, high * room), True)


def shaded(bars: Bars, reach: Reach) -> tuple[float, float]:
    """The ends of a shaded interval, one bar: where it is cut, that of the axis."""
    low = reach.axis[0] if bars.low_cut[0] else float(bars.low[0])
    return low, reach.axis[1] if bars.high_cut[0] else float(bars.high[0])
