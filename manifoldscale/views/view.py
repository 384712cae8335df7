"""A view: two coordinates of each point, with their distortion."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Bools, Floats, Ints
from ..core.caveat import Remark
from ..core.error_bars import normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.random import keyed
from ..core.result import PointValues, Quantity, Result
from ..core.style import drawing
from ..geometry.neighbors import Neighbors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "0.75"
JUDGED = 2000  # points whose neighbourhoods are compared
BLOCK = 1 << 22  # distances at a time


@dc.dataclass(frozen=True)
class Trustworthiness(Quantity):
    """How far neighbours in the view are neighbours in the cloud: 1 if all are, about 1/2
    for a random view.
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
    labels : (n,) labels of the cloud, or None.
    trustworthiness : of the view; `trust` of each point of `judged` (positions).
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

    main = "trustworthiness"
    columns = ("trustworthiness", "instability")

    @property
    def n_points(self) -> int:
        return len(self.rows)

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise ManifoldScaleError(
            "a View is only for looking at: its two coordinates do not keep the dimension, "
            "curvature or topology of the data. Estimate on the cloud or the neighbour "
            "table from which it was made"
        )

    def headline(self) -> str:
        name = f" of {self.name!r}" if self.name else ""
        moved = "" if math.isnan(self.instability) else f"{self.instability:.0%}"
        seeds = f", {moved} of it moves with the seed" if moved else ""
        return (
            f"view{name} by {self.method} of {len(self.rows):,} points: trustworthiness "
            f"{number(self.trustworthiness.value)} {self.trustworthiness.interval}{seeds}"
        )

    def aligned_to(self, other: "View") -> "View":
        """This view turned, mirrored and scaled onto another, by the rows of both."""
        shared, mine, theirs = np.intersect1d(self.rows, other.rows, return_indices=True)
        require(
            len(shared) >= 3,
            f"Views are aligned by rows in common; these two share {len(shared)}.",
        )
        moved = onto(self.coordinates[mine], other.coordinates[theirs], self.coordinates)
        return dc.replace(self, coordinates=moved)

    @drawing
    def plot(self, ax: "Axes", color: Any = None) -> None:
        """The points, and below them a warning about what a view cannot show.

        Parameters
        ----------
        color : None, the labels; a result with `point_values`, such as a `LocalDimension`
            or a `Curvature`; "trust"; or an array with a value for each row of the cloud.
            Points without a value are grey. The name of a colour gives it to all.
        """
        plain = isinstance(color, str) and color != "trust"
        values, title = (None, "") if plain else self._colors(color)
        style: dict[str, Any] = {"s": 6, "linewidths": 0}
        known = _known(values, len(self.rows))
        if not known.all():
            ax.scatter(*self.coordinates[~known].T, color=GREY, **style)
        across, up = self.coordinates[known].T
        if values is None:
            ax.scatter(across, up, color=color if plain else "C0", **style)
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
        ax.set_xlabel("distances, sizes and holes here are not evidence", fontsize=7)

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
        shown = getattr(color, "point_values", None)
        if isinstance(shown, PointValues):
            return self._spread(shown.rows, shown.values), shown.name
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


def align(views: Sequence[View]) -> tuple[View, ...]:
    """Each view turned, mirrored and scaled onto the one before: layers of a network."""
    out: list[View] = []
    for view in views:
        out.append(view.aligned_to(out[-1]) if out else view)
    return tuple(out)


def panels(rows: Sequence[Sequence[View]], color: Any = None) -> Any:
    """A figure with a panel for each view, for example a row per method and a column per
    layer.

    Parameters
    ----------
    rows : views, row by row, of equal lengths.
    color : as for `View.plot`, for all; or a list with one for each column.
    """
    import matplotlib.pyplot as plt

    require(bool(rows) and bool(rows[0]), "`rows` is empty: pass rows of views.")
    require(len({len(row) for row in rows}) == 1, "All rows must have as many views.")
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

    1 - 2 / (k (2n - 3k - 1)) sum of (rank in the cloud - k), over its k neighbours in the
    view, of which those with a rank in the cloud above k count.
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


def made_view(
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


def unit_size(plane: Floats) -> Floats:
    """Centred, of root mean square length 1."""
    centred = plane - plane.mean(axis=0)
    size = math.sqrt(float(np.square(centred).sum(axis=1).mean()))
    return np.asarray(centred / size if size > 0 else centred)


def onto(source: Floats, target: Floats, points: Floats) -> Floats:
    """`points` by the similarity (turn, mirror, scale, shift) that brings the source
    nearest to the target, row by row (Procrustes).
    """
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, s, v = np.linalg.svd((source - a).T @ (target - b))
    scale = float(s.sum() / np.square(source - a).sum())
    return np.asarray(scale * (points - a) @ (u @ v) + b)


def _known(values: Array | None, n: int) -> Bools:
    """Which points have a value; all, if there are no values."""
    if values is None or values.dtype.kind != "f":
        return np.ones(n, dtype=bool)
    return np.isfinite(values)
