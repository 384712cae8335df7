"""The part of the truncation that is the same over the cloud, and can be subtracted.

The error of a fit of order q is the change that order q + 1 makes. At one point this change
drowns in the noise of the higher order; its mean over a cloud does not. What may differ
between points remains as a bias (`truncation.py`).
"""

import dataclasses as dc
import math
from typing import Protocol

import numpy as np

from ..core.arrays import Bools, Floats
from ..geometry.neighbors import Neighbors
from .forms import KAPPA, TRACE
from .moments import FORMS, counted, moments
from .scales import ScaleFits

GUESS = 0.7  # of the relative bias in units of (kappa r)^(2q + 2): a sphere has 0.3 to 0.7
STEEP = 1.2  # (k r)^2 of the largest principal curvature above which nothing converges
LEAST_SHARE = 0.7  # a mean is subtracted if at least this share is the same over the cloud
ENOUGH = 30  # queries for a mean over the cloud


class Averaging(Protocol):
    """A mean over queries, and its measure of a squared bias: by how much averaged squared
    differences, `moved`, exceed their `chance` in neighbourhoods of n points.
    """

    def __call__(self, values: Floats) -> Floats: ...
    def excess(self, moved: Floats, chance: Floats, n: Floats, guess: Floats) -> Floats: ...


@dc.dataclass(frozen=True, eq=False)
class Common:
    """The part of the truncation that is the same over the cloud, except for the radius.

    Parameters
    ----------
    bias : (Q, C, 3) what is subtracted from each value.
    pairs : (C,) the columns, of its order and the next, that give a candidate's bias.
    stderr : (C, 3) the standard error of what is subtracted.
    moved, chance, guess : (C, 3) the squared bias of the next order itself: what is
        measured, how much of that is chance, and (its root) the order of magnitude.
    share : (C, 3) share of the mean that is subtracted.
    unknown : (C, 3) share of the guessed bias that remains, between 0 and 1.
    """

    bias: Floats
    pairs: tuple[tuple[int, int] | None, ...]
    stderr: Floats
    moved: Floats
    chance: Floats
    guess: Floats
    share: Floats
    unknown: Floats

    def error(self, c: int, mean: Averaging) -> Floats:
        """(3,) squared error of what is subtracted at candidate c."""
        n = np.full(3, np.inf)
        beyond = mean.excess(self.moved[c], self.chance[c], n, self.guess[c])
        return np.asarray(self.stderr[c] ** 2 + self.share[c] ** 2 * beyond)


@dc.dataclass(frozen=True)
class Change:
    """The change of a mean over the cloud with the next order.

    Parameters
    ----------
    mean, stderr : the change, at the radius of a candidate, and its standard error.
    spread : of the change between points of the cloud, beyond chance.
    carried : the error of extrapolating it from another radius.
    """

    mean: float
    stderr: float
    spread: float
    carried: float

    @property
    def error(self) -> float:
        return math.hypot(self.stderr, self.carried)

    @property
    def share(self) -> float:
        """The share of the mean that counts; 0 if it is small."""
        if self.mean == 0:
            return 0.0
        square = self.mean**2
        share = max(0.0, 1 - self.error**2 / square) * square / (square + self.spread**2)
        return share if share > LEAST_SHARE else 0.0


def common_truncation(fits: ScaleFits, near: Neighbors, dim: int) -> Common:
    """The mean change with the next order, shrunk by its own error and its spread.

    With mean m, standard error s, and spread t beyond chance, the share
    (1 - s^2 / m^2) m^2 / (m^2 + t^2) of m counts. At an edge, and at a scale without a fit
    of the next order, nothing is subtracted. The change is clearest at a large radius; it
    is scaled down from there, because a bias grows as r^(2q + 2).

    A bias grows as kappa^4 r^2, so relative to its mean it varies twice as much as the
    curvature. The unknown share is this variation, or what was not subtracted.
    """
    cloud = _Cloud(fits, near, dim)
    table = np.zeros((5, len(fits.candidates), 3))
    bias: Floats = np.zeros((*fits.radius.shape, 3))
    pairs = []
    for c, candidate in enumerate(fits.candidates):
        pair, changes = cloud.best(c)
        pairs.append(pair)
        if pair is None:
            continue
        size = fits.radius[:, c] ** (2 * candidate.order + 2)
        size = np.where(cloud.there[:, c], size, 0.0) / size[cloud.there[:, c]].mean()
        for form, change in changes.items():
            bias[:, c, form] = change.share * change.mean * size
            error = change.share * change.error
            table[:, c, form] = error, *cloud.beyond(c, pair, form), change.share
    _fill_trace(bias, table, dim)
    unknown = np.maximum((2 * cloud.varies[:, None]) ** 2, 1 - table[4])
    stderr, moved, chance, guess, share = table
    unknown = np.sqrt(np.clip(unknown, 0.0, 1.0))
    return Common(bias, tuple(pairs), stderr, moved, chance, guess, share, unknown)


