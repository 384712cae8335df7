"""Exact neighbours by a k-d tree, for few features.

SciPy's tree proposes candidates by float64 distances. They are measured and ordered like
the candidates of products, and a query with a tie at its last place is searched again with
more candidates, so both searches agree to the last bit.
"""

import numpy as np
from scipy import spatial

from ..core.arrays import Floats, Ints
from .bounds import SLACK
from .brute import Search

# Up to so many features a tree beats a product for all data (measured on uniform points;
# data of low dimension favour the tree more).
FEATURES = 8
QUERIES = 1 << 14  # queries asked together


def nearest(search: Search, threads: int = 1) -> tuple[Ints, Floats]:
    """The k nearest points of each query: positions and distances, (M x k) each."""
    coordinates = np.concatenate(
        [block.cpu().numpy().astype(np.float64) for block in search.points.blocks()]
    )
    # Not centred: differences do not need it, and subtracting a centre would round.
    coordinates /= search.frame.scale
    tree = spatial.cKDTree(coordinates)
    indices = np.empty((len(search.queries), search.k), dtype=np.int64)
    distances = np.empty(indices.shape)
    for start in range(0, len(indices), QUERIES):
        rows = np.arange(start, min(start + QUERIES, len(indices)))
        indices[rows], distances[rows] = _ask(search, tree, rows, threads)
    return indices, np.sqrt(distances) * search.frame.scale


def _ask(
    search: Search, tree: spatial.cKDTree, rows: Ints, threads: int
) -> tuple[Ints, Floats]:
    """Indices and squared distances of some queries, from k + 2 candidates, and from twice
    as many, repeatedly, for queries that are not settled.
    """
    import torch

    from . import loops

    n, k = len(search.points), search.k
    queries = search.queries.take(torch.from_numpy(rows)).cpu().numpy()
    queries = queries.astype(np.float64) / search.frame.scale
    indices = np.empty((len(rows), k), dtype=np.int64)
    squared = np.empty((len(rows), k))
    left, count = np.arange(len(rows)), min(k + 2, n)
    while len(left):
        reach, found = tree.query(queries[left], k=count, workers=threads)
        exact = _measured(search, rows[left], found.reshape(len(left), count))
        near, apart = np.empty((len(left), k), np.int64), np.empty((len(left), k))
        loops.rank_all(found, exact, near, apart)
        indices[left], squared[left] = near, apart
        # Points that the tree did not return are no nearer than the last one it returned.
        settled = np.square(reach[:, -1]) * (1 - SLACK) > squared[left, -1]
        left = left[~settled & (count < n)]
        count = min(2 * count, n)
    return indices, squared


def _measured(search: Search, rows: Ints, found: Ints) -> Floats:
    """Squared distances of the candidates; inf for excluded ones."""
    import torch

    place = search.points.place
    query = torch.from_numpy(rows).to(place)
    other = torch.from_numpy(found).to(place)
    squared = search.exact.squared(query, other)
    excluded = other == search.own[query][:, None]
    if search.query_groups is not None and search.point_groups is not None:
        excluded |= search.query_groups[query][:, None] == search.point_groups[other]
    squared[excluded] = torch.inf
    return squared.cpu().numpy()
