"""The exponents that a manifold's dimension implies, and under which conditions."""

import dataclasses as dc
import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ..core.caveat import Remark
from ..core.errors import ManifoldScaleError, is_real, one_of, require
from ..core.interval import Interval, number, with_interval
from ..core.result import Quantity, Result, is_dimension
from ..core.style import BLUE, draw_interval, drawing, name_heights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What the equality of a law rests on, beside the data lying on a d-dimensional manifold.
CONDITIONS = {
    "infinite_resource": "the other resource (parameters, or data) is effectively infinite",
    "interpolation": "training reaches the interpolating solution",
    "noiseless": "labels carry no noise",
    "generic_target": "the target varies along all d directions, at the order of the law",
    "piecewise_linear": "the network is piecewise linear, its pieces tiling the manifold",
    "optimal_regularisation": "the regularisation is optimal at every size",
    "lazy": "the network stays near its linearisation, so that its kernel is fixed",
    "matched_target": "the target is drawn from the kernel, or its coefficients fall alike",
}
LAWS = ("1/d", "2/d", "4/d", "2p/d", "2s/d", "2nu/d")
BOUND_CONDITIONS = ("infinite_resource", "interpolation", "noiseless")

LONGEST = 40  # of what is quoted in an error


@dc.dataclass(frozen=True)
class Law:
    """One rung: alpha = numerator / (d + shift), for a loss of a given order."""

    numerator: float
    shift: float
    statement: str
    conditions: tuple[str, ...]
    source: str


@dc.dataclass(frozen=True)
class ExponentPrediction(Result):
    """An exponent implied by a dimension.

    Attributes
    ----------
    alpha, interval : the exponent; its interval carries that of the dimension.
    kind : "bound", the measured exponent should not lie below; "equality"; or "rate",
        what the best estimator reaches, with label noise.
    unmet : conditions that the equality needs and that were not declared as met.
    meaning : which dimension it is, that of the manifold or the one that the points
        resolve; "" for a number.
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

    @property
    def value(self) -> float:
        """The exponent, under the name that every result has."""
        return self.alpha

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

    def row(self) -> dict[str, Any]:
        return {
            "law": self.law,
            "kind": self.kind,
            "alpha": self.alpha,
            "low": self.interval.low,
            "high": self.interval.high,
            "level": self.interval.level,
            "dimension": self.dim,
            "unmet": "; ".join(self.unmet),
            "source": self.source,
        }


def predict_exponent(
    dim: Quantity | float | Sequence[Quantity | float],
    law: str = "4/d",
    loss: str = "mse",
    label_noise: float = 0.0,
    met: Collection[str] = (),
    smoothness: float | None = None,
) -> ExponentPrediction:
    """The resolution-limited exponent (of D or of P) that a dimension implies.

    >>> print(predict_exponent(8.0))
    alpha >= 0.500 (law 4/d, d = 8.00, given)

    ======  ===========================================================================
    law     for a loss quadratic near its minimum (mse, cross_entropy)
    ======  ===========================================================================
    "1/d"   rigorous lower bound: Lipschitz loss, network and target, which agree on the
            training set (Bahri et al., theorem 2); holds for every Lipschitz loss, which
            |y - f|^p with p < 1 is not
    "2/d"   piecewise-constant or nearest-neighbour accuracy: the error is of first
            order in the distance to the nearest example
    "4/d"   piecewise-linear accuracy, as of a ReLU network: error of second order, for a
            target with two derivatives
    "2p/d"  the same for the loss |y - f|^p, given as loss="abs^p" (p = 2: "4/d")
    "2s/d"  an interpolant whose error is of order `smoothness` = s in that distance, for
            a target with s derivatives (s = 1: "2/d", s = 2: "4/d")
    "2nu/d" kernel regression, nu = `smoothness` the order of the kernel's cusp,
            c |x - x'|^(2 nu): the tangent kernel of a ReLU network has nu = 1/2, its NNGP
            kernel 3/2; its spectrum falls as i^-(1 + 2 nu / d), and alpha is alpha_K. A
            bound for targets smoother than draws of the kernel, not for rougher ones
    ======  ===========================================================================

    With label noise the interpolating exponents do not apply. What the best regularised
    estimator reaches is then the rate 2s / (2s + d) (Stone 1982), with s = 2 in place of
    4/d and s = 1 in place of 2/d; a network may do worse.

    Parameters
    ----------
    dim : a `Dimension`, whose interval is carried through, or a known number; or a list
        of them, the dimensions of the factors of a target that is a sum or a product of
        functions of fewer coordinates: the largest factor then decides, not their sum.
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
    require(
        is_real(label_noise) and label_noise >= 0,
        f"`label_noise` must be a number of at least 0; not {label_noise!r}.",
    )
    for name in met:
        one_of("met", name, CONDITIONS)
    require(
        not (label_noise and "noiseless" in met),
        f"`met` says 'noiseless', but `label_noise` is {label_noise}.",
    )
    rung = _law(law, _order(loss), label_noise > 0, smoothness)

    def exponent(d: float) -> float:
        return 0.0 if math.isinf(d) else rung.numerator / (d + rung.shift)

    unmet = tuple(CONDITIONS[name] for name in rung.conditions if name not in met)
    return ExponentPrediction(
        alpha=exponent(value),
        interval=interval.map(exponent),
        kind=_kind(law, bool(unmet), label_noise > 0),
        law=law if label_noise == 0 else f"{law} with label noise",
        dim=value,
        dim_interval=interval,
        unmet=unmet,
        statement=rung.statement,
        source=rung.source,
        caveats=largest.caveats if isinstance(largest, Quantity) else (),
        meaning=largest.meaning if isinstance(largest, Quantity) else "",
    )


