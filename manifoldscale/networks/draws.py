"""Random numbers that torch's modules draw, from a private generator.

Modules draw their initial weights and the masks of dropout from torch's global generator.
Seeding it would change it for all threads of the process: two threads that do so at once
get neither their own numbers nor the same numbers twice. Here every draw inside a `with`
uses a private generator; nothing global is read or changed.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


class DrawsFrom(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, torch's random operations in this thread draw from a stream with this seed:
    the numbers that `torch.manual_seed(seed)` would give.

    >>> with DrawsFrom(0):
    ...     first = torch.randn(2)
    >>> with DrawsFrom(0) as stream:
    ...     again = torch.randn(2)
    >>> bool((first == again).all()), stream.drawn
    (True, True)

    drawn : whether anything was drawn.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seed, self.drawn = seed, False
        self.generators: dict[torch.device, torch.Generator] = {}

    def generator(self, device: torch.device) -> torch.Generator:
        """The stream on a device; later draws continue it."""
        if device not in self.generators:
            stream = torch.Generator(device).manual_seed(self.seed)
            self.generators[device] = stream
        return self.generators[device]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        stream = self.generator(_device(args, kwargs))
        mine = _with_generator(func)
        if mine is not None:
            self.drawn = True
            return mine(*args, **{**kwargs, "generator": stream})
        own = WITHOUT.get(func.overloadpacket)
        if own is not None:
            self.drawn = True
            return own(stream, *args, **kwargs)
        # Some, such as attention, are marked as random for a rarely used argument.
        return func(*args, **kwargs)


def _device(args: Any, kwargs: Mapping[str, Any]) -> torch.device:
    tensors = [value for value in args if isinstance(value, Tensor)]
    named = kwargs.get("device")
    return torch.device(named) if named else tensors[0].device if tensors else CPU


CPU = torch.device("cpu")


@functools.cache
def _with_generator(func: Any) -> Any:
    """The operation, or its overload, that takes a generator; None if there is none."""
    names = _arguments(func)
    if "generator" in names:
        return func
    packet = func.overloadpacket
    overloads = [getattr(packet, name) for name in packet.overloads()]
    return next((o for o in overloads if _arguments(o) == names | {"generator"}), None)


def _arguments(func: Any) -> set[str]:
    return {one.name for one in func._schema.arguments}


def _dropout(
    stream: torch.Generator, x: Tensor, p: float, train: bool | None
) -> tuple[Tensor, Tensor]:
    if train is False:
        return x.clone(), torch.ones_like(x, dtype=torch.bool)
    keep = torch.empty_like(x).bernoulli_(1 - p, generator=stream)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return x * keep * scale, keep.bool()


# Operations that take no generator in any form.
WITHOUT: Mapping[Any, Callable[..., Any]] = {aten.native_dropout: _dropout}
