"""Means over the manifold, whose noise and bias are smaller than those of any point."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.interval import Interval
from .choice import SPANS_CLOUD, unbent
from .common import GUESS, bias_of_mean
from .forms import KAPPA, SCALAR
from .moments import FORMS, counted, moments
from .scales import Fits


@dc.dataclass(frozen=True)
class Mean:
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


NOTHING = Mean(math.nan, math.inf, math.inf)


def pooled_means(
    fits: Fits, queries: Ints, extent: float, dim: int, most_curved: Floats
) -> tuple[Mean, Mean]:
    """The means of S and of kappa_rms^2 over the queries that lie inside.

    A mean has the errors of every point in it, counted once: the influence of a point is
    what its noise does to all the fits that it takes part in, and, where it is a query,
    how far its own value lies from the mean. The squares of the influences sum to the
    variance (the infinitesimal jackknife, with points as the unit); the part of the noise
    that is quadratic is added as if neighbouring fits shared all of it.

    Of the candidates that of the smallest squared error is taken. Its bias is what the
    next order changes, as at a point.
    """
    return tuple(_pooled(fits, queries, extent, dim, most_curved, form) for form in FORMS)  # type: ignore[return-value]


def _pooled(
    fits: Fits, queries: Ints, extent: float, dim: int, most_curved: Floats, form: int
) -> Mean:
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
        mean = Mean(float(means[c]), stderr, bias)
        best = min(best, mean, key=lambda m: m.half)
    return best
