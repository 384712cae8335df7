"""A registry on a disk that knows no locks, or no shared memory, as network disks do."""

import errno
import fcntl
import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.sweeps import Plan, TeacherStudent, Training, run
from manifoldscale.sweeps.registry import Registry

PLAN = Plan(
    TeacherStudent(2, ambient_dim=4, teacher_width=20),
    (20, 30),
    (4,),
    seeds=2,
    depth=1,
    n_test=20,
    training=Training(steps=10),
)


class NoSharedMemory(sqlite3.Connection):
    """What SQLite says where its log cannot be shared between processes."""

    answer: str | None = None

    def execute(self, sql: str, *arguments: Any) -> Any:
        if sql == "PRAGMA journal_mode=WAL":
            if self.answer is not None:
                raise sqlite3.OperationalError(self.answer)
            sql = "PRAGMA journal_mode=DELETE"
        return super().execute(sql, *arguments)


def without_shared_memory(patch: pytest.MonkeyPatch, answer: str | None) -> None:
    connect = sqlite3.connect
    patch.setattr(NoSharedMemory, "answer", answer)
    patch.setattr(
        sqlite3, "connect", lambda *a, **k: connect(*a, factory=NoSharedMemory, **k)
    )


@pytest.fixture
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(request.param, "not here")

    monkeypatch.setattr(fcntl, "flock", refuse)


MODES = [None, "locking protocol", "disk I/O error"]


@pytest.mark.parametrize("answer", MODES)
def test_without_shared_memory(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    answer: str | None,
) -> None:
    without_shared_memory(monkeypatch, answer)
    path = tmp_path / "runs.sqlite"
    with caplog.at_level(logging.WARNING):
        first = run(PLAN, path)
    assert [m for m in caplog.messages if "no shared memory" in m] == caplog.messages
    assert len(caplog.messages) == 1
    assert run(PLAN, path) == first == run(PLAN)
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_log_that_was_left_behind_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs in the log of a sweep that was killed on a disk with shared memory."""
    with Registry(tmp_path / "a.sqlite") as stored:
        stored.add({"key": {"loss": 1.0}})
        for end in ("", "-wal"):
            shutil.copy(tmp_path / f"a.sqlite{end}", tmp_path / f"b.sqlite{end}")
    without_shared_memory(monkeypatch, "locking protocol")
    with Registry(tmp_path / "b.sqlite") as stored:
        assert stored.find(["key"]) == {"key": {"loss": 1.0}}


@pytest.mark.parametrize(
    "no_locks", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP], indirect=True
)
@pytest.mark.usefixtures("no_locks")
def test_without_locks(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "runs.sqlite"
    with caplog.at_level(logging.WARNING):
        first = run(PLAN, path)
    assert run(PLAN, path) == first
    if caplog.messages:  # the lock may know for itself what to do without
        assert "knows no locks" in caplog.messages[0] and len(caplog.messages) == 2
    with (
        Registry(path),
        pytest.raises(ms.ManifoldScaleError, match="another process is running a sweep"),
    ):
        run(PLAN, path)
    assert run(PLAN, path) == first


@pytest.mark.parametrize("no_locks", [errno.EACCES, errno.EIO], indirect=True)
@pytest.mark.usefixtures("no_locks")
def test_other_errors_are_none_of_a_disk_without_locks(tmp_path: Path) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`registry`"):
        run(PLAN, tmp_path / "runs.sqlite")


@pytest.mark.parametrize("no_locks", [errno.ENOLCK, errno.EOPNOTSUPP], indirect=True)
def test_a_store_without_locks(no_locks: None, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((30, 4), np.float32)
    net = nn.Linear(4, 3)
    reps = ms.extract(net, x, "@input", store=tmp_path / "s")
    np.testing.assert_array_equal(reps["@input"].points, x)
    (tmp_path / "s" / "@journal" / "0-of-1.jsonl.in-use").touch()
    with pytest.raises(ms.ManifoldScaleError, match="If none is, one was killed: remove"):
        ms.extract(net, x, "@input", store=tmp_path / "s")
