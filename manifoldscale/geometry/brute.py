"""Exact nearest neighbours by matrix products: bound, select, measure, certify.

1. Products give a lower bound of every squared distance (see `bounds`), and the K = k +
   pad points with the smallest bounds are a query's candidates.
2. The k nearest among them are found by float64 differences of coordinates.
3. A query is *certified* when the K-th smallest lower bound exceeds its k-th distance:
   no other point can be as near. Other queries go through the next more exact product:
   bfloat16 where that is fast, then float32, and at last float64, where every pair is
   measured whose lower bound does not exceed the k-th distance found so far.

The result is exact for all data, with ties in order of row number, and uses the fast path
wherever that is safe.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..core.arrays import Floats, Ints
from .bounds import BRAIN_FEATURES, Bounds, Brain, Plain, brain_is_fast
from .candidates import GROUP, Candidates
from .certify import measure_all_near, refine
from .compiled_candidates import CompiledCandidates
from .rows import Rows
from .searched import Found, Search, exclude, mask

if TYPE_CHECKING:
    import torch

SWEEP_BYTES = 1 << 26  # of points prepared at once, if they are not all kept
QUERIES = 1 << 14  # queries per sweep over the points
RESIDENT_BYTES = 1 << 31  # up to here a cloud that is all queries is kept in float32
PAD = 4  # candidates beyond k, at least
BRAIN_PAD = 24  # with bfloat16, plus k more for its looser bound


def nearest(search: Search, brain: bool | None = None) -> tuple[Ints, Floats]:
    """The k nearest points of each query: positions and distances, (M x k) each, by
    rising distance. `brain` forces or forbids the pass in bfloat16.
    """
    index, squared = nearest_squared(search, brain)
    return index, search.distances(squared)


def nearest_squared(search: Search, brain: bool | None = None) -> tuple[Ints, Floats]:
    """As `nearest`, with squared distances in units of the frame's scale."""
    import torch

    place, shape = search.points.place, (len(search.queries), search.k)
    found = (
        torch.empty(shape, dtype=torch.int64, device=place),
        torch.empty(shape, dtype=torch.float64, device=place),
    )
    few = BRAIN_FEATURES if not search.on_cpu else max(2 * BRAIN_FEATURES, 8 * search.k)
    wide = search.points.features >= few
    use_brain = (wide and brain_is_fast(place)) if brain is None else brain
    left = torch.arange(shape[0], device=place)
    with full_precision():
        if use_brain:
            left = _propose(search, left, found, True)
        left = _propose(search, left, found, False)
        measure_all_near(search, left, found)
    return found[0].cpu().numpy(), found[1].cpu().numpy()


def _propose(
    search: Search, left: "torch.Tensor", found: Found, brain: bool
) -> "torch.Tensor":
    """Fill in the neighbours of the queries `left`; return the queries not certified."""
    import torch

    pad = search.k + BRAIN_PAD if brain else _pad(search.k, search.points.features)
    count = min(search.k + pad, len(search.points))
    size = len(search.points) * (4 * search.points.features + 16 * (count + 64))
    everything = search.is_all_pairs and len(left) == len(search.queries)
    if everything and size <= RESIDENT_BYTES:
        best = _all_pairs(search, count, brain)
        return refine(search, left, best, found)
    failed = [
        refine(search, part, _sweep(search, part, count, brain), found)
        for part in torch.split(left, QUERIES)
        if len(part)
    ]
    return torch.cat(failed) if failed else left


