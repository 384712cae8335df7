"""Rows that are one network, and settings by which rows are no repeats."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.learning_curve import LearningCurve

SIZES = [100 * 2**i for i in range(6)]
read = LearningCurve.from_frame


def log(name: str, steps: int, seeds: Sequence[int] = (0, 1), **more: Any) -> list[dict]:
    """The loss falls to D^-1/2 within `steps`, and is a little lower half-way."""
    return [
        {"n_train": d, "seed": s, name: t, "acc": 1 - 1 / t, "lr": 0.1 * 0.9**t}
        | {"loss": (1 + s / 100) * d**-0.5 * (1 + np.exp(-t / 9) - 0.2 * (t == steps // 2))}
        | more
        for d in SIZES
        for s in seeds
        for t in range(1, steps + 1)
    ]


@pytest.mark.parametrize("name", ["step", "_step", "global_step", "epoch", "iteration"])
@pytest.mark.parametrize("steps", [2, 40, 51, 300])
def test_the_last_row_of_a_log_counts(name: str, steps: int) -> None:
    rows = log(name, steps)
    curve = read(rows)
    assert len(curve) == 12 and curve.mixed == (name,)
    last = [row["loss"] for row in rows if row[name] == steps]
    np.testing.assert_array_equal(curve.losses, last)
    said = (
        f"{len(rows):,} rows are 12 networks, which differ in {name}: the last row of each"
    )
    assert said in str(curve)
    law = ms.fit_power_law(curve)
    assert {note.caveat.name for note in law.caveats} == {"ROWS_OF_A_NETWORK"}
    assert law.alpha == pytest.approx(0.5, abs=1e-3)


def test_which_row_counts_can_be_chosen() -> None:
    rows = log("step", 60)
    best = read(rows, row="best")
    halfway = [row["loss"] for row in rows if row["step"] == 30]
    np.testing.assert_array_equal(best.losses, halfway)
    every = read(rows, row="all")
    assert len(every) == len(rows) and every.mixed == ("step", "lr")
    np.random.default_rng(0).shuffle(rows)
    assert sorted(read(rows).losses) == sorted(read(log("step", 60)).losses)


def test_losses_that_are_not_logged_at_every_step() -> None:
    rows = [
        row if row["step"] % 7 == 0 else row | {"loss": None} for row in log("step", 60)
    ]
    last = [row["loss"] for row in rows if row["step"] == 56]
    np.testing.assert_array_equal(read(rows).losses, last)
    assert "12 of them end on a row without a loss" in str(read(rows))
    failed = [
        row
        | {"loss": math.nan if row["n_train"] == 800 and row["step"] > 50 else row["loss"]}
        for row in log("step", 60)
    ]
    assert "2 of them end on a row without a loss" in str(read(failed))


def test_cells_that_are_lists_are_no_trouble() -> None:
    rows = [row | {"steps": [1, 2], "run": {"name": [row["seed"]]}} for row in log("t", 1)]
    assert read(rows).columns.unread == ("t", "acc", "lr", "steps", "run.name")


def test_runs_are_told_apart_by_seeds_names_and_settings() -> None:
    plain = [{k: v for k, v in row.items() if k != "seed"} for row in log("step", 30)]
    one = {row["loss"] for row in log("step", 30, seeds=(0,))}
    named = [row | {"run": f"{row['n_train']}-{i // 30}"} for i, row in enumerate(plain)]
    assert len(read(named)) == 12
    two = [row | {"task": t} for t in "ab" for row in log("step", 30, seeds=(0,))]
    assert len(read(two)) == 12 and read(log("step", 30, seeds=(0,))).mixed == ("step",)
    wide = [row | {"dim": d} for d in (2, 4) for row in plain if row["loss"] in one]
    assert (
        len(read(wide)) == 12
        and len(read([r | {"lr": r["step"] // 9} for r in wide])) == 12
    )
    with pytest.raises(ms.ManifoldScaleError, match="a column that tells the runs apart"):
        read(plain)


def test_runs_that_stopped_early_are_networks_of_their_own() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "n_train": d,
            "epoch": int(e),
            "loss": d**-0.5 * (1 + 0.02 * rng.standard_normal()),
        }
        for d in SIZES
        for e in rng.choice(90, 3, replace=False)
    ]
    assert len(read(rows)) == 18
    assert len(read([row | {"seed": i % 3} for i, row in enumerate(rows)])) == 18


def test_rows_of_one_network_that_nothing_orders() -> None:
    rows = log("step", 5)
    bare = [{k: row[k] for k in ("n_train", "seed", "loss", "acc")} for row in rows]
    with pytest.raises(ms.ManifoldScaleError, match="12 networks in 60 rows"):
        read(bare)
    np.testing.assert_array_equal(read(bare, row="last").losses, read(rows).losses)
    assert len(read(bare, row="all")) == 60


def test_a_row_that_is_repeated_counts_once() -> None:
    """Copies would turn one run a size into three, whose scatter is none."""
    rows = [{"n_train": d, "loss": d**-0.5} for d in SIZES]
    curve = read(rows * 3)
    assert len(curve) == 6 and "12 rows that repeat another one" in str(curve)
    said = {note.caveat.name for note in ms.fit_power_law(curve).caveats}
    assert said == {"NO_REPLICATES", "ROWS_OF_A_NETWORK"}


def runs(settings: Any, effect: Any, seeds: int = 1, spread: float = 0.0) -> list[dict]:
    """settings: size number -> its values; effect: of a value on the loss."""
    rng = np.random.default_rng(1)
    return [
        {"n_train": d, "lr": lr, "fold": s}
        | {"loss": d**-0.4 * effect(lr) * (1 + spread * rng.standard_normal())}
        for i, d in enumerate(SIZES)
        for lr in settings(i)
        for s in range(seeds)
    ]


RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
RANDOM = np.random.default_rng(2).uniform(0.1, 1, (len(SIZES), 6)).tolist()


@pytest.mark.parametrize(
    "settings",
    [
        lambda i: (RATES[i], RATES[i + 1]),  # no more rows than settings and sizes
        lambda i: (1.7**-i, 2 * 1.7**-i),  # two at each size, all different
        lambda i: RANDOM[i],  # drawn at random
        lambda i: (RATES[4 * i % 7],),  # one run a size
        lambda i: RATES,
    ],
    ids=["chain", "nested", "random", "one", "crossed"],
)
def test_a_learning_rate_that_explains_the_losses_is_told(settings: Any) -> None:
    assert read(runs(settings, lambda lr: 1 + 2 * lr)).mixed == ("lr",)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [lambda i: RANDOM[i], lambda i: RATES[:4]])
def test_settings_without_effect_are_seldom_told_over_many_draws(settings: Any) -> None:
    told = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        rows = runs(settings, lambda lr: 1.0)
        told += bool(
            read([r | {"loss": r["loss"] * rng.lognormal(0, 0.05)} for r in rows]).mixed
        )
    assert told <= 8  # 2 in 1000 expected of each column


def test_settings_without_effect_are_no_settings() -> None:
    for settings in (lambda i: RANDOM[i], lambda i: RATES[:4]):
        assert read(runs(settings, lambda lr: 1.0, 3, 0.05)).mixed == ()
    tuned = runs(lambda i: (0.1 * 2.0**-i,), lambda lr: 1.0)
    assert read(tuned).mixed == ()  # goes with the size: the same in all runs of one


def test_compute_at_one_model_size_is_no_repeat() -> None:
    rows = [
        {"Model Size": p, "Training FLOP": 6 * p * d, "loss": p**-0.3 + d**-0.3}
        for p in SIZES
        for d in SIZES
    ]
    curve = read(rows)
    assert curve.mixed == ("Training FLOP",)
    with pytest.raises(ms.ManifoldScaleError, match="No run says its dataset_size"):
        ms.fit_sum(curve)


def test_the_name_of_a_loss_function_is_a_setting() -> None:
    rows = [
        {"n_train": d, "loss_fn": fn, "loss": (1 + len(fn)) * d**-0.5}
        for d in SIZES
        for fn in ("mse", "hinge")
    ]
    assert read(rows).mixed == ("loss_fn",)
    assert read([r | {"loss_fn": len(r["loss_fn"])} for r in rows]).mixed == ("loss_fn",)


def test_a_task_that_changes_with_the_size_is_told() -> None:
    """One run a size: whether it is the size or the task, no loss can tell."""
    rows = [
        {"n_train": d, "task": "digits" if d < 500 else "letters", "loss": d**-0.5}
        for d in SIZES
    ]
    assert read(rows).mixed == ("task",)


def test_rows_that_share_a_seed_are_told() -> None:
    """Several test batches of one network, say, which are no repeats of training."""
    rows = [
        {
            "n_train": d,
            "seed": s,
            "batch_index": b,
            "loss": d**-0.5 * (1 + s / 99 + b / 999),
        }
        for d in SIZES
        for s in range(3)
        for b in range(4)
    ]
    curve = read(rows)
    assert "72 rows have 18 sizes and seeds, and count as separate networks" in str(curve)
    fit = ms.fit_power_law(curve)
    assert "ROWS_OF_A_NETWORK" in {note.caveat.name for note in fit.caveats}
    assert len(read(rows, row="last")) == 18
    assert read(rows[::4]).columns.rows == ""


def test_what_is_made_of_the_sizes_is_no_setting() -> None:
    """Losses that no parabola fits, and columns that go with one size, or with both."""
    rows = [
        {"D": d, "P": p, "flops": 6 * d * p, "ratio": d / p, "depth": len(str(p))}
        | {"loss": 1 / min(d, p) + 0.001}
        for d in SIZES
        for p in SIZES
    ]
    assert read(rows).mixed == ()


def test_a_name_for_every_row_is_a_network_for_every_row() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"n_train": d, "run": f"{d}.{s}", "epochs": 50 + 10 * (s % 2)}
        | {"loss": d**-0.5 * rng.lognormal(0, 0.05)}
        for d in SIZES
        for s in range(8)
    ]
    assert len(read(rows)) == 48 and read(rows).mixed == ()


def test_many_values_of_a_setting_are_compared() -> None:
    """More than fifty tasks are no names either."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "n_train": d,
            "task": f"t{t}",
            "loss": (1 + t % 7) * d**-0.5 * rng.lognormal(0, 0.05),
        }
        for t in range(400)
        for d in SIZES
    ]
    assert read(rows).mixed == ("task",)


