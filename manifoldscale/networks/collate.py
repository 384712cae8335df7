"""A batch from the single examples of a data set."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from ..core.arrays import as_numpy, native
from ..core.errors import ManifoldScaleError, first_line

TOKENS = "input_ids"
MASK = "attention_mask"
NO_LABEL = -100  # the label of padding, as in transformers

_stacked: Callable[[list[Any]], Any] = default_collate


class NamedColumns(dict[str, Any]):
    """A batch by name, and why columns of the data set are not in it.

    Attributes
    ----------
    left_out : column to reason.
    """

    def __init__(self, columns: Mapping[str, Any], left_out: Mapping[str, str]) -> None:
        super().__init__(columns)
        self.left_out = dict(left_out)


def collate(items: list[Any]) -> Any:
    """A batch of items. In rows by name, lists of tokens of different lengths are padded at
    the end, with a mask. Columns that are not numbers of one shape are left out, because a
    data set often holds more than the network takes.
    """
    if items and isinstance(items[0], Mapping):
        return _columns(items)
    try:
        return _stacked(items)
    except (TypeError, RuntimeError, ValueError) as error:
        raise ManifoldScaleError(
            f"`data`: its examples do not fit in one batch: {first_line(error)} "
            "Let the Dataset give tensors of one shape."
        ) from error


def _columns(rows: Sequence[Mapping[str, Any]]) -> NamedColumns:
    names = dict.fromkeys(str(name) for row in rows for name in row)
    lengths = [_length(row.get(TOKENS)) for row in rows]
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name in names:
        try:
            found[name] = _column([row.get(name) for row in rows], lengths, name)
        except (TypeError, ValueError, RuntimeError) as error:
            left_out[name] = first_line(error)
    if TOKENS in found and MASK not in names and len(set(lengths)) > 1:
        found[MASK] = _padded([torch.ones(n, dtype=torch.int64) for n in lengths], 0)
    return NamedColumns(found, left_out)


def _column(values: list[Any], lengths: list[int], name: str) -> Any:
    """A column as one tensor, or a list of texts.

    Raises
    ------
    TypeError, ValueError : it is not a column of numbers of one shape.
    """
    empty = sum(value is None for value in values)
    if empty:
        raise ValueError(f"it is empty in {empty} of {len(values)} rows")
    if all(isinstance(value, str) for value in values):
        return values
    tensors = [_tensor(value, name) for value in values]
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) == 1:
        return torch.stack(tensors)
    if [_length(tensor) for tensor in tensors] != lengths or 0 in lengths:
        raise ValueError(f"its rows differ in shape, as {sorted(shapes)[:2]}")
    return _padded(tensors, NO_LABEL if name == "labels" else 0)


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    array = as_numpy(value, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"it holds {type(value).__name__}, no numbers")
    return torch.from_numpy(np.array(native(array)))


def _padded(tensors: Sequence[Tensor], fill: int) -> Tensor:
    """Sequences (length x ...) as one tensor, filled at the end."""
    return nn.utils.rnn.pad_sequence(list(tensors), batch_first=True, padding_value=fill)


def _length(value: Any) -> int:
    """The length of a sequence; 0 for anything else."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(value) if isinstance(value, list | tuple) else 0
