"""The default: anchored, calibrated, with its reasons."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.settings import check_fields
from ..geometry.neighbors import Neighbors
from .calibrated import Calibrated
from .dimension import Dimension, capped
from .evenness import evenness, is_plainly_even
from .exponential import shared_variance
from .references import Match, References, load_references
from .signature import N_NEIGHBORS, Signature, signature
from .two_nn import TwoNN

REFERENCE_ANCHORS = 2500  # queries of a reference cloud
SHARED = 8  # neighbours that make the readings of two queries dependent
TOP = 100.0  # above, the largest dimension of the table is too near


@dc.dataclass(frozen=True)
class Auto(Method[Dimension]):
    """The dimension at the smallest scale that the points resolve, corrected for their
    number and shape.

    It starts from TwoNN, because the two nearest neighbours feel curvature, edges and
    density least, and corrects it by what reference clouds of known dimension read that
    look like this one (`dimension.references`). The interval holds both errors:
    `.stderr` is the statistical one, `.systematic` the spread of dimension between clouds
    that look alike; `.raw` is TwoNN. At no more than `anchors` query points among all
    points, because more queries cost time and add little. `.basis` says what was done:

    - on a table of fewer than 64 neighbours, and for a cloud unlike every reference, TwoNN
      is corrected for its number of points only, `Calibrated(TwoNN())`;
    - below 200 points there is no correction, and a caveat.

    Parameters
    ----------
    anchors : the largest number of query points.

    Raises
    ------
    ManifoldScaleError : the points are spaced evenly, as on a grid (see `evenness`).
    """

    anchors: int = 5000

    def __post_init__(self) -> None:
        check_fields(self)
        require(self.anchors >= 1, f"`anchors` must be positive; not {self.anchors}.")

    @property
    def n_neighbors(self) -> int:
        return N_NEIGHBORS

    @property
    def min_neighbors(self) -> int:
        return 2

    @property
    def n_anchors(self) -> int | None:
        return self.anchors

    def __call__(self, near: Neighbors, /) -> Dimension:
        raw = TwoNN()(near.first(2))
        require(
            not is_plainly_even(near, raw.interval),
            f"The dimension is not identifiable: {Caveat.EVEN_SPACING.value}.",
        )
        if near.k >= N_NEIGHBORS and near.n_queries > 1:
            found = signature(near)
            table = load_references(found.names)
            if near.n_points >= table.sizes[0]:
                match = table.match(found.values, near.n_points)
                if match.is_like:
                    return _corrected(self, near, raw, found, table, match)
                return self._for_size_only(near, raw, [Caveat.UNLIKE_REFERENCES()])
        return self._for_size_only(near, raw, [])

    def _for_size_only(
        self, near: Neighbors, raw: Dimension, remarks: list[Remark]
    ) -> Dimension:
        try:
            dim = Calibrated(TwoNN())(near.first(2))
            basis = f"TwoNN {number(raw.value)}, corrected for {near.n_points:,} points"
        except ManifoldScaleError:
            # "Use `Auto()`" is no advice here; that there is no correction says the same.
            kept = [n for n in raw.caveats if n.caveat is not Caveat.FINITE_SAMPLE_BIAS]
            dim = dc.replace(raw, caveats=tuple(kept))
            remarks = [*remarks, Caveat.UNCALIBRATED(f"n = {near.n_points:,}")]
            basis = "TwoNN, uncorrected"
        return dc.replace(dim, method=self, basis=basis, caveats=(*dim.caveats, *remarks))


def _corrected(
    method: Auto,
    near: Neighbors,
    raw: Dimension,
    found: Signature,
    table: References,
    match: Match,
) -> Dimension:
    value = math.exp(match.log_dim)
    statistical = _statistical_error(near, found.influence @ match.gradient)
    interval = _interval(near, match, statistical)
    drop = {Caveat.FINITE_SAMPLE_BIAS, Caveat.NEAR_AMBIENT}
    remarks = [note for note in raw.caveats if note.caveat not in drop]
    if not any(note.caveat is Caveat.EVEN_SPACING for note in remarks):
        remarks += evenness(near, raw.interval)  # more ranks than the two of TwoNN
    if near.n_points > table.sizes[1]:
        remarks.append(Caveat.CALIBRATED_BELOW_SIZE(f"n = {table.sizes[1]:,.0f}"))
    if interval.high > TOP:
        interval = Interval(min(interval.low, TOP), math.inf)
        remarks.append(Caveat.BEYOND_CALIBRATION(f"dimension {TOP:.0f}"))
    # The references' own statistical error is part of their spread.
    own = statistical * math.sqrt(near.n_queries / _reference_queries(near))
    dim = dc.replace(
        raw,
        value=min(value, TOP),
        interval=interval,
        method=method,
        stderr=value * statistical,
        systematic=value * math.sqrt(max(match.spread**2 - own**2, 0.0)),
        basis=(
            f"TwoNN {number(raw.value)}, corrected by reference clouds that read alike "
            f"(dimensions {match.dims[0]:.0f} to {match.dims[1]:.0f})"
        ),
        caveats=tuple(remarks),
    )
    return capped(dim, near)


def _reference_queries(near: Neighbors) -> int:
    """At how many points a reference cloud of this size was read."""
    return min(near.n_points, REFERENCE_ANCHORS)


def _statistical_error(near: Neighbors, influence: Floats) -> float:
    """Standard error of log d, from each query's influence on it."""
    variance, _ = shared_variance(influence, near.first(SHARED))
    return math.sqrt(max(variance, float(np.square(influence).sum())))


def _interval(near: Neighbors, match: Match, statistical: float) -> Interval:
    """Quantiles of the residuals, which hold the statistical error of a reference cloud;
    what fewer queries add to it is added, and the interval is never narrower than the
    statistical one.
    """
    extra = (
        1.96
        * statistical
        * math.sqrt(max(0.0, 1 - near.n_queries / _reference_queries(near)))
    )
    low, high = match.quantiles(0.025, 0.975)
    below = max(math.hypot(low, extra), 1.96 * statistical)
    above = max(math.hypot(high, extra), 1.96 * statistical)
    return Interval(math.exp(match.log_dim - below), math.exp(match.log_dim + above))
