"""Workers that stay: one for many runs, none that is lost, none that is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.topology import process

POINTS = np.random.default_rng(0).random((40, 3))


def bars(points: np.ndarray, time_limit: float = 60.0) -> list[np.ndarray]:
    (found,) = process.diagrams([points], 1, 2, np.inf, time_limit)
    return found


@pytest.fixture(autouse=True)
def none_idle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(process, "_idle", [])
    yield
    for worker in process._idle:
        worker.end()


def idle() -> process.Worker:
    (worker,) = process._idle
    return worker


def test_one_process_serves_many_runs() -> None:
    first = bars(POINTS)
    worker = idle()
    again = bars(POINTS)
    assert idle() is worker
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_after_its_time_a_process_is_killed_and_replaced() -> None:
    bars(POINTS)
    late = idle()
    with pytest.raises(ms.ManifoldScaleError, match=r"took longer than 0\.1 s"):
        bars(np.random.default_rng(0).random((1000, 3)), time_limit=0.1)
    assert late.process.returncode is not None and late not in process._running
    assert len(bars(POINTS)[0]) == len(POINTS)
    assert idle() is not late


def test_a_process_that_died_in_the_meantime_is_replaced() -> None:
    bars(POINTS)
    dead = idle()
    dead.process.kill()
    while dead.process.poll() is None:
        time.sleep(0.01)
    assert len(bars(POINTS)[0]) == len(POINTS)
    assert idle() is not dead and dead not in process._running


def test_an_error_on_our_side_does_not_leave_a_process_in_the_middle() -> None:
    with pytest.raises(KeyboardInterrupt), process._worker(60.0) as worker:
        raise KeyboardInterrupt
    assert worker.process.returncode is not None and not process._idle


def test_threads_have_workers_of_their_own() -> None:
    clouds = [np.random.default_rng(i).random((60, 3)) for i in range(8)]
    alone = [bars(cloud) for cloud in clouds]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(bars, clouds))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[1], other[1])


SCRIPT = """
import multiprocessing, os, sys, time
import numpy as np
from manifoldscale.topology import process

def bars(queue=None):
    found = process.diagrams([np.random.default_rng(0).random((40, 3))], 1, 2, np.inf, 60)
    answer = found[0][1].tolist(), process._idle[0].process.pid
    return queue.put(answer) if queue else answer

first, worker = bars()
fork = multiprocessing.get_context("fork")
queue = fork.SimpleQueue()
child = fork.Process(target=bars, args=(queue,), daemon=True)  # as a worker of dask
child.start()
found, other = queue.get()
child.join()
assert found == first and other != worker
assert bars() == (first, worker)
child = fork.Process(target=time.sleep, args=(60,), daemon=True)
child.start()
print(worker, other, child.pid, flush=True)
if sys.argv[1] == "dies":
    os.kill(os.getpid(), 9)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("end", ["exits", "dies"])
def test_no_process_outlives_the_one_that_started_it(end: str) -> None:
    """Whether it exits or is killed; also if a child that was forked from it lives on."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT, end]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as done:
        assert done.stdout is not None
        worker, other, child = map(int, done.stdout.readline().split())
        assert done.wait() == {"exits": 0, "dies": -signal.SIGKILL}[end]
        deadline = time.monotonic() + 10
        while is_running(worker) or is_running(other):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert is_running(child) == (end == "dies")
        if end == "dies":
            os.kill(child, signal.SIGKILL)
