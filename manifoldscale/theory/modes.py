"""The modes of a kernel, with their checks, and the equation for kappa."""

import dataclasses as dc
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.arrays import BLOCK, Floats, as_real
from ..core.errors import ManifoldScaleError, is_real, require
from .roots import decreasing_root


@dc.dataclass(frozen=True, eq=False)
class Modes:
    """Eigenvalues of a kernel with respect to the distribution of the inputs.

    Attributes
    ----------
    eigenvalues : (modes,), not negative, in falling order.
    degeneracies : (modes,), how many orthonormal eigenfunctions share each. They may be
        fractions: a quadrature over an infinite spectrum has weights here.
    """

    eigenvalues: Floats
    degeneracies: Floats

    @classmethod
    def of(cls, eigenvalues: Any, degeneracies: Any = None) -> "Modes":
        """Modes from the values of a user.

        Raises
        ------
        ManifoldScaleError : eigenvalues that are negative, not in falling order, all zero
            or not a list; degeneracies that are not positive or of another length.
        """
        values = as_vector(eigenvalues, "eigenvalues")
        if np.any(values < 0):
            first = int(np.argmax(values < 0))
            raise ManifoldScaleError(
                f"`eigenvalues` must not be negative; number {first} is {values[first]:g}. "
                "Rounding of a Gram matrix: use `np.clip(eigenvalues, 0, None)`."
            )
        require(
            bool(np.all(np.diff(values) <= 0)),
            "`eigenvalues` must be in falling order, the coefficients beside them: use "
            "`order = np.argsort(-eigenvalues)`.",
        )
        require(bool(values[0] > 0), "`eigenvalues` are all zero.")
        if degeneracies is None:
            return cls(values, np.ones_like(values))
        counts = as_vector(degeneracies, "degeneracies")
        same_length("degeneracies", counts, values)
        require(bool(np.all(counts > 0)), "`degeneracies` must be positive.")
        return cls(values, counts)

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def rank(self) -> float:
        """Number of eigenfunctions with a positive eigenvalue."""
        return float(self.degeneracies[self.eigenvalues > 0].sum())

    def learnability(self, kappa: Floats) -> tuple[Floats, Floats]:
        """L = lambda / (lambda + kappa) and 1 - L, each without cancellation:
        (sizes x modes). At kappa = 0 a mode is learned if its eigenvalue is positive.
        """
        total = self.eigenvalues + kappa[:, None]
        with np.errstate(invalid="ignore"):
            learned, missed = self.eigenvalues / total, kappa[:, None] / total
        return np.nan_to_num(learned, nan=0.0), np.nan_to_num(missed, nan=1.0)


def as_vector(data: Any, name: str) -> Floats:
    """A finite, non-empty float64 vector."""
    array = np.asarray(as_real(data, name), dtype=np.float64)
    require(
        array.ndim == 1 and array.size > 0,
        f"`{name}` must be a list of numbers; its shape is {array.shape}.",
    )
    return array


def same_length(name: str, array: Floats, eigenvalues: Floats) -> None:
    require(
        len(array) == len(eigenvalues),
        f"`{name}` must have one entry for each of the {len(eigenvalues)} eigenvalues; it "
        f"has {len(array)}.",
    )


def not_negative(name: str, value: float) -> float:
    """A setting that must be a finite number of at least zero."""
    good = is_real(value) and 0 <= value < np.inf
    require(good, f"`{name}` must be a number of at least 0; not {value!r}.")
    return float(value)


def blocks(n_sizes: int, n_modes: int) -> Iterator[slice]:
    """The sizes in blocks whose (sizes x modes) tables have about a million entries."""
    step = max(1, BLOCK // n_modes)
    return (slice(start, start + step) for start in range(0, n_sizes, step))


def solve_kappa(poles: Floats, residues: Floats, sizes: Floats) -> Floats:
    """kappa >= 0 with sum_i residues_i / (poles_i + kappa) = size, for every size.

    The sum falls with kappa from its value at 0, so a root exists if that value exceeds the
    size; otherwise kappa is 0, the limit of a vanishing ridge.

    The bracket is exact. Upper end: every term is at most residue / kappa. Lower end: with
    C_j the sum of residue / pole over the j largest poles, these terms are at least
    C_j / (1 + kappa / pole_j); a pole at zero, such as a ridge, gives residue / kappa.

    Parameters
    ----------
    poles, residues : (modes,), not negative; poles in falling order.
    sizes : (sizes,), positive.
    """
    positive = poles > 0
    counts = np.cumsum(residues[positive] / poles[positive])
    ridge = residues[~positive].sum()
    kappa = np.zeros_like(sizes)
    rooted = np.full(sizes.shape, True) if ridge > 0 else sizes < counts[-1]
    for block in blocks(len(sizes), len(poles)):
        rows = np.flatnonzero(rooted[block]) + block.start
        if len(rows):
            lower = lower_bound(poles[positive], counts, sizes[rows])
            lower = np.maximum(lower, ridge / sizes[rows])
            kappa[rows] = _root(poles, residues, sizes[rows], lower)
    return kappa


def lower_bound(poles: Floats, counts: Floats, sizes: Floats) -> Floats:
    """The largest pole_j (C_j / size - 1), with C_j the cumulative `counts`: a kappa at
    which the sum still exceeds the size; else 0.
    """
    return np.asarray(np.max(poles * (counts / sizes[:, None] - 1), axis=1, initial=0.0))


def resolvent_sum(poles: Floats, residues: Floats, kappa: Floats) -> tuple[Floats, Floats]:
    """sum_i residues_i / (poles_i + kappa), and its slope in log kappa."""
    missed = poles + kappa[:, None]  # built in place: the table is large
    np.divide(kappa[:, None], missed, out=missed)
    value = missed @ residues / kappa
    return value, -(np.square(missed, out=missed) @ residues) / kappa


def _root(poles: Floats, residues: Floats, sizes: Floats, lower: Floats) -> Floats:
    upper = residues.sum() / sizes

    def function(log_ratio: Floats) -> tuple[Floats, Floats]:
        value, slope = resolvent_sum(poles, residues, upper * np.exp(log_ratio))
        return np.log(value / sizes), slope / value

    # By rounding the true root may lie just below the bound: widen it by a few ulps.
    low = np.minimum(np.log(lower / upper) - 1e-14, 0)
    return np.asarray(upper * np.exp(decreasing_root(function, low)))
