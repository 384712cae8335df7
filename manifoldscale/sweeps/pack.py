"""A pack: many networks of one shape as one batched network.

The weights of E multilayer perceptrons are stacked, (E x in x out), and every layer is one
batched product; any other module is run under `torch.func.vmap`. Members do not interact:
each trains as it would alone, and one that diverges harms no other. A module that keeps
state from step to step, or draws random numbers, cannot be batched: it is a pack of one.
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
from ..networks.shape import Shape
from .factory import layout_of
from .flat import Flat
from .scales import scales_of


class Pack(Protocol):
    """E networks of one shape, each initialised from its own seed."""

    flat: Flat

    def __len__(self) -> int: ...

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """(E x batch x inputs) to (E x batch x outputs)."""

    def eval(self) -> None:
        """Switch to eval mode: without dropout, with the statistics of training."""

    def tested(self) -> AbstractContextManager[None]:
        """Eval mode inside the context; the state is restored after it."""

    def buffers(self) -> list[Tensor]:
        """Copies of what training changes beside the parameters; of a pack of one only."""

    def set_buffers(self, values: Sequence[Tensor]) -> None:
        """Put back what `buffers` gave."""

    def member(self, index: int) -> nn.Module:
        """One member as a module of its own, weights copied."""


class MLPPack:
    """Multilayer perceptrons, by batched products.

    In the standard parametrisation weights are drawn from N(0, gain / fan-in), ten times
    smaller in the read-out, and biases from N(0, 0.1^2). In the "ntk" parametrisation all
    are drawn from N(0, 1), and all layers, the read-out included, have the factors
    sqrt(gain / fan-in) for weights and 0.1 for biases. Gradient descent at one learning
    rate then has a limit of infinite width,
    `theory.ntk(weight_variance=gain, bias_variance=0.01)`. In "mup" it has a limit in which
    features are learned; its rates differ between layers (`sweeps.scales`).
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
        scales = scales_of(shape)
        self.scales = [(weight.factor, bias.factor) for weight, bias in scales]
        drawn = []
        for layer, (weight, bias) in enumerate(scales):
            fan_in, fan_out = shape.sizes[layer : layer + 2]
            for rows, scale in ((fan_in, weight), (1, bias)):
                values = scale.std * _normal(streams, rows, fan_out)
                drawn.append(values.to(device, dtype))
        flat = [scale for pair in scales for scale in pair]
        alike = shape.parametrisation != "mup"
        self.flat = Flat(drawn, None if alike else [(s.step, s.slope) for s in flat])

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
        """Nothing changes: they compute the same in either mode."""

    def tested(self) -> AbstractContextManager[None]:
        return nullcontext()

    def buffers(self) -> list[Tensor]:
        return []

    def set_buffers(self, values: Sequence[Tensor]) -> None:
        """There are none."""

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
    `torch.func.vmap`. Each member has its own buffers and untrained parameters.
    """

    def __init__(
        self,
        shape: Shape,
        seeds: Sequence[int],
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        modules = [initialised(shape, seed).to(device, dtype) for seed in seeds]
        self.shape, self.module = shape, modules[0].train()
        self.layout = layout_of(shape)
        self.names = _trained(self.module)
        states = [_state(module) for module in modules]
        self.fixed = {
            name: torch.stack([state[name].detach() for state in states])
            for name in states[0]
        }
        self.flat = Flat([self.fixed.pop(name) for name in self.names])

    def __len__(self) -> int:
        return len(self.flat.values)

    def __call__(self, inputs: Tensor, /) -> Tensor:
        def one(state: dict[str, Tensor], x: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self.module, state, (x,))
            return outputs

        batched: Tensor = torch.func.vmap(one)(self._stacked(), self.layout(inputs))
        return batched

    def eval(self) -> None:
        self.module.eval()

    def tested(self) -> AbstractContextManager[None]:
        return _tested(self.module)

    def buffers(self) -> list[Tensor]:
        return []

    def set_buffers(self, values: Sequence[Tensor]) -> None:
        """Training does not change them: else it could not be batched."""

    def member(self, index: int) -> nn.Module:
        state = {name: value[index] for name, value in self._stacked().items()}
        return _with_state(self.shape, state, self.flat.values)

    def _stacked(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.flat.leaves, strict=True)) | self.fixed


class SinglePack:
    """One module, called directly: its buffers may change from step to step, and its random
    numbers come from a stream of its seed.
    """

    def __init__(
        self,
        shape: Shape,
        seed: int,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        self.shape = shape
        self.module = initialised(shape, seed).to(device, dtype).train()
        self.layout = layout_of(shape)
        self.names = _trained(self.module)
        parameters = dict(self.module.named_parameters())
        self.flat = Flat([parameters[name].detach()[None] for name in self.names])
        self.draws = DrawsFrom(int(keyed(seed, "masks").integers(2**63)))

    def __len__(self) -> int:
        return 1

    def __call__(self, inputs: Tensor, /) -> Tensor:
        with self.draws:
            given = (self.layout(inputs[0]),)
            outputs: Tensor = functional_call(self.module, self._parameters(), given)
        return outputs[None]

    def eval(self) -> None:
        self.module.eval()

    @contextmanager
    def tested(self) -> Iterator[None]:
        draws, self.draws = self.draws, DrawsFrom(0)  # for what it draws in eval mode
        try:
            with _tested(self.module):
                yield
        finally:
            self.draws = draws

    def buffers(self) -> list[Tensor]:
        return [buffer.clone() for buffer in self.module.buffers()]

    def set_buffers(self, values: Sequence[Tensor]) -> None:
        for buffer, value in zip(self.module.buffers(), values, strict=True):
            buffer.copy_(value)

    def member(self, index: int) -> nn.Module:
        state = _state(self.module) | self._parameters()
        return _with_state(self.shape, state, self.flat.values)

    def _parameters(self) -> dict[str, Tensor]:
        leaves = zip(self.names, self.flat.leaves, strict=True)
        return {name: leaf[0] for name, leaf in leaves}


def initialised(shape: Shape, seed: int) -> nn.Module:
    """A network of this shape; its random numbers depend only on the seed."""
    with DrawsFrom(seed):
        return shape.module()


@contextmanager
def _tested(module: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards each part returns to its mode, and buffers to their values."""
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


def _with_state(shape: Shape, state: dict[str, Tensor], like: Tensor) -> nn.Module:
    """A network of this shape with these values, in eval mode, with the type and device of
    `like`.
    """
    made = initialised(shape, 0).to(like.device, like.dtype)
    own = _state(made)
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)
    return made.eval()


def _normal(streams: Sequence[torch.Generator], rows: int, columns: int) -> Tensor:
    """Standard normal (streams x rows x columns), each slice from its own stream."""
    draws = torch.empty(len(streams), rows, columns, dtype=torch.float64)
    for own, stream in zip(draws, streams, strict=True):
        own.normal_(generator=stream)
    return draws
