"""Recordings from files: arrays of NumPy, MATLAB and HDF5, tables, NWB, AnnData, NetCDF."""

import dataclasses as dc
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array, as_numpy
from ..core.errors import ManifoldScaleError, few, first_line, nearest, require
from ..core.extras import optional
from .anndata_file import read_anndata
from .axis_names import meaning
from .matlab import read_matlab
from .nwb import read_nwb
from .recorded_tables import of_frame
from .recording import (
    Asked,
    Recording,
    of_anndata,
    of_array,
    of_ragged,
    of_trials,
    of_xarray,
    sized,
)

SEPARATORS = {".csv": ",;\t", ".tsv": "\t"}
TABLES = (*SEPARATORS, ".parquet")
# What the readers raise of files that are damaged, encrypted or of another kind. It is told
# with the name of the file.
DAMAGED = (
    *(ValueError, OSError, EOFError, LookupError, TypeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, RuntimeError),
)


def read_file(spec: str, asked: Asked) -> Recording:
    """The recording in a file; `FILE::name` picks a variable of it."""
    file, _, name = spec.partition("::")
    path = Path(file)
    kind = path.suffix.lower()
    require(
        kind in READERS,
        f"{file!r}: a recording is read from {', '.join(READERS)}; not from "
        f"{path.suffix or 'a file without an ending'}.",
    )
    require(path.exists(), f"There is no file {file!r}.")
    require(
        asked.window is None or kind == ".nwb",
        "`window` is for the spike times of a .nwb file.",
    )
    try:
        found = READERS[kind](path, dc.replace(asked, variable=name))
    except ManifoldScaleError:
        raise
    except DAMAGED as error:
        raise ManifoldScaleError(f"{file} cannot be read: {first_line(error)}.") from error
    return dc.replace(found, read=(f"{spec}: {found.read[0]}", *found.read[1:]))


def _numpy(path: Path, asked: Asked) -> Recording:
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    if path.suffix.lower() == ".npz":
        with stored:
            return _chosen(path, {one: stored[one] for one in stored.files}, asked)
    require(
        not asked.variable,
        f"{path} holds one array; `::{asked.variable}` picks nothing in it.",
    )
    return _chosen(path, {path.stem: stored}, asked)


def _matlab(path: Path, asked: Asked) -> Recording:
    return _chosen(path, read_matlab(path), asked)


