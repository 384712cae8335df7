"""TwoNN: the ratio of the two nearest distances."""

import dataclasses as dc

import numpy as np

from ..core.errors import require
from ..core.method import Method
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .exponential import pooled_rate


@dc.dataclass(frozen=True)
class TwoNN(Method[Dimension]):
    """Maximum likelihood on r2 / r1, with the largest ratios censored.

    In a locally uniform cloud of dimension d, log(r2 / r1) is exponential with rate d
    (Facco et al. 2017, Scientific Reports 7:12140, eq. 3). The largest ratios come from
    outliers and edges. Facco et al. discard the top tenth and fit a line; here the same
    tenth is censored at the largest ratio c that is kept (type-II censoring):

        d = (m - 1) / (sum of the m smallest log-ratios + (n - m) c)

    which is unbiased for exponential ratios and has a known error.

    Parameters
    ----------
    trim : share of the points with the largest ratios that is censored, in [0, 1).
    """

    trim: float = 0.1

    def __post_init__(self) -> None:
        require(
            0 <= self.trim < 1, f"`trim` must be at least 0 and below 1; not {self.trim}."
        )

    @property
    def n_neighbors(self) -> int:
        return 2

    def __call__(self, near: Neighbors, /) -> Dimension:
        log_ratios = np.log(near.distances[:, 1] / near.distances[:, 0])
        require(len(log_ratios) >= 2, "TwoNN needs at least 2 query points; there is 1.")
        kept = max(2, len(log_ratios) - int(self.trim * len(log_ratios)))
        last = np.partition(log_ratios, kept - 1)[kept - 1]
        uncensored = np.zeros(len(log_ratios))
        uncensored[np.argsort(log_ratios, kind="stable")[:kept]] = 1.0
        return pooled_rate(self, near, np.minimum(log_ratios, last), uncensored)
