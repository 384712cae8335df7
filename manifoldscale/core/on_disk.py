"""Arrays in files of HDF5 and Zarr: what their numbers mean, and which were never written.

Without an error, a file of HDF5 reads as zeros where nothing was written, as in an array
that was made in full and filled until the job was killed, and where a virtual array lacks a
file.
"""

import math
import numbers
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ManifoldScaleError, require

# Attributes by which NetCDF and xarray mark what is missing, and what was packed.
MISSING = ("_FillValue", "missing_value")
SCALE, OFFSET = "scale_factor", "add_offset"


def is_on_disk(data: Any) -> bool:
    """Whether it is an array of h5py or zarr, without importing them."""
    library = type(data).__module__.partition(".")[0]
    return library in ("h5py", "zarr") and hasattr(data, "attrs") and hasattr(data, "dtype")


def check_on_disk(data: Any, name: str) -> None:
    """Refuse packed numbers, and an array of which a part was never written."""
    scale, offset = _number(data, SCALE, 1.0), _number(data, OFFSET, 0.0)
    require(
        scale == 1 and offset == 0,
        f"`{name}` holds packed numbers, by its attributes {SCALE!r} and {OFFSET!r}: open "
        f"it with `xarray`, or pass `{name}[:] * {scale:g} + {offset:g}`.",
    )
    if not type(data).__module__.startswith("h5py") or not data.size:
        return
    if data.is_virtual:
        _check_sources(data, name)
    elif not _number_or_zero(data.fillvalue):  # another one is seen in what is read
        _check_written(data, name)


def is_filled(values: npt.NDArray[Any], data: Any) -> npt.NDArray[np.bool_]:
    """Which of the values, read from `data`, stand for nothing."""
    found = np.zeros(values.shape, bool)
    if values.dtype.kind not in "iuf":
        return found
    marks = [_number(data, key, math.nan) for key in MISSING]
    marks.append(_number_or_zero(getattr(data, "fillvalue", 0)) or math.nan)
    for mark in marks:
        if not math.isnan(mark):
            found |= values == np.asarray(mark).astype(values.dtype)
    return found


def _check_written(data: Any, name: str) -> None:
    if data.chunks is None:
        total, written = 1, int(data.id.get_storage_size() > 0 or data.external is not None)
    else:
        sizes = zip(data.shape, data.chunks, strict=True)
        total = math.prod(math.ceil(size / chunk) for size, chunk in sizes)
        written = data.id.get_num_chunks()
    if written >= total:
        return
    what = f"{total - written:,} of the {total:,} chunks" if total > 1 else "The numbers"
    raise ManifoldScaleError(
        f"{what} of `{name}` were never written, and would be read as zeros: was the job "
        f"that wrote them killed? Leave them out, or pass `{name}[:]` if they are zeros."
    )


def _check_sources(data: Any, name: str) -> None:
    folder = Path(data.file.filename).parent
    files = dict.fromkeys(source.file_name for source in data.virtual_sources())
    gone = [one for one in files if one != "." and not (folder / one).is_file()]
    require(
        not gone,
        f"`{name}` is an array of parts in other files, and {len(gone)} of {len(files)} "
        f"are not there, as {gone[:1]}: they would be read as {data.fillvalue}.",
    )


def _number(data: Any, key: str, other: float) -> float:
    """An attribute that is a number; of NetCDF an array of one."""
    found = np.asarray(data.attrs.get(key, other))
    is_number = found.size == 1 and found.dtype.kind in "iuf"
    return float(found.reshape(())) if is_number else other


def _number_or_zero(value: Any) -> float:
    is_number = isinstance(value, numbers.Real) and not math.isnan(value)
    return float(value) if is_number else 0.0
