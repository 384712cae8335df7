"""The measured exponent against the one that the dimension implies."""

import dataclasses as dc
import math
from typing import Any

from scipy import stats

from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from ..core.result import Result
from .exponent import ExponentPrediction
from .power_law import PowerLaw


@dc.dataclass(frozen=True)
class Comparison(Result):
    """The ratio r of the measured to the predicted exponent; for the law 4/d,
    r = alpha d / 4.

    Attributes
    ----------
    ratio, interval : r, with the errors of the exponent and of the dimension.
    verdict : "agrees" (r = 1 is inside the interval), "above" or "below".
    p_below : one-sided p-value of the bound r >= 1: small where the exponent lies below.
    """

    ratio: float
    interval: Interval
    verdict: str
    p_below: float
    prediction: ExponentPrediction
    fit: PowerLaw
    caveats: tuple[Remark, ...] = ()

    def headline(self) -> str:
        return (
            f"r = {number(self.ratio)} {self.interval}: {self.fit.axis.exponent} "
            f"{number(self.fit.alpha)} {self.verdict_words} {self.prediction.law} = "
            f"{number(self.prediction.alpha)}"
        )

    @property
    def verdict_words(self) -> str:
        return {"agrees": "agrees with", "above": "lies above", "below": "lies below"}[
            self.verdict
        ]

    def row(self) -> dict[str, Any]:
        return {
            "law": self.prediction.law,
            "dimension": self.prediction.dim,
            "predicted": self.prediction.alpha,
            "measured": self.fit.alpha,
            "ratio": self.ratio,
            "low": self.interval.low,
            "high": self.interval.high,
            "verdict": self.verdict,
            "p_below": self.p_below,
        }

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
    log_ratio = math.log(fit.alpha / prediction.alpha)
    down, up = _log_distances(fit.alpha, fit.interval)
    predicted_down, predicted_up = _log_distances(prediction.alpha, prediction.interval)
    below, above = math.hypot(down, predicted_up), math.hypot(up, predicted_down)
    level = fit.interval.level
    interval = Interval(_exp(log_ratio - below), _exp(log_ratio + above), level)
    verdict = "agrees" if 1 in interval else ("above" if log_ratio > 0 else "below")
    caveats = []
    if verdict == "above" and prediction.kind == "bound":
        caveats.append(Caveat.STEEPER_THAN_BOUND(f"r = {number(math.exp(log_ratio))}"))
    if verdict == "below":
        caveats.append(Caveat.BELOW_BOUND(f"r = {number(math.exp(log_ratio))}"))
    return Comparison(
        ratio=math.exp(log_ratio),
        interval=interval,
        verdict=verdict,
        p_below=_p_below(log_ratio, above, level),
        prediction=prediction,
        fit=fit,
        caveats=tuple(caveats),
    )


def _log_distances(value: float, interval: Interval) -> tuple[float, float]:
    """From the value down to the low end and up to the high end, in logarithms."""
    low = math.log(value / interval.low) if interval.low > 0 else math.inf
    high = math.log(interval.high / value) if interval.high < math.inf else math.inf
    return low, high


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _p_below(log_ratio: float, above: float, level: float) -> float:
    """P(a log-ratio this low or lower) where the true ratio is one."""
    sigma = above / float(stats.norm.ppf(0.5 + level / 2))
    if sigma == 0:
        return 0.0 if log_ratio < 0 else 1.0
    return float(stats.norm.cdf(log_ratio / sigma))
