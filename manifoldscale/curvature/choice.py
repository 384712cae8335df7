"""Which fit to believe: the one with the least squared error, bias included."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Bools, Floats, Ints
from ..geometry.neighbors import Neighbors
from .common_truncation import GUESS, Averaging, Common, common_truncation, sizes, too_steep
from .forms import KAPPA, SCALAR
from .scales import ScaleFits
from .truncation import biases, quantile, scale_of

SHARED = 32  # neighbours over which biases, variances, and noisy values are averaged
SPANS_CLOUD = 0.9  # radius, in rms radii of the cloud, of a neighbourhood that spans it
LEVELS = 3  # of averaging over nearby queries: not at all, once, twice
TOO_BENT = 0.7  # (kappa r)^2 above which no expansion about the query converges soon
# Bounds on the bias, as shares of the curvature: below the first a bound does not affect
# the choice, above the second it no longer grows. A point is ok up to a quarter.
DOUBT = (0.16, 0.4)
TRIMMED = 0.05  # share of the largest errors that the choice ignores


@dc.dataclass(frozen=True, eq=False)
class Choice:
    """The chosen fit of each query, and its values.

    Parameters
    ----------
    column : (Q,) its place among the candidates.
    is_possible : (Q,) whether any candidate is possible.
    values : (Q, 3) S, |tr II|^2 and kappa_rms^2 of the fit, or their means over nearby
        queries if noise outweighs the change between these.
    noise, bias : (Q, 3) standard errors and sizes of the biases.
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


class LocalMean:
    """Means over a query and the queries among its nearest neighbours."""

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
        """The difference; if it drowns in chance, the guess, or what chance could hide. A
        difference that is small by chance does not show that the bias is small.
        """
        independent = np.maximum(SHARED / n, 1.0)
        clear = moved > (1 + 2 * np.sqrt(2 / independent)) * chance
        hidden = np.minimum(guess**2, np.maximum(moved, chance))
        return np.where(clear, moved - chance, hidden)


class WholeMean:
    """Means over all queries without the largest values, the same for each query."""

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


def choose(fits: ScaleFits, near: Neighbors, extent: float, dim: int) -> Choice:
    """The candidate with the smallest mean squared error over the cloud; another one for
    queries where this is not possible.

    The errors of S (over d (d - 1), which makes it a sectional curvature) and of
    kappa_rms^2 count together. A choice by each query's own errors would favour fits that
    look good by chance. A candidate is a radius, an order, and whether the values are
    averaged over nearby queries. The truncation bias common to the cloud is subtracted.

    Parameters
    ----------
    extent : rms radius of the cloud.
    """
    local, whole = LocalMean(near), WholeMean()
    solved = fits.is_solved[:, :, None]
    common = common_truncation(fits, near, dim)
    alone = np.where(solved, fits.values - common.bias, np.nan)
    chance = np.where(solved, fits.variances, np.nan)
    once = local(alone)
    values = np.stack([alone, once, local(once)], axis=2)  # (Q, C, 3 levels, 3)
    noise = local(chance)[:, :, None] * _shares_of_noise(fits, local)
    bias, _ = _squared_error(fits, common, values, noise, local, local.radius, dim)
    _, error = _squared_error(fits, common, values, noise, whole, local.radius, dim)
    rank = error + _doubt(bias, whole(alone[:, :, KAPPA]), dim)
    rank = np.where(_usable(fits, whole, extent)[:, :, None], rank, np.inf)
    flat = rank.reshape(len(rank), -1)
    column, averaged = np.divmod(flat.argmin(axis=1), LEVELS)
    rows = np.arange(len(rank))
    return Choice(
        column=column,
        is_possible=np.asarray(np.isfinite(flat).any(axis=1)),
        values=values[rows, column, averaged],
        noise=np.sqrt(noise[rows, column, averaged]),
        bias=bias[rows, column, averaged],
        most_curved=quantile(local(alone[:, :, KAPPA])),
    )


