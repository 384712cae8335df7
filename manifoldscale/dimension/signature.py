"""The signature of a cloud: readings of distances and angles between neighbours.

A reading is one number measured on a cloud. Most readings are rough estimates of the
dimension, each with its own kind of error. Together they tell a flat cloud with edges from
a folded one of lower dimension, a steep density from a small dimension, and a rough map,
whose dimension falls slowly as points are added, from a smooth one. From distances to
neighbours:

    nearest : log of TwoNN, the smallest scale
    rank 2, 4, 8, 16, 32 : log of the dimension between neighbours k and 2k
    scatter : standard deviation of the log of the local dimensions, MLE(32)
    tilt    : correlation of these logs with log r_32: is d lower in sparse regions?
    unlike  : log of std / mean of log(r2 / r1), 0 if the ratios follow one dimension

and from coordinates:

    angle   : log of 1 / mean(cos^2) of the angles between directions to the 8 nearest
              neighbours; d for isotropic directions in dimension d
    wide    : the same for the neighbours 25 to 32
    lean    : mean(cos) of the angles to the 8 nearest; 0 inside a cloud, positive at its
              edge
    spread  : log of the participation ratio of the 32 nearest neighbours
    narrow  : the same for the 16 nearest
    extent  : log of mean^2 / (2 variance) of the distances between any two points
    linear  : log of the participation ratio of all points
    coarse 1, 2, 3 : log of the dimension between neighbours k and 2k among a few hundred of
              the points: the scales above those of the table
"""

import dataclasses as dc
import math

import numpy as np
from scipy.special import digamma

from ..core.arrays import Array, Floats, Ints
from ..geometry.neighbors import Neighbors
from .exponential import censored, pool
from .gride import log_ratios

RANKS = (2, 4, 8, 16, 32)
COARSE = (150, 38, 10)  # points per neighbour, of the few hundred
BY_DISTANCE = (
    *("nearest", *(f"rank {rank}" for rank in RANKS)),
    *("scatter", "tilt", "unlike"),
)
BY_POSITION = (
    *("angle", "wide", "lean", "spread", "narrow"),
    *("extent", "linear", *(f"coarse {i + 1}" for i in range(len(COARSE)))),
)
READINGS = (*BY_DISTANCE, *BY_POSITION)
N_NEIGHBORS = 64
LOCAL = 32
NARROW = 16
DIRECTIONS = 8
ANGLE_QUERIES = 1000
EXTENT_QUERIES = 600
FEWEST = 50  # queries that make a signature
BLOCK_BYTES = 1 << 25


@dc.dataclass(frozen=True, eq=False)
class Signature:
    """Readings (F,) by name, and the influence (M x F) of every query on each: to first
    order the error of a reading is the sum of the influences.
    """

    names: tuple[str, ...]
    values: Floats
    influence: Floats


def signature(near: Neighbors) -> Signature:
    """The readings of a cloud; only those of distances if there are no points."""
    rate = pool(*censored(log_ratios(near, 1, 2), 0.1))
    columns = [(math.log(rate.value), rate.influence)]
    columns += [_between(log_ratios(near, rank, 2 * rank), rank) for rank in RANKS]
    columns += [*_unevenness(near), _unlike(near)]
    if near.cloud is not None:
        columns += [*_angles(near), *_whole(near)]
    values, influence = zip(*columns, strict=True)
    names = READINGS[: len(columns)]
    return Signature(names, np.array(values), np.stack(influence, axis=1))


def _between(logs: Floats, rank: int) -> tuple[float, Floats]:
    """Log of the dimension d from the mean of log(r_2k / r_k), by the mean of
    -log Beta(k, k) / d.
    """
    mean = float(logs.mean())
    expected = float(digamma(2 * rank) - digamma(rank))
    return math.log(expected / mean), (1 - logs / mean) / len(logs)


def _unlike(near: Neighbors) -> tuple[float, Floats]:
    logs = log_ratios(near, 1, 2)
    mean, deviation = logs.mean(), logs.std()
    z = (logs - mean) / deviation
    influence = ((np.square(z) - 1) / 2 - (logs / mean - 1)) / len(logs)
    return math.log(deviation / mean), influence


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
    """The values centred and divided by their standard deviation, unless it is zero."""
    deviation = values.std()
    centred = values - values.mean()
    return np.asarray(centred / deviation if deviation > 0 else centred)


def _some(near: Neighbors, count: int) -> Ints:
    """Positions of up to `count` queries, evenly spread over the table."""
    m = near.n_queries
    return np.unique(np.linspace(0, m - 1, min(m, count)).astype(np.int64))


