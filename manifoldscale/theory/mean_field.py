"""Signal propagation through depth: order, chaos, and the fate of a circle of inputs."""

import dataclasses as dc
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import optimize

from ..core.arrays import Floats, freeze_fields
from ..core.caveat import Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import number
from ..core.result import Result
from ..core.settings import whole
from ..core.style import drawing, plain_log_axis
from .activations import Activation, LeakyReLU, as_activation
from .kernels import check_variances

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CRITICAL = 1e-9  # distance of chi_1 from 1 up to which a network counts as critical
SMALLEST, LARGEST = 1e-12, 1e12  # variances between which a fixed point is sought


@dc.dataclass(frozen=True)
class MeanField(Result):
    """The fixed point of signal propagation (Poole et al. 2016; Schoenholz et al. 2017).

    Parameters
    ----------
    variance : q*, of the pre-activations; 0 or infinite where they die out or grow.
    correlation : c*, of the pre-activations at two inputs. NaN where it depends on the
        start: in smooth networks whose variance dies out, and linear ones without a limit.
    chi_1 : weight_variance E[phi'^2] at q*: the factor of small differences per layer.
    chi_2 : weight_variance E[phi''^2] at q*; infinite where phi has a kink.
    variance_length, correlation_length : layers in which deviations from q* and c* fall by
        a factor e; infinite at criticality. The second is also infinite where q* is 0 or
        infinite: covariance and variance then change by the same factor per layer.
    phase : "ordered" (chi_1 < 1), "critical" or "chaotic".
    """

    activation: Activation
    weight_variance: float
    bias_variance: float
    variance: float
    correlation: float
    chi_1: float
    chi_2: float
    variance_length: float
    correlation_length: float
    phase: str
    caveats: tuple[Remark, ...] = ()

    main = "phase"
    columns = (
        "activation",
        "weight_variance",
        "bias_variance",
        "variance",
        "correlation",
        "chi_1",
        "chi_2",
        "variance_length",
        "correlation_length",
        "phase",
    )
    method = "mean field"
    n_points = 0

    def headline(self) -> str:
        return (
            f"{self.activation} at weight variance {number(self.weight_variance)}, bias "
            f"variance {number(self.bias_variance)}: {self.phase}, chi_1 "
            f"{number(self.chi_1)}, q* {number(self.variance)}, c* "
            f"{number(self.correlation)}, correlation length "
            f"{number(self.correlation_length)}"
        )

    def plot(
        self,
        ax: "Axes | None" = None,
        depth: int = 20,
        *,
        label: str | None = None,
        color: Any = None,
        **style: Any,
    ) -> "Axes":
        """How two inputs, and a circle of inputs, change through `depth` layers."""
        return self.layers(depth).plot(ax, label=label, color=color, **style)

    def layers(
        self, depth: int, variance: float = 1.0, correlation: float = 0.5
    ) -> "Layers":
        """How two inputs, and a circle of inputs, change through depth.

        Parameters
        ----------
        depth : number of layers after the first.
        variance, correlation : of the pre-activations of the first layer, q_0 and c_0.

        A great circle of inputs has the covariance q_0 cos(s) at angle s. Each layer maps a
        covariance by b + w F, and F' = E[phi'^2], F'' = E[phi''^2] at equal arguments
        (Price's theorem): the squared speed -K''(0) is multiplied by chi_1, the squared
        acceleration K''''(0) becomes chi_1 K'''' + 3 chi_2 K''^2, and their quotient, the
        squared curvature of the curve h / sqrt(width),

            kappa^2 <- kappa^2 / chi_1 + 3 chi_2 / chi_1^2   (Poole et al. 2016).
        """
        depth = whole("depth", depth, 0)
        require(variance > 0, f"`variance` must be positive; not {variance!r}.")
        require(
            -1 <= correlation <= 1,
            f"`correlation` must be between -1 and 1; not {correlation!r}.",
        )
        network = _Network(self.activation, self.weight_variance, self.bias_variance)
        q, k = variance, correlation * variance
        speed, bend = variance, 1 / variance
        rows = []
        for _ in range(depth + 1):
            chi_1, chi_2 = network.chi(q)
            rows.append((q, k / q, chi_1, chi_2, speed, bend))
            k, q = network.covariance(k, q), network.variance(q)
            bend = bend / chi_1 + 3 * chi_2 / chi_1**2
            speed = chi_1 * speed
        v, c, chi_1, chi_2, speeds, bends = np.array(rows).T
        return Layers(v, c, chi_1, chi_2, 2 * np.pi * np.sqrt(speeds), np.sqrt(bends))


