"""Files of AnnData (.h5ad), read as their format says, without the package anndata."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..core.arrays import Array, as_numpy
from ..core.errors import require
from ..core.extras import optional
from .recording import sized


def read_anndata(path: Path, layer: str = "") -> Any:
    """`X`, or a layer, with `obs` and `var` as data frames.

    Raises
    ------
    ManifoldScaleError : there are layers, and none was named.
    """
    h5py = optional("h5py", "neuro")
    with h5py.File(path, "r") as file:
        held = {"X": file.get("X")} | dict(file.get("layers", {}).items())
        held = {name: one for name, one in held.items() if one is not None}
        listed = "; ".join(f"{name} ({sized(_shape(one))})" for name, one in held.items())
        require(
            bool(layer) or len(held) == 1,
            f"{path} holds {len(held)} arrays: name one, as {path}::X. It has {listed}.",
        )
        name = layer or next(iter(held))
        require(name in held, f"{path} holds no array {name!r}; it has {listed}.")
        return SimpleNamespace(
            X=_array(held[name]), obs=_frame(file["obs"]), var=_frame(file["var"])
        )


def _shape(one: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in one.attrs["shape"]) if "shape" in one.attrs else one.shape


def _array(one: Any) -> Array:
    """A dense array; or a sparse one, whose zeros are zeros."""
    if not hasattr(one, "keys"):
        return as_numpy(one, "X", missing=np.nan)
    from scipy import sparse

    kind = _text(one.attrs.get("encoding-type", ""))
    make = sparse.csc_matrix if kind == "csc_matrix" else sparse.csr_matrix
    parts = tuple(np.asarray(one[name][()]) for name in ("data", "indices", "indptr"))
    return np.asarray(make(parts, shape=_shape(one)).toarray())


def _frame(one: Any) -> Any:
    import pandas as pd

    index = _text(one.attrs["_index"])
    columns = {name: _column(one[name]) for name in one if name != index
               and name != "__categories"}  # fmt: skip
    return pd.DataFrame(columns, index=_column(one[index]))


def _column(one: Any) -> Array:
    """Numbers, texts, or categories."""
    if not hasattr(one, "keys"):
        values = one[()]
        return values.astype(str) if values.dtype.kind == "O" and not len(values) else (
            np.array([_text(v) for v in values]) if values.dtype.kind in "OS" else values
        )  # fmt: skip
    if "codes" in one:
        codes, names = np.asarray(one["codes"][()]), _column(one["categories"])
        missing = codes < 0
        found = np.asarray(names[codes], dtype=object if missing.any() else names.dtype)
        found[missing] = None
        return found
    values, gone = _column(one["values"]), np.asarray(one["mask"][()])  # with NA
    found = values.astype(object) if gone.any() else values
    found[gone] = None
    return found


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
