"""Exact neighbours by a k-d tree, for data of few dimensions.

The tree proposes candidates by float64 distances. They are measured and ordered like the
candidates of products, and a query with a tie at its last place is searched again with more
candidates, so both searches agree to the last bit.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.threads import shared
from .bounds import SLACK
from .searched import LEAST, Search

if TYPE_CHECKING:
    from .keeping import Tree


FEATURES = 16  # beyond them no tree is tried
CERTAIN = 3  # up to them a tree is the quicker for all data
SAMPLE, PROBES = 4096, 32  # points of a tree that is tried, and queries
TOGETHER = 4096  # queries asked in one call


def pays(points: Array, k: int) -> bool:
    """Whether a tree finds `k` neighbours sooner than products do: it is tried on a sample,
    and what counts is how many points a query looks at. The times are measured ones.
    """
    from .keeping import near, tree_of

    n, features = points.shape
    if not CERTAIN < features <= FEATURES:
        return bool(features <= CERTAIN)
    sample = np.asarray(points[:: max(1, n // SAMPLE)], dtype=np.float64)
    probes = sample[:: max(1, len(sample) // PROBES)]
    count = min(k + 2, len(sample))
    found, reach = np.empty((len(probes), count), np.int64), np.empty(len(probes))
    with np.errstate(over="ignore"):
        seen = near(tree_of(sample), probes, count, found, reach) / len(probes)
    seen *= (n / len(sample)) ** 0.25  # which data of eight dimensions need
    by_tree = 7 * seen + 60 * count  # nanoseconds
    by_products = 2000 + (0.7 + 0.005 * features) * n + 110 * count
    return bool(by_tree < by_products)


def nearest(search: Search) -> tuple[Ints, Floats]:
    """The k nearest points of each query: positions and distances, (M x k) each."""
    import torch

    from .keeping import tree_of

    tree = tree_of(coordinates(search))
    # Queries in the order of the leaves find the points of the last query in the cache.
    order = tree.rows if search.is_all_pairs else np.arange(len(search.queries))
    indices = np.empty((len(order), search.k), dtype=np.int64)
    distances = np.empty(indices.shape)

    threads = torch.get_num_threads()
    share = len(order) // (2 * threads) if threads > 1 else len(order)
    step = min(TOGETHER, max(TOGETHER // 16, share))

    def strips(starts: Iterator[int]) -> None:
        for start in starts:
            rows = order[start : start + step]
            indices[rows], distances[rows] = _ask(search, tree, rows)

    shared(strips, range(0, len(order), step))
    return indices, search.distances(distances)


def coordinates(search: Search) -> Floats:
    """The points in float64, in units of the frame's scale. They are not centred:
    differences do not need it, and subtracting a centre would round.
    """
    blocks = (block.numpy().astype(np.float64) for block in search.points.blocks())
    return np.concatenate([block / search.frame.scale for block in blocks])


def _ask(search: Search, tree: "Tree", rows: Ints) -> tuple[Ints, Floats]:
    """Indices and squared distances of some queries, from k + 2 candidates, and from twice
    as many, repeatedly, for queries that are not settled.
    """
    import torch

    from . import measuring
    from .keeping import IN_ORDER, near

    n, k = len(search.points), search.k
    queries = search.queries.take(torch.from_numpy(rows)).numpy()
    queries = queries.astype(np.float64) / search.frame.scale
    indices = np.empty((len(rows), k), dtype=np.int64)
    squared = np.empty((len(rows), k))
    left, count = np.arange(len(rows)), min(k + 2, n)
    while len(left):
        found, reach = np.empty((len(left), count), np.int64), np.empty(len(left))
        near(tree, queries[left], count, found, reach)
        exact = _measured(search, rows[left], found)
        if count > IN_ORDER:  # else they are in order already
            order = exact.argsort(axis=1)
            found = np.take_along_axis(found, order, 1)
            exact = np.take_along_axis(exact, order, 1)
        nearest, apart = np.empty((len(left), k), np.int64), np.empty((len(left), k))
        measuring.rank_all(found, exact, nearest, apart)
        indices[left], squared[left] = nearest, apart
        # Points that the tree did not return are no nearer than the last one it returned.
        # Distances that cannot be told are refused: no need to ask for all of them.
        settled = (reach * (1 - SLACK) > apart[:, -1]) | (apart[:, -1] < LEAST)
        left = left[~settled & (count < n)]
        count = min(2 * count, n)
    return indices, squared


def _measured(search: Search, rows: Ints, found: Ints) -> Floats:
    """Squared distances of the candidates; inf for excluded ones."""
    import torch

    query, other = torch.from_numpy(rows), torch.from_numpy(found)
    squared = search.exact.squared(query, other)
    excluded = other == search.own[query][:, None]
    if search.query_groups is not None and search.point_groups is not None:
        excluded |= search.query_groups[query][:, None] == search.point_groups[other]
    return squared.masked_fill_(excluded, torch.inf).numpy()
