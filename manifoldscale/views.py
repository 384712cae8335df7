"""Views: two coordinates to look at, with what they distort. Not to measure on.

    near = cloud.neighbors(15)
    view = ms.estimate(near, ms.views.UMAP())
    beside = ms.estimate(near, ms.views.PCA())
    ms.views.panels([[view, beside]], color=ms.estimate(near, ms.curvature.Quadric(2)))

A plane holds no more than two dimensions and no curvature, and UMAP chooses distances,
sizes and holes for the eye. So a `View` is no `Cloud`: estimators refuse it.
"""

import dataclasses as dc
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .core.arrays import Array, Bools, Floats, Ints, frozen
from .core.caveat import Caveat, Remark
from .core.error_bars import normal_interval
from .core.errors import ManifoldScaleError, require
from .core.interval import Interval, number
from .core.lazy import listed
from .core.method import Method
from .core.random import keyed
from .core.result import Quantity, Result
from .core.settings import check_fields
from .core.style import drawing
from .curvature import Curvature, Status
from .dimension import LocalDimension
from .geometry.neighbors import Neighbors
from .geometry.scaled import scaled_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "0.75"
JUDGED = 2000  # points whose neighbourhoods are compared
BLOCK = 1 << 22  # distances at a time


@dc.dataclass(frozen=True)
class Trustworthiness(Quantity):
    """How far neighbours in the view are neighbours in the cloud: 1 where all are, about
    1/2 for a random view.
    """

    k: int = 15
    name: str = "trustworthiness"