def _pad(k: int, features: int) -> int:
    """Candidates beyond k: room for errors of rank. Errors grow with the features, and the
    number of points within an error of the k-th with k.
    """
    return PAD + min(16, features // 512) + min(k // 8, k * features // 16384)


def _candidates(
    search: Search, queries: int, count: int
) -> Candidates | CompiledCandidates:
    if search.on_cpu:
        return CompiledCandidates.of(queries, count)
    return Candidates.of(queries, count, search.points.place)


def _ready(search: Search, points: Rows, brain: bool) -> Bounds:
    import torch

    if brain:
        return Brain.of(search.frame, points)
    return Plain.of(search.frame, points, torch.float32)


def _all_pairs(search: Search, count: int, brain: bool) -> Candidates | CompiledCandidates:
    """Candidates of all points: each product serves the rows and the columns of its tile,
    since x.y = y.x.
    """
    import torch

    n, side = len(search.points), search.side
    ready = _ready(search, search.points, brain)
    best = _candidates(search, n, count)
    starts = range(0, n, side)
    locks = [threading.Lock() for _ in starts]

    def strips(numbers: Iterator[int]) -> None:
        buffer = torch.empty(side * side, dtype=ready.dtype, device=search.points.place)
        for i in numbers:
            rows = (starts[i], min(starts[i] + side, n))
            left, mine = ready.left(slice(*rows)), best.rows(*rows)
            for j in range(i, len(starts)):
                columns = (starts[j], min(starts[j] + side, n))
                tile = _tile(search, ready, left, buffer, rows, columns)
                others: Any = best.rows(*columns) if j > i else None
                with locks[i], locks[j] if j > i else contextlib.nullcontext():
                    mine.offer(tile, columns[0], others, rows[0])

    search.each(strips, range(len(starts)))
    return best


def _tile(
    search: Search,
    ready: Bounds,
    left: object,
    buffer: "torch.Tensor",
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> "torch.Tensor":
    """The lower bounds of one tile of all pairs, padded with inf to multiples of GROUP."""
    import torch

    height, width = rows[1] - rows[0], columns[1] - columns[0]
    tile = _padded(buffer, height, width)
    ready.tile(left, *columns, tile[:height, :width])
    if rows == columns:
        tile.fill_diagonal_(torch.inf)
    if search.point_groups is not None:
        codes = search.point_groups
        mask(tile[:height, :width], codes[slice(*rows)], codes[slice(*columns)])
    return tile


def _padded(buffer: "torch.Tensor", height: int, width: int) -> "torch.Tensor":
    import torch

    full = [-(-side // GROUP) * GROUP for side in (height, width)]
    tile = buffer[: full[0] * full[1]].view(full)
    tile[height:] = torch.inf
    tile[:, width:] = torch.inf
    return tile


def _sweep(
    search: Search, part: "torch.Tensor", count: int, brain: bool
) -> Candidates | CompiledCandidates:
    """Candidates of some queries, from one pass over the points, block after block."""
    asking = search.queries.only(part)
    queries = _ready(search, asking, brain)
    best = _candidates(search, len(part), count)
    for offset, ready in _blocks(search, brain):
        worker = functools.partial(_swept, search, part, queries, best, ready, offset)
        search.each(worker, range(0, len(part), search.side // 2))
    return best


def _swept(
    search: Search,
    part: "torch.Tensor",
    queries: Bounds,
    best: Candidates | CompiledCandidates,
    ready: Bounds,
    offset: int,
    starts: Iterator[int],
) -> None:
    """Offer a block of points, the first of them point `offset`, to strips of queries."""
    import torch

    height, width = search.side // 2, 2 * search.side
    place, grouped = search.points.place, search.point_groups is not None
    buffer = torch.empty(height * width, dtype=queries.dtype, device=place)
    for start in starts:
        stop = min(start + height, len(part))
        left = queries.left(slice(start, stop))
        mine, own = best.rows(start, stop), search.own[part[start:stop]] - offset
        nearest, farthest = int(own.min()), int(own.max())
        for first in range(0, len(ready), width):
            last = min(first + width, len(ready))
            tile = _padded(buffer, stop - start, last - first)
            values = tile[: stop - start, : last - first]
            ready.tile(left, first, last, values)
            if grouped or (nearest < last and farthest >= first):
                exclude(search, part[start:stop], offset + first, values)
            mine.offer(tile, offset + first)


def _blocks(search: Search, brain: bool) -> Iterator[tuple[int, Bounds]]:
    """Prepared points, one block at a time, with the position of its first."""
    step = max(GROUP, SWEEP_BYTES // (4 * search.points.features))
    for start in range(0, len(search.points), step):
        yield start, _ready(search, search.points.part(start, start + step), brain)


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Compute float32 products in float32, without TF32 or bfloat16, whatever is set."""
    import torch

    before = torch.get_float32_matmul_precision()
    if before == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
