"""The dimension at distances that are larger than the noise of repeated trials.

Means over a few trials are noisy, and their nearest neighbours are those that the noise
brought together: an estimate from them is of the noise, which has as many dimensions as
there are features. The squared distance of two means less the mean that noise adds,

    U_ij = |m_i - m_j|^2 - n_i - n_j,

is unbiased whatever the noise (`geometry.noise` has n_i). It scatters about the true
squared distance by an amount that is known, so pairs farther apart than this are counted
right: the share C(u) of pairs with U < u grows as u^(d/2), and 2 log2(C(u) / C(u / 2)) is
the dimension at the scale u (Grassberger & Procaccia 1983), after division of C by
1 + u^2 C'' / C (s / u)^2 / 2, what a scatter s of U does to it.

At scales that large a manifold bends, ends, and is sampled unevenly. What this does to the
dimension was learned from noise-free populations of known dimension: at each scale, a
linear model of log(d / slope) in the slope, the share of pairs and the slopes at larger
scales. `benchmarks/above_noise.py` fits it, and takes its error from families left out.
"""

import dataclasses as dc
import functools
import math
from pathlib import Path
from typing import Annotated

import numpy as np

from ..core.arrays import Bools, Floats
from ..core.caveat import Caveat
from ..core.error_bars import jackknife_error
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.settings import at_least
from ..geometry.neighbors import Neighbors
from ..geometry.noise import Noise
from ..geometry.within_noise import in_noise, in_words
from .dimension import Dimension
from .from_points import dimension_of_points, distinct_points, raw_points, unit

FILE = Path(__file__).with_name("above_noise.npz")
# Squared distances at which pairs are counted, in units of their median; slopes are from
# one to the next but one, a factor of two.
SCALES = 0.5 * 2.0 ** (-np.arange(11) / 2)
FINER = 0.5 * 2.0 ** (-np.arange(31) / 2)  # where the noise lets smaller scales be seen
COARSEST = 2  # the first scales have no two larger ones to compare with
COARSER = 4  # larger scales whose slopes are readings too
SCATTER = 0.5  # of U at the lower end of a slope, in its units, up to which pairs count
STEADY = (-0.3, 0.12)  # change of a log slope from scale to scale, of one manifold
LOWEST = 0.7  # slope, below which there are groups of points and gaps between them
FEWEST = 20  # pairs below the lower end
SURE = 0.1  # error of a log slope, up to which it says how large a dimension may be
UNKNOWN = 2.0  # factor of the error for readings that no reference population has
HIGHEST = 10.0  # dimensions of the reference populations


@dc.dataclass(frozen=True)
class AboveNoise(Method[Dimension]):
    """The dimension of means over repeated trials, from pairs farther apart than the noise.

    `dimension.Auto` takes it by itself where the nearest neighbours of a cloud lie within
    the noise, which is known of `ms.population` with an axis of trials.

    Parameters
    ----------
    most : points at most, evenly spaced rows; all of their pairs are counted.

    Raises
    ------
    ManifoldScaleError : the cloud has no repeated trials; or the dimension is not
        identifiable, with the number of trials that would be needed.
    """

    most: Annotated[int, at_least(100)] = 2000

    @property
    def n_neighbors(self) -> int:
        return 1

    def __call__(self, near: Neighbors, /) -> Dimension:
        given = None if near.cloud is None else near.cloud.noise
        if given is None:
            raise ManifoldScaleError(
                f"{self} needs the noise of each point: `ms.population` with an axis of "
                "trials has it."
            )
        require(
            not given.memory,
            "The dimension is not identifiable: the noise of successive trials of a "
            f"stimulus is correlated by {number(given.memory)}, so the scatter of trials "
            "does not tell the noise of their mean. Give trials that are far apart in the "
            "session, or the mean of each block of trials as one.",
        )
        points, size = distinct_points(self, near), unit(raw_points(self, near))
        rows = np.unique(np.linspace(0, len(points) - 1, self.most).round().astype(int))
        noise = given.take(near.rows[rows]).scaled(1 / size)
        pairs = count_pairs(points[rows], noise)
        place = smallest_scale(pairs, noise)
        logs = log_slopes(pairs.shares[None], pairs, noise)
        if not is_steady(logs, place)[0]:
            raise ManifoldScaleError(_unsteady(logs[0], place))
        found = _corrected(pairs, noise, place, load_model())
        remarks = [] if found.is_like else [Caveat.UNLIKE_REFERENCES()]
        ends = found.interval
        if place == len(SCALES) - COARSEST - 1:
            finer = _at_finer_scales(points[rows], noise, ends.high)
            ends = Interval(ends.low, max(ends.high, finer))
        if ends.high > HIGHEST:
            ends = Interval(min(ends.low, HIGHEST), math.inf)
            remarks.append(Caveat.BEYOND_CALIBRATION(f"dimension {HIGHEST:.0f}"))
        slope = math.exp(float(logs[0, place]))
        dim = dimension_of_points(
            self,
            near,
            found.value,
            found.value * found.stderr,
            ends,
            raw=slope,
            scale=math.sqrt(pairs.at[place]) * size,
            n_points=len(rows),
            remarks=remarks,
        )
        used = f"slope {number(slope)} of the nearest {pairs.shares[place]:.1%} of pairs"
        seen = in_words(near, in_noise(near))
        return dc.replace(
            dim,
            cap=HIGHEST,
            systematic=found.value * found.systematic,
            basis=f"{seen}; {used}, which lie above the noise, corrected",
        )


