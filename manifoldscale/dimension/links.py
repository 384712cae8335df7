"""Sums over pairs of linked queries, compiled: the links themselves are never stored."""

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.compiled import compiled
from ..geometry.neighbors import Neighbors


def linked_sums(near: Neighbors, scores: Floats, close: int) -> tuple[float, float, int]:
    """The sum of u_i u_j over linked pairs of queries, i = j among them, that of their
    squares, and the number of these pairs.

    Queries are linked if one is a neighbour of the other, or they share one of their
    `close` nearest, where each is the nearest to itself.
    """
    members = np.column_stack([near.queries, near.indices])
    close = min(near.k, close) + 1
    place = np.full(near.n_rows, -1, np.int64)
    place[near.queries] = np.arange(near.n_queries)
    sharing = _holders(members[:, :close], near.n_rows)
    # If all neighbours count as shared, a neighbour is one: it is in its own neighbourhood.
    direct = sharing if close == members.shape[1] else _holders(members, near.n_rows)
    return _sums(members, close, place, *sharing, *direct, scores)


@compiled
def _holders(members: Ints, n_rows: int) -> tuple[Ints, Ints]:
    """The queries that have a row among their members: those of row r from start[r] on."""
    start = np.zeros(n_rows + 1, np.int64)
    for member in members.flat:
        start[member + 1] += 1
    for row in range(n_rows):
        start[row + 1] += start[row]
    free = start.copy()
    queries = np.empty(members.size, np.int64)
    for i in range(len(members)):
        for member in members[i]:
            queries[free[member]] = i
            free[member] += 1
    return queries, start


@compiled
def _sums(
    members: Ints,
    close: int,
    place: Ints,
    sharing: Ints,
    sharing_start: Ints,
    direct: Ints,
    direct_start: Ints,
    scores: Floats,
) -> tuple[float, float, int]:
    n, size = members.shape
    seen = np.full(n, -1, np.int64)
    found = np.empty(n + 1, np.int64)
    total, squares, pairs = 0.0, 0.0, 0
    for i in range(n):
        count = 0
        for member in members[i, :close]:
            for position in range(sharing_start[member], sharing_start[member + 1]):
                count = _add(sharing[position], i, seen, found, count)
        if close < size:
            for member in members[i]:
                if place[member] >= 0:
                    count = _add(place[member], i, seen, found, count)
            own = members[i, 0]
            for position in range(direct_start[own], direct_start[own + 1]):
                count = _add(direct[position], i, seen, found, count)
        sum_, sum_of_squares = 0.0, 0.0
        for position in range(count):
            score = scores[found[position]]
            sum_ += score
            sum_of_squares += score * score
        total += scores[i] * sum_
        squares += scores[i] * scores[i] * sum_of_squares
        pairs += count
    return total, squares, pairs


@compiled
def _add(query: int, i: int, seen: Array, found: Array, count: int) -> int:
    """Append a query to those linked to i, once."""
    found[count] = query  # overwritten by the next unless it is new: no branch to predict
    new = int(seen[query] != i)
    seen[query] = i
    return count + new
