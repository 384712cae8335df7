"""The signature of a cloud: what distances and angles between neighbours read.

Each reading measures dimension in its own way and errs in its own way, so that together
they tell a flat cloud with edges from a folded one of lower dimension, and a steep density
from a small dimension. From distances to neighbours:

    nearest : log of TwoNN, the smallest scale
    middle  : log of Gride(8, 16), a scale eight times as coarse
    far     : log of Gride(32, 64)
    scatter : standard deviation of the log of the local dimensions, MLE(32)
    tilt    : correlation of these logs with log r_32: do sparse regions read lower?

and from coordinates:

    angle   : log of 1 / mean(cos^2) of the angles between directions to the 8 nearest
              neighbours; d for isotropic directions in dimension d
    lean    : mean(cos) of the same angles; 0 inside a cloud, positive at its edge
    spread  : log of the participation ratio of the 32 nearest neighbours
    extent  : log of mean^2 / (2 variance) of the distances between any two points
"""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..geometry.neighbors import Neighbors
from .exponential import censored, pool
from .gride import fit_beta, log_ratios

READINGS = (
    *("nearest", "middle", "far", "scatter", "tilt"),
    *("angle", "lean", "spread", "extent"),
)
N_NEIGHBORS = 64
LOCAL = 32
DIRECTIONS = 8
ANGLE_QUERIES = 1000
EXTENT_QUERIES = 600
BLOCK_BYTES = 1 << 25


@dc.dataclass(frozen=True, eq=False)
class Signature:
    """Readings (F,) by name, and the influence (M x F) of every query on each of them: to
    first order a reading moves by the sum of the influences.
    """

    names: tuple[str, ...]
    values: Floats
    influence: Floats


def signature(near: Neighbors) -> Signature:
    """The readings of a cloud; those of distances only, where there are no points."""
    columns = [_nearest(near), _rank(near, 8), _rank(near, 32), *_unevenness(near)]
    if near.cloud is not None:
        columns += [*_angles(near), _extent(near)]
    values, influence = zip(*columns, strict=True)
    names = READINGS[: len(columns)]
    return Signature(names, np.array(values), np.stack(influence, axis=1))


def _nearest(near: Neighbors) -> tuple[float, Floats]:
    rate = pool(*censored(log_ratios(near, 1, 2), 0.1))
    return math.log(rate.value), rate.influence


def _rank(near: Neighbors, n1: int) -> tuple[float, Floats]:
    fit = fit_beta(log_ratios(near, n1, 2 * n1), n1, 2 * n1)
    return math.log(fit.value), fit.influence


def _unevenness(near: Neighbors) -> list[tuple[float, Floats]]:
    """Scatter and tilt of the local dimensions."""
    logs = np.log(near.distances[:, :LOCAL])
    sums = (logs[:, -1:] - logs).sum(axis=1)
    local = -np.log(np.maximum(sums, 1e-6 * sums.mean()))
    deviation = local.std()
    a, b = _standard(local), _standard(logs[:, -1])
    tilt = float((a * b).mean())
    m = near.n_queries
    return [
        (float(deviation), deviation * (np.square(a) - 1) / (2 * m)),
        (tilt, (a * b - tilt * (np.square(a) + np.square(b)) / 2) / m),
    ]


def _standard(values: Floats) -> Floats:
    """Centred and divided by the standard deviation, where there is one."""
    deviation = values.std()
    centred = values - values.mean()
    return np.asarray(centred / deviation if deviation > 0 else centred)


def _some(near: Neighbors, count: int) -> Ints:
    """Positions of up to `count` queries, evenly spread over the table."""
    m = near.n_queries
    return np.unique(np.linspace(0, m - 1, min(m, count)).astype(np.int64))


def _extent(near: Neighbors) -> tuple[float, Floats]:
    """How concentrated the distances between some of the queries are.

    The influence of a point is that of its own mean distances (Hajek's projection).
    """
    assert near.cloud is not None
    chosen = _some(near, EXTENT_QUERIES)
    points = near.cloud.points[near.queries[chosen]].astype(np.float64)
    points -= points.mean(axis=0)
    points /= np.abs(points).max()
    squares = np.square(points).sum(axis=1)
    squared = squares[:, None] + squares - 2 * points @ points.T
    np.fill_diagonal(squared, 0.0)
    others = len(chosen) - 1
    distances = np.sqrt(np.maximum(squared, 0.0))
    first, second = distances.sum(axis=1) / others, squared.sum(axis=1) / others
    mean = first.mean()
    variance = second.mean() - mean**2
    shift = second - second.mean() - 2 * mean * (first - mean)
    influence = np.zeros(near.n_queries)
    influence[chosen] = 2 * (2 * (first / mean - 1) - shift / variance) / len(chosen)
    return math.log(mean**2 / (2 * variance)), influence


def _angles(near: Neighbors) -> list[tuple[float, Floats]]:
    """The three readings of angles, at some of the queries."""
    assert near.cloud is not None
    chosen = _some(near, ANGLE_QUERIES)
    points = near.cloud.points
    step = max(1, BLOCK_BYTES // (8 * LOCAL * points.shape[1]))
    local = np.concatenate(
        [
            _local_angles(points, near, chosen[start : start + step])
            for start in range(0, len(chosen), step)
        ]
    )
    square, lean, spread = local.mean(axis=0)
    influence = np.zeros((near.n_queries, 3))
    influence[chosen] = (local - local.mean(axis=0)) / len(chosen)
    return [
        (-math.log(square), -influence[:, 0] / square),
        (lean, influence[:, 1]),
        (math.log(spread), influence[:, 2] / spread),
    ]


def _local_angles(points: Array, near: Neighbors, at: Ints) -> Floats:
    """mean cos^2, mean cos, and participation ratio at each query, (queries x 3)."""
    around = points[near.indices[at, :LOCAL]].astype(np.float64)
    around -= points[near.queries[at], None].astype(np.float64)
    around /= near.distances[at, LOCAL - 1][:, None, None]  # any unit will do
    gram = around @ around.transpose(0, 2, 1)
    lengths = np.sqrt(np.einsum("nii->ni", gram[:, :DIRECTIONS, :DIRECTIONS]))
    first, second = np.triu_indices(DIRECTIONS, 1)
    cosines = gram[:, first, second] / (lengths[:, first] * lengths[:, second])
    centred = gram - gram.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=2, keepdims=True)
    trace = np.einsum("nii->n", centred)
    return np.stack(
        [
            np.square(cosines).mean(axis=1),
            cosines.mean(axis=1),
            trace**2 / np.square(centred).sum(axis=(1, 2)),
        ],
        axis=1,
    )
