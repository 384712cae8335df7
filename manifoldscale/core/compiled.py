"""Inner loops compiled by Numba. Import a module of such loops only where it runs:
Numba takes a third of a second.
"""

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
        return cast(F, numba.njit(cache=True, **settings)(function))
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return cast(F, numba.njit(**settings)(function))