def _hdf5(path: Path, asked: Asked) -> Recording:
    h5py = optional("h5py", "neuro")
    held: dict[str, Any] = {}

    def keep(at: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and one.shape is not None:
            held[at] = one

    with h5py.File(path, "r") as file:
        file.visititems(keep)
        if asked.variable and asked.variable not in held:  # a link to somewhere else
            keep(asked.variable, file.get(asked.variable))
        return _chosen(path, held, asked)


def _chosen(path: Path, held: Mapping[str, Any], asked: Asked) -> Recording:
    """One variable of several, with the others that were named for its stimuli."""
    by = asked.stimuli if isinstance(asked.stimuli, str) else None
    name = _pick(path, held, asked.variable, [*asked.wanted, *filter(None, [by])])
    rows = {one: _row(path, held, one) for one in asked.wanted}
    stimuli = asked.stimuli if by is None else _row(path, held, by)
    beside = [one for one in held if one not in (name, by, *asked.wanted)]
    if stimuli is None and asked.order is None and asked.unnamed:
        _ask_whose_rows(path, {one: held[one] for one in beside}, held[name])
    found = _of_variable(f"{path}::{name}", held[name], stimuli, rows, asked)
    first = f"{name}, {found.read[0]}" if len(held) > 1 else found.read[0]
    more = (f"not read: {', '.join(beside)}",) if beside else ()
    return dc.replace(found, read=(first, *found.read[1:], *more))


def _ask_whose_rows(path: Path, beside: Mapping[str, Any], data: Any) -> None:
    """Refuse to take rows for stimuli where something may name the stimulus of each."""
    if isinstance(data, list):
        return
    for name, one in beside.items():
        size = int(np.prod(getattr(one, "shape", (0,))))
        require(
            meaning(name.rpartition(".")[2].rpartition("/")[2]) != "stimuli"
            or size not in data.shape,
            f"{path} holds {name!r}, which may name the stimulus of each trial: say so by "
            f"`stimuli` ({name!r}), or say by `order` what the axes are, as 'stimuli "
            "neurons'.",
        )


def _of_variable(
    where: str, data: Any, stimuli: Any, rows: Mapping[str, Array], asked: Asked
) -> Recording:
    """A list for each stimulus; trials of named stimuli; or an array with named axes."""
    if isinstance(data, list):
        require(stimuli is None, f"{where} is a cell for each stimulus already.")
        return dc.replace(of_ragged(data), rows=rows)
    if stimuli is not None:
        return _trials_of(_array(data), stimuli, asked.order, rows)
    by_name = asked.order is None or isinstance(asked.order, Mapping)
    dims = _dimensions(data) if by_name else []
    if dims:
        array = optional("xarray", "xarray").DataArray(_array(data), dims=dims)
        return dc.replace(of_xarray(array, asked.order), rows=rows)
    taken = asked.order is None and asked.unnamed and len(data.shape) == 2
    require(
        not by_name or bool(taken),
        f"{where} is an array of {sized(data.shape)} without names of its axes: say their "
        "`order`, as 'neurons stimuli trials'.",
    )
    return dc.replace(of_array(_array(data), asked.order, asked.unnamed), rows=rows)


def _trials_of(
    array: Array, stimuli: Any, order: Any, rows: Mapping[str, Array]
) -> Recording:
    """Trials; what stands beside them has an entry for each, or for each stimulus."""
    n = len(np.asarray(stimuli).reshape(-1))
    of_each = {name: one for name, one in rows.items() if len(one) == n}
    rest = {name: one for name, one in rows.items() if len(one) != n}
    found = of_trials(array, stimuli, order, of_each)
    return dc.replace(found, rows={**found.rows, **rest})


def _array(data: Any) -> Array:
    return as_numpy(data, "responses", missing=np.nan)


def _row(path: Path, held: Mapping[str, Any], name: str) -> Array:
    """A variable with one axis: of MATLAB, one row or column."""
    require(
        name in held,
        f"{path} holds no variable {name!r}; it has {_listed(held)}.",
    )
    values = np.asarray(held[name] if isinstance(held[name], list) else _array(held[name]))
    if values.dtype.kind in "SO":
        values = np.array([v.decode() if isinstance(v, bytes) else v for v in values.flat])
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    return values


def _pick(path: Path, held: Mapping[str, Any], name: str, taken: Sequence[str]) -> str:
    """The variable that is named, or the only one that can be a recording."""
    if name:
        near = f"; did you mean {nearest(name, held)}?" if held else "."
        require(
            name in held,
            f"{path} holds no variable {name!r}{near} It has {_listed(held)}.",
        )
        return name
    found = [
        one
        for one, data in held.items()
        if one not in taken and (isinstance(data, list) or _is_recording(data))
    ]
    require(
        bool(found),
        f"{path} holds no numeric array with two axes or more; it has {_listed(held)}.",
    )
    require(
        len(found) == 1,
        f"{path} holds {len(found)} variables that could be the responses: name one, as "
        f"{path}::{found[0]}. It has {_listed(held)}.",
    )
    return found[0]


def _is_recording(data: Any) -> bool:
    return data.dtype.kind in "biuf" and sum(size > 1 for size in data.shape) > 1


def _listed(held: Mapping[str, Any], most: int = 30) -> str:
    """The variables with their shapes."""
    said = [
        f"{name} ({len(data)} cells)"
        if isinstance(data, list)
        else f"{name} ({sized(data.shape)} {data.dtype})"
        for name, data in held.items()
    ]
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return ("; ".join(said[:most]) or "none") + more


def _dimensions(data: Any) -> list[str]:
    """The names of the axes of a dataset of HDF5, if all have one."""
    dims = getattr(data, "dims", None)
    if dims is None:
        return []
    names = [dim.label or (Path(dim[0].name).name if len(dim) else "") for dim in dims]
    return names if names and all(names) and len(set(names)) == len(names) else []


def _table(path: Path, asked: Asked) -> Recording:
    """A table; columns of stimuli and repeats beside neurons are its index."""
    require(
        not asked.variable,
        f"{path}: `::{asked.variable}` picks nothing in a table; "
        f"`order={{{asked.variable!r}: 'responses'}}` names the column of the responses.",
    )
    frame, order = _frame(path), asked.order
    if asked.stimuli is not None:
        frame, order = _by_trial(frame, asked.stimuli, order)
    if order is None or isinstance(order, Mapping):
        roles = _meanings(frame, order or {})
        if "neurons" not in roles.values() and frame.columns.names == [None]:
            keys = [n for n, role in roles.items() if role in ("stimuli", "trials")]
            has_index = frame.index.names != [None]
            frame = frame.set_index(keys, append=has_index) if keys else frame
    return of_frame(frame, order, asked.wanted, asked.unnamed)


def _meanings(frame: Any, order: Mapping[Any, str]) -> dict[Any, str | None]:
    """What the columns hold; a name gives way to the one that was said to be this axis."""
    said = set(order.values())
    meant = {one: meaning(one) for one in frame}
    return {
        one: order.get(one) or (None if role in said else role)
        for one, role in meant.items()
    }


def _by_trial(frame: Any, stimuli: Any, order: Any) -> tuple[Any, Mapping[Any, str]]:
    """A table with the column of its stimuli said; trials without numbers get them."""
    require(
        isinstance(stimuli, str) and stimuli in frame.columns,
        f"`stimuli` of a table names the column of the stimulus, not {stimuli!r}; the "
        f"columns are {few(frame.columns, 12)}.",
    )
    require(
        order is None or isinstance(order, Mapping),
        f"With `stimuli`, `order` of a table is a mapping of its columns, not {order!r}.",
    )
    order = {**(order or {}), stimuli: "stimuli"}
    if not {"trials", "neurons"} & set(_meanings(frame, order).values()):
        frame = frame.assign(repeat=frame.groupby(stimuli).cumcount())
    return frame, order


def _frame(path: Path) -> Any:
    import pandas as pd

    kind = path.suffix.lower()
    if kind == ".parquet":
        optional("pyarrow", "parquet")
        return pd.read_parquet(path)
    with path.open(encoding="utf-8-sig") as opened:
        header = opened.readline()
    # Exact by default from pandas 3 on, where the option is on its way out.
    exact = {"float_precision": "round_trip"} if pd.__version__ < "3" else {}
    frame = pd.read_csv(path, sep=max(SEPARATORS[kind], key=header.count), **exact)
    numbering = [name for name in frame if str(name).startswith("Unnamed: 0")]
    return frame.drop(columns=numbering)  # row numbers of pandas


def _xarray(path: Path, asked: Asked) -> Recording:
    xarray = optional("xarray", "xarray")
    zarr = {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}
    with xarray.open_dataset(path, **zarr) as stored:
        name = asked.variable
        require(
            not name or name in stored,
            f"{path} holds no variable {name!r}; it has {', '.join(map(str, stored))}.",
        )
        data = stored[name] if name else stored
        return of_xarray(data, asked.order, asked.stimuli, asked.wanted)


def _zarr(path: Path, asked: Asked) -> Recording:
    """Arrays whose axes have names, as xarray writes them; or by the order that is said."""
    optional("xarray", "xarray")
    import zarr

    stored = zarr.open(path, mode="r")
    members = dict(stored.members(max_depth=None)) if hasattr(stored, "members") else {}
    held = {name: one for name, one in members.items() if isinstance(one, zarr.Array)}
    held = held or ({path.stem: stored} if isinstance(stored, zarr.Array) else {})
    named = [
        getattr(one.metadata, "dimension_names", None) or one.attrs.get("_ARRAY_DIMENSIONS")
        for one in held.values()
    ]
    if named and all(named):
        return _xarray(path, asked)
    return _chosen(path, held, asked)


def _anndata(path: Path, asked: Asked) -> Recording:
    data = read_anndata(path, asked.variable)
    return of_anndata(data, asked.order, asked.stimuli, asked.wanted)


READERS: dict[str, Callable[[Path, Asked], Recording]] = {
    ".npy": _numpy,
    ".npz": _numpy,
    ".mat": _matlab,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".nwb": read_nwb,
    ".h5ad": _anndata,
    ".nc": _xarray,
    ".zarr": _zarr,
    ".csv": _table,
    ".tsv": _table,
    ".parquet": _table,
}
