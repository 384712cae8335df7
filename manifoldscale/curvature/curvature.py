"""The result of a curvature estimate: an array a quantity, and pooled numbers."""

import dataclasses as dc
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Floats, Ints, frozen
from ..core.caveat import Remark
from ..core.interval import number
from ..core.result import Quantity, Result
from ..core.style import drawing
from .status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARRAYS = (
    "rows",
    "scalar",
    "mean_norm",
    "kappa_rms",
    "principal",
    "scalar_interval",
    "kappa_interval",
    "radius",
    "noise",
    "status",
)


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
    principal : (Q, d) curvatures along the normal that bends most, falling, of positive
        sum; for a hypersurface the principal curvatures.
    scalar_interval, kappa_interval : (Q, 2) 95 % intervals that hold noise and bias.
    radius : (Q,) of the neighbourhood that was chosen.
    noise : (Q,) rms distance of its points from the fit.
    status : (Q,) a word of `Status`; NaN stands where it says that nothing is known.
    pooled : `.kappa_rms` and `.scalar` of the whole cloud, a Quantity each.
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

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @property
    def kappa_r(self) -> Floats:
        """kappa_rms times the radius of the neighbourhood: how much the fit saw bend."""
        return np.asarray(self.kappa_rms * self.radius)

    @property
    def kappa_extent(self) -> Floats:
        """kappa_rms times the rms radius of the cloud: 1 for a sphere; comparable between
        layers, whose scales are arbitrary.
        """
        return np.asarray(self.kappa_rms * self.extent)

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

    def row(self) -> dict[str, Any]:
        kappa, scalar = self.pooled.kappa_rms, self.pooled.scalar
        return {
            "dim": self.dim,
            "kappa_rms": kappa.value,
            "kappa_low": kappa.interval.low,
            "kappa_high": kappa.interval.high,
            "kappa_extent": kappa.value * self.extent,
            "scalar": scalar.value,
            "scalar_low": scalar.interval.low,
            "scalar_high": scalar.interval.high,
            **{status.value: self.share(status) for status in Status},
            "method": str(self.method),
            "n_points": self.n_points,
            "caveats": "; ".join(str(note) for note in self.caveats),
        }

    @drawing
    def plot(self, ax: "Axes") -> None:
        """kappa_rms of the points, sorted, with their intervals."""
        known = np.isfinite(self.kappa_rms)
        order = np.argsort(self.kappa_rms[known])
        low, high = self.kappa_interval[known][order].T
        places = np.arange(known.sum())
        ax.fill_between(places, low, high, alpha=0.3, lw=0, label="95 % interval")
        ax.plot(places, self.kappa_rms[known][order], label="kappa_rms")
        ax.set(xlabel="points, sorted", ylabel="curvature, 1 / length")
        ax.legend()
