"""Finite networks in the NTK parametrisation, with the limits `nngp` and `ntk`."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.random import Rng, generator
from ..core.settings import whole
from .activations import Activation, as_activation
from .kernels import ACTIVATION, BIAS_VARIANCE, WEIGHT_VARIANCE, check_variances


class NTKLinear(nn.Module):
    """x -> weight_scale weight x + bias_scale bias, with standard normal parameters.

    The scales, sqrt(weight_variance / inputs) and sqrt(bias_variance), multiply the
    parameters instead of being in their distribution. The gradients, and with them the
    tangent kernel, then have a limit of infinite width at one learning rate. Without bias
    variance there is no bias.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        weight_variance: float = WEIGHT_VARIANCE,
        bias_variance: float = BIAS_VARIANCE,
    ) -> None:
        super().__init__()
        self.weight_scale = math.sqrt(weight_variance / inputs)
        self.bias_scale = math.sqrt(bias_variance)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, dtype=torch.float64))
        self.bias: nn.Parameter | None = None
        if bias_variance > 0:
            self.bias = nn.Parameter(torch.empty(outputs, dtype=torch.float64))

    def draw(self, stream: torch.Generator) -> None:
        """Draw all parameters anew."""
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=stream)

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias_scale * self.bias
        return F.linear(x, self.weight_scale * self.weight, bias)

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}, weight_scale={self.weight_scale:.3g}"


class Pointwise(nn.Module):
    """An activation value as a module."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x)

    def extra_repr(self) -> str:
        return str(self.activation)


def ntk_mlp(
    inputs: int,
    width: int,
    depth: int,
    outputs: int = 1,
    activation: Activation | str = ACTIVATION,
    weight_variance: float = WEIGHT_VARIANCE,
    bias_variance: float = BIAS_VARIANCE,
    *,
    rng: Rng = 0,
) -> nn.Sequential:
    """A multilayer perceptron in the NTK parametrisation, at initialisation, in float64.

    >>> network = ntk_mlp(3, width=64, depth=2)
    >>> list(network.named_children())[-1]
    ('readout', NTKLinear(64, 1, weight_scale=0.177))

    Parameters
    ----------
    depth : number of hidden layers of `width` units; the read-out comes on top.
    activation, weight_variance, bias_variance : as for `ntk`, to which the tangent kernel
        converges with width; the outputs converge to the process of `nngp`.
    """
    phi = as_activation(activation)
    check_variances(weight_variance, bias_variance)
    inputs, width = whole("inputs", inputs), whole("width", width)
    depth, outputs = whole("depth", depth), whole("outputs", outputs)
    stream = torch.Generator().manual_seed(int(generator(rng).integers(2**62)))
    sizes = [inputs, *[width] * depth, outputs]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in range(depth + 1):
        linear = NTKLinear(sizes[i], sizes[i + 1], weight_variance, bias_variance)
        linear.draw(stream)
        layers[f"hidden{i + 1}" if i < depth else "readout"] = linear
        if i < depth:
            layers[f"act{i + 1}"] = Pointwise(phi)
    return nn.Sequential(layers)