def _whole(near: Neighbors) -> list[tuple[float, Floats]]:
    """The readings of all distances between some of the queries."""
    assert near.cloud is not None
    chosen = _some(near, EXTENT_QUERIES)
    points = near.cloud.points[near.queries[chosen]].astype(np.float64)
    points -= points.mean(axis=0)
    points /= np.abs(points).max()
    gram = points @ points.T
    squares = np.diag(gram)
    squared = squares[:, None] + squares - 2 * gram
    distances = np.sqrt(np.maximum(squared, 0.0))
    np.fill_diagonal(distances, 0.0)
    columns = [_extent(distances), _linear(gram), *_coarse(distances)]
    found = []
    for value, own in columns:
        influence = np.zeros(near.n_queries)
        influence[chosen] = own
        found.append((value, influence))
    return found


def _extent(distances: Floats) -> tuple[float, Floats]:
    """How concentrated the distances are.

    The influence of a point comes from its own mean distances (Hajek's projection).
    """
    m = len(distances)
    first = distances.sum(axis=1) / (m - 1)
    second = np.square(distances).sum(axis=1) / (m - 1)
    mean = first.mean()
    variance = second.mean() - mean**2
    shift = second - second.mean() - 2 * mean * (first - mean)
    influence = 2 * (2 * (first / mean - 1) - shift / variance) / m
    return math.log(mean**2 / (2 * variance)), influence


def _linear(gram: Floats) -> tuple[float, Floats]:
    """The participation ratio, from the inner products of centred points."""
    lengths, shared = np.diag(gram), np.square(gram).mean(axis=1)
    trace, square = lengths.mean(), shared.mean()
    influence = 2 * ((lengths / trace - 1) - (shared / square - 1)) / len(gram)
    return math.log(trace**2 / square), influence


def _coarse(distances: Floats) -> list[tuple[float, Floats]]:
    """The dimension between neighbours k and 2k, with k a fixed share of the points."""
    m = len(distances)
    ranks = [max(1, m // share) for share in COARSE]
    # The first is the point itself; below 1e-8 of the extent there is only rounding.
    order = np.maximum(np.sort(distances, axis=1), 1e-8)
    return [_between(np.log(order[:, 2 * k] / order[:, k]), k) for k in ranks]


def _angles(near: Neighbors) -> list[tuple[float, Floats]]:
    """The readings of angles and spreads, at some of the queries."""
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
    means = local.mean(axis=0)
    influence = np.zeros((near.n_queries, len(means)))
    influence[chosen] = (local - means) / len(chosen)
    square, wide, lean, spread, narrow = means
    return [
        (-math.log(square), -influence[:, 0] / square),
        (-math.log(wide), -influence[:, 1] / wide),
        (lean, influence[:, 2]),
        (math.log(spread), influence[:, 3] / spread),
        (math.log(narrow), influence[:, 4] / narrow),
    ]


def _local_angles(points: Array, near: Neighbors, at: Ints) -> Floats:
    """mean cos^2 near and far, mean cos, and participation ratio at two sizes, at each
    query, (queries x 5).
    """
    around = points[near.indices[at, :LOCAL]].astype(np.float64)
    around -= points[near.queries[at], None].astype(np.float64)
    around /= near.distances[at, LOCAL - 1][:, None, None]  # any unit will do
    gram = around @ around.transpose(0, 2, 1)
    nearest, outer = (
        _cosines(gram[:, own, own]) for own in (slice(DIRECTIONS), slice(-DIRECTIONS, None))
    )
    return np.stack(
        [
            np.square(nearest).mean(axis=1),
            np.square(outer).mean(axis=1),
            nearest.mean(axis=1),
            _participation(gram),
            _participation(gram[:, :NARROW, :NARROW]),
        ],
        axis=1,
    )


def _cosines(gram: Floats) -> Floats:
    """Cosines between all pairs of directions, (queries x pairs)."""
    lengths = np.sqrt(np.einsum("nii->ni", gram))
    first, second = np.triu_indices(gram.shape[1], 1)
    return np.asarray(gram[:, first, second] / (lengths[:, first] * lengths[:, second]))


def _participation(gram: Floats) -> Floats:
    """The participation ratio of each neighbourhood about its mean, (queries,)."""
    centred = gram - gram.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=2, keepdims=True)
    trace = np.einsum("nii->n", centred)
    return np.asarray(trace**2 / np.square(centred).sum(axis=(1, 2)))
