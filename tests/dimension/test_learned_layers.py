"""Auto on images under networks, which keep the dimension of what they are fed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms

DIMS = (2, 4, 6, 10, 16)
SIZES = (800, 2500, 5000)


def convolutional(dim: int, activation: type[nn.Module]) -> nn.Module:
    """A generator of images of 16 x 16 x 3."""
    return nn.Sequential(
        nn.Linear(dim, 256),
        activation(),
        nn.Unflatten(1, (16, 4, 4)),
        nn.ConvTranspose2d(16, 16, 4, 2, 1),
        activation(),
        nn.ConvTranspose2d(16, 3, 4, 2, 1),
        nn.Tanh(),
        nn.Flatten(),
    )


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width, bias=False)
        self.outer = nn.Linear(width, width, bias=False)
        nn.init.normal_(self.inner.weight, std=(2 / width) ** 0.5)
        nn.init.normal_(self.outer.weight, std=width**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = x + self.outer(torch.relu(self.inner(x)))
        return y


def residual(dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, 64, bias=False), *(Residual(64) for _ in range(4)))


def dense(dim: int, width: int, activation: type[nn.Module]) -> nn.Module:
    layers: list[nn.Module] = []
    for fan_in in (dim, width, width):
        linear = nn.Linear(fan_in, width)
        nn.init.normal_(linear.weight, std=(2 / fan_in) ** 0.5)
        nn.init.normal_(linear.bias, std=0.2)
        layers += [linear, activation()]
    return nn.Sequential(*layers)


LEAST = 0.95 - 4 * (0.95 * 0.05 / 45) ** 0.5  # 45 draws


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "least"),
    [
        (lambda d: convolutional(d, nn.ReLU), LEAST),
        (lambda d: convolutional(d, nn.GELU), LEAST),
        (residual, LEAST),
        (lambda d: dense(d, 128, nn.GELU), LEAST),
        (lambda d: dense(d, 128, nn.LeakyReLU), LEAST),
        # Deep and narrow: 0.3 before the references had networks.
        (lambda d: dense(d, 64, nn.ReLU), 0.8),
    ],
    ids=["conv ReLU", "conv GELU", "residual", "GELU", "leaky ReLU", "narrow ReLU"],
)
def test_intervals_hold_the_dimension_of_what_a_network_is_fed(
    network: Callable[[int], nn.Module], least: float
) -> None:
    held, errors = [], []
    for seed in range(9):
        for dim in DIMS:
            torch.manual_seed(100 * seed + dim)
            with torch.no_grad():
                fed = torch.randn(SIZES[seed % 3], dim)
                points = network(dim)(fed).double().numpy()
            found = ms.estimate(points, ms.dimension.Auto())
            held.append(dim in found.interval)
            errors.append(abs(found.value / dim - 1))
    assert np.mean(held) >= least
    assert np.mean(errors) < 0.15
