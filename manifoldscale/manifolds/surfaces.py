"""Curved surfaces and curves with closed forms."""

import dataclasses as dc
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import require
from .immersed import Immersed, by_rejection
from .manifold import FlatPiece, Manifold

if TYPE_CHECKING:
    from torch import Tensor


@dc.dataclass(frozen=True)
class Torus(Manifold):
    """The torus of revolution in R^3, uniform by area: a tube of radius `tube` about a
    circle of radius `ring`.

    At the angle t around the tube, with w = ring + tube cos t, the principal curvatures
    are 1 / tube and cos t / w.
    """

    dim: int = dc.field(default=2, init=False)
    ring: float = 2.0
    tube: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            0 < self.tube < self.ring,
            f"`tube` must lie between 0 and `ring`; got {self.tube} and {self.ring}.",
        )

    @property
    def natural_ambient_dim(self) -> int:
        return 3

    @property
    def betti(self) -> tuple[int, ...]:
        return (1, 2, 1)

    @property
    def reach(self) -> float:
        """The tube's radius, or the distance of its inner side from the axis."""
        return min(self.tube, self.ring - self.tube)

    def scalar_curvature(self, points: Array) -> Floats:
        """2 cos t / (tube w)."""
        cosine = self._cosine(points)
        return np.asarray(2 * cosine / (self.tube * (self.ring + self.tube * cosine)))

    def mean_curvature(self, points: Array) -> Floats:
        """|ring + 2 tube cos t| / (2 tube w)."""
        cosine = self._cosine(points)
        axle = self.ring + self.tube * cosine
        return np.asarray(
            np.abs(self.ring + 2 * self.tube * cosine) / (2 * self.tube * axle)
        )

    def _cosine(self, points: Array) -> Floats:
        return np.asarray((np.hypot(points[:, 0], points[:, 1]) - self.ring) / self.tube)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        def propose(count: int) -> Floats:
            return rng.uniform(0, 2 * np.pi, (count, 2))

        def weight(at: Floats) -> Floats:
            return np.asarray(self.ring + self.tube * np.cos(at[:, 0]))

        t, around = by_rejection(n, propose, weight, rng).T
        axle = self.ring + self.tube * np.cos(t)
        return np.stack(
            [axle * np.cos(around), axle * np.sin(around), self.tube * np.sin(t)], axis=1
        )


@dc.dataclass(frozen=True)
class Pseudosphere(Manifold):
    """The surface of constant Gauss curvature -1 / radius^2, uniform by area, cut off
    before its singular edge (u = 0) and in its cusp.

    It is (radius sech u cos v, radius sech u sin v, radius (u - tanh u)); its principal
    curvatures are csch u / radius and -sinh u / radius.
    """

    dim: int = dc.field(default=2, init=False)
    radius: float = 1.0
    start: float = 0.5
    stop: float = 2.0

    @property
    def natural_ambient_dim(self) -> int:
        return 3

    @property
    def betti(self) -> tuple[int, ...]:
        return (1, 1, 0)

    def scalar_curvature(self, points: Array) -> Floats:
        """-2 / radius^2 everywhere."""
        return np.full(len(points), -2 / self.radius**2)

    def mean_curvature(self, points: Array) -> Floats:
        """|csch u - sinh u| / (2 radius)."""
        u = np.arccosh(self.radius / np.hypot(points[:, 0], points[:, 1]))
        return np.asarray(np.abs(1 / np.sinh(u) - np.sinh(u)) / (2 * self.radius))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        # The element of area, sech u tanh u, is the derivative of -sech u.
        sech = rng.uniform(1 / np.cosh(self.stop), 1 / np.cosh(self.start), n)
        u, v = np.arccosh(1 / sech), rng.uniform(0, 2 * np.pi, n)
        columns = [sech * np.cos(v), sech * np.sin(v), u - np.tanh(u)]
        return self.radius * np.stack(columns, axis=1)


@dc.dataclass(frozen=True)
class Helix(FlatPiece):
    """The curve (radius cos t, radius sin t, pitch t), uniform by length over `turns`.

    A curve has no intrinsic curvature; |H| = radius / (radius^2 + pitch^2).
    """

    dim: int = dc.field(default=1, init=False)
    radius: float = 1.0
    pitch: float = 0.3
    turns: float = 3.0

    @property
    def natural_ambient_dim(self) -> int:
        return 3

    def mean_curvature(self, points: Array) -> Floats:
        """radius / (radius^2 + pitch^2) everywhere."""
        return np.full(len(points), self.radius / (self.radius**2 + self.pitch**2))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        t = rng.uniform(0, 2 * np.pi * self.turns, n)
        return np.stack(
            [self.radius * np.cos(t), self.radius * np.sin(t), self.pitch * t], axis=1
        )


@dc.dataclass(frozen=True)
class KleinBottle(Immersed):
    """The Klein bottle in R^4, uniform by area:

    ((R + r cos v) cos u, (R + r cos v) sin u, r sin v cos(u/2), r sin v sin(u/2)),

    with R = `ring` and r = `tube`. It is not orientable: its Betti numbers depend on the
    coefficients.
    """

    dim: int = dc.field(default=2, init=False)
    ring: float = 2.0
    tube: float = 1.0

    @property
    def natural_ambient_dim(self) -> int:
        return 4

    @property
    def betti(self) -> tuple[int, ...]:
        return (1, 2, 1)

    @property
    def rational_betti(self) -> tuple[int, ...]:
        return (1, 1, 0)

    @property
    def box(self) -> Floats:
        return np.array([[0, 2 * np.pi], [0, 2 * np.pi]])

    def immersion(self, at: "Tensor") -> "Tensor":
        import torch

        u, v = at
        axle, height = self.ring + self.tube * torch.cos(v), self.tube * torch.sin(v)
        return torch.stack(
            [
                axle * torch.cos(u),
                axle * torch.sin(u),
                height * torch.cos(u / 2),
                height * torch.sin(u / 2),
            ]
        )

    def coordinates(self, points: Array) -> Floats:
        u = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
        across = np.hypot(points[:, 0], points[:, 1]) - self.ring
        up = points[:, 2] * np.cos(u / 2) + points[:, 3] * np.sin(u / 2)
        return np.stack([u, np.arctan2(up, across)], axis=1)
