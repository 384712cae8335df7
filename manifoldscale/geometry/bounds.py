"""Lower bounds of squared distances from one matrix product.

|x - y|^2 = |x|^2 + |y|^2 - 2 x.y is one product, but terms cancel: its error can exceed a
small distance. So the product gives a *lower bound* of each distance instead: a bound of
its error is subtracted, pair by pair. Terms that depend on x or on y alone become a few
more columns of the factors, so the bound costs nothing.

Let u be the unit roundoff and gamma_n = n u / (1 - n u) (Higham, Accuracy and Stability,
ch. 3). x and y are centred and rounded (relative error u per coordinate, which changes
|x - y| by at most u (|x| + |y|), and its square by 2 u (|x| + |y|)^2), multiplied and
summed in any order (gamma_(F+3) times the sum of the absolute terms, at most
(|x| + |y|)^2), and the columns of norms are rounded. Together

    |x - y|^2  >=  (1 - g) (|x|^2 + |y|^2) - 2 x.y - 2 g |x||y|,   g = gamma_(F+16).
"""

import dataclasses as dc
import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .rows import Frame, Rows

if TYPE_CHECKING:
    import torch

# Relative room for the rounding of float64 differences, (F + 4) 2^-53 each.
SLACK = 1e-9
BRAIN_FEATURES = 128  # below, selection costs more than the product


def gamma(terms: int, roundoff: float) -> float:
    """Higham's gamma_n; huge once n u nears 1, which makes every bound useless but safe."""
    return terms * roundoff / (1 - terms * roundoff) if terms * roundoff < 0.5 else 1e9


def _norms(points: "torch.Tensor") -> "torch.Tensor":
    """The lengths of points, summed in float64."""
    import torch

    if points.device.type != "cpu":
        lengths: torch.Tensor
        lengths = torch.linalg.vector_norm(points, dim=1, dtype=torch.float64)
        return lengths
    from .measuring import norms

    lengths = torch.empty(len(points), dtype=torch.float64)
    norms(points.numpy(), lengths.numpy())
    return lengths


class Bounds(Protocol):
    """Points prepared for products that give lower bounds."""

    @property
    def dtype(self) -> "torch.dtype": ...

    def __len__(self) -> int: ...

    def left(self, rows: "slice | torch.Tensor") -> object:
        """Some of the points as queries."""
        ...

    def tile(self, left: object, start: int, stop: int, out: "torch.Tensor") -> None:
        """Lower bounds of squared distances from the queries to points start:stop."""
        ...


@dc.dataclass(frozen=True, eq=False)
class Plain:
    """Products in float32 or float64. The columns are x, (1 - g) |x|^2, 1, |x|."""

    columns: "torch.Tensor"
    g: float

    @property
    def dtype(self) -> "torch.dtype":
        return self.columns.dtype

    @classmethod
    def of(cls, frame: Frame, points: Rows, dtype: "torch.dtype") -> "Plain":
        import torch

        n, features = len(points), points.features
        g = gamma(features + 16, torch.finfo(dtype).eps / 2)
        columns = torch.empty((n, features + 3), dtype=dtype, device=points.place)
        start = 0
        for block in points.blocks():
            part = columns[start : start + len(block)]
            start += len(block)
            if points.place.type == "cpu":
                from .measuring import centre_columns

                wide = torch.promote_types(block.dtype, dtype)
                centre = frame.centre.to(wide).numpy()
                centre_columns(block.numpy(), centre, 1 / frame.scale, g, part.numpy())
                continue
            centred = frame.centred(block, dtype)
            lengths = _norms(centred)
            part[:, :features] = centred
            part[:, features] = (1 - g) * lengths.square()
            part[:, features + 1] = 1.0
            part[:, features + 2] = lengths
        return cls(columns, g)

    def __len__(self) -> int:
        return len(self.columns)

    def left(self, rows: "slice | torch.Tensor") -> "torch.Tensor":
        import torch

        point, norm, one, root = torch.split(
            self.columns[rows], [self.columns.shape[1] - 3, 1, 1, 1], dim=1
        )
        return torch.cat([-2 * point, one, norm, -2 * self.g * root], 1)

    def tile(self, left: object, start: int, stop: int, out: "torch.Tensor") -> None:
        import torch

        assert isinstance(left, torch.Tensor)
        others = self.columns[start:stop].T
        if out.device.type == "cpu" and numpy_is_faster(torch.get_num_threads()):
            np.matmul(left.numpy(), others.numpy(), out=out.numpy())
        else:
            torch.mm(left, others, out=out)


