"""Discrete data: histograms of integer distances between rows, repeats included."""

import dataclasses as dc

import numpy as np
from scipy.spatial.distance import cdist

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError, require
from ..geometry.neighbors import Neighbors
from .pairs import BLOCK_BYTES, pair_variance
from .points import raw_points

ROWS = 2000  # of which a step is sought
MOST, NEAR = 1e4, 1e-3  # multiples of it, and how near to whole numbers these are


@dc.dataclass(frozen=True, eq=False)
class DistanceCounts:
    """For each distinct state: how often it occurs, and how many other rows lie at each
    integer distance 0, 1, ... of it.
    """

    times: Ints
    counts: Floats

    @property
    def n_rows(self) -> int:
        return int(self.times.sum())

    @property
    def total(self) -> Floats:
        """Ordered pairs of rows at each distance."""
        return np.asarray(self.times @ self.counts)

    def variance(self, weights: Floats) -> float:
        """Variance of the mean of `weights[distance]` over pairs; its mean is zero."""
        others = self.n_rows - 1
        means = np.repeat(self.counts @ weights / others, self.times)
        mean_square = float(self.total @ np.square(weights)) / (self.n_rows * others)
        return pair_variance(means, mean_square, self.n_rows)


def integers(method: object, near: Neighbors) -> Ints:
    """All rows as integers, or an error that says of what they are multiples. It names no
    other method: those for real numbers name this one where distances are tied.
    """
    points = raw_points(method, near)
    rounded = np.rint(points)
    if bool((rounded == points).all()) and np.abs(points).max() <= 2**52:
        return rounded.astype(np.int64)
    step = _step(points)
    raise ManifoldScaleError(
        f"{method} is for integer data, and these are not whole numbers. "
        + (
            f"They are multiples of {step:.6g}: give it `rows / {step:.6g}`, rounded."
            if step
            else "Use an estimator on distances for real numbers; round only what is a "
            "count."
        )
    )


def _step(points: Array) -> float:
    """The step of which all numbers are multiples; 0 where there is none."""
    values = np.unique(np.abs(points[:ROWS]).astype(np.float64))
    steps = np.diff(values[values > 0], prepend=0.0)
    step = float(steps[steps > 0].min(initial=np.inf))
    if not np.isfinite(step) or values[-1] > MOST * step:
        return 0.0
    counts = values / step
    return step if bool((np.abs(counts - np.rint(counts)) < NEAR).all()) else 0.0


def distance_counts(rows: Ints, longest: int) -> DistanceCounts:
    """City-block distances up to `longest` between all rows; equal rows are counted once
    with their number, so that few states make few pairs.
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


def repeated(rows: int, states: int) -> str:
    """The facts about repeats, for a caveat."""
    return f"{rows - states:,} of {rows:,} rows equal an earlier one"


def enough(method: object, n_rows: int) -> None:
    require(n_rows >= 10, f"{method} needs at least 10 rows; there are {n_rows}.")
