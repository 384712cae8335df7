"""Candidates of a search measured, and certified: no other point can be as near."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .bounds import SLACK, Plain
from .candidates import Candidates
from .compiled_candidates import CompiledCandidates
from .searched import Found, Search, exclude

if TYPE_CHECKING:
    import torch

TOGETHER = 512  # queries whose candidates are measured together
ROUNDED_AWAY = 2.0**24  # times the least number: room for products that underflow

Settled = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]


def refine(
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

    search.each(settle, range(0, len(part), TOGETHER))
    # If every point is a candidate, there is nothing to certify.
    return part[~certain] if best.count < len(search.points) else part[:0]


def _settled(search: Search, rows: "torch.Tensor", best: CompiledCandidates) -> Settled:
    """The neighbours of some queries, and whether they are certain."""
    import torch

    from . import measuring

    index = torch.empty((len(rows), search.k), dtype=torch.int64)
    squared, certain = torch.empty(index.shape, dtype=torch.float64), rows >= 0
    slack, tiny = SLACK, float(torch.finfo(torch.float32).tiny) * ROUNDED_AWAY
    arrays = search.exact.arrays(rows)
    found = (index.numpy(), squared.numpy(), certain.numpy())
    measuring.settle(best.keys(), best.count, *arrays, slack, tiny, *found)
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


def measure_all_near(search: Search, left: "torch.Tensor", found: Found) -> None:
    """Finish the queries `left` by measuring each point whose lower bound in float64 does
    not exceed the k-th distance found so far; if no product separates the points, all.
    """
    import torch

    height = search.side // 4 or 1
    for rows in torch.split(left, height) if len(left) else ():
        asking = search.queries.only(rows)
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

    points = search.points.part(first, first + search.side)
    ready = Plain.of(search.frame, points, torch.float64)
    tile = torch.empty((len(rows), len(ready)), dtype=torch.float64, device=rows.device)
    ready.tile(query, 0, len(ready), tile)
    exclude(search, rows, first, tile)
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
