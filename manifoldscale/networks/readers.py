"""Representations that others wrote: folders of arrays."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError, require
from ..core.extras import optional
from .extract import Representations
from .sites import Site

ENDINGS = (".npy", ".npz", ".safetensors", ".parquet")
# What belongs to the points, with the usual names.
TABLES = {
    "labels": ("labels", "label", "y"),
    "groups": ("groups", "group"),
    "ids": ("ids", "id"),
}
ROWS = {name for names in TABLES.values() for name in names}
DAMAGED = (
    ValueError, OSError, EOFError, zipfile.BadZipFile, safetensors.SafetensorError,
)  # fmt: skip
Found = dict[str, dict[str, Array]]  # arrays by name, then by file


def read_folder(path: str | Path) -> Representations:
    """Arrays that another program wrote, as the representations of `extract`.

    Every .npy, .npz, .safetensors or .parquet file of the folder (or the one file) holds
    arrays with points as first axis; further axes are flattened. An array has the name of
    its file (.npy; .parquet, one column per feature) or its key. `labels` (`label`, `y`),
    `groups` (`group`) and `ids` (`id`) belong to the points. Hidden files are skipped. A
    .npy file is mapped into memory; nothing is unpickled.

    Raises
    ------
    ManifoldScaleError : there is nothing to read; a file is damaged or holds objects; two
        files hold arrays of one name; arrays differ in their number of points.
    """
    path = Path(path)
    found: Found = {}
    for file in _files(path):
        for name, array in _arrays(file).items():
            found.setdefault(name, {})[file.name] = array
    tables = {kind: _table(found, kind) for kind in TABLES}
    arrays = {name: _only(name, held) for name, held in found.items() if name not in ROWS}
    require(
        bool(arrays), f"{str(path)!r} holds no arrays ({', '.join(ENDINGS)}) of points."
    )
    first = next(iter(arrays))
    known = {name: array for name, array in tables.items() if array is not None}
    for name, array in {**arrays, **known}.items():
        require(
            array.ndim >= 1 and len(array) == len(arrays[first]),
            f"{name!r} has shape {array.shape}, {first!r} {arrays[first].shape}: "
            "they must agree in the number of points.",
        )
    return Representations(
        sites=tuple(
            Site(name, "file", array.shape[1:], dtype=str(array.dtype))
            for name, array in arrays.items()
        ),
        arrays={name: array.reshape(len(array), -1) for name, array in arrays.items()},
        labels=tables["labels"],
        ids=tables["ids"],
        groups=tables["groups"],
    )


def _files(path: Path) -> list[Path]:
    """The files of a folder to read, or the one file. Hidden files such as `._x.npy`, which
    desktops and archives leave behind, are skipped.
    """
    files = [path]
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    return [file for file in files if file.suffix in ENDINGS and file.is_file()]


def _only(name: str, held: Mapping[str, Array]) -> Array:
    """The array of this name, which only one file may hold."""
    require(
        len(held) == 1,
        f"{len(held)} files hold an array {name!r}: {', '.join(held)}. Batches of one "
        "layer are saved as one array, by `np.concatenate`; different layers need other "
        "names.",
    )
    return next(iter(held.values()))


def _table(found: Found, kind: str) -> Array | None:
    """What belongs to the points; several files may repeat it, if they agree."""
    named = {name: found[name] for name in TABLES[kind] if name in found}
    if not named:
        return None
    require(
        len(named) == 1,
        f"{' and '.join(map(repr, named))} could both be the {kind} of the points "
        f"(of {', '.join(sorted({file for held in named.values() for file in held}))}): "
        f"keep one of them, and do not call the others {', '.join(TABLES[kind])}.",
    )
    ((name, held),) = named.items()
    first = next(iter(held.values()))
    if all(np.array_equal(first, other) for other in held.values()):
        return first
    return _only(name, held)


def _arrays(file: Path) -> dict[str, Array]:
    try:
        if file.suffix == ".npy":
            return {file.stem: np.load(file, mmap_mode="r", allow_pickle=False)}
        if file.suffix == ".npz":
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
                return dict(stored)
        if file.suffix == ".safetensors":
            stored = safetensors.torch.load_file(str(file))
            return {name: as_numpy(value, name) for name, value in stored.items()}
        optional("pyarrow", "parquet")
        import pandas as pd

        table = pd.read_parquet(file)
        known = {n: as_numpy(table.pop(n), n) for n in sorted(ROWS) if n in table}
        if not len(table.columns):  # a file of labels alone
            return known
        return {file.stem: _features(table, file), **known}
    except DAMAGED as error:
        if isinstance(error, ManifoldScaleError):
            raise
        raise ManifoldScaleError(
            f"{file} cannot be read as numeric arrays ({error}); Python objects are never "
            "loaded."
        ) from error


def _features(table: Any, file: Path) -> Array:
    """The columns of a table as one array; a column of lists is several features."""
    lists = [name for name in table if table[name].map(np.ndim).eq(1).any()]
    if not lists:
        return as_numpy(table, file.name)
    parts = [
        np.stack([as_numpy(row, f"{file.name}[{name!r}]") for row in table[name]])
        if name in lists
        else as_numpy(table[[name]], f"{file.name}[{name!r}]")
        for name in table
    ]
    return np.concatenate(parts, axis=1)
