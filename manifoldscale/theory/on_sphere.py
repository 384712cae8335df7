"""Eigenvalues of dot-product kernels on the sphere."""

import dataclasses as dc
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from ..core.arrays import Floats, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.settings import whole
from .kernel import Kernel
from .kernel_spectrum import Spectrum

EPS = float(np.finfo(float).eps)
LONG_EPS = float(np.finfo(np.longdouble).eps)
Longs = npt.NDArray[np.floating[Any]]
REACH = 3.3  # of the variable u: beyond it the weights are below rounding
SAFETY = 10.0  # roundings that the values of a kernel may have
KNOWN = 0.01  # relative error up to which an eigenvalue is trustworthy


def sphere_spectrum(
    kernel: Kernel | Callable[[Any], Any],
    dim: int,
    degrees: int | Any,
    *,
    radius: float = 1.0,
) -> Spectrum:
    """The spectrum of a kernel on the sphere of dimension `dim`, under the uniform
    probability measure.

    >>> from manifoldscale.theory import NTK, sphere_spectrum
    >>> spectrum = sphere_spectrum(NTK(depth=2), dim=2, degrees=60)
    >>> round(spectrum.exponent().value, 1), NTK(depth=2).exponent(2)
    (0.5, 0.5)

    Spherical harmonics of degree k are eigenfunctions (Funk and Hecke), with

        mu_k = c integral of k(cos theta) P_k(cos theta) sin(theta)^(d - 1) d theta,

    with P_k the Gegenbauer polynomial, P_k(1) = 1, and c the norm of the weight. Kernels of
    networks with kinks are singular at theta = 0 and pi, which determines the fall of mu_k.
    The variable theta = pi / (1 + exp(-pi sinh u)) sends both ends to infinity, where the
    trapezoidal rule converges fast whatever the singularity (tanh-sinh quadrature).

    If the kernel without its linear (constant) term is even (odd), as for one hidden layer
    of ReLU without bias, the eigenvalues of the other parity are exact zeros.

    Parameters
    ----------
    kernel : a kernel value, evaluated as on points of this sphere; or a function of the
        cosine t of the angle, from arrays to arrays.
    dim : d, of the sphere in R^(d + 1).
    degrees : the largest degree, or an array of degrees.
    radius : of the sphere.

    Returns
    -------
    Spectrum, whose `degeneracies` are the numbers of harmonics of each degree. An
    eigenvalue is trustworthy if rounding, and using half of the nodes, change it by at most
    1 %; the cancellation in the integral grows with degree and dimension.

    Raises
    ------
    ManifoldScaleError : dimension, degrees or radius that make no sense, or a kernel that
        is not finite.
    """
    dim = whole("dim", dim)
    require(0 < radius < math.inf, f"`radius` must be positive and finite; not {radius!r}.")
    wanted = _degrees(degrees)
    largest = int(wanted.max())
    nodes = Nodes.on_half(dim, largest)
    even, odd = nodes.parts(kernel, radius)
    values, errors = np.zeros(largest + 1), np.zeros(largest + 1)
    for degree, polynomial in enumerate(gegenbauer(dim, nodes.cosines, largest)):
        part = odd if degree % 2 else even
        if not (part.is_simple and degree > 1):
            values[degree], errors[degree] = nodes.integrate(
                part.values, polynomial, degree
            )
        if part.is_zero:
            values[degree] = errors[degree] = 0.0
    trustworthy = errors <= KNOWN * np.abs(values)
    counts = np.array([degeneracy(dim, int(k)) for k in wanted])
    name = f"{kernel} on the sphere of dimension {dim}"
    return Spectrum(values[wanted], counts, wanted, trustworthy[wanted], name)


def degeneracy(dim: int, degree: int) -> float:
    """The number of spherical harmonics of a degree, exact up to 2^53."""
    if degree == 0:
        return 1.0
    lower = math.comb(degree + dim - 2, dim) if degree + dim > 1 else 0
    return float(math.comb(degree + dim, dim) - lower)


def gegenbauer(dim: int, t: Longs, largest: int) -> Iterator[Longs]:
    """P_0 to P_largest at t, with P(1) = 1: bounded by 1, they never overflow."""
    before: Longs = np.ones_like(t)
    now: Longs = t
    yield before
    for k in range(1, largest + 1):
        yield now
        following: Longs = ((2 * k + dim - 1) * t * now - k * before) / (k + dim - 1)
        before, now = now, following


