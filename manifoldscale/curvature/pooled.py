"""Means over the manifold, with less noise and bias than at any point."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.interval import Interval
from .choice import SPANS_CLOUD, unbent
from .common_truncation import GUESS, bias_of_mean
from .forms import KAPPA, SCALAR
from .moments import FORMS, counted, moments
from .scales import ScaleFits


@dc.dataclass(frozen=True)
class PooledMean:
    """A mean over the queries: its value, standard error, and the size of its bias."""

    value: float
    stderr: float
    bias: float

    @property
    def half(self) -> float:
        return 1.96 * math.hypot(self.stderr, self.bias)

    @property
    def interval(self) -> Interval:
        return Interval(self.value - self.half, self.value + self.half)


NOTHING = PooledMean(math.nan, math.inf, math.inf)


def pooled_means(
    fits: ScaleFits, queries: Ints, extent: float, dim: int, most_curved: Floats
) -> tuple[PooledMean, PooledMean]:
    """The means of S and of kappa_rms^2 over the queries that are not at an edge.

    The error of a mean counts every point once (`moments`). The candidate with the smallest
    squared error is chosen. Its bias is the change with the next order, as at a point.
    """
    return tuple(_pooled(fits, queries, extent, dim, most_curved, form) for form in FORMS)  # type: ignore[return-value]


def _pooled(
    fits: ScaleFits, queries: Ints, extent: float, dim: int, most_curved: Floats, form: int
) -> PooledMean:
    means, influences, extra = moments(fits, queries, form)
    kappa, _, _ = moments(fits, queries, KAPPA)
    size = max(dim * (dim - 1), 1) if form == SCALAR else 1.0
    radius = np.median(fits.radius, axis=0)
    seen = (counted(fits).mean(axis=0) > 0.5) & (radius <= SPANS_CLOUD * extent)
    best = NOTHING
    for c in map(int, np.flatnonzero(seen & unbent(fits, kappa))):
        candidate = fits.candidates[c]
        stderr = math.sqrt(float(influences[c] @ influences[c]) + extra[c])
        curved = max(float(most_curved[c]), float(kappa[c]), 0.0)
        guess = GUESS * size * curved * (curved * radius[c] ** 2) ** (candidate.order + 1)
        bias = bias_of_mean(fits, (means, influences, extra), c, guess)
        mean = PooledMean(float(means[c]), stderr, bias)
        best = min(best, mean, key=lambda m: m.half)
    return best
