"""Every form of a recording gives the same cloud, or one clear error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st
from scipy.io import savemat

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.population import read_population

STIMULI, NEURONS, TRIALS = 13, 7, 11
NAMES = np.array([f"s{i:02}" for i in range(STIMULI)])
LABELS = np.arange(STIMULI) % 3
ORDER = "stimuli neurons trials"
MATLAB = (
    b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Nov 30 2026 HDF5 schema 1.00"
)


def recorded(seed: int = 0) -> np.ndarray:
    """stimuli x neurons x trials, no two sums of which are equal in another order; whole
    trials are missing, at the front and in between, and two cells of one trial.
    """
    rng = np.random.default_rng(seed)
    responses = rng.gamma(2.0, size=(STIMULI, NEURONS, TRIALS))
    responses.transpose(0, 2, 1)[rng.random((STIMULI, TRIALS)) < 0.25] = np.nan
    responses[4, 2:4, 6] = np.nan
    assert (np.isnan(responses).all(1).sum(1) < TRIALS - 1).all()
    return responses


X = recorded()


def frame() -> pd.DataFrame:
    """A row per trial that was recorded, in no order."""
    index = pd.MultiIndex.from_product([NAMES, range(TRIALS)], names=["stimulus", "repeat"])
    columns = [f"n{i}" for i in range(NEURONS)]
    rows = pd.DataFrame(X.transpose(0, 2, 1).reshape(-1, NEURONS), index, columns)
    rows = rows[rows.notna().any(axis=1)]
    return rows.sample(frac=1, random_state=0)


def long() -> pd.DataFrame:
    stacked = frame().rename_axis(columns="neuron_id").stack().rename("spike_count")
    return stacked.sample(frac=1, random_state=1).reset_index()


def ragged() -> list[np.ndarray]:
    """repeats x neurons of each stimulus."""
    return [one.T[~np.isnan(one).all(0)] for one in X]


def trials() -> tuple[np.ndarray, np.ndarray]:
    """trials x neurons, and the stimulus of each: stimuli in a random order, the trials of
    each in theirs.
    """
    which = np.repeat(range(STIMULI), [len(one) for one in ragged()])
    shown = np.random.default_rng(1).permutation(which)
    rows = np.empty((len(which), NEURONS))
    for i, one in enumerate(ragged()):
        rows[shown == i] = one
    return rows, NAMES[shown]


def in_memory() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for words in (ORDER, "trials neurons stimuli", "neurons stimuli trials"):
        axes = [ORDER.split().index(word) for word in words.split()]
        yield f"array, {words}", X.transpose(axes), {"order": words}
    yield "masked", np.ma.masked_invalid(X), {"order": ORDER}
    yield "index of stimulus and repeat", frame(), {}
    turned = frame().rename_axis(columns="unit").T
    yield "columns of stimulus and repeat", turned, {}
    yield "long", long(), {}
    renamed = {"stimulus": "file", "neuron_id": "name", "repeat": "nth"}
    words = {"file": "stimuli", "name": "neurons", "nth": "trials"}
    yield "long, with its own names", long().rename(columns=renamed), {"order": words}
    series = long().set_index(["repeat", "stimulus", "neuron_id"])["spike_count"]
    yield "long series", series, {}
    yield "ragged", ragged(), {}
    yield "ragged by name", dict(zip(NAMES, ragged(), strict=True)), {}
    rows, names = trials()
    yield "trials", rows, {"stimuli": names}
    yield "trials turned", rows.T, {"stimuli": names, "order": "neurons trials"}
    categories = pd.Categorical(names, NAMES)
    yield "trials of categories", rows, {"stimuli": categories}
    obs = pd.DataFrame({"stimulus": names}, [f"t{i}" for i in range(len(rows))])
    var = pd.DataFrame(index=[f"n{i}" for i in range(NEURONS)])
    yield "AnnData", SimpleNamespace(X=rows, obs=obs, var=var), {}


def labelled() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    xr = pytest.importorskip("xarray")
    names = {"image": NAMES, "kind": ("image", LABELS)}
    array = xr.DataArray(X, dims=["image", "neuron", "repetition"], coords=names)
    yield "xarray", array, {"labels": "kind"}
    yield "xarray turned", array.transpose("repetition", "image", "neuron"), {}
    yield "xarray with one bin", array.expand_dims("time", axis=1), {}
    own = array.rename(image="img", repetition="k")
    yield "xarray with own names", own, {"order": {"img": "stimuli", "k": "trials"}}
    yield "xarray by place", own.rename(neuron="z"), {"order": ORDER}
    rows, stimuli = trials()
    coords = {"image_id": ("presentation", stimuli)}
    kinds = {"kind": ("presentation", LABELS[np.searchsorted(NAMES, stimuli)])}
    by_trial = xr.DataArray(rows, dims=["presentation", "neuroid"], coords=coords | kinds)
    yield "xarray of presentations", by_trial, {"labels": "kind"}
    flat = xr.DataArray(rows, dims=["image", "unit"], coords={"image": stimuli})
    yield "xarray of trials", flat, {"order": {"image": "trials"}, "stimuli": "image"}
    yield "a dataset of one variable", array.to_dataset(name="rates"), {"labels": "kind"}


def of_text(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    place = path / name
    table = {"long.csv": long(), "wide.csv": frame().reset_index(),
             "wide.tsv": frame().reset_index()}[name]  # fmt: skip
    table.to_csv(place, index=name == "long.csv", sep="\t" if "tsv" in name else ",")
    return str(place), {}


def of_parquet(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    pytest.importorskip("pyarrow")
    frame().to_parquet(path / name)
    return str(path / name), {}


def of_numpy(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    if name.endswith(".npy"):
        np.save(path / name, X)
        return str(path / name), {"order": ORDER}
    if name == "one.npz":
        np.savez(path / name, responses=X, kinds=LABELS)
        return str(path / name), {"order": ORDER, "labels": "kinds"}
    rows, stimuli = trials()
    np.savez(path / name, responses=rows, other=X, kinds=LABELS, image=stimuli)
    asked = {"stimuli": "image", "labels": "kinds"}
    return f"{path / name}::responses", asked


def of_matlab(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    if name == "array.mat":
        savemat(path / name, {"rates": X, "kinds": LABELS})
        return str(path / name), {"order": ORDER, "labels": "kinds"}
    cell = np.empty((1, STIMULI), dtype=object)
    cell[0] = ragged()
    if name == "cell.mat":
        savemat(path / name, {"data": {"rates": cell, "kinds": LABELS[:, None]}})
        return f"{path / name}::data.rates", {"labels": "data.kinds"}
    rows, stimuli = trials()
    savemat(path / name, {"rates": rows, "stim": stimuli.astype(object)})
    return f"{path / name}::rates", {"stimuli": "stim"}


def of_matlab_73(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    """As MATLAB writes it: HDF5 behind a header, its axes the other way round."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / name, "w", userblock_size=512) as file:
        kept = file.create_dataset("rates", data=X.T)
        kept.attrs["MATLAB_class"] = np.bytes_("double")
        kept = file.create_dataset("kinds", data=LABELS[None].astype(float))
        kept.attrs["MATLAB_class"] = np.bytes_("double")
        refs = np.empty((STIMULI, 1), dtype=h5py.ref_dtype)
        for i, part in enumerate(ragged()):
            refs[i, 0] = file.create_dataset(f"#refs#/{i}", data=part.T).ref
        cell = file.create_dataset("cells", data=refs, dtype=h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
    with (path / name).open("r+b") as opened:
        opened.write(MATLAB.ljust(124) + b"\x00\x02IM")
    variable = "rates" if name == "v73.mat" else "cells"
    more = {"order": ORDER} if variable == "rates" else {}
    return f"{path / name}::{variable}", {"labels": "kinds", **more}


def of_hdf5(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path / name, "w") as file:
        kept = file.create_dataset("session/rates", data=X.T)
        file["session/kinds"] = LABELS
        if name == "named.h5":
            for dim, word in zip(kept.dims, ("trial", "unit", "stimulus"), strict=True):
                dim.label = word
    more = {} if name == "named.h5" else {"order": "trials neurons stimuli"}
    return f"{path / name}::session/rates", {"labels": "session/kinds", **more}


def of_xarray(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    xr = pytest.importorskip("xarray")
    coords = {"image": np.arange(STIMULI), "kind": ("image", LABELS)}
    array = xr.DataArray(X.T, dims=["repeat", "neuron", "image"], coords=coords)
    held = array.to_dataset(name="rates")
    if name.endswith(".nc"):
        held.to_netcdf(path / name, engine="scipy")
    else:
        pytest.importorskip("zarr")
        pytest.importorskip("xarray", "2025.1")  # before, it does not write to zarr 3.0
        held.to_zarr(path / name, consolidated=False, zarr_format=2)
    return str(path / name), {"labels": "kind"}


def of_anndata(path: Path, name: str) -> tuple[str, dict[str, Any]]:
    """As its format says (version 0.1.0 of dataframes and arrays)."""
    h5py = pytest.importorskip("h5py")
    rows, stimuli = trials()
    text = h5py.string_dtype()
    with h5py.File(path / name, "w") as file:
        file["X"] = rows
        if name == "layers.h5ad":
            file["layers/raw"] = rows + 1
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"] = var.attrs["_index"] = "_index"
        index = [f"t{i}".encode() for i in range(len(rows))]
        obs.create_dataset("_index", data=index, dtype=text)
        obs["kind"] = LABELS[np.searchsorted(NAMES, stimuli)]
        obs.create_dataset("stimulus/categories", data=list(NAMES), dtype=text)
        obs["stimulus/codes"] = np.searchsorted(NAMES, stimuli).astype(np.int8)
        var.create_dataset("_index", data=[f"n{i}" for i in range(NEURONS)], dtype=text)
    return f"{path / name}{'::X' * (name == 'layers.h5ad')}", {"labels": "kind"}


FILES: dict[str, Callable[[Path, str], tuple[str, dict[str, Any]]]] = {
    "long.csv": of_text,
    "wide.csv": of_text,
    "wide.tsv": of_text,
    "wide.parquet": of_parquet,
    "array.npy": of_numpy,
    "one.npz": of_numpy,
    "trials.npz": of_numpy,
    "array.mat": of_matlab,
    "cell.mat": of_matlab,
    "trials.mat": of_matlab,
    "v73.mat": of_matlab_73,
    "cells73.mat": of_matlab_73,
    "plain.hdf5": of_hdf5,
    "named.h5": of_hdf5,
    "array.nc": of_xarray,
    "array.zarr": of_xarray,
    "trials.h5ad": of_anndata,
    "layers.h5ad": of_anndata,
}


def assert_same(found: ms.Cloud, truth: ms.Cloud) -> None:
    """Bit for bit."""
    np.testing.assert_array_equal(found.points, truth.points)
    np.testing.assert_array_equal(found.labels, truth.labels)
    assert found.noise is not None and truth.noise is not None
    np.testing.assert_array_equal(found.noise.squared, truth.noise.squared)
    for one, other in zip(found.noise.halves, truth.noise.halves, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.noise.dims == truth.noise.dims
    assert found.noise.trials == truth.noise.trials


@pytest.fixture(scope="module")
def truth() -> ms.Cloud:
    """Written out: means and noise of what was recorded."""
    found = ms.population(X, order=ORDER, labels=LABELS)
    np.testing.assert_allclose(found.points, np.nanmean(X, 2), rtol=1e-14)
    counts = (~np.isnan(X)).sum(2)
    variance = (np.nanvar(X, 2, ddof=1) / counts).sum(1)
    assert found.noise is not None
    np.testing.assert_allclose(found.noise.squared, variance, rtol=1e-12)
    return found


@pytest.mark.parametrize(
    ("data", "asked"),
    [pytest.param(data, asked, id=name) for name, data, asked in in_memory()],
)
def test_every_form_is_one_cloud(data: Any, asked: Any, truth: ms.Cloud) -> None:
    assert_same(ms.population(data, **{"labels": LABELS, **asked}), truth)


def test_every_labelled_array_is_one_cloud(truth: ms.Cloud) -> None:
    for _, data, asked in labelled():
        assert_same(ms.population(data, **{"labels": LABELS, **asked}), truth)


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_one_cloud(name: str, tmp_path: Path, truth: ms.Cloud) -> None:
    spec, asked = FILES[name](tmp_path, name)
    assert_same(ms.population(spec, **{"labels": LABELS, **asked}), truth)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 4), st.integers(1, 12))
@example(2, 2, 1, 3)  # a division overflowed here
def test_no_form_changes_a_number(seed: int, stimuli: int, neurons: int, most: int) -> None:
    """Any number of trials, gaps in single neurons, every order of rows and axes."""
    rng = np.random.default_rng(seed)
    array = rng.standard_normal((stimuli, neurons, most)) * 10.0 ** rng.integers(-3, 4)
    array[..., 1:][rng.random((stimuli, neurons, most - 1)) < 0.3] = np.nan
    truth = ms.population(array, order=ORDER)
    axes = rng.permutation(3)
    words = " ".join(np.array(ORDER.split())[axes])
    names = ["stimulus", "neuron", "repeat"]
    index = pd.MultiIndex.from_product(map(range, array.shape), names=names)
    series = pd.Series(array.ravel(), index).sample(frac=1, random_state=seed % 1000)
    wide = series.unstack("neuron")
    for found in (
        ms.population(array.transpose(axes), order=words),
        ms.population(series.dropna()),
        ms.population(wide),
        ms.population(wide.to_numpy(), stimuli=wide.index.get_level_values("stimulus")),
        ms.population([one.T for one in array]),
    ):
        np.testing.assert_array_equal(found.points, truth.points)
        assert (found.noise is None) == (truth.noise is None)
        if found.noise is not None and truth.noise is not None:
            np.testing.assert_array_equal(found.noise.squared, truth.noise.squared)
            np.testing.assert_array_equal(found.noise.halves, truth.noise.halves)
            assert found.noise.dims == truth.noise.dims


def test_names_are_not_guessed() -> None:
    xr = pytest.importorskip("xarray")
    array = xr.DataArray(X, dims=["img", "neuron", "time"])
    for data, asked, words in [
        (array, {}, r"called|dimensions 'img'.*order=\{'img': 'stimuli'"),
        (array, {"order": {"img": "stimuli"}}, r"11 time bins: average.*sel\(time=slice"),
        (array, {"order": {"imgs": "stimuli"}}, "'imgs', which is not among 'img'"),
        (array, {"order": {"img": "stimulus"}}, "'stimulus'; it must be one of stimuli"),
        (array.rename(img="unit"), {}, "'unit' and 'neuron' could both be the neurons"),
        (array.rename(time="repeat", img="x").stack(y=("x", "repeat")), {}, "unstack"),
        (array[0].rename(time="repeat"), {}, "no dimension of stimuli.*there are none"),
        (xr.Dataset({"a": array, "b": array}), {}, r"variables a \(13 x 7 x 11\), b"),
        (array.rename(time="repeat"), {"labels": "kind", "order": {"img": "stimuli"}},
         "no coordinate 'kind'"),
        (frame().reset_index(), {}, r"set_index\(\['stimulus', 'repeat'\]\)"),
        (frame().droplevel(1), {}, r"more than once, the first at stimuli s00.*`repeat`"),
        (pd.concat([frame(), frame()[:2]]), {}, r"2 entries more than once.*remove one"),
        (frame().rename_axis(index=["stimulus", None]), {}, "without a name"),
        (frame().rename_axis(index=["stimulus", "k"]), {}, r"levels called 'k'.*'trials'"),
        (pd.DataFrame(X[..., 0]), {}, "no names that say"),
        (long().assign(other=1).rename(columns={"spike_count": "x"}), {},
         r"2 columns that could hold the responses \('x', 'other'\)"),
        (long().assign(time=1), {}, "'time' of time"),
        (frame(), {"labels": "kind"}, "no column 'kind'"),
        (frame().rename(columns={"n1": "n0"}), {}, "neurons n0: give each neuron a name"),
        (xr.DataArray(X[..., 0], dims=["image", "unit"], coords={"image": [1] * STIMULI}),
         {}, r"1 stimuli stand more than once.*order=\{'image': 'trials'\}"),
        (long().assign(kind=range(len(long()))), {"labels": "kind"}, "differs between"),
        ([*ragged()[:2], X[0]], {}, "same neurons"),
        ([one.T for one in X[:3, :, :5]] + [X[3, :, :5].T[:, :4]], {}, r"part\.T"),
        (np.ones((5, 3)), {"stimuli": [1, 2, 3]}, r"5 trials.*order='neurons trials'"),
        (np.ones((3, 4)), {"stimuli": [1, 2, None]}, "1 of the stimuli are missing"),
        (X, {"order": ORDER, "window": (0, 1)}, "of a .nwb file"),
        (X, {"order": ORDER, "labels": "kind"}, "no such column"),
        (dict(zip(NAMES, ragged(), strict=True)), {"labels": {"s00": 1}}, "12 stimuli"),
        (long().query("stimulus != 's03' or neuron_id != 'n2'"), {},
         "1 entries of .* in every trial, the first at stimuli s03, neurons n2"),
    ]:  # fmt: skip
        with pytest.raises(ManifoldScaleError, match=words):
            ms.population(data, **asked)


def test_columns_that_are_no_responses_are_not_taken_for_neurons(truth: ms.Cloud) -> None:
    stimulus = np.searchsorted(NAMES, frame().index.get_level_values("stimulus"))
    contrast, rows = LABELS[stimulus], np.arange(len(stimulus))
    for strays, words in (
        ({"contrast": contrast}, r"'contrast'.*labels='contrast'"),
        ({"x": contrast, "y": 0.5 * stimulus}, r"drop\(columns=\['x', 'y'\]\)"),
        ({"n99": stimulus}, "equal in all trials of each stimulus, 'n99'"),
        ({"index": rows}, "running number of its rows, 'index'"),
    ):
        with pytest.raises(ManifoldScaleError, match=words):
            ms.population(frame().assign(**strays))
        said = frame().assign(**strays).rename_axis(columns="neuron")
        assert ms.population(said).ambient_dim == NEURONS + len(strays)
    assert_same(ms.population(frame().assign(contrast=contrast), labels="contrast"), truth)
    speed = np.random.default_rng(0).random(len(rows))
    read = read_population(frame().assign(speed=speed, reward=1))[1]
    assert "; taken for neurons too: 'speed', 'reward'" in read[0]


def test_columns_equal_within_stimuli_may_be_neurons() -> None:
    clean = frame() * 0 + np.searchsorted(NAMES, frame().index.get_level_values(0))[:, None]
    clean["n3"] = 0  # silent
    assert ms.population(clean).ambient_dim == NEURONS
    one_trial = frame().groupby("stimulus").first()
    found = ms.population(one_trial.assign(contrast=LABELS))
    assert found.ambient_dim == NEURONS + 1 and found.noise is None
    # Silent but for one stimulus, in all trials of which it fires once: of another area.
    fires = frame().index.get_level_values("stimulus") == NAMES[3]
    assert ms.population(frame().assign(LM_n8=fires * 1)).ambient_dim == NEURONS + 1


def test_a_column_of_a_table_that_names_the_stimulus(
    tmp_path: Path, truth: ms.Cloud
) -> None:
    table = frame().reset_index().rename(columns={"stimulus": "angle"})
    place = tmp_path / "t.csv"
    for rows in (table, table.drop(columns="repeat")):
        rows.to_csv(place, index=False)
        found = ms.population(place, stimuli="angle")
        np.testing.assert_allclose(found.points, truth.points, rtol=1e-12)
        assert found.ids.tolist() == NAMES.tolist()
    for asked, words in (
        ({"stimuli": "none"}, "not 'none'; the columns are 'angle', 'n0'"),
        ({"stimuli": np.zeros(3)}, "names the column"),
        ({"stimuli": "angle", "order": "stimuli neurons"}, "a mapping of its columns"),
    ):
        with pytest.raises(ManifoldScaleError, match=words):
            ms.population(place, **asked)


def test_what_is_no_number_is_named() -> None:
    table = long().astype({"spike_count": object})
    table.loc[4, "spike_count"] = "NA "
    with pytest.raises(ManifoldScaleError, match=r"'spike_count'.* in 1 of .*row 4, 'NA '"):
        ms.population(table)
    for empty in (np.ones((0, 3)), []):
        with pytest.raises(ManifoldScaleError, match="Stimulus b of `responses`"):
            ms.population({"a": np.ones((2, 3)), "b": empty})


def test_labels_by_the_name_of_the_stimulus(truth: ms.Cloud) -> None:
    series = pd.Series(LABELS, NAMES).sample(frac=1, random_state=0)
    for labels in (series, series.to_dict()):
        found = ms.population(frame(), labels=labels)
        np.testing.assert_array_equal(found.labels, LABELS)
        assert found.ids.tolist() == NAMES.tolist()
    with_kind = long().assign(condition=LABELS[np.searchsorted(NAMES, long().stimulus)])
    assert_same(ms.population(with_kind, labels="condition"), truth)
    indexed = with_kind.set_index(["stimulus", "repeat", "condition", "neuron_id"])
    wide = indexed.spike_count.unstack("neuron_id")
    assert_same(ms.population(wide, labels="condition"), truth)


def test_labels_in_a_file_of_their_own(tmp_path: Path, truth: ms.Cloud) -> None:
    rows, stimuli = trials()
    for name, values in (("x", rows), ("stimuli", stimuli), ("labels", LABELS)):
        np.save(tmp_path / f"{name}.npy", values)
    beside = {k: f"{tmp_path / k}.npy" for k in ("stimuli", "labels")}
    assert_same(ms.population(tmp_path / "x.npy", **beside), truth)
    with pytest.raises(ManifoldScaleError, match=r"none\.npy cannot be read"):
        ms.population(rows, stimuli=str(tmp_path / "none.npy"))


def test_files_of_several_variables_ask_for_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=X, b=X[..., 0], c=LABELS)
    listed = r"a \(13 x 7 x 11 float64\); b \(13 x 7 float64\); c \(13 int64\)"
    with pytest.raises(ManifoldScaleError, match=rf"two.npz::a.*{listed}"):
        ms.population(tmp_path / "two.npz", order=ORDER)
    with pytest.raises(ManifoldScaleError, match=rf"no variable 'd'.*{listed}"):
        ms.population(f"{tmp_path / 'two.npz'}::d", order=ORDER)
    with pytest.raises(ManifoldScaleError, match=r"13 x 7 x 11 without names.*`order`"):
        ms.population(f"{tmp_path / 'two.npz'}::a")
    for name, content, words in [
        ("x.mat", b"", "cannot be read"),
        ("x.txt", b"1 2", r"read from \.npy.*not from \.txt"),
        ("x.npy", b"\x93NUMPY", "cannot be read"),
        ("x.csv", b"", "cannot be read"),
        ("x.h5", b"no", "cannot be read|package 'h5py'"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ManifoldScaleError, match=words):
            ms.population(tmp_path / name, order=ORDER)
    with pytest.raises(ManifoldScaleError, match="no file"):
        ms.population(tmp_path / "none.mat")


def test_what_was_read_is_said(tmp_path: Path) -> None:
    frame().reset_index().to_csv(tmp_path / "a.csv")
    read = read_population(tmp_path / "a.csv")[1]
    assert "stimulus (stimuli), repeat (trials); 7 columns" in read[0]
    assert "'n0', 'n1', 'n2' and more" in read[0]
    assert "13 stimuli (points) x 7 neurons" in read[1] and "trials each (med" in read[1]


def test_names_that_differ_by_rounding_or_spaces_are_not_two_stimuli() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, (40, 7))
    angles = np.repeat(np.arange(1, 11) * 0.1, 4)
    angles[::4] = [i / 10 for i in range(1, 11)]  # 3 / 10 is not 3 * 0.1
    assert len(set(angles)) > 10
    with pytest.raises(ManifoldScaleError, match=r"0\.3 and 0\.3.* by rounding: round"):
        ms.population(counts, stimuli=angles)
    assert len(ms.population(counts, stimuli=angles.round(6))) == 10
    names = [f"s{i // 4}{' ' * (i % 4 == 0)}" for i in range(40)]
    with pytest.raises(ManifoldScaleError, match="'s0' and 's0 ' differ only by spaces"):
        ms.population(counts, stimuli=names)
    assert len(ms.population(counts, stimuli=[name.strip() for name in names])) == 10
