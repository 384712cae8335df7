"""Exact neighbours among points that are read once, in batches."""

import dataclasses as dc
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, as_numpy, as_points
from ..core.errors import is_whole, require
from . import brute
from .duplicates import hashes
from .neighbors import Neighbors
from .rows import Frame, Rows
from .searched import Search
from .siblings import are_siblings


@dc.dataclass(frozen=True, eq=False)
class _Batch:
    """Points of one batch with their row numbers in the whole stream."""

    points: Array
    rows: Ints
    groups: Array | None


@dc.dataclass(eq=False)
class _Counter:
    """What a pass over the stream has counted.

    `seen` holds 128-bit hashes of the points: two different points are taken for equal with
    a probability of 1e-26 in a stream of a million.
    """

    n_rows: int = 0
    kept: list[Ints] = dc.field(default_factory=list)
    groups: list[Array] = dc.field(default_factory=list)
    seen: set[bytes] = dc.field(default_factory=set)

    def fresh(self, points: Array) -> Ints:
        """Positions of the points that equal no earlier one of the stream."""
        both = np.stack([hashes(points.astype(np.float64), seed) for seed in (0, 1)], 1)
        positions = []
        for position, key in enumerate(both.view("V16")[:, 0].tolist()):
            if key not in self.seen:
                self.seen.add(key)
                positions.append(position)
        return np.array(positions, dtype=np.int64)


def stream_neighbors(
    batches: Iterable[Any],
    queries: Any,
    k: int = 64,
    *,
    rows: Any = None,
    groups: Any = None,
    device: str | None = None,
) -> Neighbors:
    """The exact `k` nearest neighbours of some points in a stream that is read once.

    The result equals `Cloud(all points).neighbors(k, anchors=rows)`. Memory grows with a
    batch and with the number of points (about 100 bytes each), not with the features.

    >>> import numpy as np
    >>> points = np.random.default_rng(0).standard_normal((1000, 20))
    >>> near = stream_neighbors(np.split(points, 10), points[:50], k=5, rows=range(50))
    >>> near
    Neighbors(k=5, queries=50, points=1,000, duplicates=0)

    Parameters
    ----------
    batches : arrays or tensors (points x features), as a loader yields them; row numbers
        count through all of them. Of equal points only the first counts.
    queries : the points, or the cloud of points, whose neighbours are wanted.
    rows : their row numbers in the stream; without them, queries are not in the stream and
        are numbered after its last row. A point that equals a query is not its neighbour.
    groups : groups of the queries, or None. With groups, `batches` yields (points, groups),
        and points of a query's group are not its neighbours.
    device : where torch computes, "cpu" or "cuda".

    Returns
    -------
    Neighbors : without a cloud, because the points are gone.

    Raises
    ------
    ManifoldScaleError : batches of different width, fewer than `k` neighbours, or groups of
        near copies.
    """
    require(is_whole(k) and k >= 1, f"`k` must be a positive integer; not {k!r}.")
    asked = as_points(getattr(queries, "points", queries), "queries")
    own = None if rows is None else np.asarray(rows, dtype=np.int64)
    require(
        own is None or (own.shape == (len(asked),) and len(np.unique(own)) == len(own)),
        f"`rows` must name a different row of the stream for each of the {len(asked)} "
        "queries.",
    )
    about = None if groups is None else as_numpy(groups, "groups")
    return _table(batches, asked, about, int(k), own, device)


def _fresh_batches(
    batches: Iterable[Any], features: int, grouped: bool, count: _Counter
) -> Iterator[_Batch]:
    """The batches without points that occurred earlier."""
    for number, batch in enumerate(batches):
        about = None
        if grouped:
            batch, about = batch
            about = as_numpy(about, "groups")
            count.groups.append(about)
        points = as_points(batch, f"batch {number}")
        require(
            points.shape[1] == features,
            f"Batch {number} has {points.shape[1]} features; the queries have {features}.",
        )
        fresh = count.fresh(points)
        rows = fresh + count.n_rows
        count.n_rows += len(points)
        count.kept.append(rows)
        if len(fresh):
            chosen = None if about is None else about[fresh]
            yield _Batch(
                points if len(fresh) == len(points) else points[fresh], rows, chosen
            )


def _search(
    batch: _Batch, asked: Array, groups: Array | None, k: int, device: str | None
) -> Search:
    """The search for the queries within one batch, which does not exclude themselves."""
    import torch

    points, queries = Rows.of(batch.points, None, device), Rows.of(asked, None, device)
    query_codes = point_codes = None
    if groups is not None and batch.groups is not None:
        both = np.concatenate([groups, batch.groups])
        codes = torch.from_numpy(np.unique(both, return_inverse=True)[1]).to(points.place)
        query_codes, point_codes = codes[: len(groups)], codes[len(groups) :]
    return Search(
        queries=queries,
        points=points,
        frame=Frame.of(points, queries),
        k=min(k, len(batch.points)),
        own=torch.full((len(asked),), -1, device=points.place),
        query_groups=query_codes,
        point_groups=point_codes,
    )


def _merged(
    one: tuple[Ints, Floats], other: tuple[Ints, Floats], k: int
) -> tuple[Ints, Floats]:
    """The k nearest of two tables, ties in order of row number."""
    indices = np.concatenate([one[0], other[0]], axis=1)
    squared = np.concatenate([one[1], other[1]], axis=1)
    order = np.lexsort((indices, squared), axis=1)[:, :k]
    return np.take_along_axis(indices, order, 1), np.take_along_axis(squared, order, 1)


def _table(
    batches: Iterable[Any],
    asked: Array,
    groups: Array | None,
    k: int,
    own: Ints | None,
    device: str | None,
) -> Neighbors:
    count, scale = _Counter(), 0.0
    indices = np.full((len(asked), k), -1, dtype=np.int64)
    squared = np.full((len(asked), k), np.inf)
    for batch in _fresh_batches(batches, asked.shape[1], groups is not None, count):
        search = _search(batch, asked, groups, k + 1, device)
        scale = scale or search.frame.scale  # that of the first batch, for all
        found, near = brute.nearest_squared(search)
        near = near * (search.frame.scale / scale) ** 2
        found = batch.rows[found]
        excluded = near == 0
        if own is not None:
            excluded |= found == own[:, None]
        near[excluded] = np.inf
        indices, squared = _merged((indices, squared), (found, near), k)
    n = count.n_rows
    kept = np.concatenate(count.kept) if count.kept else np.empty(0, dtype=np.int64)
    require(
        bool(np.isfinite(squared).all()),
        f"{k} neighbours per query were asked for; the stream of {n:,} rows holds "
        f"{len(kept):,} distinct points, too few for a query.",
    )
    require(
        groups is None
        or not are_siblings(np.concatenate(count.groups), groups, indices, kept),
        "Points of one group lie close together, as the frames of a film, and are "
        "neighbours of others in company: stream one point of each group.",
    )
    return Neighbors(
        cloud=None,
        queries=n + np.arange(len(indices)) if own is None else own,
        indices=indices,
        distances=np.sqrt(squared) * scale,
        rows=kept,
        n_duplicates=n - len(kept),
        search="stream",
        n_rows=n + (len(indices) if own is None else 0),
        ambient_dim=asked.shape[1],
    )
