"""Examples of whatever kind users have, in batches."""

import dataclasses as dc
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
)

from ..core.arrays import Array, Ints, as_numpy, check_tensor
from ..core.errors import ManifoldScaleError, require
from ..data import Examples
from ..geometry.cloud import Cloud
from .collate import Columns, collate
from .draws import DrawsFrom
from .models import device_of, dtype_of
from .padding import is_left, mask_of, with_positions
from .points import Rows

LABELS = ("labels", "label", "y")
FEWEST_ROWS = 8
BATCH = 256  # rows of a stream of single rows


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

    @property
    def is_left_padded(self) -> bool:
        """Whether padding comes before tokens."""
        return self.rows.mask is not None and is_left(self.rows.mask)


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
    ManifoldScaleError : the data are no examples, or it is not clear where one ends.
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
    if isinstance(data, IterableDataset):
        return None
    if isinstance(data, Mapping):
        splits = [str(key) for key, value in data.items() if _is_like_dataset(value)]
        require(
            not splits,
            f"`data` holds the splits {', '.join(splits)}: choose one, as "
            f"data[{splits[0] if splits else ''!r}].",
        )
        return _sliced((data, None))
    if isinstance(data, Dataset):
        return _of_dataset(data, np.arange(len(data)))  # type: ignore[arg-type]
    if _is_array(data):
        return _sliced((data, None))
    if isinstance(data, list):
        return _of_list(data)
    if _is_like_dataset(data):
        return _of_dataset(data, np.arange(len(data)))
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return None
    raise ManifoldScaleError(
        f"`data` must be an array, a tensor, a mapping of them, a Dataset, a DataLoader or "
        f"an iterable of batches; not {type(data).__name__}. A data set by name: "
        "`ms.data.load(name).cloud()`."
    )


def _is_array(data: Any) -> bool:
    """Numbers by their place: in memory, or read from a file when they are sliced. Data
    sets have a shape too, and no dtype; frames have columns.
    """
    return hasattr(data, "shape") and (
        hasattr(data, "dtype") or hasattr(data, "iloc") or hasattr(data, "to_dicts")
    )


def _holds_arrays(part: Any) -> bool:
    return _is_array(part) or (isinstance(part, tuple | list) and any(map(_is_array, part)))


def _is_like_dataset(data: Any) -> bool:
    """Such as those of Hugging Face."""
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    plain = isinstance(data, list | tuple | str | bytes | Mapping)
    return by_number and not plain and not _is_array(data)


def _of_list(data: list[Any]) -> Source | None:
    """Rows of numbers; examples, or batches of them, as a data set or a loader gives them.

    Raises
    ------
    ManifoldScaleError : it may be either.
    """
    first = data[0] if data else None
    if isinstance(first, tuple | list) and any(map(_holds_arrays, first)):
        sizes = [part.shape[:1] for part in first[:2] if _is_array(part)]
        if len(sizes) == 2 and sizes[0] == sizes[1] != ():
            return None  # batches of inputs and labels
        return _of_dataset(cast("Dataset[Any]", data), np.arange(len(data)))
    if isinstance(first, Mapping):
        values = [value for value in first.values() if _is_array(value)]
        if values and all(value.ndim >= 2 for value in values):
            return None  # batches by name
        return _of_dataset(cast("Dataset[Any]", data), np.arange(len(data)))
    shape = tuple(getattr(first, "shape", ()))
    require(
        len(shape) < 2,
        f"`data` is a list of {len(data)} arrays of shape {shape}: is each an example, or "
        "a batch? Pass torch.stack(list) for examples, torch.cat(list) for batches.",
    )
    return _sliced((as_numpy(data, "data"), None))


def stream(data: Iterable[Any], model: nn.Module, device: str | None) -> Iterator[Batch]:
    """Batches of an iterable as they come, numbered through."""
    start = 0
    if isinstance(data, IterableDataset):  # rows, which a loader would put together
        data = DataLoader(data, batch_size=BATCH, collate_fn=collate)
    for raw in data:
        batch = prepared(raw, model, device, None)
        ids = np.arange(start, start + len(batch))
        start += len(batch)
        yield dc.replace(batch, rows=dc.replace(batch.rows, ids=ids))


def _sliced(pair: tuple[Any, Any], ids: Ints | None = None) -> Source:
    """Inputs and labels by their place; what is on a disk stays there until it is read."""
    inputs = _arrays(pair[0])
    labels = None if pair[1] is None else as_numpy(pair[1], "labels")
    n = int(_first(inputs).shape[0])  # an array on a disk may have no length
    require(
        labels is None or (labels.ndim >= 1 and len(labels) == n),
        f"There must be one label for each of the {n} examples; there are "
        f"{0 if labels is None or labels.ndim == 0 else len(labels)}.",
    )

    def fetch(rows: Ints, size: int) -> Iterator[Any]:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield _take(inputs, part), None if labels is None else labels[part]

    return Source(np.arange(n) if ids is None else ids, fetch)


