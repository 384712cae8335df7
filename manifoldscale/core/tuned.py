"""Settings that were tuned at each size, such as the learning rate."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from .columns import SIZES
from .errors import ManifoldScaleError, nearest, require
from .tables import Row, as_number

Value = tuple[Any, ...]


def tuned_columns(tuned: str | Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns that the caller names.

    Raises
    ------
    ManifoldScaleError : the table does not have one.
    """
    names = (tuned,) if isinstance(tuned, str) else tuple(tuned)
    for name in names:
        require(
            name in rows[0],
            f"`tuned` is {name!r}, which the table does not have. Nearest are "
            f"{nearest(str(name), list(rows[0]))}.",
        )
    return names


def best_of_tuned(
    rows: Sequence[Row], runs: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> tuple[list[int], str]:
    """The rows with the best value of the tuned columns at each size, that of the smallest
    mean loss over its runs, and what was done in words. A value with a failed run is only
    best among others that failed.

    Raises
    ------
    ManifoldScaleError : the columns have one value.
    """
    cells: dict[Hashable, dict[Value, list[int]]] = {}
    for place, (row, run) in enumerate(zip(rows, runs, strict=True)):
        size = tuple(run.get(name) for name in SIZES)
        value = tuple(row[name] for name in names)
        cells.setdefault(size, {}).setdefault(value, []).append(place)
    several = [cell for cell in cells.values() if len(cell) > 1]
    said = " and ".join(map(repr, names))
    if not several:
        raise ManifoldScaleError(
            f"`tuned` is {said}, of which no size has two values: nothing was tuned."
        )
    kept, at_edge = [], 0
    for cell in cells.values():
        means = {
            value: float(np.mean([runs[place]["loss"] for place in places]))
            for value, places in cell.items()
        }
        best = min(means, key=lambda value: np.nan_to_num(means[value], nan=np.inf))
        at_edge += len(cell) > 1 and _is_at_edge(best, list(cell))
        kept += cell[best]
    counts = [len(cell) for cell in several]
    few, many = min(counts), max(counts)
    text = (
        f"{said}: the best of {few if few == many else f'{few} to {many}'} values at each "
        f"of {len(several)} sizes"
    )
    if at_edge:
        text += f", at {at_edge} the smallest or largest: better ones may lie beyond"
    return sorted(kept), text


def _is_at_edge(best: Value, values: Sequence[Value]) -> bool:
    """Whether a number is the smallest or largest of those that were tried."""
    for place, one in enumerate(best):
        tried = [as_number(value[place]) for value in values]
        numbers = [number for number in tried if number is not None]
        if len(set(numbers)) > 1 and as_number(one) in (min(numbers), max(numbers)):
            return True
    return False