@dc.dataclass(frozen=True, eq=False)
class Brain:
    """Products in bfloat16 (unit roundoff 2^-8), sums in float32.

    With X the rounded x, x.y - X.Y = (x - X).y + X.(y - Y). The worst case of the two
    casts is (2 u + u^2) |x||y|; Cauchy-Schwarz with the measured |x - X| = e_x is
    rigorous too and about 2.4 times tighter:

        |x.y - X.Y|  <=  e_x |y| + |x| e_y + e_x e_y,

    whose last term is at most 2^-8 e_x |y|. The products of bfloat16 are exact in
    float32. The sum adds gamma_F |X||Y|, taken fourfold because hardware may truncate when
    it adds. A CPU gives the result in bfloat16 only, whose rounding adds 2^-8 |X||Y|. Norms
    stay in float32, from the points before rounding; their columns are a second, narrow
    product in float32:

        |x|^2 (1 - g), 1, |x|, 1.01 e_x,       as queries: 1, |x|^2 (1 - g), and both roots
    """

    rounded: "torch.Tensor"
    columns: "torch.Tensor"
    h: float

    @property
    def dtype(self) -> "torch.dtype":
        return self.columns.dtype

    @classmethod
    def of(cls, frame: Frame, points: Rows) -> "Brain":
        import torch

        single, brain = torch.float32, torch.bfloat16
        n, features = len(points), points.features
        u = torch.finfo(single).eps / 2
        h = 1.02 * gamma(4 * (features + 16), u) + gamma(16, u)
        h += 0.0 if points.place.type == "cuda" else 1.02 * 2.0**-8
        rounded = torch.empty((n, features), dtype=brain, device=points.place)
        columns = torch.empty((n, 4), dtype=single, device=points.place)
        start = 0
        for block in points.blocks():
            centred = frame.centred(block, single)
            rows = slice(start, start + len(block))
            rounded[rows] = centred
            error = centred - rounded[rows].float()
            lengths = _norms(centred)
            columns[rows, 0] = (1 - gamma(32, u)) * lengths.square()
            columns[rows, 1] = 1.0
            columns[rows, 2] = lengths
            columns[rows, 3] = 1.01 * _norms(error)
            start += len(block)
        return cls(rounded, columns, h)

    def __len__(self) -> int:
        return len(self.rounded)

    def left(self, rows: "slice | torch.Tensor") -> tuple["torch.Tensor", "torch.Tensor"]:
        import torch

        norm, one, root, error = torch.split(self.columns[rows], 1, dim=1)
        # Paired with the columns of the other side: |y|^2, 1, |y| and e_y.
        narrow = torch.cat([one, norm, -2 * error - 2 * self.h * root, -2 * root], 1)
        return self.rounded[rows], narrow

    def tile(self, left: object, start: int, stop: int, out: "torch.Tensor") -> None:
        import torch

        assert isinstance(left, tuple)
        wide, narrow = left
        others = self.rounded[start:stop].T
        if wide.device.type == "cuda":
            torch.mm(wide, others, out_dtype=torch.float32, out=out)
        else:
            out.copy_(torch.mm(wide, others))
        out.addmm_(narrow, self.columns[start:stop].T, beta=-2.0)


@functools.cache
def brain_is_fast(place: "torch.device") -> bool:
    """Whether this device multiplies bfloat16 so much faster than float32 that a search
    gains by it, by one tiny timing per process. The answer changes the time of a search,
    not its result.
    """
    import torch

    height, width = (4096, 4096) if place.type == "cuda" else (256, 1024)
    out = torch.empty((height, width), device=place)

    def product(dtype: "torch.dtype") -> Callable[[], object]:
        left = torch.ones((height, 512), dtype=dtype, device=place)
        right = torch.ones((width, 512), dtype=dtype, device=place)
        # Copied into a tile, and waited for.
        return lambda: float(out.copy_(torch.mm(left, right.T))[0, 0])

    return _seconds(product(torch.bfloat16)) < 0.6 * _seconds(product(torch.float32))


@functools.cache
def numpy_is_faster(threads: int) -> bool:
    """Whether NumPy's BLAS multiplies faster than torch's on this processor with this many
    threads of torch, by another tiny timing. It is 1.3 times as fast on some processors and
    slower on others. Each product is timed with the step that follows it in a search,
    because waiting threads may take the cores from that step.
    """
    import torch

    left, right = torch.ones(256, 256), torch.ones(256, 2048)
    tile = torch.empty(256, 2048)

    def by_numpy() -> None:
        np.matmul(left.numpy(), right.numpy(), out=tile.numpy())
        tile.amin(1)

    def by_torch() -> None:
        torch.mm(left, right, out=tile)
        tile.amin(1)

    return _seconds(by_numpy) < 0.95 * _seconds(by_torch)


def _seconds(work: Callable[[], object]) -> float:
    """The shortest of a few times."""
    spent = []
    for _ in range(4):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)
