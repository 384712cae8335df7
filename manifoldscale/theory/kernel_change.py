"""How far a kernel has moved: lazy training keeps it, rich training aligns it."""

from typing import Any

import numpy as np

from ..core.arrays import Floats, as_real
from ..core.errors import require


def kernel_drift(kernel: Any, initial: Any) -> float:
    """|kernel - initial| / |initial|, in Frobenius norm.

    >>> kernel_drift([[3.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]).__round__(12)
    1.414213562373

    The drift of a tangent kernel falls like 1 / width in the lazy limit, and does not
    shrink with width where features are learned.
    """
    after, before = _pair(kernel, initial)
    norm = float(np.linalg.norm(before))
    require(norm > 0, "`initial` is zero: there is nothing to compare with.")
    return float(np.linalg.norm(after - before)) / norm


def kernel_alignment(kernel: Any, other: Any, *, centered: bool = True) -> float:
    """The cosine of two Gram matrices: centred kernel alignment (CKA, Cortes et al. 2012).

    >>> kernel_alignment([[2.0, 0.0], [0.0, 2.0]], [[5.0, 1.0], [1.0, 5.0]]).__round__(12)
    1.0

    Parameters
    ----------
    kernel, other : (n x n) on the same points; `other` may be y y' of labels, and the
        alignment then says how well the kernel fits the task.
    centered : subtract the means of the features of both first.
    """
    first, second = _pair(kernel, other)
    require(
        first.ndim == 2 and first.shape[0] == first.shape[1],
        f"Kernels must be (n x n); the shape is {first.shape}. Of several outputs, use "
        "`empirical_ntk(..., outputs='mean')`.",
    )
    if centered:
        first, second = _centered(first), _centered(second)
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    require(norm > 0, "A kernel is zero, or constant and centred.")
    return float(np.sum(first * second)) / norm


def _centered(kernel: Floats) -> Floats:
    rows = kernel - kernel.mean(0)
    return np.asarray(rows - rows.mean(1, keepdims=True))


def _pair(kernel: Any, other: Any) -> tuple[Floats, Floats]:
    first, second = (
        np.asarray(as_real(k, "kernel"), dtype=np.float64) for k in (kernel, other)
    )
    require(
        first.shape == second.shape,
        f"The kernels must be on the same points; their shapes are {first.shape} and "
        f"{second.shape}.",
    )
    return first, second
