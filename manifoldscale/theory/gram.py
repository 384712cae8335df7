"""Checks of Gram matrices and their labels."""

from typing import Any

import numpy as np

from ..core.arrays import Floats, as_real
from ..core.errors import require

ASYMMETRY = 1e-6  # of the largest entry: float32 kernels pass, mistaken ones do not
NEGATIVE = 1e-7  # of the largest eigenvalue: rounding may make others negative by this


def as_gram(data: Any, name: str = "gram") -> Floats:
    """A symmetric (points x points) float64 matrix."""
    gram = np.asarray(as_real(data, name), dtype=np.float64)
    require(
        gram.ndim == 2 and gram.shape[0] == gram.shape[1] and gram.size > 0,
        f"`{name}` must be square, points x points; its shape is {gram.shape}.",
    )
    gap, size = float(np.abs(gram - gram.T).max()), float(np.abs(gram).max())
    require(
        gap <= ASYMMETRY * size,
        f"`{name}` is not symmetric: entries differ from their mirror by up to {gap:.2g}.",
    )
    return gram


def check_semidefinite(values: Floats, name: str = "gram") -> None:
    """Refuse eigenvalues, in falling order, that no Gram matrix has."""
    require(
        float(values[0]) > 0 and float(values[-1]) >= -NEGATIVE * float(values[0]),
        f"`{name}` is not positive semidefinite: its eigenvalues reach from "
        f"{values[-1]:.3g} to {values[0]:.3g}.",
    )


def as_targets(data: Any, n_points: int, name: str = "targets") -> Floats:
    """(points x outputs) float64 labels; a list of numbers is one output."""
    targets = np.asarray(as_real(data, name), dtype=np.float64)
    require(
        targets.ndim in (1, 2) and len(targets) == n_points,
        f"`{name}` must be ({n_points},) or ({n_points} x outputs), a row for each point; "
        f"its shape is {targets.shape}.",
    )
    return targets.reshape(n_points, -1)
