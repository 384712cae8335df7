"""One search: what is asked, and how its work is cut into tiles and shared."""

import dataclasses as dc
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.threads import shared
from .candidates import GROUP
from .rows import Exact, Frame, Rows

if TYPE_CHECKING:
    import torch

TILE_BYTES = 1 << 20  # a tile of 512 x 512 float32, which stays in the cache of a core
TILE_BYTES_CUDA = 1 << 28
SHARED = 4e6  # nanoseconds of products from which threads share them
BALANCED = 185  # of a tile's side: a call costs 70 us, a product 22 ps per feature

LEAST = 2.0**-970  # the least square that has lost no digit: sums of 2^-1074 or more

Found = tuple["torch.Tensor", "torch.Tensor"]  # indices and squared distances


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
            queries=self.queries.only(part),
            own=self.own[part],
            query_groups=None if groups is None else groups[part],
        )

    def distances(self, squared: Floats) -> Floats:
        """The roots of squares, which are overwritten, in the units of the points: zero
        where a square has lost digits, which says that it cannot be told.
        """
        squared[squared < LEAST] = 0.0
        return np.sqrt(squared) * self.frame.scale

    @property
    def exact(self) -> Exact:
        return Exact(self.queries, self.points, self.frame.scale)

    @property
    def is_all_pairs(self) -> bool:
        return self.queries is self.points

    @property
    def on_cpu(self) -> bool:
        return self.points.place.type == "cpu"

    # Cached, because within a thread that shares the work torch has one thread.
    @functools.cached_property
    def is_shared(self) -> bool:
        """Whether threads share the work: not if it is done by the time that they start."""
        import torch

        pairs = len(self.queries) * len(self.points) / (2 if self.is_all_pairs else 1)
        much = pairs * (0.4 + 0.011 * self.points.features) > SHARED
        return self.on_cpu and much and torch.get_num_threads() > 1

    @functools.cached_property
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

    def each(self, worker: Callable[[Iterator[int]], None], tasks: Sequence[int]) -> None:
        """Threads of a CPU share much work; another device does one after the other."""
        if self.on_cpu:
            shared(worker, tasks, alone=not self.is_shared)
        else:
            worker(iter(tasks))


def exclude(
    search: Search, queries: "torch.Tensor", first: int, tile: "torch.Tensor"
) -> None:
    """Exclude the query itself and the points of its group."""
    import torch

    own = search.own[queries] - first
    here = ((own >= 0) & (own < tile.shape[1])).nonzero()[:, 0]
    tile[here, own[here]] = torch.inf
    if search.query_groups is not None and search.point_groups is not None:
        codes = search.point_groups[first : first + tile.shape[1]]
        mask(tile, search.query_groups[queries], codes)


def mask(tile: "torch.Tensor", rows: "torch.Tensor", columns: "torch.Tensor") -> None:
    """Exclude pairs of one group. Groups are mostly runs of rows, so a tile whose codes do
    not overlap is skipped.
    """
    import torch

    if rows.max() >= columns.min() and columns.max() >= rows.min():
        tile.masked_fill_(rows[:, None] == columns, torch.inf)
