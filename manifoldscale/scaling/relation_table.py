"""A table of dimensions and exponents, one row per data set, for the relation test."""

import dataclasses as dc
import math
from collections.abc import Hashable, Sequence
from typing import Any

from ..core.columns import Columns, columns_of_pairs
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval
from ..core.names import COUNTS, words_of
from ..core.result import Quantity
from ..core.tables import Row, as_number, read_rows

DIMENSION = {"dimension", "dim", "d", "intrinsic"}
ALPHA = {"alpha", "exponent"}
ABOUT_ALPHA = ALPHA | {"d", "p", "measured", "fitted", "data", "parameters"}
ERROR = {"stderr", "se", "sem", "err", "error", "errors", "sigma", "std", "sd", "unc",
         "uncertainty", "standard", "stderror", "delta"}  # fmt: skip
LOW, HIGH = {"low", "lower", "lo"}, {"high", "upper", "hi"}
JOINED = {"x", "y", "left", "right", "1", "2"}  # of columns that two tables both had
ABOUT_ENDS = {"ci", "ci95", "95", "interval", "bound", "end", "limit"}
OTHERS = {"group": "group", "architecture": "group", "arch": "group", "dataset": "dataset",
          "data": "dataset", "data_set": "dataset"}  # fmt: skip
QUANTITIES = ("dimension", "alpha")


@dc.dataclass(frozen=True)
class Pairs:
    """The columns of a relation: entries as `relation` takes them, labels, and what was
    read.
    """

    dimension: list[Any]
    alpha: list[Any]
    groups: list[Hashable] | None
    datasets: list[Hashable] | None
    columns: Columns


def read_pairs(table: Any) -> Pairs:
    """Dimensions and exponents with their errors, or the ends of their intervals.

    table : as `core.tables.read_rows` takes it, with columns `dimension` and `alpha`.
    Errors are in `dimension_stderr` (or d_err, sigma_d, ...) or in `dimension_low` and
    `dimension_high`, as this package writes them. A bare `low` and `high` belong to the
    quantity that they enclose.

    Raises
    ------
    ManifoldScaleError : no dimension or no exponent; columns that may be the error of
        either; a value outside its interval.
    """
    rows = read_rows(table)
    meanings = {name: _meaning(name) for name in rows[0]}
    meanings |= _of_bare_ends(rows, meanings)
    columns = columns_of_pairs(rows, meanings)
    for name in QUANTITIES:
        require(
            columns.column(name) is not None,
            f"The table needs a column {name!r}; it has {list(rows[0])}.",
        )
    columns = _without_half_intervals(columns)
    whole = [
        row
        for row in rows
        if all(row[columns.column(q) or q] is not None for q in QUANTITIES)
    ]
    require(bool(whole), "No row of the table has a dimension and an exponent.")
    if len(whole) < len(rows):
        said = f"{len(rows) - len(whole)} rows without a dimension or an exponent"
        columns = dc.replace(columns, rows=f"{said} were left out")

    def labels(field: str) -> list[Hashable] | None:
        column = columns.column(field)
        return None if column is None else [row[column] for row in whole]

    dims, alphas = ([_entry(row, q, columns) for row in whole] for q in QUANTITIES)
    return Pairs(dims, alphas, labels("group"), labels("dataset"), columns)


def _meaning(name: str) -> str | None:
    """The field of a column; "low" or "high" where it does not name its quantity."""
    words = words_of(name)
    if "_".join(words) in OTHERS:
        return OTHERS["_".join(words)]
    said = set(words) - COUNTS
    ends = [word for word, kind in (("low", LOW), ("high", HIGH)) if said & kind]
    error = bool(said & ERROR)
    rest = said - ERROR - LOW - HIGH - (ABOUT_ENDS | JOINED if ends else set())
    if words == ("level",):
        return "level"
    if len(ends) + error > 1 or not (rest or ends or error):
        return None  # the two sides of an error, say
    quantity = _quantity(rest)
    if quantity is None:
        return None
    return "_".join(filter(None, (quantity, *ends, "stderr" if error else "")))


