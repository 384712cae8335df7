"""Representations of the same examples, row by row, made ready to be compared."""

import dataclasses as dc
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, check_same_rows
from ..core.error_bars import jackknife_freedom, quantile
from ..core.errors import ManifoldScaleError, require
from ..core.random import keyed
from ..geometry.cloud import Cloud, as_cloud
from ..geometry.duplicates import hashes
from ..geometry.within_noise import noise_share

BLOCK_BYTES = 1 << 25
TIE = 1e-12  # squared distances, in units of the mean squared norm, that are equal


@dc.dataclass(frozen=True, eq=False)
class Aligned:
    """Layers with the same examples in the same rows, in a random order of the groups.

    Attributes
    ----------
    layers : each (n x features), centred, of root mean square norm 1; None where all points
        are equal.
    group : (n,) the group of each row, 0, 0, ..., 1, ...; a row is a group of its own if
        there are no groups. Points of a group are not independent and no neighbours.
    labels : (n,) or None.
    noise : of each layer, the share of its variance that is noise of means over trials.
    n_copies : rows left out because an earlier row equals them in every layer.
    seed : of the draws that break ties.
    """

    layers: tuple[Floats | None, ...]
    group: Ints
    labels: Array | None
    noise: tuple[float, ...]
    n_copies: int
    seed: int

    def __len__(self) -> int:
        return len(self.group)

    @property
    def starts(self) -> Ints:
        """The first row of each group."""
        return np.flatnonzero(np.diff(self.group, prepend=-1))

    @property
    def sizes(self) -> Ints:
        """How many rows each group has."""
        return np.bincount(self.group)

    @property
    def others(self) -> Ints:
        """(n,) how many points are outside the group of each row."""
        return len(self) - self.sizes[self.group]

    def squared_distances(self, layer: Floats) -> Iterator[tuple[slice, Floats]]:
        """Blocks of rows of the matrix of squared distances, infinite within a group.

        Ties are broken at random for every row, and in the same way at every call: one
        order for all rows would make some points the neighbours of everyone.
        """
        rng = keyed(self.seed, "ties")
        norms = np.einsum("ij,ij->i", layer, layer)
        first = self.starts[self.group]
        last = first + self.sizes[self.group]
        for rows in row_blocks(len(self), len(self)):
            block = layer[rows] @ layer.T
            block *= -2
            block += norms[rows, None]
            block += norms
            block += TIE * rng.random(block.shape, dtype=np.float32)
            for row, (start, stop) in enumerate(zip(first[rows], last[rows], strict=True)):
                block[row, start:stop] = np.inf
            yield rows, block

    def permutations(self, count: int, seed: int) -> Ints:
        """(count x n) random orders of the rows: groups change place with groups of their
        size.
        """
        orders = np.empty((count, len(self)), np.int64)
        rng, starts, sizes = keyed(seed, "permutations"), self.starts, self.sizes
        for order in orders:
            for size in np.unique(sizes):
                here = starts[sizes == size]
                inside = np.arange(size)
                order[here[:, None] + inside] = rng.permutation(here)[:, None] + inside
        return orders


@dc.dataclass(frozen=True, eq=False)
class Estimate:
    """A number, and what it is without each group in turn (groups,).

    `of_pairs` is the variance that comes from pairs of points, as of a point and its
    neighbour, beyond what each point brings alone.
    """

    value: float
    left_out: Floats
    of_pairs: float = 0.0

    @property
    def stderr(self) -> float:
        """By the jackknife, whose variance is not too small on average for any statistic
        of independent groups; it counts the part of pairs twice, and that of larger sets
        more often (Efron and Stein 1981, Annals of Statistics 9:586).
        """
        n = len(self.left_out)
        variance = (n - 1) * float(self.left_out.var())
        return float(np.sqrt(max(variance - self.of_pairs, variance / 4)))

    @property
    def freedom(self) -> float:
        return jackknife_freedom(self.left_out)

    @property
    def half(self) -> float:
        """How far a 95 % interval reaches to either side."""
        return quantile(self.freedom) * self.stderr


