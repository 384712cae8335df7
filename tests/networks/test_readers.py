"""Arrays that others wrote: none is dropped, and what belongs to the points is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.data.population import population
from manifoldscale.networks.readers import read_folder

X = np.random.default_rng(0).standard_normal((6, 4))


def test_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    for i in range(3):
        np.savez(tmp_path / f"batch_{i}.npz", fc7=X)
    words = r"3 files hold an array 'fc7': batch_0.npz, batch_1.npz, batch_2.npz.*concaten"
    with pytest.raises(ManifoldScaleError, match=words):
        read_folder(tmp_path)
    assert len(read_folder(tmp_path / "batch_0.npz")["fc7"]) == 6


def test_files_of_two_kinds_may_not_share_a_name(tmp_path: Path) -> None:
    np.save(tmp_path / "h.npy", X)
    save_file({"h": X + 1}, tmp_path / "x.safetensors")
    with pytest.raises(ManifoldScaleError, match=r"h.npy, x.safetensors.*different"):
        read_folder(tmp_path)


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "h.npy", X)
    np.save(tmp_path / ".h.npy", X)
    (tmp_path / "._h.npy").write_bytes(b"\0\5\x16\7")
    assert list(read_folder(tmp_path)) == ["h"]
    assert list(read_folder(tmp_path / ".h.npy")) == [".h"]  # it was named


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("label", "labels"), ("labels", "labels"), ("y", "labels"), ("group", "groups"),
        ("groups", "groups"), ("id", "ids"), ("ids", "ids"),
    ],
)  # fmt: skip
def test_names_of_what_belongs_to_the_points(name: str, kind: str, tmp_path: Path) -> None:
    values = np.arange(6) % 3 + 7
    np.save(tmp_path / "h.npy", X)
    np.save(tmp_path / f"{name}.npy", values)
    found = read_folder(tmp_path)
    assert list(found) == ["h"]
    np.testing.assert_array_equal(getattr(found["h"], kind), values)


def table(path: Path, **columns: Any) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    pd.DataFrame({"f0": X[:, 0], "f1": X[:, 1], **columns}).to_parquet(path)


def test_columns_of_a_table_that_are_no_features(tmp_path: Path) -> None:
    table(tmp_path / "a.parquet", label=list("abcabc"), id=range(6), group=[1] * 6)
    table(tmp_path / "b.parquet", label=list("abcabc"))  # says the same again
    found = read_folder(tmp_path)
    assert list(found) == ["a", "b"] and found["a"].ambient_dim == 2
    assert found["b"].labels is not None and found["b"].labels.tolist() == list("abcabc")
    assert found["a"].ids.tolist() == list(range(6))
    table(tmp_path / "c.parquet", label=list("cbacba"))
    with pytest.raises(ManifoldScaleError, match=r"3 files hold an array 'label'"):
        read_folder(tmp_path)


def test_two_names_for_the_labels_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "h.npz", h=X, label=np.arange(6), y=np.ones(6))
    with pytest.raises(ManifoldScaleError, match=r"'label' and 'y' could both be the lab"):
        read_folder(tmp_path)


def test_a_damaged_archive_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "h.npz").write_bytes(b"PK\3\4garbage")
    with pytest.raises(ManifoldScaleError, match=r"h\.npz cannot be read"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    "order",
    [("neurons", "stimuli", "trials"), ["neurons", "stimuli", "trials"],
     "neurons, stimuli, trials"],
)  # fmt: skip
def test_the_order_as_a_list_of_words(order: Any) -> None:
    responses = np.random.default_rng(0).random((4, 5, 3))
    cloud = population(responses, order=order)
    np.testing.assert_allclose(cloud.points, responses.mean(axis=2).T)


@pytest.mark.parametrize("order", [3, None, ("neurons", 1, []), ("neurons", "stimuli")])
def test_an_order_that_names_no_axes(order: Any) -> None:
    with pytest.raises(ManifoldScaleError, match="name the 3 axes"):
        population(np.ones((4, 5, 3)), order=order)


def test_many_trials_in_half_precision() -> None:
    responses = np.full((3, 4, 3000), 40, np.float16)
    cloud = population(responses, order="neurons stimuli trials")
    np.testing.assert_array_equal(cloud.points, np.full((4, 3), 40.0))


LENGTHS = np.array([[5, 3], [2, 4], [5, 5]])  # stimuli x trials, in bins


def recorded() -> np.ndarray:
    """neurons x stimuli x trials x time, NaN after the end of a trial."""
    responses = np.random.default_rng(0).random((7, 3, 2, 5))
    responses[:, np.arange(5) >= LENGTHS[..., None]] = np.nan
    return responses


def test_trials_of_unequal_length() -> None:
    responses = recorded()
    cloud = population(responses, order="neurons stimuli trials time", labels=[8, 9, 7])
    lengths = LENGTHS.max(axis=1)
    assert cloud.groups is not None and cloud.labels is not None
    np.testing.assert_array_equal(cloud.groups, np.repeat([0, 1, 2], lengths))
    np.testing.assert_array_equal(cloud.labels, np.repeat([8, 9, 7], lengths))
    # Stimulus 1, bin 3, was recorded in its second trial alone.
    np.testing.assert_allclose(cloud.points[8], responses[:, 1, 1, 3])
    one = population(responses[:, :, 0], order="neurons stimuli time")
    assert len(one) == LENGTHS[:, 0].sum()


def test_gaps_in_some_neurons_are_refused() -> None:
    responses = recorded()
    responses[4, 1, :, 3] = np.nan
    words = r"1 entries .* NaN in every trial.*\(4, 1, 3\).*differ in length\?.*shortest"
    with pytest.raises(ManifoldScaleError, match=words):
        population(responses, order="neurons stimuli trials time")


def test_a_stimulus_that_was_never_recorded_is_refused() -> None:
    responses = recorded()
    responses[:, 1] = np.nan
    with pytest.raises(ManifoldScaleError, match=r"\(0, 1, 0\).*leave out that"):
        population(responses, order="neurons stimuli trials time")


def test_labels_are_one_a_stimulus() -> None:
    for order in ("neurons stimuli trials time", "stimuli neurons trials time"):
        with pytest.raises(ManifoldScaleError, match=r"each of the [37] stimuli"):
            population(np.ones((7, 3, 2, 5)), order=order, labels=np.arange(15))
