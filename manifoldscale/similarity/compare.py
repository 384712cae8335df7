"""The verb: representations of the same examples, compared."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.error_bars import influential, log_interval, quantile, share_interval
from ..core.errors import one_of, require
from ..core.interval import Interval
from ..core.settings import whole
from ..geometry.cloud import Cloud
from ..geometry.within_noise import NOTED
from . import alignment, neighborhoods as near, shape
from .aligned import Aligned, Estimate, aligned
from .comparison import MEASURES, ComparisonMatrix, RepresentationComparison, Similarity

PERMUTATIONS = 39  # the range of so many values holds another one with probability 0.95
FEW = 50  # groups below which intervals are rough
MOST_OF_ALL = 0.9  # of the variance, in one direction of several
UNSURE = 0.1  # of a cosine, between points that are fitted and others
UNKNOWN = Interval(math.nan, math.nan)
QUANTITIES = tuple(
    field.name
    for field in dc.fields(RepresentationComparison)
    if field.type == (Similarity | None)
)

Pair = tuple[int, int]


@overload
def compare_representations(
    a: Mapping[str, Any],
    b: Any = ...,
    *,
    k: int = ...,
    measures: Sequence[str] | str | None = ...,
    permutations: int | None = ...,
    seed: int = ...,
) -> ComparisonMatrix: ...
@overload
def compare_representations(
    a: Any,
    b: Mapping[str, Any],
    *,
    k: int = ...,
    measures: Sequence[str] | str | None = ...,
    permutations: int | None = ...,
    seed: int = ...,
) -> ComparisonMatrix: ...
@overload
def compare_representations(
    a: Any,
    b: Any,
    *,
    k: int = ...,
    measures: Sequence[str] | str | None = ...,
    permutations: int | None = ...,
    seed: int = ...,
) -> RepresentationComparison: ...
def compare_representations(
    a: Any,
    b: Any = None,
    *,
    k: int = 30,
    measures: Sequence[str] | str | None = None,
    permutations: int | None = None,
    seed: int = 0,
) -> RepresentationComparison | ComparisonMatrix:
    """How much one representation of some examples says about another one.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((200, 3))
    >>> found = compare_representations(x, 2 * x[:, ::-1])
    >>> round(found.cka.value, 3), found.imbalance_ab.value
    (1.0, 0.01)

    The rows of both are the same examples in the same order.

    - Information imbalance 2 / n <rank in B | nearest in A>, in both directions: does a
      point's nearest neighbour in A have a low rank in B? (Glielmo, Zeni, Cheng, Csanyi and
      Laio 2022, PNAS Nexus 1:pgac039). It sees any smooth relation and tells which of the
      two knows more.
    - Overlap of the k nearest neighbours, and of their labels with that of the point
      (Doimo, Glielmo, Ansuini and Laio 2020).
    - Unbiased linear CKA, see `similarity.alignment`.
    - Shape distance: the angle that remains after the best rotation (Williams, Kunz,
      Kornblith and Linderman 2021).

    The intervals of the first three come from a jackknife over the points, or over their
    groups. Imbalance and overlap depend on the number of points, and their intervals hold
    what other samples of so many points would give on average. The interval of the shape
    distance also holds the bias of a finite sample, see `similarity.shape`. Few far points
    may decide CKA and shape, which a caveat then says: overlap and imbalance, of ranks, are
    the same wherever these lie.

    Parameters
    ----------
    a, b : each a `Cloud` or an array, or a mapping of sites to these, as `extract` gives.
        Two mappings give a `ComparisonMatrix`, and so does one mapping alone, whose sites
        are compared with each other. Points of the same group are no neighbours and not
        independent. Rows that are repeated in all representations count once.
    k : neighbours of the overlaps.
    measures : of "imbalance", "overlap", "cka" and "shape"; all, but "shape" only for a
        pair, and where one has at most 300 features: it is slow.
    permutations : how often the rows of one are permuted for the `null`; 39 for a pair,
        none for a matrix, where a spread seldom matters beside the value for `unrelated`
        ones.
    seed : of permutations and of draws that break ties.

    Raises
    ------
    ManifoldScaleError : representations of other numbers of points, or whose ids, labels
        or groups differ; fewer than k + 2 points, or than k + 1 outside a group.
    """
    is_pair = not isinstance(a, Mapping) and not isinstance(b, Mapping)
    require(
        b is not None or not is_pair,
        "One representation was given: give a second one of the same examples, or a "
        "mapping of sites to representations, as `ms.extract` does.",
    )
    rows = _named(a, "a")
    columns = rows if b is None else _named(b, "b")
    task = _task(
        rows, [] if b is None else columns, is_pair, k, measures, permutations, seed
    )
    second = range(len(rows)) if b is None else range(len(rows), len(task.names))
    pairs = [(one, other) for one in range(len(rows)) for other in second]
    found = task.comparisons(pairs)
    return found[0] if is_pair else ComparisonMatrix(tuple(found))


def _named(given: Any, name: str) -> list[tuple[str, Any]]:
    """Names and representations of one side."""
    if isinstance(given, Mapping):
        require(len(given) > 0, f"`{name}` has no sites.")
        return [(str(site), given[site]) for site in given]
    own = given.name if isinstance(given, Cloud) else None
    return [(own or name, given)]


def _task(
    rows: Sequence[tuple[str, Any]],
    columns: Sequence[tuple[str, Any]],
    is_pair: bool,
    k: int,
    measures: Sequence[str] | str | None,
    permutations: int | None,
    seed: int,
) -> "_Task":
    k, seed = whole("k", k), whole("seed", seed, 0)
    count = (PERMUTATIONS if is_pair else 0) if permutations is None else permutations
    asked = [measures] if isinstance(measures, str) else list(measures or MEASURES)
    for one in asked:
        one_of("measures", one, MEASURES)
    if measures is None and not is_pair:
        asked.remove("shape")
    points = aligned([*rows, *columns], seed)
    _enough(points, k)
    orders = points.permutations(whole("permutations", count, 0), seed)
    names = tuple(name for name, _ in (*rows, *columns))
    return _Task(names, points, k, frozenset(asked), measures is None, orders, seed)


def _enough(points: Aligned, k: int) -> None:
    fewest, groups = int(points.others.min()), len(points.sizes)
    require(
        groups >= alignment.LEAST,
        f"A comparison needs at least {alignment.LEAST} independent points; there are "
        f"{groups} distinct points or groups.",
    )
    require(
        fewest >= k + 1,
        f"{k} neighbours need at least {k + 1} other points outside the group of each "
        f"point; one has {fewest}. Use a smaller `k`.",
    )


@dc.dataclass(frozen=True, eq=False)
class _Task:
    """What is compared, and how; layers go by their place."""

    names: tuple[str, ...]
    points: Aligned
    k: int
    asked: frozenset[str]
    by_default: bool
    orders: Ints
    seed: int

    def comparisons(self, pairs: Sequence[Pair]) -> list[RepresentationComparison]:
        """One for each pair; (b, a) is (a, b) the other way round."""
        unique = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
        live = [
            pair for pair in unique if all(self._layer(one) is not None for one in pair)
        ]
        parts: list[Mapping[Pair, Mapping[str, Similarity]]] = []
        if {"imbalance", "overlap"} & self.asked and live:
            tables = {
                one: near.nearest(self.points, self._known(one), self.k)
                for one in sorted({one for pair in live for one in pair})
            }
            parts += [self._imbalances(live, tables), self._overlaps(live, tables)]
        if "cka" in self.asked and live:
            parts.append(self._alignments(live))
        parts.append({pair: self._shape(*pair) for pair in live})
        found = {
            pair: {name: one for part in parts for name, one in part.get(pair, {}).items()}
            for pair in unique
        }
        made = {pair: self._comparison(*pair, of) for pair, of in found.items()}
        made |= {(b, a): one.reversed() for (a, b), one in made.items() if a != b}
        return [made[pair] for pair in pairs]

    def _layer(self, place: int) -> Floats | None:
        return self.points.layers[place]

    def _known(self, place: int) -> Floats:
        layer = self._layer(place)
        assert layer is not None
        return layer

    def _imbalances(
        self, pairs: Sequence[Pair], tables: Mapping[int, near.Nearest]
    ) -> dict[Pair, dict[str, Similarity]]:
        if "imbalance" not in self.asked:
            return {}
        both = {(one, other) for a, b in pairs for one, other in ((a, b), (b, a))}
        found: dict[Pair, Similarity] = {}
        usual = float(((self.points.others + 1) / 2).mean())
        for b in sorted(tables):
            others = [a for a in sorted(tables) if (a, b) in both]
            of = [tables[a] for a in others]
            ranked = near.ranks(self.points, self._known(b), of, self.orders)
            for a, ranks in zip(others, ranked, strict=True):
                estimate = near.imbalance(self.points, tables[a], ranks)
                found[a, b] = self._similarity(
                    "information imbalance",
                    estimate,
                    log_interval(estimate.value, estimate.stderr, self._freedom),
                    1.0,
                    ranks.permuted / usual,
                    self._ties(tables[a]),
                )
        return {
            (a, b): {"imbalance_ab": found[a, b], "imbalance_ba": found[b, a]}
            for a, b in pairs
        }

    def _ties(self, table: near.Nearest) -> tuple[Remark, ...]:
        return (Caveat.TIED_NEIGHBORS(f"{table.tied:.0%}"),) if table.tied > 0.01 else ()

    def _overlaps(
        self, pairs: Sequence[Pair], tables: Mapping[int, near.Nearest]
    ) -> dict[Pair, dict[str, Similarity]]:
        if "overlap" not in self.asked:
            return {}
        unrelated = float((self.k / self.points.others).mean())
        name = f"overlap of {self.k} neighbours"
        labels = {place: self._labels(table) for place, table in tables.items()}
        found: dict[Pair, dict[str, Similarity]] = {}
        for a, b in pairs:
            estimate = near.overlap(self.points, tables[a], tables[b])
            null = near.permuted_overlap(tables[a], tables[b], self.orders)
            one = self._similarity(name, estimate, _share(estimate), unrelated, null)
            found[a, b] = {"overlap": one, **self._label_overlaps(labels[a], labels[b])}
        return found

    def _labels(self, table: near.Nearest) -> Estimate | None:
        if self.points.labels is None:
            return None
        return near.label_overlap(self.points, table, self.points.labels)

    def _label_overlaps(
        self, a: Estimate | None, b: Estimate | None
    ) -> dict[str, Similarity]:
        if a is None or b is None:
            return {}
        name = f"labels of {self.k} neighbours"
        _, counts = np.unique(np.asarray(self.points.labels), return_counts=True)
        chance = float(np.square(counts / counts.sum()).sum())
        change = Estimate(b.value - a.value, b.left_out - a.left_out)
        ends = Interval(change.value - change.half, change.value + change.half)
        return {
            "label_overlap_a": self._similarity(name, a, _share(a), chance),
            "label_overlap_b": self._similarity(name, b, _share(b), chance),
            "label_overlap_change": self._similarity(name, change, ends, 0.0),
        }

    def _alignments(self, pairs: Sequence[Pair]) -> dict[Pair, dict[str, Similarity]]:
        found = {}
        places = sorted({place for pair in pairs for place in pair})
        shares = {one: alignment.least_share(self._known(one)) for one in places}
        for pair, estimate in alignment.alignments(self.points, pairs).items():
            null = alignment.permuted(self.points, pair, self.orders, self.seed)
            found[pair] = {
                "cka": self._similarity(
                    "unbiased linear CKA",
                    estimate,
                    _correlation(estimate),
                    0.0,
                    null,
                    self._one_direction(pair, shares) + _decided_by_few("CKA", estimate),
                )
            }
        return found

    def _one_direction(self, pair: Pair, shares: Mapping[int, float]) -> tuple[Remark, ...]:
        said = [
            f"{shares[one]:.0%} of the variance of {self.names[one]!r} along one direction"
            for one in dict.fromkeys(pair)
            if shares[one] >= MOST_OF_ALL
        ]
        return (Caveat.ONE_DIRECTION("; ".join(said)),) if said else ()

    def _shape(self, a: int, b: int) -> dict[str, Similarity]:
        x, y = self._known(a), self._known(b)
        if "shape" not in self.asked or (self.by_default and shape.is_wide(x, y)):
            return {}
        cosine = shape.shape_cosine(self.points, x, y)
        # Sorted: where both cosines are one, they may differ by rounding either way.
        low, high = sorted(math.acos(min(max(end, 0.0), 1.0)) for end in cosine.ends)
        value = math.acos(min(max(cosine.value, 0.0), 1.0))
        return {
            "shape": Similarity(
                value,
                Interval(low, high),
                "Procrustes angle",
                len(self.points),
                unrelated=math.pi / 2,
                caveats=_fit_of(cosine) + _decided_by_few("shape", cosine.held_out),
                name="shape",
            )
        }

    @property
    def _freedom(self) -> int:
        return len(self.points.sizes) - 1

    def _similarity(
        self,
        method: str,
        estimate: Estimate,
        interval: Interval,
        unrelated: float,
        null: Floats | Sequence[float] = (),
        caveats: tuple[Remark, ...] = (),
    ) -> Similarity:
        ends = Interval(float(min(null)), float(max(null))) if len(null) else None
        n = len(self.points)
        return Similarity(
            estimate.value, interval, method, n, caveats, unrelated=unrelated, null=ends
        )

    def _comparison(
        self, a: int, b: int, found: Mapping[str, Similarity]
    ) -> RepresentationComparison:
        names = [one for one in QUANTITIES if one in found]
        dead = [self.names[one] for one in (a, b) if self._layer(one) is None]
        if dead:
            names = [one for one in QUANTITIES if _measure(one) in self.asked]
            found = {one: self._unknown() for one in names}
        named = {one: dc.replace(found[one], name=one) for one in names}
        return RepresentationComparison(
            a=self.names[a],
            b=self.names[b],
            **{one: named.get(one) for one in QUANTITIES},
            method=f"k = {self.k}",
            n_points=len(self.points),
            caveats=(*self._caveats(dead, named), *self._noise(a, b)),
        )

    def _noise(self, a: int, b: int) -> list[Remark]:
        """Of means over trials."""
        shares = {self.names[one]: self.points.noise[one] for one in (a, b)}
        said = [
            f"{share:.0%} of {name!r}" for name, share in shares.items() if share > NOTED
        ]
        return [Caveat.COMPARED_NOISE(", ".join(said))] if said else []

    def _unknown(self) -> Similarity:
        return Similarity(math.nan, UNKNOWN, "not estimated", len(self.points))

    def _caveats(
        self, dead: Sequence[str], found: Mapping[str, Similarity]
    ) -> tuple[Remark, ...]:
        notes = list(dict.fromkeys(note for one in found.values() for note in one.caveats))
        groups, copies = len(self.points.sizes), self.points.n_copies
        if copies:
            total = len(self.points) + copies
            notes.append(Caveat.DUPLICATES(f"{copies:,} of {total:,} points"))
        for name in dict.fromkeys(dead):
            notes.append(Caveat.NOT_ESTIMATED(f"all points of {name!r} are equal"))
        if groups < FEW:
            notes.append(Caveat.FEW_POINTS(f"{groups} independent ones"))
        cka = found.get("cka")
        if cka is not None and not dead and math.isnan(cka.value):
            reason = "CKA: too few points for so many features"
            notes.append(Caveat.NOT_ESTIMATED(reason))
        return tuple(notes)


def _fit_of(cosine: shape.Cosine) -> tuple[Remark, ...]:
    fitted, other = cosine.fitted, max(cosine.held_out.value, 0.0)
    if fitted - other < UNSURE:
        return ()
    facts = f"shape: the rotation aligns {fitted:.2f} of its points, {other:.2f} of others"
    return (Caveat.FEW_POINTS(facts),)


def _decided_by_few(name: str, estimate: Estimate) -> tuple[Remark, ...]:
    return influential(name, estimate.freedom, len(estimate.left_out))


def _measure(quantity: str) -> str:
    """The measure that a quantity belongs to; labels belong to none."""
    return quantity.partition("_")[0]


def _share(estimate: Estimate) -> Interval:
    """The interval of a share; with no variance, as if each group were one trial."""
    value, n = estimate.value, len(estimate.left_out)
    if not 0 < value < 1 or estimate.stderr == 0:
        ends = share_interval(0.5 / (n + 1), 0.25 / n**2)
        half = ends.high
        return Interval(max(value - half, 0.0), min(value + half, 1.0))
    found = share_interval(value, estimate.stderr**2)
    return Interval(min(found.low, value), max(found.high, value))


def _correlation(estimate: Estimate) -> Interval:
    """The interval of CKA, by Fisher's z.

    The jackknife sees how the value changes with each point, and it does not change where
    it is least. The variance for permuted rows, 2 / n^2 for all layers, is added.
    """
    value, n = estimate.value, len(estimate.left_out)
    if math.isnan(value) or math.isnan(estimate.stderr):
        return UNKNOWN
    rest = max(1 - value**2, 1e-12)
    half = quantile(estimate.freedom) * math.hypot(estimate.stderr / rest, math.sqrt(2) / n)
    z = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    low, high = math.tanh(z - half), math.tanh(z + half)
    return Interval(min(low, value), max(high, value))
