"""Fitting L(x) = E + A x^-alpha to measured losses."""

import dataclasses as dc
import math
from typing import Any

import numpy as np
from scipy import stats

from ..core.arrays import Array, Floats, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.random import keyed
from ..core.result import Result
from .projection import ALPHA_MAX, ALPHA_MIN, GRID, Profile, powers, project

REWEIGHTINGS = 6
DRAWS = 400


@dc.dataclass(frozen=True)
class Reference:
    """A measured limit: the loss at a size far beyond the range, finite or infinite.

    It enters the fit as one more datum with its own error, so a finite reference is not
    taken for the limit.
    """

    size: float
    loss: float
    stderr: float

    def __post_init__(self) -> None:
        require(self.size > 0, f"`size` must be positive; not {self.size}.")
        require(self.stderr > 0, f"`stderr` must be positive; not {self.stderr}.")


Floor = str | float | Reference


@dc.dataclass(frozen=True, eq=False)
class Losses:
    """Mean losses at distinct sizes, as the fit sees them.

    Attributes
    ----------
    x : distinct sizes, rising.
    y : mean loss over the runs at each size.
    runs : number of runs at each size.
    spread : relative standard deviation between runs of one size, pooled; NaN where no
        size has two runs.
    freedom : degrees of freedom of `spread`.
    """

    x: Floats
    y: Floats
    runs: Floats
    spread: float
    freedom: int