@dc.dataclass(frozen=True)
class Part:
    """The even or the odd part of a kernel on the nodes."""

    values: Floats
    is_zero: bool
    is_simple: bool  # a constant, or linear in t


@dc.dataclass(frozen=True)
class Nodes:
    """Quadrature nodes on the half 0 <= theta <= pi / 2; the other half is its mirror.

    They are in extended precision if the machine has it: the phase of P_k multiplies the
    rounding of an angle by the degree.
    """

    angles: Longs
    cosines: Longs
    weights: Longs
    dim: int

    @classmethod
    def on_half(cls, dim: int, largest: int) -> "Nodes":
        # The phase of P_k in u grows at most by (pi^2 / 4) k, and the weight is a peak of
        # width 1 / sqrt(d): half the nodes still resolve both.
        frequency = 6 * largest + 50 * math.sqrt(dim) + 600
        count = 2 * math.ceil(REACH * frequency / (4 * math.pi))
        step = np.longdouble(REACH) / count
        u = step * np.arange(count + 1)
        half = np.arctan2(np.longdouble(1), np.longdouble(0))  # pi / 2
        angles = 2 * half / (1 + np.exp(2 * half * np.sinh(u)))
        cosines = np.sin(half - angles)
        cosines[0] = 0
        log_weights = (
            np.log(angles * (2 * half - angles) * np.cosh(u) * step)
            + (dim - 1) * np.log(np.sin(angles))
            + special.gammaln((dim + 1) / 2)
            - special.gammaln(dim / 2)
            - math.log(math.pi) / 2
        )
        weights = 2 * np.exp(log_weights)
        weights[0] /= 2
        return cls(angles, cosines, weights, dim)

    def parts(self, kernel: Any, radius: float) -> tuple[Part, Part]:
        angles, cosines = self.angles.astype(float), self.cosines.astype(float)
        near = self._values(kernel, radius, angles, cosines)
        far = self._values(kernel, radius, math.pi - angles, -cosines)
        scale = max(float(np.abs(near).max()), float(np.abs(far).max()))
        return (
            self._part((near + far) / 2, np.ones_like(self.cosines), scale),
            self._part((near - far) / 2, self.cosines, scale),
        )

    def _part(self, values: Floats, simplest: Longs, scale: float) -> Part:
        factor = (self.weights * values) @ simplest / ((self.weights * simplest) @ simplest)
        remainder = np.abs(values - factor * simplest).max()
        rounding = 64 * EPS * scale
        return Part(
            values, bool(np.abs(values).max() <= rounding), bool(remainder <= rounding)
        )

    def _values(
        self, kernel: Any, radius: float, angles: Floats, cosines: Floats
    ) -> Floats:
        if isinstance(kernel, Kernel):
            found: Any = kernel.of_angle(
                torch.from_numpy(angles), n_features=self.dim + 1, radius=radius
            )
        else:
            found = kernel(cosines)
        values = np.asarray(found, dtype=float)
        require(
            values.shape == angles.shape and bool(np.isfinite(values).all()),
            "`kernel` must give a finite number at every cosine between -1 and 1; "
            f"{kernel} does not.",
        )
        return values

    def integrate(
        self, values: Floats, polynomial: Longs, degree: int
    ) -> tuple[float, float]:
        """The integral against P_degree, and a bound on its error."""
        terms = self.weights * values * polynomial
        total = float(terms.sum())
        coarse = 2 * float(terms[::2].sum())
        size = float(np.sqrt((terms**2).sum()))
        rounding = (SAFETY * EPS + (SAFETY + 2 * degree) * LONG_EPS) * size
        return total, max(abs(total - coarse), rounding)


def _degrees(degrees: Any) -> Ints:
    """All degrees up to a number, or an array of them."""
    array = np.asarray(degrees)
    if array.ndim == 0 and array.dtype.kind in "iu" and array >= 0:
        return np.arange(int(array) + 1)
    if array.ndim == 1 and array.size and array.dtype.kind in "iu" and array.min() >= 0:
        return array.astype(np.int64)
    raise ManifoldScaleError(
        "`degrees` must be the largest degree, or an array of integers of at least 0; not "
        f"{degrees!r}."
    )
