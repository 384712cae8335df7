"""Work that an executor divides: sent out, collected when done, cancelled on the way."""

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
    """What a task gave, or raised: whatever else a future raises is its executor's."""

    value: Any = None
    error: Exception | None = None


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
    ManifoldScaleError : it is no executor, a worker died, the work could not be sent to it,
        or the executor was cancelled or shut down. What a task raises is raised as it is.
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
    """Refuse what takes no work: a word, a number of workers, a pool of another kind."""
    can = callable(getattr(executor, "submit", None)) and not isinstance(executor, type)
    if executor is not None and not can:
        raise _no_executor(f"not {executor!r}")


def _no_executor(found: str) -> ManifoldScaleError:
    return ManifoldScaleError(
        f"`executor` must be None or an executor of concurrent.futures, {found}. Make one, "
        "as `with concurrent.futures.ThreadPoolExecutor(4) as executor:` (or "
        "ProcessPoolExecutor); of dask, `Client(...).get_executor()`."
    )


def _sent(executor: Executor, *work: Any) -> Future[_Done]:
    # A process of a pool that cannot read its work dies without a word of the reason; as
    # bytes, it can say it.
    if isinstance(executor, ProcessPoolExecutor):
        try:
            work = (pickle.dumps(work),)
        except Exception as error:
            raise ManifoldScaleError(
                f"`executor`: the work cannot be sent to its workers ({error}). What they "
                "are to use is a function or class of a module, at its top level: none "
                "that is made inside a function, and no lambda."
            ) from error
    try:
        future: Any = executor.submit(_in_worker, os.getpid(), *work)
    except Exception as error:
        raise _lost(error) from error
    if not isinstance(future, Future):  # as of a client of dask
        kind = type(executor).__name__
        raise _no_executor(f"whose `submit` gives their futures; {kind} gives others")
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
        f"cancelled, shut down or cut off ({said}). In a script, what starts processes "
        "stands under `if __name__ == '__main__':`. What is stored is kept; call again, "
        "with an executor that runs, to go on."
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
            "Functions and classes of yours come from a module that workers can import: "
            "a file of its own in a folder on their path, not a notebook, nor a script "
            "that is read from standard input."
        ) from error


def _called(parent: int, function: Callable[..., R], *arguments: Any) -> R:
    if os.getpid() == parent:  # a thread of this process, whose settings are the user's
        return function(*arguments)
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        return function(*arguments)


def _sendable(error: Exception) -> Exception:
    """The error where it survives being sent to another process, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever pickle or the error's own class raises
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())
    return error
