"""Tables as loggers and data bases write them, opened as they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manifoldscale as ms

read = ms.LearningCurve.from_frame
STEPS = (0, 100, 200, 400, 800, 1600)


def loss_at(step: int, run: int) -> float:
    return (1 + run / 100) * max(step, 1) ** -0.5


def wandb_chart(path: Path, spread: float = 0.0) -> Path:
    """As "Export CSV" of a chart writes it; runs log at steps of their own."""
    names = ["lively-fog-1", "dry-sun - b"]
    what = [f"{name} - val/loss{end}" for name in names for end in ("", "__MIN", "__MAX")]
    lines = [",".join(f'"{name}"' for name in ["Step", *what])]
    for run in (0, 1):
        for step in STEPS:
            y = loss_at(step, run)
            cells = [f'"{v}"' for v in (y, y - spread, y + spread)]
            empty = ['""'] * 3
            lines.append(
                ",".join([f'"{step + run}"', *(empty * run), *cells])
                + ("," + ",".join(empty) if not run else "")
            )
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_chart_of_wandb_is_a_trajectory_a_run(tmp_path: Path) -> None:
    curve = read(wandb_chart(tmp_path / "chart.csv"), row="trajectory")
    assert "one column per run, 2 runs; __MIN and __MAX were left out" in str(curve)
    assert "1 rows of Step 0, or without one, were left out" in str(curve)
    assert curve.is_trajectory and {run.network for run in curve.runs} == {0, 1}
    first = [run for run in curve.runs if run.network == 0]
    assert [run.steps for run in first] == list(STEPS[1:])
    assert [run.loss for run in first] == [loss_at(step, 0) for step in STEPS[1:]]
    wide = read(wandb_chart(tmp_path / "bins.csv", spread=0.1), row="trajectory")
    assert "which differ: each is a mean" in str(wide)
    with pytest.raises(ms.ManifoldScaleError, match=r"row='trajectory' \(--row"):
        read(wandb_chart(tmp_path / "chart.csv"))  # it holds no size


def test_settings_and_summaries_of_wandb() -> None:
    runs = [
        {"name": f"run-{n}", "config": {"n_train": {"desc": None, "value": n},
                                        "_wandb": {"value": {"t": [1, 2]}}},
         "summary": {"val/loss": n**-0.5, "_step": 99, "_runtime": 7.5}}
        for n in (10, 100, 1000, 10_000)
    ]  # fmt: skip
    curve = read(runs)
    assert curve.columns.column("dataset_size") == "config.n_train.value"
    assert ms.fit_power_law(curve, floor="zero").alpha == pytest.approx(0.5)
    texts = [{**run, "config": json.dumps(run["config"])} for run in runs]
    assert [r.dataset_size for r in read(texts).runs] == [10, 100, 1000, 10_000]


def trainer_state(path: Path) -> Path:
    """As the Trainer of Hugging Face writes it; the last record is of the whole run."""
    log: list[dict[str, Any]] = []
    for step in STEPS[1:]:
        log.append({"epoch": step / 100, "learning_rate": 1e-4, "loss": 0.5 * step**-0.5,
                    "step": step})  # fmt: skip
        log.append({"epoch": step / 100, "eval_loss": step**-0.5, "eval_runtime": 1.0,
                    "step": step})  # fmt: skip
    log.append({"epoch": 16.0, "step": 1600, "total_flos": 1e15, "train_loss": 0.3,
                "train_runtime": 60.0, "train_samples_per_second": 33.0})  # fmt: skip
    state = {
        "best_metric": None,
        "global_step": 1600,
        "log_history": log,
        "max_steps": 1600,
    }
    path.write_text(json.dumps(state))
    return path


def test_the_state_of_a_trainer(tmp_path: Path) -> None:
    curve = read(trainer_state(tmp_path / "trainer_state.json"), row="trajectory")
    assert "eval_loss as loss" in str(curve) and "loss as train_loss" in str(curve)
    assert "step as steps" in str(curve)
    assert [run.steps for run in curve.runs] == list(STEPS[1:])
    assert [run.loss for run in curve.runs] == [step**-0.5 for step in STEPS[1:]]
    assert [run.train_loss for run in curve.runs] == [0.5 * s**-0.5 for s in STEPS[1:]]
    law = ms.fit_power_law(curve, axis="steps", floor="zero")
    assert law.alpha == pytest.approx(0.5) and "alpha_t" in str(law)
    assert "mixed runs" not in str(law)  # by the record of the whole run


def test_the_columns_of_compute_optimal_models() -> None:
    rows = [
        {"Model Size": p, "Training Tokens": 20 * p, "Training FLOP": 120 * p * p,
         "loss": (120 * p * p) ** -0.15}
        for p in (1e7, 1e8, 1e9, 1e10)
    ]  # fmt: skip
    curve = read(rows)
    assert "Training FLOP as compute" in str(curve)
    law = ms.fit_power_law(curve, axis="compute", floor="zero")
    assert law.alpha == pytest.approx(0.15) and "alpha_C" in str(law)
    letters = [
        {"N": r["Model Size"], "D": r["Training Tokens"], "C": r["Training FLOP"]} | r
        for r in rows
    ]
    short = read([{k: r[k] for k in ("N", "D", "C", "loss")} for r in letters])
    assert "N as parameters, D as dataset_size, C as compute" in str(short)
    scaled = read([{"N (M)": p, "D (B)": p, "loss": 1 / p} for p in (1, 2, 4, 8)])
    assert (scaled.runs[0].parameters, scaled.runs[0].dataset_size) == (1e6, 1e9)
    units = [{"params (M)": p, "PFLOP-days": p, "loss": 1 / p} for p in (1, 2, 4, 8)]
    found = read(units)
    assert "PFLOP-days as compute, times 8.64e+19" in str(found)
    assert found.runs[1].compute == 2 * 8.64e19 and found.runs[1].parameters == 2e6


def test_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    rows = [{"tokens_B": b, "test_loss": b**-0.3, "machine": "x"} for b in (1, 2, 4, 8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [run.dataset_size for run in read(path).runs] == [1e9, 2e9, 4e9, 8e9]
    noted = [{**row, "machine": "a\u2028b\x85"} for row in rows]  # no ends of lines
    texts = [json.dumps(row, ensure_ascii=False) for row in noted]
    path.write_text("\r\n".join(texts), "utf-8", newline="")
    assert [run.dataset_size for run in read(path).runs] == [1e9, 2e9, 4e9, 8e9]


ANCHORS = [16, 23, 32, 45, 64, 91]


def test_anchors_as_columns_need_the_meaning_of_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "lcdb.csv"
    lines = ["learner,fold," + ",".join(map(str, ANCHORS))]
    for fold in range(3):
        accuracy = [1 - (1 + fold / 50) * a**-0.5 for a in ANCHORS]
        lines.append(f"SVC,{fold}," + ",".join(map(str, accuracy)))
    path.write_text("\n".join(lines))
    with pytest.raises(ms.ManifoldScaleError, match="loss_column='1 - value' takes"):
        read(path)
    curve = read(path, loss_column="1 - value")
    assert "6 columns '16' to '91' are sizes (anchor)" in str(curve)
    assert len(curve) == 18 and {run.dataset_size for run in curve.runs} == set(ANCHORS)
    assert ms.fit_power_law(curve, floor="zero").alpha == pytest.approx(0.5)


def test_scores_are_no_losses_unless_it_is_said() -> None:
    rows = [
        {"openmlid": 3, "size_train": a, "size_test": 500, "outer_seed": s, "inner_seed": t,
         "score_valid": 1 - a**-0.5 * (1 + s / 50)}
        for a in ANCHORS for s in range(2) for t in range(2)
    ]  # fmt: skip
    with pytest.raises(ms.ManifoldScaleError, match="loss_column='1 - score_valid'"):
        read(rows)
    curve = read(rows, loss_column="1 - score_valid")
    assert curve.columns.column("dataset_size") == "size_train"
    assert ms.fit_power_law(curve, floor="zero").alpha == pytest.approx(0.5)
    named = [{"anchor": a, "1 - accuracy": a**-0.5} for a in ANCHORS]
    assert ms.fit_power_law(read(named), floor="zero").alpha == pytest.approx(0.5)
    per_cent = [{"anchor": a, "accuracy": 100 - 50 / a} for a in ANCHORS]
    with pytest.raises(ms.ManifoldScaleError, match="between 0 and 1"):
        read(per_cent, loss_column="1 - accuracy")


def test_lists_are_repeats_and_histories_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"num_train_samples": n, "test_errors": list(n**-0.5 * (1 + 0.01 * rng.random(k)))}
        for n, k in ((25, 10), (50, 8), (100, 4), (200, 2), (400, 1))
    ]
    curve = read(rows)
    assert len(curve) == 25 and "repeats, a run each" in str(curve)
    assert ms.fit_power_law(curve, floor="zero").alpha == pytest.approx(0.5, abs=0.01)
    falling = [{"n_train": n, "val_loss": [n**-0.5 + 1 / t for t in (1, 2, 3, 4)]}
               for n in (25, 50, 100)]  # fmt: skip
    with pytest.raises(ms.ManifoldScaleError, match="row='trajectory' or 'last'"):
        read(falling)
    assert read(falling, row="last").losses == pytest.approx(
        [n**-0.5 + 0.25 for n in (25, 50, 100)]
    )
    steps = read(falling, row="trajectory")
    assert len(steps) == 12 and [run.steps for run in steps.runs[:4]] == [1, 2, 3, 4]
    assert len(read(falling, row="all")) == 12


def test_lists_of_sizes_and_of_steps_are_rows() -> None:
    columns = [{"n_train": [100, 200, 400, 800], "loss": [0.4, 0.3, 0.2, 0.1], "note": "x"}]
    curve = read(columns)
    assert [run.dataset_size for run in curve.runs] == [100, 200, 400, 800]
    assert "lists in 'n_train', 'loss' are rows" in str(curve)
    logs = [{"params": p, "steps": [10, 20, 40], "loss": [3 / p, 2 / p, 1 / p]}
            for p in (5, 6, 7)]  # fmt: skip
    assert read(logs).losses == pytest.approx([1 / 5, 1 / 6, 1 / 7])
    steps = read(logs, row="trajectory")
    assert [run.steps for run in steps.runs] == 3 * [10, 20, 40]


def test_columns_that_count_may_be_steps() -> None:
    rows = [
        {"params": p} | {str(t): (1 / t) / p for t in range(1, 7)} for p in (10, 20, 40)
    ]
    with pytest.raises(ms.ManifoldScaleError, match="may be steps or sizes: row='traj"):
        read(rows, loss_column="value")
    steps = read(rows, loss_column="value", row="trajectory")
    assert len(steps) == 18 and steps.is_trajectory
    assert "6 columns '1' to '6' are steps" in str(steps)
    named = [{"n_train": n, "loss": 1 / n} | dict.fromkeys("0123", 0.5) for n in (1, 2, 4)]
    assert len(read(named)) == 3  # whatever they are, the loss is in a column of its own


def test_one_of_several_curves_is_chosen() -> None:
    rows = [
        {"Task": t, "Model": m, "Seen Examples": n, "Loss": n**-a, "Training": int(n < 999)}
        for t, a in (("inet_5", 0.2), ("cal_5", 0.4))
        for m in ("BiT/101/3", "MiX/B/16")
        for n in (10, 100, 1000, 10_000)
    ]
    rows = rows + rows  # some stand more than once
    curve = read(rows)
    assert "16 rows that repeat another one were left out" in str(curve)
    assert "several curves, by Task (2)" in str(curve)
    assert "where={'Task': 'inet_5'}" in str(curve)
    one = read(rows, where={"Task": "cal_5", "Model": "BiT/101/3"})
    assert len(one) == 4 and not one.mixed
    assert ms.fit_power_law(one, floor="zero").alpha == pytest.approx(0.4)
    assert len(read(rows, where={"Training": "1"})) == 8  # as the command line gives it
    with pytest.raises(
        ms.ManifoldScaleError, match="no row has Task = 'x'; there are inet_5"
    ):
        read(rows, where={"Task": "x"})
    with pytest.raises(ms.ManifoldScaleError, match="Nearest are 'Task'"):
        read(rows, where={"task": "x"})


def test_examples_from_compute_and_parameters() -> None:
    """C = 6 P D, as in tables of language models that give no tokens."""
    n = np.array([1e7, 1e8, 1e9]).repeat(3)
    d = np.tile([1e9, 4e9, 2e10], 3)
    table = {"N": n, "C": 6 * n * d, "loss": 1 + n**-0.3 + d**-0.3}
    sizes = {"parameters": "N", "data": "C / 6 N"}
    curve = ms.LearningCurve.from_frame(table, size_column=sizes)
    assert curve.column("data") == pytest.approx(d)
    assert curve.column("compute") == pytest.approx(6 * n * d)
    assert "C / 6 N as dataset_size" in str(curve)
    alone = ms.LearningCurve.from_frame(table, size_column={"parameters": "N"})
    assert str(sizes["data"]) in str(alone) and "no dataset size" in str(alone)
    gaps = {**table, "C": [*table["C"][:-1], None]}
    assert np.isnan(ms.LearningCurve.from_frame(gaps, size_column=sizes).column("data")[-1])
    with pytest.raises(ms.ManifoldScaleError, match="does not have"):
        ms.LearningCurve.from_frame(table, size_column={"data": "C / 6 M"})


def test_a_loss_without_a_number_is_named() -> None:
    table = {"n_train": [10, 20], "contrastive_loss": [None, None], "miou": [0.3, 0.4]}
    with pytest.raises(ms.ManifoldScaleError, match=r"'contrastive_loss'.*no losses"):
        ms.LearningCurve.from_frame(table)


def test_what_the_loss_is_made_of_mixes_no_runs() -> None:
    rng = np.random.default_rng(0)
    n = np.geomspace(100, 3000, 6).round().repeat(4)
    miou = 0.9 - n**-0.4 + 0.01 * rng.standard_normal(len(n))
    recall = miou + 0.01 * rng.standard_normal(len(n))
    table = {"n_train": n, "miou": miou, "mean_per_class_recall": recall}
    curve = ms.LearningCurve.from_frame(table, loss_column="1 - miou", row="all")
    assert curve.mixed == ()
