"""Candidates on a CPU: the same as `Candidates`, by compiled loops."""

import dataclasses as dc
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Ints

if TYPE_CHECKING:
    import torch

    from .keeping import Reservoirs

ROOM = 32  # places of a reservoir beyond 1.5 times the count


@dc.dataclass(frozen=True, eq=False)
class CompiledCandidates:
    """Reservoirs for the `count` smallest values of m queries."""

    count: int
    held: "Reservoirs"

    @classmethod
    def of(cls, queries: int, count: int) -> "CompiledCandidates":
        from .keeping import GROUP, Reservoirs

        room = (queries, count + count // 2 + ROOM + GROUP)
        value, index = np.empty(room, np.float32), np.empty(room, np.int32)
        filled = np.zeros(queries, np.int64)
        limit = np.full(queries, np.inf, np.float32)
        return cls(count, Reservoirs(value, index, filled, limit))

    def rows(self, start: int, stop: int) -> "CompiledCandidates":
        """A view of the reservoirs of some queries."""
        part = (array[start:stop] for array in self.held)
        return CompiledCandidates(self.count, type(self.held)(*part))

    def offer(
        self,
        tile: "torch.Tensor",
        first: int,
        others: "CompiledCandidates | None" = None,
        start: int = 0,
    ) -> None:
        """Store the survivors of a tile, as `Candidates.offer`."""
        from . import keeping

        rows = self.held
        if others is None:
            nothing = np.full(tile.shape[1], -np.inf, np.float32)
            columns = rows._replace(limit=nothing)
        else:
            columns = others.held
        values = tile[: len(rows.limit)].numpy()
        keeping.offer(values, start, first, rows, columns, self.count)

    def keys(self) -> Ints:
        """Sorted keys of the candidates (m x room); see `keeping.keys`."""
        from . import keeping

        keys = np.empty(self.held.value.shape, np.int64)
        keeping.keys(self.held, keys)
        keys.sort(axis=1)
        return keys
