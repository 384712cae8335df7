"""Sweeps: the same numbers however they are run."""

import concurrent.futures
import dataclasses as dc
import importlib
import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.sweeps import DataSet, Plan, TeacherStudent, Training, run, train_one
from manifoldscale.sweeps.plan import PROBE_SEED, PackSpec
from manifoldscale.sweeps.run import train_pack

TASK = TeacherStudent(2, ambient_dim=4, teacher_width=20)
PLAN = Plan(
    TASK,
    dataset_sizes=(20, 40, 80),
    widths=(8, 16),
    seeds=2,
    depth=1,
    n_test=50,
    training=Training(steps=30),
)


def test_a_run_for_every_combination() -> None:
    done: list[int] = []
    curve = run(PLAN, progress=done.append)
    assert len(curve) == len(PLAN) == 12 and sum(done) == 12
    assert {(r.dataset_size, r.width, r.seed) for r in curve.runs} == {
        (d, w, s) for d in (20, 40, 80) for w in (8, 16) for s in (0, 1)
    }
    assert (curve.loss, curve.floor, curve.shared_data) == ("mse", 0.0, False)
    assert all(run.loss > 0 and run.loss_stderr > 0 for run in curve.runs)
    assert len({run.loss for run in curve.runs}) == 12


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("plan.toml", r"command `manifoldscale sweep plan.toml`"),
        (Path("a") / "plan.toml", r"manifoldscale sweep a.plan.toml"),
        ([PLAN, PLAN], r"one Plan; not \[Plan, Plan\].*for plan in plans"),
        (PLAN.vary(depth=[1, 2]), r"one Plan; not \[Plan, Plan\]"),
        ([], r"must be a Plan; not \[\]"),
        (None, r"must be a Plan; not None"),
        (Plan, r"must be a Plan; not <class"),
        (TASK, r"must be a Plan; not TeacherStudent"),
    ],
)
def test_what_is_no_plan(plan: object, words: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=words):
        run(plan)


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        (3, "path of a file, or None"),
        (True, "path of a file, or None"),
        ("", "path of a file, or None"),
        (":memory:", "registry=None"),
        ("file::memory:?cache=shared", "registry=None"),
        (".", "is a folder; name a file in it"),
    ],
)
def test_what_is_no_registry(
    registry: object, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ms.ManifoldScaleError, match=words):
        run(PLAN, registry=registry)
    assert not list(tmp_path.iterdir())


def test_an_executor_is_checked_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="must be None or an executor"):
        run(PLAN, tmp_path / "runs.sqlite", executor="threads")
    assert not list(tmp_path.iterdir())


