"""Products of manifolds, in the product of their spaces."""

import dataclasses as dc
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import require
from .manifold import Manifold


@dc.dataclass(frozen=True)
class Product(Manifold):
    """The product of manifolds: `Product((Sphere(2), Sphere(1, radius=0.5)))`.

    Products of circles are the flat (Clifford) tori. Scalar curvatures add, and so do the
    squared lengths of the traces of the second fundamental forms, which are orthogonal.
    """

    dim: int = dc.field(init=False)
    factors: tuple[Manifold, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.factors) > 0, "`factors` must hold a manifold or more.")
        object.__setattr__(self, "dim", sum(factor.dim for factor in self.factors))

    @property
    def natural_ambient_dim(self) -> int:
        return sum(factor.natural_ambient_dim for factor in self.factors)

    @property
    def betti(self) -> tuple[int, ...]:
        """By Kuenneth's formula, the product of the Poincare polynomials."""
        return polynomial_product(factor.betti for factor in self.factors)

    @property
    def rational_betti(self) -> tuple[int, ...]:
        return polynomial_product(factor.rational_betti for factor in self.factors)

    @property
    def reach(self) -> float:
        return min(factor.reach for factor in self.factors)

    def scalar_curvature(self, points: Array) -> Floats:
        """The sum over the factors."""
        return self._sum(points, lambda factor, own: factor.scalar_curvature(own))

    def mean_curvature(self, points: Array) -> Floats:
        """sqrt(sum of d_k^2 |H_k|^2) / d."""
        squares = self._sum(
            points, lambda factor, own: (factor.dim * factor.mean_curvature(own)) ** 2
        )
        return np.sqrt(squares) / self.dim

    def _sum(self, points: Array, of: Callable[[Manifold, Array], Floats]) -> Floats:
        sizes = [factor.natural_ambient_dim for factor in self.factors]
        parts = np.split(points, list(itertools.accumulate(sizes))[:-1], axis=1)
        values = [of(*pair) for pair in zip(self.factors, parts, strict=True)]
        return np.asarray(np.sum(values, axis=0))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        return np.concatenate([factor._draw(n, rng) for factor in self.factors], axis=1)


def polynomial_product(factors: Iterator[tuple[int, ...]]) -> tuple[int, ...]:
    """Coefficients of a product of polynomials."""
    product = np.ones(1, dtype=np.int64)
    for factor in factors:
        product = np.convolve(product, np.array(factor, dtype=np.int64))
    return tuple(int(value) for value in product)
