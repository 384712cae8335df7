"""Functions of the user, named on the command line."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from ..core.errors import ManifoldScaleError, nearest


def from_python(spec: str) -> Any:
    """What the function that `py:module:function` names returns."""
    return python_function(spec)()


def python_function(spec: str) -> Callable[..., Any]:
    """The function that `py:module:function` names, found from the working directory as
    well as among installed packages.
    """
    parts = spec.split(":")
    if len(parts) != 3 or not all(parts):
        raise ManifoldScaleError(f"{spec!r} is not of the form py:module:function.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(parts[1])
    except ModuleNotFoundError as error:
        raise ManifoldScaleError(
            f"{spec!r}: there is no module {error.name!r}, neither here nor installed."
        ) from error
    function = getattr(module, parts[2], None)
    if not callable(function):
        choices = [name for name in dir(module) if callable(getattr(module, name))]
        raise ManifoldScaleError(
            f"{spec!r}: {parts[1]} has no function {parts[2]!r}; did you mean "
            f"{nearest(parts[2], choices)}?"
        )
    found: Callable[..., Any] = function
    return found
