"""The one error that users cause, and the helpers that word it."""

import numbers
from collections.abc import Iterable
from typing import Any


class ManifoldScaleError(ValueError):
    """A call that cannot work: the message names the argument, what was found and
    what would work.

    It is a `ValueError`: code that knows nothing of this package can catch it.
    """


def nearest(word: str, choices: Iterable[str], n: int = 3) -> str:
    """The choices that look most like `word`, for the end of an error message."""
    import difflib  # only when there is an error: it would slow down `import manifoldscale`

    choices = list(choices)
    close = difflib.get_close_matches(word, choices, n=n, cutoff=0.3) or choices[:n]
    return ", ".join(repr(choice) for choice in close)


def few(names: Iterable[Any], most: int = 3) -> str:
    """The first names in quotes, as texts, and whether there are more.

    >>> few(["a", "b", "c"], 2)
    "'a', 'b' and more"
    """
    texts = list(map(str, names))
    shown = ", ".join(map(repr, texts[:most]))
    return shown + (" and more" if len(texts) > most else "")


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its class if there is no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def require(condition: bool, message: str) -> None:
    """Raise `ManifoldScaleError(message)` unless `condition` holds."""
    if not condition:
        raise ManifoldScaleError(message)


def is_real(value: object) -> bool:
    """Whether it is a real number, of Python or NumPy; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether it is an integer, of Python or NumPy; True and False are not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def one_of(name: str, value: str, choices: Iterable[str]) -> None:
    """Check that the argument `name` is one of a few words."""
    choices = list(choices)
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ManifoldScaleError(f"`{name}` must be one of {listed}; not {value!r}.")
