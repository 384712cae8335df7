"""Discrete data: histograms of integer distances between rows, repeats included."""

import dataclasses as dc
from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

from ..core.arrays import Array, Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.error_bars import normal_interval
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .from_points import dimension_of_points, raw_points
from .u_statistics import BLOCK_BYTES, pair_variance

ROWS = 2000  # in which a step is searched
MOST, NEAR = 1e4, 1e-3  # largest multiple of a step, and its largest distance from whole


@dc.dataclass(frozen=True, eq=False)
class DistanceCounts:
    """For each distinct state: how often it occurs, and how many other rows lie at each
    integer distance 0, 1, ... from it.
    """

    times: Ints
    counts: Floats

    @property
    def n_rows(self) -> int:
        return int(self.times.sum())

    @property
    def n_pairs(self) -> int:
        """Ordered pairs of rows."""
        return self.n_rows * (self.n_rows - 1)

    @property
    def total(self) -> Floats:
        """Ordered pairs of rows at each distance."""
        return np.asarray(self.times @ self.counts)

    def variance(self, weights: Floats) -> float:
        """Variance of the mean over pairs of `weights[distance]`, whose mean is zero."""
        means = np.repeat(self.counts @ weights / (self.n_rows - 1), self.times)
        mean_square = float(self.total @ np.square(weights)) / self.n_pairs
        return pair_variance(means, mean_square, self.n_rows)


def integers(method: object, near: Neighbors) -> Ints:
    """All rows as integers. The error says of what step the numbers are multiples; it
    names no other method, because methods for real numbers send tied distances here.
    """
    points = raw_points(method, near)
    rounded = np.rint(points)
    if bool((rounded == points).all()) and np.abs(points).max() <= 2**52:
        n = len(points)
        require(n >= 10, f"{method} needs at least 10 rows; there are {n}.")
        return rounded.astype(np.int64)
    step = _step(points)
    raise ManifoldScaleError(
        f"{method} is for integer data, and these are not whole numbers. "
        + (
            f"They are multiples of {step:.6g}: give it `rows / {step:.6g}`, rounded."
            if step
            else "Use an estimator for real numbers; round only what is a count."
        )
    )


def _step(points: Array) -> float:
    """The step of which all numbers are multiples; 0 if there is none."""
    values = np.unique(np.abs(points[:ROWS]).astype(np.float64))
    steps = np.diff(values[values > 0], prepend=0.0)
    step = float(steps[steps > 0].min(initial=np.inf))
    if not np.isfinite(step) or values[-1] > MOST * step:
        return 0.0
    counts = values / step
    return step if bool((np.abs(counts - np.rint(counts)) < NEAR).all()) else 0.0


def distance_counts(rows: Ints, longest: int) -> DistanceCounts:
    """City-block distances up to `longest` between all rows. Equal rows are one state with
    its number, so few states make few pairs.
    """
    states, times = np.unique(rows, axis=0, return_counts=True)
    values = states.astype(np.float64)
    counts = np.zeros((len(states), longest + 1))
    step = max(1, BLOCK_BYTES // (16 * len(states)))
    for start in range(0, len(states), step):
        distances = cdist(values[start : start + step], values, "cityblock")
        counts[start : start + step] = _histograms(distances, times, longest)
    counts[:, 0] -= 1  # the row itself
    return DistanceCounts(times, counts)


def _histograms(distances: Array, times: Ints, longest: int) -> Floats:
    """Weighted counts of each distance in each row of a block."""
    near = distances <= longest
    row, column = np.nonzero(near)
    bins = row * (longest + 1) + distances[near].astype(np.int64)
    size = len(distances) * (longest + 1)
    counts = np.bincount(bins, times[column].astype(np.float64), size)
    return np.asarray(counts.reshape(len(distances), longest + 1), dtype=np.float64)


def dimension_of_rows(
    method: object,
    near: Neighbors,
    pairs: DistanceCounts,
    value: float,
    stderr: float,
    *,
    scale: float,
    remarks: Sequence[Remark] = (),
) -> Dimension:
    """A `Dimension` of a method that counts every row, with a caveat about repeats."""
    rows, around = pairs.n_rows, normal_interval(value, stderr)
    repeats = rows - len(pairs.times)
    said = f"{repeats:,} of {rows:,} rows equal an earlier one"
    return dimension_of_points(
        method,
        near,
        value,
        stderr,
        Interval(max(around.low, 0.0), around.high),
        scale=scale,
        n_points=rows,
        remarks=[*([Caveat.REPEATED_ROWS(said)] if repeats else []), *remarks],
    )
