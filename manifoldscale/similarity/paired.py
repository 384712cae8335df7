"""How much a number differs between two representations of the same examples."""

import dataclasses as dc
import math
from typing import Any

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Remark
from ..core.error_bars import jackknife_error, quantile
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity, at_path
from ..core.settings import whole
from ..geometry.cloud import Cloud, as_cloud
from ..geometry.estimate import estimate
from ..geometry.neighbors import Neighbors
from .aligned import same_examples


@dc.dataclass(frozen=True)
class PairedDifference(Quantity):
    """A number of the second representation less that of the first.

    Attributes
    ----------
    first, second : the two numbers.
    stderr : of the difference, from leaving out the same examples in both.
    systematic : of the two methods, which examples do not show, added as if independent.
    of : which number of the result.
    """

    first: float = math.nan
    second: float = math.nan
    stderr: float = math.nan
    systematic: float = 0.0
    of: str = ""
    name: str = "difference"

    def headline(self) -> str:
        what = f"{self.of} of " if self.of else ""
        return (
            f"difference {number(self.value)} {self.interval}: {number(self.first)} to "
            f"{number(self.second)} ({what}{self.method}, n = {self.n_points:,})"
        )


def paired_difference(
    a: Any,
    b: Any,
    method: Method[Any],
    of: str = "",
    *,
    parts: int = 20,
    seed: int = 0,
) -> PairedDifference:
    """How much a number of `b` exceeds that of `a`, where the rows are the same examples.

    Errors of sampling that both share cancel, as they do not in the difference of two
    intervals: the same random parts of the examples are left out of both in turn (a
    jackknife over parts; groups stay together), which takes 2 (`parts` + 1) estimates.

    >>> x = np.random.default_rng(0).standard_normal((400, 6))
    >>> import manifoldscale as ms
    >>> found = ms.paired_difference(x[:, :4], x, ms.dimension.ParticipationRatio())
    >>> 2.0 in found.interval
    True

    Parameters
    ----------
    a, b : clouds or arrays, a row for each example.
    method : as for `estimate`.
    of : the field of the result, as "resolved" or "pooled.kappa_rms"; "" for the number
        that the result is. `Auto().resolved`, the dimension at the scale of these points,
        is compared with smaller errors than the dimension of the manifold, whose systematic
        errors need not cancel.
    parts : of the examples, at least five.
    seed : of the parts.

    Raises
    ------
    ManifoldScaleError : other numbers of rows; other labels, groups or ids; a method that
        fails on all of the examples, or without a part of them; no such number.
    """
    count = whole("parts", parts, 5)
    clouds = [("a", as_cloud(a)), ("b", as_cloud(b))]
    _, groups = same_examples(clouds)
    first, second = (_found(cloud, method, of, seed) for _, cloud in clouds)
    part = _parts(groups, len(clouds[0][1]), count, seed)
    apart = _apart(clouds[0][1], clouds[1][1], part, method, of, seed)
    stderr = float(jackknife_error(apart))
    systematic = math.hypot(_systematic(first), _systematic(second))
    value = second.value - first.value
    half = math.hypot(quantile(count - 1) * stderr, quantile(math.inf) * systematic)
    return PairedDifference(
        value=value,
        interval=_ends(value, half, first.interval, second.interval),
        method=method,
        n_points=len(clouds[0][1]),
        caveats=_either(first, second),
        first=first.value,
        second=second.value,
        stderr=stderr,
        systematic=systematic,
        of=of,
    )


def _found(on: Cloud | Neighbors, method: Method[Any], of: str, seed: int) -> Quantity:
    result = estimate(on, method, rng=seed)
    path = of or ("" if isinstance(result, Quantity) else result.main)
    try:
        found = at_path(result, path) if path else result
    except (AttributeError, IndexError, ValueError):
        found = None
    if not isinstance(found, Quantity):
        raise ManifoldScaleError(
            f"`of` must name a number with an interval in the result of {method}, whose "
            f"columns are {', '.join(result.row())}; it is {of!r}."
        )
    require(math.isfinite(found.value), f"{method} gives no number here: {found}")
    return found


def _systematic(one: Quantity) -> float:
    """Zero where the method knows none: what it leaves out, its caveats say."""
    known = float(getattr(one, "systematic", 0.0))
    return known if math.isfinite(known) else 0.0


def _parts(groups: Any, n: int, count: int, seed: int) -> Ints:
    """(n,) the part of each row, of near equal numbers of groups."""
    code = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(code.max()) + 1
    require(
        units >= 2 * count,
        f"{count} parts need at least {2 * count} examples or groups; there are {units}.",
    )
    return np.asarray(keyed(seed, "parts").permutation(units)[code] % count)


def _apart(
    a: Cloud, b: Cloud, part: Ints, method: Method[Any], of: str, seed: int
) -> Floats:
    """The difference without each part in turn."""
    tables = [_with_spare_neighbors(cloud, method) for cloud in (a, b)]
    found = []
    for left_out in range(int(part.max()) + 1):
        gone = np.flatnonzero(part == left_out)
        one, other = (
            _found(_without(cloud, table, gone, method), method, of, seed).value
            for cloud, table in zip((a, b), tables, strict=True)
        )
        found.append(other - one)
    return np.array(found)


def _with_spare_neighbors(cloud: Cloud, method: Method[Any]) -> Neighbors | None:
    """A table from which a part of the points can be left out; None if there is none."""
    k = method.n_neighbors
    if k == 0 or method.n_anchors is not None:
        return None
    try:
        near = cloud.neighbors(2 * k + 8)
    except ManifoldScaleError:  # that many points, outside of a group, there are not
        return None
    return near if near.n_points == near.n_rows else None


def _without(
    cloud: Cloud, table: Neighbors | None, gone: Ints, method: Method[Any]
) -> Cloud | Neighbors:
    near = None if table is None else table.without(gone)
    if near is not None and near.k >= method.n_neighbors:
        return near
    return cloud.take(np.setdiff1d(np.arange(len(cloud)), gone))


def _ends(value: float, half: float, first: Interval, second: Interval) -> Interval:
    """An end that is not known of one number is not known of the difference."""
    low = -math.inf if math.isinf(first.high) or math.isinf(second.low) else value - half
    high = math.inf if math.isinf(second.high) or math.isinf(first.low) else value + half
    return Interval(low, high)


def _either(first: Quantity, second: Quantity) -> tuple[Remark, ...]:
    """The caveats of both, each once."""
    return tuple(
        {note.caveat: note for one in (second, first) for note in one.caveats}.values()
    )
