"""The lower envelope of many training runs: the least loss that any of them has at a cost.

At a compute C a set of networks, each along its own trajectory L(C), reaches at best

    L*(C) = min over networks of L(C),

the curve that Kaplan et al. (2020, fig. 13) and Hoffmann et al. (2022, approach 1) fit.
"""

import numpy as np

from ..core.arrays import Array, Bools, Floats, Ints, as_real
from ..core.errors import require


def lower_envelope(compute: object, loss: object, network: object = None) -> Ints:
    """The rows on the lower envelope, in rising order of compute.

    >>> lower_envelope([1, 2, 4, 8], [0.9, 0.5, 0.6, 0.4]).tolist()
    [0, 1, 3]

    A row is on it where no row of at most its compute has a lower loss; and, where
    `network` says which rows are one trajectory, no other trajectory, interpolated in
    logarithms between its rows, lies lower at the same compute.

    Parameters
    ----------
    compute, loss : (rows,) positive numbers.
    network : (rows,) which trajectory each row is of; None, where rows stand alone.

    Raises
    ------
    ManifoldScaleError : numbers that are not finite and positive, or of other lengths.
    """
    cost, height = (
        as_real(values, name).astype(float)
        for values, name in ((compute, "compute"), (loss, "loss"))
    )
    require(
        cost.ndim == 1 and cost.shape == height.shape and len(cost) > 0,
        f"`compute` and `loss` must be 1-D and of one length; their shapes are "
        f"{cost.shape} and {height.shape}.",
    )
    good = np.isfinite(cost) & np.isfinite(height) & (cost > 0) & (height > 0)
    require(
        bool(good.all()),
        f"`compute` and `loss` must be finite and positive; {(~good).sum()} rows are not.",
    )
    order = np.lexsort((height, cost))  # of rows of one compute, the lowest first
    lowest = np.minimum.accumulate(height[order])
    first = np.r_[True, lowest[1:] < lowest[:-1]]
    rows = order[first]
    if network is None:
        return rows
    names = np.asarray(network)
    require(
        names.shape == cost.shape,
        f"`network` must have one entry a row, {len(cost)}; its shape is {names.shape}.",
    )
    return rows[~_below(np.log(cost), np.log(height), names, rows)]


def _below(x: Floats, y: Floats, names: Array, rows: Ints) -> Bools:
    """Of each of the rows, whether another trajectory lies below it."""
    beaten = np.zeros(len(rows), dtype=bool)
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        own = own[np.argsort(x[own])]
        there = np.interp(x[rows], x[own], y[own], left=np.inf, right=np.inf)
        beaten |= (there < y[rows]) & (names[rows] != name)
    return beaten
