"""The irreducible loss as a user states it, and as it is printed."""

from ..core.errors import is_real, require
from ..core.interval import Interval, number


def stated_floor(
    floor: object, smallest: float, choices: str = "'free', 'zero' or a number"
) -> float | None:
    """The floor as a number, or None where it is to be fitted.

    smallest : the smallest mean loss, an upper limit; choices : what the caller accepts, in
    words.
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
    """How a floor was obtained, as it is printed."""
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


# The first columns of a fitted E + A x^-alpha.
LAW_COLUMNS = (
    "exponent=axis.exponent",
    "alpha",
    "floor",
    "floor_interval",
    "floor_rule",
    "amplitude",
)
