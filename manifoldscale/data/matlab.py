"""Variables of .mat files, of both kinds, with their axes as MATLAB shows them."""

import dataclasses as dc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError
from ..core.extras import optional

HDF5 = b"\x89HDF\r\n\x1a\n"
HEADER = 512  # bytes of text before the HDF5 of a v7.3 file


def read_matlab(path: Path) -> dict[str, Any]:
    """Arrays by name, `struct.field` for those of structures; a cell is a list.

    A v7.3 file is HDF5, in which MATLAB's axes stand the other way round: they are turned
    back.

    Raises
    ------
    ManifoldScaleError : a v7.3 file without h5py.
    """
    with path.open("rb") as opened:
        is_hdf5 = HDF5 in (opened.read(8), opened.seek(HEADER) and opened.read(8))
    if not is_hdf5:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        try:
            held = loadmat(path)
        except MatReadError as error:
            raise ManifoldScaleError(f"{path} cannot be read: {error}.") from error
        pairs = ((k, v) for k, v in held.items() if not k.startswith("__"))
        return dict(one for name, value in pairs for one in _flat(name, value))
    try:
        h5py = optional("h5py", "neuro")
    except ManifoldScaleError as error:
        raise ManifoldScaleError(
            f"{path} is a .mat file of MATLAB's v7.3, which is HDF5. {error} Or save it in "
            "MATLAB with `save(..., '-v7')`."
        ) from error
    with h5py.File(path, "r") as file:
        return dict(one for name in file if name[0] != "#" for one in _stored(
            path, name, file[name]))  # fmt: skip


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A variable of scipy's reader, or the fields of a structure."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        for field in value.dtype.names:
            parts = list(value[field].flat)
            inner = parts[0] if len(parts) == 1 else _cell(parts)
            yield from _flat(f"{name}.{field}", inner)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield name, _cell(list(value.flat))
    elif isinstance(value, np.ndarray):
        yield name, value
    elif hasattr(value, "toarray"):  # sparse, as counts of spikes often are
        yield name, value.toarray()


def _cell(parts: list[Any]) -> Any:
    """A list of arrays; or an array of texts, or of numbers, where each is only one."""
    arrays = [np.asarray(part) for part in parts]
    if arrays and all(one.dtype.kind in "US" and one.size <= 1 for one in arrays):
        return np.array([str(one.item()) if one.size else "" for one in arrays])
    if arrays and all(one.size == 1 and one.dtype.kind in "biuf" for one in arrays):
        return np.array([one.item() for one in arrays])
    return arrays


@dc.dataclass(frozen=True)
class Stored:
    """An array of a v7.3 file, which is read when it is wanted."""

    path: Path
    at: str
    shape: tuple[int, ...]
    dtype: Any

    def __array__(self, *_: Any, **__: Any) -> Array:
        h5py = optional("h5py", "neuro")
        with h5py.File(self.path, "r") as file:
            return np.asarray(file[self.at][()]).T


def _stored(path: Path, name: str, one: Any) -> Iterator[tuple[str, Any]]:
    """A variable of a v7.3 file, or the fields of a structure."""
    if not hasattr(one, "dtype"):  # a group
        for field in one:
            yield from _stored(path, f"{name}.{field}", one[field])
        return
    kind = _kind(one)
    if one.dtype.kind == "O" and kind in ("cell", ""):
        refs = [one.file[ref] for ref in np.asarray(one[()]).T.reshape(-1, order="F")]
        if all(hasattr(ref, "dtype") for ref in refs):
            yield name, _cell([_value(ref) for ref in refs])
    elif kind == "char":
        yield name, np.array([_value(one).item()])
    elif one.dtype.kind in "biuf":
        yield name, Stored(path, one.name, one.shape[::-1], one.dtype)


def _value(one: Any) -> Array:
    """An entry of a cell: a text, or numbers."""
    if one.attrs.get("MATLAB_empty"):
        return np.empty(tuple(int(size) for size in np.asarray(one[()]).reshape(-1)))
    numbers = np.asarray(one[()]).T
    if _kind(one) == "char":
        return np.array("".join(map(chr, numbers.reshape(-1, order="F"))))
    return numbers


def _kind(one: Any) -> str:
    kind = one.attrs.get("MATLAB_class", b"")
    return kind.decode() if isinstance(kind, bytes) else str(kind)
