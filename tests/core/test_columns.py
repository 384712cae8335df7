"""Every column of a table is read, known to be a repeat, or told."""

import gzip
import importlib.util
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve

SIZES = [100 * 2**i for i in range(6)]
read = LearningCurve.from_frame


def falling(name: str = "n_train", **more: Callable[[int], Any]) -> list[dict]:
    """Losses that fall as D^-1/2, with further columns as functions of D."""
    return [
        {name: d, "loss": d**-0.5} | {key: column(d) for key, column in more.items()}
        for d in SIZES
    ]


def test_what_was_read_is_said_and_kept() -> None:
    curve = read(falling(note=str, flops=lambda d: 6 * d))
    said = "read: n_train as dataset_size, loss, flops as compute; not read: note"
    assert str(curve.columns) == said and said in str(curve)
    assert curve.columns.column("dataset_size") == "n_train"
    assert str(pickle.loads(pickle.dumps(curve))) == str(curve)
    assert curve.columns.to_dict()["not_read"] == ["note"]
    assert curve.at(dataset_size=100).columns == curve.columns


@pytest.mark.parametrize("other", ["val_loss", "test_mse", "val/loss"])
def test_of_two_losses_none_is_taken_in_silence(other: str) -> None:
    """A bare `loss` is that of training to many loggers."""
    rows = falling(**{other: lambda d: d**-0.3})
    with pytest.raises(ms.ManifoldScaleError, match=f"'loss', '{other}' may all be 'loss'"):
        read(rows)
    assert ms.fit_power_law(read(rows, loss_column=other)).alpha == pytest.approx(0.3)
    assert ms.fit_power_law(read(rows, loss_column="loss")).alpha == pytest.approx(0.5)
    same = falling(**{other: lambda d: d**-0.5})
    assert read(same).columns.repeats == (other,)


def test_a_test_loss_comes_before_other_measures_and_a_name_is_no_loss() -> None:
    rows = [
        {"n_train": d, "loss": "mse", "test_loss": 1 / d, "test_error": 0.1} for d in SIZES
    ]
    assert str(read(rows).columns).endswith("test_loss as loss; not read: loss, test_error")


def test_of_two_sizes_the_exact_name_is_taken_and_the_other_told() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="'n_train', 'tokens' may all be"):
        read(falling(tokens=lambda d: 7 * d))
    scaled = read(falling("dataset_size", tokens=lambda d: 7 * d))
    assert scaled.columns.repeats == ("tokens",)
    other = read(falling("parameters", params=lambda d: d**2))
    assert other.columns.rivals == ("params",)
    law = ms.fit_power_law(other, axis="parameters")
    assert "OTHER_COLUMNS" in {note.caveat.name for note in law.caveats}
    chosen = read(falling(tokens=lambda d: d**2), size_column={"data": "tokens"})
    assert ms.fit_power_law(chosen).alpha == pytest.approx(0.25)


