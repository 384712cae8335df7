"""Settings that check themselves: of the type that is written beside them, as Python's own.

A number of NumPy is the number that it holds, so that a setting is hashed, compared and
stored the same wherever it came from. True is no number.
"""

import abc
import dataclasses as dc
import functools
import math
import numbers
import types
from typing import Any, Union, get_args, get_origin

import numpy as np

from .errors import ManifoldScaleError, require

WORDS: dict[type, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "None",
}


def check_fields(settings: Any) -> None:
    """Check the fields of a frozen dataclass against their annotations, and make NumPy's
    numbers Python's. The first line of its `__post_init__`.

    Raises
    ------
    ManifoldScaleError : a number where a text is meant, True where a number is, ...
    """
    for name, kinds in _kinds_of(settings.__class__).items():
        given = getattr(settings, name)
        value = as_python(given)
        if value is not given:
            object.__setattr__(settings, name, value)
        _check(name, value, kinds)


def as_python(value: Any) -> Any:
    """A number of NumPy as Python's, in tuples too; anything else as it is."""
    if isinstance(value, tuple) and type(value) is tuple:
        plain = tuple(as_python(part) for part in value)
        same = all(a is b for a, b in zip(plain, value, strict=True))
        return value if same else plain
    number = isinstance(value, np.generic) and value.dtype.kind in "biuf"
    return value.item() if number else value


def whole(name: str, value: Any, least: int = 1) -> int:
    """The whole number that the argument `name` holds, of Python or NumPy.

    >>> whole("k", np.int64(5))
    5

    Raises
    ------
    ManifoldScaleError : it is none (True is none), or is below `least`.
    """
    good = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    require(
        good and value >= least,
        f"`{name}` must be a whole number of at least {least}; not {value!r}.",
    )
    return int(value)


def real(name: str, value: Any, least: float = -math.inf) -> float:
    """The finite number that the argument `name` holds, of Python or NumPy.

    Raises
    ------
    ManifoldScaleError : it is none (True is none), is infinite, NaN or below `least`.
    """
    good = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    limit = "" if least == -math.inf else f" of at least {least:g}"
    require(
        good and math.isfinite(value) and value >= least,
        f"`{name}` must be a finite number{limit}; not {value!r}.",
    )
    return float(value)


@functools.cache
def _kinds_of(settings: Any) -> dict[str, tuple[Any, ...]]:
    """Field to the types of its annotation."""
    return {field.name: _kinds(field.type) for field in dc.fields(settings) if field.init}


def _kinds(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(kind for part in get_args(annotation) for kind in _kinds(part))
    return (type(None) if annotation is None else annotation,)


def _check(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    """Annotations that are no plain classes are checked where they are used."""
    known = all(type(kind) in (type, abc.ABCMeta) for kind in kinds)
    if not known and type(value) is not bool:
        return
    if type(value) is bool:
        good = bool in kinds or not {int, float} & set(kinds)
    else:
        wide = (*kinds, int) if float in kinds else kinds
        good = isinstance(value, wide)
    if not good:
        means = " or ".join(WORDS.get(kind, f"a {kind.__name__}") for kind in kinds)
        raise ManifoldScaleError(f"`{name}` must be {means}; not {value!r}.")
