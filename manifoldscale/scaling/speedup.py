"""How much faster one recipe of training is than another, at the same loss.

Recipe b is s times as fast as a if it needs 1 / s of the steps, the compute or the data for
the same loss:

    L_b(x) = L_a(s x),    s(L) = x_a(L) / x_b(L).

One factor holds at all losses if the curves are the same up to a shift along log x.
"""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.random import keyed
from ..core.result import Result
from ..core.style import BLUE, drawing, log_axes
from .paths import Path, lowest, paths_of, spread_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = (Axis.steps, Axis.compute, Axis.data)
LEVELS = 25  # losses at which the recipes are compared
GRID = 200  # points of a curve, from which it is inverted
DRAWS = 400
ROUNDING = 0.01  # error of log s that the interpolation of curves may cause


@dc.dataclass(frozen=True, eq=False)
class SpeedUp(Result):
    """By which factor recipe b is faster than a.

    Attributes
    ----------
    factor, interval : s, above one where b needs less; its interval by a bootstrap over the
        networks of both, NaN where a recipe has only one network.
    at_high, at_low : the factor at the highest and the lowest loss that both reach, from a
        line through log s over log loss; with their intervals, (value, interval).
    change, change_interval : the change of this line in log s, from the highest to the
        lowest loss.
    loss, factors : (levels,) losses, falling, and the factor at each.
    axis : what is saved: steps, compute or data.
    n_points : number of networks of both.
    """

    factor: float
    interval: Interval
    at_high: tuple[float, Interval]
    at_low: tuple[float, Interval]
    change: float
    change_interval: Interval
    loss: Floats
    factors: Floats
    axis: Axis
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "factor"
    columns = (
        "axis=axis.name",
        "factor",
        "at_high=at_high.0",
        "at_low=at_low.0",
        "loss_high=loss.0",
        "loss_low=loss.-1",
        "change",
    )

    @property
    def method(self) -> str:
        return f"speed-up in {self.axis.value}"

    def headline(self) -> str:
        return (
            f"{self.method}: {number(self.factor)} {self.interval.labelled} (losses "
            f"{number(self.loss[0])} to {number(self.loss[-1])}, {self.n_points} networks)"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The factor at each loss, and the common one with its interval."""
        ax.plot(self.loss, self.factors, "o", color=BLUE)
        ax.axhline(self.factor, color=BLUE)
        if math.isfinite(self.interval.width):
            ax.axhspan(*self.interval, color=BLUE, alpha=0.2, lw=0)
        ax.set(xlabel="test loss", ylabel=self.method)
        log_axes(ax, self.loss, self.factors)


def speed_up(
    curve_a: LearningCurve,
    curve_b: LearningCurve,
    axis: Axis | str = Axis.steps,
    *,
    level: float = 0.95,
) -> SpeedUp:
    """The factor s by which recipe b is faster than a, L_b(x) = L_a(s x).

    Both curves are inverted at losses that both reach. The common factor is the mean of
    log s over losses, weighted by the square of the local exponents: where curves are flat,
    a small error of a loss becomes a large error of s.

    Parameters
    ----------
    curve_a, curve_b : trajectories along "steps" and "compute", runs along "data". Along
        compute networks may be of several sizes; then their lower envelopes are compared.
    axis : "steps", "compute" or "data".
    level : of the intervals.

    Raises
    ------
    ManifoldScaleError : another axis, curves without common losses, trajectories of several
        kinds of networks along the steps.
    """
    axis = Axis.of(axis)
    check_level(level)
    names = ", ".join(repr(one.name) for one in AXES)
    require(axis in AXES, f"`axis` must be one of {names}; not {axis.name!r}.")
    paths = [_paths(name, curve, axis)
             for name, curve in (("curve_a", curve_a), ("curve_b", curve_b))]  # fmt: skip
    rng = keyed(0, "speed-up")
    replicated = all(path.replicated for one in paths for path in one)
    draws = DRAWS if replicated else 0
    curves = [_curves(one, draws, rng) for one in paths]
    levels = _levels(curves)
    logs, weights = _log_factors(curves, np.log(levels))
    free = sum(path.freedom for one in paths for path in one)
    mean = (weights * logs).sum(1) / weights.sum(1)
    high, low = _ends(logs, weights, np.log(levels))
    change = low - high
    moved = _spread(change, level, free)
    notes: list[Remark] = []
    if not replicated:
        notes.append(Caveat.ONE_NETWORK_A_SIZE("there is no interval"))
    elif 0.0 not in moved and abs(change[0]) > ROUNDING:
        notes.append(Caveat.NOT_ONE_FACTOR(_said(high, low, levels, level, free)))
    return SpeedUp(
        factor=math.exp(mean[0]),
        interval=_spread(mean, level, free).map(math.exp),
        at_high=(math.exp(high[0]), _spread(high, level, free).map(math.exp)),
        at_low=(math.exp(low[0]), _spread(low, level, free).map(math.exp)),
        change=float(change[0]),
        change_interval=moved,
        loss=levels,
        factors=np.exp(logs[0]),
        axis=axis,
        n_points=sum(len(path.losses) for one in paths for path in one),
        caveats=tuple(notes),
    )


def _paths(name: str, curve: LearningCurve, axis: Axis) -> list[Path]:
    require(
        isinstance(curve, LearningCurve),
        f"`{name}` must be a LearningCurve; not {type(curve).__name__}.",
    )
    found = paths_of(curve, axis)
    require(
        len(found) == 1 or axis is Axis.compute,
        f"`{name}` holds networks of {len(found)} sizes; choose one along {axis.name}, as "
        "in `curve.at(parameters=..., data=...)`.",
    )
    return found


def _curves(
    paths: Sequence[Path], draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """log x, (places,), and the logarithms of the least losses up to each x, (1 + draws,
    places). They fall, so they can be inverted.
    """
    means = [path.means(draws, rng) for path in paths]
    ends = [float(end) for path in paths for end in path.x[[0, -1]]]
    x = np.geomspace(min(ends), max(ends), GRID)
    x = np.clip(x, min(ends), max(ends))  # rounding must not leave an end out
    losses = [lowest(paths, [m[i] for m in means], x)[0] for i in range(1 + draws)]
    return np.log(x), np.minimum.accumulate(np.log(losses), axis=1)


def _levels(curves: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Losses that every draw of both recipes goes through, falling."""
    high = min(float(y[0, 0]) for _, y in curves)
    low = max(float(y[0, -1]) for _, y in curves)
    ranges = [
        " to ".join(number(float(loss)) for loss in np.exp(y[0, [0, -1]]))
        for _, y in curves
    ]
    require(
        high > low,
        f"The recipes have no losses in common: `curve_a` goes from {ranges[0]}, "
        f"`curve_b` from {ranges[1]}.",
    )
    inside = 0.5 / LEVELS * (high - low)  # not every draw reaches the ends themselves
    return np.exp(np.linspace(high - inside, low + inside, LEVELS))


def _log_factors(
    curves: Sequence[tuple[Floats, Floats]], levels: Floats
) -> tuple[Floats, Floats]:
    """(1 + draws, levels): log s, and its weights; a draw that does not reach a level has
    no weight there.
    """
    places = [np.stack([_inverted(x, one, levels) for one in y]) for x, y in curves]
    logs = places[0] - places[1]
    slopes = [np.gradient(levels, one[0]) ** -2 for one in places]
    weights = np.broadcast_to(1 / (slopes[0] + slopes[1]), logs.shape).copy()
    weights[~np.isfinite(logs)] = 0.0
    return np.where(np.isfinite(logs), logs, 0.0), weights


def _inverted(x: Floats, y: Floats, levels: Floats) -> Floats:
    """Where a falling curve crosses each level; NaN where it starts below or never does."""
    fall = np.r_[True, np.diff(y) < 0]
    return np.asarray(np.interp(-levels, -y[fall], x[fall], np.nan, np.nan))


def _ends(logs: Floats, weights: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """(1 + draws,) each: the two ends of a weighted line through log s over log loss."""
    total = weights.sum(1)
    middle = (weights * levels).sum(1) / total
    mean = (weights * logs).sum(1) / total
    away = levels - middle[:, None]
    slope = (weights * away * logs).sum(1) / (weights * away**2).sum(1)
    return mean + slope * (levels[0] - middle), mean + slope * (levels[-1] - middle)


def _spread(values: Floats, level: float, freedom: int) -> Interval:
    """An interval about the first value; NaN without draws."""
    if len(values) == 1:
        return Interval(math.nan, math.nan, level)
    half = spread_of(values, level, freedom)
    return Interval(float(values[0]) - half, float(values[0]) + half, level)


def _said(high: Floats, low: Floats, levels: Floats, level: float, free: int) -> str:
    ends = (
        f"{number(math.exp(end[0]))} {_spread(end, level, free).map(math.exp)} at a loss "
        f"of {number(float(loss))}"
        for end, loss in ((high, levels[0]), (low, levels[-1]))
    )
    return ", ".join(ends)
