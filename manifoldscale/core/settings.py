"""Settings that check themselves against their annotations: a type, and rules.

    @dc.dataclass(frozen=True)
    class MLE(Method[Dimension]):
        k: Annotated[int, at_least(2)] = 20
        convention: Annotated[str, among("pooled", "local")] = "pooled"
        level: Level = 0.95

NumPy numbers become Python's, so a setting is hashed, compared and stored the same wherever
it came from. True is not a number. Rules that tie two fields together are code, in a
`__post_init__` that starts with `super().__post_init__()`.
"""

import abc
import dataclasses as dc
import functools
import math
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from .errors import ManifoldScaleError, is_real, is_whole, require

NOTHING: Mapping[str, Any] = types.MappingProxyType({})  # a default that cannot change
WORDS: dict[type, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "None",
}


@dc.dataclass(frozen=True)
class Rule:
    """What a setting must satisfy beside its type; None passes, if the type allows it."""

    words: str  # for the error: "`k` must be <words>; not 1."
    holds: Callable[[Any], bool]
    advice: str = ""  # what would work, if the words do not say it


def at_least(
    least: float, *, most: float = math.inf, below: float = math.inf, advice: str = ""
) -> Rule:
    """A number of at least `least`, and at most `most` or below `below`."""
    words = f"at least {least:g}"
    return _ended(Rule(words, lambda value: value >= least, advice), most, below)


def above(
    low: float, *, most: float = math.inf, below: float = math.inf, advice: str = ""
) -> Rule:
    """A number above `low`, and at most `most` or below `below`."""
    plain = low == 0 and most == below == math.inf
    words = "positive" if plain else f"above {low:g}"
    return _ended(Rule(words, lambda value: value > low, advice), most, below)


def _ended(start: Rule, most: float, below: float) -> Rule:
    if most == below == math.inf:
        return start
    end = f" and at most {most:g}" if most < below else f" and below {below:g}"
    return dc.replace(
        start,
        words=start.words + end,
        holds=lambda value: start.holds(value) and value <= most and value < below,
    )


def among(choices: Iterable[str], *more: str) -> Rule:
    """One of a few words: `among(RULES)`, `among("ml", "linear")`."""
    words = (choices, *more) if isinstance(choices, str) else tuple(choices)
    listed = ", ".join(map(repr, words))
    return Rule(f"one of {listed}", lambda value: value in words)


FINITE = Rule("a finite number", math.isfinite)
Count = Annotated[int, Rule("a positive integer", lambda count: count >= 1)]
Positive = Annotated[float, above(0), FINITE]
NotNegative = Annotated[float, at_least(0), FINITE]
# It checks the type too, so that None, True and a text get the same message.
LEVEL = Rule(
    "between 0 and 1, as in 0.95",
    lambda level: is_real(level) and 0 < level < 1,
)
Level = Annotated[float, LEVEL]


class Settings:
    """The base of frozen dataclasses whose fields check themselves."""

    def __post_init__(self) -> None:
        check_fields(self)


def check_fields(settings: Any) -> None:
    """Check the fields of a frozen dataclass against their annotations, and make NumPy's
    numbers Python's.

    Raises
    ------
    ManifoldScaleError : a number where a text is meant, True where a number is, a rule
        that does not hold, ...
    """
    for field in dc.fields(settings):
        if field.init:
            given = getattr(settings, field.name)
            value = check(field.name, given, field.type)
            if value is not given:
                object.__setattr__(settings, field.name, value)


def check(name: str, value: Any, annotation: Any) -> Any:
    """The argument `name` as Python's, checked against an annotation.

    >>> check("level", np.float64(0.9), Level)
    0.9
    """
    value = as_python(value)
    kinds, rules = _read(annotation)
    _check_kind(name, value, kinds)
    for rule in rules if value is not None else ():
        if not rule.holds(value):
            message = f"`{name}` must be {rule.words}; not {value!r}. {rule.advice}"
            raise ManifoldScaleError(message.rstrip())
    return value


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
    ManifoldScaleError : it is not a whole number (True is not), or is below `least`.
    """
    require(
        is_whole(value) and value >= least,
        f"`{name}` must be a whole number of at least {least}; not {value!r}.",
    )
    return int(value)


def real(name: str, value: Any, least: float = -math.inf) -> float:
    """The finite number that the argument `name` holds, of Python or NumPy.

    Raises
    ------
    ManifoldScaleError : it is not a number (True is not), or is infinite, NaN or below
        `least`.
    """
    limit = "" if least == -math.inf else f" of at least {least:g}"
    require(
        is_real(value) and math.isfinite(value) and value >= least,
        f"`{name}` must be a finite number{limit}; not {value!r}.",
    )
    return float(value)


@functools.lru_cache(maxsize=1024)
def _read(annotation: Any) -> tuple[tuple[Any, ...], tuple[Rule, ...]]:
    """The types and the rules of an annotation."""
    if get_origin(annotation) is Annotated:
        kinds, rules = _read(get_args(annotation)[0])
        beside = annotation.__metadata__
        return kinds, (*rules, *(rule for rule in beside if isinstance(rule, Rule)))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [_read(part) for part in get_args(annotation)]
        kinds = tuple(kind for part, _ in parts for kind in part)
        return kinds, tuple(rule for _, part in parts for rule in part)
    return (type(None) if annotation is None else annotation,), ()


def _check_kind(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    """Check the type; annotations that are not plain classes are checked in use."""
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
