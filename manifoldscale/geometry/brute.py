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
import dataclasses as dc
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.threads import shared
from .bounds import BRAIN_FEATURES, SLACK, Bounds, Brain, Plain, brain_is_fast
from .candidates import GROUP, Candidates
from .compiled_candidates import CompiledCandidates
from .rows import Exact, Frame, Rows

if TYPE_CHECKING:
    import torch

TILE_BYTES = 1 << 20  # a tile of 512 x 512 float32, which stays in the cache of a core
SHARED = 4e6  # nanoseconds of products from which threads share them
BALANCED = 185  # of a tile's side: a call costs 70 us, a product 22 ps per feature
TOGETHER = 512  # queries whose candidates are measured together
TILE_BYTES_CUDA = 1 << 28
SWEEP_BYTES = 1 << 26  # of points prepared at once, if they are not all kept
QUERIES = 1 << 14  # queries per sweep over the points
RESIDENT_BYTES = 1 << 31  # up to here a cloud that is all queries is kept in float32
PAD = 4  # candidates beyond k, at least
BRAIN_PAD = 24  # with bfloat16, plus k more for its looser bound
ROUNDED_AWAY = 2.0**24  # times the least number: room for products that underflow


@dc.dataclass(frozen=True, eq=False)
class Search:
    """One search: queries (M) among points (N).

    Attributes
    ----------
    own : (M,) the position of each query among the points; -1 if it is not one of them.
    query_groups, point_groups : (M,) and (N,) codes; pairs of equal code are not
        neighbours. None if all pairs may be.
    """

    queries: Rows
    points: Rows
    frame: Frame
    k: int
    own: "torch.Tensor"
    query_groups: "torch.Tensor | None" = None
    point_groups: "torch.Tensor | None" = None
    tile_bytes: int | None = None

    @classmethod
    def among(
        cls,
        points: Rows,
        own: Ints,
        k: int,
        groups: Ints | None = None,
        tile_bytes: int | None = None,
    ) -> "Search":
        """The points at positions `own` as queries among all; `groups` has a code for each
        point.
        """
        import torch

        place = points.place
        own_ = torch.from_numpy(np.array(own)).to(place)
        codes = None if groups is None else torch.from_numpy(np.array(groups)).to(place)
        here = own_.to(points.given.device)
        chosen = here if points.rows is None else points.rows[here]
        everything = len(own) == len(points) and bool((np.diff(own) == 1).all())
        return cls(
            points if everything else dc.replace(points, rows=chosen),
            points,
            Frame.of(points),
            k,
            own_,
            None if codes is None else codes[own_],
            codes,
            tile_bytes,
        )

    def only(self, rows: Ints) -> "Search":
        """The search for some of the queries, by their positions."""
        import torch

        part = torch.from_numpy(rows).to(self.points.place)
        groups = self.query_groups
        return dc.replace(
            self,
            queries=dc.replace(self.queries, rows=_rows_of(self.queries, part)),
            own=self.own[part],
            query_groups=None if groups is None else groups[part],
        )

    @property
    def exact(self) -> Exact:
        return Exact(self.queries, self.points, self.frame.scale)

    @property
    def is_all_pairs(self) -> bool:
        return self.queries is self.points

    @property
    def on_cpu(self) -> bool:
        return self.points.place.type == "cpu"

    @property
    def is_shared(self) -> bool:
        """Whether threads share the work: not if it is done by the time that they start."""
        import torch

        pairs = len(self.queries) * len(self.points) / 2
        much = pairs * (0.4 + 0.011 * self.points.features) > SHARED
        return self.on_cpu and much and torch.get_num_threads() > 1

    @property
    def side(self) -> int:
        """The side of a tile of all pairs; one of a sweep is side / 2 x 2 side.

        On a CPU a tile costs a call, and the tiles on the diagonal have each pair twice:
        both together cost least at a side of about 185 (N / F)^(1/3).
        """
        import torch

        size = self.tile_bytes or (TILE_BYTES if self.on_cpu else TILE_BYTES_CUDA)
        side = int((size / 4) ** 0.5)
        if self.on_cpu and self.tile_bytes is None:
            n, threads = len(self.points), torch.get_num_threads()
            side = min(side, int(BALANCED * (n / self.points.features) ** (1 / 3)))
            side = min(side, n // (2 * threads) if self.is_shared else n)
        return max(side // (2 * GROUP), 1) * 2 * GROUP


def nearest(search: Search, brain: bool | None = None) -> tuple[Ints, Floats]:
    """The k nearest points of each query: positions and distances, (M x k) each, by
    rising distance. `brain` forces or forbids the pass in bfloat16.
    """
    index, squared = nearest_squared(search, brain)
    return index, np.sqrt(squared) * search.frame.scale


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
        _measure_all_near(search, left, found)
    return found[0].cpu().numpy(), found[1].cpu().numpy()


Found = tuple["torch.Tensor", "torch.Tensor"]


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
        return _refine(search, left, best, found)
    failed = [
        _refine(search, part, _sweep(search, part, count, brain), found)
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


def _each(
    search: Search, worker: Callable[[Iterator[int]], None], tasks: Sequence[int]
) -> None:
    """On a CPU threads share many tasks; another device does them one after the other."""
    if search.is_shared:
        shared(worker, tasks)
    else:
        worker(iter(tasks))


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

    _each(search, strips, range(len(starts)))
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
        _mask(tile[:height, :width], codes[slice(*rows)], codes[slice(*columns)])
    return tile


def _padded(buffer: "torch.Tensor", height: int, width: int) -> "torch.Tensor":
    import torch

    full = [-(-side // GROUP) * GROUP for side in (height, width)]
    tile = buffer[: full[0] * full[1]].view(full)
    tile[height:] = torch.inf
    tile[:, width:] = torch.inf
    return tile


def _mask(tile: "torch.Tensor", rows: "torch.Tensor", columns: "torch.Tensor") -> None:
    """Exclude pairs of one group. Groups are mostly runs of rows, so a tile whose codes do
    not overlap is skipped.
    """
    import torch

    if rows.max() >= columns.min() and columns.max() >= rows.min():
        tile.masked_fill_(rows[:, None] == columns, torch.inf)


def _sweep(
    search: Search, part: "torch.Tensor", count: int, brain: bool
) -> Candidates | CompiledCandidates:
    """Candidates of some queries, from one pass over the points, block after block."""
    asking = dc.replace(search.queries, rows=_rows_of(search.queries, part))
    queries = _ready(search, asking, brain)
    best = _candidates(search, len(part), count)
    for offset, ready in _blocks(search, brain):
        worker = functools.partial(_swept, search, part, queries, best, ready, offset)
        _each(search, worker, range(0, len(part), search.side // 2))
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
    place = search.points.place
    buffer = torch.empty(height * width, dtype=queries.dtype, device=place)
    for start in starts:
        stop = min(start + height, len(part))
        left = queries.left(slice(start, stop))
        mine = best.rows(start, stop)
        for first in range(0, len(ready), width):
            last = min(first + width, len(ready))
            tile = _padded(buffer, stop - start, last - first)
            values = tile[: stop - start, : last - first]
            ready.tile(left, first, last, values)
            _exclude(search, part[start:stop], offset + first, values)
            mine.offer(tile, offset + first)


def _rows_of(rows: Rows, positions: "torch.Tensor") -> "torch.Tensor":
    positions = positions.to(rows.given.device)
    return positions if rows.rows is None else rows.rows[positions]


def _blocks(search: Search, brain: bool) -> Iterator[tuple[int, Bounds]]:
    """Prepared points, one block at a time, with the position of its first."""
    step = max(GROUP, SWEEP_BYTES // (4 * search.points.features))
    for start in range(0, len(search.points), step):
        yield start, _ready(search, _part(search.points, start, start + step), brain)


def _part(points: Rows, start: int, stop: int) -> Rows:
    if points.rows is None:
        return dc.replace(points, given=points.given[start:stop])
    return dc.replace(points, rows=points.rows[start:stop])


def _exclude(
    search: Search, queries: "torch.Tensor", first: int, tile: "torch.Tensor"
) -> None:
    """Exclude the query itself and the points of its group."""
    import torch

    own = search.own[queries] - first
    here = ((own >= 0) & (own < tile.shape[1])).nonzero()[:, 0]
    tile[here, own[here]] = torch.inf
    if search.query_groups is not None and search.point_groups is not None:
        codes = search.point_groups[first : first + tile.shape[1]]
        _mask(tile, search.query_groups[queries], codes)


def _refine(
    search: Search,
    part: "torch.Tensor",
    best: Candidates | CompiledCandidates,
    found: Found,
) -> "torch.Tensor":
    """Measure the candidates of the queries `part`; return those not certified."""
    import torch

    certain = torch.ones(len(part), dtype=torch.bool, device=part.device)

    def settle(starts: Iterator[int]) -> None:
        for start in starts:
            rows = slice(start, min(start + TOGETHER, len(part)))
            mine = best.rows(rows.start, rows.stop)
            if isinstance(mine, CompiledCandidates):
                index, squared, sure = _settled(search, part[rows], mine)
            else:
                index, squared, sure = _settled_by_torch(search, part[rows], mine)
            found[0][part[rows]], found[1][part[rows]] = index, squared
            certain[rows] = sure

    _each(search, settle, range(0, len(part), TOGETHER))
    # If every point is a candidate, there is nothing to certify.
    return part[~certain] if best.count < len(search.points) else part[:0]


Settled = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


def _settled(search: Search, rows: "torch.Tensor", best: CompiledCandidates) -> Settled:
    """The neighbours of some queries, and whether they are certain."""
    import torch

    from . import loops

    index = torch.empty((len(rows), search.k), dtype=torch.int64)
    squared, certain = torch.empty(index.shape, dtype=torch.float64), rows >= 0
    slack, tiny = SLACK, float(torch.finfo(torch.float32).tiny) * ROUNDED_AWAY
    arrays = search.exact.arrays(rows)
    found = (index.numpy(), squared.numpy(), certain.numpy())
    loops.settle(best.keys(), best.count, *arrays, slack, tiny, *found)
    return index, squared, certain


def _settled_by_torch(search: Search, rows: "torch.Tensor", best: Candidates) -> Settled:
    """The same on any device."""
    import torch

    value, index = best.best()
    squared = _measured(search, rows, value, index)
    index, order = index.sort(1)
    squared = squared.gather(1, order)
    squared, order = squared.sort(dim=1, stable=True)
    index = index.gather(1, order[:, : search.k])
    squared = squared[:, : search.k]
    last = value[:, -1].double()
    certain = torch.isinf(last) | (last > _at_most(squared[:, -1], value.dtype))
    return index, squared, certain


def _at_most(squared: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """The value that a lower bound must exceed to prove that a distance is larger, with
    room for the rounding of differences and for products that underflow.
    """
    import torch

    return squared * (1 + SLACK) + torch.finfo(dtype).tiny * ROUNDED_AWAY


def _measured(
    search: Search, rows: "torch.Tensor", value: "torch.Tensor", index: "torch.Tensor"
) -> "torch.Tensor":
    """Squared distances of the candidates; inf if the lower bound shows that a candidate is
    not among the k nearest. Most of the padding is never measured.
    """
    import torch

    k, exact = search.k, search.exact
    squared = torch.full(value.shape, torch.inf, dtype=torch.float64, device=value.device)
    squared[:, :k] = exact.squared(rows, index[:, :k].clamp(min=0))
    squared[torch.isinf(value)] = torch.inf  # there were fewer points to choose from
    farthest = _at_most(squared[:, :k].amax(1), value.dtype)
    close = (value[:, k:].double() <= farthest[:, None]) & ~torch.isinf(value[:, k:])
    row, column = close.nonzero(as_tuple=True)
    if len(row):
        squared[row, column + k] = exact.pairs(rows[row], index[row, column + k])
    return squared


def _measure_all_near(search: Search, left: "torch.Tensor", found: Found) -> None:
    """Finish the queries `left` by measuring each point whose lower bound in float64 does
    not exceed the k-th distance found so far; if no product separates the points, all.
    """
    import torch

    height = search.side // 4 or 1
    for rows in torch.split(left, height) if len(left) else ():
        asking = dc.replace(search.queries, rows=_rows_of(search.queries, rows))
        queries = Plain.of(search.frame, asking, torch.float64)
        query = queries.left(slice(0, len(rows)))
        limit = found[1][rows, -1]
        pairs = [
            _pairs_within(search, rows, query, limit, first)
            for first in range(0, len(search.points), search.side)
        ]
        row, index, squared = (
            torch.cat(part).cpu().numpy() for part in zip(*pairs, strict=True)
        )
        order = np.lexsort((index, squared, row))
        starts = np.searchsorted(row[order], np.arange(len(rows)))
        chosen = torch.from_numpy(order[starts[:, None] + np.arange(search.k)])
        place = rows.device
        found[0][rows] = torch.from_numpy(index)[chosen].to(place)
        found[1][rows] = torch.from_numpy(squared)[chosen].to(place)


def _pairs_within(
    search: Search,
    rows: "torch.Tensor",
    query: "torch.Tensor",
    limit: "torch.Tensor",
    first: int,
) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """The pairs within `limit` of a block of points: query, point, squared distance."""
    import torch

    points = _part(search.points, first, first + search.side)
    ready = Plain.of(search.frame, points, torch.float64)
    tile = torch.empty((len(rows), len(ready)), dtype=torch.float64, device=rows.device)
    ready.tile(query, 0, len(ready), tile)
    _exclude(search, rows, first, tile)
    near = tile <= _at_most(limit, torch.float64)[:, None]
    row, column = near.nonzero(as_tuple=True)
    squared = torch.cat(
        [
            search.exact.pairs(rows[row[part]], column[part] + first)
            for part in torch.split(torch.arange(len(row), device=row.device), 1 << 16)
        ]
        or [limit[:0]]
    )
    within = squared <= limit[row]
    return row[within], column[within] + first, squared[within]


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
