"""The best candidates of each query so far, from tiles of values that stream by.

Sorting a tile costs more than computing it. So each value is first compared with the limit,
the K-th best of its query so far, and only the few survivors are stored, in a reservoir
that is sorted when it is full. Most tiles have few survivors, so minima over groups of 8
columns are compared, which reads the tile once and at full speed.
"""

import dataclasses as dc
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

GROUP = 8  # tiles have sides that are multiples of it
ROOM = 48  # places of a reservoir beyond K
EARLY = 16  # survivors after which a reservoir is sorted early, which lowers the limit


@dc.dataclass(frozen=True, eq=False)
class Candidates:
    """Reservoirs for the `count` smallest values of m queries.

    Attributes
    ----------
    value, index : (m x room) the survivors, unordered; inf and -1 in empty places.
    filled : (m,) how many survivors there are.
    limit : (m,) only values below it matter.
    """

    count: int
    value: "torch.Tensor"
    index: "torch.Tensor"
    filled: "torch.Tensor"
    limit: "torch.Tensor"

    @classmethod
    def of(cls, queries: int, count: int, place: "torch.device") -> "Candidates":
        import torch

        room = (queries, count + ROOM)
        return cls(
            count,
            torch.full(room, torch.inf, device=place),
            torch.full(room, -1, dtype=torch.int32, device=place),
            torch.zeros(queries, dtype=torch.int64, device=place),
            torch.full((queries,), torch.inf, device=place),
        )

    def rows(self, start: int, stop: int) -> "Candidates":
        """A view of the reservoirs of some queries."""
        part = slice(start, stop)
        return Candidates(
            self.count,
            self.value[part],
            self.index[part],
            self.filled[part],
            self.limit[part],
        )

    def offer(
        self,
        tile: "torch.Tensor",
        first: int,
        others: "Candidates | None" = None,
        start: int = 0,
    ) -> None:
        """Store the survivors of a tile. Its rows are these queries and its first column is
        point `first`; its columns are the queries `others`, if there are any, and its first
        row is point `start`. It is contiguous, its sides are multiples of GROUP, and
        excluded pairs are infinite.
        """
        self._offer(tile, first, columns=False)
        if others is not None:
            others._offer(tile, start, columns=True)

    def _offer(self, tile: "torch.Tensor", first: int, columns: bool) -> None:
        import torch

        breadth, step = tile.shape[0 if columns else 1], tile.stride(0 if columns else 1)
        least = _minima(tile, GROUP, columns)[: len(self.limit)]
        if bool(torch.isinf(self.limit).any()):
            self._bound(tile, least, columns)
        found = _where_below(least, self.limit[:, None])
        if not len(found):
            return
        row = torch.div(found, least.shape[1], rounding_mode="floor")
        place = found - row * least.shape[1]
        members = torch.arange(0, breadth, least.shape[1], device=tile.device)
        point = place[:, None] + members
        where = row[:, None] * tile.stride(1 if columns else 0) + point * step
        value = tile.view(-1).index_select(0, where.view(-1))
        row = row.repeat_interleave(GROUP)
        below = _where_below(value, self.limit.index_select(0, row))
        point = point.view(-1).index_select(0, below) + first
        self._store(row.index_select(0, below), point, value.index_select(0, below))

    def _bound(self, tile: "torch.Tensor", least: "torch.Tensor", columns: bool) -> None:
        """Limits from the first tile: the K-th smallest of minima over disjoint groups is
        an upper bound of the K-th smallest value, and a close one if there are a few times
        K minima.
        """
        import torch

        wide = tile[:, : len(self.limit)].T if columns else tile[: len(self.limit)]
        minima = least if least.shape[1] >= 2 * self.count else wide
        coarse = minima.shape[1] // (4 * self.count)
        if coarse > 1:
            usable = minima.shape[1] // coarse * coarse
            rest = minima[:, usable:]
            minima = minima[:, :usable].reshape(len(minima), coarse, -1).amin(1)
            minima = torch.cat([minima, rest], 1)
        if minima.shape[1] >= self.count:
            bound = minima.kthvalue(self.count, dim=1).values
            above = torch.nextafter(bound, torch.full_like(bound, torch.inf))
            torch.minimum(self.limit, above, out=self.limit)

    def _store(
        self, row: "torch.Tensor", point: "torch.Tensor", value: "torch.Tensor"
    ) -> None:
        """Append survivors, given by rising row; reservoirs that run full are sorted."""
        import torch

        room = self.value.shape[1]
        while len(row):
            fresh = torch.bincount(row, minlength=len(self.filled))
            # The slot of a survivor: its rank among the new ones of its row, after the old.
            shift = self.filled - (fresh.cumsum(0) - fresh)
            slot = torch.arange(len(row), device=row.device) + shift.index_select(0, row)
            fits = slot < room
            everything = bool(fits.all())
            where = (row, slot) if everything else (row[fits], slot[fits])
            self.value[where] = value if everything else value[fits]
            self.index[where] = (point if everything else point[fits]).int()
            self.filled.add_(fresh).clamp_(max=room)
            self._sort((self.filled >= self.count + EARLY).nonzero()[:, 0])
            if everything:
                return
            left = ~fits & (value < self.limit[row])
            row, point, value = row[left], point[left], value[left]

    def _sort(self, rows: "torch.Tensor") -> None:
        """Keep the best of some reservoirs; the worst kept is their new limit."""
        import torch

        best, order = self.value[rows].topk(self.count, largest=False)
        index = self.index[rows].gather(1, order)
        self.value[rows] = torch.inf
        self.value[rows, : self.count] = best
        self.index[rows, : self.count] = index
        self.filled[rows] = self.count
        self.limit[rows] = torch.minimum(self.limit[rows], best[:, -1])

    def best(self) -> tuple["torch.Tensor", "torch.Tensor"]:
        """The candidates by rising value (m x count): values and row numbers, inf and -1 if
        there were fewer. No other offered value was below the last one.
        """
        value, order = self.value.topk(self.count, largest=False, sorted=True)
        return value, self.index.gather(1, order).long()


def _where_below(values: "torch.Tensor", limit: "torch.Tensor") -> "torch.Tensor":
    """Flat positions of the values below a limit. On a CPU NumPy compares twice as fast as
    torch, and finds the few true values five times as fast.
    """
    import torch

    if values.device.type != "cpu":
        return (values < limit).view(-1).nonzero()[:, 0]
    below = np.less(values.numpy(), limit.numpy())
    return torch.from_numpy(np.flatnonzero(below))


def _minima(tile: "torch.Tensor", group: int, columns: bool) -> "torch.Tensor":
    """Minima over groups of points (queries x breadth / group): group i holds the points
    with number i modulo the count of groups, which reads the tile in memory order.
    """
    if columns:
        return tile.view(group, -1, tile.shape[1]).amin(0).T.contiguous()
    return tile.view(len(tile), group, -1).amin(1)
