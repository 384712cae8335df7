"""Reference clouds of known dimension: what a signature stands for.

In dimension d, N points are about N^(-1/d) apart, so that in high dimension every
neighbourhood feels edges, density and curvature, and nearest-neighbour estimators read
low; folds make them read high. The size of the error depends on the shape, and the
signature tells shapes apart. So: among several thousand simulated clouds of many shapes,
take those whose signatures and sizes are closest to the observed one, regress log d on
their readings, and predict. The residuals are the systematic error: clouds that look
alike and differ in dimension. This is approximate Bayesian computation with regression
adjustment (Beaumont, Zhang & Balding 2002, Genetics 162:2025, sections 2 and 3), under a
prior that is uniform in log d, and over the densities and shapes of
`benchmarks/reference_clouds.py`, which makes the table.
"""

import dataclasses as dc
import functools
from pathlib import Path

import numpy as np

from ..core.arrays import Floats, Ints
from .signature import READINGS, Signature

FILE = Path(__file__).with_name("reference_clouds.npz")
NEAREST = 100  # reference clouds that make an estimate
DAMPING = 0.3  # ridge on the standardised slopes
SPACING = {"nearest": 0.15, "log n": 1.5}  # units of likeness; the others: 0.7 sd
RELATIVE = {"middle", "far", "angle", "spread", "extent"}  # read against `nearest`
UNLIKE = 0.99  # share of reference clouds that have their likes within the radius


@dc.dataclass(frozen=True, eq=False)
class Match:
    """What the clouds that look like one say of its dimension.

    Attributes
    ----------
    log_dim : the predicted log d.
    gradient : (F,) its change with each reading.
    residuals, weights : log d minus its prediction for the clouds that were used, widened
        to what it is for a cloud that was not.
    dims : (low, high) dimensions of those clouds.
    is_like : whether they are as close as reference clouds are to each other.
    """

    log_dim: float
    gradient: Floats
    residuals: Floats
    weights: Floats
    dims: tuple[float, float]
    is_like: bool

    @property
    def spread(self) -> float:
        """Weighted root mean square of the residuals."""
        return float(np.sqrt(np.average(np.square(self.residuals), weights=self.weights)))

    def quantiles(self, low: float, high: float) -> tuple[float, float]:
        """Weighted quantiles of the residuals."""
        order = np.argsort(self.residuals)
        shares = np.cumsum(self.weights[order]) / self.weights.sum()
        ends = np.interp((low, high), shares, self.residuals[order])
        return float(ends[0]), float(ends[1])


