"""Betti numbers of the manifold of a cloud, from its Rips complex."""

import dataclasses as dc
import math
from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval
from ..core.method import Method
from ..core.random import keyed, nested_rows
from ..core.settings import Level, Rule, above, at_least
from ..geometry.neighbors import Neighbors
from ..geometry.rounded import tied
from ..geometry.scaled import raw_points, scaled_points, unit
from . import cost
from .landmarks import Landmarks, farthest_points
from .null_model import (
    COMPONENTS,
    detectable,
    gap_p_values,
    noise_of,
    universal_p_values,
)
from .persistence import Betti, Persistence
from .process import Diagrams, diagrams

LANDMARKS = {0: 1, 1: 300, 2: 150}  # take a few seconds with the default subsamples
TREE_POINTS = 1000  # points of the tree that counts components
BEYOND = "Degree 3 is beyond what can be computed on enough points."
FEWEST = 10
FEW = 100
TIED = 0.01  # share of tied edges that a continuous density never shows
TAIL = 0.95  # share of the subsamples that the interval holds


@dc.dataclass(frozen=True)
class Rips(Method[Persistence]):
    """Persistent homology of the Rips filtration of landmarks, by ripser.

    A simplex enters at the diameter of its points; a hole of degree k is a bar from its
    birth to its death. The Betti number of degree k is the number of bars that noise does
    not explain at `level`, corrected for all bars of the degree; `topology/null_model.py`
    has the tests and their validation. Degree 0 comes from the minimum spanning tree of up
    to 1,000 random points, because landmarks would prefer outliers.

    The interval comes from the same count in `subsamples` draws of half of the points
    without replacement, each with its own landmarks. (A bootstrap with replacement has
    duplicates, and is not valid for Betti numbers.) It includes the scatter of the sample,
    not what too few landmarks miss: the result says from which death / birth a hole shows.

    The slope of the tree's length against the number of points is a dimension:
    `ms.dimension.PersistentHomology()`.

    Parameters
    ----------
    up_to : highest degree, 0, 1 or 2.
    landmarks : their number; 300 up to degree 1, 150 up to degree 2. Time grows as the 2nd
        to 3rd power in degree 1, and as the 4th in degree 2.
    coefficients : 2 or 3, the field Z2 or Z3. If their results differ there is torsion:
        `ms.topology.compare_coefficients`.
    threshold : largest scale, in the units of the cloud. It saves time and memory.
    subsamples : draws for the intervals; 39 give 95 %, 0 gives no interval.
    level : chance of a false hole, for each degree.
    time_limit : seconds, after which the computation, in a separate process, is stopped.
    memory_limit : bytes. A run that would need more memory or time is refused.
    seed : of the subsamples, and of the points of the tree.

    Raises
    ------
    ManifoldScaleError : fewer than 10 distinct points, distances without points, a cost
        beyond the limits, or a process that died or was stopped.
    """

    up_to: Annotated[int, Rule("0, 1 or 2", (0, 1, 2).__contains__, BEYOND)] = 1
    landmarks: Annotated[int, at_least(FEWEST)] | None = None
    coefficients: Annotated[int, Rule("2 or 3", (2, 3).__contains__)] = 2
    threshold: Annotated[float, above(0)] = math.inf
    subsamples: Annotated[int, at_least(0)] = 39
    level: Level = 0.05
    time_limit: float = 600.0
    memory_limit: float = 4e9
    seed: int = 0

    @property
    def n_neighbors(self) -> int:
        return 0

    @property
    def n_landmarks(self) -> int:
        return LANDMARKS[self.up_to] if self.landmarks is None else self.landmarks

    def __call__(self, near: Neighbors, /) -> Persistence:
        points = scaled_points(self, near)[near.rows]
        n, length = len(points), unit(raw_points(self, near))
        require(
            n >= FEWEST, f"Rips needs at least {FEWEST} distinct points; there are {n}."
        )
        parts = self._parts(points)
        draws = [self._drawn(next(parts))]
        cost.afford(
            draws[0].cloud,
            self.up_to,
            self.threshold / length,
            1 + self.subsamples,
            self.time_limit,
            self.memory_limit,
        )
        draws += map(self._drawn, parts)
        found = self._diagrams(draws, self.threshold / length)
        sizes = [one.points_per_landmark for one in draws]
        tests = [
            _tests(one, ratio, self.threshold / length)
            for one, ratio in zip(found, sizes, strict=True)
        ]
        counts = np.array([self._holes(test) for test in tests])
        noise = [
            one[p > self.level] for one, (p, _) in zip(found[0], tests[0], strict=True)
        ]
        top = [self._shows(k, one, sizes[0]) for k, one in enumerate(noise)]
        least, most = (
            self._holes(_tests(found[0], sizes[0], self.threshold / length, of))
            for of in ("least", "most")
        )
        ends = list(zip(least, most, strict=True))
        betti = tuple(
            self._betti(degree, counts[:, degree], ends[degree], top[degree], n)
            for degree in range(self.up_to + 1)
        )
        return Persistence(
            betti=betti,
            diagrams=tuple(length * one for one in found[0]),
            p_values=tuple(p for p, _ in tests[0]),
            p_universal=tuple(universal for _, universal in tests[0]),
            landmarks=near.rows[draws[0].landmarks.rows],
            covering_radius=length * draws[0].landmarks.covering_radius,
            method=self,
            n_points=n,
            caveats=self._caveats(near, len(draws[0].cloud), betti, found[0]),
        )

    def _holes(self, tests: Sequence[tuple[Floats, Floats]]) -> list[int]:
        """How many bars of each degree are no noise."""
        return [int((p <= self.level).sum()) for p, _ in tests]

    def _parts(self, points: Floats) -> Iterator[Floats]:
        """All points, then halves of them, one at a time: many would not fit in memory."""
        yield points
        n = len(points)
        for i in range(self.subsamples):
            half = keyed(self.seed, "subsample", i).choice(n, n // 2, replace=False)
            yield points[np.sort(half)]

    def _drawn(self, part: Floats) -> "_Draw":
        picked = farthest_points(part, self.n_landmarks)
        components = _components(part, self.seed)
        return _Draw(picked, part[picked.rows], components, len(part) / len(picked.rows))

    def _diagrams(self, draws: Sequence["_Draw"], threshold: float) -> list[Diagrams]:
        """Bars of each draw in falling order: degree 0 from its points, the rest from its
        landmarks.
        """
        found: list[Diagrams] = [[] for _ in draws]
        if self.up_to:
            clouds = [one.cloud for one in draws]
            found = diagrams(
                clouds, self.up_to, self.coefficients, threshold, self.time_limit
            )
        return [
            [draw.components, *(falling(bars, threshold) for bars in one[1:])]
            for draw, one in zip(draws, found, strict=True)
        ]

    def _shows(self, degree: int, noise: Floats, points_per_landmark: float) -> float:
        """death / birth from which a hole shows above these bars."""
        if degree == 0:
            return detectable(_tail(noise[:, 1]), COMPONENTS, self.level)
        law = noise_of(degree, points_per_landmark)
        sizes = law.sizes(ratios(noise[np.isfinite(noise[:, 1])], math.inf))
        return detectable(sizes, law, self.level)

    def _betti(
        self,
        degree: int,
        counts: np.ndarray,
        ends: tuple[int, int],
        seen: float,
        n: int,
    ) -> Betti:
        value, others = int(counts[0]), np.sort(counts[1:])
        draws = len(others)
        interval, notes = Interval(math.nan, math.nan), [Caveat.NO_SUBSAMPLES()]
        if draws:
            # A further draw lies between the j-th from either end with this probability.
            j = max(int((1 - TAIL) / 2 * (draws + 1)), 1)
            low = min(others[j - 1], value, ends[0])
            high = max(others[-j], value, ends[1])
            interval = Interval(float(low), float(high), 1 - 2 * j / (draws + 1))
            notes = []
        return Betti(
            value=float(value),
            interval=interval,
            method=self,
            n_points=n,
            caveats=tuple(notes),
            degree=degree,
            counts=tuple(int(count) for count in others),
            detectable=seen,
        )

    def _caveats(
        self, near: Neighbors, used: int, betti: Sequence[Betti], bars: Diagrams
    ) -> tuple[Remark, ...]:
        notes = near.remarks()
        if near.n_points < FEW:
            notes.append(Caveat.FEW_POINTS(f"{near.n_points} points"))
        edges = bars[0][1:, 1]
        ties = 1 - len(np.unique(edges)) / len(edges)
        if ties > TIED:
            notes.append(tied(near, f"{ties:.0%} of tree edges"))
        if self.up_to and used < near.n_points:
            notes.append(Caveat.LANDMARKS(f"{used} of {near.n_points:,}"))
        if any(np.isinf(one[:, 1]).any() for one in bars[1:]):
            notes.append(Caveat.CUT_OFF(f"threshold {self.threshold:g}"))
        if not self.subsamples:
            notes.append(Caveat.NO_SUBSAMPLES())
        for one in betti:
            drawn = {one.value, *one.counts}
            if min(drawn) > one.interval.low or max(drawn) < one.interval.high:
                notes.append(Caveat.BETTI_OPEN(f"degree {one.degree}"))
            elif one.interval.width > 0:
                notes.append(Caveat.BETTI_UNSTABLE(f"degree {one.degree}"))
        return tuple(notes)


@dc.dataclass(frozen=True, eq=False)
class _Draw:
    """What is used of the points, or of a part of them.

    landmarks : which, cloud : and where.
    components : (bars x 2), of degree 0.
    """

    landmarks: Landmarks
    cloud: Floats
    components: Floats
    points_per_landmark: float


def _tests(
    bars: Diagrams, points_per_landmark: float, threshold: float, of: str = "count"
) -> list[tuple[Floats, Floats]]:
    """p-values of each degree: over all bars, and against the universal law."""
    edges = _tail(bars[0][1:, 1])
    p_values = np.ones(len(bars[0]))
    p_values[0] = 0.0  # there is always one component
    p_values[1 : len(edges) + 1] = gap_p_values(edges, COMPONENTS)
    out = [(p_values, np.full(len(bars[0]), np.nan))]
    for degree, diagram in enumerate(bars[1:], start=1):
        found, law = ratios(diagram, threshold), noise_of(degree, points_per_landmark, of)
        p_values = gap_p_values(law.sizes(found), law)
        out.append((p_values, universal_p_values(np.log(found))))
    return out


def ratios(diagram: Floats, threshold: float) -> Floats:
    """death / birth; a bar without an end counts as ending at the threshold."""
    return np.asarray(np.minimum(diagram[:, 1], threshold) / diagram[:, 0])


def falling(bars: Floats, threshold: float) -> Floats:
    """The bars that have a length before the threshold, by falling death / birth."""
    bars = bars[np.minimum(bars[:, 1], threshold) > bars[:, 0]]
    return bars[np.argsort(-ratios(bars, threshold), kind="stable")]


def _components(points: Floats, seed: int) -> Floats:
    """Bars of degree 0, by falling death: the last component, and the edges of the tree,
    which single linkage joins.
    """
    from scipy.cluster.hierarchy import single
    from scipy.spatial.distance import pdist

    rows = nested_rows(TREE_POINTS, len(points), seed)
    deaths = np.append(np.inf, single(pdist(points[rows]))[::-1, 2])
    return np.stack([np.zeros(len(deaths)), deaths], axis=1)


def _tail(edges: Floats) -> Floats:
    """The longer half of falling edges, over the median edge, as `COMPONENTS` wants it."""
    half = len(edges) // 2
    return COMPONENTS.sizes(edges[:half] / edges[half])