def _arrays(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {str(key): _arrays(value) for key, value in inputs.items()}
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "data")
    on_disk = hasattr(inputs, "dtype") and not hasattr(inputs, "isna")
    array = inputs if on_disk and hasattr(inputs, "__getitem__") else _numbers(inputs)
    if isinstance(array, np.ma.MaskedArray):
        array = as_numpy(array, "data")
    require(
        array.ndim >= 1,
        f"`data` must have examples as its first axis; its shape is {tuple(array.shape)}.",
    )
    return array


def _numbers(inputs: Any) -> Array:
    return as_numpy(inputs.to_numpy() if hasattr(inputs, "to_dicts") else inputs, "data")


def _first(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        require(bool(inputs), "`data` is an empty mapping.")
        return next(iter(inputs.values()))
    return inputs


def _take(inputs: Any, rows: Ints) -> Any:
    """These rows, which rise. Files are read by slices or lists, as each of them can."""
    if isinstance(inputs, Mapping):
        return {key: _take(value, rows) for key, value in inputs.items()}
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return inputs[int(rows[0]) : int(rows[-1]) + 1]
    if isinstance(inputs, np.ndarray | Tensor):
        return inputs[rows]
    try:
        return inputs[rows]
    except (TypeError, IndexError, NotImplementedError):
        return np.stack([as_numpy(inputs[int(row)], "data") for row in rows])


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
        with DrawsFrom(0):
            order = list(loader.sampler)
    return _of_dataset(
        loader.dataset,
        np.array(order, dtype=np.int64),
        batch_size=loader.batch_size,
        collate_fn=loader.collate_fn,
        num_workers=loader.num_workers,
        pin_memory=loader.pin_memory,
    )


def prepared(raw: Any, model: nn.Module, device: str | None, ids: Ints | None) -> Batch:
    """A batch on the model's device and in its precision, labels and mask apart."""
    inputs, labels = _labelled(raw)
    place = device_of(model) if device is None else torch.device(device)
    tensors = _tensors(inputs, place, dtype_of(model))
    n = len(_first(tensors))
    mask = None
    if isinstance(tensors, dict):
        mask = mask_of(tensors)
        tensors = with_positions(_accepted(tensors, inputs, model), model)
    ids = np.arange(n) if ids is None else ids[:n]
    known = None if labels is None else as_numpy(labels, "labels")
    return Batch(tensors, Rows(ids, mask), known)


def _labelled(raw: Any) -> tuple[Any, Any]:
    """Inputs and labels of a batch as a loader gives it."""
    labels = None
    if isinstance(raw, tuple | list):
        require(len(raw) > 0, "`data` gives an empty batch.")
        raw, labels = raw[0], raw[1] if len(raw) >= 2 else None
        _check_views(raw, labels)
    if isinstance(raw, Mapping):
        found = next((raw[key] for key in LABELS if key in raw), None)
        labels = found if labels is None else labels
        kept = {key: value for key, value in raw.items() if key not in LABELS}
        raw = Columns(kept, getattr(raw, "left_out", {}))
    return raw, labels


def _check_views(inputs: Any, labels: Any) -> None:
    """Refuse several inputs where one is expected: two views of the examples, or a mask,
    would be taken for examples or for labels.
    """
    several = isinstance(inputs, tuple | list)
    parts = [x for x in (inputs if several else (inputs, labels)) if _is_array(x)]
    shapes = [tuple(part.shape) for part in parts]
    twins = len(shapes) == 2 and len(shapes[0]) >= 2 and shapes[0] == shapes[1]
    require(
        not (shapes if several else twins),
        f"A batch of `data` holds arrays of shape {', '.join(map(str, shapes))}: several "
        "views or inputs of an example, not inputs and labels. Let the data set give one "
        "of them, or a mapping by the names that the network's forward takes.",
    )


def _tensors(inputs: Any, place: torch.device, dtype: torch.dtype | None) -> Any:
    if isinstance(inputs, Mapping):
        named = {str(k): v for k, v in inputs.items() if not _is_text(v)}
        require(
            bool(named),
            f"`data` gives no numbers; it gives {', '.join(map(str, inputs)) or 'nothing'}"
            f"{_reasons(inputs)}.",
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
    try:
        return torch.from_numpy(np.array(as_numpy(inputs, "data")))
    except TypeError as error:
        raise ManifoldScaleError(
            f"`data` must hold numbers; a batch is {type(inputs).__name__} ({error})."
        ) from error


def _accepted(
    tensors: dict[str, Tensor], given: Mapping[str, Any], model: nn.Module
) -> dict[str, Tensor]:
    """Those that the network's forward takes; data sets often hold more."""
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
