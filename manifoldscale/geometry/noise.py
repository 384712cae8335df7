"""The noise of points that are means of repeated trials."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Array, Floats, freeze_fields

REMEMBERED = 0.05  # correlation that makes a tenth of the variance of a mean
MOST = 2000  # points whose trials are compared for the dimensions of the noise


@dc.dataclass(frozen=True, eq=False)
class Noise:
    """How far the points of a cloud are from those that ever more trials would give.

    Attributes
    ----------
    squared : (points,) expected squared distance of a mean from its limit: the sum over
        features of the variance between trials over their number.
    dims : effective number of dimensions of the noise, (tr S)^2 / tr S^2 for its covariance
        S; fewer than features where the noise of features is correlated.
    trials : median number of trials of a mean.
    memory : correlation of the noise of successive trials of a stimulus, if it is sure
        and not small, else 0: the means are then noisier than their trials show.
    halves : means over every other trial, (points x features) each: the same points with
        independent noise. A feature without a trial in a half has its mean over points.
    """

    squared: Floats
    dims: float
    trials: float
    halves: tuple[Floats, Floats]
    memory: float = 0.0

    def __post_init__(self) -> None:
        freeze_fields(self)

    def take(self, rows: Array) -> "Noise":
        first, second = self.halves
        return dc.replace(
            self, squared=self.squared[rows], halves=(first[rows], second[rows])
        )

    def scaled(self, factor: float) -> "Noise":
        """The noise of the points times a factor."""
        first, second = self.halves
        return dc.replace(
            self,
            squared=self.squared * factor**2,
            halves=(first * factor, second * factor),
        )

    def between(self, distance: float) -> float:
        """A distance in units of those that noise alone makes."""
        longer = (1 + self.memory) / max(1 - self.memory, 1e-3)  # of AR(1) noise
        unit = float(np.sqrt(2 * np.median(self.squared) * longer))
        return distance / unit if unit else math.inf

    def deviation(self, squared: Floats) -> Floats:
        """The standard deviation of a squared distance from which the mean of the noise was
        subtracted, where the true one is `squared`: of a noncentral chi-square of `dims`
        degrees of freedom, and of the mean that was estimated.
        """
        mean = float(self.squared.mean())
        # Over pairs of points; where the noise is uneven the noisy ones scatter the most.
        square = 2 * mean**2 + 2 * float(np.square(self.squared).mean())
        own = 2 * square / self.dims * (1 + 1 / max(self.trials - 1, 1))
        return np.asarray(np.sqrt(own + 8 * np.asarray(squared) * mean / self.dims))


def mean_of_trials(responses: Array, axis: int = -1) -> Floats:
    """The mean over trials without those that were not recorded (NaN); NaN if there are
    none.
    """
    recorded = ~np.isnan(responses)
    counts = recorded.sum(axis=axis)
    # In half precision, sums of a few thousand trials overflow.
    sums = responses.sum(axis=axis, dtype=np.float64, where=recorded)
    means: Floats = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def noise_of_trials(responses: Array) -> Noise | None:
    """The noise of the means over the last axis of (points x features x trials), where NaN
    is a trial that was not recorded. None where no feature has two trials of one point, or
    all trials of every point are equal.

    A feature with one trial at a point has its variance at the other points.
    """
    recorded = ~np.isnan(responses)
    counts = recorded.sum(-1)
    if not (counts > 1).any():
        return None
    rest = np.where(recorded, responses - mean_of_trials(responses)[..., None], 0.0)
    squares = np.einsum("pft,pft->pf", rest, rest)
    repeated = counts > 1
    pooled = np.where(repeated, squares, 0).sum(0) / np.maximum(
        (counts - 1).clip(0).sum(0), 1
    )
    variance = np.where(repeated, squares / np.maximum(counts - 1, 1), pooled)
    squared = (variance / np.maximum(counts, 1)).sum(-1)
    if not squared.any():  # copies, not repeats
        return None
    return Noise(
        squared,
        _dims(rest, recorded),
        float(np.median(counts[counts > 0])),
        _halves(responses, recorded),
        _memory(rest, counts),
    )


def _memory(rest: Floats, counts: Array) -> float:
    """The correlation of successive residuals, above that of independent trials, which is
    -1 / trials; 0 if it may be chance.
    """
    squares = np.square(rest).sum(-1)
    successive = (rest[..., :-1] * rest[..., 1:]).sum(-1) + squares / np.maximum(counts, 1)
    own, total = successive.sum(-1), squares.sum(-1)
    found = float(own.sum() / total.sum())
    error = float(np.sqrt(np.square(own - found * total).sum()) / total.sum())
    return found if found > max(REMEMBERED, 4 * error) else 0.0


def _halves(responses: Array, recorded: Array) -> tuple[Floats, Floats]:
    """Means over the first, third, ... recorded trial of each entry, and over the rest."""
    place = np.cumsum(recorded, axis=-1)
    found = []
    for odd in (1, 0):
        own = recorded & (place % 2 == odd)
        counts = own.sum(-1)
        sums = np.where(own, responses, 0.0).sum(-1, dtype=np.float64)
        means = sums / np.maximum(counts, 1)
        whole = sums.sum(0) / np.maximum(counts.sum(0), 1)
        # The sum of its means is what a feature has on average over its points.
        found.append(np.where(counts > 0, means, whole))
    return found[0], found[1]


def _dims(rest: Floats, recorded: Array) -> float:
    """(tr S)^2 / tr S^2, of the differences of two trials at different points: their inner
    product has the mean square 4 tr(S S'), and no estimated mean is left in it.
    """
    first = np.argmax(recorded, -1)
    last = recorded.shape[-1] - 1 - np.argmax(recorded[..., ::-1], -1)
    pick = [np.take_along_axis(rest, at[..., None], -1)[..., 0] for at in (first, last)]
    differences = (pick[0] - pick[1])[:MOST]
    products = differences @ differences.T
    own = np.diag(products)
    n = len(products)
    most = float(rest.shape[1])
    if n < 2:
        return most
    across = (np.square(products).sum() - np.square(own).sum()) / (n * (n - 1))
    squared = own.mean() ** 2
    return max(float(squared / across), 1.0) if squared < most * across else most
