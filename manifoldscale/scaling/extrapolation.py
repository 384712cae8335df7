"""What a curve in one resource is to be at another size, with what its law is not worth.

Two forecasts, on which the losses themselves cannot decide, count alike:

- the law of the last sizes: power laws with a floor, robust, over the last factors of 5, 7
  and 10;
- all sizes under a law that the losses may leave (`departure`), which tells by how much.

Their median is the mean of the logarithms; the variance is that within each, that between
them and the scatter of a run, stretched by what forecasts from the smaller sizes missed the
larger by. Windows and weights were chosen by ordered extrapolation inside the fitted parts
of published curves: weights of each curve's own, by the same, do no better, and laws with
breaks, of two sides, exponential or logarithmic do worse (benchmarks/forecasts.py).
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

WINDOWS = (5.0, 7.0, 10.0)  # factors of the last sizes that a law of its own is fitted to
SHARE = 0.5  # of these laws beyond the last size; none below their windows
FEWEST = 6  # sizes that each keeps
TAILS = Student(4.0)
REWEIGHTINGS = 6
MOST = 150  # sizes; more are averaged with their neighbours
HELD_BACK = (2.0, 4.0)  # factors of the last size that one's own forecasts are scored on
SCORED, FEWEST_KEPT = 2.2, 8  # up to this factor, from so many sizes at least


@dc.dataclass(frozen=True, eq=False)
class Recent:
    """The law of the last sizes: log loss = log(floor + amplitude e^(-alpha s)), and the
    variance of a run about it.
    """

    alpha: float
    floor: float
    amplitude: float
    variance: float

    def predict(self, s: Floats) -> Floats:
        fall = np.exp(-np.clip(self.alpha * s, -200, 200))
        return np.asarray(np.log(self.floor + self.amplitude * fall))


@dc.dataclass(frozen=True, eq=False)
class Extrapolation:
    """The two forecasts of one curve.

    Attributes
    ----------
    last : the largest size.
    recent, departing : the laws of the last sizes, and that of all.
    stretch : by which the errors of forecasts from its smaller sizes were larger than they
        said; one where they were not.
    """

    last: float
    recent: tuple[Recent, ...]
    departing: Departing
    stretch: float = 1.0

    def logs(self, x: object) -> tuple[Floats, Floats]:
        """Of the loss of a new run at sizes x, in logarithms: median and standard error."""
        s = np.log(np.asarray(x, dtype=float).ravel() / self.last)
        means = np.array([law.predict(s) for law in self.recent])
        mean, variance, scatter = self.departing.predict(s)
        share = SHARE * np.clip(1 + s / math.log(min(WINDOWS)), 0, 1)
        middle = share * means.mean(axis=0) + (1 - share) * mean
        square = share * (means**2).mean(axis=0) + (1 - share) * (mean**2 + variance)
        own = float(np.mean([law.variance for law in self.recent]))
        run = share * own + (1 - share) * scatter
        spread = np.maximum(square - middle**2, 0) + run
        return middle, self.stretch * np.sqrt(spread)

    def at(self, x: object, level: float) -> Forecast:
        """Of the loss of a new run at sizes x."""
        middle, error = self.logs(x)
        reach = float(stats.t.ppf(0.5 + level / 2, self.departing.freedom)) * error
        shape = np.shape(np.asarray(x))
        return Forecast.around(np.exp(middle).reshape(shape), reach.reshape(shape), level)


def extrapolation(losses: Losses, floor: float | None) -> Extrapolation:
    """The forecasts of a curve; `floor` where it is known. Forecasts from the sizes up to a
    half and a quarter of the last, scored on twice these, tell how far errors are to be
    trusted: where their mean square is above one, with one for what is expected beside
    them, all are stretched by its root.
    """
    squares = [1.0]
    for factor in HELD_BACK:
        keep = losses.up_to(factor)
        rest = ~keep & (losses.x <= losses.x[keep].max(initial=0) * SCORED)
        if keep.sum() >= FEWEST_KEPT and rest.any():
            middle, error = _forecasts(losses.at(keep), floor).logs(losses.x[rest])
            z = (np.log(losses.y[rest]) - middle) / error
            squares.append(float((z**2).mean()))
    stretch = math.sqrt(max(float(np.mean(squares)), 1.0))
    return dc.replace(_forecasts(losses, floor), stretch=stretch)


def _forecasts(losses: Losses, floor: float | None) -> Extrapolation:
    observed = uncensored(observed_of(losses))
    recent = tuple(recent_law(observed, window, floor) for window in WINDOWS)
    share = None
    if floor is not None:
        share = min(floor / float(np.exp(observed.logs[-1])), MOST_SHARE)
    return Extrapolation(float(losses.x[-1]), recent, departing(thinned(observed), share))


def observed_of(losses: Losses) -> Observed:
    """Mean log losses; the scatter between runs counts where sizes do not share theirs."""
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
    scale is that of the median residual, so that the first sizes may leave the law.
    """
    first = min(-math.log(window) * (1 + 1e-9), observed.s[-min(FEWEST, len(observed.s))])
    keep = observed.s >= first
    s, loss, runs = observed.s[keep], np.exp(observed.logs[keep]), observed.runs[keep]
    mean, pull = loss, np.ones(len(s))
    for _ in range(REWEIGHTINGS):
        profile = Profile(np.exp(s), loss, pull * runs / mean**2, floor)
        alpha = profile.minimise()
        best = profile.at(alpha)
        level, height = float(best.floor), float(best.amplitude) * profile.scale**alpha
        mean = np.maximum(level + height * np.exp(-alpha * s), 1e-3 * loss.min())
        residual = np.sqrt(runs) * np.log(loss / mean)
        free = max(len(s) - (3 if floor is None else 2), 1)
        scale = robust_scale(residual) * math.sqrt(len(s) / free) + 1e-9
        pull = TAILS.weight(residual / scale)
    return Recent(alpha, level, max(height, 1e-300), scale**2)


def thinned(observed: Observed) -> Observed:
    """At most MOST sizes: neighbours are averaged, and their scatter is kept."""
    n = len(observed.s)
    if n <= MOST:
        return observed
    edges = np.linspace(observed.s[0], observed.s[-1], MOST)
    where = np.unique(np.searchsorted(edges, observed.s), return_inverse=True)[1]
    runs = np.bincount(where, observed.runs).astype(float)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(where, observed.runs * values) / runs)

    s, logs = mean(observed.s), mean(observed.logs)
    # About a line inside each, which takes what the curve falls by.
    slope = np.gradient(logs, s)[where]
    rest = observed.logs - logs[where] - slope * (observed.s - s[where])
    within = observed.within + float(observed.runs @ rest**2)
    return Observed(s - s[-1], logs, runs, within, observed.freedom + n - len(s))
