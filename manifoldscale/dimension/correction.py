"""What a signature says about the dimension: a model fitted once to known clouds.

In dimension d, N points are about N^(-1/d) apart. In high dimension edges, density and
curvature affect every neighbourhood, and nearest-neighbour estimates are too low; folds and
rough maps make them too high. The size of the error depends on the shape, and the readings
of a signature tell shapes apart (`dimension.signature`).

The model is a Gaussian process in the readings: the correction log d - log d_TwoNN is a
linear function of them plus a smooth one (Matern 3/2, projected on some hundred centres;
Rasmussen & Williams 2006, sections 2.2 and 8.3.2), so it changes no faster than they do.
Two more models of the same kind give the size of its error above and below, on families of
clouds that the model has not seen: `benchmarks/families.py` fits it, leaves out every
family of `benchmarks/cloud_families.py` in turn, and scales the errors so that they hold
across families.
"""

import dataclasses as dc
import functools
from pathlib import Path

import numpy as np
from scipy.linalg import solve_triangular

from ..core.arrays import Floats
from .belief import Belief, reach
from .signature import BY_POSITION, RANKS, READINGS

FILE = Path(__file__).with_name("correction.npz")
RELATIVE = {  # log dimensions, which enter relative to `nearest`
    *(f"rank {rank}" for rank in RANKS),
    *(set(BY_POSITION) - {"lean"}),
}
LONGEST = 3.5  # units of spread, beyond which a reading is pulled in
LINEAR, CONSTANT = 0.1, 10.0  # prior weights beside the smooth part
LEAST, MOST = 0.01, 1.5  # limits of the errors of log d
FEW_AND_MANY = (5.0, 9.0)  # dimensions between which the scale of the errors changes
UNKNOWN = 2.0  # the least factor of error for a cloud of an unknown kind


def coordinates(names: tuple[str, ...], readings: Floats, sizes: Floats) -> Floats:
    """(clouds x coordinates) from readings (clouds x F): `nearest`, log N, and the other
    readings; log dimensions are relative to `nearest`.
    """
    nearest = readings[:, 0]
    others = [
        column - nearest if name in RELATIVE else column
        for name, column in zip(names[1:], readings.T[1:], strict=True)
    ]
    return np.stack([nearest, np.log(sizes), *others], axis=1)


@dc.dataclass(frozen=True, eq=False)
class Basis:
    """The functions of the coordinates in which the models are linear.

    Attributes
    ----------
    middle, spread : of each coordinate over the reference clouds.
    centres : (m x coordinates) of the smooth part, in units of the spread.
    length : the scale over which the smooth part changes, in the same units.
    """

    middle: Floats
    spread: Floats
    centres: Floats
    length: float

    def scaled(self, at: Floats) -> Floats:
        """Coordinates in units of the spread; far ones are pulled in smoothly."""
        units = (at - self.middle) / self.spread
        return np.asarray(LONGEST * np.tanh(units / LONGEST))

    @functools.cached_property
    def root(self) -> Floats:
        kernel = matern(self.centres, self.centres, self.length)
        return np.asarray(np.linalg.cholesky(kernel + 1e-6 * np.eye(len(kernel))))

    def distance(self, at: Floats) -> Floats:
        """Distance to the nearest centre, (clouds,): how unlike the references they are."""
        squared = squared_distances(self.centres, self.scaled(at))
        return np.asarray(np.sqrt(squared.min(axis=0)))

    def __call__(self, at: Floats) -> Floats:
        """(clouds x functions), with independent prior weights of variance one."""
        x = self.scaled(at)
        kernel = matern(self.centres, x, self.length)
        smooth = solve_triangular(self.root, kernel, lower=True).T
        return np.hstack([np.full((len(x), 1), CONSTANT), LINEAR * x, smooth])


