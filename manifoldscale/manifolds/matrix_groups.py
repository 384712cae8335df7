"""Orthogonal matrices, frames and subspaces, as matrices with the Frobenius metric.

Their second fundamental forms are parallel, and invariant under the group: curvature is
the same at every point.
"""

import abc
import dataclasses as dc
import math
from typing import Annotated

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError, require
from ..core.settings import Count, at_least
from .manifold import Manifold, sphere_betti
from .product import polynomial_product


class Homogeneous(Manifold):
    """A manifold on which a group of isometries of the ambient space is transitive."""

    @property
    @abc.abstractmethod
    def scalar(self) -> float:
        """The scalar curvature of every point."""

    @property
    @abc.abstractmethod
    def mean_norm(self) -> float:
        """|H| of every point."""

    def scalar_curvature(self, points: Array) -> Floats:
        """The same everywhere."""
        return np.full(len(points), self.scalar)

    def mean_curvature(self, points: Array) -> Floats:
        """The same everywhere."""
        return np.full(len(points), self.mean_norm)


@dc.dataclass(frozen=True)
class Stiefel(Homogeneous):
    """Orthonormal `frame`-frames of R^n, (n x frame) matrices, uniform by Haar measure.

    II(X, Y) = -U (X'Y + Y'X) / 2 for tangent vectors X, Y at U. With k = `frame`, its
    trace is -(d / k) U, of length d / sqrt(k). So |H| = 1 / sqrt(k) and
    S = d^2 / k - |II|^2, with |II|^2 summed over a basis. k = 1 is the unit sphere.
    """

    dim: int = dc.field(init=False)
    n: int = 4
    frame: Count = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.frame < self.n,
            f"`frame` must be at most n - 1 = {self.n - 1}; not {self.frame}.",
        )
        size = self.n * self.frame - self.frame * (self.frame + 1) // 2
        object.__setattr__(self, "dim", size)

    @property
    def natural_ambient_dim(self) -> int:
        return self.n * self.frame

    @property
    def betti(self) -> tuple[int, ...]:
        """The Poincare polynomial is the product of 1 + t^i, n - frame <= i < n."""
        return polynomial_product(
            sphere_betti(i) for i in range(self.n - self.frame, self.n)
        )

    @property
    def rational_betti(self) -> tuple[int, ...]:
        if self.frame == 1:
            return self.betti
        return _unknown(self)

    @property
    def scalar(self) -> float:
        form = 0.0
        basis = list(_stiefel_basis(self.n, self.frame))
        for x in basis:
            for y in basis:
                form += float(np.square(x.T @ y + y.T @ x).sum()) / 4
        return self.dim**2 / self.frame - form

    @property
    def mean_norm(self) -> float:
        return 1 / math.sqrt(self.frame)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        return _orthonormal(n, self.n, self.frame, rng).reshape(n, -1)


@dc.dataclass(frozen=True)
class SpecialOrthogonal(Homogeneous):
    """The rotations of R^n as (n x n) matrices, uniform by Haar measure.

    At the identity II(X, Y) = (XY + YX) / 2 for antisymmetric X, Y. The sectional
    curvature is |[X, Y]|^2 / 4, which sums to S = n (n - 1) (n - 2) / 8; |H| = 1 / sqrt(n).
    """

    dim: int = dc.field(init=False)
    n: Annotated[int, at_least(2)] = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dim", self.n * (self.n - 1) // 2)

    @property
    def natural_ambient_dim(self) -> int:
        return self.n**2

    @property
    def betti(self) -> tuple[int, ...]:
        """The Poincare polynomial over F_2 is the product of 1 + t^i, 1 <= i < n."""
        return polynomial_product(sphere_betti(i) for i in range(1, self.n))

    @property
    def rational_betti(self) -> tuple[int, ...]:
        """As for a product of spheres of dimension 3, 7, 11, ..., and n - 1 if odd."""
        odd = [4 * i - 1 for i in range(1, (self.n + 1) // 2)]
        odd += [self.n - 1] if self.n % 2 == 0 else []
        return polynomial_product(sphere_betti(i) for i in odd)

    @property
    def scalar(self) -> float:
        return self.n * (self.n - 1) * (self.n - 2) / 8

    @property
    def mean_norm(self) -> float:
        return 1 / math.sqrt(self.n)

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        matrices = _orthonormal(n, self.n, self.n, rng)
        matrices[:, :, 0] *= np.sign(np.linalg.det(matrices))[:, None]
        return matrices.reshape(n, -1)


@dc.dataclass(frozen=True)
class Grassmann(Homogeneous):
    """The `plane`-dimensional subspaces of R^n as their projections P, (n x n) symmetric
    matrices, uniform. `Grassmann(n=3, plane=1)` is the Veronese surface, RP^2.

    With k = `plane`: d = k (n - k), S = k (n - k) (n - 2) / 2, |H| = sqrt(n / (k (n - k))).
    """

    dim: int = dc.field(init=False)
    n: int = 3
    plane: Count = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.plane < self.n,
            f"`plane` must be at most n - 1 = {self.n - 1}; not {self.plane}.",
        )
        object.__setattr__(self, "dim", self.plane * (self.n - self.plane))

    @property
    def natural_ambient_dim(self) -> int:
        return self.n**2

    @property
    def betti(self) -> tuple[int, ...]:
        """Coefficients of the Gaussian binomial: all Schubert cells are cycles over F_2."""
        return _gaussian_binomial(self.n, self.plane)

    @property
    def rational_betti(self) -> tuple[int, ...]:
        if self.plane > 1:
            return _unknown(self)
        return (1,) + (0,) * (self.dim - 1) + (self.dim % 2,)

    @property
    def scalar(self) -> float:
        return self.plane * (self.n - self.plane) * (self.n - 2) / 2

    @property
    def mean_norm(self) -> float:
        return math.sqrt(self.n / (self.plane * (self.n - self.plane)))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        frames = _orthonormal(n, self.n, self.plane, rng)
        return (frames @ frames.transpose(0, 2, 1)).reshape(n, -1)


def _orthonormal(count: int, n: int, k: int, rng: np.random.Generator) -> Floats:
    q, r = np.linalg.qr(rng.standard_normal((count, n, k)))
    return np.asarray(q * np.sign(np.einsum("bii->bi", r))[:, None, :])


def _stiefel_basis(n: int, k: int) -> list[Floats]:
    """Orthonormal tangent vectors at the frame of the first k unit vectors."""
    basis = []
    for i in range(n):
        for j in range(k):
            x = np.zeros((n, k))
            if i >= k:
                x[i, j] = 1.0
            elif i < j:
                x[i, j], x[j, i] = np.sqrt(0.5), -np.sqrt(0.5)
            else:
                continue
            basis.append(x)
    return basis


def _gaussian_binomial(n: int, k: int) -> tuple[int, ...]:
    """By Pascal's rule, [n, k] = [n - 1, k - 1] + t^k [n - 1, k]."""
    if k in (0, n):
        return (1,)
    sums = np.zeros(k * (n - k) + 1, dtype=np.int64)
    left, right = _gaussian_binomial(n - 1, k - 1), _gaussian_binomial(n - 1, k)
    sums[: len(left)] += left
    sums[k : k + len(right)] += right
    return tuple(int(value) for value in sums)


def _unknown(manifold: Manifold) -> tuple[int, ...]:
    raise ManifoldScaleError(
        f"The rational Betti numbers of {manifold} are not known here; use `betti`, over "
        "the field of two elements."
    )
