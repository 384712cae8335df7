"""The base of all kernels: a frozen value that is called on points."""

import abc
import dataclasses as dc
from typing import Any

import torch
from torch import Tensor

from ..core.errors import require
from ..core.settings import Settings
from .assemble import assemble, check_finite
from .inputs import Angles, Inputs, as_inputs

BLOCK = 256  # rows and columns of a block, whose dozen temporaries fit in cache


@dc.dataclass(frozen=True)
class Kernel(Settings, abc.ABC):
    """A positive semidefinite function of two points, invariant under rotations.

    A concrete kernel gives its values at a block of pairs, and on the diagonal.
    """

    @abc.abstractmethod
    def at(self, angles: Angles) -> Tensor:
        """Values at a block of pairs, (n1, n2)."""

    @abc.abstractmethod
    def on_diagonal(self, norms: Tensor, n_features: int) -> Tensor:
        """k(x, x) at points of these norms."""

    @property
    @abc.abstractmethod
    def smoothness(self) -> float:
        """nu, where k = smooth + const (1 - cos)^nu at equal norms; infinite if smooth."""

    def exponent(self, dim: int) -> float:
        """alpha_K = 2 nu / dim: eigenvalues on a manifold of dimension `dim` fall like
        i^-(1 + alpha_K); infinite where they fall faster than any power.
        """
        return 2 * self.smoothness / dim

    def derivatives(self, n_features: int = 1, radius: float = 1.0) -> tuple[float, float]:
        """k'(1) and k''(1) in the cosine t, at points of norm `radius`.

        Raises
        ------
        ManifoldScaleError : a kernel that is not twice differentiable there.
        """
        require(
            self.smoothness > 2,
            f"{self} is not twice differentiable at equal points: near t = 1 it is smooth "
            f"plus a multiple of (1 - t)^{self.smoothness:g}. Its representation bends "
            "more the closer one looks, and has no second fundamental form. Use a smooth "
            "activation, or measure a curvature at a scale.",
        )
        return self._derivatives(n_features, radius)

    def _derivatives(self, n_features: int, radius: float) -> tuple[float, float]:
        t = torch.ones((), dtype=torch.float64, requires_grad=True)
        norm = torch.full_like(t, radius, requires_grad=False)
        value = self.at(Angles(norm, norm, 1 - t, 1 + t, n_features))
        (first,) = torch.autograd.grad(value, t, create_graph=True)
        (second,) = torch.autograd.grad(first, t) if first.requires_grad else (0.0,)
        return float(first.detach()), float(second)

    def __call__(
        self, x1: Any, x2: Any | None = None, *, device: str | None = None
    ) -> Tensor:
        """The matrix of k(x, x') in float64.

        Parameters
        ----------
        x1, x2 : (n1, features) and (n2, features), arrays, tensors or a `Cloud`; the Gram
            matrix of `x1` where `x2` is None, symmetric to the last bit.
        device : where torch computes; None leaves tensors where they are.

        Returns
        -------
        (n1, n2) tensor. It needs memory for itself, the points and a few blocks.

        Raises
        ------
        ManifoldScaleError : points that are not 2-D, not finite, of a size whose square is
            no float, or of different features; no such device.
        """
        first, second = as_inputs(x1, x2, device)
        result = assemble(
            len(first),
            len(second),
            lambda rows, columns: self.at(Angles.between(first[rows], second[columns])),
            block=BLOCK,
            symmetric=x2 is None,
            device=first.norms.device,
        )
        if x2 is None:
            result.diagonal().copy_(self._diagonal(first))
        return result

    def diagonal(self, x: Any, *, device: str | None = None) -> Tensor:
        """k(x, x) of each point, (n,), without the matrix."""
        return self._diagonal(as_inputs(x, None, device)[0])

    def _diagonal(self, points: Inputs) -> Tensor:
        values = self.on_diagonal(points.norms[:, 0], points.n_features)
        check_finite(values)
        return values

    def of_angle(
        self, theta: Tensor, *, n_features: int = 1, radius: float = 1.0
    ) -> Tensor:
        """Values at pairs of points of norm `radius` with this angle between them."""
        theta = torch.as_tensor(theta, dtype=torch.float64)
        return self.at(Angles.on_sphere(theta, n_features, radius))

    def of_cosine(self, t: Tensor, *, n_features: int = 1, radius: float = 1.0) -> Tensor:
        """Values at pairs of points of norm `radius` whose angle has the cosine `t`.

        Networks divide by the number of features. On the sphere of dimension d pass
        n_features=d + 1 to get the values of the kernel itself; 1 gives
        K0 = bias_variance + weight_variance t.
        """
        t = torch.as_tensor(t, dtype=torch.float64)
        require(bool((t.abs() <= 1).all()), "`t` must hold cosines, between -1 and 1.")
        return self.of_angle(torch.acos(t), n_features=n_features, radius=radius)
