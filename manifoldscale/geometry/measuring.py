"""Compiled loops over points and candidates: hashes, ranges, lengths, distances, order."""

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.compiled import compiled

# The key of no candidate, as `keeping.FULL`: machine code that is kept must not take a
# constant from another file, which may change without it.
NONE = np.iinfo(np.int64).max


@compiled
def hash_rows(words: Array, factors: Array, out: Array) -> None:
    """The sum of words times factors of each row, modulo 2^64."""
    for i in range(len(words)):
        total = np.uint64(0)
        for j in range(len(factors)):
            total += np.uint64(words[i, j]) * factors[j]
        out[i] = total


@compiled
def extend(points: Array, low: Floats, high: Floats) -> None:
    """Widen the range from low to high of each feature by these points."""
    for i in range(len(points)):
        for f in range(len(low)):
            x = np.float64(points[i, f])
            low[f], high[f] = min(low[f], x), max(high[f], x)


@compiled
def norms(points: Array, out: Floats) -> None:
    """The length of each point, summed in float64."""
    for i in range(len(points)):
        squared = 0.0
        for f in range(points.shape[1]):
            x = np.float64(points[i, f])
            squared += x * x
        out[i] = np.sqrt(squared)


@compiled
def centre_columns(
    points: Array, centre: Array, unit: float, g: float, columns: Array
) -> None:
    """Columns x, (1 - g) |x|^2, 1, |x| of the points x about a centre, times unit."""
    features = len(centre)
    for i in range(len(points)):
        squared = 0.0
        for f in range(features):
            columns[i, f] = (points[i, f] - centre[f]) * unit
            squared += np.float64(columns[i, f]) * np.float64(columns[i, f])
        columns[i, features] = (1 - g) * squared
        columns[i, features + 1] = 1.0
        columns[i, features + 2] = np.sqrt(squared)


@compiled
def settle(
    keys: Ints,
    count: int,
    queries: Array,
    points: Array,
    query_rows: Ints,
    point_rows: Ints,
    unit: float,
    slack: float,
    tiny: float,
    index: Ints,
    squared: Floats,
    certain: Array,
) -> None:
    """Measure the candidates of each query, the first `count` of its sorted keys, order
    them, and say whether no other point can be as near: there are fewer candidates, or the
    largest of their lower bounds exceeds the k-th distance.

    Candidates beyond the first k whose bound exceeds the largest of k distances cannot be
    among the k nearest, and are not measured.
    """
    k = index.shape[1]
    asked, measured = np.empty(points.shape[1]), np.empty(count)
    chosen, bound = np.empty(count, np.int64), np.empty(count, np.float32)
    bits = bound.view(np.int32)
    for i in range(len(index)):
        n = 0
        while n < count and keys[i, n] != NONE:
            high = np.int32(keys[i, n] >> 32)
            bits[n] = high ^ ((high >> 31) & 0x7FFFFFFF)
            chosen[n] = keys[i, n] & 0xFFFFFFFF
            n += 1
        _widened(queries[query_rows[i]], asked)
        stop = min(n, k)
        _measure(asked, points, point_rows, chosen, 0, stop, unit, measured)
        farthest = 0.0
        for j in range(stop):
            farthest = max(farthest, measured[j])
        limit = _at_most(farthest, slack, tiny)
        first = stop
        while stop < n and bound[stop] <= limit:
            stop += 1
        _measure(asked, points, point_rows, chosen, first, stop, unit, measured)
        _rank(chosen[:stop], measured[:stop], index[i], squared[i])
        beyond = _at_most(squared[i, k - 1], slack, tiny)
        certain[i] = n < count or bound[count - 1] > beyond


@compiled
def measure_all(
    others: Ints,
    queries: Array,
    points: Array,
    query_rows: Ints,
    point_rows: Ints,
    unit: float,
    squared: Floats,
) -> None:
    """Squared distances over unit^2 from each query to each of its `others`."""
    asked = np.empty(points.shape[1])
    for i in range(len(others)):
        _widened(queries[query_rows[i]], asked)
        _measure(asked, points, point_rows, others[i], 0, others.shape[1], unit, squared[i])


