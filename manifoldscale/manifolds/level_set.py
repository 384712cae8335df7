"""Hypersurfaces F = 0: ellipsoids and hyperboloids."""

import abc
import dataclasses as dc
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import require
from .immersed import by_rejection
from .manifold import Manifold, sphere_betti
from .second_form import PointCurvature, level_set_curvature
from .sphere import directions

if TYPE_CHECKING:
    from torch import Tensor


class LevelSet(Manifold):
    """The hypersurface in R^(dim + 1) on which a smooth function vanishes.

    A concrete class gives `level`, `betti` and `_draw`.
    """

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim + 1

    @abc.abstractmethod
    def level(self, point: "Tensor") -> "Tensor":
        """The function, of one point."""

    def curvature(self, points: Array) -> PointCurvature:
        """Scalar and mean curvature at each noise-free point, exactly."""
        return level_set_curvature(self.level, points)

    def scalar_curvature(self, points: Array) -> Floats:
        """S at each noise-free point, by differentiating the function."""
        return self.curvature(points).scalar

    def mean_curvature(self, points: Array) -> Floats:
        """|H| at each noise-free point, by differentiating the function."""
        return self.curvature(points).mean_norm


@dc.dataclass(frozen=True)
class Ellipsoid(LevelSet):
    """The ellipsoid with these half-axes, in any dimension, uniform by area.

    In R^3, S = 2 / (abc w)^2 with w = x^2/a^4 + y^2/b^4 + z^2/c^4.
    """

    dim: int = dc.field(init=False)
    axes: tuple[float, ...] = (3.0, 2.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            len(self.axes) >= 2 and min(self.axes) > 0,
            f"`axes` must be two or more positive lengths; not {self.axes!r}.",
        )
        object.__setattr__(self, "dim", len(self.axes) - 1)

    @property
    def betti(self) -> tuple[int, ...]:
        return sphere_betti(self.dim)

    @property
    def reach(self) -> float:
        """The smallest radius of curvature, c^2 / a, at the ends of the longest axis."""
        return min(self.axes) ** 2 / max(self.axes)

    def level(self, point: "Tensor") -> "Tensor":
        import torch

        return torch.stack(
            [x**2 / a**2 for x, a in zip(point, self.axes, strict=True)]
        ).sum()

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        axes = np.array(self.axes)

        def weight(on_sphere: Floats) -> Floats:
            # How the map u -> axes u stretches the area of the sphere, up to a factor.
            return np.asarray(np.linalg.norm(on_sphere / axes, axis=1))

        def propose(count: int) -> Floats:
            return directions(count, len(axes), rng)

        return np.asarray(by_rejection(n, propose, weight, rng) * axes)


@dc.dataclass(frozen=True)
class Hyperboloid(LevelSet):
    """The one-sheet hyperboloid (x^2 + y^2) / waist^2 - z^2 / c^2 = 1 with |z| < height,
    uniform by area. It has an edge.

    S = -2 c^2 / ((waist^2 + c^2) (z / c)^2 + c^2)^2 (-2 / c^2 at the waist).
    """

    dim: int = dc.field(default=2, init=False)
    waist: float = 2.0
    c: float = 1.0
    height: float = 2.0

    @property
    def betti(self) -> tuple[int, ...]:
        return (1, 1, 0)

    def level(self, point: "Tensor") -> "Tensor":
        squares = point**2
        return (squares[0] + squares[1]) / self.waist**2 - squares[2] / self.c**2

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        def propose(count: int) -> Floats:
            return rng.uniform(-self.height, self.height, (count, 1))

        def weight(z: Floats) -> Floats:
            # radius(z) sqrt(1 + radius'(z)^2), without the factor waist
            x = z[:, 0] / self.c
            return np.asarray(np.sqrt(1 + x**2 + (self.waist * x / self.c) ** 2))

        z = by_rejection(n, propose, weight, rng)[:, 0]
        radius = self.waist * np.sqrt(1 + (z / self.c) ** 2)
        angle = rng.uniform(0, 2 * np.pi, n)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)
