"""Batches as a network takes them: on its device, in its precision, without labels."""

import dataclasses as dc
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Ints, as_numpy, check_tensor, native
from ..core.devices import device_of as device_named
from ..core.errors import ManifoldScaleError, require
from .collate import NamedColumns
from .loading import device_of, dtype_of
from .padding import (
    decoder_mask_of,
    is_left,
    mask_of,
    refuse_unmasked,
    split_beside,
    with_positions,
)
from .points import PointRows

LABELS = ("labels", "label", "y")
TARGETS = ("target", "targets")  # labels too, unless the network takes them
FEWEST_ROWS = 8


@dc.dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of one forward pass: a tensor, or a mapping for a network that takes names.

    They are a copy, so a network that works in place does not change the user's data.
    """

    inputs: Any
    rows: PointRows
    labels: Array | None = None

    def __len__(self) -> int:
        return len(self.rows.ids)

    @property
    def is_left_padded(self) -> bool:
        """Whether padding comes before tokens."""
        return self.rows.mask is not None and is_left(self.rows.mask)


def preparing(model: nn.Module, device: str | None) -> Callable[[Any, Ints | None], Batch]:
    """How a batch is made of what a loader gives, and the ids of its examples and of those
    after: on the model's device and in its precision, with separate labels and mask.
    """
    place = device_of(model) if device is None else device_named(device, torch.float32)
    dtype = dtype_of(model)

    def prepared(raw: Any, ids: Ints | None) -> Batch:
        inputs, labels = _labelled(raw, model)
        tensors = _tensors(inputs, place, dtype)
        n = int(first_of(tensors).shape[0])
        mask = other = special = None
        seen = False
        marks: dict[str, Tensor] = {}
        if isinstance(tensors, dict):
            tensors, special, marks = split_beside(tensors, model)
            refuse_unmasked(tensors, model)
            mask, other = mask_of(tensors), decoder_mask_of(tensors)
            seen = any(one.ndim >= 4 for one in tensors.values())
            tensors = with_positions(_accepted(tensors, inputs, model), model)
        ids = np.arange(n) if ids is None else ids[:n]
        known = None if labels is None else as_numpy(labels, "labels")
        require(
            known is None or known.shape[:1] == (n,),
            f"A batch of `data` holds {n} examples, and beside them, for labels, a "
            f"{type(labels).__name__} of shape {() if known is None else known.shape}: "
            "give a label for each example, or none.",
        )
        return Batch(tensors, PointRows(ids, mask, other, special, marks, seen), known)

    return prepared


def _labelled(raw: Any, model: nn.Module) -> tuple[Any, Any]:
    """Inputs and labels of a batch as a loader gives it."""
    labels = None
    if isinstance(raw, tuple | list):
        require(len(raw) > 0, "`data` gives an empty batch.")
        raw, labels = raw[0], raw[1] if len(raw) >= 2 else None
        if labels is not None or isinstance(raw, tuple | list):
            _check_views(raw, labels)
    if isinstance(raw, Mapping):
        takes = inspect.signature(model.forward).parameters
        names = (*LABELS, *(name for name in TARGETS if name not in takes))
        found = next((raw[key] for key in names if key in raw), None)
        labels = found if labels is None else labels
        kept = {key: value for key, value in raw.items() if key not in names}
        raw = NamedColumns(kept, getattr(raw, "left_out", {}))
    return raw, labels


def _check_views(inputs: Any, labels: Any) -> None:
    """Refuse several inputs where one is expected: two views of the examples, or a mask,
    would be taken for examples or labels.
    """
    several = isinstance(inputs, tuple | list)
    parts = [x for x in (inputs if several else (inputs, labels)) if is_array(x)]
    shapes = [tuple(part.shape) for part in parts]
    twins = len(shapes) == 2 and len(shapes[0]) >= 2 and shapes[0] == shapes[1]
    require(
        not (shapes if several else twins),
        f"A batch of `data` holds arrays of shape {', '.join(map(str, shapes))}: several "
        "views or inputs per example, not inputs and labels. Let the data set give one of "
        "them, or a mapping by the names that the network's forward takes.",
    )


def _tensors(inputs: Any, place: torch.device, dtype: torch.dtype | None) -> Any:
    if isinstance(inputs, Mapping):
        named = {str(k): v for k, v in inputs.items() if not _is_text(v)}
        require(
            bool(named),
            f"`data` gives no numbers; it gives {', '.join(map(str, inputs)) or 'nothing'}"
            f"{_reasons(inputs)}.",
        )
        nested = [key for key, value in named.items() if isinstance(value, Mapping)]
        require(
            not nested,
            f"`data` gives a mapping inside a mapping, under {', '.join(nested)}: give the "
            "inputs by the names that the network's forward takes.",
        )
        return {key: _tensors(value, place, dtype) for key, value in named.items()}
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "data")
    tensor = inputs if isinstance(inputs, Tensor) else _tensor(inputs)
    require(
        tensor.ndim >= 1,
        f"A batch must have examples as its first axis; its shape is "
        f"{tuple(tensor.shape)}.",
    )
    wanted = dtype if tensor.is_floating_point() and dtype is not None else tensor.dtype
    return tensor.to(place, wanted, copy=isinstance(inputs, Tensor))


def _is_text(value: Any) -> bool:
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, str | list) or kind in ("U", "S", "O")


def _tensor(inputs: Any) -> Tensor:
    array = inputs if type(inputs) is np.ndarray else as_numpy(inputs, "data")
    try:
        return torch.from_numpy(np.array(native(array)))
    except TypeError as error:
        raise ManifoldScaleError(
            f"`data` must hold numbers; a batch is {type(inputs).__name__} ({error})."
        ) from error


def _accepted(
    tensors: dict[str, Tensor], given: Mapping[str, Any], model: nn.Module
) -> dict[str, Tensor]:
    """The tensors that the network's forward takes; data sets often hold more."""
    parameters = inspect.signature(model.forward).parameters
    lacking = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in tensors
    ]
    kept = {key: value for key, value in tensors.items() if key in parameters}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    require(
        not lacking and (bool(kept) or any_name),
        f"`data` gives {', '.join(tensors)}; the network's forward takes "
        f"{', '.join(parameters)}{_reasons(given)}.",
    )
    return tensors if any_name else kept


def _reasons(given: Mapping[str, Any]) -> str:
    """Why columns were left out, for the end of a message."""
    left_out: Mapping[str, str] = getattr(given, "left_out", {})
    return "".join(f"; {name!r} was left out: {why}" for name, why in left_out.items())


def filled(inputs: Any, rows: int = FEWEST_ROWS) -> Any:
    """A small batch with its last example repeated. Products with few rows use other
    kernels, whose rounding changes a dimension by a few millionths, and the result would
    depend on the size of the last batch.
    """
    if isinstance(inputs, Mapping):
        return {key: filled(value, rows) for key, value in inputs.items()}
    missing = rows - inputs.shape[0]
    if missing <= 0:
        return inputs
    return torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])])


def is_array(data: Any) -> bool:
    """Whether it is an array, in memory or read from a file when sliced, or a frame. Data
    sets may have a shape too, but neither dtype nor columns.
    """
    marks = ("dtype", "iloc", "to_dicts", "to_pydict")
    return hasattr(data, "shape") and any(hasattr(data, mark) for mark in marks)


def first_of(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        require(bool(inputs), "`data` is an empty mapping.")
        return next(iter(inputs.values()))
    return inputs
