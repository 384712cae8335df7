"""A confidence interval that knows its level."""

import dataclasses as dc
import math
from collections.abc import Callable, Iterator

from .errors import require
from .settings import LEVEL


@dc.dataclass(frozen=True)
class Interval:
    """A confidence interval, open-ended where an end is infinite.

    >>> low, high = Interval(1.5, 2.5)
    >>> 2.0 in Interval(1.5, 2.5), Interval(1.5, 2.5).level
    (True, 0.95)
    """

    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        require(
            not self.low > self.high,
            f"An interval needs low <= high; got ({self.low}, {self.high}).",
        )
        check_level(self.level)

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{number(self.low)}, {number(self.high)}]"

    @property
    def labelled(self) -> str:
        """As text, with the level where it is not the usual 95 %."""
        return f"{self}" if self.level == 0.95 else f"{self} ({100 * self.level:g} %)"

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def is_open(self) -> bool:
        return not (math.isfinite(self.low) and math.isfinite(self.high))

    def covering(self, other: "Interval") -> "Interval":
        """The interval from the lower of the two lower ends to the higher of the others."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Interval(low, high, self.level)

    def map(self, function: Callable[[float], float]) -> "Interval":
        """The interval of a monotone function (rising or falling) of the quantity."""
        ends = sorted((function(self.low), function(self.high)))
        return Interval(ends[0], ends[1], self.level)


def check_level(level: object) -> None:
    """Refuse what is not a level, such as 95 instead of 0.95."""
    require(LEVEL.holds(level), f"`level` must be {LEVEL.words}; not {level!r}.")


def with_interval(value: float, interval: Interval) -> str:
    """A value as it is printed everywhere; a given value has no interval.

    >>> with_interval(8.0, Interval(7.5, 8.5)), with_interval(8.0, Interval(8.0, 8.0))
    ('8.00 [7.50, 8.50]', '8.00, given')
    """
    known = interval.width == 0
    return f"{number(value)}, given" if known else f"{number(value)} {interval.labelled}"


def number(value: float, digits: int = 3) -> str:
    """A number as it is printed everywhere: `digits` significant digits, plain."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    # Round first, or 0.9996 would be printed as 1.000.
    decimals = digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2])
    if decimals > 6 or decimals < -4:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(decimals, 0)}f}"
