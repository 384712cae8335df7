"""For when a fit cannot tell: curvature against scale, tangent planes, and reach."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.error_bars import normal_interval
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.result import Quantity, Result
from ..core.style import drawing, log_axes
from ..geometry.neighbors import Neighbors
from ..geometry.within_noise import despite_noise
from .forms import KAPPA
from .hoods import Hoods, blocks_of_hoods, principal_frame
from .local_fit import in_tangent_ball, n_unknowns
from .moments import counted, moments
from .quadric import Quadric, dim_within, dims_of
from .scales import ScaleFits, fit_everywhere

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTNERS = 8  # neighbours of a query whose tangent planes are compared with its own


@dc.dataclass(frozen=True, eq=False)
class ScaleCurve(Result):
    """kappa_rms as a function of the radius of the neighbourhood.

    Parameters
    ----------
    radius : (S,) median radius at each scale.
    kappa : (S,) root of the mean of kappa_rms^2, from plain quadrics at the queries that
        are not at an edge, less the noise.
    stderr : (S,) standard errors.
    slope : d log kappa / d log radius over the resolved scales: 0 on a smooth manifold at
        small radii; -1/2 for a ReLU network; NaN with fewer than two resolved scales.
    slope_stderr : its standard error, from the sample of points and from their noise. The
        misfit of quadrics at large radii is part of the slope, not of its error.
    """

    radius: Floats
    kappa: Floats
    stderr: Floats
    slope: float
    slope_stderr: float
    method: Any
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "slope"
    columns = (
        "smallest_radius=radius.0",
        "kappa_there=kappa.0",
        "stderr_there=stderr.0",
        "largest_radius=radius.-1",
        "slope",
        "slope_interval",
    )

    @property
    def interval(self) -> Interval:
        """The interval of the slope."""
        return normal_interval(self.slope, self.slope_stderr)

    @property
    def slope_interval(self) -> Interval:
        return self.interval

    def headline(self) -> str:
        first, last = (self._at(scale) for scale in (0, -1))
        return f"kappa_rms {first} to {last}, {self._slope_in_words}"

    @property
    def _slope_in_words(self) -> str:
        ends = "" if math.isnan(self.slope) else f" {self.slope_interval}"
        return f"slope {number(self.slope)}{ends}"

    def _at(self, scale: int) -> str:
        half = 1.96 * float(self.stderr[scale])
        kappa, radius = float(self.kappa[scale]), float(self.radius[scale])
        interval = Interval(max(kappa - half, 0.0), kappa + half)
        return f"{number(kappa)} {interval} at r = {number(radius)}"

    @drawing
    def plot(self, ax: "Axes") -> None:
        """kappa_rms against the radius."""
        ax.errorbar(self.radius, self.kappa, 1.96 * self.stderr, fmt="o-", capsize=2)
        log_axes(ax, self.radius, self.kappa)
        ax.set(ylabel="kappa_rms, 1 / length")
        ax.set(xlabel="radius of the neighbourhood", title=self._slope_in_words)


@dc.dataclass(frozen=True)
class KappaOfScale(Method[ScaleCurve]):
    """kappa_rms against the radius of the neighbourhood: for representations without a
    curvature at a point, such as those of ReLU networks, and for choosing a radius.

    Parameters
    ----------
    dim, k : as for `Quadric`.
    """

    dim: int | Quantity
    k: int | None = None

    @property
    def n_neighbors(self) -> int:
        return Quadric(self.dim, self.k).n_neighbors

    @property
    def min_neighbors(self) -> int:
        return Quadric(self.dim, self.k).min_neighbors

    def __call__(self, near: Neighbors, /) -> ScaleCurve:
        dim = dim_within(self.dim, near)
        fits = fit_everywhere(near, dim)
        plain = [c for c, one in enumerate(fits.candidates) if one.order == 0]
        means, influences, extra = moments(fits, near.queries, KAPPA)
        squared, influence = means[plain], influences[plain]
        error = np.sqrt((influence**2).sum(axis=1) + extra[plain])
        kappa = np.sqrt(np.maximum(squared, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            stderr = error / (2 * kappa)
        radius = np.median(fits.radius[:, plain], axis=0)
        slope = slope_stderr = math.nan
        clear = np.flatnonzero(squared > 2 * error)
        if len(clear) > 1:
            slope, slope_stderr = _slope_over_scales(
                np.log(radius[clear]),
                np.log(kappa[clear]),
                influence[clear] / (2 * squared[clear, None]),
                np.stack([_on_radius(near, fits, plain[scale]) for scale in clear]) / dim,
            )
        return ScaleCurve(radius, kappa, stderr, slope, slope_stderr, self, near.n_points)


def _slope_over_scales(
    x: Floats, y: Floats, on_y: Floats, on_x: Floats
) -> tuple[float, float]:
    """The slope of y = log kappa against x = log radius, and its standard error.

    The scales share points, so their errors are correlated: a point is the unit, and its
    influence on the slope is the sum of its influences through each scale (the
    infinitesimal jackknife). If a point makes a neighbourhood smaller, kappa moves along
    the curve with the radius. The influences contain noise themselves, and so already too
    much of its quadratic part, which is not added again.

    Parameters
    ----------
    x, y : (S,).
    on_y, on_x : (S, rows) influences of the points, on y at a given radius.
    """
    centred = x - x.mean()
    weights = centred / (centred @ centred)
    slope = float(weights @ y)
    rest = y - y.mean() - slope * centred
    by_x = rest / (centred @ centred) - slope * weights + weights * np.gradient(y, x)
    influence = weights @ on_y + by_x @ on_x
    return slope, float(np.linalg.norm(influence))


def _on_radius(near: Neighbors, fits: ScaleFits, column: int) -> Floats:
    """(rows,) influence of each point on the log radius of the ball of n points, times the
    dimension: one more point among n lowers the log volume of the ball by 1 / n.
    """
    there, n = counted(fits)[:, column], fits.candidates[column].n
    seen = np.bincount(near.indices[there, :n].ravel(), minlength=near.n_rows)
    return np.asarray((seen.mean() - seen) / (n * there.sum()))


@dc.dataclass(frozen=True)
class SecondFormNorm(Quantity):
    """The root mean square of |II| over a cloud, in 1 / length."""

    name = "|II|"


@dc.dataclass(frozen=True)
class GaussMap(Method[SecondFormNorm]):
    """|II| from how fast tangent planes turn: cheap, and with only d unknowns per plane.

    The projections P on tangent planes at points a distance s apart differ by

        E |P_x - P_y|^2 = (2 / d) |II|^2 s^2 + (twice the error of a plane).

    The slope against s^2, with an intercept, gives |II|^2; without the intercept the error
    of the planes would count as curvature. Each plane fits the `k` neighbours of its point.
    Planes that share neighbours share errors, so partners come from the far half of the
    neighbourhood.

    Parameters
    ----------
    dim : the dimension of the tangent planes.
    k : neighbours per plane; None takes 4 per dimension, at least 12.
    """

    dim: int | Quantity
    k: int | None = None

    @property
    def size(self) -> int:
        return self.k or max(12, 4 * max(dims_of(self.dim)))

    @property
    def n_neighbors(self) -> int:
        return 4 * self.size

    @property
    def min_neighbors(self) -> int:
        return 2 * self.size

    def __call__(self, near: Neighbors, /) -> SecondFormNorm:
        dim = dim_within(self.dim, near)
        require(
            near.n_queries == near.n_points,
            f"{self} compares the tangent planes of neighbours, so every point must be a "
            "query. Build the table without `anchors`.",
        )
        hoods = blocks_of_hoods(near, self.size)
        frames = torch.cat([principal_frame(hood.points, dim) for hood in hoods])
        squared, turned, owner = _pairs(near, frames, self.size)
        slope, error = _slope(squared, turned, owner)
        value, error = slope * dim / 2, 1.96 * error * dim / 2
        ends = (math.sqrt(max(value - error, 0.0)), math.sqrt(max(value + error, 0.0)))
        value = math.sqrt(max(value, 0.0))
        interval, noisy = despite_noise(near, Interval(*ends))
        notes = (Caveat.TRUNCATED_SLOPE(), *noisy)
        return SecondFormNorm(value, interval, self, near.n_points, notes)


def _pairs(near: Neighbors, frames: torch.Tensor, size: int) -> tuple[Floats, Floats, Ints]:
    """Squared distances, squared differences of projections, and the query of each pair."""
    place = np.full(near.n_rows, -1, dtype=np.int64)
    place[near.queries] = np.arange(near.n_queries)
    columns = np.unique(np.linspace(size, near.k - 1, PARTNERS).round().astype(int))
    dim, squared, turned = frames.shape[2], [], []
    for column in columns:
        other = frames[torch.from_numpy(place[near.indices[:, column]])]
        overlap = (frames.transpose(1, 2) @ other).square().sum((1, 2))
        turned.append((2 * dim - 2 * overlap).numpy())
        squared.append(near.distances[:, column] ** 2)
    owner = np.tile(np.arange(near.n_queries, dtype=np.int64), len(columns))
    return np.concatenate(squared), np.concatenate(turned), np.asarray(owner, np.int64)


def _slope(x: Floats, y: Floats, owner: Ints) -> tuple[float, float]:
    """The slope of y against x with an intercept, and its error with the pairs of one query
    as one unit.
    """
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    residual = y - y.mean() - slope * centred
    each = np.bincount(owner, centred * residual)
    # Neighbouring queries use the same planes, so each counts as if it were there PARTNERS
    # times.
    return slope, math.sqrt(PARTNERS * float(each @ each)) / spread


@dc.dataclass(frozen=True)
class Reach(Quantity):
    """An upper estimate of the reach of a manifold, in the units of the cloud."""

    name = "reach"


@dc.dataclass(frozen=True)
class ReachEstimate(Method[Reach]):
    """The reach by Federer's formula, from the points that leave a tangent plane fastest:

        reach = inf over pairs of |y - x|^2 / (2 dist(y - x, T_x)).

    The infimum over a sample lies above the reach if the planes are exact; under noise it
    means nothing, so the value is a quantile over pairs that are farther apart than the
    size of the planes. The planes are fitted, and the ratios of pairs towards which they
    tilt are too small: without noise the value, and so the end of the interval, may be a
    few per cent below the reach (0.96 and 0.98 where the truth is 1, on 1,000 and 4,000
    points of a torus; 0.85 and 0.91 with quantile 0).

    Parameters
    ----------
    dim : the dimension of the tangent planes.
    k : neighbours to use.
    quantile : over the pairs; 0 is the infimum.
    """

    dim: int | Quantity
    k: int = 64
    quantile: float = 0.01

    @property
    def n_neighbors(self) -> int:
        return self.k

    def __call__(self, near: Neighbors, /) -> Reach:
        dim = dim_within(self.dim, near)
        ratios = [self._ratios(hoods, dim) for hoods in blocks_of_hoods(near, self.k)]
        pairs = np.concatenate(ratios)
        value = float(np.quantile(pairs, self.quantile))
        note = Caveat.UPPER_ESTIMATE(
            f"{self.quantile:.0%} quantile of {len(pairs):,} pairs"
        )
        interval, noisy = despite_noise(near, Interval(0.0, value))
        return Reach(value, interval, self, near.n_points, (note, *noisy))

    def _ratios(self, hoods: Hoods, dim: int) -> Floats:
        # The tangent plane of a fit at the point, because principal components tilt.
        n = max(2 * n_unknowns(dim, 0), self.k // 2)
        start = hoods.points @ principal_frame(hoods.points, dim)
        _, _, u = in_tangent_ball(hoods, start, min(n, self.k), self.k)
        outer = slice(self.k // 2, None)
        squared = hoods.points[:, outer].square().sum(2)
        along = u[:, outer].square().sum(2)
        off = (squared - along).clamp(min=1e-300).sqrt()
        return (squared / (2 * off) * hoods.radius[:, None]).numpy().ravel()
