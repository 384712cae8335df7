"""Tables in other layouts as one row per run: a column per run or per size, or lists."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .columns import LOSSES, SIZES, Columns
from .errors import ManifoldScaleError, nearest, require
from .names import is_time, meaning
from .tables import Row, as_number, is_number_or_none

RUN = re.compile(r"(?P<run>.+) - (?P<what>[^\s].*?)(?P<end>__MIN|__MAX)?")  # of wandb
WIDE = 4  # this many columns with numbers for names are sizes or steps
FALLS = -0.5  # correlation of a list of losses with its order, below which it is a history
# A size as compute over a number of operations for each parameter and example.
QUOTIENT = re.compile(
    r"(?P<over>.+?)\s*/\s*(?P<factor>\d+(?:\.\d+)?)\s*\*?\s*(?P<under>\S.*)"
)
ONE_LESS = re.compile(r"\s*1\s*-\s*(?P<column>.+?)\s*")


def long_rows(
    rows: list[Row], choice: str | None, loss_column: str | None
) -> tuple[list[Row], str]:
    """Rows that hold one run, or one step of a run, each; and what was done, in words.

    Parameters
    ----------
    rows : as `read_rows` gives them.
    choice, loss_column : `row` and `loss_column` of `LearningCurve.from_frame`: what lists
        of losses are, and which column holds them.

    Raises
    ------
    ManifoldScaleError : lists, or columns named by numbers, that may be repeats, sizes or
        the history of a run, and no choice.
    """
    chart = _of_wandb(rows)
    if chart is not None:
        return chart
    wide = [name for name in rows[0] if re.fullmatch(r"\d+(\.0)?", str(name))]
    rest = [name for name in rows[0] if name not in wide]
    known = any(name == loss_column or meaning(name) == "loss" for name in rest)
    if len(wide) >= WIDE and not known:
        return _of_wide(rows, wide, choice)
    return _of_lists(rows, choice, loss_column)


def _of_wandb(rows: list[Row]) -> tuple[list[Row], str] | None:
    """The rows of a chart exported from Weights & Biases: columns "run - val/loss", with
    the smallest and largest value within a bin or group beside them.
    """
    found = {name: RUN.fullmatch(name) for name in rows[0]}
    ends = {name for name, match in found.items() if match and match["end"]}
    if not ends:
        return None
    columns = {name: match for name, match in found.items() if match and not match["end"]}
    shared = [name for name, match in found.items() if match is None]
    runs = dict.fromkeys(match["run"] for match in columns.values())
    long = []
    for row in rows:
        for run in runs:
            own = {m["what"]: row[name] for name, m in columns.items() if m["run"] == run}
            if any(value is not None for value in own.values()):
                long.append({name: row[name] for name in shared} | {"run": run} | own)
    require(bool(long), "The export of a chart holds no values.")
    ranges = any(row[end] not in (None, row.get(end[:-5])) for row in rows for end in ends)
    said = f"one column per run, {len(runs):,} runs; __MIN and __MAX were left out"
    return _aligned(long), said + (", which differ: each is a mean" if ranges else "")


def _of_wide(
    rows: list[Row], wide: Sequence[str], choice: str | None
) -> tuple[list[Row], str]:
    """A column per training set size, as in learning-curve data bases (LCDB); or a column
    per step, if `choice` asks for steps.
    """
    numbers = [int(float(name)) for name in wide]
    counted = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if counted and choice is None:
        raise ManifoldScaleError(
            f"Columns {wide[0]!r} to {wide[-1]!r} may be steps or sizes: row='trajectory' "
            "or 'last' (--row) takes them for the steps of a run, row='all' for sizes."
        )
    what = "anchor" if choice in (None, "all") else "step"
    long = [
        {name: cell for name, cell in row.items() if name not in wide}
        | {what: number, "value": row[name]}
        for row in rows
        for name, number in zip(wide, numbers, strict=True)
        if row[name] is not None
    ]
    kind = "sizes (anchor)" if what == "anchor" else "steps"
    return long, f"{len(wide)} columns {wide[0]!r} to {wide[-1]!r} are {kind}"


def _of_lists(
    rows: list[Row], choice: str | None, loss_column: str | None
) -> tuple[list[Row], str]:
    """Losses that are lists of numbers: repeats, or steps if `choice` asks for steps; with
    lists of the same lengths beside them, such as sizes or steps.
    """
    listing = [name for name in rows[0] if any(_is_list(row[name]) for row in rows)]
    losses = [n for n in listing if n == loss_column or meaning(n) in LOSSES]
    if not losses:
        return rows, ""
    names = [name for name in listing if name in losses or _go_along(rows, losses[0], name)]
    listed = ", ".join(map(repr, names))
    if any(meaning(name) in SIZES or is_time(name) for name in names):
        return _unlisted(rows, names, None), f"lists in {listed} are rows"
    if choice is None and all(_falls(row[losses[0]]) for row in rows):
        raise ManifoldScaleError(
            f"Column {listed} holds lists that fall: row='trajectory' or 'last' (--row) "
            "takes each for the history of a run, row='all' for repeats."
        )
    if choice in (None, "all"):
        said = f"lists in {listed} are repeats, a run each"
        return _unlisted(rows, names, "repeat"), said
    return _unlisted(rows, names, "step"), f"lists in {listed} are steps of a run"


def _unlisted(rows: list[Row], names: Sequence[str], counter: str | None) -> list[Row]:
    """A row for each place of the lists, with its number in a column of this name."""
    long = []
    for row in rows:
        cells = {name: _as_list(row[name]) for name in names}
        lengths = {len(cell) for cell in cells.values()}
        require(
            len(lengths) == 1,
            f"Lists in one row must have one length; {list(names)} have {sorted(lengths)}.",
        )
        for i in range(lengths.pop()):
            own = {name: cell[i] for name, cell in cells.items()}
            long.append({**row, **own} | ({counter: i + 1} if counter else {}))
    return long


def _go_along(rows: list[Row], name: str, other: str) -> bool:
    return all(len(_as_list(row[name])) == len(_as_list(row[other])) for row in rows)


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list | tuple | np.ndarray)


def _as_list(cell: Any) -> list[Any]:
    return list(cell) if _is_list(cell) else [cell]


def _falls(cell: Any) -> bool:
    """Whether a list of numbers goes down, as losses do in training."""
    values = np.array([as_number(value) for value in _as_list(cell)], dtype=float)
    if len(values) < 3 or not np.ptp(values) > 0:
        return False
    return bool(np.corrcoef(np.arange(len(values)), values)[0, 1] < FALLS)


def _aligned(rows: list[Row]) -> list[Row]:
    """The rows, all with the same columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in names} for row in rows]