def _fill_trace(bias: Floats, table: Floats, dim: int) -> None:
    """Fill in |tr|^2 from kappa^2 = (|tr|^2 + 2 |II|^2) / (d (d + 2)) and
    S = |tr|^2 - |II|^2.
    """
    parts = np.array([2.0, 0.0, dim * (dim + 2)]) / 3
    bias[..., TRACE] = bias @ parts
    stderr, moved, chance, guess, share = table
    for errors in (stderr, guess):
        errors[:, TRACE] = errors @ parts
    for squares in (moved, chance):
        squares[:, TRACE] = (np.sqrt(squares) @ parts) ** 2
    share[:, TRACE] = share[:, KAPPA]


class _Cloud:
    """What the means over a cloud say about the truncation of each candidate."""

    def __init__(self, fits: ScaleFits, near: Neighbors, dim: int) -> None:
        self.fits, self.n_rows, self.dim = fits, near.n_rows, dim
        self.there, self.radius = counted(fits), np.median(fits.radius, axis=0)
        self.of = {form: moments(fits, near.queries, form) for form in FORMS}
        self.varies = _variation(fits, near, dim)
        self.curved = np.maximum(self.of[KAPPA][0], 0.0) * (1 + self.varies)
        self.is_steep = too_steep(fits)

    def best(self, c: int) -> tuple[tuple[int, int] | None, dict[int, Change]]:
        """The pair, of its order and the next, that says most about a candidate's bias."""
        candidate, least = self.fits.candidates[c], math.inf
        pair: tuple[int, int] | None = None
        found: dict[int, Change] = {}
        if self.fits.place(candidate.n, candidate.order + 1) is None:
            return pair, found
        for low, other in enumerate(self.fits.candidates):
            high = self.fits.place(other.n, other.order + 1)
            if high is None or other.order != candidate.order or other.n < candidate.n:
                continue
            both = self.there[:, c] & self.there[:, low] & self.there[:, high]
            if self.is_steep[low] or both.sum() < ENOUGH:
                continue
            changes = {form: self._change(c, low, high, both, form) for form in FORMS}
            error = sum(
                (change.error**2 + change.spread**2) / sizes(self.dim)[form] ** 2
                for form, change in changes.items()
            )
            if error < least:
                pair, found, least = (low, high), changes, error
        return pair, found

    def _change(self, c: int, low: int, high: int, both: Bools, form: int) -> Change:
        fits, order, n = self.fits, self.fits.candidates[c].order, self.fits.counts[low]
        here, there = fits.radius[both, c] ** 2, fits.radius[both, low] ** 2
        shrink = (here / there) ** (order + 1)
        change = shrink * (fits.values[both, low, form] - fits.values[both, high, form])
        chances = fits.variances[both, high, form] - fits.variances[both, low, form]
        chance = float((shrink**2 * chances).mean())
        independent = min(float(both.sum()), self.n_rows / n)
        excess = float(change.var()) - chance * (1 + 2 * math.sqrt(2 / independent))
        mean, stderr = float(change.mean()), _stderr(self.of[form], low, high)
        return Change(
            mean=mean,
            stderr=stderr * float(np.median(shrink)),
            spread=math.sqrt(max(excess, 0.0)),
            # The relative change of a bias with the radius is a term of the next order.
            carried=abs(mean) * GUESS * self.curved[c] * float(np.median(there - here)),
        )

    def beyond(self, c: int, pair: tuple[int, int], form: int) -> tuple[float, ...]:
        """The bias of the next order itself, at this radius: its measured square, the
        chance in that, and its order of magnitude.
        """
        low, high = pair
        order = self.fits.candidates[high].order
        bend = self.curved[high] * self.radius[high] ** 2
        guess = GUESS * sizes(self.dim)[form] * self.curved[high] * bend ** (order + 1)
        found, error = change_of_mean(self.fits, self.of[form], high)
        shrink = (self.radius[c] / self.radius[low]) ** (2 * order)
        return (shrink * found) ** 2, (shrink * error) ** 2, float(shrink * guess)


