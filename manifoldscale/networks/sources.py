"""Examples of any kind that users have, by number or in a stream."""

import dataclasses as dc
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

from ..core.arrays import Array, Ints, as_numpy, check_same_rows, check_tensor
from ..core.errors import ManifoldScaleError, first_line, require
from ..core.on_disk import check_on_disk, is_filled, is_on_disk
from ..data import Dataset as OwnDataset, Examples
from ..geometry.cloud import Cloud
from .batches import Batch, first_of, is_array, preparing
from .by_length import cut, lengths_of
from .collate import collate
from .draws import DrawsFrom

BATCH = 256  # rows of a stream of single rows


@dc.dataclass(frozen=True, eq=False)
class Source:
    """Examples that can be read by number, in any order.

    Attributes
    ----------
    ids : (examples,) whole numbers.
    fetch : (row numbers, batch size) to batches in the form of the user's data.
    batch_size : the batch size of a loader, which is kept.
    is_array : the examples exist already, and need not be made one by one.
    lengths : (examples,) their tokens, where some are padded at the end; None if they are
        not, or if that is not known.
    """

    ids: Ints
    fetch: Callable[[Ints, int], Iterator[Any]]
    batch_size: int | None = None
    is_array: bool = False
    lengths: Ints | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def batches(
        self,
        rows: Ints,
        size: int,
        model: nn.Module,
        device: str | None,
        by_length: bool = False,
    ) -> Iterator[Batch]:
        """Those examples in batches of `size`; or, `by_length`, the longest first, and each
        batch without what all of its examples have of padding.
        """
        start, lengths = 0, self.lengths if by_length else None
        if lengths is not None:
            rows = rows[np.argsort(-lengths[rows], kind="stable")]
        ids, prepared = self.ids[rows], preparing(model, device)
        for raw in self.fetch(rows, size):
            if lengths is not None:
                raw = (cut(raw[0], int(lengths[rows[start]])), raw[1])
            batch = prepared(raw, ids[start:])
            asked = len(rows[start : start + (self.batch_size or size)])
            require(
                len(batch) == asked,
                f"`data` gave {len(batch)} examples where {asked} were asked for, so which "
                "they are is not known: does its `collate_fn` leave some out? Leave them "
                "out of the data set instead.",
            )
            start += len(batch)
            yield batch


def source_of(data: Any) -> Source | None:
    """The examples by number; None for an iterable, which can only be read once.

    Raises
    ------
    ManifoldScaleError : the data are not examples, or it is not clear where one ends.
    """
    if isinstance(data, Cloud):
        assert data.ids is not None
        whole = data.ids.dtype.kind in "iu"
        ids = data.ids.astype(np.int64) if whole else np.arange(len(data))
        return _sliced((data.points, data.labels), ids)
    if isinstance(data, Examples | OwnDataset):
        return _sliced((data.inputs, data.labels))
    if isinstance(data, tuple):
        require(
            len(data) == 2,
            f"`data` is a tuple of {len(data)}: pass (inputs, labels), or a mapping of "
            "inputs by the names that the network's forward takes.",
        )
        return _sliced((data[0], data[1]))
    if isinstance(data, Tensor):
        check_tensor(data, "data")
    if isinstance(data, DataLoader):
        return _of_loader(data)
    if isinstance(data, IterableDataset):
        return None
    if isinstance(data, Mapping):
        splits = [str(key) for key, value in data.items() if _is_like_dataset(value)]
        require(
            not splits,
            f"`data` holds the splits {', '.join(splits)}: choose one, for example "
            f"data[{splits[0] if splits else ''!r}].",
        )
        return _sliced((data, None))
    if isinstance(data, Dataset):
        require(
            hasattr(data, "__len__"),
            f"`data`: {type(data).__name__} has no length. Give it `__len__`, or pass "
            "torch.utils.data.Subset(data, range(n)).",
        )
        return _of_dataset(data, np.arange(len(data)))  # type: ignore[arg-type]
    if is_array(data):
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


def _holds_arrays(part: Any) -> bool:
    return is_array(part) or (isinstance(part, tuple | list) and any(map(is_array, part)))


def _is_like_dataset(data: Any) -> bool:
    """Whether it is like a data set of Hugging Face."""
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    plain = isinstance(data, list | tuple | str | bytes | Mapping)
    return by_number and not plain and not is_array(data)


