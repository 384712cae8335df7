"""Dimension from the lengths of minimum spanning trees: persistent homology, degree 0."""

import dataclasses as dc
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat
from ..core.error_bars import normal_interval
from ..core.errors import require
from ..core.interval import Interval
from ..core.method import Method
from ..core.random import keyed
from ..core.settings import Positive, at_least
from ..geometry.neighbors import Neighbors
from ..geometry.rounded import tied
from ..geometry.spanning_tree import tree_edges
from ..geometry.within_noise import within_noise
from .dimension import TIED, Dimension
from .from_points import dimension_of_points, distinct_points

HALVINGS = 2
FAR = 0.5  # the largest share of all distances from the median for a single point
SMALLEST = 12  # points of the smallest tree


@dc.dataclass(frozen=True)
class PersistentHomology(Method[Dimension]):
    """d = alpha / (1 - slope) of log E on log n, where E is the sum of edge^alpha of the
    minimum spanning tree of n points.

    The edges of the tree are the lifetimes of the connected components, so E is the
    alpha-weighted sum of the bars of degree 0. For points of a d-dimensional set and
    0 < alpha < d it grows as n^((d - alpha) / d) (Steele 1988; Schweinhart 2020, Adv.
    Math. 372:107291). The slope is taken over the cloud, its halves and its quarters,
    disjoint at each size. Its error is measured: the same slope within each of `blocks`
    disjoint, independent parts of the cloud has a variance `blocks` times as large (the
    variance of log E falls as 1 / n), with Student's t.

    dd/dslope = d^2 / alpha: above about d = 8 the slope is close to 1 and says little. The
    interval of d is the transformed interval of the slope, open-ended if the slope reaches
    1. At an edge of the cloud the trees lack neighbours, by a share that falls as n^(-1/d):
    d is too low on bounded clouds, and too high on folded closed ones. It is a topological
    cross-check, not the first choice.

    Parameters
    ----------
    alpha : power of the edge lengths, above 0 and below the dimension.
    blocks : number of independent parts, at least 2.
    n_max : points of the largest tree; from a larger cloud so many are drawn. Time grows as
        the square.
    seed : of the parts. The value depends on it, and on the order of the rows.
    """

    alpha: Positive = 1.0
    blocks: Annotated[int, at_least(2)] = 8
    n_max: int = 4000
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> Dimension:
        points = distinct_points(self, near)
        shuffled = points[keyed(self.seed, "trees").permutation(len(points))[: self.n_max]]
        least = SMALLEST * self.blocks * 2**HALVINGS
        require(
            len(shuffled) >= least,
            f"{len(shuffled)} points are too few for {self.blocks} blocks of trees: at "
            f"least {least} are needed. Use fewer `blocks`, or `TwoNN()`.",
        )
        away = np.linalg.norm(shuffled - np.median(shuffled, axis=0), axis=1)
        require(
            float(away.max()) < FAR * float(away.sum()),
            "One point lies so far away that it makes most of the length of the tree: "
            "remove it, or use a method on ratios such as `TwoNN()`.",
        )
        slope = self._slope(shuffled)
        parts = np.array_split(shuffled, self.blocks)
        error = float(np.std([self._slope(part) for part in parts], ddof=1))
        # The blocks are independent, and the whole has `blocks` times their points.
        error /= self.blocks**0.5
        require(
            slope < 1,
            f"The length of the tree grows as n^{slope:.3g}: the dimension is not bounded "
            "at this number of points. Use more points or an estimator on distances.",
        )
        value = self.alpha / (1 - slope)
        low, high = normal_interval(slope, error, self.blocks - 1)
        notes = [] if high < 1 else [Caveat.OPEN_INTERVAL()]
        edges = tree_edges(parts[0])
        ties = 1 - len(np.unique(edges)) / len(edges)
        if ties > TIED:
            notes.append(tied(near, f"{ties:.0%} of tree edges"))
        interval = Interval(
            self.alpha / (1 - low), self.alpha / (1 - high) if high < 1 else float("inf")
        )
        return dimension_of_points(
            self,
            near,
            value,
            value**2 / self.alpha * error,
            interval,
            remarks=[*within_noise(near), *notes],
        )

    def _slope(self, part: Floats) -> float:
        """Slope of log mean E on log n, over the points, their halves and quarters."""
        sizes, means = [], []
        for level in range(HALVINGS + 1):
            pieces = np.array_split(part, 2**level)
            sizes.append(len(part) / 2**level)
            sums = [float((tree_edges(piece) ** self.alpha).sum()) for piece in pieces]
            means.append(float(np.mean(sums)))
        logs = np.log(sizes)
        weights = (logs - logs.mean()) / np.square(logs - logs.mean()).sum()
        return float(weights @ np.log(means))
