"""Points that are equal in every feature."""

import numpy as np

from ..core.arrays import Array, Ints


def distinct(points: Array) -> Ints:
    """Row numbers of the first occurrence of each distinct point, in order.

    Rows are compared exactly. Equal rows have equal sums, so only rows whose sum occurs
    twice are sorted as a whole.
    """
    _, inverse, counts = np.unique(
        points.sum(axis=1), return_inverse=True, return_counts=True
    )
    suspects = np.flatnonzero(counts[inverse] > 1)
    if not len(suspects):
        return np.arange(len(points))
    rows = np.ascontiguousarray(points[suspects] + 0.0)  # + 0.0: -0.0 equals 0.0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first = np.unique(keys, return_index=True)
    repeated = np.ones(len(suspects), dtype=bool)
    repeated[first] = False
    return np.delete(np.arange(len(points)), suspects[repeated])
