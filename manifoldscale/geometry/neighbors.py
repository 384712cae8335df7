"""The neighbour table: one search that serves every estimator."""

import dataclasses as dc
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

import numpy as np

from ..core.arrays import Array, Floats, Ints, freeze_fields
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, is_whole, require
from ..core.random import Rng, generator
from ..core.settings import whole
from . import precomputed, search as searching
from .duplicates import TOLERANCE, Distinct, kept_rows
from .kernel_distances import kernel_distances
from .noise import Noise
from .siblings import are_siblings, thinned


class Searched(Protocol):
    """The parts of a `Cloud` that a table uses."""

    @property
    def points(self) -> Array: ...
    @property
    def labels(self) -> Array | None: ...
    @property
    def groups(self) -> Array | None: ...
    @property
    def noise(self) -> Noise | None: ...
    @property
    def one_trial(self) -> bool: ...
    @property
    def name(self) -> str | None: ...
    @property
    def ambient_dim(self) -> int: ...
    def __len__(self) -> int: ...
    def take(self, rows: Array) -> "Searched": ...
    def neighbors(self, k: int, *, anchors: Array | None = None) -> "Neighbors": ...


@dc.dataclass(frozen=True, eq=False)
class Neighbors:
    """Nearest neighbours of M query points among the N distinct points of a cloud.

    A point is never its own neighbour, nor is a point of its group.

    Attributes
    ----------
    cloud : the cloud that was searched; None if only distances are known, or if the points
        came as a stream.
    queries : (M,) row numbers of the query points.
    indices : (M, k) row numbers of the neighbours, by rising distance, ties by row.
    distances : (M, k) Euclidean distances in the units of the cloud, float64, all > 0.
    rows : (N,) row numbers of the distinct points from which the neighbours come.
    n_duplicates : rows left out because they equal an earlier row.
    n_merged : rows left out because they nearly equal an earlier row.
    n_siblings : rows left out because points of their group lie close together, and the two
        nearest neighbours of more than 15 % of the points (beyond chance) were of one
        group: the more of a group take part, the nearer to 1 is the ratio of distances.
    search : how the neighbours were found: "tree", "brute", "approximate", "stream" or
        "precomputed".
    recall : share of the true neighbours that are in the table: 1 for an exact search,
        measured for an approximate one, NaN if it is not known.
    n_rows : rows of the cloud, duplicates included.
    ambient_dim : features of the points; None if only distances are known.
    """

    cloud: Searched | None
    queries: Ints
    indices: Ints
    distances: Floats
    rows: Ints
    n_duplicates: int = 0
    n_merged: int = 0
    n_siblings: int = 0
    search: str = "brute"
    recall: float = 1.0
    n_rows: int = 0
    ambient_dim: int | None = None

    def __post_init__(self) -> None:
        freeze_fields(self)
        if self.cloud is not None:
            object.__setattr__(self, "n_rows", len(self.cloud))
            object.__setattr__(self, "ambient_dim", self.cloud.ambient_dim)

    @property
    def k(self) -> int:
        """Neighbours per query."""
        return int(self.indices.shape[1])

    @property
    def n_points(self) -> int:
        return len(self.rows)

    @property
    def n_queries(self) -> int:
        return len(self.queries)

    @property
    def points(self) -> Array:
        """The searched points (n_rows x features), for methods that need them.

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

    def remarks(self) -> list[Remark]:
        """The caveats about points that were left out."""
        total = self.n_points + self.n_siblings
        left_out = f"{self.n_duplicates:,} of {total + self.n_duplicates:,} points"
        copies = [Caveat.DUPLICATES(left_out)] if self.n_duplicates else []
        used = f"{self.n_points:,} of {total:,} points took part"
        return [*copies, Caveat.SIBLINGS(used)] if self.n_siblings else copies

    def first(self, k: int) -> "Neighbors":
        """The table of only the `k` nearest."""
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
        """The call that gives such a table of `k` neighbours."""
        if self.cloud is not None:
            return f"`cloud.neighbors({k})`"
        if self.search == "stream":
            return f"`stream_neighbors(batches, queries, {k})`"
        if np.isnan(self.recall):
            return f"a graph of {k} neighbours per point"
        return f"`Neighbors.from_distances(matrix, {k})`"

    def thinned(self, n: int) -> "Neighbors":
        """The table of at most `n` of the queries, evenly spaced among them."""
        if n >= self.n_queries:
            return self
        kept = np.unique(np.linspace(0, self.n_queries - 1, n).round().astype(np.int64))
        return dc.replace(
            self,
            queries=self.queries[kept],
            indices=self.indices[kept],
            distances=self.distances[kept],
        )

    def without(self, rows: Array) -> "Neighbors":
        """The table of the cloud without these rows, of as many neighbours as every query
        keeps: no search is needed while these are enough.

        Raises
        ------
        ManifoldScaleError : only distances are known; or rows equal others, one of which
            would have to come in for one that goes.
        """
        if self.cloud is None or self.n_points < self.n_rows:
            raise ManifoldScaleError(
                "Rows cannot be left out of a table of distances, nor of one without its "
                "duplicates: search the points that remain."
            )
        stays = np.ones(self.n_rows, dtype=bool)
        stays[rows] = False
        number = np.cumsum(stays) - 1
        mine = stays[self.queries]
        found = stays[self.indices[mine]]
        k = int(found.sum(axis=1).min(initial=self.k))
        kept = np.argsort(~found, axis=1, kind="stable")[:, :k]
        return dc.replace(
            self,
            cloud=self.cloud.take(np.flatnonzero(stays)),
            queries=number[self.queries[mine]],
            indices=number[np.take_along_axis(self.indices[mine], kept, axis=1)],
            distances=np.take_along_axis(self.distances[mine], kept, axis=1),
            rows=number[self.rows[stays[self.rows]]],
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
        """The table of a matrix of distances, which is not changed.

        >>> import numpy as np
        >>> near = Neighbors.from_distances(np.abs(np.subtract.outer([0, 1, 3], [0, 1, 3])))
        >>> near.distances.tolist()
        [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]

        Parameters
        ----------
        matrix : (points x points) distances, symmetric, with zeros on the diagonal, up to
            rounding. Take the square root of squared distances, and of 1 - cosine, which is
            half a squared distance; it is an error if triangles show that it was not taken.
        k : neighbours per point; 64, or as many as there are.
        duplicates, tolerance : as for `cloud.neighbors`; points at distance zero are
            duplicates, and the distances give the spread.

        Raises
        ------
        ManifoldScaleError : the matrix does not hold distances, or has too few points.
        """
        table = precomputed.from_distances(matrix, k, duplicates, tolerance)
        return cls(None, **vars(table), search="precomputed")

    @classmethod
    def from_kernel(
        cls,
        kernel: Any,
        k: int | None = None,
        *,
        duplicates: str = "drop",
        tolerance: float = TOLERANCE,
    ) -> "Neighbors":
        """The table in the metric of a kernel, which is not changed:
        D(x, y)^2 = K(x, x) + K(y, y) - 2 K(x, y).

        So estimators say what a kernel method resolves: where K(0) - K(r) falls as
        r^(2 nu), volumes grow as D^(d / nu), and the dimension is d / nu (d for nu of 1 or
        more: 2 d for the Laplace kernel, d for the Gaussian one).

        >>> import numpy as np
        >>> x = np.array([[0.0], [1.0], [3.0]])
        >>> Neighbors.from_kernel(x @ x.T).distances.tolist()
        [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]

        Parameters
        ----------
        kernel : (points x points) K of all pairs, as of `ms.theory.ntk(x)`; symmetric and
            positive semi-definite up to rounding.
        k, duplicates, tolerance : as for `from_distances`. Points that rounding cannot tell
            apart are duplicates.

        Raises
        ------
        ManifoldScaleError : it is no kernel; rounding hides the nearest distances.
        """
        found = kernel_distances(kernel)
        return cls.from_distances(found, k, duplicates=duplicates, tolerance=tolerance)

    @classmethod
    def from_graph(cls, graph: Any, *, duplicates: str = "drop") -> "Neighbors":
        """The table of a graph of neighbours that was computed elsewhere.

        Parameters
        ----------
        graph : a sparse square matrix of distances as from scikit-learn's
            `kneighbors_graph(mode="distance")`, or (distances, indices) or (indices,
            distances), (points x k) each, as from `NearestNeighbors.kneighbors`,
            pynndescent and UMAP (whose third part, the index, is not needed). A point may
            be in its own row or not. Every row is cut to the length of the shortest. Take
            the square root of squared distances and of 1 - cosine first.
        duplicates : "drop", of points at distance zero only the first counts; "error".

        Raises
        ------
        ManifoldScaleError : it is not such a graph, or a row is left empty.
        """
        table = precomputed.from_graph(graph, duplicates)
        return cls(None, **vars(table), search="precomputed", recall=float("nan"))


def find_neighbors(
    cloud: Searched,
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
    """As `Cloud.neighbors`. `block_bytes`, the memory of a tile of distances, and `brain`,
    which forces or forbids the pass in bfloat16, change the time but not the result.
    """
    require(is_whole(k) and k >= 0, f"`k` must be a non-negative integer; not {k!r}.")
    kind = searching.chosen(search, cloud.points, k, device)
    kept = kept_rows(cloud.points, duplicates, tolerance)
    _enough(kept, k, len(cloud))

    def search_among(rows: Ints) -> Neighbors:
        draw = generator(rng)
        own = _query_positions(anchors, rows, len(cloud), draw)
        indices, recall = np.empty((len(own), 0), np.int64), 1.0
        distances = np.empty(indices.shape)
        if k > 0:
            some = None if len(rows) == len(cloud) else rows
            groups = _group_codes(cloud.groups, rows, own, k)
            request = searching.SearchRequest(
                cloud.points, some, own, int(k), kind, device, groups, block_bytes, brain
            )
            indices, distances, recall = searching.nearest(request, executor, draw)
        return Neighbors(
            cloud=cloud,
            queries=rows[own],
            indices=rows[indices],
            distances=distances,
            rows=rows,
            n_duplicates=kept.n_duplicates,
            n_merged=kept.n_merged,
            n_siblings=len(kept.rows) - len(rows),
            search=kind,
            recall=recall,
        )

    found = search_among(kept.rows)
    if cloud.groups is not None:
        found = _without_siblings(found, cloud.groups, anchors, search_among)
    require(
        bool((found.distances > 0).all()),
        "Distinct points are nearer to each other than float64 can tell against the extent "
        "of the cloud: remove the outliers, or the digits that are noise.",
    )
    return found


def _without_siblings(
    found: Neighbors,
    groups: Array,
    anchors: int | Array | None,
    search_among: Callable[[Ints], Neighbors],
) -> Neighbors:
    """The table among as many points of each group as leave nearest neighbours in other
    groups than each other's.
    """
    if not _has_siblings(found, groups):
        return found
    wanted = () if anchors is None or is_whole(anchors) else anchors
    rows = found.rows
    for part in thinned(groups[rows], np.isin(rows, wanted)):
        require(
            len(part) >= found.k + 2,
            "Points of one group of `groups` lie close together, as the frames of a film: "
            f"few of each can count, which leaves {len(part):,} of {len(rows):,} points, "
            f"too few for {found.k} neighbours. Use a smaller `k`, or more groups.",
        )
        found = search_among(rows[part])
        if not _has_siblings(found, groups):
            break
    return found


def _has_siblings(found: Neighbors, groups: Array) -> bool:
    return are_siblings(groups, groups[found.queries], found.indices, found.rows)


def _enough(kept: Distinct, k: int, n_rows: int) -> None:
    left_out = n_rows - len(kept.rows)
    found = f" ({left_out:,} duplicates)." if left_out else "."
    require(
        len(kept.rows) >= k + 2,
        f"{k} neighbours need at least {k + 2} distinct points; the cloud has "
        f"{len(kept.rows)}{found}",
    )


def _group_codes(groups: Array | None, rows: Ints, own: Ints, k: int) -> Ints | None:
    """A code for the group of each row; every query needs k points outside its own."""
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
