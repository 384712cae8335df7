"""Graphs of functions: any dimension, any codimension."""

import dataclasses as dc
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats
from ..core.random import Rng, generator
from .immersed import Immersed

if TYPE_CHECKING:
    from torch import Tensor


@dc.dataclass(frozen=True)
class Graph(Immersed):
    """The points (u, f(u)) for u in the cube |u_i| < half_width, uniform by volume.

    Parameters
    ----------
    dim : number of coordinates u.
    function : takes a torch tensor (dim,) and gives one of shape (codim,).
    codim : number of values.
    half_width : half the width of the cube; the graph has an edge.
    """

    function: "Callable[[Tensor], Tensor]"
    codim: int = 1
    half_width: float = 1.0

    @property
    def natural_ambient_dim(self) -> int:
        return self.dim + self.codim

    @property
    def betti(self) -> tuple[int, ...]:
        return (1,) + (0,) * self.dim

    @property
    def box(self) -> Floats:
        return np.tile([-self.half_width, self.half_width], (self.dim, 1))

    def immersion(self, at: "Tensor") -> "Tensor":
        import torch

        return torch.cat([at, self.function(at)])

    def coordinates(self, points: Array) -> Floats:
        return np.asarray(points[:, : self.dim], dtype=np.float64)


@dc.dataclass(frozen=True)
class QuadraticForms:
    """u -> (u' A u) / 2 for symmetric matrices A, one per value, as a hashable function."""

    matrices: tuple[tuple[tuple[float, ...], ...], ...]

    def __call__(self, u: "Tensor") -> "Tensor":
        import torch

        forms = torch.tensor(self.matrices, dtype=u.dtype)
        return torch.einsum("aij,i,j->a", forms, u, u) / 2


def quadric(matrices: Array, half_width: float = 1.0) -> Graph:
    """The graph of quadratic forms u' A u / 2, `matrices` (codim x dim x dim)."""
    forms = np.asarray(matrices, dtype=np.float64)
    forms = (forms + forms.transpose(0, 2, 1)) / 2
    frozen = tuple(tuple(tuple(map(float, row)) for row in form) for form in forms)
    return Graph(forms.shape[1], QuadraticForms(frozen), len(forms), half_width)


def random_quadric(
    dim: int, codim: int = 1, *, half_width: float = 1.0, rng: Rng = 0
) -> Graph:
    """A quadric with forms u' A u / 2 whose coefficients of u_i u_j are uniform in
    [-1, 1].
    """
    drawn = generator(rng).uniform(-1, 1, (codim, dim, dim))
    upper = np.triu(drawn)
    return quadric(upper + upper.transpose(0, 2, 1), half_width)


def saddle(dim: int = 2, half_width: float = 1.0) -> Graph:
    """z = (u_1^2 - u_2^2 + u_3^2 - ...) / 2."""
    signs = np.where(np.arange(dim) % 2 == 0, 1.0, -1.0)
    return quadric(np.diag(signs)[None], half_width)
