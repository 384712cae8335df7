"""Tensors inside what modules give: tuples, dicts, dataclasses, and those in each other."""

import copy
import dataclasses as dc
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor


def tensors(value: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """(path, tensor) of all there are, as in `hidden_states/0`; a tensor alone has "".

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


def exchanged(value: Any, old: Tensor, new: Tensor) -> Any:
    """The same with another tensor in the place of one; what does not hold it is what it
    was, and containers that do are copies.

    >>> import torch
    >>> one, two = torch.ones(1), torch.zeros(1)
    >>> exchanged((one, {"a": two}), two, one)
    (tensor([1.]), {'a': tensor([1.])})
    """
    if isinstance(value, Tensor):
        return new if value is old else value
    changed = {}
    for key, item in _items(value):
        other = exchanged(item, old, new)
        if other is not item:
            changed[key] = other
    return _with(value, changed) if changed else value


def _with(value: Any, changed: Mapping[Any, Any]) -> Any:
    """A copy of a container with other items."""
    if isinstance(value, tuple | list):
        items = [changed.get(place, item) for place, item in enumerate(value)]
        return getattr(value, "_make", type(value))(items)  # of a named tuple
    made = copy.copy(value)
    for key, item in changed.items():
        if isinstance(value, Mapping):
            made[key] = item
        else:
            object.__setattr__(made, key, item)  # frozen ones too
    return made


def named_tensors(base: str, value: Any) -> dict[str, Tensor]:
    """The tensors by name: `base/path`; and `base` alone where it can mean only one, the
    only tensor, or the only one of real numbers.
    """
    found = dict(tensors(value))
    real = [p for p, one in found.items() if one.is_floating_point() or one.is_quantized]
    sole = list(found) if len(found) == 1 else real
    plain = {base: found[sole[0]]} if len(sole) == 1 else {}
    inside = {f"{base}/{path}": tensor for path, tensor in found.items() if path}
    return {**plain, **inside}
