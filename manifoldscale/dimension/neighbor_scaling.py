"""How the distance to the nearest neighbour falls with the number of points."""

import dataclasses as dc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat
from ..core.error_bars import normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.settings import Count
from ..core.style import BLUE, drawing, log_axes
from ..geometry.neighbors import Neighbors
from .dimension import ON_LATTICE, Dimension, pooled_dimension
from .exponential import crowding, relative_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 0.5  # the largest share of a mean distance that a single point may have
SMALLEST_BLOCK = 20


@dc.dataclass(frozen=True)
class ScalingDimension(Dimension):
    """A dimension with the power law that it comes from.

    Attributes
    ----------
    exponent : of the mean distance in the number of points, -1/d.
    exponent_stderr : its standard error.
    sizes : numbers of points; mean_distances : the mean k-th distance at each, in the
        units of the cloud.
    """

    exponent: float = float("nan")
    exponent_stderr: float = float("nan")
    sizes: tuple[int, ...] = ()
    mean_distances: tuple[float, ...] = ()

    columns = (*Dimension.columns, "exponent")

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Mean distances against the number of points, and the fitted slope."""
        sizes, means = np.array(self.sizes), np.array(self.mean_distances)
        ax.plot(sizes, means, "o", color=BLUE)
        centre = np.exp(np.log(means).mean() - self.exponent * np.log(sizes).mean())
        label = f"slope {number(self.exponent)}, d = {number(self.value)}"
        ax.plot(sizes, centre * sizes**self.exponent, color=BLUE, label=label)
        ax.set(xlabel="points N", ylabel="mean distance to a neighbour")
        log_axes(ax, sizes, means)
        ax.legend()


@dc.dataclass(frozen=True)
class NearestNeighborScaling(Method[ScalingDimension]):
    """The slope of log <r_k> on log N over decimations of the cloud; d = -1 / slope.

    In a d-dimensional cloud the mean distance to the k-th neighbour falls as N^(-1/d). The
    resolution-limited argument uses this quantity itself: a loss that falls as r^s falls as
    N^(-s/d) (Bahri et al. 2024, theorem 2 and its corollary), at any density and for the
    measured N.

    The cloud is halved `halvings` times into disjoint blocks: at each size every query has
    a distance within its own block, and no point is left out. Both ends of the line share
    their points, so the standard error uses each query's influence on the slope, over the
    graph of neighbours shared at any size. The interval of the slope is normal; if it
    reaches zero, the interval of d is open-ended.

    Bias: edges and curvature matter more for the smallest blocks, and on bounded clouds d
    is some per cent too high; the manifold must be flat at the scales of all sizes.

    Parameters
    ----------
    k : rank of the neighbour.
    halvings : how often the cloud is halved, at least 1.
    seed : of the random blocks. The value depends on it, and on the order of the rows.
    """

    k: Count = 1
    halvings: Count = 3
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return max(self.k, 2)  # two, so that ties of r1 and r2 are seen

    def __call__(self, near: Neighbors, /) -> ScalingDimension:
        counts = np.array([near.n_points / 2**level for level in range(self.halvings + 1)])
        require(
            counts[-1] >= max(SMALLEST_BLOCK, self.k + 2),
            f"{near.n_points} points are too few for {self.halvings} halvings: the "
            f"smallest blocks must hold {max(SMALLEST_BLOCK, self.k + 2)}. Use fewer.",
        )
        require(near.n_queries >= 2, "A mean distance needs at least 2 query points.")
        tables = list(self._decimated(near))
        distances = np.stack([table[:, -1] for _, table in tables], axis=1)
        means = distances.mean(axis=0)
        most = float((distances.max(axis=0) / means).max()) / len(distances)
        require(
            most < FAR or len(distances) < SMALLEST_BLOCK,
            "One point lies so far away that it makes most of the mean distance: remove "
            "it, or use a method on ratios such as `TwoNN()`.",
        )
        logs = np.log(counts)
        # The weights sum to zero, so the unit of length does not matter.
        weights = (logs - logs.mean()) / np.square(logs - logs.mean()).sum()
        slope = float(weights @ np.log(means))
        require(
            slope < 0,
            "The nearest distance does not fall with the number of points: the cloud has "
            f"clumps, or is a lattice: {ON_LATTICE}",
        )
        # Both ends of the line use the same queries, and their errors cancel in part: so
        # take each query's share in the slope, not the errors of the means.
        influence = (distances / means) @ weights / len(distances)
        everyone = dc.replace(
            near,
            indices=np.concatenate([indices for indices, _ in tables], axis=1),
            distances=np.concatenate([table for _, table in tables], axis=1),
        )
        independent = float(np.sqrt(np.square(influence).sum()))
        error, linked = relative_error(influence, independent, everyone)
        interval, notes = _inverted(normal_interval(slope, error))
        dim = pooled_dimension(
            self, near, -1 / slope, error / slope**2, interval, (*notes, *crowding(linked))
        )
        fields = {field.name: getattr(dim, field.name) for field in dc.fields(dim)}
        return ScalingDimension(
            **fields,
            exponent=slope,
            exponent_stderr=error,
            sizes=tuple(int(count) for count in counts),
            mean_distances=tuple(float(mean) for mean in means),
        )

    def _decimated(self, near: Neighbors) -> Iterator[tuple[Ints, Floats]]:
        """Neighbours of the queries within the whole cloud, its halves, its quarters..."""
        yield near.indices[:, : self.k], near.distances[:, : self.k]
        if near.cloud is None:
            raise ManifoldScaleError(
                f"{self} searches parts of the cloud again and needs its points; this "
                "table holds distances only."
            )
        shuffled = keyed(self.seed, "blocks").permutation(near.rows)
        for level in range(1, self.halvings + 1):
            indices = np.empty((near.n_queries, self.k), dtype=np.int64)
            distances = np.empty((near.n_queries, self.k))
            for block in np.array_split(shuffled, 2**level):
                rows = np.sort(block)
                mine = np.flatnonzero(np.isin(near.queries, rows))
                if len(mine):
                    places = np.searchsorted(rows, near.queries[mine])
                    part = near.cloud.take(rows).neighbors(self.k, anchors=places)
                    indices[mine], distances[mine] = rows[part.indices], part.distances
            yield indices, distances


def _inverted(slope: Interval) -> tuple[Interval, list[Any]]:
    """The interval of -1 / slope, open if the slope may be zero."""
    if slope.high < 0:
        return slope.map(lambda end: -1 / end), []
    return Interval(-1 / slope.low, float("inf"), slope.level), [Caveat.OPEN_INTERVAL()]