@dc.dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of points by their squared distance less the noise.

    Attributes
    ----------
    at : squared distances, falling; shares : of the pairs below each.
    counts : (points x distances) how many other points are so near.
    """

    at: Floats
    shares: Floats
    counts: Floats

    @property
    def left_out(self) -> Floats:
        """(points x distances) the shares without each point in turn."""
        n = len(self.counts)
        total = self.counts.sum(0) / 2
        return np.asarray((total - self.counts) * 2 / ((n - 1) * (n - 2)))


def count_pairs(points: Floats, noise: Noise | None, scales: Floats = SCALES) -> Pairs:
    """All pairs of the points, at these scales of the median."""
    squares = np.einsum("pf,pf->p", points, points)
    between = squares[:, None] + squares - 2 * points @ points.T
    if noise is not None:
        between -= noise.squared[:, None] + noise.squared
    n = len(points)
    median = float(np.median(between[np.triu_indices(n, 1)]))
    require(
        median > 0,
        "The dimension is not identifiable: most stimuli do not differ by more than the "
        "noise. Many more trials of each stimulus would be needed.",
    )
    np.fill_diagonal(between, np.inf)
    at = scales * median
    counts = np.stack([(between < one).sum(1) for one in at], axis=1).astype(float)
    return Pairs(at, counts.sum(0) / (n * (n - 1)), counts)


def smallest_scale(pairs: Pairs, noise: Noise) -> int:
    """The place of the smallest scale whose pairs are known in spite of the noise."""
    fits = np.flatnonzero(_usable(pairs, noise))
    if len(fits) and fits[-1] >= COARSEST:
        return int(fits[-1])
    raise ManifoldScaleError(
        "The dimension is not identifiable: even distant pairs are apart by little more "
        f"than the noise. {_more_trials(pairs, noise)}"
    )


def _usable(pairs: Pairs, noise: Noise) -> Bools:
    """Whether the pairs of a place are enough, and known in spite of the noise."""
    lower = pairs.at[2:]
    n = len(pairs.counts)
    many = pairs.shares[2:] * n * (n - 1) / 2 >= FEWEST
    return np.asarray((noise.deviation(lower) / lower <= SCATTER) & many)


def _at_finer_scales(points: Floats, noise: Noise, most: float) -> float:
    """The largest slope that scales below those of the model allow, where the noise lets
    them be seen: a variable of small extent shows only there.

    Raises
    ------
    ManifoldScaleError : these slopes exceed `most`, what larger scales allow.
    """
    pairs = count_pairs(points, noise, FINER)
    places = np.flatnonzero(_usable(pairs, noise))
    places = places[places >= len(SCALES) - COARSEST]
    shares = np.concatenate([pairs.shares[None], pairs.left_out])
    logs = log_slopes(shares, pairs, noise)[:, places]
    errors = jackknife_error(logs[1:])
    above = logs[0][logs[0] - 2 * errors > math.log(most)]
    seen = number(math.exp(above.max())) if len(above) else ""
    require(
        not len(above),
        "The dimension is not identifiable: it changes with the scale. At smaller "
        f"distances that the noise lets be seen it is {seen}, above what larger ones allow "
        f"({number(most)}), as where a variable has a small extent: "
        "`AcrossScales(Gride())` of the means shows it.",
    )
    known = errors <= SURE
    return math.exp(float((logs[0] + 2 * errors)[known].max(initial=0.0)))


def _unsteady(logs: Floats, place: int) -> str:
    first, last = np.exp(logs[[place - COARSEST, place]])
    return (
        "The dimension is not identifiable: where the noise lets it be seen it changes "
        f"with the scale, from {number(first)} to {number(last)} at smaller distances, as "
        "where stimuli form groups. Estimate one group alone, or average more trials."
    )


def _more_trials(pairs: Pairs, noise: Noise) -> str:
    """How many trials would make the coarsest scale usable."""
    lower = pairs.at[COARSEST + 2]
    for trials in np.ceil(noise.trials * 2.0 ** np.arange(0.25, 12, 0.25)):
        fewer = dc.replace(
            noise, squared=noise.squared * noise.trials / trials, trials=trials
        )
        if fewer.deviation(lower) / lower <= SCATTER:
            return f"About {trials:.0f} trials of each stimulus would be needed."
    return "More trials of each stimulus would be needed."


def log_slopes(shares: Floats, pairs: Pairs, noise: Noise | None) -> Floats:
    """(k x places) log slopes of k rows of shares, with what scatter added to the shares
    taken out. What it added depends on the slope, so this goes round a few times.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = 2 * np.log2(shares[:, :-2] / shares[:, 2:])
        if noise is not None:
            relative = np.square(noise.deviation(pairs.at) / pairs.at)
            raw = slopes
            for _ in range(5):
                power = slopes / 2
                added = power * (power - 1) / 2
                upper, lower = (
                    1 + added * relative[part] for part in (np.s_[:-2], np.s_[2:])
                )
                slopes = raw - 2 * np.log2(np.maximum(upper, 0.1) / np.maximum(lower, 0.1))
        return np.asarray(np.log(np.maximum(slopes, 1e-3)))


