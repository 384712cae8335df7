"""Fitting L(x) = E + A x^-alpha to measured losses."""

import dataclasses as dc
import functools as ft
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis
from ..core.measurement import Measurement
from ..core.quantiles import smooth_quantile
from ..core.result import Result
from ..core.style import draw_law, drawing, log_axes
from .correlated import effective
from .diagnosis import diagnose
from .extrapolation import Extrapolation, extrapolation
from .floor import FORCED, GIVEN, LAW_COLUMNS, floor_in_words, rule_of, stated_floor
from .forecast import Forecast
from .losses import Losses, losses_of
from .one_run_per_size import solve_as_measured
from .profile_fit import Problem, Reference as Reference, Solution, draws
from .scatter import MISFIT, lack_of_fit
from .sizes import sizes_of
from .tails import NORMAL, ErrorLaw
from .wild_bootstrap import wild_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floor = str | float | Reference
NO_LAW = (Caveat.NOT_A_POWER_LAW, Caveat.LACK_OF_FIT)


@dc.dataclass(frozen=True, eq=False)
class PowerLaw(Result):
    """A fitted power law L(x) = floor + amplitude x^-alpha.

    Attributes
    ----------
    alpha : the exponent, NaN where the losses do not fall; `interval` : its
        profile-likelihood interval, open-ended where the data bound one side only.
    floor, floor_interval : irreducible loss and its profile-likelihood interval, which
        starts at 0 where the data do not exclude that; a single point if it was given.
    amplitude : A, in units of loss times size^alpha.
    axis : what was scaled.
    stderr : half the width of the interval over the normal quantile, NaN where open.
    losses : the mean losses that were fitted.
    freedom : degrees of freedom of the scatter about the fit.
    lack_of_fit : p-value of the fit against the scatter between runs; NaN without
        replicates.
    robust : where there is lack of fit, the interval of the wild cluster bootstrap over
        sizes, which does not take all scatter about the curve for noise.
    errors : the law of the errors: normal, or Student's where there are tails.
    correlation : of the errors of neighbouring sizes, zero where it was not tested.
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
    freedom: int
    lack_of_fit: float
    draws: Floats
    robust: Interval | None = None
    errors: ErrorLaw = NORMAL
    correlation: float = 0.0
    caveats: tuple[Remark, ...] = ()

    main = "alpha"
    columns = (
        *LAW_COLUMNS,
        "n_sizes=losses.x.size",
        "n_runs=n_points",
        "lack_of_fit",
        "local=is_local",
        "effective_sizes",
        "errors",
    )

    @property
    def stderr(self) -> float:
        quantile = stats.norm.ppf(0.5 + self.interval.level / 2)
        return (
            math.nan if self.interval.is_open else self.interval.width / 2 / float(quantile)
        )

    @property
    def is_local(self) -> bool:
        """Whether no power law describes the losses over their range: the exponent is then
        a local slope, valid for that range only.
        """
        return any(note.caveat in NO_LAW for note in self.caveats)

    @property
    def effective_sizes(self) -> float:
        """How many independent sizes these count as."""
        return effective(len(self.losses.x), self.correlation)

    @property
    def floor_in_words(self) -> str:
        """The floor, its interval where it was fitted, and how it came about."""
        return floor_in_words(self.floor, self.floor_interval, self.floor_rule)

    @property
    def method(self) -> str:
        return f"power law, floor {self.floor_rule}"

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.losses.n_runs

    def predict(self, x: Any) -> Floats:
        """The fitted loss at sizes `x`; np.inf is a limit."""
        sizes = sizes_of(x, limit=True)
        if math.isnan(self.alpha):
            return np.full(sizes.shape, self.floor)
        return np.asarray(self.floor + self.amplitude * sizes**-self.alpha)

    def band(self, x: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Pointwise bounds of the fitted loss at sizes `x`, from the draws."""
        check_level(level)
        sizes = sizes_of(x, limit=True)
        alpha, floor, amplitude = (column[:, None] for column in self.draws.T)
        curves = floor + amplitude * sizes**-alpha
        low, high = (smooth_quantile(curves, (1 + sign * level) / 2) for sign in (-1, 1))
        return low, high

    @ft.cached_property
    def extrapolation(self) -> Extrapolation:
        """What `forecast` rests on: made at the first one, and kept."""
        known = self.floor_rule in (GIVEN, FORCED)
        return extrapolation(self.losses, self.floor if known else None)

    def forecast(self, x: Any, level: float | None = None) -> Forecast:
        """The loss of a new run at sizes `x`: `.median`, `.low`, `.high`.

        The interval holds the scatter of a run, the uncertainty of the curve's numbers, and
        that of the law's form: how far the losses leave it, and how well forecasts from the
        smaller sizes did (`rollout` shows them). A `Reference` is not used.

        level : of the interval; by default that of the fit.

        Raises
        ------
        ManifoldScaleError : sizes that are not positive.
        """
        sizes = sizes_of(x)
        level = self.interval.level if level is None else level
        check_level(level)
        return self.extrapolation.at(sizes, level)

    @property
    def scatter(self) -> tuple[float, int]:
        """Relative standard deviation of single runs, and its degrees of freedom: between
        runs of one size; without repeats, from the residuals of the fit; else NaN.
        """
        losses = self.losses
        if losses.freedom > 0 and losses.spread > 0:
            return losses.spread, losses.freedom
        if self.freedom < 1:
            return math.nan, 0
        rest = losses.y / self.predict(losses.x) - 1
        return math.sqrt(float(losses.precision @ rest**2) / self.freedom), self.freedom

    def local_exponents(self) -> tuple[Floats, Floats, Floats]:
        """-d log(L - floor) / d log x between neighbouring sizes: (sizes - 1,) places,
        exponents, and standard errors from `scatter`. NaN where a mean loss lies below the
        floor; the errors also where the scatter is not known.
        """
        x, above = self.losses.x, self.losses.y - self.floor
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = np.where(above > 0, np.log(above), np.nan)
            relative = (
                self.scatter[0] * self.losses.y / above / np.sqrt(self.losses.precision)
            )
        steps = np.diff(np.log(x))
        error = np.hypot(relative[1:], relative[:-1]) / steps
        return np.sqrt(x[1:] * x[:-1]), -np.diff(logs) / steps, np.abs(error)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Mean losses, the fitted curve and its band on logarithmic axes."""
        label = f"{self.axis.exponent} {number(self.alpha)} {self.interval.labelled}"
        draw_law(ax, (self.losses.x, self.losses.y), self._line(), label)
        ax.set(xlabel=self.axis.label, ylabel="test loss")
        log_axes(ax, self.losses.x, self.losses.y)
        ax.legend()

    def headline(self) -> str:
        n, x = len(self.losses.x), self.losses.x
        said = f"{self.axis.exponent} {number(self.alpha)} {self.interval.labelled}"
        if self.is_local:
            said = f"local slope {said} over {self.axis.symbol} = {x[0]:.3g} to {x[-1]:.3g}"
        return f"{said} (floor {self.floor_in_words}; {n} sizes, {self.n_points} runs)"

    def to_dict(self) -> dict[str, Any]:
        fields = {f.name: getattr(self, f.name) for f in dc.fields(self)}
        del fields["draws"]
        return {
            "type": "PowerLaw",
            **fields,
            "reading": Measurement.of(self, self.axis.exponent),
            "line": self._line(),
        }

    def _line(self) -> dict[str, Floats]:
        """Sizes at which the curve is drawn, its values and its band there."""
        x = np.geomspace(self.losses.x[0], self.losses.x[-1], 60)
        low, high = self.band(x, self.interval.level)
        return {"x": x, "y": self.predict(x), "low": low, "high": high}


def fit_power_law(
    curve: Any,
    loss: Any = None,
    *,
    axis: Axis | str = "data",
    floor: Floor = "free",
    level: float = 0.95,
    errors: str | ErrorLaw = "auto",
) -> PowerLaw:
    """Fit L(x) = E + A x^-alpha, with an interval for alpha.

    >>> import numpy as np
    >>> x = np.geomspace(100, 10_000, 9)
    >>> fit = fit_power_law(x, 0.1 + 2 * x**-0.5)
    >>> round(fit.alpha, 3), round(fit.floor, 3)
    (0.5, 0.1)

    Arithmetic means of the runs at each size are fitted with weights of constant relative
    error, by variable projection; where the scatter between runs changes with size by more
    than chance (p < 0.05), of one that follows a power of size. The interval comes from the
    profile likelihood with an F threshold; its scale is estimated from the residuals of the
    fit, so lack of fit widens it. With one run per size, errors of neighbouring sizes may
    be correlated, as along one training run: the interval then allows for it
    (`scaling.correlated`), and a bend beyond the law is tested against such errors.

    Parameters
    ----------
    curve : a `LearningCurve`; or the sizes, with `loss` the losses beside them (several
        runs at one size stand as several entries).
    axis : "data", "parameters", "width", "steps" or "compute".
    floor : "free" fits E >= 0; "zero" or a number fixes it (a teacher without noise has
        E = 0, label noise of variance s^2 has E = s^2); `Reference(size, loss, stderr)`
        anchors it to a measured limit.
    level : of the interval.
    errors : "auto" takes Student's errors, with tails, where 20 sizes or more ask for them;
        "normal", "student", or a law such as `Huber(1e-3)`.

    Raises
    ------
    ManifoldScaleError : too few distinct sizes, losses or sizes that are not positive,
        runs that differ in another resource as well.
    """
    axis = Axis.of(axis)
    check_level(level)
    losses, remarks = losses_of(curve, loss, axis)
    return fit_losses(losses, axis, floor, level, remarks, errors)


def fit_losses(
    losses: Losses,
    axis: Axis,
    floor: Floor,
    level: float = 0.95,
    remarks: Sequence[Remark] = (),
    errors: str | ErrorLaw = "auto",
) -> PowerLaw:
    """`fit_power_law` of mean losses; `remarks` are the caveats known before the fit."""
    known = known_floor(floor, losses)
    forced = floor == "zero"
    problem = Problem.of(losses, known)
    solution = solve_as_measured(problem, losses, level, errors)
    misfit = lack_of_fit(solution.cost, problem.freedom, losses.spread, losses.freedom)
    robust = None
    # A measured limit is not a size to resample.
    if misfit < MISFIT and problem.reference is None and not math.isnan(solution.alpha):
        robust = wild_interval(problem.x, problem.y, problem.floor, solution, level)
    if np.ptp(losses.variance) > 0:
        # A law that does not hold exactly has another exponent with other weights.
        even = dc.replace(losses, variance=np.ones_like(losses.variance))
        other = fit_losses(even, axis, floor, level, errors=errors)
        solution, robust = _covering(solution, robust, other)
    anchored = f"anchored at {floor.size:g}" if isinstance(floor, Reference) else ""
    return PowerLaw(
        alpha=solution.alpha,
        interval=solution.interval,
        floor=solution.floor,
        floor_interval=solution.floor_interval,
        amplitude=solution.amplitude,
        axis=axis,
        floor_rule=anchored or rule_of(floor),
        losses=losses,
        freedom=problem.freedom,
        lack_of_fit=misfit,
        draws=draws(problem, solution),
        robust=robust,
        errors=solution.errors,
        correlation=solution.correlation,
        caveats=(*remarks, *diagnose(problem, solution, losses, misfit, robust, forced)),
    )


def _covering(
    solution: Solution, robust: Interval | None, other: PowerLaw
) -> tuple[Solution, Interval | None]:
    """The solution, and its robust interval, with intervals that hold another fit's too."""
    if robust is not None or other.robust is not None:
        robust = (robust or solution.interval).covering(other.robust or other.interval)
    wider = dc.replace(
        solution,
        interval=solution.interval.covering(other.interval),
        floor_interval=solution.floor_interval.covering(other.floor_interval),
    )
    return wider, robust


def known_floor(floor: Floor, losses: Losses) -> float | Reference | None:
    """The floor as the fit takes it: None (free), a number, or a reference."""
    known: float | Reference | None
    if isinstance(floor, Reference):
        largest = float(losses.x.max())
        require(
            floor.size > largest,
            f"`size` of a Reference must lie beyond the sizes that are fitted, up to "
            f"{largest:g}; not {floor.size:g}.",
        )
        known = floor
    else:
        known = stated_floor(
            floor, float(losses.y.min()), "'free', 'zero', a number or a Reference"
        )
    needed = 3 if isinstance(known, float) else 4
    n = len(losses.x) + isinstance(known, Reference)
    require(n >= needed, f"This floor needs {needed} distinct sizes; there are {n}.")
    return known
