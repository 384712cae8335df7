"""Columns that nobody asked to read, but with which the losses change."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .arrays import Array, Floats, Ints
from .names import is_clock, is_measured
from .tables import Row, as_number

CERTAIN = 1e-3  # p-value below which a column is not just another name for the seed
LIKELY = 0.01  # the same beside a curve of the sizes, where there are few of them
FEWEST = 4  # degrees of freedom for a test beside a curve of the sizes
MOST = 300  # values of a setting that are compared, the most frequent ones
ROUNDING = 1e-20  # mean square of log losses that counts as zero


def settings_that_matter(
    rows: Sequence[Row], names: Sequence[str], sizes: Sequence[Hashable], losses: Array
) -> tuple[str, ...]:
    """The unread columns, such as task, optimiser or learning rate, by which the losses of
    runs that are taken for repeats differ.

    An F test looks for an effect on the log losses less their mean at each size. Where the
    values recur it compares them (an empty cell is a value too); other numbers are tested
    for a trend. Another name for the seed has no effect. Where there is one value per size,
    the test looks for a trend beside a smooth curve of the sizes, and a column that rises
    or falls with the size is part of that curve.

    Where too little is left to test, the column may explain every loss, and counts.
    """
    usable = np.flatnonzero(np.isfinite(losses) & (losses > 0)).tolist()
    logs = np.log(losses[usable])
    at = [sizes[i] for i in usable]
    found = []
    for name in names:
        values = [rows[i][name] for i in usable]
        numbers = all(value is None or as_number(value) is not None for value in values)
        if (is_measured(name) and numbers) or is_clock(name):
            continue  # an outcome of training varies with the loss
        if name == "index" and all(isinstance(value, int) for value in values):
            continue  # row numbers
        if _matters(values, at, logs):
            found.append(name)
    return tuple(found)


def _matters(values: Sequence[Any], at: Sequence[Hashable], logs: Floats) -> bool:
    cell, level = _codes(at), _codes(values)
    numbers = np.array([as_number(v) for v in values], dtype=float)  # None is NaN
    numeric = 2 * int(np.isfinite(numbers).sum()) >= len(values)
    if level.max(initial=0) == 0:
        return False
    recurs = 2 * (level.max() + 1) <= len(level)
    if len(set(zip(cell.tolist(), level.tolist(), strict=True))) == cell.max() + 1:
        if not (numeric or recurs):
            return False  # names: each stands about once
        p = _p_beside_sizes(numbers if numeric else level, numeric, at, cell, logs)
        return p is None or p < LIKELY
    if recurs:
        p = _p_of_levels(level, cell, logs)
    elif numeric:
        known = np.isfinite(numbers)
        p = _p_within(numbers[known], cell[known], logs[known])
    else:
        return False
    return p is None or p < CERTAIN


def _codes(values: Sequence[Hashable]) -> Ints:
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(str(v), len(codes)) for v in values], dtype=np.int64)


def _p_of_levels(level: Ints, cell: Ints, logs: Floats) -> float | None:
    """The p-value of no effect of the levels within cells; None if none can be tested."""
    frequent = np.argsort(-np.bincount(level), kind="stable")[:MOST]
    keep = np.isin(level, frequent)
    level, cell = (np.unique(c[keep], return_inverse=True)[1] for c in (level, cell))
    y = _within(logs[keep], cell)
    table = np.zeros((int(cell.max()) + 1, int(level.max()) + 1))
    np.add.at(table, (cell, level), 1.0)
    # The normal equations of the levels, less their means over cells.
    normal = np.diag(table.sum(0)) - table.T @ (table / table.sum(1, keepdims=True))
    effect = np.linalg.pinv(normal, hermitian=True) @ np.bincount(level, weights=y)
    rank = int(np.linalg.matrix_rank(normal, hermitian=True))
    rest = y - _within(np.asarray(effect)[level], cell)
    return _p(y, rest, rank, len(y) - len(table) - rank)


def _p_within(x: Floats, cell: Ints, logs: Floats) -> float | None:
    """The p-value of no trend within cells."""
    cell = np.unique(cell, return_inverse=True)[1]
    y = _within(logs, cell)
    freedom = len(y) - int(cell.max()) - 1

    def p(trend: Floats) -> float | None:
        design = np.column_stack([_within(column, cell) for column in trend])
        rest, rank = _rest(design, y)
        return _p(y, rest, rank, freedom - rank)

    return _least([p(trend) for trend in _trends(x)])


def _p_beside_sizes(
    x: Array, numeric: bool, at: Sequence[Hashable], cell: Ints, logs: Floats
) -> float | None:
    """The p-value of no trend of the means at each size beside a parabola in log sizes; of
    no difference between values that are not numbers.
    """
    first = np.unique(cell, return_index=True)[1]
    x, y = x[first], np.bincount(cell, weights=logs) / np.bincount(cell)
    known = np.isfinite(x)
    x, y = x[known], y[known]
    given = np.array([at[i] for i in first[known].tolist()], dtype=float)
    swept = [
        np.log(column) for column in given.T if np.ptp(column) > 0 and (column > 0).all()
    ]
    made = any(_is_monotone(size, x) for size in swept) or _is_product(swept, x)
    if numeric and made:
        return 1.0
    terms = [np.ones(len(y)), *swept, *(column**2 for column in swept)]
    smooth = np.column_stack(terms)
    y, used = _rest(smooth, y)

    def p(trend: Floats) -> float | None:
        design = np.column_stack([_rest(smooth, column)[0] for column in trend])
        rest, rank = _rest(np.where(abs(design) < 1e-9, 0.0, design), y)
        freedom = len(y) - used - rank
        return _p(y, rest, rank, freedom if freedom >= FEWEST else 0)

    names = np.eye(int(x.max()) + 1)[x].T if not numeric else None
    return _least([p(trend) for trend in (_trends(x) if names is None else [names])])


def _is_monotone(size: Floats, x: Floats) -> bool:
    """Whether x only rises, or only falls, with one of the sizes."""
    order = np.lexsort((x, size))
    same = np.diff(size[order]) == 0
    steps = np.diff(x[order])
    one_value = not steps[same].any()
    return bool(one_value and ((steps >= 0).all() or (steps <= 0).all()))


def _is_product(swept: list[Floats], x: Floats) -> bool:
    """Whether x is a product or ratio of the sizes, as compute is."""
    if not (x > 0).all():
        return False
    logs = np.log(x)
    rest, _ = _rest(np.column_stack([np.ones(len(x)), *swept]), logs)
    return bool(rest @ rest < 1e-4 * ((logs - logs.mean()) ** 2).sum())


def _trends(x: Floats) -> list[Floats]:
    """Ranks and their squares, (2, values); for positive numbers also of the logarithms."""
    from scipy import stats

    forms = [stats.rankdata(x) / len(x) - 0.5]
    if (x > 0).all():
        forms.append(np.log(x) - np.log(x).mean())
    return [np.stack([form, form**2]) for form in forms]


def _least(p: list[float | None]) -> float | None:
    """The least p-value of several tests of one thing, with Bonferroni's factor."""
    known = [value for value in p if value is not None]
    return min(1.0, len(known) * min(known)) if len(known) == len(p) else None


def _rest(design: Floats, y: Floats) -> tuple[Floats, int]:
    """The residuals of least squares, and the rank of the design."""
    found, _, rank, _ = np.linalg.lstsq(design, y, rcond=1e-9)
    return y - design @ found, int(rank)


def _within(values: Array, cell: Array) -> Floats:
    """The values less the mean of their cell."""
    means = np.bincount(cell, weights=values) / np.bincount(cell)
    return np.asarray(values - means[cell])


def _p(y: Floats, rest: Floats, rank: int, freedom: int) -> float | None:
    if rank == 0:
        return 1.0
    if freedom < 1:
        return None
    from scipy import stats

    noise = max(float(rest @ rest), ROUNDING * len(y))  # exact losses leave rounding only
    ratio = (float(y @ y) - float(rest @ rest)) / rank / (noise / freedom)
    return float(stats.f.sf(ratio, rank, freedom))
