"""Dimension against scale: where it is constant, and what changes it elsewhere."""

import dataclasses as dc
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.method import Method, Wrapper
from ..core.random import generator
from ..core.result import Table
from ..core.settings import Count
from ..core.style import drawing, plain_log_axis
from ..geometry.cloud import Cloud
from ..geometry.estimate import estimate
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .exponential import rate_interval
from .gride import Gride, with_fit
from .two_nn import TwoNN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_BLOCKS = 16  # disjoint parts of a cloud that are searched at one scale
FLAT = 0.05  # a plateau: the change per scale is surely below this share,
CLOSE = 1.1  # and all values are within this ratio
CLEAR = 1.1  # a trend: values beyond this ratio, and intervals that do not overlap
BY_RANK = Gride()  # one table serves all scales
DROP = 0.5  # edges make the dimension fall too, but not to less than this share
SHORTEST = 3  # scales, a factor of two apart, that a plateau needs


@dc.dataclass(frozen=True)
class ScaleCurve(Dimension):
    """A dimension with its dependence on scale.

    A scale is given as the number of training examples that resolve it: so many points of
    the same distribution have nearest neighbours at this distance.

    Attributes
    ----------
    value : the dimension on the plateau; without one, at the smallest scale; at `at_scale`
        examples if that was asked for.
    curve : the estimates, from the smallest scale to the largest.
    examples : for each estimate, how many examples resolve its scale.
    plateau : (first, last) position of the longest run of constant dimension, or None.
    trend : "flat", "noise" (falls towards a plateau: at the smallest scale, noise fills
        more dimensions), "folding" (rises: at a larger scale other sheets come near, or
        curvature bends into more directions), "clusters" (drops to less than half: at a
        larger scale the cloud is in parts that lie apart), several of these joined by
        "and", "falling" (without a plateau: edges, density, or noise at all scales), or
        "unclear".
    """

    curve: tuple[Dimension, ...] = ()
    examples: tuple[float, ...] = ()
    plateau: tuple[int, int] | None = None
    trend: str = "unclear"

    def headline(self) -> str:
        fine, coarse = (f"{round(self.examples[end]):,}" for end in (0, -1))
        if len(self.curve) == 1:
            return f"{super().headline()} at the resolution of {fine} examples"
        return f"{super().headline()}; {self.trend} from {fine} to {coarse} examples"

    def scales(self) -> Table:
        """Every estimate of the curve as a row, with its number of examples."""
        labels = tuple({"examples": n} for n in self.examples)
        return Table(self.curve, labels)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Dimension against the number of examples; the plateau as a band."""
        values = np.array([dim.value for dim in self.curve])
        ends = np.array([tuple(dim.interval) for dim in self.curve])
        reach = np.abs(ends - values[:, None]).T
        (line, *_) = ax.errorbar(self.examples, values, reach, fmt="o-", capsize=2)
        if self.plateau is not None:
            first, last = self.plateau
            ax.fill_between(
                [self.examples[last], self.examples[first]],
                *self.interval,
                color=line.get_color(),
                alpha=0.2,
                lw=0,
            )
        ax.set(xscale="log", xlabel="examples that resolve the scale", ylabel="dimension")
        plain_log_axis(ax.xaxis, self.examples)


@dc.dataclass(frozen=True)
class AcrossScales(Wrapper[ScaleCurve]):
    """A method at a range of scales, each twice as coarse as the one before.

    `Gride` uses higher ranks: r_n among N points is about the nearest distance among N / n,
    so one neighbour table serves all scales. Any other method is applied to disjoint parts
    of the cloud with N, N/2, N/4, ... points, and 1/d is averaged over the parts.

    Parameters
    ----------
    method : the method to apply.
    at_scale : a number of training examples, at most N: the dimension at the scale that
        they resolve, from disjoint parts of that many points. A prediction then uses the
        dimension that a sweep over dataset sizes resolves.
    octaves : how many times the scale doubles, as far as the points allow.
    fewest : parts of a cloud with fewer points are not used.
    seed : of the division into parts.

    Raises
    ------
    ManifoldScaleError : fewer points than `at_scale`, or too few for two scales.
    """

    method: Method[Dimension] = BY_RANK
    at_scale: int | None = None
    octaves: Count = 5
    fewest: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.at_scale is None or self.at_scale >= self.n_neighbors + 2,
            f"`at_scale` must be a number of examples above {self.n_neighbors + 1}; not "
            f"{self.at_scale}.",
        )

    @property
    def n_neighbors(self) -> int:
        if isinstance(self.method, Gride) and self.at_scale is None:
            return self.method.last << self.octaves
        return super().n_neighbors

    @property
    def min_neighbors(self) -> int:
        by_rank = self.n_neighbors > self.method.n_neighbors
        return self.n_neighbors if by_rank else super().min_neighbors

    def __call__(self, near: Neighbors, /) -> ScaleCurve:
        if self.at_scale is not None:
            return self._at(near, self.at_scale)
        if isinstance(self.method, Gride):
            curve, examples = _by_rank(self.method, near, self.octaves)
        else:
            curve, examples = self._by_decimation(near)
        return summarise(self, curve, examples)

    def _by_decimation(self, near: Neighbors) -> tuple[list[Dimension], list[float]]:
        sizes = [near.n_points >> j for j in range(self.octaves + 1)]
        sizes = [n for n in sizes if n >= self.fewest]
        require(
            len(sizes) >= 2,
            f"{near.n_points} points make only one scale of at least {self.fewest}; use "
            "more points or a smaller `fewest`.",
        )
        curve = [estimate(near, self.method)]
        curve += [pooled_over_parts(self.method, near, n, self.seed) for n in sizes[1:]]
        return curve, [float(n) for n in sizes]

    def _at(self, near: Neighbors, n: int) -> ScaleCurve:
        require(
            n <= near.n_points,
            f"`at_scale` is {n:,} examples, and the cloud has {near.n_points:,} points: it "
            "does not resolve that scale. Use more points, or a smaller `at_scale`.",
        )
        dim = pooled_over_parts(self.method, near, n, self.seed)
        return _curve(dc.replace(dim, method=self), [dim], [float(n)], None, "unclear")


def _by_rank(
    method: Gride, near: Neighbors, octaves: int
) -> tuple[list[Dimension], list[float]]:
    ranks = [
        Gride(method.n1 << j, method.last << j)
        for j in range(octaves + 1)
        if method.last << j <= near.k
    ]
    curve = [rank(near.first(rank.n_neighbors)) for rank in ranks]
    return curve, [near.n_points / rank.n1 for rank in ranks]


def pooled_over_parts(
    method: Method[Dimension], near: Neighbors, n: int, seed: int
) -> Dimension:
    """The method on disjoint random parts of `n` points, by the mean of 1 / d.

    The parts are independent samples: the variance of the mean is the variance of one part
    over their number.
    """
    require(
        near.cloud is not None,
        f"{method} at another scale needs the points, to search parts of the cloud; this "
        "table holds distances only. Give the points themselves, or use `Gride`, whose "
        "ranks make several scales from distances.",
    )
    assert near.cloud is not None
    order = generator(seed).permutation(near.rows)
    parts = [order[i * n : (i + 1) * n] for i in range(min(len(order) // n, MAX_BLOCKS))]
    found = [estimate(near.cloud.take(part), method) for part in parts]
    pooled = over_samples(found)
    if found[0].uncorrected is not None:
        before = over_samples([dim.resolved for dim in found])
        pooled = dc.replace(pooled, uncorrected=before)
    return with_fit(pooled, math.nan)


def over_samples(found: Sequence[Dimension]) -> Dimension:
    """The mean of 1 / d over independent samples of one size."""
    value = 1 / float(np.mean([1 / dim.value for dim in found]))
    relative = math.sqrt(sum((dim.stderr / dim.value) ** 2 for dim in found)) / len(found)
    first = found[0]
    interval = first.interval
    if len(found) > 1:  # the systematic part of the first interval does not average out
        spread = rate_interval(value, relative) if relative > 0 else Interval(value, value)
        beyond = [_beyond(dim) for dim in found]
        low, high = (float(np.median([ends[side] for ends in beyond])) for side in (0, 1))
        interval = Interval(spread.low * low, spread.high * high)
    return dc.replace(
        first,
        value=value,
        interval=interval,
        stderr=value * relative,
        raw=1 / float(np.mean([1 / dim.raw for dim in found])),
        scale=float(np.mean([dim.scale for dim in found])),
        n_queries=sum(dim.n_queries for dim in found),
    )


def _beyond(dim: Dimension) -> tuple[float, float]:
    """The factors by which the interval exceeds the statistical one: (<= 1, >= 1)."""
    relative = dim.stderr / dim.value
    statistical = rate_interval(dim.value, relative)
    return (
        min(dim.interval.low / statistical.low, 1.0),
        max(dim.interval.high / statistical.high, 1.0),
    )


def resolved_by_sizes(cloud: Cloud, sizes: Sequence[int], seed: int = 0) -> Dimension:
    """The dimension that a sweep over these dataset sizes resolves: the mean of 1 / d over
    the sizes, with d from TwoNN on disjoint parts of the cloud with as many points.

    The exponent of a power law fitted over the sizes is a mean of its slopes, and the slope
    at D is s / d(D) with the dimension d(D) at the scale of D examples. All sizes use the
    same points, so the relative error is the mean of theirs, as if they were equal errors.

    Parameters
    ----------
    sizes : numbers of examples, at most the number of distinct points (larger ones count
        as this number).

    Raises
    ------
    ManifoldScaleError : there is no size, or one is below four.
    """
    require(len(sizes) > 0, "`sizes` is empty: give the numbers of examples of the sweep.")
    require(min(sizes) >= 4, f"`sizes` must be four or more; one is {min(sizes)}.")
    method = TwoNN()
    near = cloud.neighbors(2, anchors=1)  # only for its distinct rows
    each = [
        pooled_over_parts(method, near, min(size, near.n_points), seed) for size in sizes
    ]
    value = 1 / float(np.mean([1 / dim.value for dim in each]))
    relative = float(np.mean([dim.stderr / dim.value for dim in each]))
    return dc.replace(
        each[-1],
        value=value,
        interval=rate_interval(value, relative),
        stderr=value * relative,
        raw=value,
        basis=f"TwoNN, {number(each[0].value)} by {sizes[0]:,} examples to "
        f"{number(each[-1].value)} by {sizes[-1]:,}",
        # The low value of a few points is what this function is for.
        caveats=tuple(
            note
            for note in each[-1].caveats
            if note.caveat is not Caveat.FINITE_SAMPLE_BIAS
        ),
    )


def summarise(
    method: object, curve: Sequence[Dimension], examples: Sequence[float]
) -> ScaleCurve:
    """The curve's plateau and trend, and the dimension that follows from them."""
    plateau = find_plateau(curve)
    trend = find_trend(curve, plateau)
    chosen = curve[0] if plateau is None else _on_plateau(curve[slice_of(plateau)])
    chosen = with_fit(chosen, curve[0].gof_p)
    notes = _notes(trend, curve, examples, plateau)
    if not any(note.caveat is Caveat.NEAR_COPIES for note in chosen.caveats):
        notes += [n for n in curve[0].caveats if n.caveat is Caveat.NEAR_COPIES]
    notes = [*chosen.caveats, *notes]
    chosen = dc.replace(chosen, method=method, caveats=tuple(notes))
    return _curve(chosen, curve, examples, plateau, trend)


