"""Work that an executor divides: sent out, collected when done, cancelled on errors."""

import asyncio
import dataclasses as dc
import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

from .errors import ManifoldScaleError

T = TypeVar("T")
R = TypeVar("R")


@dc.dataclass(frozen=True)
class _Done:
    """What a task returned or raised. Anything else that a future raises comes from the
    executor.
    """

    value: Any = None
    error: Exception | None = None


def results(
    executor: Executor | None,
    function: Callable[..., R],
    tasks: Sequence[T],
    *arguments: Any,
) -> Iterator[tuple[T, R]]:
    """(task, function(task, *arguments)) for each task: in turn in this process, or by the
    workers of an executor as they finish. A worker process computes on one thread, because
    several processes with several threads each mostly wait for one another.

    Raises
    ------
    ManifoldScaleError : it is not an executor, a worker died, the work could not be sent,
        or the executor was cancelled or shut down. Errors of tasks are raised as they are.
    """
    check_executor(executor)
    if executor is None:
        yield from ((task, function(task, *arguments)) for task in tasks)
        return
    futures: dict[Future[_Done], T] = {}
    try:
        for task in tasks:
            futures[_sent(executor, function, task, *arguments)] = task
        for future in as_completed(futures):
            done = _collected(future)
            if done.error is not None:
                raise done.error
            yield futures[future], done.value
    finally:
        for future in futures:
            future.cancel()


def check_executor(executor: Any) -> None:
    """Refuse what is not an executor: a word, a number of workers, another kind of pool."""
    can = callable(getattr(executor, "submit", None)) and not isinstance(executor, type)
    if executor is not None and not can:
        raise _not_an_executor(f"not {executor!r}")


def _not_an_executor(found: str) -> ManifoldScaleError:
    return ManifoldScaleError(
        f"`executor` must be None or an executor of concurrent.futures, {found}. Make one "
        "with `with concurrent.futures.ThreadPoolExecutor(4) as executor:` (or "
        "ProcessPoolExecutor); for dask use `Client(...).get_executor()`."
    )


def _sent(executor: Executor, *work: Any) -> Future[_Done]:
    # A pool's process that cannot unpickle its work dies without saying why. Sent as bytes,
    # the work is unpickled by our own code, which can report the error.
    if isinstance(executor, ProcessPoolExecutor):
        try:
            work = (pickle.dumps(work),)
        except Exception as error:
            raise ManifoldScaleError(
                f"`executor`: the work cannot be sent to its workers ({error}). Functions "
                "and classes that they use must be at the top level of a module, not "
                "lambdas nor made inside a function."
            ) from error
    try:
        future: Any = executor.submit(_in_worker, os.getpid(), *work)
    except Exception as error:
        raise _lost(error) from error
    if not isinstance(future, Future):  # from a dask Client, for example
        kind = type(executor).__name__
        raise _not_an_executor(f"whose `submit` gives their futures; {kind} gives others")
    return future


def _collected(future: Future[_Done]) -> _Done:
    try:
        return future.result()
    except (Exception, asyncio.CancelledError) as error:
        raise _lost(error) from error


def _lost(error: BaseException) -> ManifoldScaleError:
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return ManifoldScaleError(
        f"`executor`: a worker died, killed or out of memory, or the executor was "
        f"cancelled, shut down or cut off ({said}). In a script, start processes only "
        "under `if __name__ == '__main__':`. Stored results are kept; call again with a "
        "running executor to continue."
    )


def _in_worker(parent: int, *work: Any) -> _Done:
    try:
        function, *arguments = _read(work)
        return _Done(_called(parent, function, *arguments))
    except Exception as error:
        return _Done(error=_sendable(error))


def _read(work: tuple[Any, ...]) -> Any:
    if len(work) != 1:
        return work
    try:
        return pickle.loads(work[0])
    except Exception as error:
        raise ManifoldScaleError(
            f"`executor`: a worker cannot read its work ({type(error).__name__}: {error}). "
            "Your functions and classes must come from a module that workers can import: "
            "a file in a folder on their path, not a notebook, nor a script read from "
            "standard input."
        ) from error


def _called(parent: int, function: Callable[..., R], *arguments: Any) -> R:
    if os.getpid() == parent:  # a thread of this process, where the user sets the threads
        return function(*arguments)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        return function(*arguments)


def _sendable(error: Exception) -> Exception:
    """The error if it can be sent to another process, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever pickle or the error's own class raises
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())
    return error