def of_loggers(summary: bool = False, steps: bool = True) -> list[dict]:
    """Five epochs a network: four rows of training, and one of validation at the last step;
    at the end, perhaps, a row that sums up.
    """
    rows = []
    for d in SIZES:
        for seed in (0, 1):
            named = {"n_train": d, "seed": seed}
            for epoch in range(5):
                for batch in range(4):
                    step = {"step": 40 * epoch + 10 * batch} if steps else {}
                    train = {"train_loss": 0.1 / (1 + epoch + batch)}
                    rows.append(named | {"epoch": epoch} | step | train)
                loss = (1 + seed / 100) * d**-0.5 * (1 + (epoch - 3) ** 2)
                rows.append(named | {"epoch": epoch} | step | {"val_loss": loss})
            if summary:
                rows.append(named | {"epoch": 4} | step | {"train_runtime": 9.0})
    return rows


@pytest.mark.parametrize("summary", [False, True])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("row", [None, "last", "best"])
def test_rows_of_training_are_no_part_of_a_trajectory(
    summary: bool, steps: bool, row: str | None
) -> None:
    curve = read(of_loggers(summary, steps), row=row)
    times = 1 if row == "best" else 2
    right = [times * (1 + s / 100) * d**-0.5 for d in SIZES for s in (0, 1)]
    np.testing.assert_allclose(curve.losses, right)
    n = 12 * (20 + summary)
    assert f"{n} rows without val_loss were left out; 60 rows are 12" in str(curve)
    assert "end on a row" not in str(curve)


def test_one_validation_a_network_among_rows_of_training() -> None:
    rows = [r for r in of_loggers() if "train_loss" in r or r["epoch"] == 4]
    assert len(read(rows)) == 12 and "240 rows without val_loss" in str(read(rows))
    failed = [r for r in rows if "train_loss" in r or (r["n_train"], r["seed"]) != (200, 1)]
    curve = read(failed)
    assert len(curve) == 12 and int(np.isnan(curve.losses).sum()) == 1
    bare = [{k: v for k, v in r.items() if k not in ("epoch", "step")} for r in rows]
    assert len(read(bare, row="last")) == 12