@dc.dataclass(frozen=True, eq=False)
class View(Result):
    """Two coordinates for each distinct point of a cloud.

    Attributes
    ----------
    coordinates : (n, 2), centred, of root mean square length 1.
    rows : (n,) row numbers in the cloud.
    labels : (n,) those of the cloud, or None.
    trustworthiness : of the view; `trust` is that of each point of `judged` (positions).
    instability : 1 - R^2 between views of different seeds, after the best rotation and
        scale; 0 for a method that draws nothing, NaN for a single seed.
    """

    coordinates: Floats
    rows: Ints
    labels: Array | None
    trustworthiness: Trustworthiness
    trust: Floats
    judged: Ints
    instability: float
    method: Any
    name: str | None = None
    caveats: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        for name in ("coordinates", "rows", "trust", "judged"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise ManifoldScaleError(
            "a View is for looking at. Its two coordinates have no dimension, curvature or "
            "topology of the data to measure: estimate on the cloud or the neighbour table "
            "that it was made from"
        )

    def headline(self) -> str:
        name = f" of {self.name!r}" if self.name else ""
        moved = "" if math.isnan(self.instability) else f"{self.instability:.0%}"
        seeds = f", {moved} of it moves with the seed" if moved else ""
        return (
            f"view{name} by {self.method} of {len(self.rows):,} points: trustworthiness "
            f"{number(self.trustworthiness.value)} {self.trustworthiness.interval}{seeds}"
        )

    def row(self) -> dict[str, Any]:
        low, high = self.trustworthiness.interval
        return {
            "trustworthiness": self.trustworthiness.value,
            "low": low,
            "high": high,
            "instability": self.instability,
            "method": str(self.method),
            "n_points": len(self.rows),
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    def aligned_to(self, other: "View") -> "View":
        """This view turned, mirrored and scaled onto another, by the rows of both."""
        shared, mine, theirs = np.intersect1d(self.rows, other.rows, return_indices=True)
        require(
            len(shared) >= 3,
            f"Views are aligned by rows in common; these two share {len(shared)}.",
        )
        moved = _onto(self.coordinates[mine], other.coordinates[theirs], self.coordinates)
        return dc.replace(self, coordinates=moved)

    @drawing
    def plot(self, ax: "Axes", color: Any = None) -> None:
        """The points, and under them what the view must not be used for.

        Parameters
        ----------
        color : None, the labels; a `LocalDimension`; a `Curvature`, in units of the cloud's
            extent, in grey where it is not identifiable or not resolved from noise;
            "trust"; or an array with a value for each row of the cloud, NaN in grey.
        """
        values, title = self._colors(color)
        style: dict[str, Any] = {"s": 6, "linewidths": 0}
        known = _known(values, len(self.rows))
        ax.scatter(*self.coordinates[~known].T, color=GREY, **style)
        across, up = self.coordinates[known].T
        if values is None:
            ax.scatter(across, up, color="C0", **style)
        elif values.dtype.kind == "f":
            dots = ax.scatter(across, up, c=values[known], cmap="viridis", **style)
            ax.figure.colorbar(dots, ax=ax, label=title, shrink=0.8)
        else:
            for i, label in enumerate(np.unique(values)):
                chosen = self.coordinates[values == label]
                ax.scatter(*chosen.T, color=f"C{i % 10}", label=str(label), **style)
            ax.legend(
                fontsize=7,
                markerscale=2,
                title=title,
                loc="upper left",
                bbox_to_anchor=(1, 1),
                frameon=False,
            )
        ax.set(xticks=[], yticks=[], aspect="equal", title=self._title())
        ax.set_xlabel("distances, sizes and holes here are no evidence", fontsize=7)

    def _title(self) -> str:
        kind = type(self.method).__name__
        trust = f"trust {number(self.trustworthiness.value, 2)}"
        return f"{self.name + ': ' if self.name else ''}{kind}, {trust}"

    def _colors(self, color: Any) -> tuple[Array | None, str]:
        """A value for each point of the view, and what it is."""
        if color is None:
            return self.labels, "label"
        if isinstance(color, str) and color == "trust":
            return self._spread(self.rows[self.judged], self.trust), "trustworthiness"
        if isinstance(color, LocalDimension):
            return self._spread(color.rows, color.values), "local dimension"
        if isinstance(color, Curvature):
            known = np.where(_resolved(color.status), color.kappa_extent, np.nan)
            return self._spread(color.rows, known), "kappa_rms x extent"
        given = np.asarray(color)
        require(
            given.ndim == 1 and len(given) > self.rows.max(),
            "`color` must have a value for each row of the cloud, or be a LocalDimension, "
            f"a Curvature or 'trust'; its shape is {given.shape}.",
        )
        return given[self.rows], "value"

    def _spread(self, rows: Ints, values: Floats) -> Floats:
        """Values at some rows of the cloud, NaN at the others."""
        out = np.full(int(max(rows.max(), self.rows.max())) + 1, np.nan)
        out[rows] = values
        return out[self.rows]


@dc.dataclass(frozen=True)
class UMAP(Method[View]):
    """Uniform manifold approximation (McInnes, Healy & Melville 2018), by umap-learn, on
    the neighbours that the table holds already.

    Parameters
    ----------
    k : neighbours a point.
    min_dist : least distance of points in the view.
    seeds : views that are made, to see what depends on the seed; the first is given.
    seed : the first seed.

    Raises
    ------
    ManifoldScaleError : no points but distances; not every point is a query.
    """

    k: int = 15
    min_dist: float = 0.1
    seeds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        require(self.k >= 2, f"`k` must be at least 2; not {self.k}.")
        require(self.min_dist >= 0, f"`min_dist` cannot be negative: {self.min_dist}.")
        require(self.seeds >= 1, f"`seeds` must be positive; not {self.seeds}.")

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> View:
        points = scaled_points(self, near)[near.rows]
        require(
            near.n_queries == near.n_points,
            f"{self} needs the neighbours of every point; the table has those of "
            f"{near.n_queries:,} of {near.n_points:,}. Build it without `anchors`.",
        )
        views = [_unit(self._embed(points, near, self.seed + i)) for i in range(self.seeds)]
        apart = [
            np.square(_onto(other, views[0], other) - views[0]).sum(axis=1).mean()
            for other in views[1:]
        ]
        spread = float(np.mean(apart)) if apart else math.nan
        return _view(self, near, points, views[0], spread, [Caveat.FOR_THE_EYE()])

    def _embed(self, points: Floats, near: Neighbors, seed: int) -> Floats:
        n = len(points)
        # Positions of the distinct points; UMAP wants each point before its neighbours.
        place = np.full(near.n_rows, -1)
        place[near.rows] = np.arange(n)
        indices = np.column_stack([np.arange(n), place[near.indices[:, : self.k]]])
        distances = np.column_stack([np.zeros(n), near.distances[:, : self.k]])
        with warnings.catch_warnings():
            # That TensorFlow is missing, and that new points cannot be added.
            warnings.simplefilter("ignore", ImportWarning)
            warnings.filterwarnings("ignore", ".*knn_search_index", UserWarning)
            import umap

            model = umap.UMAP(
                n_neighbors=self.k + 1,
                min_dist=self.min_dist,
                precomputed_knn=(indices, distances.astype(np.float32)),
                random_state=seed,
                n_jobs=1,
            )
            return np.asarray(model.fit_transform(points), dtype=np.float64)


@dc.dataclass(frozen=True)
class PCA(Method[View]):
    """The two directions of largest variance; the caveat says how much of it they hold."""

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> View:
        points = scaled_points(self, near)[near.rows]
        points = points - points.mean(axis=0)
        u, s, _ = np.linalg.svd(points, full_matrices=False)
        plane = np.zeros((len(points), 2))
        plane[:, : len(s[:2])] = u[:, :2] * s[:2]
        share = float(np.square(s[:2]).sum() / np.square(s).sum())
        plane = _unit(plane * np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]]))
        notes = [Caveat.FOR_THE_EYE(f"{share:.0%} of the variance")]
        return _view(self, near, points, plane, 0.0, notes)


def align(views: Sequence[View]) -> tuple[View, ...]:
    """Each view turned, mirrored and scaled onto the one before: layers of a network."""
    out: list[View] = []
    for view in views:
        out.append(view.aligned_to(out[-1]) if out else view)
    return tuple(out)


