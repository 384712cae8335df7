"""Which fit to believe: the least squared error, bias included."""

import dataclasses as dc
from typing import Protocol

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from ..geometry.neighbors import Neighbors
from .forms import KAPPA, SCALAR
from .scales import Fits

SHARED = 32  # neighbours over which biases, variances, and noisy values are averaged
GUESS = 0.7  # of the relative bias in units of (kappa r)^(2q + 2): a sphere has 0.3 to 0.7
SPANS_CLOUD = 0.9  # radius of a neighbourhood, in rms radii of the cloud, that is no part
LEVELS = 3  # of averaging over nearby queries: not at all, once, twice
CURVED = 0.9  # quantile of kappa^2 that stands for the most curved parts
TOO_BENT = 0.7  # (kappa r)^2 above which no expansion about the query converges soon
TRIMMED = 0.05  # share of the largest errors that have no say in the choice


@dc.dataclass(frozen=True, eq=False)
class Choice:
    """The chosen fit of each query, and what it says.

    Parameters
    ----------
    column : (Q,) its place among the candidates.
    is_possible : (Q,) whether any candidate is.
    values : (Q, 3) S, |tr II|^2 and kappa_rms^2: of the fit, or the mean of the nearby
        queries' where noise outweighs what changes between them.
    noise, bias : (Q, 3) their standard errors, and the sizes of their biases.
    most_curved : (C,) kappa_rms^2 in the most curved parts of the cloud.
    """

    column: Ints
    is_possible: Bools
    values: Floats
    noise: Floats
    bias: Floats
    most_curved: Floats

    def pick(self, table: Floats) -> Floats:
        """The chosen column of a (Q, C, ...) table."""
        return np.asarray(table[np.arange(len(self.column)), self.column])


class Averaging(Protocol):
    """A mean over queries, and what it says of a squared bias: by how much differences
    that are squared and averaged, `moved`, exceed their `chance` in neighbourhoods of n.
    """

    def __call__(self, values: Floats) -> Floats: ...
    def excess(self, moved: Floats, chance: Floats, n: Floats, guess: Floats) -> Floats: ...


class LocalMean:
    """Means over a query and those of its nearest neighbours that are queries."""

    def __init__(self, near: Neighbors) -> None:
        place = np.full(near.n_rows, -1, dtype=np.int64)
        place[near.queries] = np.arange(near.n_queries)
        near_by = place[near.indices[:, :SHARED]]
        self.members = np.concatenate([np.arange(near.n_queries)[:, None], near_by], axis=1)
        self.radius = near.distances[:, :SHARED][:, -1]

    def __call__(self, values: Floats) -> Floats:
        """(Q, ...) means of the finite values among (Q, ...)."""
        total, count = np.zeros(values.shape), np.zeros(values.shape)
        for column in self.members.T:
            there = values[column]
            counts = np.isfinite(there) & (column >= 0).reshape(
                -1, *[1] * (values.ndim - 1)
            )
            total += np.where(counts, there, 0.0)
            count += counts
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / count)

    def excess(self, moved: Floats, chance: Floats, n: Floats, guess: Floats) -> Floats:
        """The difference; where it drowns in chance, the guess, or what chance could hide:
        a difference that is small by chance is no sign of a small bias.
        """
        independent = np.maximum(SHARED / n, 1.0)
        clear = moved > (1 + 2 * np.sqrt(2 / independent)) * chance
        hidden = np.minimum(guess**2, np.maximum(moved, chance))
        return np.where(clear, moved - chance, hidden)


