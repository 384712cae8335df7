"""Products of Hermite polynomials of whitened coordinates, in order of eigenvalue."""

import dataclasses as dc
import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ..core.arrays import Floats, Ints
from .level_coefficients import hermite_polynomials


@dc.dataclass(frozen=True, eq=False)
class HermiteModes:
    """Multi-indices alpha with their eigenvalues, the largest first.

    Attributes
    ----------
    eigenvalues : (modes,), l! b_l prod_i s_i^alpha_i with l = |alpha| and s_i the share of
        coordinate i in the variance.
    factors : the coordinates of each, one for each factor: (0, 0, 3) is
        h_2(z_0) h_1(z_3).
    """

    eigenvalues: Floats
    factors: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.eigenvalues)

    @property
    def degrees(self) -> Ints:
        return np.array([len(factors) for factors in self.factors], dtype=np.int64)

    @property
    def coordinates(self) -> int:
        """How many of the coordinates the products use."""
        return 1 + max((max(f, default=0) for f in self.factors), default=0)

    def products(self, whitened: Floats) -> Floats:
        """(modes x points), the products at (coordinates x points), the leading ones."""
        powers = [Counter(factors) for factors in self.factors]
        top = max((max(p.values(), default=0) for p in powers), default=0)
        table = list(hermite_polynomials(whitened, top + 1))
        found = np.ones((len(powers), whitened.shape[1]))
        for row, power in zip(found, powers, strict=True):
            for coordinate, degree in power.items():
                row *= table[degree][coordinate]
        return found


def largest_modes(coefficients: Floats, shares: Floats, rank: int) -> HermiteModes:
    """The `rank` largest eigenvalues.

    A level of multi-indices starts from the one with all factors in the largest
    coordinate. Each other has one parent, in which its last factor beyond the first
    coordinate is one coordinate larger; so children are never larger than their parent,
    and a heap gives all in order. Levels end where l! b_l s_0^l stops falling: beyond, as
    in an asymptotic series, the formula does not hold.

    Parameters
    ----------
    coefficients : (levels,), b_l; shares : (coordinates,), falling, with a sum of 1.
    """
    tops = level_tops(coefficients, shares[0])
    heap: list[tuple[float, int, tuple[int, ...]]] = [(-t, level, ()) for level, t in tops]
    heapq.heapify(heap)
    values: list[float] = []
    factors: list[tuple[int, ...]] = []
    while heap and len(values) < rank:
        value, level, moved = heapq.heappop(heap)
        values.append(-value)
        factors.append((0,) * (level - len(moved)) + moved[::-1])
        for child, ratio in _children(moved, level, shares):
            heapq.heappush(heap, (value * ratio, level, child))
    return HermiteModes(np.array(values), tuple(factors))


def level_tops(coefficients: Floats, share: float) -> list[tuple[int, float]]:
    """The levels that are used, with the largest eigenvalue of each."""
    tops: list[tuple[int, float]] = []
    for level, coefficient in enumerate(coefficients):
        if coefficient > 0:
            top = math.exp(
                math.lgamma(level + 1) + math.log(coefficient) + level * math.log(share)
            )
            if tops and top >= tops[-1][1]:
                break
            tops.append((level, top))
    return tops


def narrowness(coefficients: Floats, share: float) -> float:
    """The largest ratio, per level, of the top eigenvalues of the first three levels;
    infinite where all are below what a float holds.
    """
    positive = [
        (level, math.lgamma(level + 1) + math.log(b))
        for level, b in enumerate(coefficients)
        if b > 0
    ][:3]
    if not positive:
        return math.inf
    steps = [
        share * math.exp((after - before) / (high - low))
        for (low, before), (high, after) in itertools.pairwise(positive)
    ]
    return max(steps, default=0.0)


def _children(
    moved: tuple[int, ...], level: int, shares: Floats
) -> Iterator[tuple[tuple[int, ...], float]]:
    last = moved[-1] if moved else 0
    limit = moved[-2] if len(moved) > 1 else len(shares) - 1
    if moved and last < limit:
        yield (*moved[:-1], last + 1), float(shares[last + 1] / shares[last])
    if len(moved) < level and len(shares) > 1:
        yield (*moved, 1), float(shares[1] / shares[0])