def test_several_widths_beside_another_size_are_told() -> None:
    wide = falling(d_model=lambda d: d // 10, n_neurons=lambda d: d // 3)
    curve = read(wide)
    assert curve.runs[0].width is None and curve.columns.rivals == ("d_model", "n_neurons")
    alone = [{k: row[k] for k in ("d_model", "n_neurons", "loss")} for row in wide]
    with pytest.raises(ms.ManifoldScaleError, match="may all be 'width'"):
        read(alone)


def test_a_bare_n_is_read_beside_d_only() -> None:
    rows = [{"N": p, "D": d, "loss": 1 / p + 1 / d} for d in SIZES for p in SIZES]
    curve = read(rows)
    assert curve.columns.column("parameters") == "N" and curve.runs[1].parameters == 200
    for name in ("N", "n", "d", "size"):
        with pytest.raises(
            ms.ManifoldScaleError, match=rf"\['{name}'\] may be one of them"
        ):
            read(falling(name))
        assert read(falling(name), size_column={"data": name}).runs[0].dataset_size == 100
        along = read(falling(name), size_column={"parameters": name})
        assert along.runs[0].parameters == 100


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"loss_column": "lost"}, "`loss_column` is 'lost', which the table does not have"),
        ({"size_column": "n_trian"}, "Nearest are 'n_train'"),
        ({"size_column": {"depth": "n_train"}}, "`axis` must be one of"),
        ({"size_column": 3}, "`size_column` must be the name"),
        ({"row": "first"}, "`row` must be one of 'last', 'best', 'all'"),
    ],
)
def test_choices_that_cannot_be(choice: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        read(falling(), **choice)


@pytest.mark.parametrize(
    ("whole", "partial"),
    [
        ("N", "N_no_embed"),
        ("params", "non_embedding_params"),
        ("total_params", "params_non_embedding"),
    ],
)
def test_parameters_with_and_without_the_embedding(whole: str, partial: str) -> None:
    """All of them are read, and the others told; those that are named come first."""
    grid = [(d, p) for d in (100, 400, 1600) for p in (1000, 3000, 9000)]
    rows = [
        {"D": d, partial: p - 500, whole: p, "loss": 1 + p**-0.5 + d**-0.5} for d, p in grid
    ]
    curve = read(rows)
    assert curve.columns.column("parameters") == whole
    assert curve.columns.rivals == (partial,)
    assert f"may be meant instead: {partial}" in str(curve)
    notes = {note.caveat.name: note.detail for note in ms.fit_sum(curve).caveats}
    assert f"read: {whole!r}, with" in notes["EMBEDDINGS"]
    other = read(rows, size_column={"parameters": partial})
    assert other.runs[0].parameters == 500
    notes = {note.caveat.name: note.detail for note in ms.fit_sum(other).caveats}
    assert f"{partial!r}, without" in notes["EMBEDDINGS"]


def test_examples_that_are_seen_again() -> None:
    rows = falling(U_unique_tokens=lambda d: min(d, 400))
    curve = read(rows)
    assert [run.unique_examples for run in curve.runs] == [min(d, 400) for d in SIZES]
    (note,) = [
        n for n in ms.fit_power_law(curve).caveats if n.caveat.name == "REPEATED_DATA"
    ]
    assert note.detail == "3 of 6 runs"
    with pytest.raises(ms.ManifoldScaleError, match="needs a column 'dataset_size'"):
        read([{"unique_tokens": row["n_train"], "loss": row["loss"]} for row in rows])


def test_sizes_come_in_the_unit_of_their_name() -> None:
    curve = read([{"Tokens (B)": 0.5, "Params (M)": 125, "loss": 3.0}])
    assert (curve.runs[0].dataset_size, curve.runs[0].parameters) == (
        5 * 10**8,
        125 * 10**6,
    )
    assert "Tokens (B) as dataset_size, times 1e+09" in str(curve)


def test_a_column_that_only_later_rows_have() -> None:
    later = [row | {"loss": 3 * row["n_train"] ** -0.2, "task": "b"} for row in falling()]
    assert read(falling() + later).mixed == ("task",)
    wide = [{"n_train": d, "loss": d**-0.2, "width": 8} for d in SIZES]
    with pytest.raises(ms.ManifoldScaleError, match="6 of 12 runs do not say their width"):
        ms.fit_power_law(read(falling() + wide))


# An index of pandas is a column like the others.


def frame() -> pd.DataFrame:
    rows = [
        {"task": t, "n_train": d, "seed": s, "loss": d**-a * (1 + 0.01 * s)}
        for t, a in (("a", 0.2), ("b", 0.6))
        for d in SIZES
        for s in range(3)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "index", ["task", "n_train", ["task", "n_train"], ["seed", "task"]]
)
def test_an_index_is_read(index: Any, tmp_path: Path) -> None:
    plain, moved = read(frame()), frame().set_index(index)
    assert plain.mixed == ("task",)
    tables: list[Any] = [moved]
    if importlib.util.find_spec("pyarrow"):
        tables.append(tmp_path / "table.parquet")
        moved.to_parquet(tables[-1])
    for curve in map(read, tables):
        assert curve.mixed == ("task",)
        np.testing.assert_array_equal(curve.column("data"), plain.column("data"))


def test_means_of_pandas_are_read() -> None:
    one = frame()[frame().task == "a"].groupby("n_train")["loss"]
    table = one.agg(["mean", "sem", "std", "count"])
    table.columns = pd.MultiIndex.from_product([["loss"], table.columns])
    for means in (one.mean(), one.mean().to_frame(), table):
        curve = read(means)
        assert [run.dataset_size for run in curve.runs] == SIZES
    assert curve.runs[0].loss_stderr > 0
    assert curve.columns.unread == ("loss_std", "loss_count")
    unnamed = pd.Series([d**-0.5 for d in SIZES], index=SIZES)
    with pytest.raises(ms.ManifoldScaleError, match=r"\['index'\] may be one of them"):
        read(unnamed)
    assert read(unnamed, size_column="index").runs[0].dataset_size == 100


def test_row_numbers_are_no_column() -> None:
    kept = frame()[frame().seed > 0]
    assert read(kept).columns.unread == ("task",)
    both = pd.concat([frame(), frame()], keys=["x", "y"])
    assert read(both.drop(columns="task"), row="all").columns.unread == ("index_0",)
    with pytest.raises(ms.ManifoldScaleError, match="'loss' appears more than once"):
        read(pd.DataFrame([[1, 2, 3]], columns=["n_train", "loss", "loss"]))


WIDTHS = [
    {"width": 4 * int(d**0.5) + 7 * k, "loss": d**-0.5 + k} for d in SIZES for k in (0, 1)
]


def test_sizes_in_an_index_without_a_name_are_told() -> None:
    by_size = {d: pd.DataFrame(WIDTHS[2 * i : 2 * i + 2]) for i, d in enumerate(SIZES)}
    for table, name in (
        (pd.concat(by_size), "index_0"),
        (pd.DataFrame(WIDTHS[::2], index=SIZES), "index"),
        (pd.DataFrame(WIDTHS[::2], index=[100 * (i + 1) for i in range(6)]), "index"),
    ):
        curve = read(table)
        assert curve.columns.unread == curve.columns.rivals == (name,)
        said = {note.caveat.name for note in ms.fit_power_law(curve, axis="width").caveats}
        assert "OTHER_COLUMNS" in said
        named = read(table, size_column={"data": name})
        assert named.runs[-1].dataset_size == table.index.get_level_values(0)[-1]
        bare = table.rename(columns={"width": "note"})
        with pytest.raises(ms.ManifoldScaleError, match=rf"\['{name}'\] may be.*size_col"):
            read(bare)


def test_numbers_of_rows_are_none() -> None:
    table = frame()
    for rows in (
        table.sample(frac=1, random_state=0),
        table[table.seed == 2],
        table.sort_values("loss").iloc[::2],
        pd.concat([table[table.task == "a"].reset_index(drop=True)] * 2),
        pd.concat([part.reset_index(drop=True) for _, part in table.groupby("seed")]),
    ):
        assert read(rows, row="all").columns.unread == ("task",)


# Cells that are missing in any library's way are missing.


@pytest.mark.parametrize("kind", ["numpy_nullable", "pyarrow"])
def test_nullable_columns(kind: str) -> None:
    if kind == "pyarrow":
        pytest.importorskip("pyarrow")
    table = pd.DataFrame(falling(converged=lambda d: True)).convert_dtypes(
        dtype_backend=kind
    )
    table.loc[2, ["loss", "converged"]] = pd.NA
    curve = read(table)
    assert np.flatnonzero(np.isnan(curve.losses)).tolist() == [2]
    assert [run.converged for run in curve.runs][1:4] == [True, None, True]


@pytest.mark.parametrize(
    "missing", [None, "", " nan", "NA", "null", np.nan, pd.NA, pd.NaT, np.ma.masked]
)
def test_missing_cells(missing: object) -> None:
    rows = [row | {"seed": missing, "when": missing} for row in falling()]
    rows[1]["loss"] = missing
    curve = read(rows)
    assert np.isnan(curve.losses[1]) and curve.runs[0].seed == 0


def test_columns_with_masks() -> None:
    losses = np.ma.masked_array([d**-0.5 for d in SIZES], mask=[0, 0, 1, 0, 0, 0])
    for table in (
        {"n_train": np.array(SIZES), "loss": losses},
        np.ma.masked_array(
            list(zip(SIZES, losses.data, strict=True)),
            mask=[(False, bool(m)) for m in losses.mask],
            dtype=[("n_train", int), ("loss", float)],
        ),
    ):
        assert np.flatnonzero(np.isnan(read(table).losses)).tolist() == [2]
    with pytest.raises(ms.ManifoldScaleError, match="of one length"):
        read({"n_train": SIZES, "loss": [0.1]})


# Files as loggers and spreadsheets write them.


def test_logs_of_loggers(tmp_path: Path) -> None:
    records = [
        {"config": {"n_train": d, "seed": 1}, "val": {"loss": d**-0.5}} for d in SIZES
    ]
    lines = "\n".join(map(json.dumps, records))
    columns = {"n_train": SIZES, "loss": [d**-0.5 for d in SIZES]}
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "b.json").write_text(json.dumps(records))
    (tmp_path / "c.json").write_text(json.dumps({"runs": records}))
    (tmp_path / "d.json").write_text(json.dumps(columns))
    pd.DataFrame(columns).to_json(tmp_path / "e.json")
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pd.DataFrame(columns).to_csv(tmp_path / "g.csv.gz")  # with its row numbers
    pd.DataFrame(columns).to_csv(tmp_path / "h.csv", sep=";", index=False)
    pd.DataFrame(columns).to_csv(tmp_path / "i.csv", encoding="utf-16", sep="\t")
    pd.DataFrame(columns).to_csv(tmp_path / "j.txt", sep="\t", encoding="utf-8-sig")
    for path in sorted(tmp_path.iterdir()):
        curve = read(path)
        assert [run.dataset_size for run in curve.runs] == SIZES, path
        assert curve.columns.unread == (), path


