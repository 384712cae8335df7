"""MLE: all ratios within k neighbours."""

import dataclasses as dc
import math
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.errors import require
from ..core.interval import Interval
from ..core.method import Method
from ..core.settings import among, at_least
from ..geometry.neighbors import Neighbors
from .dimension import Dimension, pooled_dimension
from .exponential import crowding, pool, rate_dimension, rate_interval, relative_error


@dc.dataclass(frozen=True)
class MLE(Method[Dimension]):
    """Levina and Bickel's maximum likelihood, pooled as MacKay and Ghahramani.

    The k - 1 log-ratios log(r_k / r_j), j < k, of a point of a Poisson process in
    dimension d are exponential with rate d (Levina & Bickel, NeurIPS 2004, eq. 8).
    Averages are taken over inverse estimates, not estimates (MacKay & Ghahramani 2005):
    over M points

        d = (M (k - 1) - 1) / (sum over points and j of log(r_k / r_j)).

    The normalisation by k - 1 belongs to pooling; dividing by k - 2 instead, as some
    published code does, makes the estimate too low by the factor (k - 2) / (k - 1).

    Published numbers used other conventions. With S_i the sum at point i:

    "pooled" : as above; unbiased.
    "levina-bickel" : the mean over i of (k - 2) / S_i; unbiased if all points have one
        dimension, with a larger variance, which is finite only for k >= 4.
    "sharma-kaplan" : the mean over i of (k - 1) / S_i, too high by (k - 1) / (k - 2). This
        is the formula behind the code of Sharma & Kaplan (JMLR 2022); their k counts the
        point itself. The released code lacks the factor k - 1 on log(r_k / r_1), so it has
        the wrong sign and no mean, because its denominator crosses zero.
    "pope" : M (k - 2) / (sum of S_i), too low by (k - 2) / (k - 1): half at k = 3 (the code
        of Pope et al., ICLR 2021).

    The value of the last two reproduces the bias; the interval reaches to the interval of
    the unbiased value, and a caveat says so.

    Parameters
    ----------
    k : number of neighbours, at least 2; at least 4 for the conventions that average or
        divide by k - 2.
    convention : "pooled", "levina-bickel", "sharma-kaplan" or "pope".
    """

    k: Annotated[int, at_least(2)] = 20
    convention: Annotated[
        str, among("pooled", "levina-bickel", "sharma-kaplan", "pope")
    ] = "pooled"

    def __post_init__(self) -> None:
        super().__post_init__()
        smallest = {"pooled": 2, "pope": 3}.get(self.convention, 4)
        require(
            self.k >= smallest,
            f"`k` must be at least {smallest} for convention={self.convention!r}; not "
            f"{self.k}.",
        )

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> Dimension:
        sums = self.sums(near)
        if self.convention in ("levina-bickel", "sharma-kaplan"):
            return self._averaged(near, sums)
        pooled = rate_dimension(self, near, pool(sums, np.full(len(sums), self.k - 1.0)))
        if self.convention == "pooled":
            return pooled
        spacings = len(sums) * (self.k - 1.0)
        bias = (self.k - 2) / (self.k - 1) * spacings / (spacings - 1)
        return _biased(pooled, bias)

    def sums(self, near: Neighbors) -> Floats:
        """S of each query, the sum of its log-ratios: Gamma(k - 1) with rate d."""
        logs = np.log(near.distances)
        return np.asarray((logs[:, -1:] - logs[:, :-1]).sum(axis=1))

    def spacings(self, near: Neighbors) -> tuple[Floats, Floats]:
        """S of each query, and its shape k - 1, for `Local`."""
        return self.sums(near), np.full(near.n_queries, self.k - 1.0)

    def _averaged(self, near: Neighbors, sums: Floats) -> Dimension:
        """The mean of the local estimates, if there is one at every point."""
        require(
            bool((sums > 0).all()),
            f"At {int((sums <= 0).sum())} points all {self.k} neighbours are equally far: "
            "the local estimate is infinite. Use a larger k, or convention='pooled'.",
        )
        n = len(sums)
        require(n >= 2, "A mean of local estimates needs at least 2 query points.")
        local = (self.k - 2) / sums
        value = float(local.mean())
        influence = (local - value) / (n * value)
        # The inverse of a Gamma sum has the relative variance 1 / (k - 3); at small k the
        # sample may miss its tail.
        independent = 1 / math.sqrt(n * max(self.k - 3, 1))
        relative, linked = relative_error(influence, independent, near)
        interval = rate_interval(value, relative)
        mean = pooled_dimension(
            self, near, value, value * relative, interval, crowding(linked)
        )
        if self.convention == "levina-bickel":
            return mean
        return _biased(mean, (self.k - 1) / (self.k - 2))


def _biased(dim: Dimension, factor: float) -> Dimension:
    """An unbiased estimate as a convention with the bias `factor` gives it."""
    low, high = dim.interval
    hull = Interval(min(low, low * factor), max(high, high * factor), dim.interval.level)
    note = Caveat.BIASED_CONVENTION(f"{factor:.3g} times the unbiased value")
    return dc.replace(
        dim,
        value=dim.value * factor,
        raw=dim.value * factor,
        stderr=dim.stderr * factor,
        interval=hull,
        caveats=(*dim.caveats, note),
    )
