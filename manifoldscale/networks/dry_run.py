"""One pass on a few examples: what can be read, and what a pass does not reach."""

import contextlib
import dataclasses as dc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ManifoldScaleError
from .axes import (
    batch_axis,
    by_layer,
    by_response,
    contradicts,
    followers,
    keeps_axes,
    unknown_axes,
)
from .capture import ONE_AT_A_TIME, call, eval_mode, hooked, places_of
from .containers import named_tensors, tensors
from .draws import DrawsFrom
from .padding import LENGTHS
from .sites import INPUT, Site, module_name
from .wrappers import hookable, modules_by_name, unhookable, unwrapped

EXAMPLES = 3
AGREES = 1e-3  # of the largest value: rounding in batches of other sizes is far below
LOW = -9999  # added to a score: such masks go from -1e4 to the least number of a type
SMALLER = (0.5, 0.75)  # shares of an axis of the inputs to try
TOKENS = "input_ids"
OF_TEXT = {TOKENS, "attention_mask", "position_ids", "token_type_ids"}


@dc.dataclass(frozen=True)
class DryRun:
    """What a pass through a network showed.

    Attributes
    ----------
    sites : every tensor once, under its first name, in the order of the pass.
    aliases : its other names: the input of a module that another module gave, the output of
        a container that its last module gave.
    modules : name to class of all modules, called or not.
    calls : how often each was called.
    mixed : tensors without an axis of examples, and their shapes.
    reordered : tensors whose rows have another order than the examples.
    fixed : tensors of a text that no token changes, of positions and padding alone.
    network : the network without its wrappers.
    is_random : it draws random numbers in eval mode.
    mixing : sites whose rows depend on the other examples of their batch.
    """

    sites: tuple[Site, ...]
    aliases: Mapping[str, str]
    modules: Mapping[str, str]
    calls: Mapping[str, int]
    mixed: Mapping[str, tuple[int, ...]]
    network: nn.Module
    is_random: bool = False
    mixing: tuple[str, ...] = ()
    reordered: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    def site(self, name: str) -> Site:
        """The site with a name or an alias."""
        first = self.aliases.get(name, name)
        found = next(site for site in self.sites if site.name == first)
        return dc.replace(found, name=name)


@dc.dataclass(eq=False)
class _Record:
    """Tensors of one pass in their order."""

    tensors: dict[str, Tensor] = dc.field(default_factory=dict)
    modules: dict[str, nn.Module] = dc.field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = dc.field(default_factory=dict)
    aliases: dict[str, str] = dc.field(default_factory=dict)
    calls: Counter[str] = dc.field(default_factory=Counter)
    drawn: bool = False
    weighed: bool = False  # a module with weights gave something
    failure: Exception | None = None
    _seen: dict[tuple[int, int], str] = dc.field(default_factory=dict)

    def keep(self, site: str, module: nn.Module, value: Any) -> None:
        if ":in" in site and "/" not in site:
            self.calls[module_name(site)] += 1
        elif site != INPUT and any(True for _ in module.parameters(recurse=False)):
            self.weighed = True
        for name, tensor in named_tensors(site, value).items():
            self.modules[name] = module
            # An in-place operation keeps the object but raises its version. `tensors` holds
            # what was seen, so that no other tensor can get its id.
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
    """Run the network on `EXAMPLES` examples, and on one fewer, in reversed order, to find
    their axis and whether its rows follow them.

    Random states and the network do not change.

    Parameters
    ----------
    inputs : a batch of `EXAMPLES` examples: a tensor, or a mapping or tuple of some.

    Raises
    ------
    ManifoldScaleError : the network does not accept them.
    """
    network = unwrapped(model)
    full = _recorded(network, inputs)
    fewer = _recorded(network, _reversed(_rows(inputs, EXAMPLES - 1)))
    for record in (full, fewer):
        if record.failure is not None:
            raise ManifoldScaleError(
                f"The network does not accept inputs of {described(inputs)}: "
                f"{record.failure}"
            ) from record.failure
    axes = {
        name: batch_axis(shape, fewer.shapes.get(name), EXAMPLES)
        for name, shape in full.shapes.items()
    }
    mixed = {name: full.shapes[name] for name, axis in axes.items() if axis is None}
    batch = {
        name: axis
        for name, axis in axes.items()
        if axis is not None and not _is_mask(full.tensors[name])
    }
    changed = () if full.drawn else _changed(full, fewer, batch)
    reordered = tuple(n for n in changed if _is_reordered(full, fewer, n, batch[n]))
    fixed = _of_places(network, inputs, full, batch)
    left_out = {*reordered, *fixed}
    batch = {name: axis for name, axis in batch.items() if name not in left_out}
    found = _sites(full, batch, _places(network, inputs, full))
    known = {site.name for site in found}
    return DryRun(
        sites=found,
        aliases={a: first for a, first in full.aliases.items() if first in known},
        modules={n: type(m).__name__ for n, m in modules_by_name(network).items()},
        calls=dict(full.calls),
        mixed=mixed,
        network=network,
        is_random=full.drawn,
        mixing=tuple(name for name in changed if name not in reordered),
        reordered=reordered,
        fixed=fixed,
    )


