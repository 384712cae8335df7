"""The default: anchored, corrected, with its reasons, and joint along a network."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.settings import check_fields
from ..geometry.neighbors import Neighbors
from .belief import Belief
from .calibrated import Calibrated
from .chain import along_network
from .correction import Correction, load_correction
from .dimension import TOP, Dimension, capped
from .evenness import evenness, is_plainly_even
from .exponential import shared_variance
from .signature import FEWEST, N_NEIGHBORS, Signature, signature
from .two_nn import TwoNN

REFERENCE_QUERIES = 2000  # of a reference cloud
FEW_MORE = 1.25  # times the most points of a reference cloud, which change nothing
SHARED = 8  # neighbours that make the readings of two queries dependent


@dc.dataclass(frozen=True)
class Auto(Method[Dimension]):
    """The dimension of the manifold: the limit of ever more points.

    It starts from TwoNN, because the two nearest neighbours feel curvature, edges and
    density least, and corrects it by what clouds of known dimension read that look like
    this one (`dimension.correction`). The interval holds both errors: `.stderr` is the
    statistical one, `.systematic` what is left of the interval, the error on kinds of
    manifolds that nobody simulated. `.resolved` is TwoNN with its statistical interval: the
    dimension at the scale of these points, which needs no reference. At no more than
    `anchors` query points among all points, because more queries cost time and add little.
    `.basis` says what was done:

    - on a table of fewer than 64 neighbours or 50 queries TwoNN is corrected for its number
      of points only, `Calibrated(TwoNN())`;
    - below 200 points there is no correction, and a caveat.

    On the representations of a network, `estimate(reps, Auto())`, the sites are estimated
    together: where one is a function of another, its dimension is no larger
    (`dimension.chain`).

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
        if near.k >= N_NEIGHBORS and near.n_queries >= FEWEST:
            found = signature(near)
            model = load_correction(near.cloud is not None)
            if near.n_points >= model.sizes[0] and np.isfinite(found.values).all():
                return _corrected(self, near, raw, found, model)
        return self._for_size_only(near, raw)

    def along(
        self, results: Mapping[str, Any], bounded_by: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Any]:
        return along_network(results, bounded_by)

    def _for_size_only(self, near: Neighbors, raw: Dimension) -> Dimension:
        remarks: list[Remark] = []
        try:
            dim = Calibrated(TwoNN())(near.first(2))
            basis = f"TwoNN {number(raw.value)}, corrected for {near.n_points:,} points"
        except ManifoldScaleError:
            # "Use `Auto()`" is no advice here; that there is no correction says the same.
            kept = [n for n in raw.caveats if n.caveat is not Caveat.FINITE_SAMPLE_BIAS]
            dim = dc.replace(raw, caveats=tuple(kept))
            remarks = [Caveat.UNCALIBRATED(f"n = {near.n_points:,}")]
            basis = "TwoNN, uncorrected"
        return dc.replace(dim, method=self, basis=basis, caveats=(*dim.caveats, *remarks))


def _corrected(
    method: Auto, near: Neighbors, raw: Dimension, found: Signature, model: Correction
) -> Dimension:
    belief, is_like = model(found.values, near.n_points)
    gradient = model.gradient(found.values, near.n_points)
    statistical = _statistical_error(near, found.influence @ gradient)
    low, high = _widened(belief, near, statistical).interval()
    value = math.exp(belief.log_dim)
    remarks = _remarks(near, raw, float(model.sizes[1]), is_like)
    if high > TOP:
        low, high = min(low, TOP), math.inf
        remarks.append(Caveat.BEYOND_CALIBRATION(f"dimension {TOP:.0f}"))
    reach = (math.log(min(high, TOP)) - math.log(low)) / 2
    dim = dc.replace(
        raw,
        value=min(value, TOP),
        interval=Interval(low, high),
        method=method,
        stderr=value * statistical,
        systematic=value * math.sqrt(max((reach / 1.96) ** 2 - statistical**2, 0.0)),
        uncorrected=raw,
        basis=f"TwoNN {number(raw.value)}, corrected by its readings of distances"
        + (" and angles" if near.cloud is not None else ""),
        caveats=tuple(remarks),
    )
    return capped(dim, near)


def _remarks(
    near: Neighbors, raw: Dimension, largest: float, is_like: bool
) -> list[Remark]:
    drop = {Caveat.FINITE_SAMPLE_BIAS, Caveat.NEAR_AMBIENT}
    remarks = [note for note in raw.caveats if note.caveat not in drop]
    if not any(note.caveat is Caveat.EVEN_SPACING for note in remarks):
        remarks += evenness(near, raw.interval)  # more ranks than the two of TwoNN
    if near.n_points > FEW_MORE * largest:
        remarks.append(Caveat.CALIBRATED_BELOW_SIZE(f"n = {largest:,.0f}"))
    return remarks if is_like else [*remarks, Caveat.UNLIKE_REFERENCES()]


def _statistical_error(near: Neighbors, influence: Floats) -> float:
    """Standard error of log d, from each query's influence on it."""
    variance, _ = shared_variance(influence, near.first(SHARED))
    return math.sqrt(max(variance, float(np.square(influence).sum())))


def _widened(belief: Belief, near: Neighbors, statistical: float) -> Belief:
    """The errors of the model hold the statistical error of a reference cloud; what fewer
    queries add to it is added, and they are never smaller than it.
    """
    share = near.n_queries / min(near.n_points, REFERENCE_QUERIES)
    extra = statistical * math.sqrt(max(0.0, 1 - share))
    below, above = (
        max(math.hypot(side, extra), statistical) for side in (belief.below, belief.above)
    )
    return dc.replace(belief, below=below, above=above)
