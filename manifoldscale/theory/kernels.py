"""Kernels of infinitely wide fully connected networks: NNGP and NTK."""

import copy
import dataclasses as dc
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..core.settings import Count, NotNegative, Positive, among, check
from .activations import Activation, as_activation
from .assemble import assemble_all
from .inputs import Angles, as_inputs
from .kernel import BLOCK, Kernel
from .pair import Pair

DEPTH, ACTIVATION, WEIGHT_VARIANCE, BIAS_VARIANCE = 3, "relu", 2.0, 0.0


@dc.dataclass(frozen=True)
class NetworkKernel(Kernel):
    """A kernel of a network with `depth` hidden layers, in the NTK parametrisation.

    The pre-activations of the first layer have the covariance
    K0 = bias_variance + weight_variance x.x' / n_features. Each further layer, the read-out
    included, maps it to K <- bias_variance + weight_variance E[phi(u) phi(v)].

    Parameters
    ----------
    depth : number of hidden layers, at least 1.
    activation : "relu", "leaky_relu", "erf", "gelu", "tanh", "linear", or a value such as
        `LeakyReLU(0.1)`.
    weight_variance, bias_variance : variances of weights (times fan-in) and biases.
    """

    depth: Count = DEPTH
    activation: Activation | str = ACTIVATION
    weight_variance: Positive = WEIGHT_VARIANCE
    bias_variance: NotNegative = BIAS_VARIANCE

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "activation", as_activation(self.activation))

    @property
    def phi(self) -> Activation:
        return as_activation(self.activation)

    def advance(self, pair: Pair) -> tuple[Pair, Tensor]:
        """The next pre-activations, and weight_variance E[phi' phi'] between the two."""
        hidden, slope = self.phi.propagate(pair)
        following = hidden.affine(self.weight_variance, self.bias_variance)
        return following, self.weight_variance * slope

    def first(self, angles: Angles) -> Pair:
        """The pre-activations of the first layer."""
        return angles.pair.affine(self.weight_variance, self.bias_variance)

    def variances(self, norms: Tensor, n_features: int) -> Iterator[Tensor]:
        """The variance of the pre-activations of each layer, from the first to the
        read-out.
        """
        q = self.bias_variance + self.weight_variance * (norms**2 / n_features)
        yield q
        for _ in range(self.depth):
            q = self.bias_variance + self.weight_variance * self.phi.second_moment(q)
            yield q


@dc.dataclass(frozen=True)
class NNGP(NetworkKernel):
    """The Gaussian process of a network before training (Lee et al. 2018).

    >>> k = NNGP(depth=1)([[1.0, 0.0], [0.0, 1.0]])
    >>> round(float(k[0, 0]), 12), round(float(k[0, 1]) * math.pi, 12)
    (1.0, 1.0)
    """

    @property
    def smoothness(self) -> float:
        return math.inf if self.phi.is_smooth else 1.5

    def at(self, angles: Angles) -> Tensor:
        pair = self.first(angles)
        for _ in range(self.depth):
            pair, _ = self.advance(pair)
        return pair.covariance

    def on_diagonal(self, norms: Tensor, n_features: int) -> Tensor:
        *_, last = self.variances(norms, n_features)
        return last


@dc.dataclass(frozen=True)
class NTK(NetworkKernel):
    """The tangent kernel that gradient descent on a wide network follows
    (Jacot et al. 2018): Theta0 = K0, Theta <- K + weight_variance E[phi' phi'] Theta.

    >>> theta = NTK(depth=1)([[1.0, 0.0], [0.0, 1.0]])
    >>> round(float(theta[0, 0]), 12), round(float(theta[0, 1]) * math.pi, 12)
    (2.0, 1.0)
    """

    @property
    def smoothness(self) -> float:
        return math.inf if self.phi.is_smooth else 0.5

    def at(self, angles: Angles) -> Tensor:
        return self.both_at(angles)[1]

    def both_at(self, angles: Angles) -> tuple[Tensor, Tensor]:
        """NNGP and NTK, which have all layers in common."""
        pair = self.first(angles)
        theta = pair.covariance
        for _ in range(self.depth):
            pair, growth = self.advance(pair)
            theta = torch.addcmul(pair.covariance, growth, theta)
        return pair.covariance, theta

    def on_diagonal(self, norms: Tensor, n_features: int) -> Tensor:
        variances = list(self.variances(norms, n_features))
        theta = variances[0]
        for before, after in itertools.pairwise(variances):
            slope = self.phi.derivative_moment(before)
            theta = after + self.weight_variance * slope * theta
        return theta


