"""Arrays that users hand in, checked once at the door."""

import dataclasses as dc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ManifoldScaleError, require
from .names import words_of
from .on_disk import check_on_disk, is_filled, is_on_disk
from .stand_ins import refuse_stand_ins

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BLOCK = 1 << 20  # numbers looked at together
NUMBERS = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}
NUMBERING = ("index", "level_0", "row", "")  # names of columns that were an index
CLASSES = ("label", "labels", "target", "targets", "class", "cluster", "y")


def as_numpy(data: Any, name: str, *, missing: float | None = None) -> Array:
    """`data` as a NumPy array: arrays, tensors, data frames and nested lists.

    Parameters
    ----------
    missing : what stands for entries that are masked or NA; None refuses them. The value
        under a mask is never read.

    Raises
    ------
    ManifoldScaleError : it cannot be read as an array (sparse, quantised, on a device
        without numbers), or entries are missing.
    """
    try:
        return _read(data, name, missing)
    except ManifoldScaleError:
        raise
    except MemoryError as error:
        raise ManifoldScaleError(
            f"`{name}` does not fit into memory ({error}); pass a part of it, as "
            f"`{name}[:100_000]`, or a memory map."
        ) from error
    except (ValueError, TypeError) as error:
        raise ManifoldScaleError(
            f"`{name}` cannot be read as a numeric array: {error}."
        ) from error


def _read(data: Any, name: str, missing: float | None) -> Array:
    if hasattr(data, "detach"):  # a torch tensor, without importing torch
        return _of_tensor(data, name, missing)
    if isinstance(data, np.memmap):  # stays a map: it may not fit into memory
        return data
    if isinstance(data, list | tuple) and data and hasattr(data[0], "detach"):
        return np.stack([_read(part, name, missing) for part in data])
    if isinstance(data, np.ma.MaskedArray) or _holds_masked(data):
        return _filled(np.ma.asarray(data), name, missing)
    if hasattr(data, "toarray"):
        raise ManifoldScaleError(
            f"`{name}` is a sparse matrix; pass `{name}.toarray()`, or fewer features."
        )
    if is_on_disk(data):
        check_on_disk(data, name)
        values = np.asarray(data[()])
        gone = is_filled(values, data)
        if gone.any():
            return _filled(np.ma.MaskedArray(values, gone), name, missing)
        return values
    if type(data).__module__.startswith("pyarrow"):
        data = data.to_pandas()
    if hasattr(data, "isna"):  # pandas
        frame = hasattr(data, "columns")
        return _of_frame(data, name, missing) if frame else _of_column(data, name, missing)
    return np.asarray(data)


