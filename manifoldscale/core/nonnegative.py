"""Least squares with weights that are not negative, for every release of SciPy."""

import numpy as np

from .arrays import Floats

OPTIMAL = 1e-11  # rounding, relative to the norms of a column and of the target


def nonnegative(columns: Floats, target: Floats) -> tuple[Floats, float]:
    """Weights of at least zero with which the columns come nearest to the target, and the
    distance that is left.

    Some releases of SciPy give up on problems of a hundred columns, or stop short of the
    optimum. So the result is checked, and a slower solver replaces it where it fails.

    >>> weights, left = nonnegative(np.eye(2), np.array([3.0, -4.0]))
    >>> weights.tolist(), left
    ([3.0, 0.0], 4.0)
    """
    from scipy.optimize import lsq_linear, nnls

    try:
        weights, residual = nnls(columns, target, maxiter=30 * columns.shape[1])
        if _is_optimal(columns, target, weights):
            return weights, float(residual)
    except (RuntimeError, np.linalg.LinAlgError):
        pass
    weights = lsq_linear(columns, target, (0, np.inf), method="bvls", tol=1e-14).x
    return weights, float(np.linalg.norm(columns @ weights - target))


def _is_optimal(columns: Floats, target: Floats, weights: Floats) -> bool:
    """Whether no column can bring the sum nearer to the target, up to rounding."""
    left = (target - columns @ weights) @ columns
    size = np.linalg.norm(columns, axis=0) * np.linalg.norm(target)
    return bool((left <= OPTIMAL * size).all())
