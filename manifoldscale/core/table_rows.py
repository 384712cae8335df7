"""Rows of a table as fields of a run."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .columns import COSTS, LOSSES, SIZES, Columns
from .errors import ManifoldScaleError, require
from .factors import settings_that_matter
from .layouts import ONE_LESS
from .names import has_ended, meaning, unit_of
from .tables import Row, as_number

YES, NO = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")


def fields_of(
    size_column: str | Mapping[str, str] | None, field_of: Callable[[str], str]
) -> dict[str, str]:
    """The field of a run to the column of this size, as the caller names them. A bare name
    is the dataset size, unless it says itself what it is.
    """
    if size_column is None:
        return {}
    if isinstance(size_column, str):
        said = meaning(size_column)
        return {said if said in (*SIZES, *COSTS) else SIZES[0]: size_column}
    require(
        isinstance(size_column, Mapping),
        "`size_column` must be the name of a column, or one for each axis, as in "
        f"{{'data': 'N'}}; not {size_column!r}.",
    )
    return {
        axis if axis in (*SIZES, *COSTS) else field_of(axis): column
        for axis, column in size_column.items()
    }


def run_of(row: Row, columns: Columns, is_step: bool = False) -> dict[str, Any]:
    """The fields of a run, from one row; or of a step of one, whatever its end was."""
    given: dict[str, Any] = {}
    for column, field in columns.read:
        value = row[column]
        if value is None:
            continue
        if field in (*LOSSES, *SIZES, *COSTS):
            value = _number(column, field, value)
        if field in (*SIZES, *COSTS):
            value = value * unit_of(column)
            # Whole numbers of a column with gaps arrive as floats.
            whole = field != "compute" and float(value).is_integer()
            value = int(value) if whole else value
        if field == "converged":
            value = _truth(column, value)
        given[field] = value
    if is_step or has_ended(given.get("failure")):
        given.pop("failure", None)
    else:  # what it logged before it failed is no loss of a trained network
        given["failure"], given["loss"] = str(given["failure"]), math.nan
    return {"loss": math.nan, **given}


def mixed_in(
    rows: Sequence[Row],
    runs: Sequence[Mapping[str, Any]],
    columns: Columns,
    trajectory: bool,
    tuned: Sequence[str] = (),
) -> tuple[str, ...]:
    """Columns that tell apart losses at one size, but for those that were tuned there."""
    steps = ("steps",) if trajectory else ()
    sizes = [tuple(run.get(name) for name in (*SIZES, *steps)) for run in runs]
    losses = np.array([run["loss"] for run in runs], dtype=float)
    base = ONE_LESS.fullmatch(columns.column("loss") or "")
    known = {columns.logged, base["column"] if base else "", *tuned}
    unread = [name for name in columns.unread if name not in known]
    # What a network cost may be the only thing that tells it from others.
    cost = [columns.column(field) for field in ("compute", "steps")[: 1 if steps else 2]]
    unread += [name for name in cost if name is not None]
    logged = (columns.logged,) if columns.logged else ()
    return (*logged, *settings_that_matter(rows, unread, sizes, losses))


def _number(column: str, field: str, value: Any) -> float:
    found = as_number(value)
    if found is None:
        said = repr(column) if column == field else f"{column!r} as {field!r}"
        raise ManifoldScaleError(
            f"Column {said} must hold numbers; it holds {value!r}. Numbers are written as "
            "in 1600, 0.5 or 1.25e8."
        )
    return found


def _truth(column: str, value: Any) -> bool:
    """Yes or no; `bool` would take the text "False" as true."""
    text = str(value).strip().lower()
    require(
        text in (*YES, *NO),
        f"Column {column!r} must hold true or false; it holds {value!r}.",
    )
    return text in YES