def _usable(fits: ScaleFits, whole: WholeMean, extent: float) -> Bools:
    """(Q, C) the fits that are solved, on a part of the cloud that bends little enough.

    If a neighbourhood bends too much, all larger ones do too: a fit that reaches around a
    tube estimates a curvature that is too low.
    """
    kappa = whole(np.where(fits.is_solved, fits.values[:, :, KAPPA], np.nan))[0]
    fine = unbent(fits, kappa)
    return np.asarray(fits.is_solved & (fits.radius < SPANS_CLOUD * extent) & fine)


def unbent(fits: ScaleFits, kappa: Floats) -> Bools:
    """(C,) the candidates whose neighbourhoods bend little enough for an expansion about
    the query; `kappa` (C,) is the mean of kappa_rms^2 of each.
    """
    bent = kappa * np.median(fits.radius, axis=0) ** 2 > TOO_BENT
    first = fits.counts[bent & (fits.orders == 0)].min(initial=np.inf)
    fine = ~bent & (fits.counts < first) & ((fits.orders == 0) | ~too_steep(fits))
    return np.asarray(fine)


def _doubt(bias: Floats, kappa: Floats, dim: int) -> Floats:
    """(Q, C, levels) the weight, in the choice, of a bias that cannot be excluded.

    Of two fits with about the same error, the one with the smaller bound on its bias is
    better: with a bound above a quarter of the curvature no point is ok.
    """
    of_scalar = np.median(bias[..., SCALAR], axis=0) / sizes(dim)[SCALAR]
    worst = np.maximum(of_scalar, np.median(bias[..., KAPPA], axis=0))
    curved = np.maximum(kappa, 0.0)[:, :, None]
    least, most = (limit * curved for limit in DOUBT)
    doubt = np.clip(worst, least, most) ** 2 - least**2
    return np.where(np.isfinite(doubt), doubt, 0.0)


def _shares_of_noise(fits: ScaleFits, local: LocalMean) -> Floats:
    """(Q, C, levels, 3) the share of the variance of the noise that averaging over nearby
    queries (not at all, once, twice) leaves.

    Signs drawn for every point, the same in all fits, make copies of the noise with the
    same correlation between queries.
    """
    copies, shares = fits.replicas, []
    for _ in range(LEVELS):
        shares.append(local((copies**2).mean(axis=-1)))
        copies = local(copies)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(np.stack(shares, axis=2) / shares[0][:, :, None], 0.0, 1.0)
    share = np.where(np.isfinite(share), share, 1.0)
    return np.asarray(share[..., [0, 1, 1]])  # |tr II|^2 takes the share of kappa_rms^2


def _squared_error(
    fits: ScaleFits,
    common: Common,
    values: Floats,
    noise: Floats,
    mean: Averaging,
    reach: Floats,
    dim: int,
) -> tuple[Floats, Floats]:
    """(Q, C, levels, 3) sizes of the biases, and (Q, C, levels) mean squared errors.

    Averaging over nearby queries adds its change beyond chance to the bias.
    """
    alone = values[:, :, 0]
    variance = mean(noise)
    bend = np.maximum(mean(alone[:, :, KAPPA]), 0.0)
    seen = alone + common.bias
    bias = biases(fits, common, seen, variance[:, :, 0], bend, mean, dim)
    guess = GUESS / 2 * (scale_of(bend) ** 2 * reach[:, None] ** 2)[:, :, None] * sizes(dim)
    squares = [bias**2]
    for level in range(1, LEVELS):
        moved = mean((alone - values[:, :, level]) ** 2)
        chance = np.maximum(variance[:, :, 0] - variance[:, :, level], 0.0)
        drift = mean.excess(moved, chance, fits.counts[:, None], level * guess)
        squares.append(bias**2 + drift)
    squared = np.stack(squares, axis=2)
    error = variance + squared
    total = error[..., SCALAR] / sizes(dim)[SCALAR] ** 2 + error[..., KAPPA]
    return np.sqrt(squared), np.where(np.isfinite(total), total, np.inf)
