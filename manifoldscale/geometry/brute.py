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
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Floats, Ints
from .bounds import BRAIN_FEATURES, SLACK, Bounds, Brain, Plain, brain_is_fast
from .candidates import GROUP, Candidates
from .rows import Exact, Frame, Rows

if TYPE_CHECKING:
    import torch

TILE_BYTES = 1 << 23  # a tile of 1024 x 2048 float32: large enough for the product
TILE_BYTES_CUDA = 1 << 28
SWEEP_BYTES = 1 << 26  # of points prepared at once, if they are not all kept
QUERIES = 1 << 14  # queries per sweep over the points
RESIDENT_BYTES = 1 << 31  # up to here a cloud that is all queries is kept in float32
PAYS = 300_000  # points x features above which halving the products is worth more sorting
PAD = 4  # candidates beyond k: room for errors of rank, which grow with the features
PAD_PER_FEATURE = 1 / 512
BRAIN_PAD = 24  # with bfloat16, plus k more for its looser bound


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
    def side(self) -> int:
        """A tile of all pairs is side x 2 side, one of a sweep side / 2 x 4 side: wide,
        because a query's first limit is better if it comes from more points.
        """
        on_cuda = self.points.place.type == "cuda"
        size = self.tile_bytes or (TILE_BYTES_CUDA if on_cuda else TILE_BYTES)
        return max(int((size / 8) ** 0.5) // (2 * GROUP), 1) * 2 * GROUP


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
    wide = search.points.features >= BRAIN_FEATURES
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

    pad = PAD + min(16, int(search.points.features * PAD_PER_FEATURE))
    pad = search.k + BRAIN_PAD if brain else pad
    count = min(search.k + pad, len(search.points))
    size = len(search.points) * (4 * search.points.features + 16 * (count + 64))
    everything = search.is_all_pairs and len(left) == len(search.queries)
    pays = len(search.points) * search.points.features >= PAYS
    if everything and pays and size <= RESIDENT_BYTES:
        best = _all_pairs(search, count, brain)
        return _refine(search, left, best, found)
    failed = [
        _refine(search, part, _sweep(search, part, count, brain), found)
        for part in torch.split(left, QUERIES)
        if len(part)
    ]
    return torch.cat(failed) if failed else left


def _ready(search: Search, points: Rows, brain: bool) -> Bounds:
    import torch

    if brain:
        return Brain.of(search.frame, points)
    return Plain.of(search.frame, points, torch.float32)


def _all_pairs(search: Search, count: int, brain: bool) -> Candidates:
    """Candidates of all points: each product serves the rows and the columns of its tile,
    since x.y = y.x.
    """
    import torch

    n = len(search.points)
    ready = _ready(search, search.points, brain)
    best = Candidates.of(n, count, ready.dtype, search.points.place)
    height, width = search.side, 2 * search.side
    buffer = torch.empty(height * width, dtype=ready.dtype, device=search.points.place)
    for start in range(0, n, height):
        stop = min(start + height, n)
        left = ready.left(slice(start, stop))
        mine = best.rows(start, stop)
        for first, last in _spans(start, stop, n, width):
            tile = _tile(search, ready, left, buffer, (start, stop), (first, last))
            mine.offer(tile, first)
            if first >= stop:
                best.rows(first, last).offer(tile, start, columns=True)
    return best


def _spans(start: int, stop: int, n: int, width: int) -> Iterator[tuple[int, int]]:
    """The square on the diagonal, then what lies to its right."""
    yield start, stop
    for first in range(stop, n, width):
        yield first, min(first + width, n)


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


def _sweep(search: Search, part: "torch.Tensor", count: int, brain: bool) -> Candidates:
    """Candidates of some queries, from one pass over the points, block after block."""
    import torch

    place = search.points.place
    asking = dc.replace(search.queries, rows=_rows_of(search.queries, part))
    queries = _ready(search, asking, brain)
    best = Candidates.of(len(part), count, queries.dtype, place)
    height, width = search.side // 2, 4 * search.side
    buffer = torch.empty(height * width, dtype=queries.dtype, device=place)
    for offset, ready in _blocks(search, brain):
        for start in range(0, len(part), height):
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
    return best


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
    search: Search, part: "torch.Tensor", best: Candidates, found: Found
) -> "torch.Tensor":
    """Measure the candidates of the queries `part`; return those not certified."""
    import torch

    failed = []
    for start in range(0, len(part), 4096):
        rows = part[start : start + 4096]
        value, index = best.rows(start, start + len(rows)).best()
        squared = _measured(search, rows, value, index)
        index, order = index.sort(1)
        squared = squared.gather(1, order)
        squared, order = squared.sort(dim=1, stable=True)
        found[0][rows] = index.gather(1, order[:, : search.k])
        found[1][rows] = squared[:, : search.k]
        # If every point is a candidate, there is nothing to certify.
        last = value[:, -1].double()
        certain = last > _at_most(squared[:, search.k - 1], value.dtype)
        if best.count < len(search.points):
            failed.append(rows[~certain & ~torch.isinf(last)])
    return torch.cat(failed) if failed else part[:0]


def _at_most(squared: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
    """The value that a lower bound must exceed to prove that a distance is larger, with
    room for the rounding of differences and for products that underflow.
    """
    import torch

    return squared * (1 + SLACK) + torch.finfo(dtype).tiny * 2.0**24


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
