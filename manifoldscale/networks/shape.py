"""What is known about a student before it has weights."""

import functools
from typing import Protocol

from torch import nn

from .draws import DrawsFrom


class Shape(Protocol):
    """A student of one width: a frozen, hashable value that determines the network."""

    @property
    def inputs(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def outputs(self) -> int: ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of its layers; students of other sizes get other seeds."""

    @property
    def parameters(self) -> int:
        """P: the number of trainable parameters."""

    def module(self) -> nn.Module:
        """A network, with parameters as drawn by torch."""

    def __hash__(self) -> int: ...


@functools.cache
def count_parameters(shape: Shape) -> int:
    with DrawsFrom(0):
        module = shape.module()
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
