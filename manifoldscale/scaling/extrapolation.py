"""Forecasts of a curve in one resource, with an error that includes the form of its law.

Two forecasts, between which the losses cannot decide, have equal weight:

- robust power laws with a floor, fitted to the last factors of 5, 7 and 10 in size;
- all sizes under a law that the losses may leave (`departure`), which tells by how much.

Their median is the mean of the logarithms. The variance adds that of the curve under the
second, which stands for the first too, that between them, and the scatter of a run; it is
stretched where forecasts from the smaller sizes missed the larger ones by more. Windows and
weights were chosen by ordered extrapolation inside the fitted parts of published curves.
Weights chosen for each curve in this way do no better; laws with breaks or two sides,
exponentials and logarithms do worse (benchmarks/forecasts.py).
"""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from .best_so_far import uncensored
from .departure import MOST_SHARE, Departing, Observed, departing
from .forecast import Forecast
from .losses import Losses
from .projection import Profile
from .tails import Student, robust_scale

WINDOWS = (5.0, 7.0, 10.0)  # last factors in size, each fitted by a law of its own
SHARE = 0.5  # weight of these laws beyond the last size; zero below their windows
FEWEST = 6  # sizes in a window
TAILS = Student(4.0)
REWEIGHTINGS = 6
MOST = 150  # sizes; more are averaged with their neighbours
HELD_BACK = (2.0, 4.0)  # last factors in size that are held back to score own forecasts
FEWEST_KEPT = 5  # sizes from which an own forecast is made


@dc.dataclass(frozen=True, eq=False)
class Recent:
    """The law of the last sizes: log loss = log(floor + amplitude e^(-alpha s))."""

    alpha: float
    floor: float
    amplitude: float

    def predict(self, s: Floats) -> Floats:
        fall = np.exp(-np.clip(self.alpha * s, -200, 200))
        return np.asarray(np.log(self.floor + self.amplitude * fall))


@dc.dataclass(frozen=True, eq=False)
class Extrapolation:
    """The two forecasts of one curve.

    Attributes
    ----------
    last : the largest size.
    recent, departing : the laws of the last sizes, and the law of all sizes.
    variance, growth : of a run at the last size over that of all sizes, and the power of
        size by which it grows.
    stretch : how much larger than stated the errors of forecasts from the smaller sizes
        were; at least one.
    """

    last: float
    recent: tuple[Recent, ...]
    departing: Departing
    variance: float = 1.0
    growth: float = 0.0
    stretch: float = 1.0

    def logs(self, x: object) -> tuple[Floats, Floats]:
        """Median and standard error of the log loss of a new run at sizes x."""
        s = np.log(np.asarray(x, dtype=float).ravel() / self.last)
        means = np.array([law.predict(s) for law in self.recent])
        mean, variance, scatter = self.departing.predict(s)
        share = SHARE * np.clip(1 + s / math.log(min(WINDOWS)), 0, 1)
        middle = share * means.mean(axis=0) + (1 - share) * mean
        between = share * (means**2).mean(axis=0) + (1 - share) * mean**2 - middle**2
        # That the scatter fell along the sizes is not trusted beyond them.
        run = scatter * np.maximum(self.variance * np.exp(self.growth * s), 1)
        return middle, self.stretch * np.sqrt(np.maximum(between, 0) + variance + run)

    def at(self, x: object, level: float) -> Forecast:
        """The forecast of a new run at sizes x."""
        middle, error = self.logs(x)
        reach = float(stats.t.ppf(0.5 + level / 2, self.departing.freedom)) * error
        shape = np.shape(np.asarray(x))
        return Forecast.around(np.exp(middle).reshape(shape), reach.reshape(shape), level)


def extrapolation(losses: Losses, floor: float | None) -> Extrapolation:
    """The forecasts of a curve; `floor` is None where unknown.

    Forecasts from the sizes up to a half and a quarter of the last, scored on all larger
    ones, tell how far to trust the stated errors. Where the mean of their squared z-values
    and of a prior value of one exceeds one, all errors are stretched by its root.
    """
    squares = [1.0]
    for factor in HELD_BACK:
        keep = losses.up_to(factor)
        if keep.sum() >= FEWEST_KEPT:
            middle, error = _forecasts(losses.at(keep), floor).logs(losses.x[~keep])
            z = (np.log(losses.y[~keep]) - middle) / error
            squares.append(float((z**2).mean()))
    stretch = math.sqrt(max(float(np.mean(squares)), 1.0))
    return dc.replace(_forecasts(losses, floor), stretch=stretch)


def _forecasts(losses: Losses, floor: float | None) -> Extrapolation:
    observed = uncensored(observed_of(losses))
    recent = tuple(recent_law(observed, window, floor) for window in WINDOWS)
    share = None
    if floor is not None:
        share = min(floor / float(np.exp(observed.logs[-1])), MOST_SHARE)
    found = departing(thinned(observed), share)
    spread, x = losses.variance, losses.x
    growth = math.log(spread[-1] / spread[0]) / math.log(x[-1] / x[0])
    return Extrapolation(float(x[-1]), recent, found, float(spread[-1]), growth)


def observed_of(losses: Losses) -> Observed:
    """Mean log losses, with the scatter between runs unless sizes share their errors."""
    known = losses.freedom > 0 and losses.spread > 0 and not losses.shared
    within = losses.spread**2 * losses.freedom if known else 0.0
    return Observed(
        np.log(losses.x / losses.x[-1]),
        np.log(losses.y),
        losses.runs if known else np.ones_like(losses.runs),
        within,
        float(losses.freedom) if known else 0.0,
    )


def recent_law(observed: Observed, window: float, floor: float | None) -> Recent:
    """A power law of the last sizes, by iterated least squares with Student's weights. The
    scale comes from the median residual, which lets the first sizes leave the law.
    """
    first = min(-math.log(window) * (1 + 1e-9), observed.s[-min(FEWEST, len(observed.s))])
    keep = observed.s >= first
    s, loss, runs = observed.s[keep], np.exp(observed.logs[keep]), observed.runs[keep]
    mean, pull = loss, np.ones(len(s))
    for _ in range(REWEIGHTINGS):
        best = Profile(np.exp(s), loss, pull * runs / mean**2, floor).fit()
        alpha, level, height = map(float, best.draws)
        mean = np.maximum(level + height * np.exp(-alpha * s), 1e-3 * loss.min())
        residual = np.sqrt(runs) * np.log(loss / mean)
        free = max(len(s) - (3 if floor is None else 2), 1)
        scale = robust_scale(residual) * math.sqrt(len(s) / free) + 1e-9
        pull = TAILS.weight(residual / scale)
    return Recent(alpha, level, max(height, 1e-300))


def thinned(observed: Observed) -> Observed:
    """At most MOST sizes: neighbours are averaged, and their scatter counts as `within`."""
    n = len(observed.s)
    if n <= MOST:
        return observed
    edges = np.linspace(observed.s[0], observed.s[-1], MOST)
    where = np.unique(np.searchsorted(edges, observed.s), return_inverse=True)[1]
    runs = np.bincount(where, observed.runs).astype(float)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(where, observed.runs * values) / runs)

    s, logs = mean(observed.s), mean(observed.logs)
    # Scatter about a line inside each bin: the line takes the fall of the curve.
    slope = np.gradient(logs, s)[where]
    rest = observed.logs - logs[where] - slope * (observed.s - s[where])
    within = observed.within + float(observed.runs @ rest**2)
    return Observed(s - s[-1], logs, runs, within, observed.freedom + n - len(s))