@compiled
def rank_all(found: Ints, measured: Floats, index: Ints, squared: Floats) -> None:
    """The nearest of the points `found`; those at infinity are left out."""
    for i in range(len(found)):
        _rank(found[i], measured[i], index[i], squared[i])


@compiled
def _at_most(squared: float, slack: float, tiny: float) -> float:
    return squared * (1 + slack) + tiny


@compiled
def _widened(point: Array, out: Floats) -> None:
    for f in range(len(out)):
        out[f] = point[f]


@compiled
def _measure(
    asked: Floats,
    points: Array,
    point_rows: Ints,
    chosen: Ints,
    start: int,
    stop: int,
    unit: float,
    out: Floats,
) -> None:
    """Squared distances over unit^2 from one query, by float64 differences. Four points at
    a time, also at the end, so that each sum is taken in the same order.
    """
    for first in range(start, stop, 4):
        last = stop - 1
        b, c, d = min(first + 1, last), min(first + 2, last), min(first + 3, last)
        p, q = points[point_rows[chosen[first]]], points[point_rows[chosen[b]]]
        r, s = points[point_rows[chosen[c]]], points[point_rows[chosen[d]]]
        to_p = to_q = to_r = to_s = 0.0
        for f in range(len(asked)):
            x = asked[f]
            apart = (x - p[f]) * unit
            to_p += apart * apart
            apart = (x - q[f]) * unit
            to_q += apart * apart
            apart = (x - r[f]) * unit
            to_r += apart * apart
            apart = (x - s[f]) * unit
            to_s += apart * apart
        out[first], out[b], out[c], out[d] = to_p, to_q, to_r, to_s


@compiled
def _rank(chosen: Ints, measured: Floats, index: Ints, squared: Floats) -> None:
    """The nearest, ties in order of their number; -1 and inf where there are too few. Both
    are sorted in place.
    """
    n, k = len(measured), len(index)
    moves = 0
    for i in range(1, n):  # insertion, because candidates come nearly in order
        j = i
        while j and _precedes(chosen, measured, j, j - 1):
            _swap(chosen, measured, j, j - 1)
            j -= 1
        moves += i - j
        if moves > 32 * n:
            _sort(chosen, measured)
            break
    for j in range(k):
        there = j < n and measured[j] < np.inf
        index[j] = chosen[j] if there else -1
        squared[j] = measured[j] if there else np.inf


@compiled
def _sort(chosen: Ints, measured: Floats) -> None:
    """Heap sort: never quadratic, and compiled in a tenth of NumPy's time."""
    n = len(measured)
    for root in range(n // 2 - 1, -1, -1):
        _sift(chosen, measured, root, n)
    for stop in range(n - 1, 0, -1):
        _swap(chosen, measured, 0, stop)
        _sift(chosen, measured, 0, stop)


@compiled
def _sift(chosen: Ints, measured: Floats, root: int, stop: int) -> None:
    """Let one entry sink until no child comes after it."""
    child = 2 * root + 1
    while child < stop:
        if child + 1 < stop and _precedes(chosen, measured, child, child + 1):
            child += 1
        if not _precedes(chosen, measured, root, child):
            return
        _swap(chosen, measured, root, child)
        root, child = child, 2 * child + 1


@compiled
def _precedes(chosen: Ints, measured: Floats, i: int, j: int) -> bool:
    if measured[i] == measured[j]:
        return bool(chosen[i] < chosen[j])
    return bool(measured[i] < measured[j])


@compiled
def _swap(chosen: Ints, measured: Floats, i: int, j: int) -> None:
    chosen[i], chosen[j] = chosen[j], chosen[i]
    measured[i], measured[j] = measured[j], measured[i]
