"""The irreducible loss as a user states it, and as it is printed."""

from typing import Any, Protocol

from ..core.errors import is_real, require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis


def stated_floor(
    floor: object, smallest: float, choices: str = "'free', 'zero' or a number"
) -> float | None:
    """The floor that is given, None where it is to be fitted.

    smallest : the smallest mean loss, below which it must lie; choices : what the caller
    takes, in words.
    """
    stated = floor in ("free", "zero") if isinstance(floor, str) else is_real(floor)
    require(stated, f"`floor` must be {choices}; not {floor!r}.")
    if floor == "free":
        return None
    known = 0.0 if floor == "zero" else float(floor)  # type: ignore[arg-type]
    require(
        0 <= known < smallest,
        f"`floor` must be at least 0 and below the smallest mean loss, {number(smallest)}; "
        f"not {known}.",
    )
    return known


FITTED, FORCED, GIVEN = "fitted", "forced to zero", "given"


def rule_of(floor: object) -> str:
    """How a stated floor comes about, as it is printed."""
    return {"free": FITTED, "zero": FORCED}.get(str(floor), GIVEN)


def floor_in_words(floor: float, interval: Interval, rule: str) -> str:
    """A floor as it is printed everywhere.

    >>> floor_in_words(0.05, Interval(0.0, 0.07), "fitted")
    '0.0500 [0, 0.0700], fitted'
    >>> floor_in_words(0.05, Interval(0.05, 0.05), "given")
    '0.0500, given'
    """
    ends = f" {interval}" if interval.width > 0 else ""  # else it was known
    return f"{number(floor)}{ends}, {rule}"


class FlooredLaw(Protocol):
    """A fitted E + A x^-alpha."""

    @property
    def alpha(self) -> float: ...
    @property
    def interval(self) -> Interval: ...
    @property
    def floor(self) -> float: ...
    @property
    def floor_interval(self) -> Interval: ...
    @property
    def floor_rule(self) -> str: ...
    @property
    def amplitude(self) -> float: ...


def columns_of_law(axis: Axis, law: FlooredLaw) -> dict[str, Any]:
    """The first columns of its row in a table."""
    return {
        "exponent": axis.exponent,
        "alpha": law.alpha,
        "low": law.interval.low,
        "high": law.interval.high,
        "level": law.interval.level,
        "floor": law.floor,
        "floor_low": law.floor_interval.low,
        "floor_high": law.floor_interval.high,
        "floor_rule": law.floor_rule,
        "amplitude": law.amplitude,
    }