def _of_places(
    network: nn.Module, inputs: Any, full: _Record, batch: Mapping[str, int]
) -> tuple[str, ...]:
    """Sites of a text that other tokens do not change, as rotary embeddings: their
    dimension would be that of the lengths of texts.
    """
    is_text = isinstance(inputs, Mapping) and TOKENS in inputs and set(inputs) <= OF_TEXT
    others = {**inputs, TOKENS: inputs[TOKENS].roll(1, 0)} if is_text else {}
    if not others or full.drawn or torch.equal(others[TOKENS], inputs[TOKENS]):
        return ()
    found = _recorded(network, others)
    if found.failure is not None:
        return ()
    fixed = tuple(
        name
        for name in batch
        if name in found.tensors and torch.equal(full.tensors[name], found.tensors[name])
    )
    return fixed if len(fixed) < len(batch) else ()  # a network of zeros reads nothing


def _is_mask(tensor: Tensor) -> bool:
    """Whether it says only which scores count, by what is added to them: nothing, or a
    number so low that none is left. Its dimension would be that of the lengths of texts.
    """
    if not tensor.is_floating_point() or tensor.layout != torch.strided:
        return False
    low = tensor <= LOW
    return bool(low.any()) and bool((low | (tensor == 0)).all())


def _changed(full: _Record, fewer: _Record, batch: Mapping[str, int]) -> tuple[str, ...]:
    """Sites at which other company or another place in the batch changes an example."""
    found = []
    for name, axis in batch.items():
        other = fewer.tensors[name]
        if other.layout != torch.strided or not other.is_floating_point():
            continue
        one = full.tensors[name].narrow(axis, 0, EXAMPLES - 1)
        close = torch.isclose(
            one, other.flip(axis), rtol=0, atol=_rounding(other), equal_nan=True
        )
        found += [] if bool(close.all()) else [name]
    return tuple(found)


def _rounding(tensor: Tensor) -> float:
    size = float(tensor.abs().nan_to_num(0, 0, 0).max()) if tensor.numel() else 0.0
    return AGREES * size


def _is_reordered(full: _Record, fewer: _Record, name: str, axis: int) -> bool:
    """Whether rows that are not at their places are at others: a network may sort its
    examples, by their length for instance, and put them back at its end.
    """
    one, other = full.tensors[name], fewer.tensors[name]
    rows, others = (x.movedim(axis, 0).flatten(1).double() for x in (one, other))
    same = (rows[:, None] - others[None]).abs().amax(-1) <= _rounding(other)
    return bool(same.any(0).all())


