"""TwoNN: the ratio of the two nearest distances."""

import dataclasses as dc
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require
from ..core.method import Method
from ..core.settings import among, at_least
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension
from .exponential import Rate, censored, pooled_rate, rate_dimension


@dc.dataclass(frozen=True)
class TwoNN(Method[Dimension]):
    """Maximum likelihood on r2 / r1, with the largest ratios censored.

    In a locally uniform cloud of dimension d, log(r2 / r1) is exponential with rate d
    (Facco et al. 2017, Scientific Reports 7:12140, eq. 3). The largest ratios come from
    outliers and edges. Facco et al. discard the top tenth and fit a line; here the same
    tenth is censored at the largest ratio c that is kept (type-II censoring):

        d = (m - 1) / (sum of the m smallest log-ratios + (n - m) c)

    It is unbiased for exponential ratios and has a known error. The published fit is
    algorithm="linear": with the log-ratios x in order and y = -log(1 - rank / n), it is the
    slope through the origin of the points that are kept,

        d = (sum of x y) / (sum of x^2).

    The points of an empirical distribution are correlated, so the residuals of the line say
    nothing about its error; the standard error is that of the slope as an L-statistic (its
    influence function), with shared neighbours. The slope is too high by a few parts in n,
    and its error is some per cent larger than with "ml".

    Parameters
    ----------
    trim : share of the points with the largest ratios that is censored ("ml") or left out
        ("linear"), in [0, 1); above 0 for "linear".
    algorithm : "ml" or "linear".
    """

    trim: Annotated[float, at_least(0, below=1)] = 0.1
    algorithm: Annotated[str, among("ml", "linear")] = "ml"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.trim > 0 or self.algorithm == "ml",
            "algorithm='linear' needs a `trim` above 0: at the largest ratio, log(1 - F) "
            "is infinite.",
        )

    @property
    def n_neighbors(self) -> int:
        return 2

    def __call__(self, near: Neighbors, /) -> Dimension:
        log_ratios = np.log(near.distances[:, 1] / near.distances[:, 0])
        require(len(log_ratios) >= 2, "TwoNN needs at least 2 query points; there is 1.")
        if self.algorithm == "ml":
            return pooled_rate(self, near, *censored(log_ratios, self.trim))
        return rate_dimension(self, near, line(log_ratios, self.trim))


def line(logs: Floats, trim: float) -> Rate:
    """The slope through the origin of -log(1 - F) on the log-ratios.

    Both sums of the slope are L-statistics, (1/n) sum of J(i/n) h(x_(i)). An observation x
    changes such a sum by -integral of (1{x <= t} - F(t)) J(F(t)) h'(t) dt.
    """
    n = len(logs)
    kept = min(int(n * (1 - trim)), n - 1)
    require(kept >= 2, f"{n} ratios are too few for a line; use algorithm='ml'.")
    order = np.argsort(logs, kind="stable")
    x = logs[order]
    y = -np.log1p(-np.arange(1, kept + 1) / n)
    cross, square = float(x[:kept] @ y), float(x[:kept] @ x[:kept])
    require(
        square > 0,
        "All nearest distances are tied (r1 = r2): the points lie on a lattice, and the "
        f"dimension at this scale is not identifiable from distances: {ON_LATTICE}",
    )
    influence = np.empty(n)
    weighted = (
        _moved(x, y, kept) / cross - _moved(np.square(x), np.ones(kept), kept) / square
    )
    influence[order] = weighted
    return Rate(cross / square, influence, 1 / max(float(influence @ influence), 1e-20))


def _moved(h: Floats, weights: Floats, kept: int) -> Floats:
    """What each observation, in order, adds to the sum of weights[i] h[i] over i < kept."""
    n = len(h)
    below = np.arange(1, kept + 1) / n
    steps = weights * np.diff(h[: kept + 1])
    # Observation j lies below the steps i >= j: there 1 - F, elsewhere -F.
    over = np.zeros(n)
    over[:kept] = np.cumsum(steps[::-1])[::-1]
    return np.asarray(float(steps @ below) - over)
