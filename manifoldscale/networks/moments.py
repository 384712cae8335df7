"""Statistics of a stream of points: nothing is stored, parts can be merged."""

import dataclasses as dc
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, as_numpy
from ..core.errors import require
from ..core.random import hashed
from ..geometry.cloud import Cloud

WIDEST = 8192  # features; the covariance of more does not fit


@dc.dataclass(eq=False)
class Moments:
    """Mean and covariance of points that pass by, in float64.

    Parts are merged by the exact update of Chan, Golub and LeVeque (1983, Am. Stat.
    37:242), so that neither a large mean nor the order costs digits.

    >>> moments = Moments()
    >>> moments.update(np.eye(3)[:2]); moments.update(np.eye(3)[2:])
    >>> moments.n, moments.mean.round(3).tolist()
    (3, [0.333, 0.333, 0.333])

    Attributes
    ----------
    n : points so far.
    mean : (features,).
    scatter : (features x features) sum of products of deviations from the mean.
    """

    n: int = 0
    mean: Floats = dc.field(default_factory=lambda: np.zeros(0))
    scatter: Floats = dc.field(default_factory=lambda: np.zeros((0, 0)))

    def update(self, points: Any) -> None:
        """Add a block of points (rows x features)."""
        block = as_numpy(points, "points").astype(np.float64)
        require(
            block.ndim == 2 and block.shape[1] <= WIDEST,
            f"Points must be (rows x features), at most {WIDEST:,} features; got "
            f"{block.shape}. Project them first: points='flatten+project:1024'.",
        )
        if len(block):
            mean = block.mean(axis=0)
            deviations = block - mean
            self.merge(Moments(len(block), mean, deviations.T @ deviations))

    def merge(self, other: "Moments") -> None:
        """Add what another part of the stream gave."""
        if other.n == 0:
            return
        if self.n == 0:
            self.n, self.mean, self.scatter = other.n, other.mean, other.scatter.copy()
            return
        require(
            len(self.mean) == len(other.mean),
            f"Parts of {len(self.mean)} and {len(other.mean)} features do not belong "
            "together.",
        )
        n = self.n + other.n
        shift = other.mean - self.mean
        self.scatter += other.scatter + np.outer(shift, shift) * (self.n * other.n / n)
        self.mean = self.mean + shift * (other.n / n)
        self.n = n

    @property
    def covariance(self) -> Floats:
        """(features x features), unbiased."""
        require(self.n >= 2, f"A covariance needs two points; there are {self.n}.")
        return self.scatter / (self.n - 1)

    @property
    def participation_ratio(self) -> float:
        """(tr C)^2 / tr(C^2) of the sample; `ms.dimension.ParticipationRatio` gives it with
        an interval where the points are at hand. NaN for points that are all equal.
        """
        covariance = self.covariance
        square = float(np.square(covariance).sum())
        return float(np.trace(covariance)) ** 2 / square if square > 0 else float("nan")


@dc.dataclass(eq=False)
class Reservoir:
    """A random sample of `size` points of a stream, by a hash of their ids: the same in any
    order and division, and nested in the sample of any larger size.
    """

    size: int
    seed: int = 0
    ids: Ints = dc.field(default_factory=lambda: np.zeros(0, np.int64))
    points: Array = dc.field(default_factory=lambda: np.zeros((0, 0)))

    def update(self, ids: Ints, points: Any) -> None:
        """Add a block: an id a row, each only once in the stream."""
        block = as_numpy(points, "points")
        ids = np.asarray(ids, dtype=np.int64)
        require(len(ids) == len(block), f"{len(block)} points need as many ids.")
        if len(self.ids):
            ids = np.concatenate([self.ids, ids])
            block = np.concatenate([self.points, block])
        first = np.argsort(hashed(self.seed, ids), kind="stable")[: self.size]
        kept = first[np.argsort(ids[first], kind="stable")]
        self.ids, self.points = ids[kept], block[kept]

    def merge(self, other: "Reservoir") -> None:
        """Add what another part of the stream gave."""
        require(
            (self.size, self.seed) == (other.size, other.seed),
            "Reservoirs of other sizes or seeds are not samples of one stream.",
        )
        if len(other.ids):
            self.update(other.ids, other.points)

    def cloud(self) -> Cloud:
        """The sample."""
        return Cloud(self.points, ids=self.ids)
