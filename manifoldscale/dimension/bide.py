"""BIDE: how many of k neighbours are inside a smaller ball."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Remark
from ..core.error_bars import share_interval
from ..core.errors import require
from ..core.method import Method
from ..core.settings import above, at_least
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension, pooled_dimension
from .exponential import crowding, relative_error

# The share inside with the least error: it minimises (1/p - 1) / (log p)^2.
BEST_SHARE = 0.2032
LARGEST_RATIO = 0.975


@dc.dataclass(frozen=True)
class BIDE(Method[Dimension]):
    """The binomial estimator: d = log(share inside) / log(ratio).

    In a locally uniform cloud of dimension d, each of the k - 1 neighbours nearer than the
    k-th is inside `ratio` times its distance with probability ratio^d. Over M points (Denti
    et al. 2022; Macocco et al. 2023, PRL 130:067401)

        d = log(sum of n_inner / (M (k - 1))) / log(ratio).

    Only counts enter, so distances below the inner radius do not matter, nor does noise
    smaller than it. At a ratio chosen beforehand the count is binomial. The default is the
    ratio with the least error, at which a fifth of the neighbours is expected inside for
    the dimension that `MLE` estimates. The interval is Jeffreys' for a proportion, with the
    effective number of trials after shared neighbours. Bias: as `MLE` at the same k. With
    one radius for all points it is `CorrelationDimension()`.

    Parameters
    ----------
    k : neighbours in the outer ball, at least 3.
    ratio : inner over outer radius, in (0, 1); None for the best.
    """

    k: Annotated[int, at_least(3)] = 20
    ratio: Annotated[float, above(0, below=1)] | None = None

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> Dimension:
        ranks = np.full(near.n_queries, self.k)
        ratio = best_ratio(spacing_rate(near, ranks)) if self.ratio is None else self.ratio
        return binomial_dimension(self, near, ranks, ratio)


def best_ratio(dim: float) -> float:
    """The ratio with the least error in dimension `dim`."""
    return float(min(LARGEST_RATIO, BEST_SHARE ** (1 / dim)))


def spacing_sums(near: Neighbors, ranks: Ints) -> Floats:
    """Sum over j < rank of log(r_rank / r_j), for each query."""
    logs = np.log(near.distances)
    last = np.take_along_axis(logs, ranks[:, None] - 1, axis=1)
    inside = np.arange(near.k) < ranks[:, None]
    return np.asarray(np.where(inside, last - logs, 0.0).sum(axis=1))


def spacing_rate(near: Neighbors, ranks: Ints) -> float:
    """The maximum-likelihood dimension within each query's own rank."""
    total = float(spacing_sums(near, ranks).sum())
    require(
        total > 0,
        "All neighbour distances of every point are tied: the points lie on a lattice; "
        f"{ON_LATTICE}",
    )
    return float((ranks - 1).sum()) / total


def inner_counts(near: Neighbors, ranks: Ints, ratio: float) -> Floats:
    """Neighbours nearer than `ratio` times the distance of each query's own rank."""
    reach = ratio * np.take_along_axis(near.distances, ranks[:, None] - 1, axis=1)
    return np.asarray((near.distances < reach).sum(axis=1), dtype=np.float64)


def binomial_dimension(
    method: object,
    near: Neighbors,
    ranks: Ints,
    ratio: float,
    remarks: Sequence[Remark] = (),
) -> Dimension:
    """The pooled dimension from the counts within each query's own rank."""
    inner, trials = inner_counts(near, ranks, ratio), (ranks - 1).astype(np.float64)
    total = float(trials.sum())
    share = float(inner.sum()) / total
    require(
        0 < share < 1,
        f"{'No' if share == 0 else 'Every'} neighbour lies inside {ratio:.3g} times the "
        f"outer radius: use a {'larger' if share == 0 else 'smaller'} `ratio`, or more "
        "points or neighbours.",
    )
    value = math.log(share) / math.log(ratio)
    slope = share * math.log(share)  # d(share) / d(log value)
    independent = math.sqrt(share * (1 - share) / total) / abs(slope)
    relative, linked = relative_error(
        (inner - share * trials) / (total * slope), independent, near, near.k
    )
    # The interval of the share, a proportion that stays below one, mapped to d.
    interval = share_interval(share, (relative * slope) ** 2).map(
        lambda p: math.log(p) / math.log(ratio)
    )
    notes = (*crowding(linked), *remarks)
    return pooled_dimension(method, near, value, value * relative, interval, notes)
