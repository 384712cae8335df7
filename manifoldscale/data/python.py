"""Functions of the user, named on the command line."""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..core.errors import ManifoldScaleError, nearest, require
from ..core.settings import NOTHING
from ..core.source import source_hash


class UserCodeError(ManifoldScaleError):
    """What a user's function raised, with the lines of its code that led there. The
    exception itself is the `__cause__`.
    """


def from_python(
    spec: str, *given: Any, name: str = "", named: Mapping[str, Any] = NOTHING
) -> Any:
    """The result of the function named by `py:module:function` for the arguments `given`.

    Parameters
    ----------
    name : of the argument that holds `spec`, for messages: "MODEL".
    named : more arguments, by name.

    Raises
    ------
    ManifoldScaleError : there is no such module or function, it takes other arguments, or
        it returns nothing.
    UserCodeError : the code of the user raised something.
    """
    said = f"{name} {spec!r}".lstrip()
    function = python_function(spec, name)
    _takes(function, given, named, said)
    with _from_here(), as_users(said):
        found = function(*given, **named)
    require(found is not None, f"{said} returned None: does the function lack a `return`?")
    return found


def python_function(spec: str, name: str = "") -> Callable[..., Any]:
    """The function named by `py:module:function`, found in the working directory or among
    installed packages; `name` and errors as for `from_python`.
    """
    said, parts = f"{name} {spec!r}".lstrip(), spec.split(":")
    require(
        len(parts) == 3 and all(parts), f"{said} is not of the form py:module:function."
    )
    _, module_name, function_name = parts
    with _from_here(), as_users(said):
        importlib.invalidate_caches()  # a file written a moment ago is there
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if not _is_part(error.name, module_name):
                raise  # of something that the module imports
            raise ManifoldScaleError(
                f"{said}: there is no module {error.name!r}, neither here nor installed."
            ) from error
    found: Any = getattr(module, function_name, None)
    if not callable(found):
        choices = [name for name in dir(module) if callable(getattr(module, name))]
        close = f"; did you mean {nearest(function_name, choices)}?" if choices else "."
        raise ManifoldScaleError(
            f"{said}: {module_name} has no function {function_name!r}{close}"
        )
    source_hash(module)  # takes note of the files as they were imported
    function: Callable[..., Any] = found
    return function


@contextmanager
def _from_here() -> Iterator[None]:
    """The working directory is searched for modules first, but only for a moment: a file
    there would replace any module of that name that is imported later.
    """
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _is_part(missing: str | None, module: str) -> bool:
    return missing is not None and f"{module}.".startswith(f"{missing}.")


def _takes(
    function: Callable[..., Any],
    given: tuple[Any, ...],
    named: Mapping[str, Any],
    said: str,
) -> None:
    """Check the arguments first: a TypeError from within would look the same."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in functions do not tell
        return
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        how = f"with {len(given)} arguments" if given else "without arguments"
        raise ManifoldScaleError(
            f"{said} is called {how}, and takes {signature} ({error}): name a function of "
            "yours that calls it with what it needs."
        ) from error


@contextmanager
def as_users(said: str) -> Iterator[None]:
    """Turn what the user's code raises into one error, without our frames."""
    try:
        yield
    except ManifoldScaleError as error:
        if not _frames(error):
            raise  # our own, of this file
        raise _raised(said, error) from error
    except (Exception, SystemExit) as error:
        raise _raised(said, error) from error


def _raised(said: str, error: BaseException) -> UserCodeError:
    frames, last = _frames(error), traceback.format_exception_only(error)
    lines = "".join([*traceback.format_list(frames), *last])
    return UserCodeError(f"{said} raised {type(error).__name__}:\n{lines.rstrip()}")


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where it came from, without this file and the machinery of imports."""
    passed = {__file__, importlib.__file__}
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in passed
        and not frame.filename.startswith("<frozen importlib")
    ]