def matern(a: Floats, b: Floats, length: float) -> Floats:
    """The Matern 3/2 kernel between rows."""
    r = np.sqrt(3 * squared_distances(a, b)) / length
    return np.asarray((1 + r) * np.exp(-r))


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared distances between rows, (rows of a x rows of b)."""
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.maximum(squared, 0))


@dc.dataclass(frozen=True, eq=False)
class Correction:
    """The fitted model.

    Attributes
    ----------
    names : the readings that it takes.
    weights : (functions,) weights of the mean correction.
    size : (functions,) weights of the logarithm of its error.
    lower : how many squared errors the estimate lies below the mean. If a logarithm is
        known to s, the relative error is least about s^2 below (the minimum of
        E|e^x - 1|), and lower still if some families lie far off.
    below, above : (functions,) weights of the logarithms of the errors on either side.
    wider : (2 x 2) factors of the errors, below and above, in few and in many dimensions.
    usual : the distance to the nearest centre that all but a few reference clouds are
        within.
    sizes : smallest and largest number of points of the reference clouds.
    """

    names: tuple[str, ...]
    basis: Basis
    weights: Floats
    size: Floats
    lower: float
    below: Floats
    above: Floats
    wider: Floats
    usual: float
    sizes: Floats

    def __call__(self, readings: Floats, n_points: float) -> tuple[Belief, bool]:
        """The belief about the dimension of a cloud with readings (F,), and whether the
        cloud is like a reference cloud.
        """
        middle, ends, distance = self.predict(readings[None], np.array([n_points]))
        below, above = (float(end[0]) / reach() for end in ends)
        return Belief(float(middle[0]), below, above), bool(distance[0] <= self.usual)

    def predict(self, readings: Floats, sizes: Floats) -> tuple[Floats, Floats, Floats]:
        """log d (clouds,), the reach of its 95 % interval below and above (2 x clouds), and
        the distance to the nearest centre (clouds,). The interval of a cloud unlike all
        reference clouds reaches at least a factor of `UNKNOWN`.
        """
        at = self._coordinates(readings, sizes)
        functions = self.basis(at)
        distance = self.basis.distance(at)
        least = np.where(distance > self.usual, np.log(UNKNOWN), 0.0)
        ends = np.stack(
            [
                np.maximum(
                    between(wider, readings[:, 0]) * error(functions @ weights), least
                )
                for wider, weights in zip(self.wider, (self.below, self.above), strict=True)
            ]
        )
        return readings[:, 0] + self._correction(functions), ends, distance

    def _coordinates(self, readings: Floats, sizes: Floats) -> Floats:
        return coordinates(self.names, readings, np.clip(sizes, *self.sizes))

    def _correction(self, functions: Floats) -> Floats:
        mean, size = functions @ self.weights, error(functions @ self.size)
        return np.asarray(mean - self.lower * np.square(size))

    def gradient(self, readings: Floats, n_points: float) -> Floats:
        """The change of log d with each reading, (F,), by central differences."""
        step = 1e-4
        moved = readings + step * np.vstack([np.eye(len(readings)), -np.eye(len(readings))])
        at = self._coordinates(moved, np.full(len(moved), float(n_points)))
        up, down = np.split(moved[:, 0] + self._correction(self.basis(at)), 2)
        return np.asarray((up - down) / (2 * step))


def between(ends: Floats, nearest: Floats) -> Floats:
    """A factor between its values in few and in many dimensions, by `nearest`."""
    few, many = np.log(FEW_AND_MANY)
    share = np.clip((nearest - few) / (many - few), 0, 1)
    return np.asarray(ends[0] + share * (ends[1] - ends[0]))


def error(log_error: Floats) -> Floats:
    """An error from its modelled logarithm."""
    return np.asarray(np.exp(np.clip(log_error, np.log(LEAST), np.log(MOST))))


@functools.cache
def load_correction(with_positions: bool) -> Correction:
    """The shipped model: of all readings, or of readings of distances only."""
    prefix = "positions" if with_positions else "distances"
    with np.load(FILE, allow_pickle=False) as stored:
        part = {
            name.partition("/")[2]: stored[name].astype(np.float64)
            for name in stored
            if name.startswith(prefix)
        }
    basis = Basis(part["middle"], part["spread"], part["centres"], float(part["length"]))
    names = READINGS if with_positions else READINGS[: -len(BY_POSITION)]
    arrays = ("weights", "size", "below", "above", "wider", "sizes")
    return Correction(
        names,
        basis,
        lower=float(part["lower"]),
        usual=float(part["usual"]),
        **{name: part[name] for name in arrays},
    )
