"""Representations that others wrote: folders of arrays, and recordings of neurons."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError, require
from ..core.extras import optional
from ..geometry.cloud import Cloud
from .extract import Representations
from .sites import Site

ENDINGS = (".npy", ".npz", ".safetensors", ".parquet")
TABLES = ("ids", "labels", "groups")


def read_folder(path: str | Path) -> Representations:
    """Arrays that another program wrote, as the representations of `extract`.

    Every .npy, .npz, .safetensors or .parquet file of the folder (or the one file) holds
    arrays whose first axis is the points; what follows it is flattened. An array is called
    as its file (.npy; .parquet, a column a feature) or its key. `ids`, `labels` and
    `groups` belong to the points. A .npy file is mapped into memory; nothing is unpickled.

    Raises
    ------
    ManifoldScaleError : there is nothing to read; a file is damaged or holds objects; the
        arrays differ in their number of points.
    """
    path = Path(path)
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    arrays: dict[str, Array] = {}
    for file in files:
        if file.suffix in ENDINGS and file.is_file():
            arrays.update(_arrays(file))
    tables = {name: arrays.pop(name, None) for name in TABLES}
    require(
        bool(arrays), f"{str(path)!r} holds no arrays ({', '.join(ENDINGS)}) of points."
    )
    first = next(iter(arrays))
    for name, array in {**arrays, **tables}.items():
        require(
            array is None or (array.ndim >= 1 and len(array) == len(arrays[first])),
            f"{name!r} has shape {getattr(array, 'shape', None)}, {first!r} "
            f"{arrays[first].shape}: they must agree in the number of points.",
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


def _arrays(file: Path) -> dict[str, Array]:
    try:
        if file.suffix == ".npy":
            return {file.stem: np.load(file, mmap_mode="r", allow_pickle=False)}
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as stored:
                return dict(stored)
        if file.suffix == ".safetensors":
            stored = safetensors.torch.load_file(str(file))
            return {name: as_numpy(value, name) for name, value in stored.items()}
        optional("pyarrow", "parquet")
        import pandas as pd

        table = pd.read_parquet(file)
        known = {n: as_numpy(table.pop(n), n) for n in TABLES if n in table}
        return {file.stem: _features(table, file), **known}
    except (ValueError, OSError, EOFError, safetensors.SafetensorError) as error:
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


def _mean_trial(responses: Array, axis: int) -> Array:
    """The mean over trials; a trial that was not recorded is NaN, and is left out."""
    missing = np.isnan(responses)
    counts = (~missing).sum(axis=axis)
    empty = np.argwhere(counts == 0)
    if len(empty):
        raise ManifoldScaleError(
            f"{len(empty)} entries of `responses` are NaN in every trial, the first at "
            f"index {tuple(empty[0].tolist())} without the axis of trials; leave out that "
            "neuron or stimulus, or impute it."
        )
    return np.asarray(np.where(missing, 0, responses).sum(axis=axis) / counts)


def population(
    responses: Any,
    *,
    order: str = "neurons stimuli",
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
    order : "neurons stimuli", "stimuli neurons", or with "trials" or "time" among them.
        Repeated trials of a stimulus are averaged, those that are NaN or masked left out;
        time bins
        are points of their own, those of a stimulus in one group, so that they are never
        each other's neighbours.
    labels, groups : one a stimulus.
    """
    array = as_numpy(responses, "responses", missing=np.nan)
    axes = order.split()
    require(
        array.ndim == len(axes)
        and {"neurons", "stimuli"} <= set(axes) <= {"neurons", "stimuli", "trials", "time"}
        and len(set(axes)) == len(axes),
        f"`order` must name the {array.ndim} axes of `responses`, neurons and stimuli and "
        f"perhaps trials and time, each once; not {order!r}.",
    )
    if "trials" in axes:
        array = _mean_trial(array, axes.index("trials"))
        axes.remove("trials")
    wanted = [axis for axis in ("stimuli", "time", "neurons") if axis in axes]
    array = array.transpose([axes.index(axis) for axis in wanted])
    known: Mapping[str, Any] = {"labels": labels, "groups": groups}
    rows = {key: None if v is None else as_numpy(v, key) for key, v in known.items()}
    if "time" in axes:
        n, times = array.shape[:2]
        if rows["groups"] is None:
            rows["groups"] = np.arange(n)
        rows = {k: None if v is None else np.repeat(v, times) for k, v in rows.items()}
        array = array.reshape(n * times, -1)
    return Cloud(array, name=name, **rows)
