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
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats, Ints

if TYPE_CHECKING:
    import torch

PAD = 8  # candidates beyond k: room for errors of rank in the fast product
BLOCK_BYTES = 1 << 23  # a block of products stays in cache
TIE = 1e-9  # relative difference of distances below which two neighbours are equal


def nearest(
    points: Array, queries: Ints, k: int, device: str | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> tuple[Ints, Floats]:
    """The `k` nearest other points of `points[queries]`.

    Returns row numbers and distances, (queries x k) each, by rising distance. A query is
    excluded from its own neighbours by its row number.
    """
    import torch

    wide = torch.from_numpy(np.array(points, dtype=np.float64)).to(device or "cpu")
    wide -= wide.mean(0)
    reach = float(wide.abs().max())
    # A power of two: dividing and multiplying by it is exact, and nothing overflows.
    scale = 2.0 ** np.floor(np.log2(reach)) if reach > 0 else 1.0
    wide /= scale

    rows = torch.from_numpy(queries).to(wide.device)
    indices = torch.empty((len(rows), k), dtype=torch.int64, device=wide.device)
    distances = torch.empty((len(rows), k), dtype=torch.float64, device=wide.device)
    left = torch.arange(len(rows), device=wide.device)
    with _full_precision():
        for dtype in (torch.float32, torch.float64):
            left = _search(wide, rows, left, indices, distances, dtype, block_bytes)
    _search_directly(wide, rows, left, indices, distances, block_bytes)
    return indices.cpu().numpy(), distances.cpu().numpy() * scale


def _search(
    wide: "torch.Tensor", rows: "torch.Tensor", left: "torch.Tensor",
    indices: "torch.Tensor", distances: "torch.Tensor", dtype: "torch.dtype",
    block_bytes: int,
) -> "torch.Tensor":
    """Fill the results of the queries `left`; return those that are not certified."""
    import torch

    if not len(left):
        return left
    n, features = wide.shape
    k = indices.shape[1]
    n_candidates = min(k + PAD, n - 1)
    narrow = wide.to(dtype)
    squares = narrow.square().sum(1)
    # |computed - true| <= gamma (|x| + |y|)^2, gamma_n = n u of a dot product (Higham,
    # Accuracy and Stability, eq. 3.5), with room for the rounding of the cast.
    gamma = (features + 8) * torch.finfo(dtype).eps
    norms = wide.square().sum(1).sqrt()
    bound = gamma * (norms + norms.max()).square()

    n_queries = max(16, min(512, block_bytes // (8 * features * n_candidates)))
    width = max(n_candidates, min(n, block_bytes // (n_queries * dtype.itemsize)))
    buffer = torch.empty((n_queries, width), dtype=dtype, device=wide.device)
    failed = []
    for part in left.split(n_queries):
        query = rows[part]
        candidates, last = _candidates(narrow, squares, query, n_candidates, buffer)
        found, squared = _rerank(wide, query, candidates, k)
        indices[part], distances[part] = found, squared.sqrt()
        # `last` lacks |x|^2, which is the same for every point of a row.
        outside = last.double() + norms[query].square() - bound[query]
        certain = outside >= squared[:, -1] * (1 - TIE)
        if n_candidates < n - 1:
            failed.append(part[~certain])
    return torch.cat(failed) if failed else left[:0]


def _candidates(
    narrow: "torch.Tensor", squares: "torch.Tensor", query: "torch.Tensor", count: int,
    buffer: "torch.Tensor",
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """The `count` nearest by |y|^2 - 2 x.y, and that value of the farthest of them."""
    import torch

    best_value = best_index = None
    width = buffer.shape[1]
    for start in range(0, len(narrow), width):
        block = narrow[start : start + width]
        values = buffer[: len(query), : len(block)]
        torch.addmm(
            squares[start : start + width], narrow[query], block.T, alpha=-2.0, out=values
        )
        own = query - start
        inside = (own >= 0) & (own < len(block))
        values[inside.nonzero()[:, 0], own[inside]] = torch.inf
        value, index = values.topk(min(count, len(block)), largest=False)
        index += start
        if best_value is not None and best_index is not None:
            value = torch.cat([best_value, value], 1)
            index = torch.cat([best_index, index], 1)
            value, order = value.topk(min(count, value.shape[1]), largest=False)
            index = index.gather(1, order)
        best_value, best_index = value, index
    assert best_value is not None and best_index is not None
    return best_index, best_value[:, -1]


def _rerank(
    wide: "torch.Tensor", query: "torch.Tensor", candidates: "torch.Tensor", k: int
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """The `k` nearest candidates by exact differences, ties in order of row number."""
    ordered = candidates.sort(dim=1).values
    squared = (wide[ordered] - wide[query][:, None]).square().sum(-1)
    squared, order = squared.sort(dim=1, stable=True)
    return ordered.gather(1, order[:, :k]), squared[:, :k]


def _search_directly(
    wide: "torch.Tensor", rows: "torch.Tensor", left: "torch.Tensor",
    indices: "torch.Tensor", distances: "torch.Tensor", block_bytes: int,
) -> None:
    """Differences with every point, for queries that no product can separate."""
    import torch

    step = max(1, block_bytes // (8 * wide.shape[1]))
    for i in left.tolist():
        own = rows[i]
        squared = torch.cat(
            [(block - wide[own]).square().sum(1) for block in wide.split(step)]
        )
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