def slice_of(plateau: tuple[int, int]) -> slice:
    return slice(plateau[0], plateau[1] + 1)


def find_plateau(curve: Sequence[Dimension]) -> tuple[int, int] | None:
    """The longest run of scales on which the dimension is shown to be constant: the 95 per
    cent interval of its change per scale is within 5 per cent, so that a few scales with
    wide errors are none. Of two as long, the one at the smaller scale.
    """
    best: tuple[int, int] | None = None
    for first in range(len(curve)):
        for last in range(first + SHORTEST - 1, len(curve)):
            run = curve[first : last + 1]
            values = [dim.value for dim in run]
            close = max(values) <= CLOSE * min(values)
            longer = best is None or last - first > best[1] - best[0]
            if longer and close:
                drift, error = _drift(run)
                if abs(drift) + 1.96 * error <= FLAT:
                    best = first, last
    return best


def _drift(run: Sequence[Dimension]) -> tuple[float, float]:
    """The change of log d from scale to scale, and its standard error as of independent
    estimates; those that share points differ by less.
    """
    logs = np.log([dim.value for dim in run])
    weights = np.array([(dim.value / dim.stderr) ** 2 for dim in run])
    steps = np.arange(len(run)) - np.average(np.arange(len(run)), weights=weights)
    size = float(weights @ steps**2)
    return float(weights @ (steps * logs)) / size, 1 / math.sqrt(size)


