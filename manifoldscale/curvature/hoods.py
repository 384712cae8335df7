"""Neighbourhoods in blocks, centred on their query, with a frame of tangents."""

import dataclasses as dc
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..core.arrays import Floats, Ints
from ..core.errors import ManifoldScaleError
from ..geometry.neighbors import Neighbors

BLOCK_BYTES = 1 << 26
# Points and rounds of subspace iteration for a first frame: the fit corrects its error.
START, ITERATIONS = 64, 4


@dc.dataclass(frozen=True, eq=False)
class Hoods:
    """A block of b neighbourhoods of m points each, with the query first.

    Parameters
    ----------
    queries : (b,) positions of the queries in the table.
    rows : (b, m) row numbers of the points in the cloud.
    points : (b, m, D) relative to the query, in units of `radius`.
    radius : (b,) distance of the farthest point, in the units of the cloud.
    gram : (b, m, m) inner products of the points. Where it is there, it is used instead of
        them, so that nothing else grows with the features.
    """

    queries: Ints
    rows: Tensor
    points: Tensor
    radius: Tensor
    gram: Tensor | None = None

    def with_gram(self) -> "Hoods":
        """With inner products, if they are fewer than the coordinates."""
        if self.points.shape[2] <= self.points.shape[1]:
            return self
        return dc.replace(self, gram=self.points @ self.points.transpose(1, 2))

    def first(self, n: int) -> "Hoods":
        """The `n` nearest points of each, the query included."""
        return dc.replace(
            self,
            rows=self.rows[:, :n],
            points=self.points[:, :n],
            gram=None if self.gram is None else self.gram[:, :n, :n],
        )

    def along(self, weights: Tensor) -> Tensor:
        """(b, m, d) coordinates of the points in an orthonormal frame of d combinations of
        them, with weights (b, m, d).
        """
        if self.gram is None:
            return self.points @ orthonormal(self.points.transpose(1, 2) @ weights)
        products = self.gram @ weights
        for _ in range(2):
            inner = weights.transpose(1, 2) @ products
            weights, products = _over_root(inner, weights), _over_root(inner, products)
        return products


def blocks_of_hoods(near: Neighbors, k: int, work: int = 0) -> Iterator[Hoods]:
    """The first `k` neighbours of every query, block by block, in float64.

    Parameters
    ----------
    k : neighbours of each query.
    work : numbers that the caller keeps for each query beside the points.
    """
    cloud, features = points_of(near), near.points.shape[1]
    each = 8 * ((k + 1) * features * 3 + work)
    for part in np.array_split(
        np.arange(near.n_queries), -(-near.n_queries * each // BLOCK_BYTES)
    ):
        rows = np.concatenate([near.queries[part, None], near.indices[part, :k]], axis=1)
        here = cloud[rows].astype(np.float64)
        # Subtract the query first: a mean far from zero would cost digits.
        here -= here[:, :1].copy()
        radius = near.distances[part, k - 1]
        here /= radius[:, None, None]
        yield Hoods(
            part, torch.from_numpy(rows), torch.from_numpy(here), torch.from_numpy(radius)
        )


def points_of(near: Neighbors) -> Floats:
    """The points of the cloud, or an error that names the method for distances."""
    if near.cloud is None:
        raise ManifoldScaleError(
            "Curvature from a local fit needs the points, and this table holds distances "
            "only. Give it the points, or use `ms.curvature.VolumeGrowth(dim)`."
        )
    return near.cloud.points


def principal_frame(points: Tensor, dim: int) -> Tensor:
    """(b, D, dim) orthonormal directions of the largest variance.

    If there are few features, by the scatter matrix; else by subspace iteration with the
    inner products of the points.
    """
    if points.shape[1] > START:
        points = points[:, torch.linspace(0, points.shape[1] - 1, START).round().long()]
    centred = points - points.mean(1, keepdim=True)
    n, features = centred.shape[1:]
    if features <= max(32, 2 * dim):
        scatter = centred.transpose(1, 2) @ centred
        vectors: Tensor = torch.linalg.eigh(scatter).eigenvectors[:, :, -dim:]
        return vectors
    # The start depends only on the ranks of the neighbours, so their order in the cloud, a
    # rotation and more features change nothing.
    draw = np.random.default_rng(0).standard_normal((n, dim))
    start = torch.from_numpy(draw).expand(len(centred), -1, -1)
    gram = centred @ centred.transpose(1, 2)
    for _ in range(ITERATIONS):
        start = orthonormal(gram @ start)
    return orthonormal(centred.transpose(1, 2) @ start)


def orthonormal(columns: Tensor) -> Tensor:
    """An orthonormal basis of the span of the columns, (b, D, d), by Cholesky twice."""
    for _ in range(2):
        columns = _over_root(columns.transpose(1, 2) @ columns, columns)
    return columns


def _over_root(gram: Tensor, columns: Tensor) -> Tensor:
    """Columns over the Cholesky factor of their inner products, (b, d, d)."""
    size = torch.diagonal(gram, dim1=1, dim2=2).mean(1)[:, None, None]
    tiny = size * 1e-14 + torch.finfo(gram.dtype).tiny
    factor = torch.linalg.cholesky(gram + tiny * torch.eye(gram.shape[1], dtype=gram.dtype))
    found: Tensor = torch.linalg.solve_triangular(
        factor.transpose(1, 2), columns, upper=True, left=False
    )
    return found
