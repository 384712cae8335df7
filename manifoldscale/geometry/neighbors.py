"""The neighbour table: one search that serves every estimator."""

import dataclasses as dc
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats, Ints, frozen
from ..core.errors import ManifoldScaleError, one_of, require
from ..core.random import Rng, generator
from . import search
from .duplicates import distinct

if TYPE_CHECKING:
    from .cloud import Cloud


@dc.dataclass(frozen=True, eq=False)
class Neighbors:
    """Exact nearest neighbours of M query points among the N distinct points of a cloud.

    A point is never its own neighbour.

    Attributes
    ----------
    cloud : the cloud that was searched.
    queries : (M,) row numbers of the query points.
    indices : (M, k) row numbers of the neighbours, by rising distance.
    distances : (M, k) Euclidean distances in the units of the cloud, float64, all > 0.
    rows : (N,) row numbers of the distinct points that the neighbours come from.
    n_duplicates : rows left out because they equal an earlier row.
    """

    cloud: "Cloud"
    queries: Ints
    indices: Ints
    distances: Floats
    rows: Ints
    n_duplicates: int = 0

    def __post_init__(self) -> None:
        for name in ("queries", "indices", "distances", "rows"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @property
    def k(self) -> int:
        """Neighbours a query."""
        return int(self.indices.shape[1])

    @property
    def n_points(self) -> int:
        return len(self.rows)

    @property
    def n_queries(self) -> int:
        return len(self.queries)

    def __repr__(self) -> str:
        return (
            f"Neighbors(k={self.k}, queries={self.n_queries:,}, "
            f"points={self.n_points:,}, duplicates={self.n_duplicates:,})"
        )

    def first(self, k: int) -> "Neighbors":
        """The table of the `k` nearest only."""
        require(
            k <= self.k,
            f"This table holds {self.k} neighbours per point; {k} were asked for. Build "
            f"it again with `cloud.neighbors({k})`.",
        )
        return dc.replace(
            self, indices=self.indices[:, :k], distances=self.distances[:, :k]
        )


def find_neighbors(
    cloud: "Cloud",
    k: int,
    *,
    anchors: int | Array | None = None,
    duplicates: str = "drop",
    device: str | None = None,
    rng: Rng = 0,
    block_bytes: int = search.BLOCK_BYTES,
) -> Neighbors:
    """Exact Euclidean nearest neighbours.

    Parameters
    ----------
    k : neighbours a query; 0 makes no search: a table for methods that need the points
        only.
    anchors : None, every point is a query; a number, that many are drawn without
        replacement; an array, these row numbers (those of dropped duplicates are left
        out).
    duplicates : "drop", of equal points only the first takes part, and their number is
        recorded; "error", equal points are an error.
    device : where torch computes, "cpu" or "cuda".
    rng : int or Generator, used where anchors are drawn.
    block_bytes : memory of a block of distances; changes the time, not the result.

    Raises
    ------
    ManifoldScaleError : fewer than k + 2 distinct points, duplicates under "error", or
        anchors that are not rows of the cloud.
    """
    one_of("duplicates", duplicates, ("drop", "error"))
    require(
        isinstance(k, int | np.integer) and k >= 0,
        f"`k` must be a non-negative integer; not {k!r}.",
    )
    kept = distinct(cloud.points)
    n_duplicates = len(cloud) - len(kept)
    if n_duplicates and duplicates == "error":
        raise ManifoldScaleError(
            f"{n_duplicates:,} of {len(cloud):,} points equal an earlier one; remove "
            "them, or use duplicates='drop'."
        )
    if len(kept) < k + 2:
        raise ManifoldScaleError(
            f"{k} neighbours need at least {k + 2} distinct points; the cloud has "
            f"{len(kept)}" + (f" ({n_duplicates:,} duplicates)." if n_duplicates else ".")
        )
    rows = _query_rows(anchors, kept, len(cloud), rng)
    points = cloud.points[kept] if n_duplicates else cloud.points
    if k == 0:
        empty = np.empty((len(rows), 0))
        return Neighbors(
            cloud, kept[rows], empty.astype(np.int64), empty, kept, n_duplicates
        )
    indices, distances = search.nearest(points, rows, int(k), device, block_bytes)
    require(
        bool((distances > 0).all()),
        "Distinct points are nearer to each other than float64 can tell against the extent "
        "of the cloud: remove the outliers, or the digits that are noise.",
    )
    return Neighbors(
        cloud=cloud,
        queries=kept[rows],
        indices=kept[indices],
        distances=distances,
        rows=kept,
        n_duplicates=n_duplicates,
    )


def _query_rows(anchors: int | Array | None, kept: Ints, n_rows: int, rng: Rng) -> Ints:
    """Positions within `kept` of the query points."""
    if anchors is None:
        return np.arange(len(kept))
    if isinstance(anchors, int | np.integer):
        require(anchors >= 1, f"`anchors` must be positive; not {anchors}.")
        if anchors >= len(kept):
            return np.arange(len(kept))
        drawn = generator(rng).choice(len(kept), size=int(anchors), replace=False)
        return np.sort(drawn)
    wanted = np.asarray(anchors)
    require(
        wanted.ndim == 1 and wanted.dtype.kind in "iu" and len(wanted) > 0,
        f"`anchors` must be a number or a 1-D array of row numbers; got dtype "
        f"{wanted.dtype}, shape {wanted.shape}.",
    )
    require(
        bool((wanted >= 0).all() and (wanted < n_rows).all()),
        f"`anchors` must be row numbers from 0 to {n_rows - 1}; they span "
        f"{wanted.min()} to {wanted.max()}.",
    )
    rows = np.flatnonzero(np.isin(kept, wanted))
    require(
        len(rows) > 0,
        "Every anchor equals an earlier point of the cloud, and duplicates are dropped.",
    )
    return rows
