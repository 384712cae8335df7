"""I3D: the dimension of points on an integer lattice."""

import dataclasses as dc
from typing import Annotated

import numpy as np
from scipy.optimize import brentq

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.method import Method
from ..core.settings import at_least
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .discrete import DistanceCounts, dimension_of_rows, distance_counts, integers

LARGEST_DIM = 1e4
ENOUGH_NEIGHBORS = 10  # mean number inside the outer radius that is chosen
LONGEST = 200


@dc.dataclass(frozen=True)
class I3D(Method[Dimension]):
    """The binomial estimator with the volumes of a lattice, for counts and integers.

    On Z^d a ball of integer radius r in the city-block metric holds V(r, d) points, whose
    generating function is (1 + z)^d / (1 - z)^(d + 1); so V(0) = 1, V(1) = 2 d + 1, and

        (r + 1) V(r + 1) = (2 d + 1) V(r) + r V(r - 1)

    for any real d >= 0 (derived; it is the closed form of Macocco, Glielmo, Grilli & Laio
    2023, PRL 130:067401). If the density is constant over the outer ball, each row in it is
    in the inner ball with probability V(inner) / V(outer); d is the dimension at which this
    equals the counted share. Distances are city-block; every row counts, repeats too,
    because on a lattice density means repetition.

    The standard error is that of an average over pairs (a U-statistic over rows). The
    share is counted again between the outer radius and twice it; if the dimension differs
    by more than its error, a caveat says so: counts with a mean of a few have no range over
    which their density is constant.

    Parameters
    ----------
    outer : radius of the outer ball; None for the smallest, at least 2, that holds 10 other
        rows on average.
    inner : radius of the inner ball; None for half the outer one, rounded down.

    Raises
    ------
    ManifoldScaleError : the values are not integers; no other row is inside a radius of
        200; or all pairs inside the outer radius are inside the inner one too.
    """

    outer: Annotated[int, at_least(0)] | None = None
    inner: Annotated[int, at_least(0)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.outer is not None:
            inner = self.outer // 2 if self.inner is None else self.inner
            require(
                inner < self.outer,
                f"`inner` must be below `outer`; got {inner} and {self.outer}.",
            )

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> Dimension:
        rows = integers(self, near)
        reach = LONGEST if self.outer is None else 2 * self.outer
        pairs = distance_counts(rows, reach)
        cumulative = np.cumsum(pairs.total)
        outer = self._outer(cumulative / len(rows)) if self.outer is None else self.outer
        inner = outer // 2 if self.inner is None else self.inner
        require(inner < outer, f"`inner` must be below `outer`; got {inner} and {outer}.")
        value, stderr = _solve(pairs, cumulative, inner, outer)
        notes = _at_twice(pairs, cumulative, outer, value, stderr)
        return dimension_of_rows(
            self, near, pairs, value, stderr, scale=float(outer), remarks=notes
        )

    def _outer(self, mean_counts: Floats) -> int:
        enough_inside = np.flatnonzero(mean_counts >= ENOUGH_NEIGHBORS)
        require(
            len(enough_inside) > 0,
            f"Within a city-block radius of {LONGEST} a row has {mean_counts[-1]:.1f} "
            "others on average: on a lattice this sparse use an estimator for real "
            "numbers, such as `TwoNN()`, or give `outer`.",
        )
        return max(int(enough_inside[0]), 2)


def lattice_volumes(dim: float, longest: int) -> Floats:
    """Lattice points within city-block distance 0 .. longest in (real) dimension `dim`,
    relative to the largest number, because the numbers themselves overflow.
    """
    ratios = np.empty(longest + 1)  # V(r) / V(r - 1), with V(-1) = 0
    ratios[0] = np.inf
    for r in range(longest):
        ratios[r + 1] = (2 * dim + 1 + r / ratios[r]) / (r + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(ratios[1:]))])
    return np.asarray(np.exp(logs - logs[-1]))


def _solve(
    pairs: DistanceCounts, cumulative: Floats, inner: int, outer: int
) -> tuple[float, float]:
    """The dimension whose lattice gives the share inside, and its standard error."""
    inside, total = float(cumulative[inner]), float(cumulative[outer])
    require(
        inside < total,
        f"Every pair of rows within city-block distance {outer} is within {inner}: give "
        "smaller radii.",
    )
    require(
        inside > 0,
        f"No pair of rows within city-block distance {outer} is within {inner}: the rows "
        "are sparse, for example because counting noise fills many features. Give an "
        "`inner` nearer to `outer`, or take the counts as real numbers: `AcrossScales()`.",
    )
    share = inside / total

    def excess(dim: float) -> float:
        return float(lattice_volumes(dim, outer)[inner]) - share

    # In dimension 0 there is one point, and everything is inside: the excess is positive.
    require(
        excess(LARGEST_DIM) < 0,
        f"The share inside, {share:.2g}, means a dimension above {LARGEST_DIM:.0f}.",
    )
    value = float(brentq(excess, 0.0, LARGEST_DIM, xtol=1e-10))
    step = 1e-4 * max(value, 1e-2)
    slope = (excess(value + step) - excess(value - step)) / (2 * step)
    distance = np.arange(pairs.counts.shape[1])
    weights = (distance <= inner) - share * (distance <= outer)
    weights = weights * (pairs.n_pairs / total)
    return value, float(np.sqrt(pairs.variance(weights))) / abs(slope)


def _at_twice(
    pairs: DistanceCounts, cumulative: Floats, outer: int, value: float, stderr: float
) -> list[Remark]:
    """A caveat if the dimension between `outer` and twice it is different."""
    twice = 2 * outer
    if twice >= len(cumulative) or cumulative[twice] == cumulative[outer]:
        return []
    wider, error = _solve(pairs, cumulative, outer, twice)
    if abs(wider - value) < 2 * float(np.hypot(error, stderr)) + 0.1 * value:
        return []
    return [Caveat.SCALE_DEPENDENT(f"{wider:.2g} between distances {outer} and {twice}")]
