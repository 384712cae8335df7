"""Activations as their Gaussian expectations, which is all that infinite width needs."""

import abc
import dataclasses as dc
import functools
import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ManifoldScaleError, nearest
from ..core.settings import FINITE, Settings
from .pair import TINY, Pair, safe_sqrt

ROUNDING = 2.0**-53
MOST_TERMS = 2000  # of a series, above which the double sum over scales is cheaper


@dc.dataclass(frozen=True)
class Activation(Settings, abc.ABC):
    """A nonlinearity phi, by its expectations under correlated Gaussians.

    >>> import torch
    >>> one = torch.tensor(1.0, dtype=torch.float64)
    >>> value, slope = ReLU().dual(0 * one, one, one)
    >>> round(float(value) * 2 * math.pi, 12), float(slope)
    (1.0, 0.25)
    """

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """phi(x), elementwise."""

    @abc.abstractmethod
    def second_moment(self, variance: Tensor) -> Tensor:
        """E[phi(u)^2] at u ~ N(0, variance)."""

    @abc.abstractmethod
    def derivative_moment(self, variance: Tensor) -> Tensor:
        """E[phi'(u)^2]."""

    @abc.abstractmethod
    def curvature_moment(self, variance: Tensor) -> Tensor:
        """E[phi''(u)^2]; infinite where phi has a kink."""

    @abc.abstractmethod
    def propagate(self, pair: Pair) -> tuple[Pair, Tensor]:
        """(phi(u), phi(v)) as a pair of the same second moments, and E[phi'(u) phi'(v)]."""

    @property
    def is_smooth(self) -> bool:
        """Whether phi is twice differentiable."""
        return True

    def dual(
        self, covariance: Tensor, variance1: Tensor, variance2: Tensor
    ) -> tuple[Tensor, Tensor]:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)] (Cho & Saul 2009; Daniely et al. 2016).

        The second is the derivative of the first in the covariance (Price's theorem). The
        arguments broadcast; a covariance beyond the product of the standard deviations is
        taken as that product.
        """
        pair, slope = self.propagate(Pair.of_covariance(covariance, variance1, variance2))
        return pair.covariance, slope


@dc.dataclass(frozen=True)
class LeakyReLU(Activation):
    """x above zero, slope x below.

    phi = (1 + slope)/2 x + (1 - slope)/2 |x|, and E[u |v|] = 0. Let a and b be the squares
    of these two factors, and cos(theta) the correlation. The activation turns the gap
    g = std1 std2 - E[uv] into

        (a + b) g - (2 b / pi) std1 std2 (sin(theta) - theta cos(theta)),

    which avoids 1 - cos(theta), and E[phi' phi'] = a + b - 2 b theta / pi. Slope 0 gives
    the arc-cosine kernel of degree 1 (Cho & Saul 2009).
    """

    slope: Annotated[float, FINITE] = 0.01

    def __call__(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.slope * x)

    @property
    def is_smooth(self) -> bool:
        return self.slope == 1

    @property
    def _squares(self) -> tuple[float, float]:
        return ((1 + self.slope) / 2) ** 2, ((1 - self.slope) / 2) ** 2

    def second_moment(self, variance: Tensor) -> Tensor:
        return variance * sum(self._squares)

    def derivative_moment(self, variance: Tensor) -> Tensor:
        return torch.full_like(variance, sum(self._squares))

    def curvature_moment(self, variance: Tensor) -> Tensor:
        return torch.full_like(variance, 0.0 if self.is_smooth else math.inf)

    def propagate(self, pair: Pair) -> tuple[Pair, Tensor]:
        linear, folded = self._squares
        even, turned = linear + folded, 2 * folded / math.pi
        cosine, sine = pair.covariance, pair.sine  # times std1 std2
        theta = torch.atan2(sine, cosine)
        # No 1 - cos(theta): inputs that almost agree keep the digits of their distance.
        closed = torch.addcmul(sine, theta, cosine, value=-1)
        gap = torch.sub(even * pair.gap, closed, alpha=turned)
        slope = torch.sub(torch.tensor(even, dtype=theta.dtype), theta, alpha=turned)
        root = math.sqrt(even)
        return Pair(root * pair.std1, root * pair.std2, gap), slope


@dc.dataclass(frozen=True)
class ReLU(LeakyReLU):
    """max(x, 0)."""

    slope: float = dc.field(default=0.0, init=False)


@dc.dataclass(frozen=True)
class Linear(LeakyReLU):
    """x: a network without its nonlinearity."""

    slope: float = dc.field(default=1.0, init=False)


@dc.dataclass(frozen=True)
class SmoothActivation(Activation):
    """An activation whose dual is smooth at equal inputs: gaps may be differences."""

    @abc.abstractmethod
    def expectations(self, pair: Pair) -> tuple[Tensor, Tensor]:
        """E[phi(u) phi(v)] and E[phi'(u) phi'(v)]."""

    def propagate(self, pair: Pair) -> tuple[Pair, Tensor]:
        value, slope = self.expectations(pair)
        std1, std2 = (safe_sqrt(self.second_moment(s**2)) for s in (pair.std1, pair.std2))
        return Pair(std1, std2, std1 * std2 - value), slope


@dc.dataclass(frozen=True)
class Erf(SmoothActivation):
    """The error function (Williams 1997):

    E[erf u erf v] = (2/pi) asin(2 K / sqrt((1 + 2q)(1 + 2q'))), computed as an arc tangent,
    which keeps its digits where the argument is near 1.
    """

    def __call__(self, x: Tensor) -> Tensor:
        return torch.erf(x)

    def second_moment(self, variance: Tensor) -> Tensor:
        return (2 / math.pi) * torch.atan2(2 * variance, (1 + 4 * variance).sqrt())

    def derivative_moment(self, variance: Tensor) -> Tensor:
        return (4 / math.pi) / (1 + 4 * variance).sqrt()

    def curvature_moment(self, variance: Tensor) -> Tensor:
        return (16 / math.pi) * variance / (1 + 4 * variance) ** 1.5

    def expectations(self, pair: Pair) -> tuple[Tensor, Tensor]:
        root = pair.beside_minor((1 + 2 * pair.std1**2) + 2 * pair.std2**2, 4)
        value = torch.atan2(2 * pair.covariance, root) * (2 / math.pi)
        return value, (4 / math.pi) / root


@dc.dataclass(frozen=True)
class GELU(SmoothActivation):
    """x Phi(x), with Phi the normal distribution function (not its tanh approximation).

    By Stein's lemma, with a = 1 / (1 + q), b = 1 / (1 + q'), r = a + b, m = q q' - K^2,
    n = (1 + q)(1 + q') - K^2, t = E[Phi(u) Phi(v)] = 1/4 + asin(K sqrt(a b)) / 2 pi and
    z = 1 / (2 pi sqrt(n)),

        E[phi phi]   = K t + z (m + K^2 r)
        E[phi' phi'] = t + K z ((m + K^2 r) / n - 1 + 2 r),

    where (m + K^2 r) / n - 1 = -(1 + a q' + b q + m r) / n, terms of one sign.
    """

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.gelu(x)

    def second_moment(self, variance: Tensor) -> Tensor:
        return self._at(variance, variance, variance, torch.zeros_like(variance))[0]

    def derivative_moment(self, variance: Tensor) -> Tensor:
        return self._at(variance, variance, variance, torch.zeros_like(variance))[1]

    def curvature_moment(self, variance: Tensor) -> Tensor:
        # phi'' = (2 - u^2) times the normal density: a Gaussian integral of variance s.
        s = variance / (1 + 2 * variance)
        return (4 - 4 * s + 3 * s**2) / (2 * math.pi * (1 + 2 * variance).sqrt())

    def expectations(self, pair: Pair) -> tuple[Tensor, Tensor]:
        return self._at(pair.covariance, pair.std1**2, pair.std2**2, pair.floored_minor)

    def _at(
        self, k: Tensor, q1: Tensor, q2: Tensor, minor: Tensor
    ) -> tuple[Tensor, Tensor]:
        a, b = 1 / (1 + q1), 1 / (1 + q2)
        inverse = a + b
        n = (1 + q1) + q2 + minor
        root = n.sqrt()
        t = 0.25 + torch.atan2(k, root) / (2 * math.pi)
        z = (0.5 / math.pi) / root
        middle = torch.addcmul(minor, k**2, inverse)
        value = torch.addcmul(k * t, z, middle)
        less = torch.addcmul((1 + a * q2) + b * q1, minor, inverse) / n
        return value, torch.addcmul(t, k * z, 2 * inverse - less)


@dc.dataclass(frozen=True)
class Tanh(SmoothActivation):
    """The hyperbolic tangent, as a positive mixture of error functions.

    The logistic distribution is a scale mixture of normal ones, mixed by twice a Kolmogorov
    variable (Andrews & Mallows 1974, J. R. Stat. Soc. B 36:99). Hence tanh(x) = E[erf(s x)]
    with s = 1 / (sqrt(2) kappa). The trapezoidal rule in log s makes this a sum of a few
    dozen error functions, right to 1e-15 for every x. Each expectation is then a double sum
    of expectations of erf. It works for any variance, where a Hermite rule would have to
    resolve a step. For moderate variances the double sum is one power series in the
    correlation, in which the inputs separate.
    """

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def second_moment(self, variance: Tensor) -> Tensor:
        weight, s, t, q = _double(variance)
        minor = q * (s**2 + t**2)
        each = torch.atan2(2 * s * t * q, (1 + 2 * minor).sqrt())
        return (2 / math.pi) * (weight * each).sum(-1)

    def derivative_moment(self, variance: Tensor) -> Tensor:
        weight, s, t, q = _double(variance)
        each = s * t / (1 + 2 * q * (s**2 + t**2)).sqrt()
        return (4 / math.pi) * (weight * each).sum(-1)

    def curvature_moment(self, variance: Tensor) -> Tensor:
        weight, s, t, q = _double(variance)
        each = (s * t) ** 3 * q / (1 + 2 * q * (s**2 + t**2)) ** 1.5
        return (16 / math.pi) * (weight * each).sum(-1)

    def expectations(self, pair: Pair) -> tuple[Tensor, Tensor]:
        largest = float(torch.maximum(pair.std1.max(), pair.std2.max()) ** 2)
        terms = _series_length(largest)
        return _series(pair, terms) if terms <= MOST_TERMS else _double_sum(pair)


@functools.cache
def erf_mixture() -> tuple[Tensor, Tensor]:
    """Weights and scales with tanh(x) = sum of weight erf(scale x)."""
    # The density is smooth in log s and vanishes at both ends, so the trapezoidal rule
    # converges exponentially: a step of 0.1 is right to rounding.
    step = 0.1
    kappa = np.exp(np.arange(-1.95, 1.6, step))
    k = np.arange(1, 40)[:, None]
    # The density, by the series that converges: theta functions at kappa and 1 / kappa.
    large = 8 * kappa * ((-1.0) ** (k - 1) * k**2 * np.exp(-2 * (k * kappa) ** 2)).sum(0)
    odd = ((2 * k - 1) * np.pi / kappa) ** 2 / 8
    small = math.sqrt(2 * np.pi) / kappa**2 * ((2 * odd - 1) * np.exp(-odd)).sum(0)
    weights = step * kappa * np.where(kappa > 0.8, large, small)
    scales = 1 / (math.sqrt(2) * kappa)
    return torch.from_numpy(weights / weights.sum()), torch.from_numpy(scales)


def _double(variance: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights and scales of all pairs of error functions, along a new last axis."""
    weights, scales = (part.to(variance.device) for part in erf_mixture())
    i, j = torch.triu_indices(len(scales), len(scales), device=variance.device)
    weight = weights[i] * weights[j] * torch.where(i == j, 1.0, 2.0)
    return weight, scales[i], scales[j], variance[..., None]


def _moments(variance: Tensor, terms: int) -> Tensor:
    """G_m = sum_k w_k rho_k^(2m + 1) / sqrt(q), rho^2 = 2 s^2 q / (1 + 2 s^2 q):
    (terms, ...).
    """
    weights, scales = (part.to(variance.device) for part in erf_mixture())
    spread = 2 * scales**2 * variance[..., None]
    squared = spread / (1 + spread)
    power = weights * scales * (2 / (1 + spread)).sqrt()
    moments = []
    for _ in range(terms):
        moments.append(power.sum(-1))
        power = power * squared
    return torch.stack(moments)


def _series_length(variance: float) -> int:
    """How many terms leave less than a rounding error at correlation 1."""
    weights, scales = erf_mixture()
    spread = 2 * scales**2 * variance
    log_rho = torch.log(spread / (1 + spread))
    m = (8 * 1.2 ** torch.arange(70)).int()
    remains = (weights * torch.exp((m[:, None] + 0.5) * log_rho)).sum(-1) ** 2
    enough = torch.nonzero(remains < ROUNDING)
    return int(m[enough[0, 0]]) if len(enough) else MOST_TERMS + 1


def _arcsine_coefficients(terms: int) -> Tensor:
    """asin(x) = sum of b_m x^(2m + 1)."""
    m = torch.arange(1, terms, dtype=torch.float64)
    ratios = torch.cumprod((2 * m - 1) / (2 * m), 0) / (2 * m + 1)
    return torch.cat([torch.ones(1, dtype=torch.float64), ratios])


def _series(pair: Pair, terms: int) -> tuple[Tensor, Tensor]:
    """(2/pi) K sum of b_m G_m(q) G_m(q') c^(2m), and its derivative in K, by Horner."""
    k = pair.covariance
    square = (k / pair.product.clamp_min(TINY)) ** 2
    b = _arcsine_coefficients(terms).tolist()
    left, right = _moments(pair.std1**2, terms), _moments(pair.std2**2, terms)
    value, slope = torch.zeros_like(k), torch.zeros_like(k)
    for m in reversed(range(terms)):
        value = torch.addcmul(value * square, left[m], right[m], value=b[m])
        slope = torch.addcmul(slope * square, left[m], right[m], value=b[m] * (2 * m + 1))
    return (2 / math.pi) * value * k, (2 / math.pi) * slope


def _double_sum(pair: Pair) -> tuple[Tensor, Tensor]:
    """The sum over all pairs of error functions."""
    weights, scales = (part.tolist() for part in erf_mixture())
    k = pair.covariance
    value, slope = torch.zeros_like(k), torch.zeros_like(k)
    for w, s in zip(weights, scales, strict=True):
        for v, t in zip(weights, scales, strict=True):
            variances = 1 + 2 * s**2 * pair.std1**2 + 2 * t**2 * pair.std2**2
            root = pair.beside_minor(variances, 4 * s**2 * t**2)
            value += (2 / math.pi * w * v) * torch.atan2(2 * s * t * k, root)
            slope += (4 / math.pi * w * v * s * t) / root
    return value, slope


ACTIVATIONS: Mapping[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "erf": Erf,
    "gelu": GELU,
    "tanh": Tanh,
    "linear": Linear,
}


def as_activation(activation: Activation | str) -> Activation:
    """An activation by name, or the value itself."""
    if isinstance(activation, Activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ManifoldScaleError(
            f"`activation` must be a name or a value such as `LeakyReLU(0.1)`; "
            f"{activation!r} is unknown. Nearest: {nearest(str(activation), ACTIVATIONS)}."
        )
    return ACTIVATIONS[activation]()
