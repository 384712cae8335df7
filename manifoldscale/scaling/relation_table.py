"""A table of dimensions and exponents, one row a data set, for the relation test."""

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
ABOUT_ENDS = {"ci", "ci95", "95", "interval", "bound", "end", "limit"}
OTHERS = {"group": "group", "architecture": "group", "arch": "group", "dataset": "dataset",
          "data": "dataset", "data_set": "dataset"}  # fmt: skip
QUANTITIES = ("dimension", "alpha")


@dc.dataclass(frozen=True)
class Pairs:
    """The columns of a relation: entries as `test_relation` takes them, labels, and what
    was read.
    """

    dimension: list[Any]
    alpha: list[Any]
    groups: list[Hashable] | None
    datasets: list[Hashable] | None
    columns: Columns


def read_pairs(table: Any) -> Pairs:
    """Dimensions and exponents with their errors, or the ends of their intervals.

    table : as `core.tables.read_rows` takes it, with columns `dimension` and `alpha`;
    errors stand in `dimension_stderr` (or d_err, sigma_d, ...) or in `dimension_low` and
    `dimension_high`, as this package writes them. A `low` and `high` without a name are
    those of the quantity that they enclose.

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
    words = words_of(name)
    if "_".join(words) in OTHERS:
        return OTHERS["_".join(words)]
    said = set(words) - COUNTS
    ends = [word for word, kind in (("low", LOW), ("high", HIGH)) if said & kind]
    error = bool(said & ERROR)
    rest = said - ERROR - LOW - HIGH - (ABOUT_ENDS if ends else set())
    if rest & ALPHA and rest <= ABOUT_ALPHA:
        quantity = "alpha"
    elif rest & DIMENSION and rest <= DIMENSION:
        quantity = "dimension"
    elif rest or not (ends or error or words == ("level",)):
        return "level" if words == ("level",) else None
    else:
        quantity = ""
    kind = ends[0] if ends else "stderr" if error else ""
    return "_".join(filter(None, (quantity, kind)))


def _of_bare_ends(
    rows: Sequence[Row], meanings: dict[str, str | None]
) -> dict[str, str | None]:
    """Whose `low` and `high` they are: of the quantity that they enclose in every row."""
    bare = {what: name for name, what in meanings.items() if what in ("low", "high")}
    found: dict[str, str | None] = {}
    for name, what in meanings.items():
        if what == "stderr":
            raise ManifoldScaleError(
                f"Column {name!r} may be the error of the dimension or of the exponent: "
                "call it dimension_stderr or alpha_stderr."
            )
    if set(bare) != {"low", "high"}:
        return dict.fromkeys(bare.values())
    enclosed = [
        quantity
        for quantity in QUANTITIES
        for name, what in meanings.items()
        if what == quantity and all(_encloses(row, name, bare) for row in rows)
    ]
    if len(enclosed) != 1:
        raise ManifoldScaleError(
            f"Columns {bare['low']!r} and {bare['high']!r} may be the ends of either "
            "interval: call them dimension_low and dimension_high, or alpha_low and "
            "alpha_high."
        )
    for what, name in bare.items():
        found[name] = f"{enclosed[0]}_{what}"
    return found


def _encloses(row: Row, name: str, ends: dict[str, str]) -> bool:
    value = as_number(row[name])
    low, high = (as_number(row[ends[end]]) for end in ("low", "high"))
    if value is None or low is None or high is None:
        return True  # nothing against it
    return low <= value <= high


def _without_half_intervals(columns: Columns) -> Columns:
    """An end without the other says nothing, nor does an interval beside an error."""
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
