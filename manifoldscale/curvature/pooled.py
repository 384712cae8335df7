"""Means over the manifold, whose noise and bias are smaller than those of any point."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from ..core.interval import Interval
from .choice import GUESS, SPANS_CLOUD, TOO_BENT
from .forms import KAPPA, SCALAR
from .scales import Fits

FORMS = (SCALAR, KAPPA)


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
    means, influences, extra = _moments(fits, queries, form)
    kappa, _, _ = _moments(fits, queries, KAPPA)
    size = max(dim * (dim - 1), 1) if form == SCALAR else 1.0
    radius = np.median(fits.radius, axis=0)
    best = NOTHING
    for c, candidate in enumerate(fits.candidates):
        if not _counts(fits)[:, c].mean() > 0.5 or radius[c] > SPANS_CLOUD * extent:
            continue
        stderr = math.sqrt(float(influences[c] @ influences[c]) + extra[c])
        if kappa[c] * radius[c] ** 2 > TOO_BENT:
            continue
        curved = max(float(most_curved[c]), float(kappa[c]), 0.0)
        guess = GUESS * size * curved * (curved * radius[c] ** 2) ** (candidate.order + 1)
        bias = _bias(fits, means, influences, extra, c, guess)
        mean = Mean(float(means[c]), stderr, bias)
        best = min(best, mean, key=lambda m: m.half)
    return best


def _counts(fits: Fits) -> Bools:
    """(Q, C) the queries in the means: at an edge, extrapolation has a bias of its own."""
    return np.asarray(fits.is_solved & fits.is_inside)


def _moments(fits: Fits, queries: Ints, form: int) -> tuple[Floats, Floats, Floats]:
    """(C,) means over the queries that count, (C, rows) influences, (C,) more variance."""
    there = _counts(fits)
    counts = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = np.where(there, fits.values[:, :, form], 0.0)
        means = seen.sum(axis=0) / counts
        influences = fits.influence[:, :, FORMS.index(form)] / counts[:, None]
        apart = np.where(there, seen - means, 0.0) / counts
        quadratic = np.where(there, fits.quadratic[:, :, form], 0.0).sum(axis=0)
        shared = np.minimum(fits.counts / counts, 1.0)
        extra = quadratic / counts * shared
    influences[:, queries] += apart.T
    return means, influences, extra


def _bias(
    fits: Fits, means: Floats, influences: Floats, extra: Floats, c: int, guess: float
) -> float:
    """What the next order changes; for the last, the change before times its decrease."""
    n, order = fits.candidates[c].n, fits.candidates[c].order

    def change(low: int | None, high: int | None) -> tuple[float, float]:
        if low is None or high is None:
            return math.nan, math.inf
        apart = influences[high] - influences[low]
        error = math.sqrt(float(apart @ apart) + extra[high])
        return abs(float(means[high] - means[low])), error

    found, error = change(c, fits.place(n, order + 1))
    if math.isnan(found):
        one, two = fits.place(n, order - 1), fits.place(n, order - 2)
        (last, error), (first, _) = change(one, c), change(two, one)
        found = last * min(last / first, 1.0) if first > 0 else last
        error = error * min(last / first, 1.0) if first > 0 else error
    if found > 2 * error:
        return found
    return guess if math.isnan(found) else min(guess, math.hypot(found, error))
