"""Circular coordinates as a method: angles of every point, their error, their meaning."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from ..core.arrays import Array, Bools, Floats, Ints, as_numpy
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity, Result, Table
from ..core.settings import Level, Rule, at_least
from ..core.style import BLUE, drawing
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points, scaled_points, unit
from . import cost
from .circular import Cocycles, best_match, smooth_cocycles
from .landmarks import farthest_points
from .null_model import gap_p_values, noise_of
from .rips import FEWEST, Rips, falling, ratios

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LOOPS = 3
RESAMPLES = 400  # of points, for the interval of a correlation
UNCERTAIN = 0.5  # radians of error beyond which an angle says little


@dc.dataclass(frozen=True)
class CircularCoordinates(Method["Angles"]):
    """An angle of every point around each loop of the cloud, as of a head direction around
    a ring, or of two phases of grid cells around a torus.

    The loops are found as by `Rips`; `topology/circular.py` has the method and its sources.
    Angles are determined up to a shift and a reflection, those of several loops also up to
    integer combinations of each other: `Angles.against` compares them with known ones.

    Parameters
    ----------
    loops : how many; None takes those that noise does not explain, at `level`.
    landmarks : their number. Time grows as its 2nd to 3rd power.
    repeats : further runs, each on landmarks of a random half of the points, for the error
        of each angle; 0 gives none.
    level : chance of a false loop, where `loops` is None.
    seed : of the halves.
    time_limit : seconds for each computation of persistent homology.

    Raises
    ------
    ManifoldScaleError : fewer than 10 distinct points; no loop is more than noise; loops
        that are not there at a common scale; distances without points; a cost beyond the
        limits.
    """

    loops: Annotated[int, at_least(1, most=MOST_LOOPS)] | None = None
    landmarks: Annotated[int, at_least(FEWEST)] = 300
    repeats: Annotated[int, at_least(0)] = 8
    level: Level = 0.05
    seed: int = 0
    time_limit: Annotated[float, Rule("positive", lambda limit: limit > 0)] = 600.0

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> "Angles":
        points = scaled_points(self, near)[near.rows]
        n = len(points)
        require(
            n >= FEWEST,
            f"CircularCoordinates needs at least {FEWEST} distinct points; there are {n}.",
        )
        cocycles = self._cocycles(points, self.loops)
        angles, covered = cocycles.angles(points)
        # A scatter that sees no bias, and what the choice of the weights changes.
        errors = np.hypot(self._errors(points, angles), cocycles.moves(points))
        centred = points - points.mean(0)
        plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        return Angles(
            angles=angles,
            errors=errors,
            rows=near.rows,
            covered=covered,
            plane=plane if plane.shape[1] == 2 else np.pad(plane, ((0, 0), (0, 1))),
            scale=cocycles.scale * unit(raw_points(self, near)),
            method=self,
            n_points=len(points),
            caveats=_caveats(near, covered, errors),
        )

    def _significant(self, bars: Floats, points_per_landmark: float) -> int:
        """How many loops noise does not explain."""
        law = noise_of(1, points_per_landmark)
        sizes = law.sizes(ratios(falling(bars, math.inf), math.inf))
        count = int((gap_p_values(sizes, law) <= self.level).sum())
        require(
            count > 0,
            "No loop of the cloud is more than noise, so there is no angle around one. "
            "`loops=1` takes the longest all the same.",
        )
        require(
            count <= MOST_LOOPS,
            f"The cloud has {count} loops; at most {MOST_LOOPS} coordinates are made: say "
            "how many by `loops`.",
        )
        return count

    def _cocycles(self, points: Floats, loops: int | None) -> Cocycles:
        found = farthest_points(points, self.landmarks)
        cloud, ratio = points[found.rows], len(points) / len(found.rows)
        cost.afford(cloud, 1, math.inf, 1, self.time_limit, Rips.memory_limit)
        return smooth_cocycles(
            cloud,
            lambda bars: self._significant(bars, ratio) if loops is None else loops,
            found.covering_radius,
            self.time_limit,
        )

    def _errors(self, points: Floats, angles: Floats) -> Floats:
        """The circular deviation of each angle over landmarks of halves of the points."""
        apart = []
        for i in range(self.repeats):
            rng = keyed(self.seed, "half", i)
            half = np.sort(rng.choice(len(points), len(points) // 2, replace=False))
            own, _ = self._cocycles(points[half], angles.shape[1]).angles(points)
            chosen, _ = best_match(own, angles)
            turned = np.exp(1j * (own @ chosen.T - angles))
            apart.append(turned * np.exp(-1j * np.angle(turned.mean(0))))
        if not apart:
            return np.full(angles.shape, np.nan)
        length = np.abs(np.mean(apart, axis=0)).clip(1e-12, 1)
        return np.asarray(np.sqrt(-2 * np.log(length)))


def _caveats(near: Neighbors, covered: Bools, errors: Floats) -> tuple[Remark, ...]:
    notes = near.remarks()
    if not covered.all():
        notes.append(Caveat.UNCOVERED(f"{(~covered).sum():,} points"))
    unsure = float((errors > UNCERTAIN).mean())
    if unsure > 0:
        notes.append(Caveat.ANGLE_UNSURE(f"{unsure:.0%} above {UNCERTAIN} radians"))
    return tuple(notes)


@dc.dataclass(frozen=True, eq=False)
class Angles(Result):
    """Angles of points around loops.

    Attributes
    ----------
    angles : (n x loops) in [0, 2 pi).
    errors : (n x loops) in radians, NaN without repeats: the circular standard deviation of
        each over other landmarks, and how far it moves, in squares, if the density of the
        landmarks counts. Where the loop bends or stretches, as with uneven tuning, a known
        angle differs from its length along the loop by more than this: see `against`.
    rows : (n,) row numbers of the points in the cloud.
    covered : (n,) whether a landmark is near enough; the angle of the others is that of
        the nearest landmark.
    plane : (n x 2) the first two principal components, for the figure.
    scale : the length of edges, in the units of the cloud.
    """

    angles: Floats
    errors: Floats
    rows: Ints
    covered: Bools
    plane: Floats
    scale: float
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    columns: ClassVar[tuple[str, ...]] = ("loops", "error", "scale")

    @property
    def loops(self) -> int:
        return int(self.angles.shape[1])

    @property
    def error(self) -> float:
        """The median error of an angle, in radians."""
        known = self.errors[np.isfinite(self.errors)]
        return float(np.median(known)) if len(known) else math.nan

    def headline(self) -> str:
        plural = "angle" if self.loops == 1 else "angles"
        return (
            f"{self.loops} {plural} of {self.n_points:,} points, median error "
            f"{number(self.error)} radians ({self.method})"
        )

    def against(self, known: Any, seed: int = 0) -> Table:
        """How well the angles agree with known ones: a `CircularCorrelation` per loop.

        Parameters
        ----------
        known : (n,) or (n x loops) angles in radians, a row per point of the cloud.
        seed : of the resamples for the intervals.

        Raises
        ------
        ManifoldScaleError : another number of points or of angles.
        """
        wanted = self._aligned(known)
        chosen, _ = best_match(self.angles, wanted)
        found = self.angles @ chosen.T
        rng = keyed(seed, "resamples")
        draws = [rng.integers(len(wanted), size=len(wanted)) for _ in range(RESAMPLES)]
        results = []
        for loop, row in enumerate(chosen):
            pair = found[:, loop], wanted[:, loop]
            again = [circular_correlation(*(one[rows] for one in pair)) for rows in draws]
            low, high = np.quantile(again, [0.025, 0.975])
            results.append(
                CircularCorrelation(
                    value=circular_correlation(*pair),
                    interval=Interval(float(low), float(high)),
                    method=self.method,
                    n_points=self.n_points,
                    combination=tuple(row.tolist()),
                )
            )
        labels = tuple({"loop": loop + 1} for loop in range(self.loops))
        return Table(tuple(results), labels)

    def _aligned(self, known: Any) -> Floats:
        array = as_numpy(known, "known").astype(float)
        array = array[:, None] if array.ndim == 1 else array
        least = int(self.rows.max()) + 1
        require(
            array.ndim == 2 and array.shape[1] == self.loops and len(array) >= least,
            "`known` must hold an angle for each point and loop, "
            f"({least} x {self.loops}); its shape is {array.shape}.",
        )
        found: Floats = array[self.rows]
        fixed = np.ptp(found, axis=0) == 0
        require(
            bool(np.isfinite(found).all()) and not fixed.any(),
            "`known` must hold angles that are finite and not all the same.",
        )
        return found

    @drawing
    def plot(self, ax: "Axes") -> None:
        """One loop: the first two principal components, coloured by the angle. Several: the
        first two angles.
        """
        if self.loops == 1:
            colors = self.angles[:, 0]
            x, y = self.plane.T
            ax.plot(x, y, ".", ms=6, color=BLUE)  # a rim, which tells results apart
            drawn = ax.scatter(x, y, 8, colors, cmap="twilight", vmin=0, zorder=3)
            drawn.set_clim(0, 2 * math.pi)
            ax.figure.colorbar(drawn, ax=ax, label="angle, radians")
            ax.set(xlabel="first component", ylabel="second component")
            ax.set_aspect("equal", adjustable="datalim")
            return
        ax.plot(self.angles[:, 0], self.angles[:, 1], ".", ms=3)
        turn = 2 * math.pi
        ax.set(xlim=(0, turn), ylim=(0, turn), xlabel="first angle", ylabel="second angle")


@dc.dataclass(frozen=True)
class CircularCorrelation(Quantity):
    """How well two angles agree up to a shift, see `circular_correlation`.

    combination : the integers by which the found angles were combined.
    """

    combination: tuple[int, ...] = ()

    name = "circular_correlation"


def circular_correlation(first: Array, second: Array) -> float:
    """The correlation of the sines of two angles, (n,) each, about their means
    (Jammalamadaka & SenGupta 2001, section 8.2): 1 for equal angles, -1 for reflected ones,
    0 for independent ones. The mean of the second is that of the first and of their
    difference, because angles all around the circle have no mean of their own.

    >>> angles = np.linspace(0, 6, 100)
    >>> round(circular_correlation(angles, 1 - angles), 12)
    -1.0
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    shifts = {sign: np.exp(1j * (a - sign * b)).mean() for sign in (1, -1)}
    sign = max(shifts, key=lambda one: float(abs(shifts[one])))
    middle = np.angle(np.exp(1j * a).mean())
    x, y = np.sin(a - middle), np.sin(sign * b + np.angle(shifts[sign]) - middle)
    return float(sign * (x @ y) / np.sqrt((x @ x) * (y @ y)))
