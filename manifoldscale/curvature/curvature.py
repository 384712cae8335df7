"""The result of a curvature estimate: one array per quantity, and pooled numbers."""

import dataclasses as dc
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.caveat import Remark
from ..core.interval import number
from ..core.result import PointValues, Quantity, Result
from ..core.style import drawing
from .status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True)
class ScalarCurvature(Quantity):
    """The mean scalar curvature over a cloud, in 1 / length^2."""

    stderr: float = float("nan")
    bias: float = float("nan")

    name = "scalar curvature"


@dc.dataclass(frozen=True)
class KappaRMS(Quantity):
    """The root of the mean squared curvature of geodesics over a cloud, in 1 / length."""

    name = "kappa_rms"


@dc.dataclass(frozen=True)
class Pooled:
    """The quantities of the whole cloud."""

    kappa_rms: Quantity
    scalar: Quantity


@dc.dataclass(frozen=True, eq=False)
class Curvature(Result):
    """Curvature at each query and of the whole cloud, in the units of the cloud.

    Parameters
    ----------
    rows : (Q,) row numbers of the queries in the cloud.
    dim : the dimension of the manifold that was fitted.
    scalar : (Q,) scalar curvature, the sum of the Ricci eigenvalues (2K on a surface).
    mean_norm : (Q,) length of the mean curvature vector, trace over d.
    kappa_rms : (Q,) root mean squared curvature of the geodesics through the point.
    principal : (Q, d) curvatures along the normal with the largest curvature, falling, with
        a positive sum; for a hypersurface the principal curvatures.
    scalar_interval, kappa_interval : (Q, 2) 95 % intervals that include noise and bias.
    radius : (Q,) of the chosen neighbourhood.
    noise : (Q,) rms distance of its points from the fit.
    status : (Q,) a word of `Status`; the arrays hold NaN if it says that nothing is known.
    pooled : `.kappa_rms` and `.scalar` of all points away from an edge, a Quantity each.
    extent : rms radius of the cloud.
    knowable : what this number of points can tell at this dimension, in words.
    """

    rows: Ints
    dim: int
    scalar: Floats
    mean_norm: Floats
    kappa_rms: Floats
    principal: Floats
    scalar_interval: Floats
    kappa_interval: Floats
    radius: Floats
    noise: Floats
    status: Array
    pooled: Pooled
    extent: float
    knowable: str
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "pooled.kappa_rms"
    columns = (
        "dim",
        "kappa_rms=pooled.kappa_rms",
        "kappa_interval=pooled.kappa_rms.interval",
        "scalar=pooled.scalar",
    )

    @property
    def kappa_r(self) -> Floats:
        """kappa_rms times the radius of the neighbourhood: how much it bends."""
        return np.asarray(self.kappa_rms * self.radius)

    @property
    def kappa_extent(self) -> Floats:
        """kappa_rms times the rms radius of the cloud: 1 for a sphere; comparable between
        layers, whose scales are arbitrary.
        """
        return np.asarray(self.kappa_rms * self.extent)

    @property
    def point_values(self) -> PointValues:
        """kappa_rms in units of the cloud's extent, without points where noise hides it."""
        words = [s.value for s in Status if s.is_known and s is not Status.NOISE_LIMITED]
        known = np.where(np.isin(self.status, words), self.kappa_extent, np.nan)
        return PointValues(self.rows, known, "kappa_rms x extent")

    def share(self, status: Status) -> float:
        """The share of the queries with this status."""
        return float((self.status == status.value).mean())

    def headline(self) -> str:
        kappa, scalar = self.pooled.kappa_rms, self.pooled.scalar
        return (
            f"curvature at d = {self.dim}: kappa_rms {number(kappa.value)} "
            f"{kappa.interval} ({number(kappa.value * self.extent)} in units of the "
            f"cloud), scalar {number(scalar.value)} {scalar.interval}, "
            f"{self.share(Status.OK):.0%} of {len(self.rows):,} points ok"
        )

    def __str__(self) -> str:
        head, *notes = super().__str__().split("\n")
        return "\n".join([head, f"  = {self.knowable}", *notes])

    def cells(self) -> dict[str, Any]:
        shares = {status.value: self.share(status) for status in Status}
        return super().cells() | {"kappa_extent": self.value * self.extent} | shares

    @drawing
    def plot(self, ax: "Axes") -> None:
        """kappa_rms of the points, sorted, with their intervals."""
        known = np.isfinite(self.kappa_rms)
        order = np.argsort(self.kappa_rms[known])
        low, high = self.kappa_interval[known][order].T
        places = np.arange(known.sum())
        (line,) = ax.plot(places, self.kappa_rms[known][order], label="kappa_rms")
        shade = line.get_color()
        ax.fill_between(
            places, low, high, color=shade, alpha=0.3, lw=0, label="95 % interval"
        )
        ax.set(xlabel="points, sorted", ylabel="curvature, 1 / length")
        ax.legend()
