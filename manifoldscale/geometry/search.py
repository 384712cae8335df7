"""Exact nearest neighbours: search fast, certify, re-rank in float64.

The squared distance |x|^2 - 2 x.y + |y|^2 is one matrix product, but it cancels: its
error is about eps (|x| + |y|)^2, which can exceed a small distance. So

1. the cloud is centred and scaled, which costs nothing and changes no ratio;
2. float32 products propose k + pad candidates a query;
3. the candidates' distances are computed again in float64 from differences of
   coordinates, and sorted;
4. a query is *certified* when a bound on the error of step 2 shows that no point outside
   its candidates can be nearer than its k-th neighbour. A query that is not goes through
   the same steps in float64, and at last through differences with every point.

The result is exact whatever the data, and the fast path is taken wherever it is safe.
"""

import contextlib
import dataclasses as dc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError

if TYPE_CHECKING:
    import torch

PAD = 8  # candidates beyond k: room for errors of rank in the fast product
BLOCK_BYTES = 1 << 23  # a block of products stays in cache
TIE = 1e-9  # relative difference of distances below which two neighbours are equal


@dc.dataclass(frozen=True, eq=False)
class _Points:
    """The points twice: as given, for exact differences, and centred, for products.

    `scale` is a power of two, so that dividing by it is exact, and squares neither
    overflow nor vanish.
    """

    given: "torch.Tensor"
    centred: "torch.Tensor"
    scale: float

    @classmethod
    def of(cls, points: Array, device: str | None) -> "_Points":
        import torch

        place = _place(device)
        given = torch.from_numpy(np.array(points)).to(place)
        centred = given.to(torch.float64, copy=True)
        centred -= centred.mean(0)
        reach = float(centred.abs().max())
        scale = 2.0 ** np.floor(np.log2(reach)) if reach > 0 else 1.0
        centred /= scale
        return cls(given, centred, float(scale))

    def squared(self, query: "torch.Tensor", others: "torch.Tensor") -> "torch.Tensor":
        """Scaled squared distances by differences in float64."""
        difference = self.given[others].double() - self.given[query].double()
        return difference.div_(self.scale).square_().sum(-1)


def _place(device: str | None) -> "torch.device":
    import torch

    try:
        return torch.empty(0, device=device or "cpu").device
    except (RuntimeError, AssertionError) as error:
        raise ManifoldScaleError(f"`device` {device!r} cannot be used: {error}") from error


def nearest(
    points: Array,
    queries: Ints,
    k: int,
    device: str | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[Ints, Floats]:
    """The `k` nearest other points of `points[queries]`.

    Returns row numbers and distances, (queries x k) each, by rising distance. A query is
    excluded from its own neighbours by its row number.
    """
    import torch

    cloud = _Points.of(points, device)
    place = cloud.centred.device
    rows = torch.from_numpy(queries).to(place)
    indices = torch.empty((len(rows), k), dtype=torch.int64, device=place)
    distances = torch.empty((len(rows), k), dtype=torch.float64, device=place)
    left = torch.arange(len(rows), device=place)
    with _full_precision():
        for dtype in (torch.float32, torch.float64):
            left = _search(cloud, rows, left, indices, distances, dtype, block_bytes)
    _search_directly(cloud, rows, left, indices, distances, block_bytes)
    return indices.cpu().numpy(), distances.cpu().numpy() * cloud.scale


def _search(
    cloud: _Points,
    rows: "torch.Tensor",
    left: "torch.Tensor",
    indices: "torch.Tensor",
    distances: "torch.Tensor",
    dtype: "torch.dtype",
    block_bytes: int,
) -> "torch.Tensor":
    """Fill the results of the queries `left`; return those that are not certified."""
    import torch

    if not len(left):
        return left
    n, features = cloud.centred.shape
    k = indices.shape[1]
    n_candidates = min(k + PAD, n - 1)
    narrow = cloud.centred.to(dtype)
    squares = narrow.square().sum(1)
    # |computed - true| <= gamma (|x| + |y|)^2, gamma_n = n u of a dot product (Higham,
    # Accuracy and Stability, eq. 3.5), with room for the rounding of the casts.
    gamma = (features + 8) * torch.finfo(dtype).eps
    norms = cloud.centred.square().sum(1).sqrt()
    bound = gamma * (norms + norms.max()).square()

    n_queries = max(16, min(512, block_bytes // (8 * features * n_candidates)))
    width = max(n_candidates, min(n, block_bytes // (n_queries * dtype.itemsize)))
    buffer = torch.empty((n_queries, width), dtype=dtype, device=narrow.device)
    failed = []
    for part in torch.split(left, n_queries):
        query = rows[part]
        candidates, last = _candidates(narrow, squares, query, n_candidates, buffer)
        found, squared = _rerank(cloud, query, candidates, k)
        indices[part], distances[part] = found, squared.sqrt()
        # `last` lacks |x|^2, which is the same for every point of a row.
        outside = last.double() + norms[query].square() - bound[query]
        certain = outside >= squared[:, -1] * (1 - TIE)
        if n_candidates < n - 1:
            failed.append(part[~certain])
    return torch.cat(failed) if failed else left[:0]


def _candidates(
    narrow: "torch.Tensor",
    squares: "torch.Tensor",
    query: "torch.Tensor",
    count: int,
    buffer: "torch.Tensor",
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """The `count` nearest by |y|^2 - 2 x.y, and that value of the farthest of them."""
    import torch

    inputs = narrow[query]
    value = inputs.new_empty((len(query), 0))
    index = query.new_empty((len(query), 0))
    width = buffer.shape[1]
    for start in range(0, len(narrow), width):
        block = narrow[start : start + width]
        values = buffer[: len(query), : len(block)]
        torch.addmm(squares[start : start + width], inputs, block.T, alpha=-2.0, out=values)
        own = query - start
        here = ((own >= 0) & (own < len(block))).nonzero()[:, 0]
        values[here, own[here]] = torch.inf
        best, where = values.topk(min(count, len(block)), largest=False)
        value = torch.cat([value, best], 1)
        index = torch.cat([index, where + start], 1)
        value, order = value.topk(min(count, value.shape[1]), largest=False)
        index = index.gather(1, order)
    return index, value[:, -1]


def _rerank(
    cloud: _Points, query: "torch.Tensor", candidates: "torch.Tensor", k: int
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """The `k` nearest candidates by exact differences, ties in order of row number."""
    ordered = candidates.sort(dim=1).values
    squared = cloud.squared(query[:, None], ordered)
    squared, order = squared.sort(dim=1, stable=True)
    return ordered.gather(1, order[:, :k]), squared[:, :k]


def _search_directly(
    cloud: _Points,
    rows: "torch.Tensor",
    left: "torch.Tensor",
    indices: "torch.Tensor",
    distances: "torch.Tensor",
    block_bytes: int,
) -> None:
    """Differences with every point, for queries that no product can separate."""
    import torch

    n, features = cloud.centred.shape
    everything = torch.arange(n, device=rows.device)
    step = max(1, block_bytes // (8 * features))
    for i in left.tolist():
        own = rows[i]
        blocks = torch.split(everything, step)
        squared = torch.cat([cloud.squared(own, block) for block in blocks])
        squared[own] = torch.inf
        squared, order = squared.sort(stable=True)
        indices[i] = order[: indices.shape[1]]
        distances[i] = squared[: indices.shape[1]].sqrt()


@contextlib.contextmanager
def _full_precision() -> Iterator[None]:
    """float32 products in float32: no TF32, no bfloat16, whatever the process has set."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