def with_error(rows: list[Row], loss_column: str | None) -> list[Row]:
    """The rows with the column "1 - accuracy", if the caller names that as the loss.

    Raises
    ------
    ManifoldScaleError : accuracies that are not between 0 and 1.
    """
    said = ONE_LESS.fullmatch(loss_column) if isinstance(loss_column, str) else None
    if said is None or loss_column in rows[0] or said["column"] not in rows[0]:
        return rows
    values = [as_number(row[said["column"]]) for row in rows]
    for value in values:
        require(
            value is None or 0 <= value <= 1,
            f"`loss_column` {loss_column!r} needs values between 0 and 1; it holds "
            f"{value!r}.",
        )
    errors = [None if value is None else 1 - value for value in values]
    return [{**row, str(loss_column): e} for row, e in zip(rows, errors, strict=True)]


def with_quotients(rows: list[Row], sizes: Mapping[str, str]) -> list[Row]:
    """The rows with the columns "C / 6 N" that the caller names as sizes: of tables with
    the compute C = 6 P D and the parameters, D.
    """
    for name in sizes.values():
        said = QUOTIENT.fullmatch(name) if isinstance(name, str) else None
        if said is None or name in rows[0]:
            continue
        over, under, factor = said["over"], said["under"], as_number(said["factor"])
        if over in rows[0] and under in rows[0] and factor:
            pairs = [(as_number(row[over]), as_number(row[under])) for row in rows]
            values = [a / (factor * b) if a is not None and b else None for a, b in pairs]
            rows = [{**row, name: one} for row, one in zip(rows, values, strict=True)]
    return rows


def how_to_divide(columns: Columns) -> str:
    """How to have the examples of a table with parameters and compute alone."""
    names = {*columns.unread, *(column for column, _ in columns.read)}
    compute = columns.column("compute") or ("C" if "C" in names else None)
    parameters = columns.column("parameters")
    if compute is None or parameters is None or columns.column("dataset_size"):
        return ""
    column = f"{compute} / 6 {parameters}"
    return (
        "no dataset size: where compute is 6 P D, size_column="
        f"{{'data': {column!r}}} (--size-column data={column!r}) reads it"
    )


def chosen_rows(rows: list[Row], where: Mapping[str, Any] | None) -> list[Row]:
    """The rows with these values.

    Raises
    ------
    ManifoldScaleError : a column that the table does not have, or no such row.
    """
    for column, value in (where or {}).items():
        require(
            column in rows[0],
            f"`where` names {column!r}, which the table does not have. Nearest are "
            f"{nearest(str(column), list(rows[0]))}.",
        )
        there = list(dict.fromkeys(str(row[column]) for row in rows))
        rows = [row for row in rows if _same(row[column], value)]
        require(
            bool(rows),
            f"`where`: no row has {column} = {value!r}; there are {', '.join(there[:12])}"
            f"{', ...' if len(there) > 12 else ''}.",
        )
    return rows


def _same(cell: Any, value: Any) -> bool:
    """Whether a cell is this value, which a command line gives as text."""
    number = as_number(value)
    both = number is not None and as_number(cell) == number
    return bool(both or str(cell) == str(value))


def how_to_choose(rows: Sequence[Row], mixed: Sequence[str]) -> str:
    """How to choose one of several curves, by the columns that tell them apart."""
    several: dict[str, dict[str, Any]] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for name in mixed:
        values = {str(row.get(name)): row.get(name) for row in rows}
        if 1 < len(values) <= len(rows) / 2 and not is_time(name):
            numeric = all(map(is_number_or_none, values.values()))
            (numbers if numeric else several)[name] = values
    several = several or numbers
    if not several:
        return ""
    first = {name: next(iter(values.values())) for name, values in several.items()}
    counted = ", ".join(f"{name} ({len(values)})" for name, values in several.items())
    return f"several curves, by {counted}: one of them by where={first}"
