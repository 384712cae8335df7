"""Neighbour tables from distances that were computed elsewhere."""

import dataclasses as dc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse, stats

from ..core.arrays import Array, Bools, Floats, Ints, as_numpy, as_real
from ..core.errors import ManifoldScaleError, is_whole, one_of, require
from .duplicates import POLICIES

DEFAULT_K = 64
EXACT = 1e-6  # rounding in float64, relative to the largest distance
ROUNDED = 2e-3  # the same if float32 took the root of a difference of squares
QUIET = 0.2  # of the median nearest distance: noise that changes it by at most 2 %
BLOCK = 1 << 20  # numbers read together


CHECKED = 500  # points whose triangles are checked
FEWEST = 30  # triangles needed for a check
ALIKE = 0.2  # mean rank correlation with common neighbours: distances have a negative one
LONGER, BROKEN = (
    1.01,
    0.02,
)  # excess of a side, share of triangles: more is not rounding

Lookup = Callable[[Ints, Ints], Floats]


@dc.dataclass(frozen=True, eq=False)
class KnownTable:
    """The fields of `Neighbors` for a search whose points are not known."""

    queries: Ints
    indices: Ints
    distances: Floats
    rows: Ints
    n_duplicates: int
    n_merged: int
    n_rows: int


def from_distances(
    matrix: Any, k: int | None, duplicates: str, tolerance: float
) -> KnownTable:
    """See `Neighbors.from_distances`."""
    one_of("duplicates", duplicates, POLICIES)
    distances = _checked_matrix(matrix)
    n = len(distances)
    rows = _first_of_linked(_linked(distances, 0.0), n)
    n_duplicates = n - len(rows)
    _no_error(n_duplicates, n, duplicates)
    n_merged = 0
    if duplicates == "merge":
        # The mean squared distance of all pairs is twice the mean square from the mean.
        spread = np.sqrt(sum(float(np.square(b).sum()) for _, b in _blocks(distances)) / 2)
        links = _linked(distances, tolerance * float(spread) / n)
        merged = _first_of_linked(links, n)
        n_merged, rows = len(rows) - len(merged), merged
    most = len(rows) - 1
    wanted = min(DEFAULT_K, most) if k is None else k
    require(
        is_whole(wanted) and 1 <= wanted <= most,
        f"`k` must be an integer from 1 to {most}, for {len(rows)} distinct points; not "
        f"{wanted!r}.",
    )
    step = max(1, BLOCK // n)
    parts = [
        _nearest(distances, rows[start : start + step], rows, int(wanted))
        for start in range(0, len(rows), step)
    ]
    indices, near = (np.concatenate(part) for part in zip(*parts, strict=True))
    return KnownTable(rows, indices, near, rows, n_duplicates, n_merged, n)


def _checked_matrix(matrix: Any) -> Floats:
    """The matrix in float64, not copied if it is float64 already."""
    array = as_real(matrix, "matrix")
    require(
        array.ndim == 2 and array.shape[0] == array.shape[1] and len(array) >= 2,
        "`matrix` must hold the distances of all pairs, points x points; its shape is "
        f"{array.shape}. For points use `Cloud(points).neighbors(k)`.",
    )
    distances = array.astype(np.float64, copy=False)
    largest = float(distances.max())
    noise = _check_diagonal(distances, largest)
    narrow = array.dtype.kind == "f" and array.dtype.itemsize < 8
    allowed = max(EXACT * largest, noise, ROUNDED * largest * narrow)
    least = 0.0
    for start, block in _blocks(distances):
        column = distances[:, start : start + len(block)].T
        least = min(least, float(block.min()))
        require(least >= -allowed, "`matrix` holds negative distances.")
        gap = float(np.abs(block - column).max())
        require(
            gap <= 2 * allowed,
            f"`matrix` is not symmetric: d(i, j) and d(j, i) differ by up to {gap:.3g}. If "
            "this is intended, pass `(matrix + matrix.T) / 2`.",
        )
    if least < 0:
        distances = np.maximum(distances, 0)
    rows = sampled(len(distances))
    near = _nearest(distances, rows, np.arange(len(distances)), min(4, len(distances) - 1))
    check_triangles(*near, lambda i, j: distances[i, j], "matrix")
    return distances


def _check_diagonal(distances: Floats, largest: float) -> float:
    """How far the diagonal is from zero, which shows the rounding of small distances."""
    own = float(np.abs(np.diag(distances)).max())
    if own <= EXACT * largest:
        return own
    rows = sampled(len(distances))
    nearest = float(np.median(_nearest(distances, rows, np.arange(len(distances)), 1)[1]))
    require(
        own < nearest,
        f"The diagonal of `matrix` must be zero; it reaches {own:.3g}, and the nearest "
        f"other point is at {nearest:.3g}. If these are similarities, turn them into "
        "distances; if float32 rounded them, compute them in float64.",
    )
    require(
        own <= min(ROUNDED * largest, QUIET * nearest),
        f"The diagonal of `matrix` must be zero; it reaches {own:.3g}, and the nearest "
        f"other point is at {nearest:.3g}: perhaps rounding, which changes the small "
        "distances too. Compute them in float64.",
    )
    return own


def _blocks(matrix: Floats) -> Iterator[tuple[int, Floats]]:
    step = max(1, BLOCK // len(matrix))
    for start in range(0, len(matrix), step):
        yield start, matrix[start : start + step]


def _linked(matrix: Floats, radius: float) -> tuple[Ints, Ints]:
    """The pairs of rows at most `radius` apart."""
    found = []
    for start, block in _blocks(matrix):
        one, other = np.nonzero(block <= radius)
        found.append((one + start, other))
    one, other = (np.concatenate(part) for part in zip(*found, strict=True))
    return one, other


def _first_of_linked(links: tuple[Ints, Ints], n: int) -> Ints:
    """The first row of each set of rows that are linked."""
    graph = sparse.coo_array((np.ones(len(links[0])), links), shape=(n, n))
    _, label = sparse.csgraph.connected_components(graph, directed=False)
    return np.sort(np.unique(label, return_index=True)[1])


def _no_error(n_duplicates: int, n: int, duplicates: str) -> None:
    if n_duplicates and duplicates == "error":
        raise ManifoldScaleError(
            f"{n_duplicates:,} of {n:,} points are at distance zero from an earlier one; "
            "remove them, or use duplicates='drop'."
        )


def _nearest(matrix: Floats, queries: Ints, rows: Ints, k: int) -> tuple[Ints, Floats]:
    """The k nearest of `rows` to each query, ties in order of row number."""
    part = matrix[np.ix_(queries, rows)]
    part[queries[:, None] == rows] = np.inf
    last = np.partition(part, k - 1, axis=1)[:, k - 1 : k]
    row, column = np.nonzero(part <= last)  # by rising column: ties are in order
    order = np.lexsort((part[row, column], row))
    starts = np.searchsorted(row, np.arange(len(queries)))
    chosen = order[starts[:, None] + np.arange(k)]
    near = column[chosen]
    return rows[near], np.take_along_axis(part, near, 1)


def sampled(n: int) -> Ints:
    """Row numbers of some points, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, CHECKED)).astype(np.int64))


def check_triangles(near: Ints, apart: Floats, between: Lookup, name: str) -> None:
    """Refuse squared distances, and 1 - cosine, which is one. They break the triangle
    inequality: two neighbours of a point at a blunt angle are farther from each other than
    through the point.

    Parameters
    ----------
    near, apart : (points x k) neighbours of some points, and their distances.
    between : distances of pairs of rows, NaN if they are not known.
    """
    if near.shape[1] < 2:
        return
    one, other = np.triu_indices(near.shape[1], 1)
    direct = between(near[:, one], near[:, other])
    known = np.isfinite(direct) & (near[:, one] >= 0) & (near[:, other] >= 0)
    if known.sum() < FEWEST:
        return

    def broken(power: float) -> float:
        """Share of broken triangles, with the distances raised to a power."""
        around = apart[:, one] ** power + apart[:, other] ** power
        return float((direct**power > LONGER * around)[known].mean())

    share = broken(1.0)
    require(
        share <= BROKEN or broken(0.5) > 0.1 * share,
        f"`{name}` does not hold distances: {share:.0%} of the triangles of near points "
        "have a side longer than the two others together, and their square roots do not. "
        f"Squared distances and 1 - cosine do this: pass `np.sqrt({name})`.",
    )


def from_graph(graph: Any, duplicates: str) -> KnownTable:
    """See `Neighbors.from_graph`."""
    one_of("duplicates", duplicates, ("drop", "error"))
    indices, distances = _sparse(graph) if sparse.issparse(graph) else _pair(graph)
    n = len(indices)
    absent = _absent(indices, distances)
    _refuse_similarities(indices, distances, absent)
    _check_graph(indices, distances, absent)
    equal = ~absent & (distances == 0)
    rows = _first_of_linked((np.nonzero(equal)[0], indices[equal]), n)
    _no_error(n - len(rows), n, duplicates)
    kept = np.zeros(n, dtype=bool)
    kept[rows] = True
    absent |= ~kept[indices]
    k = int((~absent[rows]).sum(1).min()) if len(rows) else 0
    require(
        k >= 1,
        "A point of `graph` has no neighbour but itself and its duplicates: build the "
        "graph with more neighbours per point.",
    )
    distances = np.where(absent, np.inf, distances)[rows]
    order = np.lexsort((indices[rows], distances), axis=1)[:, :k]
    return KnownTable(
        queries=rows,
        indices=np.take_along_axis(indices[rows], order, 1),
        distances=np.take_along_axis(distances, order, 1),
        rows=rows,
        n_duplicates=n - len(rows),
        n_merged=0,
        n_rows=n,
    )


def _refuse_similarities(indices: Ints, distances: Floats, absent: Bools) -> None:
    """Refuse values that fall with the distance, such as the memberships of UMAP's fuzzy
    graph and exp(-d^2). Nearer points have more neighbours in common: their number falls
    with a distance, and rises with a similarity.
    """
    if absent.all() or distances[~absent].max() > 1 + EXACT:
        return  # similarities of these kinds are one at most
    n = len(indices)
    ends = np.repeat(np.arange(n), (~absent).sum(1)), indices[~absent]
    linked = sparse.csr_array((np.ones(len(ends[0])), ends), shape=(n, n))
    found = []
    for i in sampled(n):
        near, apart = indices[i, ~absent[i]], distances[i, ~absent[i]]
        common = np.asarray(linked[near] @ linked[[i]].toarray()[0])
        if len(near) >= 4 and np.ptp(common) > 0 and np.ptp(apart) > 0:
            ranks = stats.rankdata(apart), stats.rankdata(common)
            found.append(float(np.corrcoef(*ranks)[0, 1]))
    require(
        len(found) < FEWEST or float(np.mean(found)) < ALIKE,
        "`graph` seems to hold similarities: they are at most one, and larger for points "
        "with more neighbours in common. Pass distances: `(indices, distances)` of the "
        "search instead of UMAP's `graph_`; for s = exp(-d^2) they are `sqrt(-log(s))`.",
    )


def _check_graph(indices: Ints, distances: Floats, absent: Bools) -> None:
    """Check the triangles whose three sides are all in the graph."""
    n = len(indices)
    lengths = (~absent).sum(1)
    ends = np.repeat(np.arange(n), lengths), indices[~absent]
    # Stored plus one, because a sparse array does not tell a zero from an absent entry.
    table = sparse.csr_array((distances[~absent] + 1, ends), shape=(n, n))
    apart = np.where(absent, np.inf, distances)
    rows = sampled(n)
    order = np.argsort(apart[rows], axis=1)[:, :6]
    near = np.take_along_axis(np.where(absent, -1, indices)[rows], order, 1)

    def between(i: Ints, j: Ints) -> Floats:
        found = np.asarray(table[i.ravel(), j.ravel()]).reshape(i.shape)
        return np.where(found > 0, found - 1, np.nan)

    check_triangles(near, np.take_along_axis(apart[rows], order, 1), between, "graph")


def _absent(indices: Ints, distances: Floats) -> Bools:
    """Entries that are not a neighbour: not found, the point itself, or a repetition."""
    n = len(indices)
    absent: Bools = (indices < 0) | np.isinf(distances)
    absent |= indices == np.arange(n)[:, None]
    order = np.argsort(indices, axis=1, kind="stable")
    ordered = np.take_along_axis(indices, order, 1)
    again = np.zeros_like(absent)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.zeros_like(absent)
    np.put_along_axis(repeated, order, again, 1)
    return absent | repeated


def _sparse(graph: Any) -> tuple[Ints, Floats]:
    """Indices and distances (points x longest row); -1 and inf fill shorter rows."""
    rows = graph.tocsr()
    require(
        rows.shape[0] == rows.shape[1],
        f"`graph` must be square, points x points; its shape is {rows.shape}.",
    )
    lengths = np.diff(rows.indptr)
    filled = np.arange(lengths.max(initial=0)) < lengths[:, None]
    indices = np.full(filled.shape, -1, dtype=np.int64)
    distances = np.full(filled.shape, np.inf)
    indices[filled], distances[filled] = rows.indices, rows.data
    return indices, _checked_distances(distances)


def _pair(graph: Any) -> tuple[Ints, Floats]:
    """The two arrays of a pair, in either order: row numbers are integers. UMAP adds the
    index of its search, or None.
    """
    parts = list(graph) if isinstance(graph, tuple | list) else []
    if len(parts) == 3 and not hasattr(parts[2], "shape"):
        parts = parts[:2]
    require(
        len(parts) == 2,
        "`graph` must be a sparse matrix of distances, or (indices, distances) as "
        f"`NearestNeighbors.kneighbors` gives; got {type(graph).__name__}"
        + (f" of {len(parts)}." if parts else "."),
    )
    one, other = (as_numpy(part, "graph") for part in parts)
    indices, distances = (one, other) if one.dtype.kind in "iu" else (other, one)
    require(
        indices.dtype.kind in "iu" and indices.ndim == 2,
        "`graph` needs integer row numbers, points x neighbours; got dtypes "
        f"{one.dtype} and {other.dtype}, shapes {one.shape} and {other.shape}.",
    )
    require(
        indices.shape == distances.shape,
        "The indices and distances of `graph` must have the same shape; they have "
        f"{indices.shape} and {distances.shape}.",
    )
    require(
        bool((indices < len(indices)).all()),
        f"`graph` names row {indices.max()}, but has {len(indices)} rows: every point must "
        "have its own row.",
    )
    return indices.astype(np.int64), _checked_distances(distances)


def _checked_distances(distances: Array) -> Floats:
    """Distances in float64; inf stands for a neighbour that was not found."""
    require(
        distances.dtype.kind in "fiu" and not bool((np.isnan(distances)).any()),
        "The distances of `graph` must be real numbers without NaN.",
    )
    require(
        bool((distances >= 0).all()),
        "`graph` holds negative distances: with similarities or mode='connectivity' the "
        "distances are not known.",
    )
    return distances.astype(np.float64)
