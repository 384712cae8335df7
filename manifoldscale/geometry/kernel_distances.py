"""The metric of a kernel: how far apart it holds two points."""

from typing import Any

import numpy as np

from ..core.arrays import Floats, as_real
from ..core.errors import require

ROUNDING = 8.0  # of K(x, x) + K(y, y) - 2 K(x, y), in units of its largest term
SYMMETRIC = 100.0  # the same of K(x, y) - K(y, x): products in another order
HIDDEN = 25.0  # squared nearest distances, in units of rounding, below which they are it


def kernel_distances(kernel: Any) -> Floats:
    """See `Neighbors.from_kernel`: (n x n) distances in float64."""
    array = as_real(kernel, "kernel")
    require(
        array.ndim == 2 and array.shape[0] == array.shape[1] and len(array) >= 2,
        "`kernel` must hold the kernel of all pairs, points x points; its shape is "
        f"{array.shape}.",
    )
    gram = array.astype(np.float64)
    own = np.diagonal(gram).copy()
    require(bool((own >= 0).all()), "`kernel` has a negative diagonal: it is no kernel.")
    unit = float(np.finfo(array.dtype).eps) * float(own.max())
    apart = float(np.abs(gram - gram.T).max())
    require(
        apart <= SYMMETRIC * unit,
        f"`kernel` is not symmetric: K(x, y) and K(y, x) differ by {apart:.3g}.",
    )
    squared = own[:, None] + own - gram - gram.T
    least = float(squared.min())
    require(
        least >= -ROUNDING * SYMMETRIC * unit,
        f"`kernel` is not positive semi-definite: K(x, x) + K(y, y) - 2 K(x, y) is "
        f"{least:.3g} for two points. For distances use `Neighbors.from_distances`.",
    )
    squared[squared <= ROUNDING * unit] = 0.0
    np.fill_diagonal(squared, 0.0)
    nearest = np.where(squared > 0, squared, np.inf).min(axis=1)
    known = nearest[np.isfinite(nearest)]
    typical = float(np.median(known)) if len(known) else 0.0
    require(
        typical > HIDDEN * ROUNDING * unit,
        f"The nearest distances of `kernel` are its rounding in {array.dtype}: K(x, x) + "
        f"K(y, y) - 2 K(x, y) is {typical:.3g} at a K(x, x) of {own.max():.3g}. Compute it "
        "in float64.",
    )
    return np.asarray(np.sqrt(squared))
