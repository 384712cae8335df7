"""MLE: all ratios within k neighbours."""

import dataclasses as dc

import numpy as np

from ..core.errors import require
from ..core.method import Method
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .exponential import pooled_rate


@dc.dataclass(frozen=True)
class MLE(Method[Dimension]):
    """Levina and Bickel's maximum likelihood, pooled as MacKay and Ghahramani.

    The k - 1 log-ratios log(r_k / r_j), j < k, of a point of a Poisson process in
    dimension d are exponential with rate d (Levina & Bickel, NeurIPS 2004, eq. 8).
    Inverse estimates are averaged, not estimates (MacKay & Ghahramani 2005), so that
    over M points

        d = (M (k - 1) - 1) / (sum over points and j of log(r_k / r_j)).

    The normalisation by k - 1 belongs to pooling; dividing by k - 2 there, as some
    published code does, reads low by the factor (k - 2) / (k - 1).

    Parameters
    ----------
    k : number of neighbours, at least 2.
    """

    k: int = 20

    def __post_init__(self) -> None:
        require(
            isinstance(self.k, int) and self.k >= 2,
            f"`k` must be an integer of at least 2; not {self.k!r}.",
        )

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> Dimension:
        logs = np.log(near.distances)
        sums = (logs[:, -1:] - logs[:, :-1]).sum(axis=1)
        return pooled_rate(self, near, sums, np.full(len(sums), self.k - 1.0))
