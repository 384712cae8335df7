"""Kernels that depend only on the distance: Laplace, Matern, Gaussian."""

import abc
import dataclasses as dc
import math
from typing import Annotated

import numpy as np
import torch
from scipy import special
from torch import Tensor

from ..core.arrays import Floats
from ..core.settings import Positive, Rule, above
from .inputs import Angles
from .kernel import Kernel

LIMIT = "For the limit of large nu use `Gaussian()`."
NODES = 97  # a quarter of a standard deviation apart


@dc.dataclass(frozen=True)
class Stationary(Kernel):
    """k(x, x') = f(|x - x'| / length_scale) with f(0) = 1."""

    length_scale: Positive = 1.0

    @abc.abstractmethod
    def of_distance(self, distance: Tensor) -> Tensor:
        """f, at distances in units of `length_scale`."""

    def at(self, angles: Angles) -> Tensor:
        return self.of_distance(angles.squared_distance.sqrt() / self.length_scale)

    def on_diagonal(self, norms: Tensor, n_features: int) -> Tensor:
        return torch.ones_like(norms)


@dc.dataclass(frozen=True)
class Laplace(Stationary):
    """exp(-|x - x'| / length_scale): Matern with nu = 1/2."""

    @property
    def smoothness(self) -> float:
        return 0.5

    def of_distance(self, distance: Tensor) -> Tensor:
        return torch.exp(-distance)


@dc.dataclass(frozen=True)
class Gaussian(Stationary):
    """exp(-|x - x'|^2 / (2 length_scale^2))."""

    @property
    def smoothness(self) -> float:
        return math.inf

    def of_distance(self, distance: Tensor) -> Tensor:
        return torch.exp(-(distance**2) / 2)

    def _derivatives(self, n_features: int, radius: float) -> tuple[float, float]:
        first = (radius / self.length_scale) ** 2
        return first, first**2


@dc.dataclass(frozen=True)
class Matern(Stationary):
    """2^(1 - nu) / Gamma(nu) s^nu K_nu(s) with s = sqrt(2 nu) |x - x'| / length_scale.

    A polynomial times an exponential for nu = 1/2, 3/2, 5/2; otherwise a Bessel function,
    computed by SciPy (Rasmussen & Williams 2006, eq. 4.14). Where that overflows, which
    reaches larger distances as nu grows, a mixture of Gaussians is the same function.
    """

    nu: Annotated[float, above(0), Rule("finite", math.isfinite, LIMIT)] = 1.5

    @property
    def smoothness(self) -> float:
        return self.nu

    def of_distance(self, distance: Tensor) -> Tensor:
        s = math.sqrt(2 * self.nu) * distance
        if self.nu in (0.5, 1.5, 2.5):
            terms = [torch.ones_like(s), s, s**2 / 3][: int(self.nu + 0.5)]
            return sum(terms[1:], terms[0]) * torch.exp(-s)
        return self._bessel(s)

    def _derivatives(self, n_features: int, radius: float) -> tuple[float, float]:
        # f = 1 - nu r^2 / (2 (nu - 1)) + nu^2 r^4 / (8 (nu - 1) (nu - 2)) - ...
        square, nu = (radius / self.length_scale) ** 2, self.nu
        second = (nu * square) ** 2 / ((nu - 1) * (nu - 2))
        return nu * square / (nu - 1), second

    def _bessel(self, s: Tensor) -> Tensor:
        x = s.cpu().numpy()
        with_scale = special.kve(self.nu, x)  # exp(x) K_nu(x), which does not underflow
        constant = (1 - self.nu) * math.log(2) - special.gammaln(self.nu)
        log = special.xlogy(self.nu, x) - x + constant
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(np.exp(log + np.log(with_scale)))
        lost = ~np.isfinite(with_scale)  # a Bessel function beyond 1e308
        values[lost] = self._mixture(x[lost])
        return torch.as_tensor(values).to(s.device)

    def _mixture(self, s: Floats) -> Floats:
        """Gaussians with gamma-distributed precisions, for distances small at this nu."""
        u = np.linspace(-12, 12, NODES) / math.sqrt(self.nu)
        log = self.nu * (u - np.expm1(u))
        weights = np.exp(log - log.max())
        exponents = s[:, None] ** 2 / (4 * self.nu) * np.exp(-u)
        return np.where(s > 0, np.exp(-exponents) @ weights / weights.sum(), 1.0)
