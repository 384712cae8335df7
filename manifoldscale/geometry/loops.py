"""The inner loops of the search, compiled: look at points, keep the least of many
values, measure, order.

A search makes N^2 values and keeps few. So each line of a tile is compared at once with the
limits of its queries, eight values are looked at together, and the few survivors go into
reservoirs. A full reservoir is thinned to about the number that is wanted, by counting the
values below a pivot: without branches that cannot be predicted, as a sort has.
"""

from typing import NamedTuple

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.compiled import compiled

GROUP = 8  # values that are looked at together, one byte each in a word
FULL = np.iinfo(np.int64).max  # the key of no candidate
FEW = 12  # values that are kept in order; more are kept in a reservoir
HALVINGS = 24  # of the interval of a pivot, before values are sorted: enough but for ties


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


class Reservoirs(NamedTuple):
    """The smallest values of m queries so far.

    Attributes
    ----------
    value, number : (m x room) the survivors and the numbers of their points.
    filled : (m,) how many survivors there are.
    limit : (m,) only values below it matter.
    """

    value: Array
    number: Array
    filled: Ints
    limit: Array


@compiled
def offer(
    tile: Array, start: int, first: int, rows: Reservoirs, columns: Reservoirs, count: int
) -> None:
    """Store the values of a tile that are below the limit of their row, with their column
    as the point, and those below the limit of their column, with their row as the point.
    The tile's first row is point `start`, its first column point `first`.
    """
    values, indices, filled, limits = columns
    width = len(limits)  # a tile may have more columns, of no points
    below = np.zeros((width + GROUP - 1) // GROUP * GROUP, np.uint8)
    words = below.view(np.uint64)
    room, few = rows.value.shape[1] - GROUP, count <= FEW
    for i in range(len(tile)):
        line, limit = tile[i], rows.limit[i]
        value, index, place = rows.value[i], rows.number[i], rows.filled[i]
        for j in range(width):
            below[j] = line[j] < max(limit, limits[j])
        for word in range(len(words)):
            if not words[word]:
                continue
            for j in range(GROUP * word, min(GROUP * word + GROUP, width)):
                one = line[j]
                if few:
                    if one < limit:
                        place, limit = inserted(value, index, place, count, one, first + j)
                    if one < limits[j]:
                        filled[j], limits[j] = inserted(
                            values[j], indices[j], filled[j], count, one, start + i
                        )
                    continue
                value[place], index[place] = one, first + j
                place += np.int64(one < limit)
                if one < limits[j]:
                    n = filled[j]
                    values[j, n], indices[j, n] = one, start + i
                    n += 1
                    if n > room:
                        n, limits[j] = thinned(values[j], indices[j], n, count)
                    filled[j] = n
            if place > room:
                place, limit = thinned(value, index, place, count)
        rows.filled[i], rows.limit[i] = place, limit


@compiled
def inserted(
    value: Array, index: Ints, n: int, count: int, one: float, point: int
) -> tuple[int, float]:
    """Put one value in its place among n in order, of which `count` are kept: how many
    there are, and the limit for the next.
    """
    j = min(n, count - 1)
    while j and value[j - 1] > one:
        value[j], index[j] = value[j - 1], index[j - 1]
        j -= 1
    value[j], index[j] = one, point
    n = min(n + 1, count)
    return n, (value[n - 1] if n == count else value.dtype.type(np.inf))


@compiled
def thinned(value: Array, index: Ints, size: int, count: int) -> tuple[int, float]:
    """Keep the least of `size` values, `count` or a few more, at the front: how many, and a
    limit below which they are and the others are not.
    """
    most = count + (len(value) - GROUP - count) // 4
    low = high = value[0]
    for i in range(1, size):
        low, high = min(low, value[i]), max(high, value[i])
    for _ in range(HALVINGS):
        pivot = np.float32(0.5) * (low + high)
        n = np.int32(0)
        for i in range(size):
            n += np.int32(value[i] < pivot)
        if n < count:
            low = pivot
        elif n > most:
            high = pivot
        else:
            place = 0
            for i in range(size):
                one, point = value[i], index[i]
                value[place], index[place] = one, point
                place += int(one < pivot)
            return place, pivot
    keep_least(value, index, size, count)
    return count, value[count - 1]


@compiled
def keep_least(value: Array, index: Ints, size: int, count: int) -> None:
    """Bring the `count` least of `size` values to the front, the largest of them last
    (Hoare's selection).
    """
    low, high, target = 0, size - 1, count - 1
    while low < high:
        one, two, three = value[low], value[(low + high) // 2], value[high]
        pivot = max(min(one, two), min(max(one, two), three))
        i, j = low, high
        while i <= j:
            while value[i] < pivot:
                i += 1
            while value[j] > pivot:
                j -= 1
            if i <= j:
                value[i], value[j] = value[j], value[i]
                index[i], index[j] = index[j], index[i]
                i += 1
                j -= 1
        if target <= j:
            high = j
        elif target >= i:
            low = i
        else:
            return


@compiled
def keys(best: Reservoirs, out: Ints) -> None:
    """Integers (m x room) that sort as the values do, each with the number of its point in
    its lower half; the largest integer in empty places.
    """
    for i in range(len(out)):
        bits = best.value[i].view(np.int32)
        for j in range(best.filled[i]):
            # Bits of floats sort as integers if those of negative ones are turned.
            high = bits[j] ^ ((bits[j] >> 31) & 0x7FFFFFFF)
            out[i, j] = (np.int64(high) << 32) | np.int64(best.number[i, j])
        out[i, best.filled[i] :] = FULL


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
        while n < count and keys[i, n] != FULL:
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
