"""A diagram as a number or as functions of scale."""

import math

import numpy as np

from ..core.arrays import Floats
from ..core.errors import require


def finite_bars(diagram: Floats) -> Floats:
    """The bars that end."""
    return np.asarray(diagram[np.isfinite(diagram[:, 1])])


def persistence_entropy(diagram: Floats) -> float:
    """-sum of p log p in nats, p = length / total length of the bars that end.

    Between 0, for one bar, and the log of the number of bars, for equal bars (Chintakunta
    et al. 2015, Pattern Recognition 48:391). NaN if no bar ends.
    """
    lengths = np.diff(finite_bars(diagram), axis=1)[:, 0]
    lengths = lengths[lengths > 0]
    if not len(lengths):
        return math.nan
    shares = lengths / lengths.sum()
    return float(-(shares * np.log(shares)).sum() + 0.0)


def betti_curve(diagram: Floats, scales: Floats) -> Floats:
    """How many bars are alive at each scale: birth <= scale < death. (scales,)"""
    at = np.asarray(scales)[:, None]
    alive = (diagram[:, 0] <= at) & (at < diagram[:, 1])
    return np.asarray(alive.sum(axis=1), dtype=np.float64)


def landscape(diagram: Floats, scales: Floats, levels: int = 1) -> Floats:
    """Persistence landscape: the k-th largest of min(t - birth, death - t), at least 0, at
    each scale t (Bubenik 2015, JMLR 16:77). (levels x scales)

    Bars that do not end are left out.
    """
    require(levels >= 1, f"`levels` must be at least 1; not {levels}.")
    bars, at = finite_bars(diagram), np.asarray(scales, dtype=np.float64)
    out = np.zeros((levels, len(at)))
    if not len(bars):
        return out
    tents = np.minimum(at - bars[:, :1], bars[:, 1:] - at).clip(min=0)
    falling = -np.sort(-tents, axis=0)[:levels]
    out[: len(falling)] = falling
    return out
