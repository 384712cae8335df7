"""Information imbalance and overlap: whether two layers agree on who is near whom."""

import dataclasses as dc
from collections.abc import Sequence

import numpy as np

from ..core.arrays import Array, Floats, Ints
from .aligned import TIE, Aligned, Estimate


@dc.dataclass(frozen=True, eq=False)
class Nearest:
    """Neighbours of every point in one layer.

    Attributes
    ----------
    indices : (n x k + 1) by rising distance; the last takes the place of one that is left
        out.
    second : (n,) the nearest point that is not in the group of the nearest.
    """

    indices: Ints
    second: Ints
    tied: float

    @property
    def first(self) -> Ints:
        return np.asarray(self.indices[:, 0])


@dc.dataclass(frozen=True, eq=False)
class Ranks:
    """In another layer, the ranks (n,) of the first and second neighbour of every point,
    and in how many points' view each point is nearer than their first neighbour.
    """

    first: Ints
    second: Ints
    nearer: Ints
    permuted: Floats  # (permutations,) the mean rank when rows are permuted

    @classmethod
    def zeros(cls, n: int, permutations: int) -> "Ranks":
        first, second, nearer = np.zeros((3, n), np.int64)
        return cls(first, second, nearer, np.zeros(permutations))


def nearest(points: Aligned, layer: Floats, k: int) -> Nearest:
    indices = np.empty((len(points), k + 1), np.int64)
    tied = np.zeros(len(points), bool)
    for rows, squared in points.squared_distances(layer):
        some = np.argpartition(squared, k, axis=1)[:, : k + 1]
        values = np.take_along_axis(squared, some, axis=1)
        order = np.argsort(values, axis=1)
        indices[rows] = np.take_along_axis(some, order, axis=1)
        values.sort(axis=1)
        tied[rows] = values[:, 1] - values[:, 0] <= TIE
    other = points.group[indices] != points.group[indices[:, :1]]
    place = np.where(other.any(axis=1), other.argmax(axis=1), k)
    second = np.take_along_axis(indices, place[:, None], axis=1)[:, 0]
    return Nearest(indices, second, float(tied.mean()))


def ranks(
    points: Aligned, layer: Floats, of: Sequence[Nearest], orders: Ints
) -> list[Ranks]:
    """For each table `of` another layer, the ranks in this one of its neighbours.

    All distances of a row are sorted once, for every other layer.
    """
    n, kind = len(points), np.uint16 if len(points) < 2**16 else np.uint32
    everyone = np.arange(1, n + 1, dtype=kind)
    found = [Ranks.zeros(n, len(orders)) for _ in of]
    inverse = np.argsort(orders, axis=1)
    for rows, squared in points.squared_distances(layer):
        rank = np.empty(squared.shape, kind)
        np.put_along_axis(rank, squared.argsort(axis=1), everyone[None], axis=1)
        for table, result in zip(of, found, strict=True):
            for target, into in (
                (table.first, result.first),
                (table.second, result.second),
            ):
                into[rows] = np.take_along_axis(rank, target[rows, None], axis=1)[:, 0]
            first = result.first[rows, None].astype(kind)
            result.nearer[:] += (rank < first).sum(axis=0, dtype=np.int32)
            for place, (order, back) in enumerate(zip(orders, inverse, strict=True)):
                target = order[table.first[back[rows]]]
                result.permuted[place] += rank[np.arange(len(rank)), target].sum() / n
    return found


def imbalance(points: Aligned, near: Nearest, found: Ranks) -> Estimate:
    """The mean rank in B of the nearest neighbour in A, over its mean for any point.

    Without groups this is 2 / n <r_B | r_A = 1> (Glielmo et al. 2022, eq. 3). A point that
    is left out moves up the next neighbour of those whose nearest it was, and the ranks of
    all that are farther than it.
    """
    n, r = len(points), found.first
    moved = found.second - (r < found.second) - r
    change = np.bincount(near.first, moved, n) - r - found.nearer
    usual = (points.others + 1) / 2
    total = np.array([r.sum(), usual.sum()], dtype=float)
    less = _by_group(points, np.stack([change, -(usual + points.others / 2)], axis=1))
    without = total + less
    of_pairs = _of_pairs(points, near.indices[:, :1], (r - r.mean())[:, None])
    return Estimate(
        float(total[0] / total[1]),
        without[:, 0] / without[:, 1],
        of_pairs / float(total[1]) ** 2,
    )