def find_trend(curve: Sequence[Dimension], plateau: tuple[int, int] | None) -> str:
    """What the curve does outside its plateau: see `ScaleCurve`."""
    if plateau is None:
        if any(
            dim.interval.high < 1 and dim.value < DROP * curve[0].value for dim in curve
        ):
            return "clusters"
        steps = list(itertools.pairwise(curve))
        if any(_above(fine, coarse) for fine, coarse in steps) or _above(
            curve[0], curve[-1]
        ):
            falls = all(fine.value >= coarse.value for fine, coarse in steps)
            return "falling" if falls else "noise and folding"
        return "folding" if _above(curve[-1], curve[0]) else "unclear"
    inside = curve[slice_of(plateau)]
    level = min(inside, key=lambda dim: dim.stderr)
    words = []
    if any(_above(dim, level) for dim in curve[: plateau[0]]):
        words.append("noise")
    if any(_above(dim, level) for dim in curve[plateau[1] + 1 :]) or any(
        _above(level, dim) for dim in curve[: plateau[0]]
    ):
        words.append("folding")
    if any(
        dim.interval.high < level.interval.low and dim.value < DROP * level.value
        for dim in curve[plateau[1] + 1 :]
    ):
        words.append("clusters")
    return " and ".join(words) or "flat"


