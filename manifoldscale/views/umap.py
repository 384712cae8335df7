"""UMAP, by umap-learn."""

import dataclasses as dc
import math
import warnings
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.errors import require
from ..core.method import Method
from ..core.settings import Count, at_least
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import scaled_points
from .view import View, made_view, onto, unit_size


@dc.dataclass(frozen=True)
class UMAP(Method[View]):
    """Uniform manifold approximation (McInnes, Healy & Melville 2018), by umap-learn, on
    the neighbours of the table.

    Parameters
    ----------
    k : neighbours per point.
    min_dist : smallest distance of points in the view.
    seeds : number of views, to measure what depends on the seed; the first is returned.
    seed : the first seed.

    Raises
    ------
    ManifoldScaleError : distances without points; not every point is a query.
    """

    k: Annotated[int, at_least(2)] = 15
    min_dist: Annotated[float, at_least(0)] = 0.1
    seeds: Count = 3
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> View:
        points = scaled_points(self, near)[near.rows]
        require(
            near.n_queries == near.n_points,
            f"{self} needs the neighbours of every point; the table has only "
            f"{near.n_queries:,} of {near.n_points:,}. Build it without `anchors`.",
        )
        views = [
            unit_size(self._embed(points, near, self.seed + i)) for i in range(self.seeds)
        ]
        apart = [
            np.square(onto(other, views[0], other) - views[0]).sum(axis=1).mean()
            for other in views[1:]
        ]
        spread = float(np.mean(apart)) if apart else math.nan
        return made_view(self, near, points, views[0], spread, [Caveat.FOR_THE_EYE()])

    def _embed(self, points: Floats, near: Neighbors, seed: int) -> Floats:
        n = len(points)
        # Positions of the distinct points; UMAP wants each point before its neighbours.
        place = np.full(near.n_rows, -1)
        place[near.rows] = np.arange(n)
        indices = np.column_stack([np.arange(n), place[near.indices[:, : self.k]]])
        distances = np.column_stack([np.zeros(n), near.distances[:, : self.k]])
        with warnings.catch_warnings():
            # It warns that TensorFlow is missing and that new points cannot be added.
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
