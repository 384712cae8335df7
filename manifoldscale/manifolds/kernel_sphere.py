"""The representation of a sphere by a wide random layer."""

import dataclasses as dc
import math
from typing import Annotated

import numpy as np

from ..core.arrays import Array, Floats
from ..core.settings import among
from .manifold import Manifold, sphere_betti
from .sphere import directions


@dc.dataclass(frozen=True)
class KernelSphere(Manifold):
    """The unit sphere of dimension `dim` through `width` random features
    phi(scale w.x) / sqrt(width), w standard normal.

    Its Gram matrix tends to k(x.x') as the width grows, and its geometry to that of k: with
    k' and k'' at 1, b = k'' / k'^2 and a = b + 1 / k',

        S = d (d - 1) / k',   |H|^2 = a + 2 b / d,   kappa_rms^2 = a + 2 b.

    For erf, k(t) = (2 / pi) asin(c t) with c = 2 s^2 / (1 + 2 s^2) and s = `scale`; for
    sqrt(2) sin, k(t) = exp(s^2 (t - 1)) - exp(-s^2 (t + 1)). The curvatures are those of
    the limit; at finite width they scatter by 1 / sqrt(width).

    Parameters
    ----------
    width : number of features.
    feature : "erf" or "sin".
    scale : s, standard deviation of the pre-activations.
    seed : of the weights, which belong to the manifold, not to the sample.
    """

    width: int = 4096
    feature: Annotated[str, among("erf", "sin")] = "erf"
    scale: float = 1.0
    seed: int = 0

    @property
    def natural_ambient_dim(self) -> int:
        return self.width

    @property
    def betti(self) -> tuple[int, ...]:
        return sphere_betti(self.dim)

    @property
    def kernel_derivatives(self) -> tuple[float, float]:
        """k'(1) and k''(1)."""
        s2 = self.scale**2
        if self.feature == "sin":
            fading = math.exp(-2 * s2)
            return s2 * (1 + fading), s2**2 * (1 - fading)
        c = 2 * s2 / (1 + 2 * s2)
        return (
            2 / math.pi * c / math.sqrt(1 - c**2),
            2 / math.pi * c**3 / (1 - c**2) ** 1.5,
        )

    def scalar_curvature(self, points: Array) -> Floats:
        """d (d - 1) / k'(1), in the limit of large width."""
        first, _ = self.kernel_derivatives
        return np.full(len(points), self.dim * (self.dim - 1) / first)

    def mean_curvature(self, points: Array) -> Floats:
        """sqrt(a + 2 b / d), in the limit of large width."""
        first, second = self.kernel_derivatives
        b = second / first**2
        return np.full(len(points), math.sqrt(b + 1 / first + 2 * b / self.dim))

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        weights = np.random.default_rng(self.seed).standard_normal(
            (self.dim + 1, self.width)
        )
        inputs = directions(n, self.dim + 1, rng) @ (self.scale * weights)
        if self.feature == "sin":
            return np.asarray(np.sqrt(2) * np.sin(inputs) / math.sqrt(self.width))
        from scipy.special import erf

        return np.asarray(erf(inputs) / math.sqrt(self.width))
