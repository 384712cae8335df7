"""Eigenvalues of kernels on the circle and on flat tori, by Fourier transform."""

import itertools
import math

import numpy as np
import torch
from scipy import fft

from ..core.arrays import Floats
from ..core.errors import is_whole, require
from .inputs import Angles
from .kernel import Kernel
from .kernel_spectrum import Spectrum
from .on_sphere import EPS, KNOWN, SAFETY

GRID = 1 << 22  # points at which the kernel is evaluated
FINEST = 1 << 16  # points per half turn
LARGEST_DIM = 4


def torus_spectrum(
    kernel: Kernel, dim: int, degree: int, *, radius: float = 1.0
) -> Spectrum:
    """The spectrum of a kernel on the product of `dim` circles in R^(2 dim).

    >>> from manifoldscale.theory import Laplace, torus_spectrum
    >>> round(torus_spectrum(Laplace(), dim=2, degree=200).exponent().value, 1)
    0.5

    There a kernel depends only on the differences of the angles. Plane waves are its
    eigenfunctions, and the eigenvalues are Fourier coefficients, computed by one cosine
    transform of its values on a grid. dim=1 is the circle.

    Parameters
    ----------
    kernel : a kernel value, evaluated as on points of `FlatTorus(dim, radius)`.
    dim : 1 to 4.
    degree : the largest frequency along each angle.
    radius : of each circle.

    Returns
    -------
    Spectrum with one level for all frequencies that differ only in sign and order;
    `degrees` are the lengths of the wave vectors. A grid adds the eigenvalues of
    frequencies that it cannot tell apart. Their share is estimated from a grid of half the
    points and subtracted; where it is below 1 % the eigenvalue is trustworthy.

    Raises
    ------
    ManifoldScaleError : a dimension, degree or radius that makes no sense, or a degree
        beyond the grid.
    """
    require(
        isinstance(kernel, Kernel),
        f"`kernel` must be a kernel value, such as `Laplace()`; not {kernel!r}.",
    )
    require(
        is_whole(dim) and 1 <= dim <= LARGEST_DIM,
        f"`dim` must be an integer from 1 to {LARGEST_DIM}, as the grid grows with its "
        f"power; not {dim!r}. For larger ones use `gram_spectrum(kernel(points))`.",
    )
    require(0 < radius < math.inf, f"`radius` must be positive and finite; not {radius!r}.")
    dim = int(dim)
    steps = min(FINEST, 1 << int(math.log2(GRID) / dim))
    require(
        is_whole(degree) and 0 <= degree <= steps // 4,
        f"`degree` must be an integer from 0 to {steps // 4}, which the grid of dimension "
        f"{dim} can tell apart; not {degree!r}.",
    )
    degree = int(degree)
    values = _on_grid(kernel, dim, steps, radius)
    fine = _coefficients(values, degree)
    coarse = _coefficients(values[(slice(None, None, 2),) * dim], degree)
    waves = np.array(list(itertools.combinations_with_replacement(range(degree + 1), dim)))
    counts = np.array([_occurrences(wave) for wave in waves.tolist()])
    index = tuple(waves.T)
    # A grid adds its aliases to each eigenvalue, about C steps^-s to all of them.
    aliases = (fine - coarse) / (2.0 ** min(dim + 2 * kernel.smoothness, 1000.0) - 1)
    rounding = SAFETY * EPS * float(np.abs(values).max()) / math.sqrt(values.size)
    error = np.maximum(np.abs(aliases), rounding)[index]
    found = (fine + aliases)[index]
    order = np.argsort(-found, kind="stable")
    return Spectrum(
        found[order],
        counts[order],
        np.linalg.norm(waves, axis=1)[order],
        (error <= KNOWN * np.abs(found))[order],
        f"{kernel} on the flat torus of dimension {dim}",
    )


def _on_grid(kernel: Kernel, dim: int, steps: int, radius: float) -> Floats:
    """Kernel values at angle differences pi j / steps, j = 0..steps along each axis."""
    half = torch.arange(steps + 1, dtype=torch.float64) * (math.pi / steps / 2)
    grid = torch.meshgrid(*[half] * dim, indexing="ij")
    apart = sum((2 * angle.sin() ** 2 for angle in grid), torch.zeros_like(grid[0]))
    together = sum((2 * angle.cos() ** 2 for angle in grid), torch.zeros_like(grid[0]))
    norm = torch.tensor(radius * math.sqrt(dim), dtype=torch.float64)
    angles = Angles(norm, norm, apart / dim, together / dim, n_features=2 * dim)
    return np.asarray(kernel.at(angles))


def _coefficients(values: Floats, degree: int) -> Floats:
    """Fourier coefficients up to a degree along each axis, of an even function."""
    turn = 2 * (len(values) - 1)
    kept = (slice(degree + 1),) * values.ndim
    return np.asarray(fft.dctn(values, type=1)[kept] / turn**values.ndim)


def _occurrences(wave: list[int]) -> float:
    """The number of wave vectors that differ from this one only in signs and order."""
    repeats = math.prod(math.factorial(wave.count(m)) for m in set(wave))
    signs = 2 ** sum(m > 0 for m in wave)
    return float(signs * math.factorial(len(wave)) // repeats)
