"""The size of the truncation bias that remains at each point."""

import numpy as np

from ..core.arrays import Floats
from .common_truncation import GUESS, Averaging, Common, sizes
from .scales import ScaleFits

CURVED = 0.9  # quantile of kappa^2 that stands for the most curved parts


def biases(
    fits: ScaleFits,
    common: Common,
    seen: Floats,
    variance: Floats,
    curved: Floats,
    mean: Averaging,
    dim: int,
) -> Floats:
    """(Q, C, 3) sizes of the truncation bias that remains.

    The bias of order q is the change that order q + 1 makes; the bias of the last order is
    taken to be smaller than the previous one by the same factor again. If the change drowns
    in the noise of the higher order, the bias is its order of magnitude,
    (kappa r)^(2q + 2).
    """
    scale = scale_of(curved)
    guess = GUESS * scale * (scale * fits.radius**2) ** (fits.orders + 1)
    guesses = np.asarray(guess[:, :, None] * sizes(dim))

    def excess(c: int, pair: tuple[int, int], off: Floats, known: Floats) -> Floats:
        low, high = pair
        power = 2 * fits.candidates[c].order + 2
        shrink = (fits.radius[:, c] / fits.radius[:, low])[:, None] ** power
        moved = mean(((seen[:, low] - seen[:, high]) * shrink - off) ** 2)
        chance = np.maximum(variance[:, high] - variance[:, low], 0.0) * shrink**2
        return mean.excess(moved, chance, fits.counts[c], guesses[:, c] * known)

    bias, left = guesses.copy(), guesses.copy()
    for c, candidate in enumerate(fits.candidates):
        pair, best = pair_of(fits, candidate.n, candidate.order), common.pairs[c]
        if pair is None:
            continue
        whole = excess(c, pair, np.zeros(3), np.ones(3))
        bias[:, c] = left[:, c] = np.sqrt(whole)
        if best is not None:
            off = common.bias[:, c]
            rest = excess(c, best, off, common.unknown[c]) + common.error(c, mean)
            left[:, c] = np.sqrt(np.where(off != 0, rest, whole))
    for c, candidate in enumerate(fits.candidates):
        one, two = (fits.place(candidate.n, candidate.order - i) for i in (1, 2))
        if one is not None and two is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = np.clip(bias[:, one] / bias[:, two], 0.0, 1.0)
            left[:, c] = np.where(np.isfinite(ratio), bias[:, one] * ratio, bias[:, one])
    return left


def scale_of(bend: Floats) -> Floats:
    """The kappa^2 by which curvature may change near a point: its own, or the kappa^2 of
    the most curved parts of the cloud if that is larger.
    """
    return np.maximum(bend, quantile(bend))


def quantile(bend: Floats) -> Floats:
    """(C,) kappa^2 of the most curved parts; NaN if there is none."""
    ranked = np.sort(bend, axis=0)  # NaN last
    last = np.maximum(np.isfinite(bend).sum(axis=0) - 1, 0)
    place = np.rint(CURVED * last).astype(np.int64)
    return np.asarray(ranked[place, np.arange(bend.shape[1])])


def pair_of(fits: ScaleFits, n: int, order: int) -> tuple[int, int] | None:
    """The columns of this order and of the next: at `n` points, or at the next larger
    number that has both.
    """
    for size in sorted({candidate.n for candidate in fits.candidates}):
        low, high = fits.place(size, order), fits.place(size, order + 1)
        if size >= n and low is not None and high is not None:
            return low, high
    return None
