"""How a rotation-invariant kernel divides among the powers of the cosine.

On a sphere of radius r a kernel is a function of the cosine t = x.x' / r^2 alone, and

    k = sum_l b_l t^l = sum_l (c_l / l!) (x.x')^l,    c_l = l! b_l / r^(2 l).

All b_l of kernels that are positive definite on spheres of every dimension are at least
zero (Schoenberg 1942), and sum to k(x, x). They are the Taylor coefficients at t = 0, and
are not found by differences, which lose their digits, but

- of Gaussian, Laplace and Matern: from values on circles in the complex plane, where the
  kernel is analytic, by Cauchy's formula and an FFT. The best radius of the circle is
  another for each l;
- of network kernels: layer by layer as power series. The dual of an activation phi at
  variance q is sum_k a_k^2 rho^k in the correlation rho, with a_k the coefficients of
  phi(sqrt(q) u) in orthonormal Hermite polynomials (Daniely et al. 2016), and the tangent
  kernel adds products of such series. All terms are at least zero if biases are, so that
  nothing cancels.
"""

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import special

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError, require
from ..core.settings import whole
from .activations import Activation
from .kernel import Kernel
from .kernels import NNGP, NTK, NetworkKernel
from .stationary import Gaussian, Laplace, Matern, Stationary

CIRCLES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98)  # radii, of t
ON_CIRCLE = 4096  # values on each: 0.98 to this power is below rounding
ROUNDING = 1e3 * float(np.finfo(float).eps)  # below it, of its bound, one is zero
TERMS = 400  # of the dual of an activation
HALF_LINE, NODES = 15.0, 600  # where a Gaussian weight ends, and how it is resolved


def level_coefficients(
    kernel: Kernel, radius: float, levels: int = 20, *, n_features: int = 1
) -> Floats:
    """b_0 to b_levels, with k = sum_l b_l t^l on the sphere of this radius.

    >>> from manifoldscale.theory import Gaussian, level_coefficients
    >>> level_coefficients(Gaussian(1.0), radius=1.0, levels=2).round(6)
    array([0.367879, 0.367879, 0.18394 ])

    Parameters
    ----------
    kernel : Gaussian, Laplace, Matern, NNGP or NTK.
    radius : of the sphere.
    levels : the last power.
    n_features : of the points, by which networks divide x.x'.

    Returns
    -------
    (levels + 1,), not negative, with a sum of at most k(x, x); a formula is on top of this
    file.

    Raises
    ------
    ManifoldScaleError : another kernel, such as that of a convolutional network, which a
        rotation changes; a radius that is not positive.
    """
    levels = whole("levels", levels)
    require(0 < radius < math.inf, f"`radius` must be positive and finite; not {radius!r}.")
    if isinstance(kernel, Gaussian):
        s, powers = (radius / kernel.length_scale) ** 2, np.arange(levels + 1)
        log = special.xlogy(powers, s) - s - special.gammaln(powers + 1)
        return np.asarray(np.exp(log))
    if isinstance(kernel, Laplace | Matern):
        return _on_circles(_of_distance(kernel), radius / kernel.length_scale, levels)
    if isinstance(kernel, NNGP | NTK):
        return _of_network(kernel, radius**2 / n_features, levels)
    raise ManifoldScaleError(
        "`kernel` must be Gaussian, Laplace, Matern, NNGP or NTK, which depend on lengths "
        f"and angles only; not {kernel}."
    )


def _of_distance(kernel: Stationary) -> Callable[[Array], Array]:
    """The kernel at complex distances in units of its length."""
    if not isinstance(kernel, Matern):
        return lambda distance: np.exp(-distance)
    nu = kernel.nu
    scale = 2 ** (1 - nu) / math.gamma(nu)

    def matern(distance: Array) -> Array:
        s = math.sqrt(2 * nu) * distance
        return np.asarray(scale * s**nu * special.kv(nu, s))

    return matern


