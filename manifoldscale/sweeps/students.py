"""Students: the shapes of the networks that a sweep trains."""

import dataclasses as dc
import functools
import hashlib
import inspect
import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..core.errors import ManifoldScaleError, require
from ..core.settings import check_fields
from ..core.source import check_unchanged, source_hash
from ..data import as_users, from_python, python_function
from ..networks.draws import DrawsFrom
from ..networks.fingerprint import without_addresses
from ..networks.mlp import MLP

STUDENTS = ("mlp", "cnn")
SETTINGS = ("depth", "activation", "parametrisation")  # of the student "mlp"


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
    named as "py:module:function", with those of `SETTINGS` that it takes by name.

    code : a hash of the source of the function's module and of what that imports.
    made : a hash of the modules and weights by name and shape of what it makes, which may
        depend on a file that it reads.
    """

    factory: str
    inputs: int
    width: int
    outputs: int
    settings: tuple[tuple[str, Any], ...] = ()
    code: str = ""
    made: str = ""

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, self.width, self.outputs)

    @property
    def parameters(self) -> int:
        return count_parameters(self)

    def module(self) -> nn.Module:
        sizes = self.inputs, self.outputs, self.width
        made = from_python(
            self.factory, *sizes, name="`student`", named=dict(self.settings)
        )
        if not isinstance(made, nn.Module):
            raise ManifoldScaleError(
                f"`student` {self.factory!r} must return a torch module; it returned "
                f"{type(made).__name__}."
            )
        _materialise(made, self.inputs)
        return made

    def check_code(self) -> None:
        """Refuse to train another code than that which the keys of the runs name."""
        python_function(self.factory, "`student`")
        require(
            source_hash(self.factory) == self.code,
            f"`student` {self.factory!r} is not the same code here as where the sweep was "
            "started: its files were edited in between. Start the workers again, and the "
            "sweep.",
        )


def _materialise(module: nn.Module, inputs: int) -> None:
    """Give lazy layers their weights, which a first pass does."""
    values = itertools.chain(module.parameters(), module.buffers())
    if any(is_lazy(value) for value in values):
        first = as_users("`student`, whose lazy layers see their first examples,")
        with first, torch.no_grad():
            module.eval()(torch.zeros(2, inputs))
        module.train()


@functools.cache
def count_parameters(shape: "CNN | FromFactory") -> int:
    with DrawsFrom(0):
        module = shape.module()
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


AnyShape = MLP | CNN | FromFactory


def shape_of(
    student: str, inputs: int, outputs: int, width: int, settings: Mapping[str, Any]
) -> AnyShape:
    """The network of this width; `settings` has a value for each of `SETTINGS`."""
    if student == "mlp":
        return MLP(inputs, width, outputs=outputs, **settings)
    if student == "cnn":
        return CNN(inputs, width, outputs)
    taken = tuple((name, settings[name]) for name in taken_by(student))
    code = source_hash(student)
    shape = FromFactory(student, inputs, width, outputs, taken, code)
    return dc.replace(shape, made=_made(shape))


@functools.cache
def _made(shape: FromFactory) -> str:
    with DrawsFrom(0):
        module = shape.module()
    weights = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    text = without_addresses(f"{module}{weights}")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def taken_by(student: str) -> tuple[str, ...]:
    """Which of `SETTINGS` the student takes."""
    if student in STUDENTS:
        return SETTINGS if student == "mlp" else ()
    require(
        isinstance(student, str) and student.startswith("py:"),
        f"`student` must be one of {', '.join(map(repr, STUDENTS))}, or "
        f"'py:module:function'; not {student!r}.",
    )
    function = python_function(student, "`student`")
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some built-in functions do not tell
        return ()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {one.name for one in parameters if one.kind in named}
    return tuple(name for name in SETTINGS if name in names)


def check_taken(student: str, names: set[str]) -> None:
    """Refuse settings that the student does not take: they would change nothing."""
    named = [name for name in SETTINGS if name in names]
    own = taken_by(student) if named else ()
    ignored = [name for name in named if name not in own]
    if not ignored:
        return
    remedy = "Leave it out, or use the student 'mlp'."
    if student.startswith("py:"):
        remedy = (
            "A function of yours is given it where it has a parameter of that name: "
            f"def student(inputs, outputs, width, {ignored[0]})."
        )
    raise ManifoldScaleError(
        f"The student {student!r} does not take {' or '.join(map('`{}`'.format, ignored))} "
        f"and would be the same network whatever is given. {remedy}"
    )


def check_loaded(student: str) -> None:
    """Refuse a function of the user's whose files changed since they were imported."""
    if student.startswith("py:"):
        python_function(student, "`student`")
        check_unchanged(student, f"`student` {student!r}")
