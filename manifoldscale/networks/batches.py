"""Examples of whatever kind users have, in batches."""

import dataclasses as dc
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    default_collate,
)

from ..core.arrays import Array, Ints, as_numpy
from ..core.errors import ManifoldScaleError, require
from ..data import Examples
from ..geometry.cloud import Cloud
from .models import device_of, dtype_of
from .points import Rows

# Inputs that say what is padding, and whether True means padding.
MASKS = {
    "attention_mask": False,
    "src_key_padding_mask": True,
    "key_padding_mask": True,
    "padding_mask": True,
}
LABELS = ("labels", "label", "y")
FEWEST_ROWS = 8


@dc.dataclass(frozen=True, eq=False)
class Batch:
    """Inputs of one forward pass: a tensor, or a mapping for a network that takes names.

    They are a copy: a network that works in place does not change the user's data.
    """

    inputs: Any
    rows: Rows
    labels: Array | None = None

    def __len__(self) -> int:
        return len(self.rows.ids)


@dc.dataclass(frozen=True, eq=False)
class Source:
    """Examples that can be had by number, in any order.

    Attributes
    ----------
    ids : (examples,) whole numbers.
    fetch : (row numbers, batch size) to batches as the user's data hold them.
    """

    ids: Ints
    fetch: Callable[[Ints, int], Iterator[Any]]
    batch_size: int | None = None  # of a loader, which is kept

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self, rows: Ints, size: int, model: nn.Module, device: str | None) -> Any:
        """Those examples in batches of `size`."""
        start = 0
        for raw in self.fetch(rows, size):
            batch = prepared(raw, model, device, self.ids[rows[start:]])
            start += len(batch)
            yield batch


def source_of(data: Any) -> Source | None:
    """The examples by number; None for an iterable, which can only be read once.

    Raises
    ------
    ManifoldScaleError : the data are no examples.
    """
    if isinstance(data, Cloud):
        assert data.ids is not None
        whole = data.ids.dtype.kind in "iu"
        ids = data.ids.astype(np.int64) if whole else np.arange(len(data))
        return _sliced((data.points, data.labels), ids)
    if isinstance(data, Examples):
        return _sliced((data.inputs, data.labels))
    if isinstance(data, tuple) and len(data) == 2:
        return _sliced(data)
    if isinstance(data, DataLoader):
        return _of_loader(data)
    if isinstance(data, Mapping) or hasattr(data, "shape"):
        return _sliced((data, None))
    if isinstance(data, IterableDataset):
        return None
    if isinstance(data, Dataset) or _is_like_dataset(data):
        return _of_dataset(data, np.arange(len(data)))
    if isinstance(data, list):
        return _sliced((as_numpy(data, "data"), None))
    if isinstance(data, Iterable) and not isinstance(data, str):
        return None
    raise ManifoldScaleError(
        f"`data` must be an array, a tensor, a mapping of them, a Dataset, a DataLoader or "
        f"an iterable of batches; not {type(data).__name__}. A data set by name: "
        "`ms.data.load(name).cloud()`."
    )


def _is_like_dataset(data: Any) -> bool:
    """Such as those of Hugging Face."""
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    return by_number and not isinstance(data, list | tuple | str | bytes)


def stream(data: Iterable[Any], model: nn.Module, device: str | None) -> Iterator[Batch]:
    """Batches of an iterable as they come, numbered through."""
    start = 0
    for raw in data:
        batch = prepared(raw, model, device, None)
        ids = np.arange(start, start + len(batch))
        start += len(batch)
        yield dc.replace(batch, rows=dc.replace(batch.rows, ids=ids))


def _sliced(pair: tuple[Any, Any], ids: Ints | None = None) -> Source:
    """Inputs and labels in memory, or memory-mapped."""
    inputs = _arrays(pair[0])
    labels = None if pair[1] is None else as_numpy(pair[1], "labels")
    n = len(_first(inputs))
    require(
        labels is None or len(labels) == n,
        f"There must be one label for each of the {n} examples; there are "
        f"{0 if labels is None else len(labels)}.",
    )

    def fetch(rows: Ints, size: int) -> Iterator[Any]:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield _take(inputs, part), None if labels is None else labels[part]

    return Source(np.arange(n) if ids is None else ids, fetch)


