"""Finite-sample calibration: what an estimator gives on data of known dimension.

In dimension d, N points are about N^(-1/d) apart. At a fixed N neighbourhoods grow with d
until edges, density and curvature matter, and every nearest-neighbour estimate is too low:
at N = 2,500, TwoNN estimates 16 where the truth is 20. The shortfall depends mostly on N
and d, less on the distribution. A reading is the raw estimate of a method; the table holds
the mean reading on five families, for each (N, d):

    sphere : curved, without an edge
    ball   : flat, with a smooth edge
    cube   : flat, with corners
    normal : flat, without an edge, with a falling density
    torus  : a product of circles, the extreme of folding, where readings are too high

A reading is inverted on each. The estimate is the geometric mean over the first four; the
spread of all five is the systematic error, because the nearest distances alone cannot tell
a folded manifold from a flat one of higher dimension. `benchmarks/calibration.py` makes the
table.
"""

import dataclasses as dc
import functools
import importlib.resources
import math

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.caveat import Caveat
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval
from ..core.method import Method, Wrapper
from ..geometry.neighbors import Neighbors
from .dimension import Dimension, capped

TABLE = "finite_sample.npz"


@dc.dataclass(frozen=True)
class CalibrationTable:
    """Mean readings of one method, (families x sizes x dims)."""

    families: tuple[str, ...]
    sizes: Floats
    dims: Floats
    readings: Floats

    @property
    def is_central(self) -> Bools:
        """Which families make the estimate; the folded one only widens its interval."""
        return np.array([family != "torus" for family in self.families])

    def curves(self, n_points: int) -> Floats:
        """The reading against `dims` at this number of points, (families x dims).

        The relative shortfall is interpolated linearly in log N.
        """
        log_n = np.log(np.clip(n_points, self.sizes[0], self.sizes[-1]))
        shortfall = self.readings / self.dims
        columns = np.moveaxis(shortfall, 1, -1).reshape(-1, len(self.sizes))
        at_n = [np.interp(log_n, np.log(self.sizes), column) for column in columns]
        curves = np.reshape(at_n, (len(self.families), len(self.dims))) * self.dims
        return np.maximum.accumulate(curves, axis=1)

    def invert(self, reading: float, n_points: int) -> Floats:
        """The dimension that gives this reading, for each family: in proportion below the
        table, infinity above it.
        """
        return np.array(
            [
                np.interp(reading, curve, self.dims, right=np.inf)
                if reading >= curve[0]
                else reading * self.dims[0] / curve[0]
                for curve in self.curves(n_points)
            ]
        )


@functools.cache
def load_table(method: Method[Dimension]) -> CalibrationTable:
    """The shipped table of a method."""
    file = importlib.resources.files(__package__) / TABLE
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        methods = [str(name) for name in stored["methods"]]
        if str(method) not in methods:
            raise ManifoldScaleError(
                f"There is no calibration table for {method}; there is one for "
                f"{', '.join(methods)}."
            )
        return CalibrationTable(
            families=tuple(str(family) for family in stored["families"]),
            sizes=stored["sizes"].astype(float),
            dims=stored["dims"].astype(float),
            readings=stored["readings"][methods.index(str(method))],
        )


@dc.dataclass(frozen=True)
class Calibrated(Wrapper[Dimension]):
    """A method, corrected for its error at this number of points.

    The interval is the hull, over the families, of the inverted interval of the raw
    estimate: it includes the statistical error and the spread between families. `.raw` is
    the uncorrected value.

    Raises
    ------
    ManifoldScaleError : there is no table for the method, or fewer points than it holds.
    """

    method: Method[Dimension]

    def __call__(self, near: Neighbors, /) -> Dimension:
        table = load_table(self.method)
        require(
            near.n_points >= table.sizes[0],
            f"The calibration begins at {table.sizes[0]:.0f} points; the cloud has "
            f"{near.n_points}. Use the raw `{self.method}`.",
        )
        return capped(calibrate(self.method(near), table, self), near)


def calibrate(raw: Dimension, table: CalibrationTable, method: object) -> Dimension:
    """The calibrated form of a raw estimate."""
    candidates = table.invert(raw.value, raw.n_points)
    ends = np.stack([table.invert(end, raw.n_points) for end in raw.interval])
    low, high = float(ends.min()), float(ends.max())
    top = float(table.dims[-1])
    caveats = [note for note in raw.caveats if note.caveat is not Caveat.FINITE_SAMPLE_BIAS]
    if math.isinf(high):
        caveats.append(Caveat.BEYOND_CALIBRATION(f"the table ends at dimension {top:.0f}"))
    if raw.n_points > table.sizes[-1]:
        caveats.append(Caveat.CALIBRATED_BELOW_SIZE(f"n = {table.sizes[-1]:,.0f}"))
    value = float(np.exp(np.log(candidates[table.is_central]).mean()))
    is_known = math.isfinite(value)
    return dc.replace(
        raw,
        value=value if is_known else top,
        cap=top,
        interval=Interval(min(low, top), high, raw.interval.level),
        method=method,
        stderr=raw.stderr * _slope(table, raw) if is_known else math.nan,
        systematic=float(np.ptp(candidates)) / 2 if math.isfinite(high) else math.inf,
        uncorrected=raw,
        caveats=tuple(caveats),
    )


def _slope(table: CalibrationTable, raw: Dimension) -> float:
    """d(calibrated) / d(raw), averaged over the central families."""
    step = 0.01 * raw.value
    above, below = (table.invert(raw.value + sign * step, raw.n_points) for sign in (1, -1))
    return float(np.mean((above - below)[table.is_central] / (2 * step)))
