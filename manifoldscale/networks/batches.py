"""Batches of whatever data users have, on the model's device and in its precision."""

import dataclasses as dc
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError, require
from ..data import Examples
from ..geometry.cloud import Cloud
from .models import device_of, dtype_of


@dc.dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of one forward pass, with labels and ids where there are some.

    The inputs are a copy: a network that works in place does not change the user's data.
    """

    inputs: Tensor
    labels: Array | None = None
    ids: Array | None = None

    def __len__(self) -> int:
        return len(self.inputs)


def batches(data: Any, size: int, model: nn.Module, device: str | None) -> Iterator[Batch]:
    """The data in batches of `size`; an iterable's own batches are kept."""
    place = device_of(model) if device is None else torch.device(device)
    dtype = dtype_of(model)
    for inputs, labels, ids in _raw(data, size):
        tensor = inputs if isinstance(inputs, Tensor) else _tensor(inputs)
        require(
            tensor.ndim >= 1,
            f"A batch must have examples as its first axis; got {inputs!r}.",
        )
        wanted = (
            dtype if tensor.dtype.is_floating_point and dtype is not None else tensor.dtype
        )
        yield Batch(
            tensor.to(place, wanted, copy=True),
            None if labels is None else as_numpy(labels, "labels"),
            ids,
        )


def _tensor(inputs: Any) -> Tensor:
    try:
        return torch.from_numpy(as_numpy(inputs, "data").copy())
    except TypeError as error:
        raise ManifoldScaleError(
            f"`data` must hold numbers; a batch is {type(inputs).__name__} ({error})."
        ) from error


def _raw(data: Any, size: int) -> Iterator[tuple[Any, Any, Array | None]]:
    """(inputs, labels, ids) of each batch."""
    if isinstance(data, Dataset):
        data = DataLoader(data, batch_size=size)
    if isinstance(data, Cloud):
        yield from _sliced(data.points, data.labels, data.ids, size)
    elif isinstance(data, Examples):
        yield from _sliced(data.inputs, data.labels, None, size)
    elif isinstance(data, tuple) and len(data) == 2:
        yield from _sliced(data[0], data[1], None, size)
    elif hasattr(data, "shape") or isinstance(data, list):
        yield from _sliced(data, None, None, size)
    elif isinstance(data, Iterable) and not isinstance(data, str | Mapping):
        for batch in data:
            if isinstance(batch, tuple | list) and len(batch) >= 2:
                yield batch[0], batch[1], None
            else:
                yield (batch[0] if isinstance(batch, tuple | list) else batch), None, None
    else:
        raise ManifoldScaleError(
            f"`data` must be an array, a tensor, a Dataset, a DataLoader or an iterable "
            f"of batches; not {type(data).__name__}. A data set by name: "
            "`ms.data.load(name).cloud()`."
        )


def _sliced(
    inputs: Any, labels: Any, ids: Array | None, size: int
) -> Iterator[tuple[Any, Any, Array | None]]:
    inputs = inputs if isinstance(inputs, Tensor) else as_numpy(inputs, "data")
    require(
        inputs.ndim >= 1, f"`data` must have examples as its first axis; got {inputs!r}."
    )
    require(
        labels is None or len(labels) == len(inputs),
        f"There must be one label for each of the {len(inputs)} examples; there are "
        f"{0 if labels is None else len(labels)}.",
    )
    for start in range(0, len(inputs), size):
        rows = slice(start, start + size)
        yield (
            inputs[rows],
            None if labels is None else labels[rows],
            None if ids is None else ids[rows],
        )