def _quantity(said: set[str]) -> str | None:
    """Which quantity the words name; "" where they name none."""
    if said & ALPHA and said <= ABOUT_ALPHA:
        return "alpha"
    if said & DIMENSION and said <= DIMENSION:
        return "dimension"
    return None if said else ""


def _of_bare_ends(
    rows: Sequence[Row], meanings: dict[str, str | None]
) -> dict[str, str | None]:
    """The quantity of each bare `low` and `high`: the one that they enclose in every row
    and that has no other error. Joined tables have several pairs, such as `low_x` and
    `low_y`.
    """
    if "stderr" in meanings.values():
        name = next(name for name, what in meanings.items() if what == "stderr")
        raise ManifoldScaleError(
            f"Column {name!r} may be the error of the dimension or of the exponent: call "
            "it dimension_stderr or alpha_stderr."
        )
    pairs: dict[str, dict[str, str]] = {}
    for name, what in meanings.items():
        if what in ("low", "high"):
            rest = " ".join(word for word in words_of(name) if word not in LOW | HIGH)
            pairs.setdefault(rest, {})[what] = name
    found: dict[str, str | None] = {}
    for pair in pairs.values():
        if len(pair) < 2:  # an end without the other
            found |= dict.fromkeys(pair.values())
            continue
        quantity = _enclosed(rows, pair, meanings | found)
        found |= {name: f"{quantity}_{end}" for end, name in pair.items()}
    return found


def _enclosed(
    rows: Sequence[Row], pair: dict[str, str], meanings: dict[str, str | None]
) -> str:
    free = [
        quantity
        for quantity in QUANTITIES
        if not {f"{quantity}_stderr", f"{quantity}_low"} & set(meanings.values())
    ]
    enclosed = {
        what
        for name, what in meanings.items()
        if what in free
        and any(as_number(row[name]) is not None for row in rows)
        and all(_encloses(row, name, pair) for row in rows)
    }
    if len(enclosed) != 1:
        raise ManifoldScaleError(
            f"Columns {pair['low']!r} and {pair['high']!r} may be the ends of either "
            "interval: call them dimension_low and dimension_high, or alpha_low and "
            "alpha_high."
        )
    return str(enclosed.pop())


def _encloses(row: Row, name: str, ends: dict[str, str]) -> bool:
    value = as_number(row[name])
    low, high = (as_number(row[ends[end]]) for end in ("low", "high"))
    if value is None or low is None or high is None:
        return True  # nothing speaks against it
    return low <= value <= high


def _without_half_intervals(columns: Columns) -> Columns:
    """Drops an end without the other, and an interval beside a standard error."""
    read = {field: column for column, field in columns.read}
    drop = set()
    for quantity in QUANTITIES:
        ends = {f"{quantity}_low", f"{quantity}_high"}
        if f"{quantity}_stderr" in read or not ends <= read.keys():
            drop |= ends & read.keys()
    if not any(f"{quantity}_low" in read.keys() - drop for quantity in QUANTITIES):
        drop |= {"level"} & read.keys()
    return dc.replace(
        columns,
        read=tuple(pair for pair in columns.read if pair[1] not in drop),
        unread=(*columns.unread, *(read[field] for field in sorted(drop))),
    )


def _entry(row: Row, quantity: str, columns: Columns) -> Any:
    """A number, a (value, error) pair, or a value with an interval."""
    value = _number(row, quantity, columns)
    error = _number(row, f"{quantity}_stderr", columns)
    assert value is not None
    if error is not None:
        return value, error
    low, high = (_number(row, f"{quantity}_{end}", columns) for end in ("low", "high"))
    if low is None and high is None:
        return value
    low = 0.0 if low is None else low
    high = math.inf if high is None else high
    require(
        low <= value <= high,
        f"{quantity} {value:g} lies outside its interval, {low:g} to {high:g}.",
    )
    level = _number(row, "level", columns)
    return Quantity(value, Interval(low, high, 0.95 if level is None else level), "", 1)


def _number(row: Row, field: str, columns: Columns) -> float | None:
    column = columns.column(field)
    if column is None or row[column] is None:
        return None
    found = as_number(row[column])
    require(
        found is not None, f"Column {column!r} must hold numbers; it holds {row[column]!r}."
    )
    return found
