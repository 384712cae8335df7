"""A pack: many networks of one shape as one batched network.

The weights of E multilayer perceptrons are stacked, (E x in x out), and every layer is
one batched product; any other module is run under `torch.func.vmap`. Members never meet:
each product, activation and loss is a member's own, so a member trains as it would alone,
and one that diverges harms no other.
"""

import copy
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..core.errors import require
from ..networks.mlp import ACTIVATIONS, MLP
from .flat import Flat

GAIN = {"relu": 2.0, "gelu": 2.0, "tanh": 1.0}
BIAS_STD = 0.1  # not zero, so that kinks do not all pass through the origin
# A network at initialisation is a random function: on inputs it has not seen it is noise
# on the labels. A small read-out keeps that noise below the targets.
READOUT_SCALE = 0.1


class Pack(Protocol):
    """E networks of one shape, each initialised from its own seed."""

    flat: Flat

    def __len__(self) -> int: ...

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """(E x batch x inputs) to (E x batch x outputs)."""

    def member(self, index: int) -> nn.Sequential:
        """One member as a module of its own, weights copied."""


class MLPPack:
    """Multilayer perceptrons, by batched products.

    In the standard parametrisation weights are drawn from N(0, gain / fan-in), those of
    the read-out ten times smaller; biases from N(0, 0.1^2). In the "ntk" parametrisation
    all are drawn from N(0, 1) and the layers carry the factors sqrt(gain / fan-in), the
    read-out too, and 0.1: gradient descent at one learning rate then has a limit of
    infinite width, that of `theory.ntk(weight_variance=gain, bias_variance=0.01)`.
    """

    def __init__(
        self,
        shape: MLP,
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        self.shape = shape
        self.activation = ACTIVATIONS[shape.activation]()
        streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.scales: list[tuple[float, float]] = []
        drawn = []
        for layer in range(shape.depth + 1):
            fan_in, fan_out = shape.sizes[layer : layer + 2]
            std = (GAIN[shape.activation] / fan_in) ** 0.5, BIAS_STD
            if shape.parametrisation == "ntk":
                self.scales.append(std)
                std = 1.0, 1.0
            else:
                self.scales.append((1.0, 1.0))
                if layer == shape.depth:
                    std = READOUT_SCALE * fan_in**-0.5, BIAS_STD
            for rows, scale in ((fan_in, std[0]), (1, std[1])):
                values = scale * _normal(streams, rows, fan_out)
                drawn.append(values.to(device, dtype))
        self.flat = Flat(drawn)

    @property
    def weights(self) -> list[Tensor]:
        return self.flat.leaves[::2]

    @property
    def biases(self) -> list[Tensor]:
        return self.flat.leaves[1::2]

    def __len__(self) -> int:
        return len(self.flat.values)

    def __call__(self, inputs: Tensor, /) -> Tensor:
        hidden = inputs
        last = len(self.scales) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            alpha, beta = self.scales[i]
            hidden = torch.baddbmm(bias, hidden, weight, alpha=alpha, beta=beta)
            if i < last:
                hidden = self.activation(hidden)
        return hidden

    def member(self, index: int) -> nn.Sequential:
        module = self.shape.module().to(self.flat.values.dtype)
        linear = [layer for layer in module if isinstance(layer, nn.Linear)]
        layers = zip(linear, self.scales, self.weights, self.biases, strict=True)
        with torch.no_grad():
            for layer, (alpha, beta), weight, bias in layers:
                layer.weight.copy_(alpha * weight[index].T)
                layer.bias.copy_(beta * bias[index, 0])
        return module.eval()


class ModulePack:
    """Copies of any module, initialised by the module itself from each seed, run under
    `torch.func.vmap`.

    Raises
    ------
    ManifoldScaleError : a module with batch normalisation, whose statistics would be those
        of what happens to be in a batch, or without a parameter to train.
    """

    def __init__(
        self,
        shape: "ModuleShape",
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        modules = [_initialised(shape, seed).to(device, dtype) for seed in seeds]
        self.module = modules[0]
        for name, module in self.module.named_modules():
            require(
                not isinstance(module, nn.modules.batchnorm._BatchNorm),
                f"{name!r} is a batch normalisation, which a pack cannot train: use "
                "LayerNorm or GroupNorm.",
            )
        self.names = [n for n, p in self.module.named_parameters() if p.requires_grad]
        require(bool(self.names), f"{shape} has no parameter to train.")
        states = [dict(module.named_parameters()) for module in modules]
        stacked = [
            torch.stack([state[name].detach() for state in states]) for name in self.names
        ]
        self.flat = Flat(stacked)

    def __len__(self) -> int:
        return len(self.flat.values)

    def __call__(self, inputs: Tensor, /) -> Tensor:
        def one(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.module, parameters, (x,))
            return outputs

        leaves = dict(zip(self.names, self.flat.leaves, strict=True))
        batched: Tensor = torch.func.vmap(one, randomness="different")(leaves, inputs)
        return batched

    def member(self, index: int) -> nn.Sequential:
        module = copy.deepcopy(self.module)
        parameters = dict(module.named_parameters())
        with torch.no_grad():
            for name, leaf in zip(self.names, self.flat.leaves, strict=True):
                parameters[name].copy_(leaf[index])
        if not isinstance(module, nn.Sequential):
            module = nn.Sequential(module)
        return module.eval()


class ModuleShape(Protocol):
    """What a pack of modules needs of their shape."""

    def module(self) -> nn.Module:
        """A network, its parameters drawn from torch's global generator."""


def _initialised(shape: ModuleShape, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return shape.module()


def _normal(streams: Sequence[torch.Generator], rows: int, columns: int) -> Tensor:
    """Standard normal (streams x rows x columns), each slice from its own stream."""
    draws = [
        torch.randn(rows, columns, generator=stream, dtype=torch.float64)
        for stream in streams
    ]
    return torch.stack(draws)
