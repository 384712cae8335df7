"""Files of HDF5 and Zarr: what was never written, or stands for nothing, is no number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.core.arrays import as_numpy
from manifoldscale.core.errors import ManifoldScaleError

h5py = pytest.importorskip("h5py")

X = np.random.default_rng(0).random((60, 4)) + 1
PART = {"shape": X.shape, "dtype": "f8"}


def of_cloud(data: Any) -> np.ndarray:
    return ms.Cloud(data).points


def of_extract(data: Any) -> np.ndarray:
    return ms.extract(nn.Linear(4, 2).double(), data, "@input")["@input"].points


READ = pytest.mark.parametrize("read", [of_cloud, of_extract])


def filled(where: Any, name: str, values: np.ndarray) -> Any:
    """An array of Zarr, whose first releases take no `data`."""
    key = "name" if hasattr(where, "attrs") else "store"
    array = where.create_array(**{key: name}, shape=values.shape, dtype=values.dtype)
    array[...] = values
    return array


@READ
@pytest.mark.parametrize("layout", [{"chunks": (10, 4)}, {}])
def test_what_was_never_written_is_not_zero(
    read: Any, layout: dict[str, Any], tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("x", **PART, **layout)
        if layout:
            data[:25] = X[:25]
        with pytest.raises(ManifoldScaleError, match=r"never written.* as zeros"):
            read(data)
        data[:] = X
        assert np.array_equal(read(data), X)


@READ
@pytest.mark.parametrize("key", ["_FillValue", "missing_value", "fillvalue"])
def test_values_that_stand_for_nothing_are_missing(
    read: Any, key: str, tmp_path: Path
) -> None:
    gaps = np.where(X > 1.9, -9999.0, X)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kept = {key: -9999.0} if key == "fillvalue" else {}
        data = file.create_dataset("x", data=gaps, chunks=(10, 4), **kept)
        if not kept:
            data.attrs[key] = np.array([-9999.0])
        with pytest.raises(ManifoldScaleError, match=r"masked values|stand for nothing"):
            read(data)
        assert np.array_equal(
            as_numpy(data, "x", missing=np.nan),
            np.where(gaps < 0, np.nan, gaps),
            equal_nan=True,
        )
        data[:] = X
        assert np.array_equal(read(data), X)


@READ
def test_packed_numbers_are_not_taken_as_they_are(read: Any, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for data in (
            file.create_dataset("x", data=(X * 100).round().astype("f4")),
            filled(zarr, str(tmp_path / "a.zarr"), (X * 100).round().astype("f4")),
        ):
            data.attrs["scale_factor"], data.attrs["add_offset"] = 0.01, 5.0
            with pytest.raises(ManifoldScaleError, match=r"\[:\] \* 0.01 \+ 5`"):
                read(data)
            data.attrs["scale_factor"], data.attrs["add_offset"] = 1.0, 0.0
            assert len(read(data)) == 60


@READ
def test_a_part_in_another_file_that_is_gone_is_not_zero(read: Any, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(X.shape, "f8")
    for i in range(2):
        with h5py.File(tmp_path / f"{i}.h5", "w") as part:
            part["x"] = X[30 * i : 30 * i + 30]
        layout[30 * i : 30 * i + 30] = h5py.VirtualSource(f"{i}.h5", "x", (30, 4))
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
    with h5py.File(tmp_path / "all.h5") as file:
        assert np.array_equal(read(file["x"]), X)
        (tmp_path / "1.h5").unlink()
        with pytest.raises(ManifoldScaleError, match=r"1 of 2 are not there, as .*1\.h5"):
            read(file["x"])


def test_a_recording_has_gaps_where_nothing_is_stored(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(5, (7, 13, 6)).astype(float)
    gaps = np.where(counts == 5, np.nan, counts)
    order = "neurons stimuli trials"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["r"] = np.where(counts == 5, -1.0, counts)
        file["r"].attrs["_FillValue"] = -1.0
        file["to_r"] = h5py.SoftLink("/r")
    for name in ("r", "to_r"):
        found = ms.population(f"{tmp_path / 'a.h5'}::{name}", order=order)
        assert np.array_equal(found.points, ms.population(gaps, order=order).points)


def test_plain_arrays_of_zarr_and_sparse_ones_of_matlab(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("xarray")
    from scipy import io, sparse

    counts = np.random.default_rng(0).poisson(0.5, (7, 13)).astype(float)
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    filled(group, "r", counts)
    filled(group, "deep/q", np.arange(3))
    io.savemat(tmp_path / "a.mat", {"r": sparse.csc_matrix(counts)})
    for name in ("a.zarr", "a.mat::r"):
        found = ms.population(str(tmp_path / name), order="neurons stimuli")
        assert np.array_equal(found.points, counts.T)
