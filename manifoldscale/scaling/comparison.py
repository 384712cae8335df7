"""The measured exponent against the one that the dimension implies."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

from scipy import stats

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis
from ..core.result import Result
from ..core.style import BLUE, ORANGE, draw_interval, drawing, name_heights
from .exponent import ExponentPrediction
from .meta_analysis import exp
from .power_law import PowerLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NEAR = 1.25  # a ratio that is known within this factor can agree


@dc.dataclass(frozen=True)
class Comparison(Result):
    """The ratio r of the measured to the predicted exponent; for the law 4/d,
    r = alpha d / 4.

    Attributes
    ----------
    ratio, interval : r, with the errors of the exponent and of the dimension.
    verdict : "agrees" (r = 1 is inside the interval; `factor` says how much that is
        worth), "above", "below", or "undetermined" where the interval is open on both
        sides.
    p_below : one-sided p-value of the bound r >= 1: small where the exponent lies below.
        By Student's t, with the degrees of freedom of fit and dimension combined (Welch
        and Satterthwaite).
    caveats : of the dimension, of the fit, and of the comparison itself.
    """

    ratio: float
    interval: Interval
    verdict: str
    p_below: float
    prediction: ExponentPrediction
    fit: PowerLaw
    caveats: tuple[Remark, ...] = ()

    main = "ratio"
    columns = (
        "law=prediction.law",
        "dimension=prediction.dim",
        "dimension_interval=prediction.dim_interval",
        "predicted=prediction.alpha",
        "predicted_interval=prediction.interval",
        "measured=fit.alpha",
        "measured_interval=fit.interval",
        "ratio",
        "verdict",
        "p_below",
    )

    def headline(self) -> str:
        return (
            f"r = {number(self.ratio)} {self.interval.labelled}: {self.fit.axis.exponent} "
            f"{number(self.fit.alpha)} {self.verdict_words} {self.prediction.law} = "
            f"{number(self.prediction.alpha)}{self._how_well}"
        )

    @property
    def factor(self) -> float:
        """The factor within which r is known: the root of the ratio of the two ends."""
        low, high = self.interval
        return math.sqrt(high / low) if low > 0 else math.inf

    @property
    def _how_well(self) -> str:
        if self.verdict != "agrees":
            return ""
        if math.isinf(self.factor):
            return ", as r is bounded on one side only"
        return f": r is known within a factor of {number(self.factor, 2)}"

    @property
    def verdict_words(self) -> str:
        return {
            "agrees": "agrees with" if self.factor <= NEAR else "cannot be told from",
            "above": "lies above",
            "below": "lies below",
            "undetermined": "cannot be compared with",
        }[self.verdict]

    @property
    def method(self) -> str:
        return f"{self.fit.axis.exponent} over {self.prediction.law}"

    @property
    def n_points(self) -> int:
        """Number of runs of the fit."""
        return self.fit.n_points

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The predicted and the measured exponent with their intervals."""
        predicted, fit = self.prediction, self.fit
        draw_interval(ax, 0, predicted.alpha, predicted.interval, BLUE)
        draw_interval(ax, 1, fit.alpha, fit.interval, ORANGE)
        name_heights(ax, [f"{predicted.law} ({predicted.kind})", "measured"])
        ax.set(
            xlabel=fit.axis.exponent,
            title=f"r = {number(self.ratio)} {self.interval.labelled}",
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "Comparison",
            **self.row(),
            "caveats": [str(note) for note in self.caveats],
        }


def compare(prediction: ExponentPrediction, fit: PowerLaw) -> Comparison:
    """Compare a prediction with a fit.

    The interval of the ratio comes from the two intervals as they are, asymmetric or
    open, by the method of variance estimates recovery on the logarithms (Donner & Zou
    2012): with l, u the log ends and m the log values,

        log r -/+ sqrt((distance of m_alpha to its end)^2 + (distance of m_pred to the
        opposite end)^2).

    The two errors are taken as independent: measure the dimension on networks whose
    losses are not in the fit.
    """
    _check(prediction, fit)
    level = fit.interval.level
    if math.isnan(fit.alpha):
        return Comparison(
            math.nan,
            Interval(0.0, math.inf, level),
            "undetermined",
            math.nan,
            prediction,
            fit,
            (*prediction.caveats, *fit.caveats),
        )
    ratio = fit.alpha / prediction.alpha
    log_ratio = math.log(ratio)
    down, up = _log_distances(fit.alpha, fit.interval)
    predicted_down, predicted_up = _log_distances(prediction.alpha, prediction.interval)
    below, above = math.hypot(down, predicted_up), math.hypot(up, predicted_down)
    interval = Interval(exp(log_ratio - below), exp(log_ratio + above), level)
    verdict = _verdict(ratio, interval)
    return Comparison(
        ratio=ratio,
        interval=interval,
        verdict=verdict,
        p_below=_p_below(log_ratio, up, predicted_down, fit.freedom, level),
        prediction=prediction,
        fit=fit,
        caveats=(*prediction.caveats, *fit.caveats, *_own(prediction, verdict, ratio)),
    )


def _check(prediction: ExponentPrediction, fit: PowerLaw) -> None:
    require(
        isinstance(prediction, ExponentPrediction) and isinstance(fit, PowerLaw),
        "`compare` takes an ExponentPrediction and a PowerLaw, in this order.",
    )
    require(
        fit.axis is not Axis.width,
        "The laws are for alpha_D and alpha_P; fit with axis='parameters' (for deep "
        "networks P grows as width^2, so that alpha_W = 2 alpha_P).",
    )
    require(
        prediction.interval.level == fit.interval.level,
        f"The levels differ: {prediction.interval.level} and {fit.interval.level}.",
    )


def _verdict(ratio: float, interval: Interval) -> str:
    if interval.low == 0 and interval.high == math.inf:
        return "undetermined"
    if 1 in interval:
        return "agrees"
    return "above" if ratio > 1 else "below"


def _own(prediction: ExponentPrediction, verdict: str, ratio: float) -> list[Remark]:
    if prediction.kind == "bound" and verdict == "above":
        return [Caveat.STEEPER_THAN_BOUND(f"r = {number(ratio)}")]
    if prediction.kind != "rate" and verdict == "below":
        return [Caveat.BELOW_BOUND(f"r = {number(ratio)}")]
    return []


def _log_distances(value: float, interval: Interval) -> tuple[float, float]:
    """From the value down to the low end and up to the high end, in logarithms."""
    low = math.log(value / interval.low) if interval.low > 0 else math.inf
    high = math.log(interval.high / value) if interval.high < math.inf else math.inf
    return low, high


def _p_below(log_ratio: float, up: float, down: float, freedom: int, level: float) -> float:
    """P(a log-ratio this low or lower) if the true ratio is one. `up` is the distance of
    the exponent to its high end, `down` that of the prediction to its low end.
    """
    share = 0.5 + level / 2
    measured = up / float(stats.t.ppf(share, freedom))
    predicted = down / float(stats.norm.ppf(share))
    variance = measured**2 + predicted**2
    if variance == 0:
        return 0.0 if log_ratio < 0 else 1.0
    if math.isinf(variance):
        return 0.5
    combined = freedom * (variance / measured**2) ** 2 if measured else math.inf
    return float(stats.t.cdf(log_ratio / math.sqrt(variance), min(combined, 1e9)))
