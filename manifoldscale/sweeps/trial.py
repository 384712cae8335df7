"""A student tried on a few examples before it is trained: whether it works, and how."""

import dataclasses as dc
import functools
import inspect
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError, first_line, require
from ..core.random import keyed
from ..data import as_users, python_function
from ..networks.draws import DrawsFrom
from ..networks.mlp import MLP
from .pack import MLPPack, ModulePack, Pack, SinglePack, initialised
from .students import AnyShape, FromFactory

EXAMPLES = 4
TOLERANCE = 1e-3  # of the rounding of batched products in float32


@dc.dataclass(frozen=True)
class Trial:
    """How a student is to be trained.

    alone : why its networks cannot be batched and are trained one by one; empty where
        they can.
    seconds : that a step of one network took, on a few examples.
    """

    alone: str = ""
    seconds: float = 0.0


def make_pack(
    shape: AnyShape, seeds: Sequence[int], dtype: torch.dtype, device: str
) -> Pack:
    """Networks of this shape, ready to train."""
    if isinstance(shape, MLP):
        return MLPPack(shape, seeds, dtype, device)
    if tried(shape, dtype).alone:
        require(len(seeds) == 1, f"{shape} is trained one network at a time.")
        return SinglePack(shape, seeds[0], dtype, device)
    return ModulePack(shape, seeds, dtype, device)


@functools.cache
def tried(shape: AnyShape, dtype: torch.dtype) -> Trial:
    """One step of the student on random examples.

    Raises
    ------
    ManifoldScaleError : it fails, or what it returns is no (examples x outputs) tensor, or
        there is nothing in it to train.
    """
    if not isinstance(shape, FromFactory):
        return Trial()
    said = f"`student` {shape.factory!r} of width {shape.width}"
    module = initialised(shape, 0).to(dtype).train()
    inputs = torch.from_numpy(keyed(0, "trial").standard_normal((EXAMPLES, shape.inputs)))
    inputs = inputs.to(dtype)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    start = time.perf_counter()
    with DrawsFrom(0) as draws, as_users(f"{said}, on {EXAMPLES} examples,"):
        outputs = module(inputs)
    _check_outputs(outputs, shape, said)
    _check_gradient(outputs, module, said)
    seconds = time.perf_counter() - start
    return Trial(_alone(shape, module, inputs, before, draws.drawn), seconds)


def _check_outputs(outputs: object, shape: FromFactory, said: str) -> None:
    right = (EXAMPLES, shape.outputs)
    found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    require(
        found == right,
        f"{said} must turn {EXAMPLES} examples of {shape.inputs} features into a tensor "
        f"of shape {right}; it returned {found}. {_order(shape)}",
    )


def _order(shape: FromFactory) -> str:
    """How the student is called, beside what it takes."""
    try:
        takes = str(inspect.signature(python_function(shape.factory, "`student`")))
    except ValueError:  # some built-in functions do not tell
        takes = "what it does not tell"
    return f"It is called with (inputs, outputs, width), in this order, and takes {takes}."


def _check_gradient(outputs: Tensor, module: nn.Module, said: str) -> None:
    trained = [p for p in module.parameters() if p.requires_grad]
    require(bool(trained), f"{said} has no parameter to train.")
    found: tuple[Tensor | None, ...] = ()
    if outputs.requires_grad:
        found = torch.autograd.grad(outputs.sum(), trained, allow_unused=True)
    require(
        any(gradient is not None for gradient in found),
        f"{said} returns what does not depend on its parameters: is a result detached, or "
        "made under `torch.no_grad()`?",
    )


def _alone(
    shape: FromFactory,
    module: nn.Module,
    inputs: Tensor,
    before: dict[str, Tensor],
    drawn: bool,
) -> str:
    """Why copies of the module cannot be batched; empty where they can."""
    if drawn:
        return "it draws random numbers in training, as dropout does"
    changed = [
        name for name, value in module.state_dict().items() if not value.equal(before[name])
    ]
    if changed:
        return f"training changes its buffers ({changed[0]}), as batch normalisation does"
    try:
        pack = ModulePack(shape, (0, 0), inputs.dtype)
        together = pack(torch.stack([inputs, inputs]))
        pack.flat.differentiate(together.square().sum((1, 2)))
    except ManifoldScaleError:
        raise
    except Exception as error:  # whatever cannot be batched
        return f"torch.func.vmap cannot run it ({first_line(error)})"
    with torch.no_grad():
        right = module(inputs)
    near = torch.isclose(together, right, TOLERANCE, TOLERANCE, equal_nan=True)
    return "" if bool(near.all()) else "batched, it computes something else"
