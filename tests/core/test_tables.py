"""Tables from anywhere become learning curves, or one clear error."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.learning_curve import LearningCurve
from manifoldscale.core.tables import read_rows

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


def test_numbers_and_truths_may_be_texts(tmp_path: Path) -> None:
    """As the csv module gives them, and pandas where one cell of a column is bad."""
    rows = [
        {"D": "1e3", "loss": " 0.5", "converged": "no"},
        {"D": "2000", "loss": "0.25", "converged": "True"},
        {"D": "4000", "loss": "", "converged": ""},
    ]
    runs = LearningCurve.from_frame(rows).runs
    assert [run.dataset_size for run in runs] == [1000, 2000, 4000]
    assert [run.converged for run in runs] == [False, True, None]
    assert (
        LearningCurve.from_frame([{"D": 10, "loss": 1.0, "converged": np.bool_(False)}])
        .runs[0]
        .converged
        is False
    )
    (tmp_path / "losses.csv").write_text('D,loss\n100,0.5\n"1,600",0.2\n')
    with pytest.raises(ms.ManifoldScaleError, match="it holds '1,600'"):
        LearningCurve.from_frame(tmp_path / "losses.csv")
    with pytest.raises(ms.ManifoldScaleError, match="'converged' must hold true or false"):
        LearningCurve.from_frame([{"D": 10, "loss": 1.0, "converged": "maybe"}])


SIZES = [100, 200, 400, 800, 1600]


def losses(tasks: dict[str, float], **more: list) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        {"D": d, "loss": a * d**-0.5 * np.exp(0.03 * rng.standard_normal()), "task": task}
        | {"fold": seed, "accuracy": rng.uniform(), "flops": 6 * d}
        for task, a in tasks.items()
        for d in SIZES
        for seed in range(4)
    ]


def test_runs_of_several_tasks_are_no_repeats_and_that_is_said() -> None:
    curve = LearningCurve.from_frame(losses({"digits": 1.0, "letters": 2.0}))
    assert curve.mixed == ("task",)
    fit = ms.fit_power_law(curve)
    assert "mixed runs ('task')" in str(fit)
    one = [
        row for row in losses({"digits": 1.0, "letters": 2.0}) if row["task"] == "digits"
    ]
    assert LearningCurve.from_frame(one).mixed == ()


def test_another_name_for_the_seed_is_no_setting() -> None:
    """Nor is a measurement, nor what is the same in all runs of a size; nor a setting that
    makes no difference.
    """
    assert LearningCurve.from_frame(losses({"a": 1.0, "b": 1.0})).mixed == ()


def test_exact_losses_tell_their_settings_too() -> None:
    rows = [{"D": d, "loss": a * d**-0.5, "lr": a} for d in SIZES for a in (1.0, 1.1)]
    assert LearningCurve.from_frame(rows).mixed == ("lr",)
    assert LearningCurve.from_frame([row | {"lr": 1} for row in rows]).mixed == ()


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("State", "finished", "crashed"),
        ("status", "FINISHED", "FAILED"),
        ("state", "COMPLETE", "PRUNED"),
        ("failure", "", "out of memory"),
        ("failure", False, True),
    ],
)
def test_what_a_run_logged_before_it_failed_is_no_loss(
    column: str, good: object, bad: object
) -> None:
    """With one run per size nothing else tells: the exponent would be half as large."""
    rows = [{"D": d, "loss": d**-0.5, column: good} for d in SIZES]
    rows += [{"D": 2 * SIZES[-1], "loss": 1.0, column: bad}]
    fit = ms.fit_power_law(LearningCurve.from_frame(rows), floor="zero")
    assert fit.alpha == pytest.approx(0.5)
    assert f"failed runs (1 of {len(rows)} runs)" in str(fit)


def test_states_of_another_kind_are_no_failures() -> None:
    rows = [{"D": d, "loss": d**-0.5, "state": s} for d in SIZES for s in ("Ohio", "Iowa")]
    curve = LearningCurve.from_frame(rows)
    assert np.isfinite(curve.losses).all() and curve.columns.unread == ("state",)


def test_sizes_with_a_point_for_thousands_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "losses.csv"
    file.write_text("n_train;loss\n400;0.3\n800;0.2\n1.600;0.1\n3.200;0.05\n")
    with pytest.raises(ManifoldScaleError, match=r"'n_train' holds 400 and 1\.600: is"):
        read_rows(file)
    file.write_text("D,loss\n0.5,1.100\n1.625,1\n10,0.900\n")  # sizes in billions, losses
    assert [row["D"] for row in read_rows(file)] == [0.5, 1.625, 10]


def test_arrays_without_an_axis_are_numbers() -> None:
    rows = [{"n_train": np.array(100), "loss": np.array(0.5)}]
    assert read_rows(rows) == [{"n_train": 100, "loss": 0.5}]


def test_the_half_line_of_a_killed_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    with pytest.raises(ManifoldScaleError, match="line 2 is no JSON"):
        read_rows(file)