def panels(rows: Sequence[Sequence[View]], color: Any = None) -> Any:
    """A figure with a panel for each view: a row a method, a column a layer.

    Parameters
    ----------
    rows : views, row by row, of equal lengths.
    color : as for `View.plot`, for all; or a list with one for each column.
    """
    import matplotlib.pyplot as plt

    require(bool(rows) and bool(rows[0]), "`rows` is empty: pass rows of views.")
    require(
        len({len(row) for row in rows}) == 1, "All rows must have as many views as others."
    )
    width = len(rows[0])
    colors = list(color) if isinstance(color, list | tuple) else [color] * width
    require(len(colors) == width, f"{len(colors)} colours for {width} columns.")
    figure, grid = plt.subplots(
        *(len(rows), width),
        figsize=(3.2 * width, 3.1 * len(rows)),
        squeeze=False,
        layout="constrained",
    )
    for axes, row in zip(grid, rows, strict=True):
        for ax, view, one in zip(axes, row, colors, strict=True):
            view.plot(ax, one)
    return figure


def trust_of_points(points: Floats, plane: Floats, k: int, judged: Ints) -> Floats:
    """Trustworthiness of each judged point (Venna & Kaski 2001):

    1 - 2 / (k (2n - 3k - 1)) sum of (rank in the cloud - k), over those of its k
    neighbours in the view whose rank in the cloud is above k.
    """
    n, out = len(points), np.empty(len(judged))
    step = max(1, BLOCK // n)
    for at in range(0, len(judged), step):
        here = judged[at : at + step]
        lines = np.arange(len(here))
        far, near = (_squares(space, here) for space in (points, plane))
        far[lines, here] = near[lines, here] = np.inf
        ranks = np.empty(far.shape, dtype=np.int64)
        order = np.argsort(far, axis=1, kind="stable")
        np.put_along_axis(ranks, order, np.arange(1, n + 1)[None], axis=1)
        chosen = np.argpartition(near, k - 1, axis=1)[:, :k]
        excess = (np.take_along_axis(ranks, chosen, axis=1) - k).clip(min=0)
        out[at : at + step] = 1 - 2 * excess.sum(axis=1) / (k * (2 * n - 3 * k - 1))
    return out


def _squares(points: Floats, rows: Ints) -> Floats:
    norms = np.einsum("ij,ij->i", points, points)
    return np.asarray(norms[rows, None] + norms - 2 * points[rows] @ points.T)


def _view(
    method: Any,
    near: Neighbors,
    points: Floats,
    plane: Floats,
    instability: float,
    notes: list[Remark],
) -> View:
    """A view with its trustworthiness, at up to 2,000 points drawn at random."""
    n = len(points)
    k = min(getattr(method, "k", 15), (n - 1) // 3)
    require(k >= 1, f"A view needs at least 4 distinct points; there are {n}.")
    judged = np.sort(keyed(0, "judged").permutation(n)[:JUDGED])
    trust = trust_of_points(points, plane, k, judged)
    error = float(trust.std(ddof=1)) / math.sqrt(len(trust))
    value, (low, high) = float(trust.mean()), normal_interval(float(trust.mean()), error)
    interval = Interval(low, min(high, 1.0))
    cloud = near.cloud
    labels = None if cloud is None or cloud.labels is None else cloud.labels[near.rows]
    return View(
        coordinates=plane,
        rows=near.rows,
        labels=labels,
        trustworthiness=Trustworthiness(value, interval, method, n, k=k),
        trust=trust,
        judged=judged,
        instability=instability,
        method=method,
        name=None if cloud is None else cloud.name,
        caveats=tuple(notes),
    )


def _resolved(status: Array) -> Bools:
    """Where there is a curvature to show, by its status."""
    shown = [s.value for s in Status if s.is_known and s is not Status.NOISE_LIMITED]
    return np.isin(status, shown)


def _unit(plane: Floats) -> Floats:
    """Centred, of root mean square length 1."""
    centred = plane - plane.mean(axis=0)
    size = math.sqrt(float(np.square(centred).sum(axis=1).mean()))
    return np.asarray(centred / size if size > 0 else centred)


def _onto(source: Floats, target: Floats, points: Floats) -> Floats:
    """`points` by the similarity (turn, mirror, scale, shift) that brings the source
    nearest to the target, row by row (Procrustes).
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, s, v = np.linalg.svd((source - a).T @ (target - b))
    scale = float(s.sum() / np.square(source - a).sum())
    return np.asarray(scale * (points - a) @ (u @ v) + b)


def _known(values: Array | None, n: int) -> Bools:
    """Which points have a value; all, where there is none to have."""
    if values is None or values.dtype.kind != "f":
        return np.ones(n, dtype=bool)
    return np.isfinite(values)


__dir__ = listed(__name__)
