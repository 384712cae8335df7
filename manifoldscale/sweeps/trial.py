"""Trial of a student on a few examples: whether it works, and how it can be trained."""

import functools
import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError, few, first_line, require
from ..core.random import keyed
from ..data import as_users, python_function
from ..networks.draws import DrawsFrom
from ..networks.mlp import MLP
from ..networks.shape import Shape
from ..networks.wrappers import unregistered
from .factory import FromFactory, needs_sizes
from .pack import MLPPack, ModulePack, Pack, SinglePack, initialised

EXAMPLES = 4
TOLERANCE = 1e-3  # for the rounding of batched products in float32


def make_pack(shape: Shape, seeds: Sequence[int], dtype: torch.dtype, device: str) -> Pack:
    """Networks of this shape, ready to train."""
    if isinstance(shape, MLP):
        return MLPPack(shape, seeds, dtype, device)
    if why_alone(shape, dtype):
        require(len(seeds) == 1, f"{shape} is trained one network at a time.")
        return SinglePack(shape, seeds[0], dtype, device)
    return ModulePack(shape, seeds, dtype, device)


@functools.cache
def why_alone(shape: Shape, dtype: torch.dtype) -> str:
    """Why networks of this shape cannot be batched and are trained one by one, by a step of
    one on random examples; empty if they can be.

    Raises
    ------
    ManifoldScaleError : it fails, does not return an (examples x outputs) tensor, or has
        nothing to train.
    """
    if not isinstance(shape, FromFactory):
        return ""
    said = f"`student` {shape.factory!r}" + (
        f" of width {shape.width}" if shape.width else ""
    )
    module = initialised(shape, 0).to(dtype).train()
    rows = torch.from_numpy(keyed(0, "trial").standard_normal((EXAMPLES, shape.inputs)))
    rows = rows.to(dtype)
    inputs = shape.layout(rows)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with DrawsFrom(0) as draws, as_users(f"{said}, on {EXAMPLES} examples,"):
        outputs = module(inputs)
    _check_outputs(outputs, shape, said)
    _check_gradient(outputs, module, said)
    return _alone(shape, module, rows, before, draws.drawn)


@functools.cache
def left_untrained(shape: Shape, dtype: torch.dtype) -> str:
    """What a student that works leaves untrained although it can be trained, in words;
    empty if it trains all.
    """
    if not isinstance(shape, FromFactory):
        return ""
    module = initialised(shape, 0).to(dtype).train()
    rows = torch.from_numpy(keyed(0, "trial").standard_normal((EXAMPLES, shape.inputs)))
    with DrawsFrom(0):
        outputs = module(shape.layout(rows.to(dtype)))
    trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
    weights = list(trained.values())
    found = torch.autograd.grad(outputs.sum(), weights, allow_unused=True)
    without = [n for n, gradient in zip(trained, found, strict=True) if gradient is None]
    said = []
    if without:
        said.append(
            f"no gradient reaches {few(without)}, which count as parameters (are they "
            "unused, or behind a `detach`?)"
        )
    hidden = unregistered(module)
    if hidden:
        said.append(
            f"modules in {few(hidden)} are neither trained nor counted nor stored (use "
            "nn.ModuleList or nn.ModuleDict)"
        )
    return "; ".join(said)


def _check_outputs(outputs: object, shape: FromFactory, said: str) -> None:
    right = (EXAMPLES, shape.outputs)
    found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    require(
        found == right,
        f"{said} must turn {EXAMPLES} examples of {_size(shape)} into a tensor of shape "
        f"{right}; it returned {found}. {_order(shape)}",
    )


def _size(shape: FromFactory) -> str:
    """That of an example, in words."""
    image = shape.layout.shape
    return f"shape {shape.layout.taken}" if image else f"{shape.inputs} features"


def _order(shape: FromFactory) -> str:
    """How the student is called, and what it takes."""
    try:
        takes = str(inspect.signature(python_function(shape.factory, "`student`")))
    except ValueError:  # some built-in functions do not tell
        takes = "what it does not tell"
    if needs_sizes(shape.factory):
        order = "with (inputs, outputs, width), in this order"
        return f"It is called {order}, and takes {takes}."
    named = ", ".join(shape.arguments[1])
    return (
        f"It is called {f'with {named} by name' if named else 'without arguments'}, and "
        f"takes {takes}: let its last layer have {shape.outputs} outputs, or let it take "
        "`outputs`."
    )


def _check_gradient(outputs: Tensor, module: nn.Module, said: str) -> None:
    trained = [p for p in module.parameters() if p.requires_grad]
    require(bool(trained), f"{said} has no parameter to train.")
    found: tuple[Tensor | None, ...] = ()
    if outputs.requires_grad:
        found = torch.autograd.grad(outputs.sum(), trained, allow_unused=True)
    require(
        any(gradient is not None for gradient in found),
        f"{said} returns a result that does not depend on its parameters: is it "
        "detached, or made under `torch.no_grad()`?",
    )


def _alone(
    shape: FromFactory,
    module: nn.Module,
    rows: Tensor,
    before: dict[str, Tensor],
    drawn: bool,
) -> str:
    """Why copies of the module cannot be batched; empty if they can be."""
    if drawn:
        return "it draws random numbers in training, as dropout does"
    changed = [
        name for name, value in module.state_dict().items() if not value.equal(before[name])
    ]
    if changed:
        return f"training changes its buffers ({changed[0]}), as batch normalisation does"
    try:
        pack = ModulePack(shape, (0, 0), rows.dtype)
        together = pack(torch.stack([rows, rows]))
        pack.flat.differentiate(together.square().sum((1, 2)))
    except ManifoldScaleError:
        raise
    except Exception as error:  # whatever cannot be batched
        return f"torch.func.vmap cannot run it ({first_line(error)})"
    with torch.no_grad():
        right = module(shape.layout(rows))
    near = torch.isclose(together, right, TOLERANCE, TOLERANCE, equal_nan=True)
    return "" if bool(near.all()) else "batched, it computes something else"
