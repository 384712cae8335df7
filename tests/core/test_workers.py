"""What an executor does wrong is one error; what a task raises is raised."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from torch import nn

import manifoldscale as ms
from manifoldscale.core.workers import results

LOST = "a worker died, .* cancelled, shut down or cut off"


class Broken(Executor):
    """An executor of which every task, or `submit` itself, ends in this error."""

    def __init__(self, error: BaseException, at_once: bool = False) -> None:
        self.error, self.at_once = error, at_once

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.at_once:
            raise self.error
        future: Future[Any] = Future()
        if isinstance(self.error, CancelledError):
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


ERRORS: dict[str, BaseException] = {
    "BrokenProcessPool": BrokenProcessPool("died"),
    "CancelledError": CancelledError(),
    "asyncio's": asyncio.CancelledError(),
    "TimeoutError": TimeoutError("scheduler"),
    "OSError": ConnectionResetError("closed"),
    "RuntimeError": RuntimeError("cannot schedule new futures after shutdown"),
}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_executor(name: str, at_once: bool) -> None:
    if at_once and not isinstance(ERRORS[name], Exception):
        pytest.skip("no call raises it")
    with pytest.raises(ms.ManifoldScaleError, match=LOST) as caught:
        list(results(Broken(ERRORS[name], at_once), abs, [1, 2]))
    assert type(ERRORS[name]).__name__ in str(caught.value)


@pytest.mark.parametrize(
    "name", ["KilledWorker", "CommClosedError", "FutureCancelledError"]
)
def test_errors_of_dask(name: str) -> None:
    pytest.importorskip("distributed")
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    made = {
        "KilledWorker": lambda: KilledWorker("task", SimpleNamespace(address="tcp://w"), 3),
        "CommClosedError": lambda: CommClosedError("closed"),
        "FutureCancelledError": lambda: FutureCancelledError("key", "lost"),
    }
    with pytest.raises(ms.ManifoldScaleError, match=LOST) as caught:
        list(results(Broken(made[name]()), abs, [1, 2]))
    assert name.removeprefix("Future") in str(caught.value)


def test_an_executor_that_was_shut_down() -> None:
    gone = ThreadPoolExecutor(1)
    gone.shutdown()
    with pytest.raises(ms.ManifoldScaleError, match=LOST):
        list(results(gone, abs, [1]))


class Other:
    """As a client of dask, whose futures are of its own."""

    def submit(self, function: Any, *args: Any) -> object:
        return object()


@pytest.mark.parametrize("executor", ["threads", 4, 0, ThreadPoolExecutor, True, Other()])
def test_what_is_no_executor(executor: Any) -> None:
    rows = np.random.default_rng(0).random((60, 4))
    for call in (
        lambda: list(results(executor, abs, [1])),
        lambda: ms.Cloud(rows).neighbors(5, executor=executor),
        lambda: ms.extract(nn.Linear(4, 3), rows.astype("f4"), executor=executor),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=r"be None or an exec.*Thread"):
            call()


def test_nothing_is_written_for_what_is_no_executor(tmp_path: Path) -> None:
    rows, path = np.ones((50, 4), "f4"), tmp_path / "store"
    with pytest.raises(ms.ManifoldScaleError, match="must be None or an executor"):
        ms.extract(nn.Linear(4, 3), rows, store=path, executor="threads")
    assert not path.exists()


def test_a_pool_of_joblib_is_no_executor() -> None:
    joblib = pytest.importorskip("joblib")
    with pytest.raises(ms.ManifoldScaleError, match="must be None or an executor"):
        list(results(joblib.Parallel(2), abs, [1]))


class Picky(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fails(task: int, kind: str) -> int:
    if kind == "os":
        raise TimeoutError("of the task itself")
    if kind == "picky":
        raise Picky(task, task)
    if kind == "user":
        raise ms.ManifoldScaleError("`x` is wrong")
    if kind == "dies":
        os._exit(1)
    return task


CASES: list[tuple[str, type[Exception], str]] = [
    ("os", TimeoutError, "of the task itself"),
    ("user", ms.ManifoldScaleError, "`x` is wrong"),
]


@pytest.mark.parametrize(("kind", "error", "words"), CASES)
def test_what_a_task_raises_is_raised(
    kind: str, error: type[Exception], words: str
) -> None:
    with ThreadPoolExecutor(1) as threads:
        for executor in (None, threads):
            with pytest.raises(error, match=words):
                list(results(executor, fails, [1], kind))


class Unreadable:
    """Nobody can read it back."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return __import__, ("no_such_module_anywhere",)


def kind_of(task: object) -> str:
    return type(task).__name__


def test_a_pool_of_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(TimeoutError, match="of the task itself"):
            list(results(pool, fails, [1], "os"))
        with pytest.raises(RuntimeError, match="Picky: 1 and 1"):
            list(results(pool, fails, [1], "picky"))
        with pytest.raises(ms.ManifoldScaleError, match=r"cannot read its work .ModuleNot"):
            list(results(pool, kind_of, [Unreadable()]))
        with pytest.raises(ms.ManifoldScaleError, match="cannot be sent to its workers"):
            list(results(pool, lambda task: task, [1]))
        assert dict(results(pool, fails, [1, 2], "")) == {1: 1, 2: 2}
        with pytest.raises(ms.ManifoldScaleError, match=LOST):
            list(results(pool, fails, [1], "dies"))


NOTEBOOK = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import numpy as np, torch
import manifoldscale as ms

class Mine(torch.nn.Linear):
    pass

with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
    try:
        ms.extract(Mine(4, 3), np.ones((50, 4), "f4"), executor=pool)
    except ms.ManifoldScaleError as error:
        print("said:", error)
"""


def test_a_class_that_workers_cannot_import_ends_in_a_message(tmp_path: Path) -> None:
    """As from a notebook: nothing that a worker could import holds the class."""
    ran = subprocess.run(
        [sys.executable, "-c", NOTEBOOK],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "said: `executor`: a worker cannot read its work" in ran.stdout, ran.stderr
    assert "Mine" in ran.stdout


@pytest.mark.parametrize("call", ["extract", "neighbors", "sweep"])
def test_everything_that_takes_an_executor(call: str) -> None:
    executor, rows = Broken(TimeoutError("lost")), np.random.default_rng(0).random((60, 4))
    with pytest.raises(ms.ManifoldScaleError, match=LOST):
        if call == "extract":
            ms.extract(nn.Linear(4, 3), rows.astype("f4"), "Linear", executor=executor)
        elif call == "neighbors":
            ms.Cloud(rows).neighbors(5, executor=executor)
        else:
            task = ms.sweeps.TeacherStudent(2, ambient_dim=4, teacher_width=20)
            ms.sweeps.run(ms.sweeps.Plan(task, (20,), (4,), n_test=9), executor=executor)
