"""The default: anchored, calibrated, with its reasons."""

import dataclasses as dc

from ..core.caveat import Caveat
from ..core.errors import require
from ..core.method import Method
from ..geometry.neighbors import Neighbors
from .calibrated import Calibrated, load_table
from .dimension import Dimension
from .two_nn import TwoNN


@dc.dataclass(frozen=True)
class Auto(Method[Dimension]):
    """The dimension at the smallest scale that the points resolve, corrected for their
    number.

    TwoNN, because the two nearest neighbours feel curvature, edges and density least;
    calibrated, because in high dimension even they read low; at no more than `anchors`
    query points among all points, because more queries cost time and add little. With
    fewer points than the calibration covers, the raw estimate is given, with a caveat.

    Parameters
    ----------
    anchors : the largest number of query points.
    """

    anchors: int = 5000

    def __post_init__(self) -> None:
        require(self.anchors >= 1, f"`anchors` must be positive; not {self.anchors}.")

    @property
    def n_neighbors(self) -> int:
        return TwoNN().n_neighbors

    @property
    def n_anchors(self) -> int | None:
        return self.anchors

    def __call__(self, near: Neighbors, /) -> Dimension:
        method = TwoNN()
        if near.n_points < load_table(method).sizes[0]:
            raw = method(near)
            note = Caveat.UNCALIBRATED(f"n = {near.n_points:,}")
            return dc.replace(raw, method=self, caveats=(*raw.caveats, note))
        return dc.replace(Calibrated(method)(near), method=self)
