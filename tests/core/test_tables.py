"""Tables from anywhere become learning curves, or one clear error."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve

ROWS = [{"n_train": 100, "Test Loss": 0.5, "note": "a"}, {"n_train": 200, "Test Loss": 0.3}]


class Polars:
    """What a data frame of polars answers to."""

    def to_dicts(self) -> list[dict]:
        return ROWS


@pytest.mark.parametrize("table", [ROWS, pd.DataFrame(ROWS), Polars()])
def test_frames_of_any_kind(table: object) -> None:
    curve = LearningCurve.from_frame(table, loss="mse")
    np.testing.assert_array_equal(curve.losses, [0.5, 0.3])
    assert [run.dataset_size for run in curve.runs] == [100, 200] and curve.loss == "mse"


@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_files(tmp_path: Path, ending: str, separator: str) -> None:
    path = tmp_path / f"losses{ending}"
    pd.DataFrame(ROWS).to_csv(path, sep=separator, index=False)
    for given in (path, str(path)):
        assert LearningCurve.from_frame(given).runs[1].dataset_size == 200


def test_parquet_is_read_or_its_library_is_named(tmp_path: Path) -> None:
    path = tmp_path / "losses.parquet"
    try:
        pd.DataFrame(ROWS).to_parquet(path)
    except ImportError:
        path.write_bytes(b"PAR1")
        with pytest.raises(ms.ManifoldScaleError, match="need pyarrow"):
            LearningCurve.from_frame(path)
    else:
        assert len(LearningCurve.from_frame(path)) == 2


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    curve = LearningCurve.from_frame(ROWS)
    curve.to_csv(tmp_path / "curve.csv")
    again = LearningCurve.from_frame(tmp_path / "curve.csv")
    assert [run.loss for run in again.runs] == [run.loss for run in curve.runs]
    assert again.runs[0].width is None and again.runs[0].dataset_size == 100


def test_gaps_stay_gaps() -> None:
    frame = pd.DataFrame({"D": [100, 200], "w": [64, np.nan], "loss": [0.2, np.nan]})
    curve = LearningCurve.from_frame(frame)
    assert curve.runs[0].width == 64 and curve.runs[1].width is None
    assert np.isnan(curve.runs[1].loss)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "no rows"),
        ("no.csv", "There is no file 'no.csv'"),
        (3, "not int"),
        ([{"N": 10, "loss": 1.0}], "'width' or 'parameters'; it has"),
        ([{"dataset_size": 10, "accuracy": 1.0}], "column 'loss' .or test_loss"),
        ([{"test_loss": 1, "val_loss": 2, "D": 3}], "may all be 'loss'"),
        ([{"loss": 1.0, "D": "many"}], "'dataset_size' must hold numbers"),
    ],
)
def test_tables_that_are_none(table: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        LearningCurve.from_frame(table)


def test_other_formats_and_broken_files(tmp_path: Path) -> None:
    (tmp_path / "losses.xlsx").write_text("x")
    with pytest.raises(ms.ManifoldScaleError, match=r"read from \.csv, \.tsv or \.parquet"):
        LearningCurve.from_frame(tmp_path / "losses.xlsx")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ms.ManifoldScaleError, match=r"empty\.csv cannot be read"):
        LearningCurve.from_frame(tmp_path / "empty.csv")
