"""Points as a search uses them: rows read in blocks, and a frame for their products."""

import dataclasses as dc
import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Ints
from ..core.devices import device_of

if TYPE_CHECKING:
    import torch

READ_BYTES = 1 << 24  # a block of points that is read, centred and scaled at once
CENTRED = 64  # at least so many points tell where the middle is
GATHER_BYTES = 1 << 21  # float64 differences in flight: they stay in cache


@dc.dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of an array, in blocks: a memory map is never read whole.

    Attributes
    ----------
    given : (rows x features) the array as it was given, not copied.
    rows : row numbers of the points; None for all of them.
    place : the device to which the blocks are moved.
    """

    given: "torch.Tensor"
    rows: "torch.Tensor | None"
    place: "torch.device"

    @classmethod
    def of(cls, points: Array, rows: Ints | None, device: str | None) -> "Rows":
        import torch

        place = device_of(device)
        # A memory map stays on the host, block after block.
        whole = not isinstance(points, np.memmap)
        given = torch.from_numpy(_exposed(points))
        given = given.to(place) if whole else given
        if rows is not None and len(rows) == len(points):
            rows = None
        chosen = None if rows is None else torch.from_numpy(np.array(rows)).to(given.device)
        return cls(given, chosen, place)

    def __len__(self) -> int:
        return len(self.given if self.rows is None else self.rows)

    @property
    def features(self) -> int:
        return int(self.given.shape[1])

    def take(
        self, positions: "torch.Tensor", out: "torch.Tensor | None" = None
    ) -> "torch.Tensor":
        """The points at these positions, as they were given; `out` is overwritten."""
        import torch

        positions = positions.to(self.given.device)
        rows = positions if self.rows is None else self.rows[positions]
        if out is None or out.device != self.given.device:
            return self.given.index_select(0, rows).to(self.place)
        return torch.index_select(self.given, 0, rows, out=out)

    def only(self, positions: "torch.Tensor") -> "Rows":
        """The points at these positions."""
        positions = positions.to(self.given.device)
        return dc.replace(
            self, rows=positions if self.rows is None else self.rows[positions]
        )

    def part(self, start: int, stop: int) -> "Rows":
        """The points from position `start` to before `stop`."""
        if self.rows is None:
            return dc.replace(self, given=self.given[start:stop])
        return dc.replace(self, rows=self.rows[start:stop])

    def block(self, start: int, stop: int) -> "torch.Tensor":
        if self.rows is None:
            return self.given[start:stop].to(self.place)
        return self.given.index_select(0, self.rows[start:stop]).to(self.place)

    def blocks(self) -> Iterator["torch.Tensor"]:
        step = max(1, READ_BYTES // (8 * self.features))
        for start in range(0, len(self), step):
            yield self.block(start, min(start + step, len(self)))


class _Writable:
    """The memory of a read-only array. torch has no read-only tensors and warns about each
    such array, although nothing here writes to it.
    """

    def __init__(self, array: Array) -> None:
        self.array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def _exposed(array: Array) -> Array:
    """The array, not copied, as torch takes it."""
    if min(array.strides) < 0 or not array.flags.aligned:
        array = np.ascontiguousarray(array)
    return np.asarray(_Writable(array))


@dc.dataclass(frozen=True, eq=False)
class Frame:
    """A centre and a scale, which do not change the order of distances.

    Any fixed centre in the midst of the points will do: x - c is rounded once, relative to
    itself. It is a mean without the outermost tenths, because one far point would shift a
    plain mean away from all others, whose products would lose their digits. `scale` is a
    power of two, because dividing by it is exact; it is 1 unless squares could overflow or
    vanish.
    """

    centre: "torch.Tensor"
    scale: float

    @classmethod
    def of(cls, points: Rows, *others: Rows) -> "Frame":
        """The frame of these points, read once, whose scale also suits the others."""
        import torch

        n, place = len(points), points.place
        some = points.take(torch.arange(0, n, max(1, n // CENTRED), device=place)).double()
        tenth = len(some) // 10
        middle = some.T.contiguous().sort(1).values[:, tenth : len(some) - tenth]
        # Divide first: a sum may overflow although its points and their mean do not.
        centre = (middle / middle.shape[1]).sum(1).to(points.given.dtype).double()
        low = torch.full((points.features,), torch.inf, dtype=torch.float64, device=place)
        high = -low
        for block in itertools.chain.from_iterable(r.blocks() for r in (points, *others)):
            if place.type == "cpu":
                from .measuring import extend

                extend(block.numpy(), low.numpy(), high.numpy())
            else:
                low = torch.minimum(low, block.amin(0).double())
                high = torch.maximum(high, block.amax(0).double())
        reach = float(torch.maximum(high - centre, centre - low).max())
        exponent = math.floor(math.log2(reach)) if reach > 0 else 0
        exponent = max(exponent, -1052)  # dividing by the scale is multiplying by 1 / scale
        return cls(centre, 2.0 ** (min(exponent + 30, 0) + max(exponent - 50, 0)))

    def centred(self, block: "torch.Tensor", dtype: "torch.dtype") -> "torch.Tensor":
        """(block - centre) / scale in `dtype`, each number rounded once or twice."""
        import torch

        wide = torch.promote_types(block.dtype, dtype)
        centred = block.to(wide) - self.centre.to(wide)
        if self.scale != 1.0:
            centred /= self.scale
        return centred.to(dtype)


@dc.dataclass(frozen=True, eq=False)
class Exact:
    """Squared distances by float64 differences of the coordinates as given.

    They define what is near: every kind of search orders points by these numbers, and equal
    ones by row number, so all kinds agree to the last bit.
    """

    queries: Rows
    points: Rows
    scale: float

    def squared(self, rows: "torch.Tensor", others: "torch.Tensor") -> "torch.Tensor":
        """Scaled squared distances from the queries `rows` (m,) to the points `others`
        (m x c): (m x c).
        """
        import torch

        count, features = others.shape[1], self.points.features
        place, given = self.points.place, self.points.given.dtype
        if place.type == "cpu":
            from .measuring import measure_all

            found = np.empty(others.shape)
            measure_all(others.numpy(), *self.arrays(rows), found)
            return torch.from_numpy(found)
        out = torch.empty(others.shape, dtype=torch.float64, device=place)
        step = max(1, GATHER_BYTES // (8 * features * max(count, 1)))
        step = min(step, max(len(rows), 1))
        # Room for two: torch splits the sum of a lone row among its threads, and their
        # number would change the order of summation.
        size = (max(step * count, 2), features)
        gathered = torch.empty(size, dtype=given, device=place)
        difference = torch.zeros(size, dtype=torch.float64, device=place)
        for start in range(0, len(rows), step):
            wanted = others[start : start + step].reshape(-1)
            here = self.points.take(wanted, gathered[: len(wanted)])
            query = self.queries.take(rows[start : start + step]).double()
            # Widen first, because a difference of two types is not vectorised.
            apart = difference[: len(wanted)].copy_(here).view(-1, count, features)
            apart -= query[:, None]
            if self.scale != 1.0:
                apart /= self.scale
            squared = difference[: max(len(wanted), 2)].square_().sum(-1)
            out[start : start + step] = squared[: len(wanted)].view(-1, count)
        return out

    def arrays(self, rows: "torch.Tensor") -> tuple[Array, Array, Ints, Ints, float]:
        """What a compiled loop needs to measure from the queries `rows`: arrays of queries
        and of points, the rows in them, and the factor of a difference.
        """
        import torch

        asked = rows if self.queries.rows is None else self.queries.rows[rows]
        others = self.points.rows
        others = torch.arange(len(self.points)) if others is None else others
        return (
            self.queries.given.numpy(),
            self.points.given.numpy(),
            asked.numpy(),
            others.numpy(),
            1 / self.scale,
        )

    def pairs(self, rows: "torch.Tensor", others: "torch.Tensor") -> "torch.Tensor":
        """The same for pairs: `rows` and `others` are (pairs,)."""
        return self.squared(rows, others[:, None])[:, 0]
