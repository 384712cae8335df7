"""Arrays that users hand in, checked once at the door."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ManifoldScaleError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BLOCK = 1 << 20  # numbers looked at together


def as_numpy(data: Any, name: str) -> Array:
    """`data` as a NumPy array: arrays, tensors, data frames and nested lists."""
    if hasattr(data, "detach"):  # a torch tensor, without importing torch
        tensor = data.detach().cpu()
        data = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    elif hasattr(data, "toarray"):
        raise ManifoldScaleError(
            f"`{name}` is a sparse matrix; pass `{name}.toarray()`, or fewer features."
        )
    if isinstance(data, np.memmap):  # stays one, so that nothing reads it whole
        return data
    try:
        return np.asarray(data)
    except ValueError as error:
        raise ManifoldScaleError(
            f"`{name}` cannot be read as a numeric array: {error}."
        ) from error


def as_real(data: Any, name: str) -> Array:
    """A finite float32 or float64 array; integers and booleans become float64.

    A memory map of float32 or float64 is read in blocks, and stays where it is.
    """
    array = as_numpy(data, name)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        raise ManifoldScaleError(
            f"`{name}` must hold real numbers; its dtype is {array.dtype}."
        )
    if array.dtype not in (np.float32, np.float64):
        wide = np.float32 if array.dtype == np.float16 else np.float64
        array = array.astype(wide)
    if not all(bool(np.isfinite(block).all()) for block in _blocks(array)):
        bad = np.argwhere(~np.isfinite(array))
        place = tuple(int(i) for i in bad[0])
        raise ManifoldScaleError(
            f"`{name}` holds {len(bad):,} NaN or infinite values, the first at index "
            f"{place}; remove those rows or impute them."
        )
    return array


def _blocks(array: Array) -> Iterator[Array]:
    """The array in runs of rows of about a million numbers."""
    if array.ndim == 0:
        yield array
        return
    step = max(1, BLOCK * len(array) // max(array.size, 1))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def as_points(data: Any, name: str = "X") -> Array:
    """A finite real (points x features) array with at least one of each."""
    array = as_real(data, name)
    if array.ndim != 2:
        advice = {
            0: "pass an array of points",
            1: f"one feature: use `{name}.reshape(-1, 1)`; one point: there is no cloud",
        }.get(array.ndim, f"flatten each point: `{name}.reshape(len({name}), -1)`")
        raise ManifoldScaleError(
            f"`{name}` must be 2-D, points x features; its shape is {array.shape} "
            f"({advice})."
        )
    if 0 in array.shape:
        raise ManifoldScaleError(
            f"`{name}` is empty: its shape is {array.shape}; at least one point and one "
            "feature are needed."
        )
    return array


def frozen(array: Array) -> Array:
    """A read-only view; the caller's own array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view
