"""Students that are made by a user's function."""

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

from ..core.errors import ManifoldScaleError, is_whole, require
from ..core.serialize import LATER
from ..core.source import check_unchanged, source_hash
from ..data import as_users, from_python, python_function
from ..networks.draws import DrawsFrom
from ..networks.fingerprint import without_addresses
from ..networks.layout import FLAT, Layout
from ..networks.shape import Shape, count_parameters

TRIED = 4  # examples on which a layout is tried


@dc.dataclass(frozen=True)
class FromFactory:
    """Networks that are made by a user's function `factory(inputs, outputs, width)`, named
    as "py:module:function", with the settings that it takes by name. One that needs no
    arguments is given those of the three that it takes by name.

    width : 0 where the function takes none: there is one network.
    code : a hash of the source of the function's module and of its imports.
    made : a hash of the network that it makes, its modules and the names and shapes of its
        weights, which may depend on a file that it reads.
    layout : the shape in which the network takes an example.
    """

    factory: str
    inputs: int
    width: int
    outputs: int
    settings: tuple[tuple[str, Any], ...] = ()
    code: str = ""
    made: str = ""
    layout: Layout = dc.field(default=FLAT, metadata=LATER)

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.inputs, self.width, self.outputs)

    @property
    def parameters(self) -> int:
        return count_parameters(self)

    def module(self) -> nn.Module:
        given, named = self.arguments
        made = from_python(self.factory, *given, name="`student`", named=named)
        if not isinstance(made, nn.Module):
            raise ManifoldScaleError(
                f"`student` {self.factory!r} must return a torch module; it returned "
                f"{type(made).__name__}."
            )
        _materialise(made, self.layout(torch.zeros(2, self.inputs)))
        return made

    @property
    def arguments(self) -> tuple[tuple[int, ...], dict[str, Any]]:
        """What the function is called with, by place and by name."""
        named = dict(self.settings)
        if needs_sizes(self.factory):
            return (self.inputs, self.outputs, self.width), named
        sizes = {"inputs": self.inputs, "outputs": self.outputs, "width": self.width}
        taken = parameters_of(self.factory)
        return (), {name: n for name, n in sizes.items() if name in taken} | named

    def check_code(self) -> None:
        """Refuse to train code other than the one in the keys of the runs."""
        python_function(self.factory, "`student`")
        require(
            source_hash(self.factory) == self.code,
            f"`student` {self.factory!r} is not the same code here as where the sweep was "
            "started: its files were edited in between. Start the workers again, and the "
            "sweep.",
        )


def _materialise(module: nn.Module, first_examples: torch.Tensor) -> None:
    """Give lazy layers their weights, by a first pass."""
    values = itertools.chain(module.parameters(), module.buffers())
    if any(is_lazy(value) for value in values):
        first = as_users("`student`, whose lazy layers see their first examples,")
        with first, torch.no_grad():
            module.eval()(first_examples)
        module.train()


def made_by(
    factory: str,
    inputs: int,
    outputs: int,
    width: int,
    settings: Mapping[str, Any],
    choices: tuple[Layout, ...] = (FLAT,),
) -> FromFactory:
    """The network of this width, with the hashes that identify it, in the first of some
    layouts that it takes.
    """
    taken, code = tuple(settings.items()), source_hash(factory)
    width = width if takes_width(factory) else 0
    shape = FromFactory(factory, inputs, width, outputs, taken, code)
    if choices != (FLAT,):
        shape = dc.replace(shape, layout=_layout(shape, choices))
    return dc.replace(shape, made=_made(shape))


def layout_of(shape: Shape) -> Layout:
    """How a network of this shape takes a row of features."""
    return shape.layout if isinstance(shape, FromFactory) else FLAT


@functools.cache
def _layout(shape: FromFactory, choices: tuple[Layout, ...]) -> Layout:
    """The first layout that gives (examples x outputs), else the first that runs, else the
    first: what is wrong with it is said when the student is tried.
    """
    runs = []
    for layout in choices:
        tried = dc.replace(shape, layout=layout)
        try:
            with DrawsFrom(0), torch.no_grad():
                outputs = tried.module()(layout(torch.randn(TRIED, shape.inputs)))
        except Exception:  # whatever a module raises that takes other shapes
            continue
        if getattr(outputs, "shape", None) == (TRIED, shape.outputs):
            return layout
        runs.append(layout)
    return [*runs, *choices][0]


@functools.cache
def _made(shape: FromFactory) -> str:
    with DrawsFrom(0):
        module = shape.module()
    weights = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    text = without_addresses(f"{module}{weights}")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parameters_of(factory: str) -> set[str]:
    """The parameters that the function takes by name."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name for one in _parameters(factory) or () if one.kind in named}


def needs_sizes(factory: str) -> bool:
    """Whether it is called with (inputs, outputs, width): it has a parameter without a
    default, takes any number, or does not tell.
    """
    found, several = _parameters(factory), inspect.Parameter.VAR_POSITIONAL
    if found is None:
        return True
    keywords = inspect.Parameter.VAR_KEYWORD
    return any(
        one.kind is several
        or (one.default is inspect.Parameter.empty and one.kind is not keywords)
        for one in found
    )


def takes_width(factory: str) -> bool:
    """Whether there is a network of each width."""
    return needs_sizes(factory) or "width" in parameters_of(factory)


def width_of(factory: str) -> int | None:
    """The width that the function has by default, if it has one."""
    for one in _parameters(factory) or ():
        if one.name == "width" and is_whole(one.default) and one.default >= 1:
            return int(one.default)
    return None


def _parameters(factory: str) -> list[inspect.Parameter] | None:
    """The parameters of the function; None where it does not tell."""
    function = python_function(factory, "`student`")
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # some built-in functions do not tell
        return None


def check_loaded(student: str) -> None:
    """Refuse a user's function whose files changed since they were imported."""
    if student.startswith("py:"):
        python_function(student, "`student`")
        check_unchanged(student, f"`student` {student!r}")
