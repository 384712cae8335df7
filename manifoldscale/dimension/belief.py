"""What one cloud says about its dimension: a distribution of log d."""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.interval import Interval

FREEDOM = 4.0  # degrees of Student's t: errors between families of clouds are heavy-tailed
NARROWEST, WIDEST = 0.005, 1.0


def reach(level: float = 0.95) -> float:
    """How many scales an interval of this level reaches to either side."""
    return float(stats.t.ppf((1 + level) / 2, FREEDOM))


@dc.dataclass(frozen=True)
class Belief:
    """Student's t about log d with one scale below and another above, half of it on each.

    Attributes
    ----------
    log_dim : the median of log d.
    below, above : scales of the lower and of the upper half.
    """

    log_dim: float
    below: float
    above: float

    @classmethod
    def of(cls, value: float, interval: Interval, top: float = math.inf) -> "Belief":
        """The belief with the interval of an estimate. An open end counts as far away. An
        end at `top`, the number of features, says nothing about the error above, which is
        then taken equal to the error below.
        """
        scales = reach(interval.level)
        low, high = interval
        below = math.log(value / low) / scales if low > 0 else WIDEST
        above = math.log(high / value) / scales if math.isfinite(high) else WIDEST
        if high >= top:
            above = max(above, below)
        return cls(math.log(value), max(below, NARROWEST), max(above, NARROWEST))

    def interval(self, level: float = 0.95) -> Interval:
        """The interval of the dimension, with equal probability beyond either end."""
        scales = reach(level)
        low, high = self.log_dim - scales * self.below, self.log_dim + scales * self.above
        return Interval(float(np.exp(low)), float(np.exp(high)), level)

    def log_density(
        self, log_dims: Floats, shift: Floats, left: tuple[float, float]
    ) -> Floats:
        """The log-density of log d (U x G), up to a constant, given a part of the error:
        `shift` (U x 1) in units of the scale. `left` is the share of the scales below and
        above that remains.
        """
        sides = np.where(shift < 0, self.below, self.above)
        off = log_dims - (self.log_dim + shift * sides)
        scale = np.where(off < 0, left[0] * self.below, left[1] * self.above)
        tails = np.log1p(np.square(off / scale) / FREEDOM)
        return np.asarray(-np.log(scale) - (FREEDOM + 1) / 2 * tails)