def native(array: Array) -> Array:
    """The array in the byte order of this machine, the only one that torch reads."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_tensor(tensor: Any, name: str) -> None:
    """Refuse a torch tensor whose numbers cannot be had: sparse, quantised, nested,
    masked, or on the meta device.
    """
    found = (
        (str(tensor.layout) == "torch.jagged" or tensor.is_nested, "is nested"),
        (str(tensor.layout) != "torch.strided", f"is sparse: pass `{name}.to_dense()`"),
        (tensor.is_quantized, f"is quantised: pass `{name}.dequantize()`"),
        (tensor.is_meta, "is on the meta device, where there are no numbers"),
        (hasattr(tensor, "get_mask"), "is a MaskedTensor: leave out its masked rows"),
    )
    for is_so, what in found:
        require(not is_so, f"`{name}` {what}.")


def _of_tensor(tensor: Any, name: str, missing: float | None) -> Array:
    if hasattr(tensor, "get_mask"):  # True is a value, the opposite of NumPy's
        values = as_numpy(tensor.get_data(), name)
        mask = ~as_numpy(tensor.get_mask(), name)
        return _filled(np.ma.MaskedArray(values, mask), name, missing)
    check_tensor(tensor, name)
    plain = tensor.detach().cpu()
    if any(narrow in str(plain.dtype) for narrow in ("bfloat16", "float8", "float4")):
        plain = plain.float()  # NumPy has no such types
    array: Array = plain.resolve_conj().resolve_neg().numpy()
    return array


def _holds_masked(data: Any) -> bool:
    return isinstance(data, list | tuple) and any(
        isinstance(part, np.ma.MaskedArray) or part is np.ma.masked for part in data
    )


def _filled(array: Any, name: str, missing: float | None) -> Array:
    """A masked array without its mask."""
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return np.asarray(array.data)
    if missing is None:
        refuse_missing(mask, name, "masked")
    return np.asarray(array.astype(np.float64).filled(missing))


def _of_frame(frame: Any, name: str, missing: float | None) -> Array:
    """The columns of a data frame of pandas as one array of numbers."""
    kinds = [getattr(kind, "kind", "O") for kind in frame.dtypes]
    texts = [i for i, kind in enumerate(kinds) if kind not in NUMBERS]
    for i in texts:
        _refuse_texts_in(frame.iloc[:, i], f"`{name}`: column {frame.columns[i]!r}")
    shown = ", ".join(repr(frame.columns[i]) for i in texts[:3])
    require(not texts, f"`{name}`: column {shown} holds no numbers; leave it out.")
    if len(set(frame.dtypes)) == 1 and isinstance(frame.dtypes.iloc[0], np.dtype):
        return np.asarray(frame)
    columns = [
        _of_column(frame.iloc[:, i], f"{name}[{column!r}]", missing)
        for i, column in enumerate(frame.columns)
    ]
    return np.column_stack(columns).astype(np.float64)


def refuse_no_features(frame: Any, name: str) -> None:
    """Refuse a column that says which row it is, as a file or `reset_index` puts it among
    the others, or which class it has: distances would be those between rows or classes.
    """
    columns = list(map(str, frame.columns))
    for i, column in enumerate(columns if len(columns) > 1 else ()):
        values = frame.iloc[:, i]
        if numbers_rows(column, values):
            what = "numbers the rows and is no feature"
        elif names_classes(column, values, columns):
            what = "holds classes and is no feature"
        else:
            continue
        raise ManifoldScaleError(
            f"`{name}`: column {column!r} {what}: leave it out, as by "
            f"`.drop(columns={column!r})`, or by `index_col` where a file is read; classes "
            "are given as `labels`."
        )


def numbers_rows(column: str, values: Any) -> bool:
    """Whether a column is an index by its name and by its values, whole numbers of which
    none is twice.
    """
    said = column.lower() in NUMBERING or words_of(column)[-1:] in (("id",), ("idx",))
    if not said and not column.startswith("Unnamed: 0"):
        return False
    found = np.asarray(values)
    return _is_whole(found) and 1 < len(found) == len(np.unique(found))


def names_classes(column: str, values: Any, columns: Sequence[str]) -> bool:
    """Whether a column holds classes by its name, where `y` beside `x` is a coordinate, and
    by its values, few whole numbers.
    """
    word = column.lower()
    if word not in CLASSES or (word == "y" and "x" in map(str.lower, columns)):
        return False
    found = np.asarray(values)
    return _is_whole(found) and 2 * len(np.unique(found)) <= len(found)


def _is_whole(found: Array) -> bool:
    return found.dtype.kind in "iuf" and bool((found == np.round(found)).all())


def _refuse_texts_in(column: Any, what: str) -> None:
    """Refuse a few texts in a column of numbers, as a missing number that is "NA "."""
    values = column.tolist()
    bad = [row for row, one in enumerate(values) if not (is_absent(one) or _is_number(one))]
    if not 0 < 2 * len(bad) < len(values):
        return
    raise ManifoldScaleError(
        f"{what} holds no number in {len(bad):,} of {len(values):,} rows, the first in row "
        f"{bad[0]}, {values[bad[0]]!r}: turn these into numbers or NaN, or leave out "
        "those rows."
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _of_column(column: Any, name: str, missing: float | None) -> Array:
    """A series or an index of pandas; NA of its own types is missing."""
    kind = column.dtype
    if isinstance(kind, np.dtype):
        return np.asarray(column)
    gone = np.asarray(column.isna())
    is_number = getattr(kind, "kind", "O") in NUMBERS
    if gone.any() and (missing is None or not is_number):
        refuse_missing(gone, name, "missing (NA)")
    if gone.any():
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=missing))
    return np.asarray(column, dtype=NUMBERS[kind.kind] if is_number else None)


def is_absent(value: Any) -> bool:
    """None, NaN, NaT, pandas' NA, or a masked entry."""
    if value is None or value is np.ma.masked:
        return True
    if type(value).__name__ in ("NAType", "NaTType"):  # of pandas, without importing it
        return True
    try:
        return bool(value != value)  # NaN, of any type, is not itself
    except (TypeError, ValueError, ArithmeticError):  # an array, say
        return False