def _of_list(data: list[Any]) -> Source | None:
    """Rows of numbers, or examples or batches in the form of a data set or a loader.

    Raises
    ------
    ManifoldScaleError : it may be examples or batches.
    """
    first = data[0] if data else None
    if isinstance(first, tuple | list) and any(map(_holds_arrays, first)):
        sizes = [part.shape[:1] for part in first[:2] if is_array(part)]
        if len(sizes) == 2 and sizes[0] == sizes[1] != ():
            return None  # batches of inputs and labels
        return _of_dataset(cast("Dataset[Any]", data), np.arange(len(data)))
    if isinstance(first, Mapping):
        values = [value for value in first.values() if is_array(value)]
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
    """Batches of an iterable in their order, with examples numbered through."""
    start = 0
    if isinstance(data, IterableDataset):  # rows, which a loader would put together
        data = DataLoader(data, batch_size=BATCH, collate_fn=collate)
    prepared = preparing(model, device)
    for raw in data:
        batch = prepared(raw, None)
        ids = np.arange(start, start + len(batch))
        start += len(batch)
        yield dc.replace(batch, rows=dc.replace(batch.rows, ids=ids))


def _sliced(pair: tuple[Any, Any], ids: Ints | None = None) -> Source:
    """Inputs and labels by their place; arrays on disk stay there until they are read."""
    named = pair[0] if isinstance(pair[0], Mapping) else {"data": pair[0]}
    check_same_rows([*named.items(), ("labels", pair[1])])
    inputs = _arrays(pair[0], "data")
    labels = None if pair[1] is None else as_numpy(pair[1], "labels")
    n = int(first_of(inputs).shape[0])  # an array on a disk may have no length
    if isinstance(inputs, Mapping):
        counts = {name: int(array.shape[0]) for name, array in inputs.items()}
        require(
            set(counts.values()) == {n},
            f"The arrays of `data` must hold as many examples each; they hold {counts}.",
        )
    require(
        labels is None or (labels.ndim >= 1 and len(labels) == n),
        f"There must be one label for each of the {n} examples; there are "
        f"{0 if labels is None or labels.ndim == 0 else len(labels)}.",
    )

    def fetch(rows: Ints, size: int) -> Iterator[Any]:
        in_turn = _are_in_turn(rows)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            taken = _take(inputs, part, in_turn or _are_in_turn(part))
            yield taken, None if labels is None else labels[part]

    numbers = np.arange(n) if ids is None else ids
    return Source(numbers, fetch, is_array=True, lengths=lengths_of(inputs))


def _arrays(inputs: Any, name: str) -> Any:
    if isinstance(inputs, Mapping):
        return {
            str(key): _arrays(value, f"{name}[{key!r}]") for key, value in inputs.items()
        }
    if isinstance(inputs, Tensor):
        check_tensor(inputs, name)
    on_disk = hasattr(inputs, "dtype") and not hasattr(inputs, "isna")
    array = inputs if on_disk and hasattr(inputs, "__getitem__") else _numbers(inputs, name)
    if is_on_disk(array):
        check_on_disk(array, name)
    if isinstance(array, np.ma.MaskedArray):
        array = as_numpy(array, name)
    require(
        array.ndim >= 1,
        f"`{name}` must have examples as its first axis; its shape is "
        f"{tuple(array.shape)}.",
    )
    return array


def _numbers(inputs: Any, name: str) -> Array:
    return as_numpy(inputs.to_numpy() if hasattr(inputs, "to_dicts") else inputs, name)


def _are_in_turn(rows: Ints) -> bool:
    return bool((np.diff(rows) == 1).all())


def _take(inputs: Any, rows: Ints, in_turn: bool) -> Any:
    """These rows; of a file in rising order, by slices or lists, as it allows."""
    if isinstance(inputs, Mapping):
        return {key: _take(value, rows, in_turn) for key, value in inputs.items()}
    values = _rows_of(inputs, rows, in_turn)
    if is_on_disk(inputs):
        gone = is_filled(values, inputs)
        require(
            not gone.any(),
            f"`data` holds values that stand for nothing, by its attributes or its fill "
            f"value, the first in row {rows[np.argwhere(gone)[0, 0]] if gone.any() else 0}:"
            " leave out those rows.",
        )
    return values


def _rows_of(inputs: Any, rows: Ints, in_turn: bool) -> Any:
    if in_turn:
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
        size, done = own_size or size, 0
        # A private generator, because making an iterator draws a number.
        loader = DataLoader(
            data,
            sampler=order[rows].tolist(),
            batch_size=size,
            generator=torch.Generator(),
            **loading,
        )
        try:
            for batch in loader:
                yield batch
                done += size
        except ManifoldScaleError:
            raise
        except Exception as error:  # of the code of a data set
            part = order[rows[done : done + size]]
            raise ManifoldScaleError(
                f"`data`: {type(data).__name__} of {len(order):,} examples raised "
                f"{type(error).__name__} for one of {part.min():,} to {part.max():,}: "
                f"{first_line(error)}"
            ) from error

    return Source(order, fetch, own_size)


def _of_loader(loader: DataLoader[Any]) -> Source | None:
    """A loader in the order of its data set, or of its sampler if that chooses examples.
    Its shuffling is ignored, because it would change every run. Nothing is dropped at the
    end.
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
