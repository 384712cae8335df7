"""Persistence diagrams from a process that can be killed, and stays for the next ones."""

import atexit
import contextlib
import math
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError
from .worker import Arrays, receive, send

Diagrams = list[Floats]
WORKER = Path(__file__).with_name("worker.py")


def diagrams(
    clouds: Sequence[Floats],
    up_to: int,
    coefficients: int,
    threshold: float,
    time_limit: float,
) -> list[Diagrams]:
    """The bars of degrees 0 ... `up_to` of each cloud, (bars x 2) births and deaths.

    Raises
    ------
    ManifoldScaleError : the process took longer than `time_limit` seconds, or died.
    """
    found = _computed(clouds, up_to, coefficients, threshold, time_limit)
    return [[one[str(degree)] for degree in range(up_to + 1)] for one in found]


def loops_of(cloud: Floats, prime: int, time_limit: float) -> tuple[Floats, Sequence[Ints]]:
    """The bars of degree 1 of a cloud, and a cocycle of each: rows (i, j, value) for the
    edge from i to j, modulo the prime, at the scale of the death.
    """
    (found,) = _computed([cloud], 1, prime, math.inf, time_limit, cocycles=True)
    return found["1"], np.split(found["cocycles"], np.cumsum(found["lengths"]))[:-1]


def condensed(points: Floats) -> Array:
    """Distances of each point to those after it, float32, as ripser reads them."""
    from scipy.spatial.distance import pdist

    return np.asarray(pdist(points), dtype=np.float32)


def _computed(
    clouds: Sequence[Floats],
    up_to: int,
    coefficients: int,
    threshold: float,
    time_limit: float,
    cocycles: bool = False,
) -> list[Arrays]:
    """What a worker answers to each cloud."""
    settings = np.array([up_to, coefficients, threshold, cocycles], dtype=np.float64)
    with _worker(time_limit) as worker:
        return [
            worker.answer({"settings": settings, "distances": condensed(cloud)})
            for cloud in clouds
        ]


class Worker:
    """A process that computes for this one."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,  # a buffer could be locked, or half full, when this process forks
        )
        _running.add(self)

    def answer(self, question: Arrays) -> Arrays:
        send(self.process.stdin, question)
        return receive(self.process.stdout)

    def end(self) -> str:
        """Kill it, if it still runs; the last line that it wrote about its troubles."""
        self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        self.forget()
        return (said or ["it said nothing"])[-1]

    def forget(self) -> None:
        """Close the pipes: a worker whose input has ended ends."""
        _running.discard(self)
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            assert stream is not None
            stream.close()


_running: set[Worker] = set()
_idle: list[Worker] = []


@contextlib.contextmanager
def _worker(time_limit: float) -> Iterator[Worker]:
    """An idle worker or a new one, for this thread alone. It is killed after the time, or
    on any error, and else kept for the next.
    """
    worker = _taken()
    late = threading.Event()

    def stop() -> None:
        late.set()
        worker.process.kill()

    timer = threading.Timer(min(time_limit, threading.TIMEOUT_MAX), stop)
    timer.daemon = True
    timer.start()
    try:
        yield worker
    except (EOFError, OSError) as error:
        said = worker.end()
        raise _lost(worker, said, time_limit if late.is_set() else None) from error
    except BaseException:
        worker.end()
        raise
    finally:
        timer.cancel()
        timer.join()
    if not late.is_set() and len(_idle) < (os.cpu_count() or 1):
        _idle.append(worker)
    else:
        worker.end()


def _taken() -> Worker:
    while True:
        try:
            worker = _idle.pop()
        except IndexError:
            return Worker()
        if worker.process.poll() is None:
            return worker
        worker.end()


def _lost(worker: Worker, said: str, time_limit: float | None) -> ManifoldScaleError:
    if time_limit is not None:
        return ManifoldScaleError(
            f"Persistent homology took longer than {time_limit:g} s and was stopped. Use "
            "fewer `landmarks` or `subsamples`, a `threshold`, or a longer `time_limit`."
        )
    return ManifoldScaleError(
        f"The process that computes persistent homology died (exit status "
        f"{worker.process.returncode}: {said}). If memory ran out, use fewer `landmarks` "
        "or a `threshold`."
    )


@atexit.register
def _end_all() -> None:
    for worker in tuple(_running):
        worker.end()


def _leave_to_parent() -> None:
    """In a child that was forked: the workers are not its own, nor may it keep them alive
    by an open pipe when its parent is gone.
    """
    for worker in tuple(_running):
        worker.process.returncode = 0  # there is nothing here to wait for
        worker.forget()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
