"""The default: at anchor points, corrected, with reasons, and joint along a network."""

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
from ..core.settings import NOTHING, Count
from ..geometry.neighbors import Neighbors
from ..geometry.within_noise import in_noise, is_felt
from .above_noise import AboveNoise
from .belief import Belief
from .calibrated import Calibrated
from .chain import along_network
from .correction import Correction, load_correction
from .dimension import TOP, Dimension, capped
from .evenness import evenness, is_plainly_even
from .exponential import shared_variance
from .signature import FEWEST, N_NEIGHBORS, Signature, signature
from .two_nn import TwoNN

REFERENCE_QUERIES = 2000  # query points of a reference cloud
FEW_MORE = 1.25  # times the points of the largest reference cloud change nothing
SHARED = 8  # shared neighbours among so many make the readings of two queries dependent


@dc.dataclass(frozen=True)
class Auto(Method[Dimension]):
    """The dimension of the manifold: the limit of ever more points.

    It starts from TwoNN, because curvature, edges and density affect the two nearest
    neighbours least, and corrects it with clouds of known dimension that look like this one
    (`dimension.correction`). The interval includes two errors: `.stderr` is the statistical
    one, `.systematic` the rest, the error on kinds of manifolds that nobody simulated.
    `.resolved` is TwoNN with its statistical interval: the dimension at the scale of these
    points, which needs no reference. At most `anchors` points are queries, because more
    cost time and add little. `.basis` says what was done:

    - a table of fewer than 64 neighbours or 50 queries gets TwoNN corrected for its number
      of points only, `Calibrated(TwoNN())`;
    - below 200 points there is no correction, but a caveat;
    - means over repeated trials, of `ms.population`, whose neighbours lie within the noise,
      get `AboveNoise()`.

    For the representations of a network, `estimate(reps, Auto())`, the sites are estimated
    together: if one is a function of another, its dimension cannot be larger
    (`dimension.chain`).

    Parameters
    ----------
    anchors : the largest number of query points.

    Raises
    ------
    ManifoldScaleError : the points are spaced evenly, as on a grid (see `evenness`), or are
        means whose noise leaves no dimension identifiable, with the trials that it takes.
    """

    anchors: Count = 5000

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
        if is_felt(in_noise(near)):
            return dc.replace(AboveNoise()(near), method=self)
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
        self,
        results: Mapping[str, Any],
        bounded_by: Mapping[str, Sequence[str]],
        shares: Mapping[str, float] = NOTHING,
    ) -> Mapping[str, Any]:
        return along_network(results, bounded_by, shares)

    def _for_size_only(self, near: Neighbors, raw: Dimension) -> Dimension:
        remarks: list[Remark] = []
        try:
            dim = Calibrated(TwoNN())(near.first(2))
            basis = f"TwoNN {number(raw.value)}, corrected for {near.n_points:,} points"
        except ManifoldScaleError:
            # The advice of FINITE_SAMPLE_BIAS is this method: UNCALIBRATED replaces it.
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
        cap=TOP,
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
    """The belief with the error of fewer queries than a reference cloud has: the model's
    errors include the statistical error of a reference cloud only. They are never below the
    statistical error.
    """
    share = near.n_queries / min(near.n_points, REFERENCE_QUERIES)
    extra = statistical * math.sqrt(max(0.0, 1 - share))
    below, above = (
        max(math.hypot(side, extra), statistical) for side in (belief.below, belief.above)
    )
    return dc.replace(belief, below=below, above=above)
