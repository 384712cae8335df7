"""Multilayer perceptrons as values: their shape without weights."""

import dataclasses as dc
import itertools
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated

import numpy as np
import torch
from torch import nn

from ..core.arrays import Floats
from ..core.errors import require
from ..core.serialize import LATER
from ..core.settings import Count, Positive, Settings, among

ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


@dc.dataclass(frozen=True)
class MLP(Settings):
    """The shape of a multilayer perceptron: `depth` hidden layers of `width` units, and a
    linear read-out. The parametrisation, "standard", "ntk" or "mup", and the richness of
    "mup" affect initialisation and training, but not which functions it can represent.
    """

    inputs: Count
    width: Count
    depth: Count
    outputs: Count
    activation: Annotated[str, among(ACTIVATIONS)] = "relu"
    parametrisation: Annotated[str, among("standard", "ntk", "mup")] = "standard"
    richness: Positive = dc.field(default=1.0, metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.richness == 1 or self.parametrisation == "mup",
            f"`richness` is of the parametrisation 'mup'; not of {self.parametrisation!r}.",
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer, from the inputs to the outputs."""
        return (self.inputs, *(self.width,) * self.depth, self.outputs)

    @property
    def parameters(self) -> int:
        """P: the number of trainable parameters, biases and read-out included."""
        return sum((a + 1) * b for a, b in itertools.pairwise(self.sizes))

    def module(self) -> nn.Sequential:
        """The network as a module, with layers hidden1, act1, ..., readout."""
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for i in range(self.depth):
            layers[f"hidden{i + 1}"] = nn.Linear(self.sizes[i], self.width)
            layers[f"act{i + 1}"] = ACTIVATIONS[self.activation]()
        layers["readout"] = nn.Linear(self.width, self.outputs)
        return nn.Sequential(layers)


def absorb(network: nn.Sequential, offset: Floats, scale: float) -> nn.Sequential:
    """The network with the preparation (x - offset) / scale of the inputs folded into its
    first layer: it takes the data as they are, with the same outputs of every layer. If the
    first layer is not linear, a layer `prepare` is put in front.
    """
    if not np.any(offset) and scale == 1:
        return network
    first = network[0]
    if not isinstance(first, nn.Linear):
        layers = OrderedDict(network.named_children())
        return nn.Sequential(OrderedDict(prepare=Prepare(offset, scale)) | layers).eval()
    with torch.no_grad():
        first.weight.div_(scale)
        first.bias.sub_(first.weight @ torch.from_numpy(offset).to(first.weight))
    return network


class Prepare(nn.Module):
    """x -> (x - offset) / scale."""

    offset: torch.Tensor

    def __init__(self, offset: Floats, scale: float) -> None:
        super().__init__()
        self.register_buffer("offset", torch.from_numpy(offset).float())
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.offset) / self.scale
