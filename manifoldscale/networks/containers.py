"""Tensors inside the outputs of modules: tuples, dicts, dataclasses, also nested."""

import dataclasses as dc
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor


def tensors(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """(path, tensor) of all tensors, as `hidden_states/0`; a single tensor has "".

    >>> import torch
    >>> [path for path, _ in tensors((torch.ones(1), {"a": [torch.ones(1)], "b": None}))]
    ['0', '1/a/0']
    """
    if isinstance(value, Tensor):
        yield path, value
        return
    for key, item in _items(value):
        yield from tensors(item, f"{path}/{key}" if path else str(key))


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple | list):
        yield from enumerate(value)
    elif dc.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name)) for field in dc.fields(value))


def named_tensors(base: str, value: Any) -> dict[str, Tensor]:
    """The tensors by name: `base/path`; and `base` alone if it can mean only one: the only
    tensor, or the only one of real numbers.
    """
    if isinstance(value, Tensor):  # most are, and this runs at every module of every pass
        return {base: value}
    found = dict(tensors(value))
    real = [p for p, one in found.items() if one.is_floating_point() or one.is_quantized]
    sole = list(found) if len(found) == 1 else real
    plain = {base: found[sole[0]]} if len(sole) == 1 else {}
    inside = {f"{base}/{path}": tensor for path, tensor in found.items() if path}
    return {**plain, **inside}