def _above(one: Dimension, other: Dimension) -> bool:
    return one.interval.low > other.interval.high and one.value > CLEAR * other.value


def _on_plateau(run: Sequence[Dimension]) -> Dimension:
    """The precision-weighted mean. The estimates share points, so its error is the error of
    the best of them. Noise, edges and curvature move them by less than a plateau's
    tolerance: the interval covers every value, the interval at the smallest scale, and
    where the values would be after the same change over as many scales again.
    """
    weights = np.array([(dim.value / dim.stderr) ** 2 for dim in run])
    value = float(1 / np.average([1 / dim.value for dim in run], weights=weights))
    best = min(run, key=lambda dim: dim.stderr / dim.value)
    ends = rate_interval(value, best.stderr / best.value)
    beyond = math.exp(1.5 * abs(_drift(run)[0]) * (len(run) - 1))  # from the middle
    lows = [ends.low, run[0].interval.low, value / beyond, *(dim.value for dim in run)]
    highs = [ends.high, run[0].interval.high, value * beyond, *(dim.value for dim in run)]
    return dc.replace(
        best,
        value=value,
        raw=value if best.raw == best.value else best.raw,
        interval=Interval(min(lows), max(highs)),
    )


def _notes(
    trend: str,
    curve: Sequence[Dimension],
    examples: Sequence[float],
    plateau: tuple[int, int] | None,
) -> list[Remark]:

    def between(one: int, other: int) -> str:
        return (
            f"{number(curve[one].value)} at {number(examples[one])} examples, "
            f"{number(curve[other].value)} at {number(examples[other])}"
        )

    last = len(curve) - 1
    if plateau is None:  # the numbers show whether it rises or falls
        parts = [Caveat.CLUSTERED()] if trend == "clusters" else []
        return [Caveat.NO_PLATEAU(between(0, last)), *parts]
    first, end = plateau
    values = [dim.value for dim in curve]
    notes = []
    if "noise" in trend:
        notes.append(Caveat.NOISE(between(values.index(max(values[:first])), first)))
    if "folding" in trend:
        later = values[last] > values[end]
        low = values.index(min(values[:first], default=values[0]))
        notes.append(Caveat.FOLDING(between(end, last) if later else between(low, first)))
    if "clusters" in trend:
        notes.append(Caveat.CLUSTERED(between(end, last)))
    return notes


def _curve(
    dim: Dimension,
    curve: Sequence[Dimension],
    examples: Sequence[float],
    plateau: tuple[int, int] | None,
    trend: str,
) -> ScaleCurve:
    fields: dict[str, Any] = {f.name: getattr(dim, f.name) for f in dc.fields(Dimension)}
    return ScaleCurve(
        **fields, curve=tuple(curve), examples=tuple(examples), plateau=plateau, trend=trend
    )