def _kind(law: str, unmet: bool, noisy: bool) -> str:
    if noisy:
        return "rate"
    return "bound" if unmet or law == "1/d" else "equality"


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
            f"`dim` must be a dimension; {dim.name} = {number(dim.value)} is none.",
        )
    else:
        said = repr(dim)
        short = said if len(said) <= LONGEST else f"a {type(dim).__name__}"
        require(is_real(dim), f"`dim` must be a Dimension or a number; not {short}.")
    value = float(dim)
    require(
        value > 0 and math.isfinite(value),
        f"`dim` must be a positive dimension; not {value}.",
    )
    if isinstance(dim, Quantity):
        return value, dim.interval
    return value, Interval(value, value)


def _order(loss: str) -> float:
    """p of a loss that grows as |error|^p near its minimum."""
    if loss in ("mse", "cross_entropy"):
        return 2.0
    if isinstance(loss, str) and loss.startswith("abs^"):
        try:
            order = float(loss[4:])
        except ValueError:
            order = -1.0
        if 0 < order < math.inf:
            return order
    raise ManifoldScaleError(
        f"`loss` must be 'mse', 'cross_entropy' or 'abs^p' with a positive p, as in "
        f"'abs^3'; not {loss!r}."
    )


def _law(law: str, order: float, noisy: bool, given: float | None) -> Law:
    one_of("law", law, LAWS)
    if law in ("2s/d", "2nu/d"):
        require(
            given is not None and is_real(given) and 0 < given < math.inf,
            f"{law} needs a positive `smoothness`; not {given!r}.",
        )
        require(order == 2, f"{law} needs a loss quadratic near its minimum.")
    else:
        require(
            given is None, f"`smoothness` belongs to '2s/d' and '2nu/d'; not to {law!r}."
        )
    require(
        law in ("1/d", "2p/d") or order == 2,
        f"{law} needs a loss quadratic near its minimum; for |y - f|^{order:g} use '2p/d'.",
    )
    if law == "1/d":
        require(
            order >= 1,
            f"1/d assumes a Lipschitz loss; |y - f|^{order:g} is none at 0: use '2p/d'.",
        )
        require(
            not noisy, "1/d assumes interpolation; with label noise use '2/d' or '4/d'."
        )
        return Law(
            1.0,
            0.0,
            "Lipschitz loss, network and target",
            BOUND_CONDITIONS,
            "Bahri et al. 2024, theorems 2 and 3",
        )
    smoothness = given if given is not None else 1.0 if law == "2/d" else 2.0
    name = {1.0: "first", 2.0: "second"}.get(smoothness, f"{smoothness:g}-th")
    if noisy:
        require(
            order == 2, "With label noise only the mse and cross-entropy laws are known."
        )
        return Law(
            2.0 * smoothness,
            2.0 * smoothness,
            f"minimax rate for a target of smoothness {smoothness:g}",
            ("infinite_resource", "optimal_regularisation", "generic_target"),
            "Stone 1982, Annals of Statistics 10:1040",
        )
    if law == "2nu/d":
        return Law(
            2.0 * smoothness,
            0.0,
            f"kernel with a cusp of order {2 * smoothness:g}, target of its spectrum",
            (*BOUND_CONDITIONS, "lazy", "matched_target"),
            "Bahri et al. 2024; Spigler, Geiger and Wyart 2020",
        )
    pieces = ("piecewise_linear",) if law in ("4/d", "2p/d") else ()
    return Law(
        smoothness * order,
        0.0,
        f"error of {name} order in the distance between examples",
        (*BOUND_CONDITIONS, "generic_target", *pieces),
        "Bahri et al. 2024; Sharma and Kaplan 2022",
    )


def ladder(
    dim: Quantity | float,
    loss: str = "mse",
    label_noise: float = 0.0,
    met: Collection[str] = (),
) -> tuple[ExponentPrediction, ...]:
    """Every law for one dimension, from the rigorous bound upwards."""
    laws: tuple[str, ...] = ("2/d", "4/d") if label_noise else ("1/d", "2/d", "4/d")
    if _order(loss) != 2:
        laws = ("1/d", "2p/d") if _order(loss) >= 1 else ("2p/d",)
    return tuple(predict_exponent(dim, law, loss, label_noise, met) for law in laws)
