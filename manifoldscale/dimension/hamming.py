"""Hamming: the dimension of binary data."""

import dataclasses as dc
from typing import Annotated

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from ..core.arrays import Floats, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.method import Method
from ..core.settings import above
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .discrete import DistanceCounts, dimension_of_rows, distance_counts, integers


@dc.dataclass(frozen=True)
class Hamming(Method[Dimension]):
    """The number of independent fair bits with this histogram of Hamming distances.

    Two rows of d independent fair bits differ in r of them with probability
    C(d, r) / 2^d. For data whose bits are dependent, d may depend on distance (binary
    intrinsic dimension; Acevedo, Rodriguez & Laio 2025),

        P(r) = C(d(r), r) / 2^d(r) / (sum over the range),   d(r) = d0 + d1 r,

    and d0, the dimension at small distances, is the value. d0 and d1 maximise the
    likelihood of the pairs whose distance is at most the `quantile` of all distances.
    Pairs share rows, so the standard error is the sandwich over rows: the curvature of the
    likelihood on both sides of the variance of its score as a U-statistic.

    For independent fair bits it is their number. Otherwise it describes the histogram at
    small distances and is not the dimension of a manifold: for ten bits, each stored three
    times, it gives 16 over all distances, not 10. Every row counts, repeats too.

    Parameters
    ----------
    quantile : share of the pairs, the nearest, that are fitted; 1 for all of them.

    Raises
    ------
    ManifoldScaleError : there are not two values, or fewer than three distances in range.
    """

    quantile: Annotated[float, above(0, most=1)] = 0.5

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> Dimension:
        rows = self._bits(near)
        pairs = distance_counts(rows, rows.shape[1])
        total = pairs.total
        shares = np.cumsum(total) / total.sum()
        last = int(np.searchsorted(shares, self.quantile))
        kept = np.flatnonzero(total[: last + 1] > 0)
        if len(kept) < 3 <= np.count_nonzero(total):
            # With so few bits the quantile cuts the histogram too short to fit.
            kept = np.flatnonzero(total > 0)[:3]
        require(
            len(kept) >= 3,
            f"The pairs have {len(kept)} different Hamming distances; at least 3 are "
            "needed to fit a dimension: there are too few bits or too few different rows.",
        )
        (d0, _), stderr = fit_histogram(pairs, kept)
        return dimension_of_rows(self, near, pairs, d0, stderr, scale=float(kept[-1]))

    def _bits(self, near: Neighbors) -> Ints:
        rows = integers(self, near)
        values = np.unique(rows)
        if len(values) != 2:
            raise ManifoldScaleError(
                f"{self} is for binary data; there are {len(values)} different values. Use "
                "`I3D()` for counts."
            )
        return np.asarray(rows == values[1], dtype=np.int64)


def log_shares(parameters: Floats, distances: Ints) -> Floats:
    """Logarithm of the model's share of each distance; -inf if it has none."""
    d0, d1 = parameters
    dims = d0 + d1 * distances
    if (dims - distances <= -1).any():
        return np.full(len(distances), -np.inf)
    logs = (
        gammaln(dims + 1)
        - gammaln(distances + 1.0)
        - gammaln(dims - distances + 1)
        - dims * np.log(2.0)
    )
    return np.asarray(logs - np.logaddexp.reduce(logs))


def fit_histogram(pairs: DistanceCounts, kept: Ints) -> tuple[tuple[float, float], float]:
    """(d0, d1) of the greatest likelihood, and the standard error of d0."""
    counts = pairs.total[kept]
    observed = counts / counts.sum()

    def loss(parameters: Floats) -> float:
        logs = log_shares(parameters, kept)
        return float(-(observed @ logs)) if np.isfinite(logs).all() else 1e10

    starts = [(scale * kept[-1], 0.0) for scale in (1.0, 1.5, 2.0, 3.0, 5.0)]
    best = min((np.array(start) for start in starts), key=loss)
    options = {"xatol": 1e-8, "fatol": 1e-14, "maxiter": 4000, "maxfev": 4000}
    for _ in range(3):  # a simplex may stall in the narrow valley; restarting helps
        found = minimize(loss, best, method="Nelder-Mead", options=options)
        best = found.x
    d0, d1 = (float(value) for value in best)
    require(
        bool(found.success) and d0 > 0,
        "The histogram of Hamming distances has no fit with a positive dimension: try "
        "another `quantile`.",
    )
    scores = _scores(best, kept)
    information = (scores * observed) @ scores.T
    influence = np.linalg.solve(information, scores)[0]
    weights = np.zeros(pairs.counts.shape[1])
    weights[kept] = influence * pairs.n_pairs / counts.sum()
    return (d0, d1), float(np.sqrt(pairs.variance(weights)))


def _scores(parameters: Floats, kept: Ints) -> Floats:
    """Derivatives of the log-shares by d0 and d1, (2 x distances)."""
    columns = []
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-5 * max(1.0, abs(parameters[0])) / (1.0 if axis == 0 else kept[-1])
        above, below = (log_shares(parameters + sign * step, kept) for sign in (1, -1))
        columns.append((above - below) / (2 * step[axis]))
    return np.array(columns)