def _on_circles(
    of_distance: Callable[[Array], Array], radius: float, levels: int
) -> Floats:
    """Cauchy's formula. A coefficient is at most k(size) / size^l, its rounding is that of
    this bound, and so the best circle is the one with the least bound.
    """
    unit = np.exp(2j * np.pi * np.arange(ON_CIRCLE) / ON_CIRCLE)
    powers = np.arange(levels + 1)
    found, bound = np.zeros(levels + 1), np.full(levels + 1, np.inf)
    for size in CIRCLES:
        values = of_distance(radius * np.sqrt(2 - 2 * size * unit))
        scale = size ** -powers.astype(float)
        better = values[0].real * scale < bound
        here = np.fft.fft(values)[: levels + 1].real / ON_CIRCLE * scale
        found[better], bound[better] = here[better], (values[0].real * scale)[better]
    require(
        bool(np.isfinite(found).all()),
        "the kernel overflows at complex distances; a smaller `nu` would do.",
    )
    return np.where(found > ROUNDING * bound, found, 0.0)


def _of_network(kernel: NetworkKernel, square: float, levels: int) -> Floats:
    """The recursion of `NNGP` and `NTK` on power series in t, at |x|^2 / n = square."""
    weight, bias = kernel.weight_variance, kernel.bias_variance
    variance = bias + weight * square
    covariance = np.zeros(levels + 1)
    covariance[0] = bias
    covariance[1:2] = weight * square
    theta = covariance
    for _ in range(kernel.depth):
        dual = hermite_coefficients(kernel.phi, variance) ** 2
        correlation = covariance / variance
        # Price's theorem: E[phi' phi'] is the derivative in the covariance.
        growth = _compose(np.arange(1, len(dual)) * dual[1:] / variance, correlation)
        covariance = weight * _compose(dual, correlation)
        covariance[0] += bias
        theta = covariance + weight * _times(growth, theta)
        moment = kernel.phi.second_moment(torch.tensor(variance, dtype=torch.float64))
        variance = bias + weight * float(moment)
    found = theta if isinstance(kernel, NTK) else covariance
    return np.where(found > ROUNDING * found.sum(), found, 0.0)


def hermite_coefficients(phi: Activation, variance: float) -> Floats:
    """E[phi(sqrt(variance) u) h_k(u)] for k < TERMS, h_k orthonormal: (TERMS,). A kink at
    zero lies between the two Gauss-Legendre rules.
    """
    u, density = _half_lines()
    weighted = phi(torch.from_numpy(math.sqrt(variance) * u)).numpy() * density
    found = np.empty(TERMS)
    for k, polynomial in enumerate(hermite_polynomials(u, TERMS)):
        found[k] = weighted @ polynomial
    return found


@functools.cache
def _half_lines() -> tuple[Floats, Floats]:
    """Nodes on both half lines, and their weights under a standard Gaussian."""
    u, weights = np.polynomial.legendre.leggauss(NODES)
    u = HALF_LINE * (u + 1) / 2
    density = weights * HALF_LINE / 2 * np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-u, u]), np.concatenate([density, density])


def hermite_polynomials(u: Floats, count: int) -> Iterator[Floats]:
    """The first orthonormal Hermite polynomials at u, one after the other."""
    before, now = np.zeros_like(u), np.ones_like(u)
    for k in range(count):
        yield now
        before, now = now, (u * now - math.sqrt(k) * before) / math.sqrt(k + 1)


def _times(first: Floats, second: Floats) -> Floats:
    """The product of two power series, as long as they are."""
    return np.convolve(first, second)[: len(first)]


def _compose(outer: Floats, inner: Floats) -> Floats:
    """The power series of outer(inner(t)), by Horner's rule."""
    result = np.zeros_like(inner)
    for coefficient in outer[::-1]:
        result = _times(result, inner)
        result[0] += coefficient
    return result