@dc.dataclass(frozen=True, eq=False)
class Layers:
    """Signal propagation layer by layer, (depth + 1,) each, from the first layer on.

    Parameters
    ----------
    variance, correlation : of the pre-activations at two inputs of equal norm.
    chi_1, chi_2 : from each layer to the next.
    length, curvature : of the great circle of inputs as the curve h / sqrt(width).
    """

    variance: Floats
    correlation: Floats
    chi_1: Floats
    chi_2: Floats
    length: Floats
    curvature: Floats

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Correlation of two inputs, and length of a circle of inputs, layer by layer."""
        ax.plot(self.correlation, "o-", label="correlation of two inputs")
        ax.plot(self.length / self.length[0], "s-", label="length of a circle, relative")
        ax.set(xlabel="layer", ylabel="correlation, length", yscale="log")
        plain_log_axis(ax.yaxis, [*self.correlation, *(self.length / self.length[0])])
        ax.legend()

    def __post_init__(self) -> None:
        freeze_fields(self)


def mean_field(
    activation: Activation | str,
    weight_variance: float,
    bias_variance: float,
    *,
    start: float = 1.0,
) -> MeanField:
    """The phase of a wide network, and the fixed point that depth drives it to.

    >>> print(mean_field("tanh", 2.25, 0.0).phase, mean_field("relu", 2.0, 0.0).phase)
    chaotic critical

    Parameters
    ----------
    activation : a name or a value.
    weight_variance, bias_variance : of the network.
    start : the variance at which the iteration starts. It decides if there are several
        fixed points (for ReLU at weight variance 2 without bias, every variance is one).

    Raises
    ------
    ManifoldScaleError : negative variances, an unknown activation.
    """
    check_variances(weight_variance, bias_variance)
    require(0 < start < math.inf, f"`start` must be positive and finite; not {start!r}.")
    network = _Network(as_activation(activation), weight_variance, bias_variance)
    q = network.fixed_variance(start)
    chi_1, chi_2 = network.chi(q)
    critical = abs(chi_1 - 1) <= CRITICAL
    chaotic = chi_1 > 1 and not critical
    lasting = 0 < q < math.inf
    c = network.fixed_correlation(q) if chaotic and lasting else 1.0
    decay = network.correlation_slope(c, q) if lasting else 1.0
    return MeanField(
        activation=network.phi,
        weight_variance=weight_variance,
        bias_variance=bias_variance,
        variance=q,
        correlation=math.nan if network.keeps_correlations(q) else c,
        chi_1=chi_1,
        chi_2=chi_2,
        variance_length=_length(network.variance_slope(q)),
        correlation_length=_length(decay),
        phase="critical" if critical else "chaotic" if chaotic else "ordered",
    )


def critical_weight_variance(
    activation: Activation | str, bias_variance: float = 0.0
) -> float:
    """The weight variance at which chi_1 = 1, between order and chaos.

    >>> critical_weight_variance("relu"), round(critical_weight_variance("tanh"), 9)
    (2.0, 1.0)

    At a variance q the two conditions, chi_1 = 1 and q a fixed point, determine the weight
    and the bias variance. The q that give this bias variance are found by bracketing; the
    smallest one that larger variances fall back to counts.

    Raises
    ------
    ManifoldScaleError : a negative bias variance, or one at which there is no such point
        (GELU at small ones, where every critical fixed point repels).
    """
    phi = as_activation(activation)
    check_variances(1.0, bias_variance)
    bias_variance = 0.0 if bias_variance < 1e-100 else bias_variance  # below rounding

    def weight(q: float) -> float:
        return 1 / _at(phi.derivative_moment, q)

    if isinstance(phi, LeakyReLU):  # chi_1 does not depend on the variance
        return weight(1.0)

    def excess(log_q: float) -> float:
        q = math.exp(log_q)
        return q - weight(q) * _at(phi.second_moment, q) - bias_variance

    candidates = [0.0] if bias_variance == 0 else []
    for bracket in _sign_changes(excess, math.log(SMALLEST), math.log(LARGEST)):
        candidates.append(math.exp(_root(excess, bracket)))
    for q in candidates:
        above = 1.01 * q + 1e-4
        if _Network(phi, weight(q), bias_variance).variance(above) < above:
            return weight(q)
    raise ManifoldScaleError(
        f"{phi} has no stable critical point at `bias_variance` {bias_variance}; try "
        "another one."
    )


@dc.dataclass(frozen=True)
class _Network:
    """The maps of variance and covariance from one layer to the next."""

    phi: Activation
    weight: float
    bias: float

    def variance(self, q: float) -> float:
        return self.bias + self.weight * _at(self.phi.second_moment, q)

    def covariance(self, k: float, q: float) -> float:
        value, _ = self.phi.dual(_tensor(k), _tensor(q), _tensor(q))
        return self.bias + self.weight * float(value)

    def chi(self, q: float) -> tuple[float, float]:
        q = min(q, LARGEST)
        first = self.weight * _at(self.phi.derivative_moment, q)
        return first, self.weight * _at(self.phi.curvature_moment, q)

    def keeps_correlations(self, q: float) -> bool:
        """Whether the limit of a correlation depends on its start: the layers are linear,
        or become so as the variance dies out.
        """
        if self.phi.is_smooth and isinstance(self.phi, LeakyReLU):
            return self.bias == 0 or self.weight > 1
        return self.phi.is_smooth and q == 0

    def correlation_slope(self, c: float, q: float) -> float:
        q = min(q, LARGEST)
        _, slope = self.phi.dual(_tensor(c * q), _tensor(q), _tensor(q))
        return self.weight * float(slope)

    def variance_slope(self, q: float) -> float:
        at = _tensor(min(max(q, SMALLEST), LARGEST)).requires_grad_()
        (slope,) = torch.autograd.grad(self.phi.second_moment(at), at)
        return self.weight * float(slope)

    def fixed_variance(self, start: float) -> float:
        """The limit of the iteration q <- V(q) from `start`: V is increasing, so it moves
        in one direction, to the first fixed point.
        """

        def growth(log_q: float) -> float:
            q = math.exp(log_q)
            return self.variance(q) / q - 1

        here = math.log(start)
        drift = growth(here)
        if abs(drift) < 1e-15:
            return start
        end = math.log(LARGEST if drift > 0 else SMALLEST)
        bracket = next(_sign_changes(growth, here, end), None)
        if bracket is None:
            return math.inf if drift > 0 else 0.0
        return math.exp(_root(growth, bracket))

    def fixed_correlation(self, q: float) -> float:
        """The stable correlation below 1: the map is convex between 0 and 1."""

        def excess(c: float) -> float:
            return self.covariance(c * q, q) / q - c

        if excess(0.0) <= 1e-15:
            return 0.0
        nearest = 1 - np.geomspace(1e-12, 1, 60)
        below = next(c for c in nearest if excess(float(c)) < 0)
        return _root(excess, (0.0, float(below)))


def _sign_changes(
    function: Callable[[float], float], start: float, end: float
) -> Iterator[tuple[float, float]]:
    """The steps, of 200 from start to end, over which the sign changes."""
    before, value = start, function(start)
    for here in np.linspace(start, end, 201).tolist()[1:]:
        found = function(here)
        if value * found <= 0:
            yield before, here
        before, value = here, found


def _root(function: Callable[[float], float], bracket: tuple[float, float]) -> float:
    return float(optimize.brentq(function, *bracket, xtol=1e-14, rtol=1e-14))


def _length(multiplier: float) -> float:
    """Layers in which a deviation falls by a factor e; infinite where it does not."""
    if multiplier <= 0:
        return 0.0
    return -1 / math.log(multiplier) if multiplier < 1 - CRITICAL else math.inf


def _at(moment: Callable[[torch.Tensor], torch.Tensor], q: float) -> float:
    return float(moment(_tensor(q)))


def _tensor(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)
