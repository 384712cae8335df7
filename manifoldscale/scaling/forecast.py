"""The predicted loss of a future run."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require
from ..core.interval import check_level, number

SHOWN = 8  # lines


@dc.dataclass(frozen=True, eq=False)
class Forecast:
    """The predicted loss of a new run at each of the sizes that were asked for.

    >>> print(Forecast(np.array([2.0, 1.9]), np.array([1.9, 1.7]), np.array([2.1, 2.2])))
    2.00 [1.90, 2.10]
    1.90 [1.70, 2.20]

    Attributes
    ----------
    median, low, high : arrays of one shape: the median, and the ends of the interval that
        holds a new run with probability `level`. It includes the uncertainty of the law's
        numbers and of its form, and the scatter of a single run.
    level : of the interval.
    """

    median: Floats
    low: Floats
    high: Floats
    level: float = 0.95

    def __post_init__(self) -> None:
        check_level(self.level)
        shapes = [np.shape(part) for part in (self.median, self.low, self.high)]
        require(
            len(set(shapes)) == 1,
            f"`median`, `low` and `high` must have one shape; theirs are {shapes}.",
        )

    @classmethod
    def around(cls, median: Floats, half: Floats, level: float) -> "Forecast":
        """With ends at a distance of `half` in logarithms."""
        with np.errstate(over="ignore", invalid="ignore"):
            return cls(median, median * np.exp(-half), median * np.exp(half), level)

    def __len__(self) -> int:
        return int(np.size(self.median))

    def __str__(self) -> str:
        at_level = "" if self.level == 0.95 else f" ({100 * self.level:g} %)"
        ends = (np.ravel(part) for part in (self.median, self.low, self.high))
        lines = [
            f"{number(middle)} [{number(low)}, {number(high)}]{at_level}"
            for middle, low, high in zip(*ends, strict=True)
        ]
        more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        return "\n".join(lines[:SHOWN] + more)