class WholeMean:
    """Means over all queries but for the largest values, the same for each."""

    def __call__(self, values: Floats) -> Floats:
        ranked = np.sort(values, axis=0)  # NaN last
        counts = np.isfinite(values).sum(axis=0)
        kept = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
        kept = kept < np.ceil((1 - TRIMMED) * counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(kept, ranked, 0.0).sum(axis=0) / kept.sum(axis=0)
        return np.broadcast_to(mean, values.shape)

    def excess(self, moved: Floats, chance: Floats, n: Floats, guess: Floats) -> Floats:
        """The difference: over a whole cloud chance averages out."""
        return np.maximum(moved - chance, 0.0)


def choose(fits: Fits, near: Neighbors, extent: float, dim: int) -> Choice:
    """One candidate for the cloud, that of the smallest mean squared error; another where
    it cannot be had.

    The error of S (over d (d - 1), so that it is a sectional curvature) and that of
    kappa_rms^2 count together. A choice by each query's own errors would favour fits that
    happen to look good. A candidate is a radius, an order, and whether the values are
    averaged over nearby queries.

    Parameters
    ----------
    extent : rms radius of the cloud.
    """
    local, whole = LocalMean(near), WholeMean()
    solved = fits.is_solved[:, :, None]
    alone = np.where(solved, fits.values, np.nan)
    chance = np.where(solved, fits.variances, np.nan)
    once = local(alone)
    values = np.stack([alone, once, local(once)], axis=2)  # (Q, C, 3 levels, 3)
    noise = local(chance)[:, :, None] * _shares_of_noise(fits, local)
    usable = fits.is_solved & (fits.radius < SPANS_CLOUD * extent)
    usable &= whole(alone[:, :, KAPPA]) * np.median(fits.radius, axis=0) ** 2 < TOO_BENT
    rank = _squared_error(fits, values, noise, whole, local.radius, dim)[1]
    rank = np.where(usable[:, :, None], rank, np.inf)
    flat = rank.reshape(len(rank), -1)
    column, averaged = np.divmod(flat.argmin(axis=1), LEVELS)
    rows = np.arange(len(rank))
    bias, _ = _squared_error(fits, values, noise, local, local.radius, dim)
    return Choice(
        column=column,
        is_possible=np.asarray(np.isfinite(flat).any(axis=1)),
        values=values[rows, column, averaged],
        noise=np.sqrt(noise[rows, column, averaged]),
        bias=bias[rows, column, averaged],
        most_curved=_quantile(local(alone[:, :, KAPPA])),
    )


def _shares_of_noise(fits: Fits, local: LocalMean) -> Floats:
    """(Q, C, levels, 3) what averaging over nearby queries, not at all, once or twice,
    leaves of the variance of the noise.

    Signs drawn for every point, the same in all fits, make copies of the noise that are
    correlated between queries as the noise is.
    """
    copies, shares = fits.replicas, []
    for _ in range(LEVELS):
        shares.append(local((copies**2).mean(axis=-1)))
        copies = local(copies)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(np.stack(shares, axis=2) / shares[0][:, :, None], 0.0, 1.0)
    share = np.where(np.isfinite(share), share, 1.0)
    return np.asarray(share[..., [0, 1, 1]])  # |tr II|^2 goes with kappa_rms^2


def _squared_error(
    fits: Fits, values: Floats, noise: Floats, mean: Averaging, reach: Floats, dim: int
) -> tuple[Floats, Floats]:
    """(Q, C, levels, 3) sizes of the biases, and (Q, C, levels) mean squared errors.

    Averaging over nearby queries adds to the bias what it changes beyond chance.
    """
    alone = values[:, :, 0]
    variance = mean(noise)
    bend = np.maximum(mean(alone[:, :, KAPPA]), 0.0)
    bias = biases(fits, alone, variance[:, :, 0], bend, mean, dim)
    guess = GUESS / 2 * (_scale(bend) ** 2 * reach[:, None] ** 2)[:, :, None] * _sizes(dim)
    squares = [bias**2]
    for level in range(1, LEVELS):
        moved = mean((alone - values[:, :, level]) ** 2)
        chance = np.maximum(variance[:, :, 0] - variance[:, :, level], 0.0)
        drift = mean.excess(moved, chance, fits.counts[:, None], level * guess)
        squares.append(bias**2 + drift)
    squared = np.stack(squares, axis=2)
    error = variance + squared
    total = error[..., SCALAR] / _sizes(dim)[SCALAR] ** 2 + error[..., KAPPA]
    return np.sqrt(squared), np.where(np.isfinite(total), total, np.inf)


def _scale(bend: Floats) -> Floats:
    """The kappa^2 by which curvature may change near a point: its own, or that of the most
    curved parts of the cloud.
    """
    return np.maximum(bend, _quantile(bend))


def _quantile(bend: Floats) -> Floats:
    """(C,) kappa^2 of the most curved parts; NaN where there is none."""
    ranked = np.sort(bend, axis=0)  # NaN last
    last = np.maximum(np.isfinite(bend).sum(axis=0) - 1, 0)
    place = np.rint(CURVED * last).astype(np.int64)
    return np.asarray(ranked[place, np.arange(bend.shape[1])])


def _sizes(dim: int) -> Floats:
    """S, |tr II|^2 and kappa_rms^2 of a sphere, in units of kappa^2."""
    return np.array([max(dim * (dim - 1), 1), dim**2, 1.0])


def biases(
    fits: Fits, seen: Floats, variance: Floats, curved: Floats, mean: Averaging, dim: int
) -> Floats:
    """(Q, C, 3) sizes of the truncation bias.

    That of order q is what order q + 1 changes; that of the last order is taken to be
    smaller than its predecessor's by the same factor again. Where the difference drowns in
    the noise of the higher order, what is left is its order of magnitude,
    (kappa r)^(2q + 2).
    """
    scale = _scale(curved)
    guess = GUESS * scale * (scale * fits.radius**2) ** (fits.orders + 1)
    bias = np.asarray(guess[:, :, None] * _sizes(dim))
    guesses = bias.copy()
    for c, candidate in enumerate(fits.candidates):
        pair = _pair(fits, candidate.n, candidate.order)
        if pair is None:
            continue
        low, high = pair
        shrink = (fits.radius[:, c] / fits.radius[:, low]) ** (2 * candidate.order + 2)
        moved = mean((seen[:, low] - seen[:, high]) ** 2) * shrink[:, None] ** 2
        chance = (
            np.maximum(variance[:, high] - variance[:, low], 0.0) * shrink[:, None] ** 2
        )
        n = np.array(candidate.n)
        bias[:, c] = np.sqrt(mean.excess(moved, chance, n, guesses[:, c]))
    for c, candidate in enumerate(fits.candidates):
        one, two = (fits.place(candidate.n, candidate.order - i) for i in (1, 2))
        if one is not None and two is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = np.clip(bias[:, one] / bias[:, two], 0.0, 1.0)
            bias[:, c] = np.where(np.isfinite(ratio), bias[:, one] * ratio, bias[:, one])
    return bias


def _pair(fits: Fits, n: int, order: int) -> tuple[int, int] | None:
    """The columns of this order and of the next: at `n` points, or at the fewest more at
    which there are both.
    """
    for size in sorted({candidate.n for candidate in fits.candidates}):
        low, high = fits.place(size, order), fits.place(size, order + 1)
        if size >= n and low is not None and high is not None:
            return low, high
    return None
