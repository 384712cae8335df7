"""Correlation dimension: how the number of pairs grows with their distance."""

import dataclasses as dc
import math
from typing import Annotated

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.errors import require
from ..core.method import Method
from ..core.settings import Count, among, at_least
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension, pooled_dimension
from .exponential import rate_interval
from .from_points import distinct_points, raw_points, unit
from .u_statistics import blocks_of_distances, pair_variance


@dc.dataclass(frozen=True)
class CorrelationDimension(Method[Dimension]):
    """Grassberger and Procaccia's slope, or Takens' maximum likelihood.

    C(r) is the share of pairs nearer than r, and grows as r^d (Grassberger & Procaccia
    1983, Physica D 9:189). The radii range from the median distance of the `k_low`-th
    neighbour to the median distance of the `k_high`-th, and so follow the density:

    "slope" : the least-squares slope of log C on log r, at `n_radii` radii that are
        evenly spaced in log r. With two radii it is log(C2 / C1) / log(r2 / r1), the
        binomial estimator at a fixed radius, and scikit-dimension's CorrInt.
    "takens" : 1 / mean of log(R / r_ij) over the pairs nearer than R, the upper end
        (Takens 1985): the maximum likelihood if pairs were independent.

    The standard error is that of a U-statistic over points, not the residual of the line,
    whose points share their pairs, nor 1 / sqrt(pairs).

    Pairs weight the cloud by density, so dense parts count more than with neighbours. Pairs
    across an edge are missing: on bounded clouds the value is too low, the more so the
    higher the dimension. A rule of thumb asks for 10^(d/2) points.

    Parameters
    ----------
    k_low, k_high : ranks of the neighbours that set the range.
    n_radii : number of radii of the slope, at least 2.
    algorithm : "slope" or "takens".
    """

    k_low: Count = 10
    k_high: int = 20
    n_radii: Annotated[int, at_least(2)] = 2
    algorithm: Annotated[str, among("slope", "takens")] = "slope"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.k_low < self.k_high,
            f"`k_low` must be below `k_high`; they are {self.k_low} and {self.k_high}.",
        )

    @property
    def n_neighbors(self) -> int:
        return self.k_high

    def __call__(self, near: Neighbors, /) -> Dimension:
        ends = np.median(near.distances[:, [self.k_low - 1, self.k_high - 1]], axis=0)
        require(
            ends[0] < ends[1],
            f"The {self.k_low}-th and the {self.k_high}-th neighbour are equally far at "
            "the median: the points lie on a lattice; use a wider range, or "
            f"{ON_LATTICE}",
        )
        points = distinct_points(self, near)
        # A radius may equal the distance of a pair: rounding must not decide if it counts.
        ends = ends / unit(raw_points(self, near)) * (1 - 1e-9)
        fit = _takens if self.algorithm == "takens" else _slope
        radii = np.geomspace(ends[0], ends[1], self.n_radii)
        radii[[0, -1]] = ends
        value, relative = fit(points, np.searchsorted(near.rows, near.queries), radii)
        return pooled_dimension(
            self, near, value, value * relative, rate_interval(value, relative)
        )


def _slope(points: Floats, queries: Ints, radii: Floats) -> tuple[float, float]:
    """Value and relative error of the slope of log C."""
    counts = np.concatenate(
        [
            np.stack([(distances < r).sum(axis=1) for r in radii], axis=1)
            for _, distances in blocks_of_distances(points, queries)
        ]
    )
    shares = counts / (len(points) - 1)
    c = shares.mean(axis=0)
    require(
        c[0] > 0,
        "No pair is nearer than the smallest radius: use more anchors or a larger `k_low`.",
    )
    logs = np.log(radii)
    weights = (logs - logs.mean()) / np.square(logs - logs.mean()).sum()
    value = float(weights @ np.log(c))
    require(value > 0, "No pair lies between the radii: use more anchors or a wider range.")
    # The influence of a pair at distance r on the slope, and its mean square over pairs.
    per_radius = weights / c
    # min(c, c'): a pair within the smaller of two radii lies within the larger too.
    square = per_radius @ np.minimum.outer(c, c) @ per_radius
    variance = pair_variance(shares @ per_radius, float(square), len(points))
    return value, math.sqrt(variance) / value


def _takens(points: Floats, queries: Ints, radii: Floats) -> tuple[float, float]:
    """Value and relative error of 1 / mean log(R / r)."""
    reach = radii[-1]
    parts = []
    for _, distances in blocks_of_distances(points, queries):
        row, column = np.nonzero(distances < reach)
        logs = np.log(reach / distances[row, column])
        weights = (None, logs, np.square(logs))
        parts.append([np.bincount(row, weight, len(distances)) for weight in weights])
    counts, sums, squares = (np.concatenate(part) for part in zip(*parts, strict=True))
    require(
        float(sums.sum()) > 0,
        "No pair is nearer than the largest radius: use more anchors or a larger `k_high`.",
    )
    pairs = float(counts.sum())
    value = pairs / float(sums.sum())
    others = len(points) - 1
    # The score of a pair, 1 - d log(R / r) inside R, over its mean frequency.
    per_pair = len(queries) * others / pairs
    means = (counts - value * sums) / others * per_pair
    square = pairs - 2 * value * sums.sum() + value**2 * squares.sum()
    mean_square = float(square) / pairs * per_pair
    return value, math.sqrt(pair_variance(means, mean_square, len(points)))
