"""A pack: many networks of one shape as one batched network.

The weights of E multilayer perceptrons are stacked, (E x in x out), and every layer is
one batched product; any other module is run under `torch.func.vmap`. Members never meet:
each product, activation and loss is a member's own, so a member trains as it would alone,
and one that diverges harms no other. A module that keeps something from step to step, or
draws random numbers, cannot be batched so: it is a pack of one.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..core.errors import require
from ..core.random import keyed
from ..networks.draws import DrawsFrom
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

    def eval(self) -> None:
        """From now on as when tested: without dropout, with the statistics of training."""

    def tested(self) -> AbstractContextManager[None]:
        """Inside, it computes as when tested; after it, all is as it was before."""

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

    def eval(self) -> None:
        """They compute the same when tested."""

    def tested(self) -> AbstractContextManager[None]:
        return nullcontext()

    def member(self, index: int) -> nn.Sequential:
        with DrawsFrom(0):
            module = self.shape.module().to(self.flat.values.dtype)
        linear = [layer for layer in module if isinstance(layer, nn.Linear)]
        layers = zip(linear, self.scales, self.weights, self.biases, strict=True)
        with torch.no_grad():
            for layer, (alpha, beta), weight, bias in layers:
                layer.weight.copy_(alpha * weight[index].T)
                layer.bias.copy_(beta * bias[index, 0])
        return module.eval()


class ModulePack:
    """Copies of a module, initialised by the module itself from each seed, run under
    `torch.func.vmap`. Buffers and parameters that are not trained are each member's own.
    """

    def __init__(
        self,
        shape: "ModuleShape",
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        modules = [initialised(shape, seed).to(device, dtype) for seed in seeds]
        self.shape, self.module = shape, modules[0].train()
        self.names = _trained(self.module)
        states = [_state(module) for module in modules]
        stacked = {
            name: torch.stack([state[name].detach() for state in states])
            for name in states[0]
        }
        self.flat = Flat([stacked.pop(name) for name in self.names])
        self.fixed = stacked

    def __len__(self) -> int:
        return len(self.flat.values)

    def __call__(self, inputs: Tensor, /) -> Tensor:
        def one(state: dict[str, Tensor], x: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.module, state, (x,))
            return outputs

        batched: Tensor = torch.func.vmap(one)(self._stacked(), inputs)
        return batched

    def eval(self) -> None:
        self.module.eval()

    def tested(self) -> AbstractContextManager[None]:
        return _tested(self.module)

    def member(self, index: int) -> nn.Sequential:
        state = {name: value[index] for name, value in self._stacked().items()}
        return _with_state(self.shape, state, self.flat.values)

    def _stacked(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.flat.leaves, strict=True)) | self.fixed


class SinglePack:
    """One module, called as it is: its buffers may change from step to step, and what it
    draws comes from a stream of its seed.
    """

    def __init__(
        self,
        shape: "ModuleShape",
        seed: int,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        self.shape = shape
        self.module = initialised(shape, seed).to(device, dtype).train()
        self.names = _trained(self.module)
        parameters = dict(self.module.named_parameters())
        self.flat = Flat([parameters[name].detach()[None] for name in self.names])
        self.draws = DrawsFrom(int(keyed(seed, "masks").integers(2**63)))

    def __len__(self) -> int:
        return 1

    def __call__(self, inputs: Tensor, /) -> Tensor:
        with self.draws:
            outputs: Tensor = functional_call(self.module, self._parameters(), (inputs[0],))
        return outputs[None]

    def eval(self) -> None:
        self.module.eval()

    @contextmanager
    def tested(self) -> Iterator[None]:
        draws, self.draws = self.draws, DrawsFrom(0)  # what it draws when tested, if any
        try:
            with _tested(self.module):
                yield
        finally:
            self.draws = draws

    def member(self, index: int) -> nn.Sequential:
        state = _state(self.module) | self._parameters()
        return _with_state(self.shape, state, self.flat.values)

    def _parameters(self) -> dict[str, Tensor]:
        leaves = zip(self.names, self.flat.leaves, strict=True)
        return {name: leaf[0] for name, leaf in leaves}


class ModuleShape(Protocol):
    """What a pack of modules needs of their shape."""

    def module(self) -> nn.Module:
        """A network, its parameters drawn as torch draws them."""


def initialised(shape: ModuleShape, seed: int) -> nn.Module:
    """A network of this shape, its random numbers those of the seed alone."""
    with DrawsFrom(seed):
        return shape.module()


@contextmanager
def _tested(module: nn.Module) -> Iterator[None]:
    """In eval mode; each part then goes back to its mode, and buffers to their values."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for buffer, value in buffers:
            buffer.copy_(value)


def _trained(module: nn.Module) -> list[str]:
    names = [name for name, p in module.named_parameters() if p.requires_grad]
    require(bool(names), f"{type(module).__name__} has no parameter to train.")
    return names


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _with_state(
    shape: ModuleShape, state: dict[str, Tensor], like: Tensor
) -> nn.Sequential:
    """A network of this shape with these values, ready to be tested, of the type and on
    the device of `like`.
    """
    made = initialised(shape, 0).to(like.device, like.dtype)
    own = _state(made)
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)
    if not isinstance(made, nn.Sequential):
        made = nn.Sequential(made)
    return made.eval()


def _normal(streams: Sequence[torch.Generator], rows: int, columns: int) -> Tensor:
    """Standard normal (streams x rows x columns), each slice from its own stream."""
    draws = [
        torch.randn(rows, columns, generator=stream, dtype=torch.float64)
        for stream in streams
    ]
    return torch.stack(draws)