def readings(logs: Floats, shares: Floats, place: int) -> Floats:
    """(k x readings) what the model of a place is linear in."""
    slope, share = logs[:, place], np.log(shares[:, place])
    coarser = [logs[:, place - j] - slope for j in range(1, min(COARSER, place) + 1)]
    columns = [np.ones_like(slope), slope, slope**2, share, share * slope, *coarser]
    return np.stack(columns, axis=1)


def is_steady(logs: Floats, place: int) -> Bools:
    """Whether slopes change little towards a place, as those of one manifold do. They rise
    where groups of points come apart, and fall to zero in the gap between their scales.
    """
    steps = np.diff(logs[:, place - COARSEST : place + 1], axis=1)
    calm = ((steps > STEADY[0]) & (steps < STEADY[1])).all(1)
    return np.asarray(calm & (logs[:, place] > math.log(LOWEST)))


@dc.dataclass(frozen=True, eq=False)
class Model:
    """What slopes say about the dimension.

    Attributes
    ----------
    weights : of the readings at each place; (readings,) each.
    errors : (places x 2) how far log d may lie below and above, at 95 %.
    ranges : of the readings over the reference populations, (2 x readings) each.
    """

    weights: tuple[Floats, ...]
    errors: Floats
    ranges: tuple[Floats, ...]

    def knows(self, reading: Floats, place: int) -> bool:
        """Whether the readings lie among those of the reference populations."""
        low, high = self.ranges[place]
        margin = 0.1 * (high - low)
        return bool((reading >= low - margin).all() and (reading <= high + margin).all())


@functools.cache
def load_model() -> Model:
    with np.load(FILE) as stored:
        places = range(len(stored["errors"]))
        weights, ranges = (
            tuple(np.asarray(stored.get(f"{name}{place}", [])) for place in places)
            for name in ("weights", "ranges")
        )
        return Model(weights, stored["errors"], ranges)


@dc.dataclass(frozen=True, eq=False)
class _Corrected:
    """A dimension with its interval, and the standard deviations of its logarithm."""

    value: float
    interval: Interval
    stderr: float
    systematic: float
    is_like: bool


def _corrected(pairs: Pairs, noise: Noise, place: int, model: Model) -> _Corrected:
    """What the model says of the pairs; each point is left out in turn for the error."""
    shares = np.concatenate([pairs.shares[None], pairs.left_out])
    logs = log_slopes(shares, pairs, noise)
    found = readings(logs, shares, place)
    log_dims = found @ model.weights[place] + logs[:, place]
    stderr = float(jackknife_error(log_dims[1:]))
    is_like = model.knows(found[0], place)
    errors = model.errors[place] * (1.0 if is_like else UNKNOWN)
    below, above = np.hypot(errors, 1.96 * stderr)
    value = math.exp(float(log_dims[0]))
    ends = Interval(value * math.exp(-below), value * math.exp(above))
    return _Corrected(value, ends, stderr, float(errors.sum()) / 3.92, is_like)