def test_finished_runs_are_not_trained_again(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(PLAN, tmp_path / "runs.sqlite")
    module = importlib.import_module("manifoldscale.sweeps.run")
    monkeypatch.setattr(module, "_records", lambda *_: pytest.fail("trained again"))
    assert run(PLAN, tmp_path / "runs.sqlite") == first


def test_a_larger_plan_trains_only_what_is_new(tmp_path: object) -> None:
    small = run(PLAN, tmp_path / "runs.sqlite")
    larger = Plan(
        TASK,
        (20, 40, 80, 160),
        (8, 16),
        seeds=3,
        depth=1,
        n_test=50,
        training=Training(steps=30),
    )
    curve = run(larger, tmp_path / "runs.sqlite")
    assert len(curve) == 24
    assert set(small.runs) <= set(curve.runs)


def test_workers_give_what_one_process_gives() -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        apart = run(PLAN, executor=executor)
    here = run(PLAN)
    np.testing.assert_allclose(apart.losses, here.losses, rtol=1e-5)


def test_one_network_takes_the_data_as_they_are() -> None:
    """Its first layer holds the preparation: on raw digits it gives what the trained
    member gives on prepared ones.
    """
    task = DataSet("digits")
    plan = Plan(task, (80,), (12,), seeds=1, n_test=50, training=Training(steps=50))
    network = train_one(plan, 12, 80)
    inputs, _ = task.points(100, 0)
    offset, scale = task.preparation
    plain = train_pack(plan, PackSpec(plan.shape(12), ((80, PROBE_SEED),)), "cpu")
    with torch.no_grad():
        raw = network(torch.from_numpy(inputs))
        prepared = torch.from_numpy((inputs - offset) / scale).float()
        torch.testing.assert_close(
            raw, plain.pack.member(0)(prepared), atol=1e-5, rtol=1e-4
        )


def test_another_root_seed_is_an_independent_sweep() -> None:
    other = run(dc.replace(PLAN, root_seed=1))
    assert not set(other.losses) & set(run(PLAN).losses)


def test_a_key_names_everything_that_matters() -> None:
    shape = PLAN.shape(8)
    variants = [
        PLAN,
        dc.replace(PLAN, root_seed=1),
        dc.replace(PLAN, n_test=51),
        dc.replace(PLAN, training=Training(steps=31)),
        dc.replace(PLAN, task=dc.replace(TASK, teacher_seed=1)),
    ]
    keys = {plan.key(shape, 20, 0) for plan in variants}
    assert len(keys) == 5
    more = dc.replace(PLAN, seeds=7, dataset_sizes=(20, 1000))
    assert more.key(shape, 20, 0) == PLAN.key(shape, 20, 0)


def test_every_run_has_a_seed_of_its_own() -> None:
    seeds = {PLAN.seed_of(*one) for one in PLAN.runs()}
    assert len(seeds) == 12


@pytest.mark.parametrize("rate", [1e3, 1e30], ids=["finite", "infinite"])
def test_a_failed_run_is_listed_with_its_reason(tmp_path: object, rate: float) -> None:
    wild = Plan(
        TASK,
        (20, 40),
        (8,),
        seeds=2,
        depth=1,
        n_test=20,
        training=Training(steps=100, learning_rate=rate),
    )
    for _ in range(2):  # trained, then read back
        curve = run(wild, tmp_path / "runs.sqlite")
        assert all(np.isnan(run.loss) for run in curve.runs)
        assert all("diverged" in str(run.failure) for run in curve.runs)
    with pytest.raises(ms.ManifoldScaleError, match="no losses"):
        ms.fit_power_law(curve)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset_sizes": []}, "`dataset_sizes` is empty"),
        ({"dataset_sizes": [10, 10]}, "holds a size twice"),
        ({"dataset_sizes": [0.5]}, "positive integers"),
        ({"dataset_sizes": [10], "widths": [0]}, "`widths` must hold positive"),
        ({"dataset_sizes": [10], "seeds": 0}, "`seeds`"),
        ({"dataset_sizes": [1000]}, "leaves 797 examples"),
        ({"dataset_sizes": 100}, "`dataset_sizes` must be a list"),
        ({"dataset_sizes": [10], "seeds": 2.5}, "`seeds`"),
        ({"dataset_sizes": [10], "depth": 0}, "`depth`"),
        ({"dataset_sizes": [10], "root_seed": -1}, "`root_seed`"),
        ({"dataset_sizes": [10], "n_test": 1}, "`n_test`"),
        ({"dataset_sizes": [10], "activation": "swish"}, "`activation`"),
    ],
)
def test_plans_that_cannot_work(arguments: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        Plan(DataSet("digits"), **arguments)


def test_a_task_must_be_a_task() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`task` must be a Task"):
        Plan("mnist5k", (100,))


def test_cross_entropy_needs_classes() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="cross_entropy needs class targets"):
        Plan(TASK, (10,), training=Training(loss="cross_entropy"))
    plan = Plan(
        DataSet("digits"),
        (100,),
        (16,),
        seeds=1,
        n_test=200,
        training=Training(loss="cross_entropy", steps=200),
    )
    assert run(plan).losses[0] < np.log(10)


def test_registries_that_cannot_be_used(tmp_path: object) -> None:
    (tmp_path / "junk").write_bytes(b"no database " * 100)
    with pytest.raises(ms.ManifoldScaleError, match="cannot be used as a registry"):
        run(PLAN, tmp_path / "junk")
    with pytest.raises(ms.ManifoldScaleError, match="there is no folder"):
        run(PLAN, tmp_path / "nowhere" / "runs.sqlite")
    run(
        Plan(TASK, (20,), (8,), seeds=1, n_test=5, training=Training(steps=2)),
        tmp_path / "runs.sqlite",
    )
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
