"""Arrays from anywhere: what is missing is never read as a number."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import manifoldscale as ms
from manifoldscale.core.arrays import as_numpy, as_points, as_real
from manifoldscale.core.errors import ManifoldScaleError

CLEAN = np.arange(12.0).reshape(4, 3)
MASK = CLEAN == 7.0  # at (2, 1)


def masked_tensor() -> Any:
    with pytest.warns(UserWarning, match="prototype"):
        return torch.masked.MaskedTensor(torch.tensor(CLEAN), torch.tensor(~MASK))


def nullable() -> pd.DataFrame:
    return pd.DataFrame(CLEAN).astype("Float64").mask(MASK)


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: np.ma.masked_array(CLEAN, MASK), r"\(2, 1\)"),
        (lambda: list(np.ma.masked_array(CLEAN, MASK)), r"\(2, 1\)"),
        (masked_tensor, r"\(2, 1\)"),
        (nullable, r"\[1\]` .*\(2,\)"),
        (lambda: nullable().astype("double[pyarrow]"), r"\[1\]` .*\(2,\)"),
        (lambda: pd.DataFrame(CLEAN).mask(MASK), r"NaN .*\(2, 1\)"),
    ],
    ids=["masked", "list of masked rows", "MaskedTensor", "Float64", "pyarrow", "NaN"],
)
def test_what_is_missing_is_refused_with_its_place(make: Any, place: str) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(ManifoldScaleError, match=place):
        as_points(make())


def test_nothing_missing_is_read_as_it_stands() -> None:
    frame = pd.DataFrame(CLEAN)
    for same in (
        np.ma.masked_array(CLEAN),
        frame.convert_dtypes(),
        frame.astype("Float32"),
        frame.astype("Int16"),
        frame.assign(**{"0": True}).drop(columns="0"),
        [torch.tensor(row, dtype=torch.bfloat16) for row in CLEAN],
        torch.tensor(CLEAN).to(torch.float8_e4m3fn),
        torch.tensor(CLEAN, requires_grad=True),
    ):
        assert np.array_equal(as_points(same), CLEAN)


def test_columns_of_several_types_are_numbers_together() -> None:
    mixed = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]})
    assert np.array_equal(as_points(mixed), [[1, 0.5, 1], [2, 1.5, 0]])
    with pytest.raises(ManifoldScaleError, match="column 'name' holds no numbers"):
        as_points(mixed.assign(name=["x", "y"]))


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean"])
def test_whole_numbers_stay_whole(dtype: str) -> None:
    column = pd.Series([1, 0, 1], dtype=dtype)
    assert as_numpy(column, "labels").dtype.kind == {"I": "i", "U": "u", "b": "b"}[dtype[0]]


@pytest.mark.parametrize(
    "labels",
    [
        np.ma.masked_equal([0, 1, 2, 9], 9),
        pd.Series([0, 1, None, 2], dtype="Int64"),
        pd.Series(["a", "b", None, "c"], dtype="string"),
        pd.Series(["a", "b", None, "c"]).astype("category"),
        ["a", None, "b", "c"],
        [pd.NaT, "a", "b", "c"],
        pd.Series(["a", pd.NA, "b", "c"], dtype=object),
    ],
    ids=repr,
)
def test_labels_that_are_missing_are_refused(labels: Any) -> None:
    with pytest.raises(ManifoldScaleError, match=r"`labels` holds 1 (masked|missing)"):
        ms.Cloud(CLEAN, labels=labels)


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: torch.eye(4).to_sparse(), "to_dense"),
        (lambda: torch.eye(4).to_sparse_csr(), "to_dense"),
        (
            lambda: torch.quantize_per_tensor(torch.eye(4), 0.1, 0, torch.qint8),
            "dequantize",
        ),
        (lambda: torch.empty(4, 3, device="meta"), "meta device"),
        (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "nested"),
        (lambda: torch.ones(4, 3, dtype=torch.complex64), "real numbers"),
        (lambda: [torch.ones(3), torch.ones(2)], "cannot be read"),
        (lambda: [[1.0, 2.0], [3.0]], "cannot be read"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_tensors_without_numbers_are_one_clear_error(make: Any, advice: str) -> None:
    with pytest.raises(ManifoldScaleError, match=advice):
        as_real(make(), "X")


def test_an_array_that_gives_nothing_away_says_why() -> None:
    class OnDevice:
        shape, ndim, dtype = (4, 3), 2, np.dtype("f4")

        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            raise TypeError("Please use `.get()`")

    class TooLarge(OnDevice):
        def __array__(self, *args: Any, **kwargs: Any) -> Any:
            raise MemoryError

    with pytest.raises(ManifoldScaleError, match="get"):
        as_numpy(OnDevice(), "X")
    with pytest.raises(ManifoldScaleError, match="does not fit into memory"):
        as_numpy(TooLarge(), "X")


def test_a_masked_trial_is_a_trial_that_was_not_recorded() -> None:
    responses = np.random.default_rng(0).random((3, 5, 4))  # neurons, stimuli, trials
    gone = np.zeros(responses.shape, bool)
    gone[1, 2, 3] = True
    order = "neurons stimuli trials"
    read = ms.population(np.ma.masked_array(responses, gone), order=order).points
    assert read[2, 1] == pytest.approx(responses[1, 2, :3].mean())


def _shuffled(n: int = 60) -> tuple[pd.DataFrame, "pd.Series[int]"]:
    """A frame whose rows were shuffled, and a column beside it that was not."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((n, 3)), columns=list("abc"))
    column = (frame["a"] > 0).astype(int)
    return frame.sample(frac=1, random_state=1), column