def refuse_missing(gone: Array, name: str, how: str) -> None:
    """Raise the error that entries are missing, with the place of the first."""
    place = tuple(int(i) for i in np.argwhere(gone)[0])
    raise ManifoldScaleError(
        f"`{name}` holds {int(gone.sum()):,} {how} values, the first at index {place}; "
        "remove those rows or impute them."
    )


def check_same_rows(given: Iterable[tuple[str, Any]]) -> None:
    """Refuse tables and columns of pandas, or labelled arrays of xarray, that name the same
    rows in another order: side by side are their places, but by name pandas would align
    them.

    Parameters
    ----------
    given : what is put side by side, with the names of the arguments.
    """
    first: tuple[str, list[Any]] | None = None
    for name, data in given:
        rows = _row_names(data)
        if rows is None:
            continue
        first = first or (name, rows)
        if rows == first[1] or Counter(rows) != Counter(first[1]):
            continue
        raise ManifoldScaleError(
            f"`{name}` has the rows of `{first[0]}` in another order, by their index. Pass "
            f"`{name}.loc[{first[0]}.index]`, or `{name}.to_numpy()` if the places are "
            "meant."
        )


def _row_names(data: Any) -> list[Any] | None:
    """What the rows are called, where something names them."""
    if hasattr(data, "isna") and hasattr(data, "index"):  # pandas
        return list(data.index)
    if hasattr(data, "indexes") and getattr(data, "dims", None):  # xarray
        index = data.indexes.get(next(iter(data.dims)))
        return None if index is None else list(index)
    return None


def as_real(data: Any, name: str) -> Array:
    """A finite float32 or float64 array; integers and booleans become float64.

    A memory map of float32 or float64 is checked in blocks, and stays on disk.
    """
    array = as_numpy(data, name)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        advice = {
            "O": f" If all are numbers, pass `{name}.astype(float)`.",
            "U": f" Numbers that are written out are read by `{name}.astype(float)`, and "
            f"words are numbered by `np.unique({name}, return_inverse=True)[1]`.",
        }
        raise ManifoldScaleError(
            f"`{name}` must hold real numbers; its dtype is {array.dtype}."
            + advice.get(array.dtype.kind.replace("S", "U"), "")
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
    """Blocks of rows, of about a million numbers each."""
    if array.ndim == 0:
        yield array
        return
    step = max(1, BLOCK * len(array) // max(array.size, 1))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def as_points(data: Any, name: str = "X") -> Array:
    """A finite real (points x features) array with at least one of each."""
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        refuse_no_features(data, name)
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
    require(
        not _are_distances(array),
        f"`{name}` is square, symmetric, and zero on its diagonal alone: are these the "
        f"distances of all pairs? Pass `ms.Neighbors.from_distances({name})`.",
    )
    ends = [(block.min(), block.max()) for block in _blocks(array)]
    refuse_stand_ins(array, min(ends)[0], max(high for _, high in ends), name)
    return array


def _are_distances(array: Array) -> bool:
    """Whether it may be the distances of all pairs of distinct points."""
    n = len(array)
    if array.shape != (n, n) or n < 3 or np.diagonal(array).any():
        return False
    apart = (array > 0).sum() == n * n - n
    return bool(apart and np.allclose(array, array.T, rtol=1e-5, atol=0))


def places_in_groups(codes: Ints, order: Ints) -> Ints:
    """(n,) how many of its group come before each, in an order that keeps groups together;
    codes from 0 without gaps.
    """
    sizes = np.bincount(codes)
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def frozen(array: Array) -> Array:
    """A read-only view; the caller's own array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view


def freeze_fields(holder: Any) -> None:
    """Make the arrays of a frozen dataclass read-only, also inside tuples."""
    for field in dc.fields(holder):
        value = getattr(holder, field.name)
        if isinstance(value, np.ndarray):
            object.__setattr__(holder, field.name, frozen(value))
        elif isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
            parts = (frozen(v) if isinstance(v, np.ndarray) else v for v in value)
            object.__setattr__(holder, field.name, tuple(parts))
