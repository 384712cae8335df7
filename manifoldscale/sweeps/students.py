"""Students: the shapes of the networks that a sweep trains."""

import dataclasses as dc
import functools
from collections.abc import Sequence

import torch
from torch import nn

from ..core.errors import ManifoldScaleError, require
from ..core.settings import check_fields
from ..data import from_python
from ..networks.mlp import MLP
from .pack import MLPPack, ModulePack, Pack

STUDENTS = ("mlp", "cnn")


@dc.dataclass(frozen=True)
class CNN:
    """A small convolutional network for square images of one channel, as in Sharma and
    Kaplan: two 3 x 3 convolutions of `width` and 2 `width` channels, each with a maximum
    over 2 x 2, a hidden layer of 32 units, and a read-out.
    """

    inputs: int
    width: int
    outputs: int

    def __post_init__(self) -> None:
        check_fields(self)
        side = round(self.inputs**0.5)
        require(
            side * side == self.inputs and side >= 4,
            f"The cnn takes square images of at least 4 x 4 pixels; the task has "
            f"{self.inputs} inputs.",
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, self.width, 2 * self.width, 32, self.outputs)

    @property
    def parameters(self) -> int:
        return count_parameters(self)

    def module(self) -> nn.Sequential:
        side = round(self.inputs**0.5)
        w, left = self.width, (side // 4) ** 2
        return nn.Sequential(
            nn.Unflatten(-1, (1, side, side)),
            nn.Conv2d(1, w, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(w, 2 * w, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * w * left, 32),
            nn.ReLU(),
            nn.Linear(32, self.outputs),
        )


@dc.dataclass(frozen=True)
class FromFactory:
    """Networks that a function of the user's makes: `factory(inputs, outputs, width)`,
    named as "py:module:function".
    """

    factory: str
    inputs: int
    width: int
    outputs: int

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, self.width, self.outputs)

    @property
    def parameters(self) -> int:
        return count_parameters(self)

    def module(self) -> nn.Module:
        sizes = self.inputs, self.outputs, self.width
        made = from_python(self.factory, *sizes, name="`student`")
        if not isinstance(made, nn.Module):
            raise ManifoldScaleError(
                f"`student` {self.factory!r} must return a torch module; it returned "
                f"{type(made).__name__}."
            )
        return made


@functools.cache
def count_parameters(shape: "CNN | FromFactory") -> int:
    with torch.random.fork_rng(devices=[]):
        module = shape.module()
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


AnyShape = MLP | CNN | FromFactory


def shape_of(
    student: str,
    inputs: int,
    outputs: int,
    width: int,
    depth: int,
    activation: str,
    parametrisation: str,
) -> AnyShape:
    """The network of this width."""
    if student == "mlp":
        return MLP(inputs, width, depth, outputs, activation, parametrisation)
    if student == "cnn":
        return CNN(inputs, width, outputs)
    if student.startswith("py:"):
        return FromFactory(student, inputs, width, outputs)
    raise ManifoldScaleError(
        f"`student` must be one of {', '.join(map(repr, STUDENTS))}, or "
        f"'py:module:function'; not {student!r}."
    )


def make_pack(
    shape: AnyShape, seeds: Sequence[int], dtype: torch.dtype, device: str
) -> Pack:
    """Networks of this shape, ready to train."""
    if isinstance(shape, MLP):
        return MLPPack(shape, seeds, dtype, device)
    return ModulePack(shape, seeds, dtype, device)
