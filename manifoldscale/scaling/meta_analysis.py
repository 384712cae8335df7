"""Values with errors, as logarithms, and their means over many data sets."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval
from ..core.learning_curve import Axis
from ..core.result import Quantity
from .scatter import LARGEST

ROUNDING = 1e-9  # least error of a logarithm, even where a value is called exact


@dc.dataclass(frozen=True, eq=False)
class Logs:
    """Logarithms (values,) and their standard errors (values,)."""

    value: Floats
    error: Floats

    def __len__(self) -> int:
        return len(self.value)


def exp(x: float) -> float:
    """e^x, infinite where it would overflow, as the end of a wide interval may."""
    return math.exp(x) if x < 700 else math.inf


def logs_of(values: Any, name: str) -> Logs:
    """Logarithms of results with intervals, of (value, stderr) pairs, or of exact numbers.

    values : a sequence of results such as `Dimension` or `PowerLaw`; a (values x 2) array
        of values and standard errors; or plain numbers, which count as exact.
    """
    require(
        isinstance(values, Sequence | np.ndarray) and not isinstance(values, str),
        f"`{name}` must be a list of results, of numbers, or of (value, stderr) pairs; not "
        f"{values!r}.",
    )
    require(len(values) > 0, f"`{name}` is empty.")
    pairs = [_pair(value, name) for value in values]
    value, error = (np.array(column) for column in zip(*pairs, strict=True))
    return Logs(value, error)


def _pair(entry: Any, name: str) -> tuple[float, float]:
    if hasattr(entry, "interval"):
        _require_kind(entry, name)
        return _of_interval(float(entry.value), entry.interval, name)
    try:
        numbers = np.asarray(entry, dtype=float).ravel()
    except (TypeError, ValueError):
        numbers = np.array([])
    if len(numbers) not in (1, 2):
        raise ManifoldScaleError(
            f"`{name}` must hold results, numbers or (value, stderr) pairs; it holds "
            f"{entry!r}."
        )
    value, error = float(numbers[0]), float(numbers[1]) if len(numbers) == 2 else 0.0
    require(
        1 / LARGEST < value < LARGEST and 0 <= error < LARGEST,
        f"Values of `{name}` must be positive, their errors at least 0, both below "
        f"{LARGEST:g}; not {entry!r}.",
    )
    return math.log(value), error / value


def _require_kind(entry: Any, name: str) -> None:
    """Only dimensions among dimensions and exponents among exponents; a plain `Quantity`
    may be either.
    """
    kind = getattr(entry, "name", None)
    exponent = kind is None or kind.startswith("alpha")
    right = kind == "dimension" if name == "dims" else exponent
    said = kind or type(entry).__name__
    wanted = "dimensions" if name == "dims" else "exponents"
    require(
        right or kind == Quantity.name, f"`{name}` must hold {wanted}; it holds a {said}."
    )
    axis = getattr(entry, "axis", None)
    wrong = {"data_fits": Axis.parameters, "parameter_fits": Axis.data}.get(name)
    require(
        axis is not Axis.width and (axis is None or axis is not wrong),
        f"`{name}` holds {getattr(axis, 'exponent', '')}, which the relation is not for.",
    )


def _of_interval(value: float, interval: Interval, name: str) -> tuple[float, float]:
    """log value, and the half-width of the log interval over the normal quantile."""
    require(
        0 < value < math.inf and interval.low > 0 and interval.high < math.inf,
        f"`{name}` holds {value:.3g} {interval}, which is not bounded on both sides: leave "
        "that data set out.",
    )
    quantile = float(stats.norm.ppf(0.5 + interval.level / 2))
    return math.log(value), math.log(interval.high / interval.low) / 2 / quantile


@dc.dataclass(frozen=True)
class PooledLogs:
    """A mean over data sets with scatter between them beyond their errors.

    Attributes
    ----------
    mean, stderr, freedom : the mean, and its error for Student's t.
    tau, tau_interval : standard deviation of the scatter.
    """

    mean: float
    stderr: float
    freedom: int
    tau: float
    tau_interval: Interval

    def interval(self, level: float) -> Interval:
        half = self.stderr * float(stats.t.ppf(0.5 + level / 2, self.freedom))
        return Interval(self.mean - half, self.mean + half, level)

    def p_two_sided(self, value: float = 0.0) -> float:
        return 2 * float(stats.t.sf(abs(self.mean - value) / self.stderr, self.freedom))


def pool(value: Floats, error: Floats, level: float) -> PooledLogs:
    """Random-effects mean: scatter by Paule and Mandel (1982), its interval from the same Q
    (Viechtbauer 2007), the error of the mean by Hartung and Knapp (2001). The error is at
    least what the stated errors imply: values that happen to agree are not known better
    (Rover, Knapp & Friede 2015).
    """

    def weighted(tau: float) -> tuple[float, float]:
        weights = 1 / (error**2 + tau**2)
        mean = float(weights @ value / weights.sum())
        return mean, float(weights @ (value - mean) ** 2)

    freedom = len(value) - 1
    tau, interval = scatter(lambda t: weighted(t)[1], value, freedom, level)
    if tau == 0 and not (error > 0).all():
        mean, stderr = float(value.mean()), float(value.std(ddof=1)) / math.sqrt(len(value))
        return PooledLogs(mean, max(stderr, ROUNDING), freedom, tau, interval)
    mean, q = weighted(tau)
    stderr = math.sqrt(max(q / freedom, 1.0) / (1 / (error**2 + tau**2)).sum())
    return PooledLogs(mean, stderr, freedom, tau, interval)


def scatter(q: Any, value: Floats, freedom: int, level: float) -> tuple[float, Interval]:
    """tau with q(tau) = its degrees of freedom, and where q is a plausible chi-square."""
    most = 10 * float(np.ptp(value)) + 1e-9
    tiny = most * 1e-6

    def root(target: float) -> float:
        low, high = tiny, most
        if q(low) <= target:
            return 0.0
        if q(high) > target:
            return math.inf
        for _ in range(40):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if q(middle) > target else (low, middle)
        return math.sqrt(low * high)

    ends = stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], freedom)
    tau, low, high = root(freedom), root(float(ends[0])), root(float(ends[1]))
    return tau, Interval(min(low, tau), max(high, tau), level)
