"""Local dimension: an estimate at each point, and whether all have one dimension."""

import dataclasses as dc
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import number
from ..core.method import Method, Wrapper
from ..core.result import PointValues, Result
from ..core.style import BLUE, GREEN, ORANGE, drawing
from ..geometry.neighbors import Neighbors
from .dimension import Dimension
from .exponential import relative_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATERIAL = 0.015  # squared scatter of 1/d that edges and curvature alone cause
ONE_SIDED = 1.645
ROUNDS = 500


@dc.dataclass(frozen=True, eq=False)
class LocalDimension(Result):
    """The dimension at each query.

    Attributes
    ----------
    values, stderr : (M,) the local estimates and their standard errors; NaN if the method
        has none.
    rows : (M,) row numbers of the queries in the cloud.
    pooled : the estimate of all queries together.
    heterogeneity : squared coefficient of variation of 1/d between the points, beyond
        chance; NaN if the method has no law that tells chance. `heterogeneity_se` is its
        standard error, with shared neighbours.
    modes : (dimension, share) of each of two parts if there is a mixture, else empty.
    """

    values: Floats
    stderr: Floats
    rows: Ints
    pooled: Dimension
    method: Any
    heterogeneity: float = float("nan")
    heterogeneity_se: float = float("nan")
    modes: tuple[tuple[float, float], ...] = ()
    caveats: tuple[Remark, ...] = ()

    main = "pooled"
    columns = ("pooled", "heterogeneity")

    @property
    def n_points(self) -> int:
        return self.pooled.n_points

    @property
    def point_values(self) -> PointValues:
        return PointValues(self.rows, self.values, "local dimension")

    def headline(self) -> str:
        low, middle, high = (number(v) for v in np.quantile(self.values, (0.1, 0.5, 0.9)))
        return (
            f"local dimension {middle}, 80 % within [{low}, {high}] ({self.method}, at "
            f"{len(self.values):,} of {self.pooled.n_points:,} points)"
        )

    def cells(self) -> dict[str, Any]:
        low, middle, high = map(float, np.quantile(self.values, (0.1, 0.5, 0.9)))
        return {"median": middle, "q10": low, "q90": high} | super().cells()

    @drawing
    def plot(self, ax: "Axes") -> None:
        """A histogram of the local dimensions, with the pooled estimate."""
        counts, edges = self.histogram()
        ax.stairs(counts, edges, fill=True, color=BLUE, alpha=0.5, label="local")
        pooled = self.pooled
        ax.axvline(pooled.value, color=ORANGE, label=f"pooled {number(pooled.value)}")
        ax.axvspan(*pooled.interval, color=ORANGE, alpha=0.2, lw=0)
        for value, share in self.modes:
            label = f"{share:.0%} at d = {number(value)}"
            ax.axvline(value, color=GREEN, ls="--", label=label)
        ax.set(xlabel="local dimension", ylabel="points")
        ax.legend()

    def histogram(self, bins: Any = "auto") -> tuple[Ints, Floats]:
        """Counts and edges of the finite local dimensions, as `numpy.histogram`."""
        counts, edges = np.histogram(self.values[np.isfinite(self.values)], bins)
        return counts, edges


@runtime_checkable
class HasSpacings(Protocol):
    """A method whose sum of log-ratios at each query is Gamma: it gives sums and shapes."""

    def spacings(self, near: Neighbors) -> tuple[Floats, Floats]: ...


@runtime_checkable
class HasLocal(Protocol):
    """A method with an estimate at each query, whose law is not known."""

    def local(self, near: Neighbors) -> Floats: ...


