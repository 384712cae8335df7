"""One pass on a few examples: what there is to read, and what the passes do not reach."""

import contextlib
import dataclasses as dc
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError
from .axes import axis_names, batch_axis, unknown_axes
from .capture import call, eval_mode, hook
from .containers import named_tensors
from .sites import INPUT, Site, module_name
from .wrappers import hookable, modules_by_name, unwrapped

EXAMPLES = 3


@dc.dataclass(frozen=True)
class DryRun:
    """What a pass through a network showed.

    Attributes
    ----------
    sites : every tensor once, under its first name, in the order of the pass.
    aliases : its other names: the input of a module that another gave, the output of a
        container that is that of its last module.
    modules : name to class of all modules, called or not.
    calls : how often each was called.
    mixed : tensors without an axis of the examples, and their shapes.
    network : the network without its wrappers.
    """

    sites: tuple[Site, ...]
    aliases: Mapping[str, str]
    modules: Mapping[str, str]
    calls: Mapping[str, int]
    mixed: Mapping[str, tuple[int, ...]]
    network: nn.Module

    def site(self, name: str) -> Site:
        """The site of a name; under an alias, the site that it is another name of."""
        first = self.aliases.get(name, name)
        found = next(site for site in self.sites if site.name == first)
        return dc.replace(found, name=name)


@dc.dataclass(eq=False)
class _Record:
    """Tensors of one pass in the order in which they came."""

    tensors: dict[str, Tensor] = dc.field(default_factory=dict)
    modules: dict[str, nn.Module] = dc.field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = dc.field(default_factory=dict)
    aliases: dict[str, str] = dc.field(default_factory=dict)
    calls: Counter[str] = dc.field(default_factory=Counter)
    _seen: dict[tuple[int, int], str] = dc.field(default_factory=dict)

    def keep(self, site: str, module: nn.Module, value: Any) -> None:
        if ":in" in site and "/" not in site:
            self.calls[module_name(site)] += 1
        for name, tensor in named_tensors(site, value).items():
            self.modules[name] = module
            # An in-place operation keeps the object and counts its version up. What is
            # seen is held, so that no other tensor takes its place in memory.
            version = 0 if tensor.is_inference() else tensor._version
            first = self._seen.setdefault((id(tensor), version), name)
            if first != name:
                self.aliases[name] = first
            elif tensor.is_floating_point() or tensor.is_quantized or name == INPUT:
                self.tensors[name] = tensor
                self.shapes[name] = tuple(tensor.shape)
            else:
                self.tensors[name] = tensor


def dry_run(model: nn.Module, inputs: Any) -> DryRun:
    """Run the network on `EXAMPLES` examples, and on one fewer to see which axis is theirs.

    Random states and the network are left as they were.

    Parameters
    ----------
    inputs : a batch of `EXAMPLES` examples: a tensor, or a mapping or tuple of some.

    Raises
    ------
    ManifoldScaleError : the network does not accept them.
    """
    network = unwrapped(model)
    full = _recorded(network, inputs)
    fewer = _recorded(network, _rows(inputs, EXAMPLES - 1))
    axes = {
        name: batch_axis(shape, fewer.shapes.get(name), EXAMPLES)
        for name, shape in full.shapes.items()
    }
    mixed = {name: full.shapes[name] for name, axis in axes.items() if axis is None}
    found = _sites(full, {n: axis for n, axis in axes.items() if axis is not None})
    known = {site.name for site in found}
    return DryRun(
        sites=found,
        aliases={a: first for a, first in full.aliases.items() if first in known},
        modules={n: type(m).__name__ for n, m in modules_by_name(network).items()},
        calls=dict(full.calls),
        mixed=mixed,
        network=network,
    )


def _rows(inputs: Any, n: int) -> Any:
    """The first `n` examples, copied: a network may work in place."""
    if isinstance(inputs, Mapping):
        return {key: _rows(value, n) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_rows(value, n) for value in inputs)
    return inputs[:n].clone() if isinstance(inputs, Tensor) and inputs.ndim else inputs


def _recorded(network: nn.Module, inputs: Any) -> _Record:
    record = _Record()
    examples = _rows(inputs, EXAMPLES)
    with contextlib.ExitStack() as undo:
        undo.enter_context(kept_random_state(network))
        undo.enter_context(hookable(network))
        undo.enter_context(eval_mode(network))
        hook(network, record.keep, undo)
        try:
            call(network, examples)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
            raise ManifoldScaleError(
                f"The network does not accept inputs of {described(inputs)}: {error}"
            ) from error
    return record


def described(inputs: Any) -> str:
    """Shapes and types of a batch in words."""
    if isinstance(inputs, Mapping):
        return "; ".join(f"{key}: {described(value)}" for key, value in inputs.items())
    if isinstance(inputs, tuple):
        return "; ".join(map(described, inputs))
    if isinstance(inputs, Tensor):
        return f"shape {tuple(inputs.shape)} and {inputs.dtype}"
    return type(inputs).__name__


def kept_random_state(network: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Torch's random states are what they were, whatever the network draws."""
    places = {p.device for p in network.parameters() if p.device.type == "cuda"}
    context: contextlib.AbstractContextManager[None] = torch.random.fork_rng(
        devices=list(places)
    )
    return context


def _sites(record: _Record, batch: Mapping[str, int]) -> tuple[Site, ...]:
    names = _axis_names(record, batch)
    found = []
    for name, axis in batch.items():
        tensor, module = record.tensors[name], record.modules[name]
        found.append(
            Site(
                name=name,
                kind=type(module).__name__,
                shape=(*tensor.shape[:axis], *tensor.shape[axis + 1 :]),
                calls=max(record.calls[module_name(name)], 1),
                axes=names[name],
                dtype=str(tensor.dtype).removeprefix("torch."),
            )
        )
    return tuple(found)


def _axis_names(record: _Record, batch: Mapping[str, int]) -> dict[str, str]:
    """Letters of each site's axes. A module that does not tell, an activation or a
    container, has those of the last tensor of its shape, or of the next to read it.
    """
    told: dict[str, str] = {}
    by_shape: dict[tuple[int, ...], str] = {}
    readers = _readers(record)
    for name, axis in batch.items():
        shape = record.shapes[name]
        modules = [record.modules[name], *(record.modules[r] for r in readers[name])]
        # What the network is given tells nothing; its module is the whole network.
        letters = [axis_names(module, len(shape), axis) for module in modules]
        known = next((word for word in letters if word), None) or by_shape.get(shape)
        told[name] = known or unknown_axes(len(shape), axis)
        if known:
            by_shape[shape] = known
    return told


def _readers(record: _Record) -> Mapping[str, Sequence[str]]:
    """The aliases of each tensor."""
    found: dict[str, list[str]] = {name: [] for name in record.tensors}
    for alias, first in record.aliases.items():
        found.setdefault(first, []).append(alias)
    return found