@dc.dataclass(frozen=True, eq=False)
class PowerLaw(Result):
    """A fitted power law L(x) = floor + amplitude x^-alpha.

    Attributes
    ----------
    alpha : the exponent; `interval` : its profile-likelihood interval, open-ended where
        the data bound one side only.
    floor, floor_interval : irreducible loss; the interval is a point where it was given.
    amplitude : A, in units of loss times size^alpha.
    axis : what was scaled.
    stderr : half the width of the interval over its normal quantile, NaN where open.
    losses : the mean losses that were fitted.
    lack_of_fit : p-value of the fit against the scatter between runs; NaN without
        replicates.
    draws : (draws, 3) parametric-bootstrap values of (alpha, floor, amplitude).
    """

    alpha: float
    interval: Interval
    floor: float
    floor_interval: Interval
    amplitude: float
    axis: Axis
    floor_rule: str
    losses: Losses
    lack_of_fit: float
    draws: Floats
    caveats: tuple[Remark, ...] = ()

    @property
    def stderr(self) -> float:
        quantile = stats.norm.ppf(0.5 + self.interval.level / 2)
        return math.nan if self.interval.is_open else self.interval.width / 2 / float(quantile)

    def predict(self, x: Any) -> Floats:
        """The fitted loss at sizes `x`."""
        sizes = np.asarray(x, dtype=float)
        return np.asarray(self.floor + self.amplitude * sizes**-self.alpha)

    def band(self, x: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Pointwise bounds of the fitted loss at sizes `x`, from the draws."""
        sizes = np.asarray(x, dtype=float)
        alpha, floor, amplitude = (column[:, None] for column in self.draws.T)
        curves = floor + amplitude * sizes**-alpha
        low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def headline(self) -> str:
        n = len(self.losses.x)
        return (
            f"{self.axis.exponent} {number(self.alpha)} {self.interval} "
            f"(floor {number(self.floor)} {self.floor_interval}, {self.floor_rule}; "
            f"{n} sizes, {self.losses.runs.sum():.0f} runs)"
        )

    def row(self) -> dict[str, Any]:
        return {
            "exponent": self.axis.exponent, "alpha": self.alpha,
            "low": self.interval.low, "high": self.interval.high,
            "level": self.interval.level, "floor": self.floor,
            "floor_low": self.floor_interval.low, "floor_high": self.floor_interval.high,
            "floor_rule": self.floor_rule, "amplitude": self.amplitude,
            "n_sizes": len(self.losses.x), "n_runs": int(self.losses.runs.sum()),
            "lack_of_fit": self.lack_of_fit,
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    def to_dict(self) -> dict[str, Any]:
        fields = {f.name: getattr(self, f.name) for f in dc.fields(self)}
        del fields["draws"]
        return {"type": "PowerLaw", **fields}


def fit_power_law(
    curve: Any, loss: Any = None, *, axis: Axis | str = "data", floor: Floor = "free",
    level: float = 0.95,
) -> PowerLaw:
    """Fit L(x) = E + A x^-alpha, with an interval for alpha.

    >>> import numpy as np
    >>> x = np.geomspace(100, 10_000, 9)
    >>> fit = fit_power_law(x, 0.1 + 2 * x**-0.5)
    >>> round(fit.alpha, 3), round(fit.floor, 3)
    (0.5, 0.1)

    Arithmetic means of the runs at each size are fitted with weights of constant relative
    error, by variable projection; the interval is that of the profile likelihood with an
    F threshold, whose unknown scale is estimated from the residuals of the fit, so that
    lack of fit widens it.

    Parameters
    ----------
    curve : a `LearningCurve`; or the sizes, with `loss` the losses beside them (several
        runs at one size stand as several entries).
    axis : "data", "parameters" or "width".
    floor : "free" fits E >= 0; "zero" or a number fixes it (a teacher without noise has
        E = 0, label noise of variance s^2 has E = s^2); `Reference(size, loss, stderr)`
        anchors it on a measured limit.
    level : of the interval.

    Raises
    ------
    ManifoldScaleError : too few distinct sizes, losses or sizes that are not positive,
        runs that differ in another resource as well.
    """
    axis = Axis.of(axis)
    require(0 < level < 1, f"`level` must be between 0 and 1; not {level}.")
    if isinstance(curve, LearningCurve):
        x, y, caveats = _of_curve(curve, axis)
    else:
        require(loss is not None, "Pass a LearningCurve, or the sizes and the losses.")
        x, y, caveats = as_real(curve, "x"), as_real(loss, "loss"), []
    losses = _means(x, y)
    return _fit(losses, axis, _checked(floor, losses), level, caveats)


def _of_curve(curve: LearningCurve, axis: Axis) -> tuple[Array, Array, list[Remark]]:
    held = {Axis.data: Axis.width}.get(axis, Axis.data)
    values = np.unique(curve.column(held))
    values = values[~np.isnan(values)]
    if len(values) > 1:
        raise ManifoldScaleError(
            f"The runs differ in {held.value} too ({', '.join(f'{v:.0f}' for v in values)});"
            f" choose one, as in `curve.at({held.value}={values[-1]:.0f})`."
        )
    x, y = curve.column(axis), curve.losses
    require(
        not np.isnan(x).all(), f"No run says its {axis.value}; choose another `axis`."
    )
    usable = np.isfinite(x) & np.isfinite(y)
    caveats = []
    if not usable.all():
        caveats.append(Caveat.FAILED_RUNS(f"{(~usable).sum()} of {len(y)} runs"))
    late = [run for run in curve.runs if run.converged is False]
    if late:
        caveats.append(Caveat.NOT_CONVERGED(f"{len(late)} of {len(y)} runs"))
    if curve.shared_data:
        caveats.append(Caveat.SHARED_DATA())
    return x[usable], y[usable], caveats


def _means(x: Array, y: Array) -> Losses:
    require(
        x.ndim == 1 and x.shape == y.shape,
        f"Sizes and losses must be 1-D and of one length; their shapes are {x.shape} and "
        f"{y.shape}.",
    )
    require(len(x) > 0, "There are no losses to fit.")
    require(bool((x > 0).all()), f"Sizes must be positive; the smallest is {x.min()}.")
    require(bool((y > 0).all()), f"Losses must be positive; the smallest is {y.min()}.")
    x, y = x.astype(float), y.astype(float)
    sizes, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(where, weights=y) / counts
    freedom = len(y) - len(sizes)
    relative = y / means[where] - 1
    spread = math.sqrt((relative**2).sum() / freedom) if freedom else math.nan
    return Losses(sizes, means, counts.astype(float), spread, freedom)


def _checked(floor: Floor, losses: Losses) -> float | Reference | None:
    """The floor as the fit takes it: None (free), a number, or a reference."""
    if isinstance(floor, str):
        require(
            floor in ("free", "zero"),
            "`floor` must be 'free', 'zero', a number or a Reference; not " + repr(floor),
        )
        known: float | Reference | None = None if floor == "free" else 0.0
    else:
        known = floor if isinstance(floor, Reference) else float(floor)
    if isinstance(known, float):
        require(
            0 <= known < losses.y.min(),
            f"`floor` must be at least 0 and below the smallest mean loss, "
            f"{number(float(losses.y.min()))}; not {known}.",
        )
    needed = 3 if isinstance(known, float) else 4
    n = len(losses.x) + isinstance(known, Reference)
    require(
        n >= needed,
        f"{needed} distinct sizes are needed with this floor; there are {n}.",
    )
    return known


@dc.dataclass(frozen=True, eq=False)
class _Problem:
    """The data with the reference appended, and what is fixed."""

    x: Floats
    y: Floats
    runs: Floats
    floor: float | None
    reference: Reference | None

    @property
    def freedom(self) -> int:
        return len(self.x) - (3 if self.floor is None else 2)


def _fit(
    losses: Losses, axis: Axis, known: float | Reference | None, level: float,
    caveats: list[Remark],
) -> PowerLaw:
    problem = _problem(losses, known)
    z, scale = powers(problem.x, GRID)
    weights, profile = _reweighted(problem, z, losses)
    best = int(profile.cost.argmin())
    limit = profile.cost[best] * (
        1 + stats.f.ppf(level, 1, problem.freedom) / problem.freedom
    )
    alpha = _vertex(profile, best)
    at, _ = powers(problem.x, np.array([alpha]))
    final = project(at, problem.y, weights, problem.floor, np.array([alpha]))
    interval = _region(profile, best, alpha, limit, level)
    floor_interval = (
        _floor_interval(problem, z, weights, limit, float(final.floor[0]), level)
        if problem.floor is None
        else Interval(problem.floor, problem.floor, level)
    )
    fit = PowerLaw(
        alpha=alpha,
        interval=interval,
        floor=float(final.floor[0]),
        floor_interval=floor_interval,
        amplitude=float(final.amplitude[0]) * scale**alpha,
        axis=axis,
        floor_rule=_rule(known),
        losses=losses,
        lack_of_fit=_lack_of_fit(losses, problem, weights, final),
        draws=_draws(problem, z, weights, final, at, scale),
        caveats=tuple(caveats),
    )
    return dc.replace(fit, caveats=(*caveats, *_remarks(fit, problem, z, weights)))


def _problem(losses: Losses, known: float | Reference | None) -> _Problem:
    if isinstance(known, Reference):
        return _Problem(
            np.append(losses.x, known.size), np.append(losses.y, known.loss),
            np.append(losses.runs, 1.0), None, known,
        )
    return _Problem(losses.x, losses.y, losses.runs, known, None)


def _reweighted(problem: _Problem, z: Floats, losses: Losses) -> tuple[Floats, Profile]:
    """Weights of constant relative error about the fitted curve, and the profile."""
    mean = problem.y
    noise = losses.spread
    for _ in range(REWEIGHTINGS):
        weights = problem.runs / mean**2
        if problem.reference is not None and noise > 0:
            weights[-1] = (noise / problem.reference.stderr) ** 2
        profile = project(z, problem.y, weights, problem.floor, GRID)
        best = int(profile.cost.argmin())
        mean = profile.floor[best] + profile.amplitude[best] * z[best]
        if not losses.freedom:
            noise = math.sqrt(profile.cost[best] / max(problem.freedom, 1))
    return weights, profile


def _vertex(profile: Profile, best: int) -> float:
    """The minimum between grid points, by a parabola in log alpha."""
    if not 0 < best < len(GRID) - 1:
        return float(GRID[best])
    left, middle, right = profile.cost[best - 1 : best + 2]
    curvature = left - 2 * middle + right
    shift = (left - right) / (2 * curvature) if curvature > 0 else 0.0
    step = math.log(GRID[1] / GRID[0])
    return float(GRID[best] * math.exp(step * np.clip(shift, -0.5, 0.5)))


def _region(
    profile: Profile, best: int, alpha: float, limit: float, level: float
) -> Interval:
    """Where the profile stays below the limit, to either side of the minimum."""
    if profile.amplitude[best] == 0:
        return Interval(0.0, math.inf, level)
    outside = np.flatnonzero(profile.cost > limit)
    below, above = outside[outside < best], outside[outside > best]
    low = _crossing(profile, below[-1], below[-1] + 1, limit) if len(below) else 0.0
    high = _crossing(profile, above[0], above[0] - 1, limit) if len(above) else math.inf
    return Interval(min(low, alpha), max(high, alpha), level)


def _crossing(profile: Profile, outside: int, inside: int, limit: float) -> float:
    """Where the profile meets the limit, linear in log alpha."""
    rise = profile.cost[outside] - profile.cost[inside]
    share = (limit - profile.cost[inside]) / rise if rise > 0 else 0.0
    return float(GRID[inside] * (GRID[outside] / GRID[inside]) ** share)


def _floor_interval(
    problem: _Problem, z: Floats, weights: Floats, limit: float, floor: float,
    level: float,
) -> Interval:
    """Profile interval of the floor, between zero and the smallest loss."""
    levels = np.linspace(0, float(problem.y.min()), 200)
    costs = np.array(
        [project(z, problem.y, weights, e, GRID).cost.min() for e in levels]
    )
    inside = levels[costs <= limit]
    ends = [floor, *inside[[0, -1]]] if len(inside) else [floor]
    return Interval(float(min(ends)), float(max(ends)), level)


def _rule(known: float | Reference | None) -> str:
    if known is None:
        return "fitted"
    if isinstance(known, Reference):
        return f"anchored at {known.size:g}"
    return "forced to zero" if known == 0 else "given"


def _lack_of_fit(
    losses: Losses, problem: _Problem, weights: Floats, final: Profile
) -> float:
    if losses.freedom == 0 or problem.freedom == 0 or losses.spread == 0:
        return math.nan
    ratio = final.cost[0] / problem.freedom / losses.spread**2
    return float(stats.f.sf(ratio, problem.freedom, losses.freedom))


def _draws(
    problem: _Problem, z: Floats, weights: Floats, final: Profile, at: Floats,
    scale: float,
) -> Floats:
    """Parametric bootstrap: the fit repeated on losses drawn about the fitted curve."""
    rng = keyed(0, "power law draws")
    coarse = slice(None, None, 4)
    mean = final.floor[0] + final.amplitude[0] * at[0]
    sigma = np.sqrt(final.cost[0] / max(problem.freedom, 1) / weights)
    noise = rng.standard_t(max(problem.freedom, 1), (DRAWS, len(mean)))
    drawn = np.clip(mean + sigma * noise, 0.05 * mean, None)
    profile = project(z[coarse], drawn, weights, problem.floor, GRID[coarse])
    best = profile.cost.argmin(-1)
    rows = np.arange(DRAWS)
    alpha = GRID[coarse][best]
    floors, amplitudes = profile.floor[rows, best], profile.amplitude[rows, best]
    return np.column_stack([alpha, floors, amplitudes * scale**alpha])


def _remarks(
    fit: PowerLaw, problem: _Problem, z: Floats, weights: Floats
) -> list[Remark]:
    losses, remarks = fit.losses, []
    decades = math.log10(losses.x[-1] / losses.x[0])
    if decades < 1:
        remarks.append(Caveat.SHORT_RANGE(f"{decades:.2f} decades"))
    if len(losses.x) < 6:
        remarks.append(Caveat.FEW_SIZES(f"{len(losses.x)} sizes"))
    if losses.freedom == 0:
        remarks.append(Caveat.NO_REPLICATES())
    if not ALPHA_MIN * 1.02 < fit.alpha < ALPHA_MAX / 1.02:
        remarks.append(Caveat.ALPHA_AT_BOUND(f"{ALPHA_MIN} to {ALPHA_MAX}"))
    if fit.interval.is_open or fit.interval.low == 0:
        remarks.append(Caveat.OPEN_INTERVAL(str(fit.interval)))
    if fit.lack_of_fit < 0.01:
        remarks.append(Caveat.LACK_OF_FIT(f"p = {fit.lack_of_fit:.2g}"))
    if problem.floor == 0:
        p_value = _floor_test(fit, problem, z, weights)
        if p_value < 0.05:
            remarks.append(Caveat.FLOOR_FORCED(f"p = {p_value:.2g}"))
    wide = fit.floor_interval.low == 0 and fit.floor_interval.high > losses.y.min() / 2
    if problem.floor is None and wide:
        remarks.append(Caveat.FLOOR_UNIDENTIFIED(f"floor in {fit.floor_interval}"))
    return remarks


def _floor_test(
    fit: PowerLaw, problem: _Problem, z: Floats, weights: Floats
) -> float:
    """p-value of a floor of zero against a positive one.

    Zero is the edge of the range of floors, so under the null the better fit is a true
    improvement half of the time: half of the F tail (Self & Liang 1987).
    """
    freedom = len(problem.x) - 3
    if freedom < 1:
        return math.nan
    free = project(z, problem.y, weights, None, GRID).cost.min()
    fixed = project(z, problem.y, weights, 0.0, GRID).cost.min()
    if fixed <= free:
        return 1.0
    ratio = (fixed - free) / max(free / freedom, np.finfo(float).tiny)
    return float(stats.f.sf(ratio, 1, freedom) / 2)