def _reversed(inputs: Any) -> Any:
    """The examples from the last to the first."""
    if isinstance(inputs, Mapping):
        return {key: _reversed(value) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(map(_reversed, inputs))
    return inputs.flip(0) if isinstance(inputs, Tensor) and inputs.ndim else inputs


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
        undo.enter_context(ONE_AT_A_TIME)
        undo.enter_context(hookable(unhookable(network)))
        undo.enter_context(eval_mode(network))
        undo.enter_context(hooked(record.keep, places_of(network)))
        stream = undo.enter_context(DrawsFrom(0))
        try:
            call(network, examples)
        except Exception as error:
            record.failure = error
        record.drawn = stream.drawn
    return record


def _places(network: nn.Module, inputs: Any, full: _Record) -> Mapping[str, set[int]]:
    """The axes of each tensor that follow a place of the inputs: tokens, or the height or
    width of an image. Layers with weights accept inputs that are smaller along a place, but
    not along features.
    """
    found: dict[str, set[int]] = {name: set() for name in full.shapes}
    if all(len(shape) < 3 for shape in full.shapes.values()):
        return found
    axes = range(1, max(tensor.ndim for tensor in _leaves(inputs)))
    for axis in axes:
        sizes = {tensor.shape[axis] for tensor in _leaves(inputs) if tensor.ndim > axis}
        for record in _smaller(network, inputs, axis, sizes):
            for name in full.shapes.keys() & record.shapes.keys():
                found[name] |= followers(full.shapes[name], record.shapes[name])
    return found


def _smaller(
    network: nn.Module, inputs: Any, axis: int, sizes: Iterable[int]
) -> Iterator[_Record]:
    """Passes on inputs with a shorter axis that reached layers with weights: for each size,
    up to the first pass without an error.
    """
    for size in sizes:
        for share in SMALLER:
            smaller = _cropped(inputs, axis, size, math.ceil(share * size))
            record = _Record() if smaller is None else _recorded(network, smaller)
            if record.weighed:
                yield record
                if record.failure is None:
                    break


def _cropped(inputs: Any, axis: int, size: int, kept: int) -> Any:
    """The inputs with a part of one axis, in all tensors that have it in this size; None if
    the part is the whole axis.
    """

    def part(tensor: Any) -> Any:
        is_tensor = isinstance(tensor, Tensor) and tensor.ndim > axis
        has = is_tensor and tensor.shape[axis] == size
        return tensor.narrow(axis, 0, kept) if has else tensor

    if kept == size:
        return None
    if isinstance(inputs, Mapping):
        return {
            key: value.clamp(max=kept) if key in LENGTHS else part(value)
            for key, value in inputs.items()
        }
    return tuple(map(part, inputs)) if isinstance(inputs, tuple) else part(inputs)


def _leaves(inputs: Any) -> list[Tensor]:
    """The tensors of the inputs."""
    return [tensor for _, tensor in tensors(inputs)]


def described(inputs: Any) -> str:
    """Shapes and types of a batch in words."""
    if isinstance(inputs, Mapping):
        return "; ".join(f"{key}: {described(value)}" for key, value in inputs.items())
    if isinstance(inputs, tuple):
        return "; ".join(map(described, inputs))
    if isinstance(inputs, Tensor):
        return f"shape {tuple(inputs.shape)} and {inputs.dtype}"
    return type(inputs).__name__


def _sites(
    record: _Record, batch: Mapping[str, int], places: Mapping[str, set[int]]
) -> tuple[Site, ...]:
    names = _axis_names(record, batch, places)
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


def _axis_names(
    record: _Record, batch: Mapping[str, int], places: Mapping[str, set[int]]
) -> dict[str, str]:
    """Letters of each site's axes: from their response, from the layers that write and read
    the tensor, or from the input of its module if that has the same shape.
    """
    known: dict[str, str] = {}
    readers = _readers(record)
    for name, axis in batch.items():
        shape = record.shapes[name]
        modules = [record.modules[name], *(record.modules[r] for r in readers[name])]
        given = record.aliases.get(f"{name}:in", f"{name}:in")
        before, its = known.get(given, ""), record.shapes.get(given, ())
        kept = batch.get(given) == axis and len(its) == len(shape)
        path = name.partition("/")[2]
        told = (by_layer(m, len(shape), axis, path) for m in modules)
        known[name] = (
            by_response(shape, axis, places[name])
            or (before if kept and keeps_axes(modules[0]) else "")
            or next(filter(None, told), "")
            or (before if kept and its == shape else "")
            or by_response(shape, axis, [i for i, size in enumerate(shape) if size == 1])
        )
    known = _without_doubt(record, known, places)
    return {
        name: known[name] or unknown_axes(len(record.shapes[name]), axis)
        for name, axis in batch.items()
    }


def _without_doubt(
    record: _Record, known: Mapping[str, str], places: Mapping[str, set[int]]
) -> dict[str, str]:
    """The letters, without those that only a linear layer tells and others contradict."""
    sure = [
        (word, record.shapes[name])
        for name, word in known.items()
        if "C" in word
        and len(word) > 2
        and (places[name] or not isinstance(record.modules[name], nn.Linear))
    ]
    return {
        name: ""
        if "C" in word
        and len(word) > 2
        and not places[name]
        and contradicts(word, record.shapes[name], sure)
        else word
        for name, word in known.items()
    }


def _readers(record: _Record) -> Mapping[str, Sequence[str]]:
    """The aliases of each tensor."""
    found: dict[str, list[str]] = {name: [] for name in record.tensors}
    for alias, first in record.aliases.items():
        found.setdefault(first, []).append(alias)
    return found
