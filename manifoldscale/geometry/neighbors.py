"""The neighbour table: one search that serves every estimator."""

import dataclasses as dc
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, frozen
from ..core.errors import ManifoldScaleError, is_whole, require
from ..core.random import Rng, generator
from ..core.settings import whole
from . import precomputed, search as searching
from .duplicates import TOLERANCE, Kept, kept_rows

if TYPE_CHECKING:
    from .cloud import Cloud


@dc.dataclass(frozen=True, eq=False)
class Neighbors:
    """Nearest neighbours of M query points among the N distinct points of a cloud.

    A point is never its own neighbour, nor is a point of its group.

    Attributes
    ----------
    cloud : the cloud that was searched; None where only distances are known, or where
        the points passed by as a stream.
    queries : (M,) row numbers of the query points.
    indices : (M, k) row numbers of the neighbours, by rising distance, ties by row.
    distances : (M, k) Euclidean distances in the units of the cloud, float64, all > 0.
    rows : (N,) row numbers of the distinct points that the neighbours come from.
    n_duplicates : rows left out because they equal an earlier row.
    n_merged : rows left out because they nearly equal an earlier row.
    search : how the neighbours were found: "tree", "brute", "approximate", "stream" or
        "precomputed".
    recall : share of the true neighbours that are in the table: 1 for an exact search,
        measured for an approximate one, NaN where nobody knows.
    n_rows : rows of the cloud, duplicates included.
    ambient_dim : features of the points; None where only distances are known.
    """

    cloud: "Cloud | None"
    queries: Ints
    indices: Ints
    distances: Floats
    rows: Ints
    n_duplicates: int = 0
    n_merged: int = 0
    search: str = "brute"
    recall: float = 1.0
    n_rows: int = 0
    ambient_dim: int | None = None

    def __post_init__(self) -> None:
        for name in ("queries", "indices", "distances", "rows"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        if self.cloud is not None:
            object.__setattr__(self, "n_rows", len(self.cloud))
            object.__setattr__(self, "ambient_dim", self.cloud.ambient_dim)

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

    @property
    def points(self) -> Array:
        """The points that were searched (n_rows x features), for methods that need them.

        Raises
        ------
        ManifoldScaleError : the table was made from distances or from a stream.
        """
        if self.cloud is None:
            raise ManifoldScaleError(
                "This method needs the points, and this table holds distances only: give "
                "it the points themselves, `ms.estimate(points, method)`."
            )
        return self.cloud.points

    def __repr__(self) -> str:
        merged = f", merged={self.n_merged:,}" if self.n_merged else ""
        recall = f", recall={self.recall:.3f}" if self.recall < 1 else ""
        return (
            f"Neighbors(k={self.k}, queries={self.n_queries:,}, "
            f"points={self.n_points:,}, duplicates={self.n_duplicates:,}{merged}{recall})"
        )

    def first(self, k: int) -> "Neighbors":
        """The table of the `k` nearest only."""
        k = whole("k", k, 0)
        require(
            k <= self.k,
            f"This table holds {self.k} neighbours per point; {k} were asked for. Build "
            f"it again with {self._made_with(k)}.",
        )
        return dc.replace(
            self, indices=self.indices[:, :k], distances=self.distances[:, :k]
        )

    def _made_with(self, k: int) -> str:
        """The call that gives a table like this of `k` neighbours."""
        if self.cloud is not None:
            return f"`cloud.neighbors({k})`"
        if self.search == "stream":
            return f"`stream_neighbors(batches, queries, {k})`"
        if np.isnan(self.recall):
            return f"a graph of {k} neighbours a point"
        return f"`Neighbors.from_distances(matrix, {k})`"

    def thinned(self, n: int) -> "Neighbors":
        """The table of `n` of the queries at most, evenly spaced among them."""
        if n >= self.n_queries:
            return self
        kept = np.unique(np.linspace(0, self.n_queries - 1, n).round().astype(np.int64))
        return dc.replace(
            self,
            queries=self.queries[kept],
            indices=self.indices[kept],
            distances=self.distances[kept],
        )

    @classmethod
    def from_distances(
        cls,
        matrix: Any,
        k: int | None = None,
        *,
        duplicates: str = "drop",
        tolerance: float = TOLERANCE,
    ) -> "Neighbors":
        """The table of a matrix of distances, which is left as it is.

        >>> import numpy as np
        >>> near = Neighbors.from_distances(np.abs(np.subtract.outer([0, 1, 3], [0, 1, 3])))
        >>> near.distances.tolist()
        [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]

        Parameters
        ----------
        matrix : (points x points) distances, symmetric, with a diagonal of zeros, but for
            rounding. Distances, not their squares, and not 1 - cosine, which is half the
            square of a distance: take the square root first. Where triangles show it,
            that is an error.
        k : neighbours a point; 64, or as many as there are.
        duplicates, tolerance : as for `cloud.neighbors`; points at distance zero are
            duplicates, and the spread is that of points with these distances.

        Raises
        ------
        ManifoldScaleError : the matrix is not one of distances, or has too few points.
        """
        table = precomputed.from_distances(matrix, k, duplicates, tolerance)
        return cls(None, **vars(table), search="precomputed")

    @classmethod
    def from_graph(cls, graph: Any, *, duplicates: str = "drop") -> "Neighbors":
        """The table of a graph of neighbours that was computed elsewhere.

        Parameters
        ----------
        graph : a sparse square matrix of distances as from scikit-learn's
            `kneighbors_graph(mode="distance")`, or (distances, indices) or (indices,
            distances), (points x k) each, as from `NearestNeighbors.kneighbors`,
            pynndescent and UMAP (whose third, the index, is not needed). A point may be in
            its own row or not. Every row is cut to the length of the shortest. Distances,
            not their squares, and not 1 - cosine: take the square root first.
        duplicates : "drop", of points at distance zero the first takes part; "error".

        Raises
        ------
        ManifoldScaleError : what is given is no such graph, or a row is left empty.
        """
        table = precomputed.from_graph(graph, duplicates)
        return cls(None, **vars(table), search="precomputed", recall=float("nan"))


def find_neighbors(
    cloud: "Cloud",
    k: int,
    *,
    anchors: int | Array | None = None,
    search: str = "exact",
    duplicates: str = "drop",
    tolerance: float = TOLERANCE,
    device: str | None = None,
    executor: Executor | None = None,
    rng: Rng = 0,
    block_bytes: int | None = None,
    brain: bool | None = None,
) -> Neighbors:
    """Euclidean nearest neighbours.

    Parameters
    ----------
    k : neighbours a query; 0 makes no search: a table for methods that need the points
        only.
    anchors : None, every point is a query; a number, that many are drawn without
        replacement; an array, these row numbers (those of dropped duplicates are left
        out).
    search : "exact", by the quicker of "tree" (a k-d tree) and "brute" (matrix products),
        which give the same table; or "approximate" (pynndescent), whose `recall` is
        measured: a missed neighbour makes distances too large, and estimates wrong.
    duplicates : "drop", of equal points only the first takes part, and their number is
        recorded; "merge", so do points linked by distances below `tolerance`; "error",
        equal points are an error.
    tolerance : for "merge", in units of the rms distance from the mean.
    device : where torch computes, "cpu" or "cuda".
    executor : None, or any concurrent.futures executor, whose workers share the queries.
    rng : int or Generator, used where anchors are drawn or the search is approximate.
    block_bytes : memory of a tile of distances; changes the time, not the result.
    brain : force or forbid the pass in bfloat16, which else is on where it is fast;
        changes the time, not the result.

    Raises
    ------
    ManifoldScaleError : fewer than k + 2 distinct points, or k outside a query's group;
        duplicates under "error"; anchors that are not rows of the cloud; a device or a
        package that is not there.
    """
    require(
        is_whole(k) and k >= 0,
        f"`k` must be a non-negative integer; not {k!r}.",
    )
    kind = searching.chosen(search, cloud.ambient_dim, device)
    kept = kept_rows(cloud.points, duplicates, tolerance)
    _enough(kept, k, len(cloud))
    draw = generator(rng)
    own = _query_positions(anchors, kept.rows, len(cloud), draw)
    indices, distances, recall = np.empty((len(own), 0), np.int64), np.empty(0), 1.0
    if k == 0:
        distances = np.empty((len(own), 0))
    else:
        request = searching.Request(
            points=cloud.points,
            rows=None if len(kept.rows) == len(cloud) else kept.rows,
            own=own,
            k=int(k),
            kind=kind,
            device=device,
            groups=_group_codes(cloud.groups, kept.rows, own, k),
            tile_bytes=block_bytes,
            brain=brain,
        )
        indices, distances, recall = searching.nearest(request, executor, draw)
    require(
        bool((distances > 0).all()),
        "Distinct points are nearer to each other than float64 can tell against the extent "
        "of the cloud: remove the outliers, or the digits that are noise.",
    )
    return Neighbors(
        cloud=cloud,
        queries=kept.rows[own],
        indices=kept.rows[indices],
        distances=distances,
        rows=kept.rows,
        n_duplicates=kept.n_duplicates,
        n_merged=kept.n_merged,
        search=kind,
        recall=recall,
    )


def _enough(kept: Kept, k: int, n_rows: int) -> None:
    left_out = n_rows - len(kept.rows)
    found = f" ({left_out:,} duplicates)." if left_out else "."
    require(
        len(kept.rows) >= k + 2,
        f"{k} neighbours need at least {k + 2} distinct points; the cloud has "
        f"{len(kept.rows)}{found}",
    )


def _group_codes(groups: Array | None, rows: Ints, own: Ints, k: int) -> Ints | None:
    """A code for the group of each row; every query must have k points outside its own."""
    if groups is None:
        return None
    require(groups.ndim == 1, f"`groups` must be 1-D; its shape is {groups.shape}.")
    _, codes, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
    outside = len(rows) - sizes[codes[own]]
    fewest = int(outside.argmin())
    require(
        bool(outside[fewest] >= k),
        f"{k} neighbours outside its group were asked for, and point "
        f"{rows[own[fewest]]} has {outside[fewest]}: its group "
        f"{groups[rows[own[fewest]]]!r} holds {sizes[codes[own[fewest]]]} of {len(rows)} "
        "points. Use a smaller `k`, or finer groups.",
    )
    return np.asarray(codes, dtype=np.int64)


def _query_positions(
    anchors: int | Array | None, kept: Ints, n_rows: int, rng: np.random.Generator
) -> Ints:
    """Positions within `kept` of the query points."""
    if anchors is None:
        return np.arange(len(kept))
    if is_whole(anchors):
        size = whole("anchors", anchors)
        if size >= len(kept):
            return np.arange(len(kept))
        drawn = rng.choice(len(kept), size=size, replace=False)
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