@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: ms.Cloud(x, labels=y),
        lambda x, y: ms.Cloud(x, groups=y),
        lambda x, y: ms.fit_power_law(x["a"] ** 2, y + 1.0),
        lambda x, y: ms.population(x, stimuli=y),
        lambda x, y: ms.compare_representations(x, x.sort_index()),
        lambda x, y: ms.extract(torch.nn.Linear(3, 2), (x, y), "@input"),
        lambda x, y: ms.LearningCurve.from_frame({"n_train": x["a"], "loss": y}),
        lambda x, y: ms.Cloud(x.to_xarray().to_array().T, labels=y.to_xarray()),
    ],
    ids=["labels", "groups", "fit", "stimuli", "compare", "extract", "table", "xarray"],
)
def test_rows_of_the_same_names_in_another_order_are_refused(call: Any) -> None:
    pytest.importorskip("xarray")
    with pytest.raises(ManifoldScaleError, match="in another order, by their index"):
        call(*_shuffled())


def test_rows_are_put_side_by_side_where_their_names_agree_or_say_nothing() -> None:
    x, y = _shuffled()
    want = (x["a"] > 0).to_numpy()
    other = y.loc[x.index].set_axis(range(100, 160))  # names that the points do not have
    for labels in (y.loc[x.index], y.loc[x.index].to_numpy(), other):
        assert np.array_equal(ms.Cloud(x, labels=labels).labels, want)


def test_numbers_in_an_array_of_objects_are_not_to_be_numbered() -> None:
    with pytest.raises(ManifoldScaleError, match=r"pass `X.astype\(float\)`\.$"):
        as_points(CLEAN.astype(object))


@pytest.mark.parametrize("call", [ms.Cloud, ms.sklearn.DimensionEstimator().fit])
def test_row_numbers_of_a_table_are_no_feature(call: Any, tmp_path: Path) -> None:
    """`to_csv` writes them as a column without a name, which dominates every distance."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    frame.to_csv(tmp_path / "points.csv")
    drawn = frame.sample(frac=1, random_state=0).rename_axis("id").reset_index()
    for table in (pd.read_csv(tmp_path / "points.csv"), frame.reset_index(), drawn):
        with pytest.raises(ManifoldScaleError, match="numbers the rows and is no feature"):
            call(table)
    named = frame.rename(columns={"a": "index"})  # values, whatever they are called
    assert call(named) is not None


@pytest.mark.parametrize("column, what", [("label", "classes"), ("y", "classes"),
                                          ("sample_id", "numbers the rows")])  # fmt: skip
@pytest.mark.parametrize("call", [ms.Cloud, ms.sklearn.DimensionEstimator().fit])
def test_classes_and_ids_of_a_table_are_no_feature(
    call: Any, column: str, what: str
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    values = np.arange(60) if column == "sample_id" else rng.integers(0, 4, 60)
    with pytest.raises(ManifoldScaleError, match=f"'{column}' .*{what}"):
        call(frame.assign(**{column: values}))
    assert call(frame.assign(**{column: frame.a * frame.b})) is not None
    places = frame.rename(columns={"a": "x"}).assign(y=rng.integers(0, 9, 60))
    assert call(places) is not None


STANDS_IN = [-9999.0, 999.0, -999.25, 1e20, 9.969209968386869e36]


@pytest.mark.parametrize("value", [*STANDS_IN, np.iinfo(np.int32).min])
def test_numbers_that_stand_for_missing_ones_are_refused(value: float) -> None:
    """They would be the largest of all distances."""
    points = np.random.default_rng(0).normal(size=(60, 3))
    points[[3, 7], 1] = value
    for given in (points, points.astype("f4"), pd.DataFrame(points)):
        with pytest.raises(
            ManifoldScaleError, match=r"2 places, the first at index \(3, 1"
        ):
            ms.Cloud(given)
    with pytest.raises(ManifoldScaleError, match="2 places"):
        ms.population(points, order="stimuli neurons")
    points[7, 1] = 0.5 * value  # others come near it
    assert len(ms.Cloud(points)) == 60
    points[7, 1] = 0.0  # one far point
    assert len(ms.Cloud(points)) == 60


def test_distances_are_no_points() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    for call in (ms.Cloud, lambda x: ms.compare_representations(x, points)):
        with pytest.raises(ManifoldScaleError, match=r"Neighbors.from_distances\("):
            call(distances)
    assert len(ms.Cloud(np.eye(30))) == len(ms.Cloud(distances[:, ::-1])) == 30