def test_settings_that_are_written_as_one_cell(tmp_path: Path) -> None:
    """As in a table of runs that a logger's own example writes."""
    table = pd.DataFrame(
        {
            "summary": [
                {"val/loss": d**-0.5, "_step": 99, "_runtime": d / 7} for d in SIZES
            ],
            "config": [{"n_train": d, "lr": {"value": 0.1}} for d in SIZES],
            "name": [f"run-{d}" for d in SIZES],
        }
    )
    table.to_csv(tmp_path / "project.csv")
    for curve in (read(table), read(tmp_path / "project.csv")):
        assert ms.fit_power_law(curve).alpha == pytest.approx(0.5)
        told = ("summary._step", "summary._runtime", "config.lr.value", "name")
        assert curve.columns.unread == told
    spoiled = [row | {"note": "{half a ", "other": "{1, 2}"} for row in falling()]
    assert read(spoiled).columns.unread == ("note", "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n,loss\n1,0.5,7\n", "line 2 has 3 cells, the header 2"),
        ("n,loss\n1,0.5\n2\n", "line 3 has 1 cells, the header 2"),
        ("n,loss,loss\n1,2,3\n", "'loss' appears more than once"),
        ("n_train,loss\n", "no rows"),
        ("n_train;loss\n100;0,5\n", "'loss' must hold numbers; it holds '0,5'"),
        ("n_train,loss\n1,NaN\n,\n", "no losses to fit"),
    ],
)
def test_text_that_is_no_table(text: str, message: str, tmp_path: Path) -> None:
    """Read as pandas does, a surplus cell moves every column by one."""
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.fit_power_law(read(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    "name", ["log_test_loss", "ln_loss", "log10(val loss)", "loss/log2"]
)
def test_the_logarithm_of_a_loss_is_none(name: str) -> None:
    rows = [{"n_train": d, "note": 1, name: -0.5 * np.log(d)} for d in SIZES]
    with pytest.raises(ms.ManifoldScaleError, match="is a logarithm: give the loss itself"):
        read(rows)
    both = read([row | {"mse": row["n_train"] ** -0.5} for row in rows])
    assert both.columns.column("loss") == "mse" and name in both.columns.unread
    cross_entropy = [{"n_train": d, "test_log_loss": d**-0.5} for d in SIZES]
    assert read(cross_entropy).columns.column("loss") == "test_log_loss"


def test_runs_are_chosen_by_axis_or_field() -> None:
    curve = read([{"n_train": d, "width": 8, "seed": 1, "loss": d**-0.5} for d in SIZES])
    for fixed in (
        {"data": 100},
        {"dataset_size": 100, "seed": 1},
        {"width": 8, "data": 100},
    ):
        assert len(curve.at(**fixed)) == 1
    with pytest.raises(
        ms.ManifoldScaleError, match=r"must be one of 'data'.*not 'n_train'"
    ):
        curve.at(n_train=100)