@dc.dataclass(frozen=True)
class Local(Wrapper[LocalDimension]):
    """A method's estimate at each query: `Local(MLE(k=20))`, `Local(ABIDE())`,
    `Local(LocalPCA())`.

    With m log-ratios that sum to S at a point, S is Gamma(m) with rate d, and (m - 1) / S
    is unbiased with standard error d / sqrt(m - 2) or so. For `ABIDE` these are the ratios
    within the point's own k*.

    Local estimates scatter by this much even if there is one dimension, and a histogram of
    them is not evidence of several. So the scatter is tested: S^2 / (m (m + 1)) has the
    mean 1/d^2, and its average over the squared average of S / m exceeds 1 by the squared
    coefficient of variation of 1/d, `heterogeneity`. Its standard error allows for shared
    neighbours. Edges, curvature and uneven density alone cause up to about 0.01 (balls,
    cubes, spheres, tori and normal clouds in 2 to 10 dimensions). If the lower 95 % bound
    exceeds 0.015 there is a caveat, with the two dimensions and shares of the best mixture
    of two Gamma laws. It finds parts that differ by a quarter or more.

    Parameters
    ----------
    method : one with local estimates.
    """

    method: Method[Dimension]

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            isinstance(self.method, HasSpacings | HasLocal),
            f"{self.method} has no local estimates; use `Local(MLE(k=20))`, "
            "`Local(ABIDE())` or `Local(LocalPCA())`.",
        )

    def __call__(self, near: Neighbors, /) -> LocalDimension:
        pooled = self.method(near)
        if not isinstance(self.method, HasSpacings):
            assert isinstance(self.method, HasLocal)  # as checked above
            values = self.method.local(near)
            note = Caveat.NOT_ESTIMATED("standard errors and a test for mixtures")
            return LocalDimension(
                values,
                np.full(len(values), np.nan),
                near.queries,
                pooled,
                self,
                caveats=(*pooled.caveats, note),
            )
        sums, shapes = self.method.spacings(near)
        with np.errstate(divide="ignore"):
            values = np.maximum(shapes - 1, 1) / sums
        stderr = values / np.sqrt(np.maximum(shapes - 2, 1))
        scatter, error = heterogeneity(sums, shapes, near)
        modes: tuple[tuple[float, float], ...] = ()
        notes = list(pooled.caveats)
        if scatter - ONE_SIDED * error > MATERIAL:
            modes = two_modes(sums, shapes)
            parts = ", ".join(f"{dim:.2g} at {share:.0%}" for dim, share in modes)
            notes.append(Caveat.MIXTURE(f"{parts} of the points"))
        return LocalDimension(
            values, stderr, near.queries, pooled, self, scatter, error, modes, tuple(notes)
        )


def heterogeneity(sums: Floats, shapes: Floats, near: Neighbors) -> tuple[float, float]:
    """Squared coefficient of variation of 1/d beyond chance, and its standard error."""
    first, second = sums / shapes, np.square(sums) / (shapes * (shapes + 1))
    ratio = float(second.mean() / first.mean() ** 2)
    influence = (second / second.mean() - 2 * first / first.mean() + 1) / len(sums)
    independent = float(np.sqrt(np.square(influence).sum()))
    relative, _ = relative_error(influence, independent, near)
    return ratio - 1, ratio * relative


def two_modes(sums: Floats, shapes: Floats) -> tuple[tuple[float, float], ...]:
    """(dimension, share) of the two parts of the likeliest mixture, lower first (EM)."""
    order = np.argsort(sums / shapes)[::-1]  # long ratios first: the low dimension
    halves = np.array_split(order, 2)
    rates = np.array([shapes[half].sum() / sums[half].sum() for half in halves])
    shares = np.array([0.5, 0.5])
    for _ in range(ROUNDS):
        # Log-densities of Gamma sums, without the terms that do not depend on the rate.
        gamma = shapes[:, None] * np.log(rates) - rates * sums[:, None]
        logs = np.log(shares) + gamma
        weights = np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None])
        before, shares = shares, weights.mean(axis=0)
        rates = (weights * shapes[:, None]).sum(0) / (weights * sums[:, None]).sum(0)
        if np.abs(shares - before).max() < 1e-7 or shares.min() < 1e-6:
            break
    return tuple((float(rates[i]), float(shares[i])) for i in np.argsort(rates))
