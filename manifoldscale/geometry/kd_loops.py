"""A k-d tree, compiled. Nodes have the boxes of their points and are halved at the median
of the widest side, so that every leaf is at the same depth; node i has the children
2 i + 1 and 2 i + 2.
"""

from typing import NamedTuple

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.compiled import compiled
from .loops import GROUP, inserted, keep_least, thinned

LEAF = 12  # points of a leaf, at most twice so many
FEW = 32  # neighbours that are kept in order; more are kept in a reservoir
DEPTH = 64  # of the stack of nodes to visit


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
    room = count if count <= FEW else 2 * count + 2 * GROUP
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
                if count <= FEW:
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
