"""Data sets that Hugging Face's `datasets` saved to disk."""

from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError
from ..core.extras import optional
from .images import pixels_of
from .stack import of_one_kind, stacked

TOKENS = ("input_ids", "attention_mask", "token_type_ids")
LABELS = ("label", "labels", "y")


def is_saved(path: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return any((path / name).is_file() for name in ("state.json", "dataset_dict.json"))


def load_saved(path: Path) -> tuple[Any, Array | None, str]:
    """(inputs, labels, what was read) of a saved data set; tokens are inputs by name.

    Beside its labels it must have tokens, or one column of images or of arrays.

    Raises
    ------
    ManifoldScaleError : several splits; no such column, or several; arrays of different
        shapes; a damaged folder.
    """
    if (path / "dataset_dict.json").is_file():
        splits = sorted(child.name for child in path.iterdir() if child.is_dir())
        raise ManifoldScaleError(
            f"{path} holds the splits {', '.join(splits) or '(none)'}: choose one, as "
            f"{path / (splits or ['train'])[0]}."
        )
    datasets = optional("datasets", "models")
    try:
        table = datasets.load_from_disk(str(path)).with_format("numpy")
    except Exception as error:  # of Arrow, JSON or the file system
        raise ManifoldScaleError(f"{path} cannot be read: {error}") from error
    names = list(table.column_names)
    label = next((name for name in LABELS if name in names), None)
    labels = None if label is None else as_numpy(table[label][:], label)
    if TOKENS[0] in names:
        tokens = {name: _array(table, name, path) for name in TOKENS if name in names}
        others = [name for name in names if name not in (*tokens, label)]
        return tokens, labels, f"{', '.join(tokens)}{_not_read(others)}"
    rest = [name for name in names if name != label and _is_array(table[0][name])]
    if len(rest) != 1:
        raise ManifoldScaleError(
            f"{path} needs one column of images or arrays beside its labels; it has "
            f"{', '.join(rest) or 'none'} among {', '.join(names)}. Remove the others, or "
            "name a function of yours, py:module:loader."
        )
    others = [name for name in names if name not in (label, rest[0])]
    read = f"{rest[0]}{f', {label}' if label else ''}{_not_read(others)}"
    if type(table.features[rest[0]]).__name__ == "Image":
        images = [pixels_of(x, str(path)) for x in table.with_format(None)[rest[0]]]
        return stacked(of_one_kind(images), str(path), "images"), labels, read
    return _array(table, rest[0], path), labels, read


def _not_read(names: list[str]) -> str:
    return f"; not read: {', '.join(names)}" if names else ""


def _is_array(value: Any) -> bool:
    found = np.asarray(value)
    return found.ndim > 0 and found.dtype.kind in "fiub"


def _array(table: Any, name: str, path: Path) -> Array:
    rows = [np.asarray(row) for row in table[name]]
    return stacked(rows, f"Column {name!r} of {path}", "arrays")
