"""A pack: many networks of one shape as one batched network.

The weights of E multilayer perceptrons are stacked, (E x in x out), and every layer is
one batched product. Members never meet: each product, activation and loss is a member's
own, so a member trains as it would alone, and one that diverges harms no other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..networks.mlp import ACTIVATIONS, MLP

GAIN = {"relu": 2.0, "gelu": 2.0, "tanh": 1.0}
BIAS_STD = 0.1  # not zero, so that kinks do not all pass through the origin
# A network at initialisation is a random function: on inputs it has not seen it is noise
# on the labels. A small read-out keeps that noise below the targets.
READOUT_SCALE = 0.1


class Pack:
    """E networks of one shape, each initialised from its own seed.

    Weights are drawn from N(0, gain / fan-in), those of the read-out ten
    times smaller; biases are drawn from N(0, 0.1^2).
    """

    def __init__(
        self,
        shape: MLP,
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        self.shape = shape
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        self.activation = ACTIVATIONS[shape.activation]()
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        for layer in range(shape.depth + 1):
            fan_in, fan_out = shape.sizes[layer : layer + 2]
            std = (GAIN[shape.activation] / fan_in) ** 0.5
            if layer == shape.depth:
                std = READOUT_SCALE * fan_in**-0.5
            weight, bias = _normal(streams, fan_in, fan_out), _normal(streams, 1, fan_out)
            self.weights.append((std * weight).to(device, dtype).requires_grad_())
            self.biases.append((BIAS_STD * bias).to(device, dtype).requires_grad_())

    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def __len__(self) -> int:
        return len(self.weights[0])

    def __call__(self, inputs: Tensor) -> Tensor:
        """(E x batch x inputs) to (E x batch x outputs)."""
        hidden = inputs
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if i < last:
                hidden = self.activation(hidden)
        return hidden

    def member(self, index: int) -> nn.Sequential:
        """One member as a module of its own, weights copied."""
        module = self.shape.module().to(self.weights[0].dtype)
        linear = [layer for layer in module if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, weight, bias in zip(linear, self.weights, self.biases, strict=True):
                layer.weight.copy_(weight[index].T)
                layer.bias.copy_(bias[index, 0])
        return module.eval()


def _normal(streams: Sequence[torch.Generator], rows: int, columns: int) -> Tensor:
    """Standard normal (streams x rows x columns), each slice from its own stream."""
    draws = [
        torch.randn(rows, columns, generator=stream, dtype=torch.float64)
        for stream in streams
    ]
    return torch.stack(draws)
