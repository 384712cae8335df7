"""Inner loops compiled by Numba. Import a module of such loops only where it runs:
Numba takes a third of a second.
"""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function as machine code, which other threads may run at the same time. Compiled
    at the first call and kept on disk, if there is a place for it.

    What is kept goes by the text of the function's file alone. So a compiled function calls
    others of its own file only, and who changes the settings here changes those files too.

    Sums may be taken in any order. A product is rounded before it is added, as NumPy's is.
    """
    settings = {"nogil": True, "fastmath": {"reassoc", "nsz"}}
    try:
        made = numba.njit(cache=True, **settings)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return cast(F, numba.njit(**settings)(function))
    made._cache = _Forgiving(made._cache)
    return cast(F, made)


class _Forgiving:
    """Numba's cache on disk, but a full disk or a damaged file is no error: what cannot be
    read is compiled, what cannot be written is compiled again by the next process.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *given: Any) -> Any:
        with contextlib.suppress(Exception):  # whatever unpickling a damaged file raises
            return self._cache.load_overload(*given)
        return None

    def save_overload(self, *given: Any) -> None:
        with contextlib.suppress(Exception):  # it reads the index, too
            self._cache.save_overload(*given)
