"""Columns of a table that its reader does not know, but by which the losses differ."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from .arrays import Array
from .tables import is_missing

CERTAIN = 1e-3  # p-value below which a column is no other name for the seed
FEWEST = 2  # sizes at which each value of a setting stands
MOST = 50  # values of a setting; more are names or measurements


def settings_that_matter(
    rows: Sequence[Mapping[str, Any]],
    known: frozenset[str],
    sizes: Sequence[Hashable],
    losses: Sequence[float],
) -> tuple[str, ...]:
    """The unknown columns that split runs of one size into groups of different loss.

    Such as the task, the optimiser or the step: the runs are no repeats of each other. A
    setting takes each of its values at several sizes, which a time or an accuracy does not.
    Its effect on log losses, less their mean at each size, is tested by an F test; another
    name for the seed has none.
    """
    y = np.array(losses, dtype=float)
    usable = np.isfinite(y) & (y > 0)
    names = [name for name in rows[0] if name not in known] if rows else []
    return tuple(
        str(name)
        for name in names
        if _matters([r.get(name) for r in rows], sizes, y, usable)
    )


def _matters(
    values: Sequence[Any],
    sizes: Sequence[Hashable],
    losses: Array,
    usable: Array,
) -> bool:
    keep = [i for i in np.flatnonzero(usable).tolist() if not is_missing(values[i])]
    levels = sorted({str(values[i]) for i in keep})
    cells = sorted({str(sizes[i]) for i in keep})
    if not 2 <= len(levels) <= min(len(keep) / FEWEST, MOST):
        return False
    level = np.array([levels.index(str(values[i])) for i in keep])
    cell = np.array([cells.index(str(sizes[i])) for i in keep])
    stands = np.zeros((len(levels), len(cells)), dtype=bool)
    stands[level, cell] = True
    if stands.sum(1).min() < FEWEST:
        return False
    logs = np.log(losses[keep])
    design = np.eye(len(cells))[cell]
    alone, rank = _residual(design, logs)
    with_it, more = _residual(np.hstack([design, np.eye(len(levels))[level]]), logs)
    freedom = len(keep) - more
    if more == rank or freedom < 1:  # the same in all runs of a size; one run a cell
        return False
    from scipy import stats

    noise = max(with_it, 1e-20 * len(keep))  # exact losses leave rounding only
    ratio = (alone - with_it) / (more - rank) / (noise / freedom)
    return bool(stats.f.sf(ratio, more - rank, freedom) < CERTAIN)


def _residual(design: Array, y: Array) -> tuple[float, int]:
    """The sum of squares that least squares leave, and the rank of the design."""
    found, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    return float(((y - design @ found) ** 2).sum()), int(rank)