def _arrays(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {str(key): _arrays(value) for key, value in inputs.items()}
    array = inputs if isinstance(inputs, Tensor) else as_numpy(inputs, "data")
    require(
        array.ndim >= 1,
        f"`data` must have examples as its first axis; its shape is {tuple(array.shape)}.",
    )
    return array


def _first(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        require(bool(inputs), "`data` is an empty mapping.")
        return next(iter(inputs.values()))
    return inputs


def _take(inputs: Any, rows: Ints) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _take(value, rows) for key, value in inputs.items()}
    consecutive = len(rows) and rows[-1] - rows[0] == len(rows) - 1
    return inputs[rows[0] : rows[-1] + 1] if consecutive else inputs[rows]


def _of_dataset(data: Dataset[Any], order: Ints, **loading: Any) -> Source:
    """A map-style data set; an example's id is its number there."""
    loading.setdefault("collate_fn", collate)
    own_size: int | None = loading.pop("batch_size", None)

    def fetch(rows: Ints, size: int) -> Iterator[Any]:
        # A generator of its own: making an iterator draws a number.
        yield from DataLoader(
            data,
            sampler=order[rows].tolist(),
            batch_size=own_size or size,
            generator=torch.Generator(),
            **loading,
        )

    return Source(order, fetch, own_size)


def _of_loader(loader: DataLoader[Any]) -> Source | None:
    """A loader in the order of its data set, or of its sampler where that chooses; its own
    shuffling would make every run another. Nothing is dropped at the end.
    """
    sampler = loader.batch_sampler
    if isinstance(loader.dataset, IterableDataset) or sampler is None:
        return None
    if type(sampler) is not BatchSampler:
        order = [row for rows in sampler for row in rows]
    elif isinstance(loader.sampler, RandomSampler) and not loader.sampler.replacement:
        order = list(range(len(loader.dataset)))  # type: ignore[arg-type]
    else:
        with torch.random.fork_rng(devices=[]):
            order = list(loader.sampler)
    return _of_dataset(
        loader.dataset,
        np.array(order, dtype=np.int64),
        batch_size=loader.batch_size,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
    )


_stacked: Callable[[list[Any]], Any] = default_collate


def collate(items: list[Any]) -> Any:
    """A batch of items; lists of tokens that differ in length are padded at the end, and
    their mask says so.
    """
    if items and isinstance(items[0], Mapping) and "input_ids" in items[0]:
        lengths = {len(item["input_ids"]) for item in items}
        if len(lengths) > 1:
            return _stacked([_padded(item, max(lengths)) for item in items])
        items = [{key: torch.as_tensor(v) for key, v in item.items()} for item in items]
    return _stacked(items)


def _padded(item: Mapping[str, Any], length: int) -> dict[str, Tensor]:
    own = len(item["input_ids"])
    item = {"attention_mask": [1] * own, **item}
    tensors = {key: torch.as_tensor(value) for key, value in item.items()}
    return {
        key: nn.functional.pad(tensor, (0, length - own)) if tensor.ndim else tensor
        for key, tensor in tensors.items()
    }


def prepared(raw: Any, model: nn.Module, device: str | None, ids: Ints | None) -> Batch:
    """A batch on the model's device and in its precision, labels and mask apart."""
    inputs, labels = _labelled(raw)
    place = device_of(model) if device is None else torch.device(device)
    tensors = _tensors(inputs, place, dtype_of(model))
    n = len(_first(tensors))
    mask = None
    if isinstance(tensors, dict):
        mask = _mask(tensors)
        tensors = _accepted(tensors, model)
    ids = np.arange(n) if ids is None else ids[:n]
    known = None if labels is None else as_numpy(labels, "labels")
    return Batch(tensors, Rows(ids, mask), known)


def _labelled(raw: Any) -> tuple[Any, Any]:
    """Inputs and labels of a batch as a loader gives it."""
    labels = None
    if isinstance(raw, tuple | list):
        raw, labels = raw[0], raw[1] if len(raw) >= 2 else None
    if isinstance(raw, Mapping):
        found = next((raw[key] for key in LABELS if key in raw), None)
        labels = found if labels is None else labels
        raw = {key: value for key, value in raw.items() if key not in LABELS}
    return raw, labels


def _tensors(inputs: Any, place: torch.device, dtype: torch.dtype | None) -> Any:
    if isinstance(inputs, Mapping):
        named = {str(k): v for k, v in inputs.items() if not isinstance(v, str | list)}
        return {key: _tensors(value, place, dtype) for key, value in named.items()}
    tensor = inputs if isinstance(inputs, Tensor) else _tensor(inputs)
    require(
        tensor.ndim >= 1,
        f"A batch must have examples as its first axis; its shape is "
        f"{tuple(tensor.shape)}.",
    )
    wanted = dtype if tensor.is_floating_point() and dtype is not None else tensor.dtype
    return tensor.to(place, wanted, copy=isinstance(inputs, Tensor))


def _tensor(inputs: Any) -> Tensor:
    try:
        return torch.from_numpy(as_numpy(inputs, "data").copy())
    except TypeError as error:
        raise ManifoldScaleError(
            f"`data` must hold numbers; a batch is {type(inputs).__name__} ({error})."
        ) from error


def _mask(tensors: dict[str, Tensor]) -> Tensor | None:
    """(n x tokens) True for tokens, from the input that says it."""
    for key, means_padding in MASKS.items():
        if key in tensors and tensors[key].ndim == 2:
            return (tensors[key] != 0) ^ means_padding
    return None


def _accepted(tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Those that the network's forward takes; data sets often hold more."""
    parameters = inspect.signature(model.forward).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return tensors
    kept = {key: value for key, value in tensors.items() if key in parameters}
    require(
        bool(kept),
        f"`data` gives {', '.join(tensors)}; the network's forward takes "
        f"{', '.join(parameters)}.",
    )
    return kept


def filled(inputs: Any, rows: int = FEWEST_ROWS) -> Any:
    """A small batch with its last example repeated. Products with a few rows take other
    kernels, whose rounding alone moves a dimension by a few millionths: the result would
    depend on the size of the last batch.
    """
    if isinstance(inputs, Mapping):
        return {key: filled(value, rows) for key, value in inputs.items()}
    missing = rows - len(inputs)
    if missing <= 0:
        return inputs
    return torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])])
