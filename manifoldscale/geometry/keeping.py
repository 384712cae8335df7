"""Compiled loops that keep the least of many values: of tiles, and by a k-d tree.

A search makes N^2 values and keeps few. So each line of a tile is compared at once with the
limits of its queries, eight values are looked at together, and the few survivors go into
reservoirs. A full reservoir is thinned to about the number that is wanted, by counting the
values below a pivot: without branches that cannot be predicted, as a sort has.

Nodes of the tree have the boxes of their points and are halved at the median of the widest
side, so that every leaf is at the same depth; node i has the children 2 i + 1 and 2 i + 2.
"""

from typing import NamedTuple

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.compiled import compiled

GROUP = 8  # values that are looked at together, one byte each in a word
FULL = np.iinfo(np.int64).max  # the key of no candidate
FEW = 12  # values that are kept in order; more are kept in a reservoir
HALVINGS = 24  # of the interval of a pivot, before values are sorted: enough but for ties
LEAF = 12  # points of a leaf, at most twice so many
IN_ORDER = 32  # neighbours that a tree keeps in order
DEPTH = 64  # of the stack of nodes to visit


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


class Tree(NamedTuple):
    """Points (N x F) in the order of the leaves, and nodes.

    Attributes
    ----------
    points, rows : the points and their numbers.
    start, stop : (nodes,) the positions that a node holds.
    low, high : (nodes x F) the box of its points.
    """

    points: Floats
    rows: Ints
    start: Ints
    stop: Ints
    low: Floats
    high: Floats


def tree_of(points: Floats) -> Tree:
    """The tree of points (N x F)."""
    depth = max(int(np.log2(max(len(points) / LEAF, 1))), 0)
    nodes, features = 2 ** (depth + 1) - 1, points.shape[1]
    rows = np.arange(len(points))
    start, stop = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    low, high = np.empty((nodes, features)), np.empty((nodes, features))
    stop[0] = len(points)
    _build(points, rows, start, stop, low, high)
    return Tree(points[rows], rows, start, stop, low, high)


@compiled
def _build(
    points: Floats, rows: Ints, start: Ints, stop: Ints, low: Floats, high: Floats
) -> None:
    features = points.shape[1]
    values = np.empty(len(points))
    for node in range(len(start)):
        a, b = start[node], stop[node]
        low[node], high[node] = np.inf, -np.inf
        for position in range(a, b):
            point = points[rows[position]]
            for f in range(features):
                low[node, f] = min(low[node, f], point[f])
                high[node, f] = max(high[node, f], point[f])
        if 2 * node + 2 >= len(start):
            continue
        widest = 0
        for f in range(features):
            if high[node, f] - low[node, f] > high[node, widest] - low[node, widest]:
                widest = f
        for position in range(a, b):
            values[position] = points[rows[position], widest]
        half = (b - a) // 2
        keep_least(values[a:b], rows[a:b], b - a, half)
        start[2 * node + 1], stop[2 * node + 1] = a, a + half
        start[2 * node + 2], stop[2 * node + 2] = a + half, b


@compiled
def near(tree: Tree, queries: Floats, count: int, index: Ints, reach: Floats) -> int:
    """The `count` nearest points of each query (m x count), the query itself among them,
    and the largest of their squared distances. They are in order if they are few. Returns
    how many points were looked at.
    """
    nodes, features = tree.low.shape
    start, stop = tree.start, tree.stop
    room = count if count <= IN_ORDER else 2 * count + 2 * GROUP
    value, found = np.empty(room), np.empty(room, np.int64)
    waiting, bounds = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    seen = 0
    for i in range(len(queries)):
        x = queries[i]
        n, limit = 0, np.inf
        left, waiting[0], bounds[0] = 1, 0, 0.0
        while left:
            left -= 1
            node, bound = waiting[left], bounds[left]
            while bound < limit and 2 * node + 2 < nodes:  # down, by the nearer child
                one, other = 2 * node + 1, 2 * node + 2
                bound, farther = _to_box(tree, one, x), _to_box(tree, other, x)
                if farther < bound:
                    one, other, bound, farther = other, one, farther, bound
                if farther < limit:
                    waiting[left], bounds[left] = other, farther
                    left += 1
                node = one
            if bound >= limit:
                continue
            seen += stop[node] - start[node]
            for position in range(start[node], stop[node]):
                apart = 0.0
                for f in range(features):
                    d = x[f] - tree.points[position, f]
                    apart += d * d
                if apart >= limit:
                    continue
                point = tree.rows[position]
                if count <= IN_ORDER:
                    n, limit = inserted(value, found, n, count, apart, point)
                else:
                    value[n], found[n] = apart, point
                    n += 1
                    if n > room - GROUP:
                        n, limit = thinned(value, found, n, count)
        keep_least(value, found, n, count)
        index[i], reach[i] = found[:count], value[count - 1]
    return seen


@compiled
def _to_box(tree: Tree, node: int, x: Floats) -> float:
    squared = 0.0
    for f in range(len(x)):
        out = max(tree.low[node, f] - x[f], x[f] - tree.high[node, f], 0.0)
        squared += out * out
    return squared
