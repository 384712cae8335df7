"""The loss of a new run in both resources, and what the form of its law is worth.

Its interval holds what is not known of the law's numbers, the scatter of a run, and what
the form of the law is worth beyond the sizes that it was fitted to. The last is measured
inside the table: the law is fitted to the runs of least compute and scored on the others,
after 40, 55, 70 and 85 % of the pairs. Where errors there exceed the first two parts, the
excess per unit of log size beyond the fitted ones is the error of the form.
"""

import dataclasses as dc
import math
from collections.abc import Callable

import numpy as np

from ..core.arrays import Floats
from .grid import Grid

CUTS = (0.4, 0.55, 0.7, 0.85)  # shares of the pairs, by compute, that a law is fitted to
LEAST = 3  # pairs more than unknowns in a fit of them


@dc.dataclass(frozen=True)
class FormError:
    """How fast the form of a law goes wrong beyond its sizes.

    Attributes
    ----------
    growth : relative error per unit of log size; NaN where the table is too small to tell.
    cuts : number of fits that it is the mean of.
    """

    growth: float
    cuts: int


def reach(grid: Grid, dataset_size: Floats, parameters: Floats) -> Floats:
    """How far sizes lie outside those of the grid, in units of log size."""
    outside = []
    for sizes, new in ((grid.data, dataset_size), (grid.parameters, parameters)):
        low, high, x = np.log(sizes.min()), np.log(sizes.max()), np.log(new)
        outside.append(np.maximum(np.maximum(low - x, x - high), 0.0))
    return np.asarray(np.hypot(*outside))


def form_error(
    grid: Grid, unknowns: int, miss: Callable[[Grid, Grid], tuple[Floats, Floats]]
) -> FormError:
    """Of a law with so many unknowns, by ordered extrapolation inside the grid.

    miss : fits the law to the first of two grids, and gives its errors at the second, in
        logarithms, and the variances that it expects of them.
    """
    order = np.argsort(grid.data * grid.parameters, kind="stable")
    rates = []
    for share in CUTS:
        n = round(share * len(grid))
        small, large = grid.at(order[:n]), grid.at(order[n:])
        sizes = (small.data, small.parameters)
        enough = n >= unknowns + LEAST and min(len(np.unique(x)) for x in sizes) >= 3
        distance = reach(small, large.data, large.parameters)
        if not (enough and distance.any()):
            continue
        error, expected = miss(small, large)
        excess = np.sqrt(np.maximum(error**2 - expected, 0.0))
        rates.append(_median(excess / np.maximum(distance, 1e-9), distance**2))
    growth = math.sqrt(float(np.mean(np.square(rates)))) if rates else math.nan
    return FormError(growth, len(rates))


def _median(values: Floats, weights: Floats) -> float:
    """The weighted median: one run far off does not count as an error of the form."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(below, 0.5)])