def row_blocks(n: int, width: int, copies: int = 1) -> Iterator[slice]:
    """Blocks of `n` rows, so that `copies` tiles of `width` columns fit in the cache."""
    step = max(1, BLOCK_BYTES // (8 * width * copies))
    yield from (slice(start, min(start + step, n)) for start in range(0, n, step))


def aligned(given: Sequence[tuple[str, Any]], seed: int) -> Aligned:
    """The layers of representations that hold the same examples in the same order.

    Raises
    ------
    ManifoldScaleError : other numbers of points, or other labels, groups or ids.
    """
    check_same_rows(given)
    clouds = [(name, as_cloud(one)) for name, one in given]
    labels, groups = same_examples(clouds)
    kept = _without_copies([cloud.points for _, cloud in clouds])
    order, group = _in_groups(None if groups is None else groups[kept], len(kept), seed)
    rows = kept[order]
    return Aligned(
        layers=tuple(_centred(cloud.points, rows) for _, cloud in clouds),
        group=group,
        labels=None if labels is None else labels[rows],
        noise=tuple(noise_share(cloud.points, cloud.noise) for _, cloud in clouds),
        n_copies=len(clouds[0][1]) - len(kept),
        seed=seed,
    )


def same_examples(
    clouds: Sequence[tuple[str, Cloud]],
) -> tuple[Array | None, Array | None]:
    """The labels and the groups of clouds with the same examples in the same order."""
    total = len(clouds[0][1])
    for name, cloud in clouds:
        require(
            len(cloud) == total,
            "Representations of the same examples are compared row by row, and "
            f"{clouds[0][0]!r} has {total:,} points, {name!r} {len(cloud):,}.",
        )
    labels, groups = (_common(clouds, name) for name in ("labels", "groups"))
    _common(clouds, "ids")
    return labels, groups


def _common(clouds: Sequence[tuple[str, Cloud]], what: str) -> Array | None:
    """The labels, groups or ids of all; those of a cloud that has none are not known."""
    every = [(name, getattr(cloud, what)) for name, cloud in clouds]
    known = [(name, values) for name, values in every if _is_said(values, what)]
    if not known:
        return None
    if what == "ids" and _counts(np.sort(known[0][1])):  # the same ones in another order
        known = every
    (first, values), *rest = known
    for name, others in rest:
        if not np.array_equal(values, others):
            unlike = _first_unlike(values, others)
            raise ManifoldScaleError(
                f"The {what} of {first!r} and {name!r} differ{unlike}: representations are "
                "compared row by row, and need the same examples in the same order."
            )
    return np.asarray(values)


def _is_said(values: Array | None, what: str) -> bool:
    """Whether they say anything; ids that count the rows are those of any cloud."""
    if values is None:
        return False
    return what != "ids" or not _counts(values)


def _counts(ids: Array) -> bool:
    """Whether they are the numbers of the rows."""
    return np.array_equal(ids, np.arange(len(ids)))


def _first_unlike(values: Array, others: Array) -> str:
    if values.shape != others.shape:
        return ""
    unlike = np.asarray(values != others)
    row = int(np.flatnonzero(unlike.reshape(len(values), -1).any(axis=1))[0])
    return f", first in row {row} ({values[row]!r} and {others[row]!r})"


def _without_copies(layers: Sequence[Array]) -> Ints:
    """Rows that no earlier row equals in every layer, by their hashes."""
    keys = np.stack([hashes(layer) for layer in layers], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    return np.sort(first)


def _in_groups(groups: Array | None, n: int, seed: int) -> tuple[Ints, Ints]:
    """A random order of rows with groups together, and the group of each in that order."""
    rng = keyed(seed, "order")
    order = rng.permutation(n)
    if groups is None:
        return order, np.arange(n)
    require(groups.ndim == 1, f"`groups` must be 1-D; its shape is {groups.shape}.")
    _, code = np.unique(groups, return_inverse=True)
    code = rng.permutation(code.max() + 1)[code]
    order = order[np.argsort(code[order], kind="stable")]
    return order, code[order]


def _centred(points: Array, rows: Ints) -> Floats | None:
    values = np.asarray(points[rows], dtype=np.float64)
    largest = float(np.abs(values).max())
    if (values == values[0]).all():
        return None
    values = values / largest  # squares of huge or tiny numbers are not numbers
    values = values - values.mean(axis=0)
    return np.asarray(values / np.sqrt(np.square(values).sum(axis=1).mean()))
