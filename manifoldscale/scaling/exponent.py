"""The exponents that a manifold's dimension implies, and under which conditions."""

import dataclasses as dc
import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..core.caveat import Remark
from ..core.errors import ManifoldScaleError, is_real, one_of, require
from ..core.interval import Interval, number, with_interval
from ..core.result import Quantity, Result, is_dimension
from ..core.settings import NotNegative, Positive, check
from ..core.style import BLUE, draw_interval, drawing, name_heights
from .laws import CONDITIONS, HEADLINE, RATE, ROWS, Law, law_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True)
class ExponentPrediction(Result):
    """An exponent implied by a dimension.

    Attributes
    ----------
    alpha, interval : the exponent; its interval carries that of the dimension.
    kind : "bound", if the measured exponent should not lie below; "equality"; or "rate",
        what the best estimator reaches with label noise.
    unmet : conditions of the equality that were not declared as met.
    meaning : which dimension it is, of the manifold or as resolved by the points; "" for a
        number.
    n_points : number of points that the dimension was estimated from; 0 for a number.
    """

    alpha: float
    interval: Interval
    kind: str
    law: str
    dim: float
    dim_interval: Interval
    unmet: tuple[str, ...]
    statement: str
    source: str
    caveats: tuple[Remark, ...] = ()
    meaning: str = ""
    n_points: int = 0

    main = "alpha"
    columns = ("law", "kind", "alpha", "dimension=dim", "unmet", "source")

    @property
    def method(self) -> str:
        return f"law {self.law}"

    def headline(self) -> str:
        sign = {"equality": "=", "bound": ">=", "rate": "~"}[self.kind]
        ends = f" {self.interval.labelled}" if self.interval.width > 0 else ""
        d = with_interval(self.dim, self.dim_interval)
        which = f" {self.meaning}" if self.meaning else ""
        return f"alpha {sign} {number(self.alpha)}{ends} (law {self.law}, d = {d}{which})"

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The exponent with its interval."""
        draw_interval(ax, 0, self.alpha, self.interval, BLUE)
        name_heights(ax, [f"{self.law} ({self.kind})"])
        title = f"d = {with_interval(self.dim, self.dim_interval)}"
        ax.set(xlabel="exponent", title=title)

    def cells(self) -> dict[str, Any]:
        return super().cells() | {"unmet": "; ".join(self.unmet)}


def predict_exponent(
    dim: Quantity | float | Sequence[Quantity | float],
    law: str = HEADLINE,
    loss: str = "mse",
    label_noise: float = 0.0,
    met: Collection[str] = (),
    smoothness: float | None = None,
) -> ExponentPrediction:
    """The resolution-limited exponent (of D or of P) that a dimension implies.

    >>> print(predict_exponent(8.0))
    alpha >= 0.500 (law 4/d, d = 8.00, given)

    With label noise the interpolating exponents do not apply. The best regularised
    estimator then reaches the rate 2s / (2s + d) (Stone 1982), with s = 2 in place of 4/d
    and s = 1 in place of 2/d; a network may do worse.

    Parameters
    ----------
    dim : a `Dimension`, whose interval is carried through, or a known number; or a list of
        them, one per factor of a target that is a sum or a product of functions of fewer
        coordinates: the largest factor then decides, not their sum.
    law : a name in `scaling.LAWS`, where each row says what it holds for and needs: "1/d",
        a rigorous lower bound; "2/d", nearest neighbours; "4/d", ReLU networks; "2p/d", the
        same for the loss |y - f|^p; "2s/d", an interpolant of order s; "2nu/d", kernels.
    loss : "mse" or "cross_entropy", quadratic near their minimum; or "abs^p".
    label_noise : standard deviation of noise on the labels; only whether it is zero
        matters here.
    met : names of conditions known to hold, among `CONDITIONS`. When every condition of
        the law is met the prediction is an equality, else a bound.
    smoothness : s or nu, for the laws that have one.

    Raises
    ------
    ManifoldScaleError : an unknown law, loss or condition, or a dimension that is not
        positive.
    """
    largest = _largest(dim)
    value, interval = _dimension(largest)
    check("label_noise", label_noise, NotNegative)
    for name in met:
        one_of("met", name, CONDITIONS)
    require(
        not (label_noise and "noiseless" in met),
        f"`met` says 'noiseless', but `label_noise` is {label_noise}.",
    )
    row, noisy = law_named(law), label_noise > 0
    s, power = _smoothness(row, smoothness), _power(loss)
    refusal = row.refusal(power, noisy)
    require(not refusal, refusal)
    numerator = s * (row.power or power)
    rung, shift = (RATE, 2 * s) if noisy else (row, 0.0)

    def exponent(d: float) -> float:
        return 0.0 if math.isinf(d) else numerator / (d + shift)

    unmet = tuple(CONDITIONS[name] for name in rung.conditions if name not in met)
    bound = "bound" if unmet or row.only_bound else "equality"
    return ExponentPrediction(
        alpha=exponent(value),
        interval=interval.map(exponent),
        kind="rate" if noisy else bound,
        law=f"{law} with label noise" if noisy else law,
        dim=value,
        dim_interval=interval,
        unmet=unmet,
        statement=rung.said(s),
        source=rung.source,
        caveats=largest.caveats if isinstance(largest, Quantity) else (),
        meaning=largest.meaning if isinstance(largest, Quantity) else "",
        n_points=largest.n_points if isinstance(largest, Quantity) else 0,
    )


def _smoothness(law: Law, given: float | None) -> float:
    """s of the law, or as it is given."""
    if law.smoothness is None:
        require(given is not None, f"{law.name} needs a positive `smoothness`.")
        return float(check("smoothness", given, Positive))
    needed = " and ".join(repr(row.name) for row in ROWS if row.smoothness is None)
    require(given is None, f"`smoothness` belongs to {needed}; not to {law.name!r}.")
    return law.smoothness


def _largest(dim: Any) -> Any:
    """The largest of several factors."""
    if not isinstance(dim, Sequence) or isinstance(dim, str):
        return dim
    require(len(dim) > 0, "`dim` is an empty list; give the dimension of each factor.")
    return max(dim, key=lambda factor: _dimension(factor)[0])


def _dimension(dim: Quantity | float) -> tuple[float, Interval]:
    if isinstance(dim, Quantity):
        require(
            is_dimension(dim),
            f"`dim` must be a dimension; {dim.name} = {number(dim.value)} is not one.",
        )
    else:
        said = repr(dim)
        short = said if len(said) <= 40 else f"a {type(dim).__name__}"
        require(is_real(dim), f"`dim` must be a Dimension or a number; not {short}.")
    value = float(dim)
    require(
        value > 0 and math.isfinite(value),
        f"`dim` must be a positive dimension; not {value}.",
    )
    if isinstance(dim, Quantity):
        return value, dim.interval
    return value, Interval(value, value)


def _power(loss: str) -> float:
    """p of a loss that grows as |error|^p near its minimum."""
    if loss in ("mse", "cross_entropy"):
        return 2.0
    if isinstance(loss, str) and loss.startswith("abs^"):
        try:
            power = float(loss[4:])
        except ValueError:
            power = -1.0
        if 0 < power < math.inf:
            return power
    raise ManifoldScaleError(
        f"`loss` must be 'mse', 'cross_entropy' or 'abs^p' with a positive p, as in "
        f"'abs^3'; not {loss!r}."
    )


def ladder(
    dim: Quantity | float,
    loss: str = "mse",
    label_noise: float = 0.0,
    met: Collection[str] = (),
) -> tuple[ExponentPrediction, ...]:
    """The predictions of all laws that need no further setting, from the rigorous bound
    upwards.
    """
    power, noisy = _power(loss), is_real(label_noise) and label_noise > 0
    known = [row for row in ROWS if row.smoothness is not None]
    laws = [row for row in known if not row.refusal(power, noisy)]
    if power == 2:  # a law that takes the power of the loss says nothing new
        laws = [row for row in laws if row.power is not None]
    require(bool(laws), known[-1].refusal(power, noisy))
    names = [row.name for row in laws]
    return tuple(predict_exponent(dim, name, loss, label_noise, met) for name in names)
