"""Pairs of correlated Gaussians: a layer of infinite width at two inputs."""

import dataclasses as dc
import functools

import torch
from torch import Tensor

TINY = 1e-300  # keeps the derivative of a root finite where its argument is zero
LARGE = 1e70  # standard deviations whose fourth powers are still floats


@dc.dataclass(frozen=True)
class Pair:
    """Gaussians u, v of mean zero, as standard deviations and a gap.

    E[uv] = std1 std2 - gap. Near a duplicate the gap falls like the square of the distance,
    and 1 - cos from a covariance would be rounding error. So the gap is passed from layer
    to layer, and the covariance is computed from it.

    Parameters
    ----------
    std1, std2 : standard deviations of u and v, tensors that broadcast against `gap`.
    gap : std1 std2 - E[uv], at least 0.
    opposite : std1 std2 + E[uv], if the caller knows it better than as a difference; it is
        to antipodes what the gap is to duplicates.
    """

    std1: Tensor
    std2: Tensor
    gap: Tensor
    opposite: Tensor | None = None

    @classmethod
    def of_covariance(cls, covariance: Tensor, var1: Tensor, var2: Tensor) -> "Pair":
        product = (var1 * var2).sqrt()  # of equal variances the root is exact
        opposite = (product + covariance).clamp_min(0.0)
        gap = (product - covariance).clamp_min(0.0)
        return cls(var1.sqrt(), var2.sqrt(), gap, opposite)

    @functools.cached_property
    def product(self) -> Tensor:
        """std1 std2."""
        return self.std1 * self.std2

    @functools.cached_property
    def covariance(self) -> Tensor:
        """E[uv]."""
        return self.product - self.gap

    @property
    def minor(self) -> Tensor:
        """E[u^2] E[v^2] - E[uv]^2, the determinant of the covariance matrix."""
        if self.opposite is None:
            return self.gap * torch.sub((2 * self.std1) * self.std2, self.gap)
        return self.gap * self.opposite

    @property
    def floored_minor(self) -> Tensor:
        """`minor` without what rounding puts below zero, at duplicates and antipodes that
        a smooth activation has passed on; its derivatives are those of `minor`.
        """
        minor = self.minor
        return minor - minor.detach().clamp_max(0.0)

    @property
    def sine(self) -> Tensor:
        """std1 std2 times the sine of the angle, the root of `minor`. `minor` is a product
        of four standard deviations; where it would over- or underflow, roots are taken
        first.
        """
        if all(_is_moderate(std) for std in (self.std1, self.std2)):
            return safe_sqrt(self.minor)
        opposite = (
            self.product + self.covariance if self.opposite is None else self.opposite
        )
        return safe_sqrt(self.gap) * safe_sqrt(opposite)

    def beside_minor(self, above: Tensor, factor: float) -> Tensor:
        """sqrt(above + factor minor), even where `minor` overflows."""
        if max(float(std.max()) for std in (self.std1, self.std2)) < LARGE:
            return (above + factor * self.floored_minor).sqrt()
        return torch.hypot(above.sqrt(), factor**0.5 * self.sine)

    def affine(self, weight: float | Tensor, bias: float | Tensor) -> "Pair":
        """sqrt(weight) u + sqrt(bias) z with one z for both: the next pre-activations.

        If the variances differ, the bias widens the gap by
        sqrt((b + w s^2)(b + w t^2)) - (b + w s t), here written without the subtraction.
        """
        if not isinstance(bias, Tensor) and bias == 0:
            root = weight**0.5
            opposite = None if self.opposite is None else weight * self.opposite
            return Pair(root * self.std1, root * self.std2, weight * self.gap, opposite)
        std1, std2 = (safe_sqrt(bias + weight * s**2) for s in (self.std1, self.std2))
        squared = (bias * weight) * (self.std1 - self.std2) ** 2
        opened = squared / (std1 * std2 + (bias + (weight * self.std1) * self.std2))
        return Pair(std1, std2, opened + weight * self.gap)


def _is_moderate(std: Tensor) -> bool:
    """Whether fourth powers neither overflow nor underflow."""
    smallest, largest = std.detach().aminmax()
    return bool((smallest > 1 / LARGE) & (largest < LARGE))


def safe_sqrt(x: Tensor) -> Tensor:
    """The root of x >= 0, with a derivative of zero, not infinity, at zero."""
    return x.clamp_min(TINY).sqrt()
