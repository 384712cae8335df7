"""Work shared by threads of this process, each with one thread of BLAS."""

import collections
import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_lock, _before = threading.Lock(), [0, 0]  # how many are inside; torch's threads before
_limit: list[Any] = []  # what restores the threads of BLAS


def shared(
    worker: Callable[[Iterator[T]], None], tasks: Sequence[T], *, alone: bool = False
) -> None:
    """Run `worker` in each of torch's threads, or alone in this one; they draw the tasks
    from one iterator.

    Products within a worker run in one thread, which keeps its data in its own cache and
    waits for no other.
    """
    with _one_thread_each() as threads:
        left = iter(tasks)
        n_workers = 1 if alone else min(threads, len(tasks))
        if n_workers <= 1:
            worker(left)
            return
        with ThreadPoolExecutor(n_workers - 1) as pool:
            others = [pool.submit(worker, left) for _ in range(n_workers - 1)]
            try:
                worker(left)
            finally:  # after an error or Ctrl-C the others begin nothing more
                collections.deque(left, maxlen=0)
            for other in others:
                other.result()


@contextlib.contextmanager
def _one_thread_each() -> Iterator[int]:
    """One thread for every product of this process, until the last search has left."""
    import torch

    with _lock:
        if _before[0] == 0:
            _before[1] = torch.get_num_threads()
            _limit.append(_libraries().limit(limits=1, user_api="blas"))
            _let_go()
        _before[0] += 1
        threads = _before[1]
        torch.set_num_threads(1)
    try:
        yield threads
    finally:
        with _lock:
            _before[0] -= 1
            torch.set_num_threads(threads)
            if _before[0] == 0:
                _limit.pop().restore_original_limits()
                _let_go()


@functools.cache
def _libraries() -> Any:
    """The BLAS libraries of this process: finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _let_go() -> None:
    """Let another thread change the threads of OpenBLAS: threadpoolctl ignores all but the
    one that changed them last, and here the last to leave restores what the first has set.
    """
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread()


def _begin_anew() -> None:
    """In a child that was forked: the searches of the parent's other threads are not here,
    nor does anybody here give back a lock that one of them held.
    """
    global _lock
    _lock, _before[0] = threading.Lock(), 0
    while _limit:
        _limit.pop().restore_original_limits()
        _let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