def overlap(points: Aligned, a: Nearest, b: Nearest) -> Estimate:
    """The mean share of the k nearest neighbours that are neighbours in both layers."""
    k, n = a.indices.shape[1] - 1, len(points)
    own_a, own_b = a.indices[:, :k], b.indices[:, :k]
    next_a, next_b = a.indices[:, k], b.indices[:, k]
    both, of_b = _is_in(own_a, own_b), _is_in(own_b, own_a)  # (n x k)
    # Without one of its neighbours a point gets the next one, which may be a common one.
    gain_a = _is_in(next_a[:, None], own_b)[:, 0].astype(int)
    gain_b = _is_in(next_b[:, None], own_a)[:, 0].astype(int)
    of_both = gain_a + gain_b + (next_a == next_b) - 1
    in_a = np.where(both, of_both[:, None], gain_a[:, None])
    in_b = np.where(of_b, 0, gain_b[:, None])
    change = np.bincount(own_a.ravel(), in_a.ravel(), n)
    change += np.bincount(own_b.ravel(), in_b.ravel(), n)
    mean = both.mean()
    of_pairs = _of_pairs(points, own_a, both - mean) + _of_pairs(points, own_b, of_b - mean)
    return _mean_of_queries(points, both.sum(axis=1) / k, change / k, of_pairs / 2 / k**2)


def label_overlap(points: Aligned, near: Nearest, labels: Array) -> Estimate:
    """The mean share of the k nearest neighbours that have the label of the point."""
    k, n = near.indices.shape[1] - 1, len(points)
    same = (labels[near.indices] == labels[:, None]).astype(int)
    own, each = near.indices[:, :k], same[:, :k]
    change = np.bincount(own.ravel(), (same[:, k:] - each).ravel(), n)
    of_pairs = _of_pairs(points, own, each - each.mean(axis=1, keepdims=True))
    return _mean_of_queries(points, each.mean(axis=1), change / k, of_pairs / k**2)


def permuted_overlap(a: Nearest, b: Nearest, orders: Ints) -> Floats:
    """(permutations,) overlaps when the rows of B are permuted."""
    k = a.indices.shape[1] - 1
    own_a, own_b = a.indices[:, :k], b.indices[:, :k]
    return np.array(
        [
            _is_in(own_a, np.argsort(order)[own_b[order]]).sum(axis=1).mean() / k
            for order in orders
        ]
    )


def _is_in(some: Ints, others: Ints) -> Array:
    """Whether each entry of a row of `some` is in the same row of `others`."""
    found = np.zeros(some.shape, bool)
    for column in range(others.shape[1]):
        found |= some == others[:, column, None]
    return found


def _mean_of_queries(
    points: Aligned, each: Floats, change: Floats, of_pairs: float
) -> Estimate:
    """The mean over points, where leaving one out also changes the sum over the others."""
    less = _by_group(points, np.stack([change - each, np.full(len(each), -1.0)], axis=1))
    without = np.array([each.sum(), len(each)]) + less
    mean, n = float(each.mean()), len(each)
    return Estimate(mean, without[:, 0] / without[:, 1], of_pairs / n**2)


def _of_pairs(points: Aligned, neighbors: Ints, values: Floats) -> float:
    """The sum over pairs of points of the squared sum of centred values of both as a point
    and its neighbour, both (n x k).

    None of it is known of groups, where the jackknife moves up single neighbours only, and
    is not too wide.
    """
    n = len(points)
    if len(points.sizes) < n:
        return 0.0
    one = np.broadcast_to(np.arange(n)[:, None], neighbors.shape)
    pair = np.minimum(one, neighbors) * n + np.maximum(one, neighbors)
    _, place = np.unique(pair, return_inverse=True)
    return float(np.square(np.bincount(place.ravel(), values.ravel())).sum())


def _by_group(points: Aligned, values: Floats) -> Floats:
    return np.asarray(np.add.reduceat(values, points.starts, axis=0))
