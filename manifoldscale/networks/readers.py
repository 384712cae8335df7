"""Representations that others wrote: folders of arrays, and recordings of neurons."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch

from ..core.arrays import Array, Bools, Floats, as_numpy
from ..core.errors import ManifoldScaleError, require
from ..core.extras import optional
from ..geometry.cloud import Cloud
from .extract import Representations
from .sites import Site

ENDINGS = (".npy", ".npz", ".safetensors", ".parquet")
# What belongs to the points, under the names that people give it.
TABLES = {
    "labels": ("labels", "label", "y"),
    "groups": ("groups", "group"),
    "ids": ("ids", "id"),
}
ROWS = {name for names in TABLES.values() for name in names}
DAMAGED = (
    ValueError, OSError, EOFError, zipfile.BadZipFile, safetensors.SafetensorError,
)  # fmt: skip
Found = dict[str, dict[str, Array]]  # arrays by name, then by the file that holds them
AXES = ("neurons", "stimuli", "trials", "time")


def read_folder(path: str | Path) -> Representations:
    """Arrays that another program wrote, as the representations of `extract`.

    Every .npy, .npz, .safetensors or .parquet file of the folder (or the one file) holds
    arrays whose first axis is the points; what follows it is flattened. An array is called
    as its file (.npy; .parquet, a column a feature) or its key. `labels` (`label`, `y`),
    `groups` (`group`) and `ids` (`id`) belong to the points. Hidden files are left alone.
    A .npy file is mapped into memory; nothing is unpickled.

    Raises
    ------
    ManifoldScaleError : there is nothing to read; a file is damaged or holds objects; two
        files hold arrays of one name; the arrays differ in their number of points.
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
    """The files of a folder that are read, or the one that was named. Desktops and archives
    leave hidden ones behind, `._x.npy`.
    """
    files = [path]
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    return [file for file in files if file.suffix in ENDINGS and file.is_file()]


def _only(name: str, held: Mapping[str, Array]) -> Array:
    """The array of this name, which one file holds."""
    require(
        len(held) == 1,
        f"{len(held)} files hold an array {name!r}: {', '.join(held)}. Batches of one "
        "layer are saved as one array, by `np.concatenate`; different layers need other "
        "names.",
    )
    return next(iter(held.values()))


def _table(found: Found, kind: str) -> Array | None:
    """What belongs to the points; several files may repeat it, if they say the same."""
    named = {name: found[name] for name in TABLES[kind] if name in found}
    if not named:
        return None
    require(
        len(named) == 1,
        f"{' and '.join(map(repr, named))} could both be the {kind} of the points "
        f"(of {', '.join(sorted({file for held in named.values() for file in held}))}): "
        f"keep one of them, and call the others none of {', '.join(TABLES[kind])}.",
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


def _mean_trial(responses: Array, axis: int) -> Floats:
    """The mean over trials; one that was not recorded is NaN, and is left out. It is NaN
    where there is none.
    """
    recorded = ~np.isnan(responses)
    counts = recorded.sum(axis=axis)
    # In half precision a few thousand trials overflow.
    sums = responses.sum(axis=axis, dtype=np.float64, where=recorded)
    means: Floats = np.full(counts.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def _check_recorded(array: Array, axes: Sequence[str], averaged: bool) -> None:
    """Refuse gaps, but for bins of time in which nothing of a stimulus was recorded."""
    gone: Bools = np.isnan(array)
    advice = "leave out that neuron or stimulus, or impute it"
    if "time" in axes:
        empty = np.all(gone, axis=axes.index("neurons"), keepdims=True)
        never = np.all(empty, axis=axes.index("time"), keepdims=True)
        gone &= ~empty | never
        advice = (
            "do trials differ in length? A bin in which no neuron was recorded is left "
            "out; one with some of them needs them all: cut the trials to the shortest, or "
            f"{advice}"
        )
    where = np.argwhere(gone)
    if len(where):
        first = tuple(where[0].tolist())
        raise ManifoldScaleError(
            f"{len(where)} entries of `responses` are NaN{' in every trial' * averaged}, "
            f"the first at index {first}{' without the axis of trials' * averaged}; "
            f"{advice}."
        )


def _axes(order: Any, ndim: int) -> list[str]:
    """The words of `order`, one an axis."""
    words = order.replace(",", " ").split() if isinstance(order, str) else order
    axes = [str(word) for word in words] if isinstance(words, list | tuple) else []
    require(
        len(axes) == ndim
        and {"neurons", "stimuli"} <= set(axes) <= set(AXES)
        and len(set(axes)) == len(axes),
        f"`order` must name the {ndim} axes of `responses`, neurons and stimuli and "
        f"perhaps trials and time, each once; not {order!r}.",
    )
    return axes


def population(
    responses: Any,
    *,
    order: str | Sequence[str] = "neurons stimuli",
    labels: Any = None,
    groups: Any = None,
    name: str | None = None,
) -> Cloud:
    """A recorded population as a cloud: a point a stimulus, a feature a neuron.

    >>> population(np.random.default_rng(0).random((80, 200))).ambient_dim
    80

    Parameters
    ----------
    responses : array with the axes that `order` names.
    order : "neurons stimuli", "stimuli neurons", or with "trials" or "time" among them; a
        list of these words too.
        Repeated trials of a stimulus are averaged, those that are NaN or masked left out;
        time bins are points of their own, those of a stimulus in one group, so that they
        are never each other's neighbours. A bin in which no neuron was recorded, as after
        the end of a shorter trial, is no point.
    labels, groups : one a stimulus.
    """
    array = as_numpy(responses, "responses", missing=np.nan)
    axes = _axes(order, array.ndim)
    averaged, binned = "trials" in axes, "time" in axes
    if averaged or binned:
        require(
            array.dtype.kind in "biuf",
            f"`responses` must hold real numbers; its dtype is {array.dtype}.",
        )
    if averaged:
        array = _mean_trial(array, axes.index("trials"))
        axes.remove("trials")
    if averaged or binned:
        _check_recorded(array, axes, averaged)
    wanted = [axis for axis in ("stimuli", "time", "neurons") if axis in axes]
    array = array.transpose([axes.index(axis) for axis in wanted])
    n = len(array)
    known: Mapping[str, Any] = {"labels": labels, "groups": groups}
    rows = {key: as_numpy(v, key) for key, v in known.items() if v is not None}
    for key, values in rows.items():
        require(
            values.ndim >= 1 and len(values) == n,
            f"`{key}` must have one entry for each of the {n} stimuli; its shape is "
            f"{values.shape}.",
        )
    if binned:
        stimulus, time = np.nonzero(~np.isnan(array).all(axis=-1))
        rows = {"groups": np.arange(n), **rows}
        rows = {key: values[stimulus] for key, values in rows.items()}
        array = array[stimulus, time]
    return Cloud(array, name=name, **rows)
