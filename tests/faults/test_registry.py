"""What can go wrong with a registry, and with those who work for it."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.sweeps import Plan, TeacherStudent, Training, run
from manifoldscale.sweeps.registry import Registry

TASK = TeacherStudent(2, ambient_dim=4, teacher_width=20)
TRAINING = Training(steps=10)
PLAN = Plan(TASK, (20, 30, 40), (4,), seeds=2, depth=1, n_test=20, training=TRAINING)

HOLD = """
import sys, time
from manifoldscale.sweeps.registry import Registry
with Registry(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


class Hungry(nn.Linear):
    """Raises in a training of more than a few steps until the file `mended` is there."""

    eaten = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.eaten += 1
        if self.eaten > 5 and not Path(os.environ["MENDED"]).exists():
            raise RuntimeError("out of cheese")
        return super().forward(x)


def fails_once(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(Hungry(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def dies(inputs: int, outputs: int, width: int) -> nn.Module:
    if width == 4 and os.environ.get("PARENT") != str(os.getpid()):
        os._exit(1)
    return nn.Linear(inputs, outputs)


def test_a_second_process_is_refused_and_a_dead_one_is_not_waited_for(
    tmp_path: Path,
) -> None:
    path = tmp_path / "runs.sqlite"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(ms.ManifoldScaleError, match="another process is running"):
            run(PLAN, path)
        other.kill()
        other.wait()
    assert len(run(PLAN, path)) == 6


def test_a_damaged_registry_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    run(PLAN, path)
    contents = bytearray(path.read_bytes())
    contents[4096:8192] = b"\xff" * 4096
    path.write_bytes(contents)
    with pytest.raises(ms.ManifoldScaleError, match=r"runs\.sqlite' cannot be used"):
        run(PLAN, path)
    assert path.read_bytes()[4096:8192] == b"\xff" * 4096


def test_a_full_disk_loses_the_pack_in_flight_only(tmp_path: Path) -> None:
    """SQLite refuses to grow beyond max_page_count as it does on a full disk."""
    path = tmp_path / "runs.sqlite"
    first = run(PLAN, path)
    with Registry(path) as stored:
        pages = stored._file.execute("PRAGMA page_count").fetchone()[0]
        stored._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ms.ManifoldScaleError, match="disk is full"):
            stored.add({str(i): {"text": "x" * 5000} for i in range(20)})
    assert run(PLAN, path) == first


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ms.ManifoldScaleError, match="cannot be used as a registry"):
        run(PLAN, tmp_path / "runs.sqlite")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    run(PLAN, path)
    with Registry(path) as stored:
        stored._file.execute("PRAGMA query_only = ON")
        with pytest.raises(ms.ManifoldScaleError, match="attempt to write a readonly"):
            stored.add({"key": {}})


def test_what_a_run_raised_is_listed_and_retried_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended, path = tmp_path / "mended", tmp_path / "runs.sqlite"
    monkeypatch.setenv("MENDED", str(mended))
    plan = Plan(
        TASK, (20,), (4,), seeds=2, n_test=20, training=TRAINING,
        student=f"py:{__name__}:fails_once",
    )  # fmt: skip
    for _ in range(2):
        failures = [one.failure for one in run(plan, path).runs]
        assert all("out of cheese" in str(text) for text in failures)
        assert all("Traceback" in str(text) for text in failures)
    mended.touch()
    assert all(one.failure for one in run(plan, path).runs)
    again = run(plan, path, retry_failed=True)
    assert not any(one.failure for one in again.runs)
    assert run(plan, path) == again


def test_a_worker_that_dies_is_an_error_and_finished_packs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARENT", str(os.getpid()))
    path, student = tmp_path / "runs.sqlite", f"py:{__name__}:dies"
    plan = Plan(TASK, (20,), (4, 8), seeds=1, n_test=20, training=TRAINING, student=student)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        pytest.raises(ms.ManifoldScaleError, match="a worker died"),
    ):
        run(plan, path, executor=executor)
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(*) FROM runs").fetchone()[0] <= 1
    assert len(run(plan, path)) == 2  # here, nothing dies
