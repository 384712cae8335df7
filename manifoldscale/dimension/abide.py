"""ABIDE: each point chooses the number of neighbours over which its density is constant."""

import dataclasses as dc
from typing import Annotated

import numpy as np
from scipy import stats

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat
from ..core.errors import require
from ..core.method import Method
from ..core.settings import above, at_least
from ..geometry.neighbors import Neighbors
from .bide import best_ratio, binomial_dimension, inner_counts, spacing_rate, spacing_sums
from .dimension import ON_LATTICE, Dimension
from .from_points import full_table

FIRST = 4  # the first rank that is tested; the one before is accepted untested
MAX_ROUNDS = 50
SETTLED = 1e-3  # relative change that ends the iteration


@dc.dataclass(frozen=True)
class ABIDE(Method[Dimension]):
    """The binomial estimator within neighbourhoods that each point chooses itself.

    For each point i, k* is the largest rank up to which the density is constant (Rodriguez
    et al. 2018; Di Noia, Macocco, Glielmo, Laio & Mira 2024, arXiv 2405.15132): at rank j,
    the volumes V_i and V_j of the balls that hold k = j - 1 neighbours of i and of its
    j-th neighbour are compared by the likelihood ratio

        D = -2 k (log V_i + log V_j - 2 log(V_i + V_j) + log 4)
          = 4 k log cosh(d log(r_i / r_j) / 2),

    and the first D above the chi-square quantile at `alpha` (23.93 at 1e-6) ends the
    search. Since V = r^d, k* depends on d; `BIDE` within the k* gives d, and the two are
    iterated until d settles. So the scale adapts to the density: it is large where the
    density is flat, small elsewhere, and above the noise where noise is small.

    `k_max` limits the number of neighbours; if most points reach it, a larger one would
    lower the error. Bias: as `MLE` at k*, too low at edges and in high dimension.

    Parameters
    ----------
    k_max : the largest neighbourhood, at least 4.
    alpha : the level of each test.
    """

    k_max: Annotated[int, at_least(FIRST)] = 64
    alpha: Annotated[float, above(0, below=1)] = 1e-6

    @property
    def n_neighbors(self) -> int:
        return self.k_max

    def __call__(self, near: Neighbors, /) -> Dimension:
        ranks, dim, settled = self.ranks(near)
        remarks = [] if settled else [Caveat.FIXED_POINT(f"{MAX_ROUNDS} rounds")]
        return binomial_dimension(self, near, ranks, best_ratio(dim), remarks)

    def spacings(self, near: Neighbors) -> tuple[Floats, Floats]:
        """Sum and number of the log-ratios within k* of each query, for `Local`."""
        ranks, _, _ = self.ranks(near)
        return spacing_sums(near, ranks), (ranks - 1).astype(np.float64)

    def ranks(self, near: Neighbors) -> tuple[Ints, float, bool]:
        """k* of each query, the dimension at which it was found, and whether it settled."""
        full_table(self, near)
        everyone = np.full(near.n_queries, FIRST - 1)
        dim = spacing_rate(near, everyone)
        for _ in range(MAX_ROUNDS):
            ranks = constant_density(near, dim, self.alpha)
            before, ratio = dim, best_ratio(dim)
            inner = float(inner_counts(near, ranks, ratio).sum())
            share = inner / float((ranks - 1).sum())
            require(
                0 < share < 1,
                "The neighbour distances are tied or too few to tell a dimension: use more "
                f"points, or, on a lattice, {ON_LATTICE}",
            )
            dim = float(np.log(share) / np.log(ratio))
            if abs(dim / before - 1) < SETTLED:
                return ranks, dim, True
        return ranks, dim, False


def constant_density(near: Neighbors, dim: float, alpha: float) -> Ints:
    """The largest rank of each query up to which the density passes as constant."""
    threshold = float(stats.chi2.isf(alpha, 1))
    place = np.empty(near.n_rows, dtype=np.int64)
    place[near.queries] = np.arange(near.n_queries)
    logs = np.log(near.distances)
    ranks = np.full(near.n_queries, near.k)
    searching = np.arange(near.n_queries)
    for rank in range(FIRST, near.k + 1):
        k = rank - 1
        others = place[near.indices[searching, rank - 1]]
        apart = 0.5 * dim * np.abs(logs[searching, k - 1] - logs[others, k - 1])
        # log cosh x in a form that does not overflow.
        ratio = 4 * k * (apart + np.log1p(np.exp(-2 * apart)) - np.log(2))
        fails = ratio > threshold
        ranks[searching[fails]] = k
        searching = searching[~fails]
    return ranks
