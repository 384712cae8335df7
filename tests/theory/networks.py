"""Finite networks in the NTK parametrisation, to hold the kernels against."""

import math

import torch
from torch import Tensor

from manifoldscale.theory import Activation


def forward(
    x: Tensor,
    parameters: list[tuple[Tensor, Tensor]],
    phi: Activation,
    weight_variance: float,
    bias_variance: float,
) -> Tensor:
    """The output of a network whose weights and biases are standard normal."""
    for layer, (weight, bias) in enumerate(parameters):
        x = phi(x) if layer else x
        scale = math.sqrt(weight_variance / weight.shape[1])
        x = scale * (x @ weight.T) + math.sqrt(bias_variance) * bias
    return x


def draw(
    n_features: int, width: int, depth: int, outputs: int, seed: int
) -> list[tuple[Tensor, Tensor]]:
    """Standard normal (weight, bias) of each layer."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [n_features, *[width] * depth, outputs]
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    options = {"generator": generator, "dtype": torch.float64}
    return [
        (torch.randn(shape, **options), torch.randn(shape[0], **options))
        for shape in shapes
    ]


def features(x: Tensor, parameters: list[tuple[Tensor, Tensor]], *setting) -> Tensor:
    """Last hidden pre-activations: their empirical covariance is the NNGP's estimate."""
    return forward(x, parameters, *setting)


def autograd_ntk(x: Tensor, parameters: list[tuple[Tensor, Tensor]], *setting) -> Tensor:
    """J J^T of a network of one output, by automatic differentiation, row by row."""
    flat = [tensor.requires_grad_() for layer in parameters for tensor in layer]
    outputs = forward(x, parameters, *setting)[:, 0]
    rows = []
    for output in outputs:
        gradients = torch.autograd.grad(output, flat, retain_graph=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    jacobian = torch.stack(rows)
    return jacobian @ jacobian.T
