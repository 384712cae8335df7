"""Overlaps of Hermite products on points, read in blocks."""

import dataclasses as dc
from collections.abc import Iterator

import numpy as np
from scipy import linalg

from ..core.arrays import Array, Floats
from ..core.errors import require
from .hermite_modes import HermiteModes
from .kernel import Kernel

ROWS = 2048  # points read at once
FLAT = 1e-12  # of the largest variance: directions in which the points do not vary
RIDGE = 1e-10  # of a product's mean square: products may depend on each other exactly
KNOWN = 1e-13  # of the largest eigenvalue: those below are rounding


@dc.dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Mean (features,), falling variances (axes,) and axes (features x axes)."""

    mean: Floats
    variances: Floats
    axes: Floats

    @classmethod
    def of(cls, points: Array) -> "PrincipalAxes":
        mean = points.mean(0, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            products = sum(block.T @ block for block in _blocks(points, mean))
        covariance = products / len(points)
        require(
            bool(np.isfinite(covariance).all()),
            "`points` are so large that their variance is no float: scale them down.",
        )
        values, vectors = linalg.eigh(covariance)
        require(bool(values[-1] > 0), "`points` are all the same: they have no variance.")
        kept = values > FLAT * values[-1]
        return cls(mean, values[kept][::-1], vectors[:, kept][:, ::-1])


@dc.dataclass(frozen=True, eq=False)
class Overlaps:
    """Means over N points: of h_alpha h_beta (modes x modes), of h_alpha y
    (modes x outputs), and of k(x, x).
    """

    gram: Floats
    with_targets: Floats
    trace: float
    n_points: int

    @classmethod
    def of(
        cls,
        modes: HermiteModes,
        axes: PrincipalAxes,
        kernel: Kernel,
        points: Array,
        targets: Floats | None,
    ) -> "Overlaps":
        labels = np.empty((len(points), 0)) if targets is None else targets
        used = slice(0, modes.coordinates)
        whiten = axes.axes[:, used] / np.sqrt(axes.variances[used])
        gram = np.zeros((len(modes), len(modes)))
        seen, trace, start = np.zeros((len(modes), labels.shape[1])), 0.0, 0
        for block in _blocks(points, axes.mean):
            products = modes.products(np.ascontiguousarray((block @ whiten).T))
            gram += products @ products.T
            seen += products @ labels[start : start + len(block)]
            trace += float(kernel.diagonal(block).sum())
            start += len(block)
        n = len(points)
        return cls(gram / n, seen / n, trace / n, n)

    @property
    def second_moments(self) -> Floats:
        """(modes,), the mean square of each product."""
        return np.diag(self.gram).copy()

    @property
    def independence(self) -> Floats:
        """(modes,): what Gram-Schmidt leaves of each product, as a share of its mean
        square, over the share 1 - k / N that it leaves of independent noise.
        """
        size = np.sqrt(np.where(self.second_moments > 0, self.second_moments, 1.0))
        scaled = self.gram / np.outer(size, size)
        scaled[np.diag_indices_from(scaled)] += RIDGE
        factor = linalg.cholesky(scaled, lower=True)
        left = 1 - np.arange(len(scaled)) / self.n_points
        return np.asarray(np.diag(factor) ** 2 / left)

    def diagonalized(self, eigenvalues: Floats) -> tuple[Floats, Floats]:
        """Falling eigenvalues (modes,) of the kernel sum_a lambda_a h_a h_a on the points,
        and coefficients (modes x outputs) of the targets in its eigenfunctions.
        """
        root = np.sqrt(eigenvalues)
        values, vectors = linalg.eigh(self.gram * np.outer(root, root))
        values, vectors = values[::-1], vectors[:, ::-1]
        known = values > KNOWN * values[0]
        values = np.where(known, values, 0.0)
        scale = np.divide(1.0, np.sqrt(values), out=np.zeros_like(values), where=known)
        return values, scale[:, None] * (vectors.T @ (root[:, None] * self.with_targets))


def _blocks(points: Array, mean: Floats) -> Iterator[Floats]:
    """Points minus their mean, in float64, some at a time."""
    for start in range(0, len(points), ROWS):
        yield points[start : start + ROWS].astype(np.float64) - mean