@dc.dataclass(frozen=True, eq=False)
class References:
    """Signatures (R x F) of clouds of known dimension, in coordinates of likeness.

    The first coordinate is log of the nearest reading, the second log N; the others are
    the remaining readings, those that measure dimension relative to the first.
    """

    names: tuple[str, ...]
    coordinates: Floats
    log_dims: Floats
    units: Floats
    radius: float
    sizes: tuple[float, float]
    dims: tuple[float, float]

    @classmethod
    def of(
        cls, names: tuple[str, ...], readings: Floats, sizes: Ints, dims: Ints
    ) -> "References":
        between = _between_whole_numbers(dims)
        coordinates = _coordinates(names, readings, np.log(sizes))
        coordinates[:, 0] += between
        units = 0.7 * coordinates.std(axis=0)
        units[0], units[1] = SPACING["nearest"], SPACING["log n"]
        scaled = coordinates / units
        some = scaled[:: max(1, len(scaled) // 300)]
        radii = [np.partition(_distances(scaled, one), NEAREST)[NEAREST] for one in some]
        return cls(
            names=names,
            coordinates=coordinates,
            log_dims=np.log(dims) + between,
            units=units,
            radius=float(np.quantile(radii, UNLIKE)),
            sizes=(float(sizes.min()), float(sizes.max())),
            dims=(float(dims.min()), float(dims.max())),
        )

    def match(self, values: Floats, n_points: int, leave_out: int | None = None) -> Match:
        """Predict log d from readings (F,) at this number of points.

        `leave_out` is a reference cloud that may not take part, to check the table on
        itself.
        """
        log_n = np.log([np.clip(n_points, *self.sizes)])
        at = _coordinates(self.names, values[None], log_n)[0]
        distances = _distances(self.coordinates / self.units, at / self.units)
        if leave_out is not None:
            distances[leave_out] = np.inf
        used = np.argpartition(distances, NEAREST)[:NEAREST]
        radius = distances[used].max()
        weights = np.maximum(1 - np.square(distances[used] / radius), 1e-3)
        offsets = (self.coordinates[used] - at) / self.units
        excess = self.log_dims[used] - self.coordinates[used, 0]
        level, slopes = _ridge(offsets, excess, weights)
        residuals = excess - level - offsets @ slopes
        residuals *= _unseen(weights, 1 + len(slopes))
        slopes = slopes / self.units
        slopes[0] += 1.0
        return Match(
            log_dim=float(level + at[0]),
            gradient=_to_readings(self.names, slopes),
            residuals=residuals,
            weights=weights,
            dims=(
                float(np.exp(self.log_dims[used].min())),
                float(np.exp(self.log_dims[used].max())),
            ),
            is_like=bool(radius <= self.radius),
        )


def _between_whole_numbers(dims: Ints) -> Floats:
    """Shifts of log d, and of the readings with it, that fill the gaps between the whole
    dimensions of the clouds, evenly in d.

    The dimension of a manifold is a whole number; that of noise, of a mixture, or at a
    scale is not. Without the shifts, everything near 2 would be called 2.00 +- 0.01.
    """
    golden = (np.sqrt(5) - 1) / 2
    steps = np.mod(np.arange(len(dims)) * golden, 1) - 0.5
    return np.asarray(np.log1p(steps / dims))


def _coordinates(names: tuple[str, ...], readings: Floats, log_sizes: Floats) -> Floats:
    nearest = readings[:, 0]
    others = [
        column - nearest if name in RELATIVE else column
        for name, column in zip(names[1:], readings.T[1:], strict=True)
    ]
    return np.stack([nearest, log_sizes, *others], axis=1)


def _to_readings(names: tuple[str, ...], slopes: Floats) -> Floats:
    """Slopes in the coordinates as slopes in the readings themselves."""
    relative = np.array([name in RELATIVE for name in names[1:]])
    return np.array([slopes[0] - slopes[2:][relative].sum(), *slopes[2:]])


def _distances(scaled: Floats, at: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(scaled - at).sum(axis=1)))


def _ridge(offsets: Floats, values: Floats, weights: Floats) -> tuple[float, Floats]:
    """Weighted linear regression about zero offset, slopes damped, the level not."""
    design = np.hstack([np.ones((len(offsets), 1)), offsets])
    penalty = DAMPING * np.eye(design.shape[1])
    penalty[0, 0] = 0.0
    weighted = design * weights[:, None]
    moments = weighted.T @ design + penalty
    solution = np.asarray(np.linalg.solve(moments, weighted.T @ values), dtype=np.float64)
    return float(solution[0]), solution[1:]


def _unseen(weights: Floats, parameters: int) -> float:
    """How much wider a new residual is than a fitted one: sqrt((n + p) / (n - p))."""
    n = float(weights.sum() ** 2 / np.square(weights).sum())
    return float(np.sqrt((n + parameters) / (n - parameters)))


@functools.cache
def load_references(names: tuple[str, ...]) -> References:
    """The shipped table, of these readings only."""
    with np.load(FILE, allow_pickle=False) as stored:
        columns = [READINGS.index(name) for name in names]
        readings = stored["readings"][:, columns].astype(np.float64)
        return References.of(names, readings, stored["sizes"], stored["dims"])


def like(found: Signature, n_points: int) -> Match:
    """Match a signature with the shipped table."""
    return load_references(found.names).match(found.values, n_points)
