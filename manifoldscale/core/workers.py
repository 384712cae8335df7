"""Work that an executor divides: sent out, collected when done, cancelled on the way."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from typing import Any, TypeVar

from .errors import ManifoldScaleError

T = TypeVar("T")
R = TypeVar("R")


def results(
    executor: Executor | None,
    function: Callable[..., R],
    tasks: Sequence[T],
    *arguments: Any,
) -> Iterator[tuple[T, R]]:
    """(task, function(task, *arguments)) for each task: in this process and in turn, or by
    the workers of an executor, as they are done. A process that is a worker computes on one
    thread: several with several threads each mostly wait for one another.

    Raises
    ------
    ManifoldScaleError : a worker died.
    """
    if executor is None:
        yield from ((task, function(task, *arguments)) for task in tasks)
        return
    here = os.getpid()
    futures = {
        executor.submit(_in_worker, here, function, task, *arguments): task
        for task in tasks
    }
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenExecutor as error:
        raise ManifoldScaleError(
            f"`executor`: a worker died ({error}), killed or out of memory. What is stored "
            "is kept; call again to go on."
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _in_worker(parent: int, function: Callable[..., R], *arguments: Any) -> R:
    if os.getpid() == parent:  # a thread of this process, whose settings are the user's
        return function(*arguments)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        return function(*arguments)