def _variation(fits: ScaleFits, near: Neighbors, dim: int) -> Floats:
    """(C,) relative standard deviation of curvature over the cloud, with the part that
    chance could hide.
    """
    there, worst = counted(fits), np.zeros(len(fits.candidates))
    count = there.sum(axis=0)
    independent = np.clip(near.n_rows / fits.counts, 1.0, np.maximum(count, 1))

    def mean(values: Floats) -> Floats:
        return np.asarray(np.where(there, values, 0.0).sum(axis=0) / count)

    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = np.abs(mean(fits.values[:, :, KAPPA]))
        for form in FORMS:
            values, chance = fits.values[:, :, form], mean(fits.variances[:, :, form])
            excess = np.maximum(mean((values - mean(values)) ** 2) - chance, 0.0)
            most = excess + 2 * chance * np.sqrt(2 / independent)
            worst = np.maximum(worst, np.sqrt(most) / (sizes(dim)[form] * kappa))
    return np.where(np.isfinite(worst), worst, np.inf)


def too_steep(fits: ScaleFits) -> Bools:
    """(C,) whether the radius exceeds the smallest radius of curvature, and no higher order
    helps. Noise and bias make curvature too high, so the least value of the plain fits
    counts.
    """
    there, radius = counted(fits), np.median(fits.radius, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(there, (fits.principal**2).max(axis=2), 0.0).sum(axis=0)
        mean = total / there.sum(axis=0)
    plain = (fits.orders == 0) & (there.mean(axis=0) > 0.5)
    return np.asarray(mean[plain].min(initial=np.inf) * radius**2 > STEEP)


def bias_of_mean(
    fits: ScaleFits, of: tuple[Floats, Floats, Floats], c: int, guess: float
) -> float:
    """The change of a mean over the cloud with the next order; the guess if this change
    drowns in its error.
    """
    found, error = change_of_mean(fits, of, c)
    if found > 2 * error:
        return found
    return guess if math.isnan(found) else min(guess, math.hypot(found, error))


def change_of_mean(
    fits: ScaleFits, of: tuple[Floats, Floats, Floats], c: int
) -> tuple[float, float]:
    """The change of a mean with the next order, and its standard error; for the last order,
    the previous change times its decrease.

    Parameters
    ----------
    of : the `moments` of a form.
    """
    means = of[0]
    n, order = fits.candidates[c].n, fits.candidates[c].order

    def change(low: int | None, high: int | None) -> tuple[float, float]:
        if low is None or high is None:
            return math.nan, math.inf
        return abs(float(means[high] - means[low])), _stderr(of, low, high)

    found, error = change(c, fits.place(n, order + 1))
    if math.isnan(found):
        one, two = fits.place(n, order - 1), fits.place(n, order - 2)
        (last, error), (first, _) = change(one, c), change(two, one)
        found = last * min(last / first, 1.0) if first > 0 else last
        error = error * min(last / first, 1.0) if first > 0 else error
    return found, error


def _stderr(of: tuple[Floats, Floats, Floats], low: int, high: int) -> float:
    """The standard error of the difference of two means."""
    _, influences, extra = of
    apart = influences[high] - influences[low]
    return math.sqrt(float(apart @ apart) + float(extra[high]))


def sizes(dim: int) -> Floats:
    """S, |tr II|^2 and kappa_rms^2 of a sphere, in units of kappa^2."""
    return np.array([max(dim * (dim - 1), 1), dim**2, 1.0])