@dc.dataclass(frozen=True)
class Sensitivity(Kernel):
    """The derivative of a network kernel in one of its variances, as a kernel.

    It differentiates the recursion itself in forward mode, block by block.
    """

    kernel: NetworkKernel
    parameter: Annotated[str, among("weight_variance", "bias_variance")]

    @property
    def smoothness(self) -> float:
        return self.kernel.smoothness

    def at(self, angles: Angles) -> Tensor:
        return self._derivative(lambda kernel: kernel.at(angles))

    def on_diagonal(self, norms: Tensor, n_features: int) -> Tensor:
        return self._derivative(lambda kernel: kernel.on_diagonal(norms, n_features))

    def _derivative(self, of: Callable[[NetworkKernel], Tensor]) -> Tensor:
        with warnings.catch_warnings(), forward_ad.dual_level():
            # On first use torch compiles its rules with functions that it deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            value = torch.tensor(getattr(self.kernel, self.parameter), dtype=torch.float64)
            dual = forward_ad.make_dual(value, torch.ones_like(value))  # type: ignore[no-untyped-call]
            kernel = copy.copy(self.kernel)  # its checks would refuse a dual number
            object.__setattr__(kernel, self.parameter, dual)
            tangent: Tensor = forward_ad.unpack_dual(of(kernel)).tangent  # type: ignore[no-untyped-call]
            return tangent


def nngp(
    x1: Any,
    x2: Any | None = None,
    depth: int = DEPTH,
    activation: Activation | str = ACTIVATION,
    weight_variance: float = WEIGHT_VARIANCE,
    bias_variance: float = BIAS_VARIANCE,
    *,
    device: str | None = None,
) -> Tensor:
    """The NNGP kernel matrix, (n1, n2) in float64: `NNGP(...)` called on points.

    >>> import manifoldscale as ms
    >>> ms.theory.nngp(ms.manifolds.Sphere(2).sample(50), depth=2).shape
    torch.Size([50, 50])

    Parameters, result and errors are those of `NNGP` and of calling a kernel.
    """
    kernel = NNGP(depth, activation, weight_variance, bias_variance)
    return kernel(x1, x2, device=device)


def ntk(
    x1: Any,
    x2: Any | None = None,
    depth: int = DEPTH,
    activation: Activation | str = ACTIVATION,
    weight_variance: float = WEIGHT_VARIANCE,
    bias_variance: float = BIAS_VARIANCE,
    *,
    device: str | None = None,
) -> Tensor:
    """The NTK matrix, (n1, n2) in float64: `NTK(...)` called on points.

    Parameters, result and errors are those of `NTK` and of calling a kernel.
    """
    kernel = NTK(depth, activation, weight_variance, bias_variance)
    return kernel(x1, x2, device=device)


def nngp_and_ntk(
    x1: Any,
    x2: Any | None = None,
    depth: int = DEPTH,
    activation: Activation | str = ACTIVATION,
    weight_variance: float = WEIGHT_VARIANCE,
    bias_variance: float = BIAS_VARIANCE,
    *,
    device: str | None = None,
) -> tuple[Tensor, Tensor]:
    """Both matrices, (n1, n2) in float64 each, in about the time of one.

    >>> x = torch.eye(3)
    >>> covariance, tangent = nngp_and_ntk(x, depth=2)
    >>> bool((covariance == nngp(x, depth=2)).all() and (tangent == ntk(x, depth=2)).all())
    True

    Parameters and errors are those of `nngp` and `ntk`.
    """
    settings = (depth, activation, weight_variance, bias_variance)
    kernels = NNGP(*settings), NTK(*settings)
    first, second = as_inputs(x1, x2, device)
    results = assemble_all(
        len(first),
        len(second),
        lambda rows, columns: kernels[1].both_at(
            Angles.between(first[rows], second[columns])
        ),
        2,
        block=BLOCK,
        symmetric=x2 is None,
        device=first.norms.device,
    )
    if x2 is None:
        for kernel, result in zip(kernels, results, strict=True):
            result.diagonal().copy_(kernel._diagonal(first))
    return results[0], results[1]


def check_variances(weight_variance: float, bias_variance: float) -> None:
    check("weight_variance", weight_variance, Positive)
    check("bias_variance", bias_variance, NotNegative)
