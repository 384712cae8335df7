"""The local quadric fit: curvature at every point, with errors for noise and bias."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Array, Bools
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.method import Method
from ..core.result import Quantity, is_dimension
from ..geometry.neighbors import Neighbors
from .choice import TOO_BENT, Choice, LocalMean, WholeMean, choose
from .common_truncation import Averaging
from .curvature import Curvature, KappaRMS, Pooled, ScalarCurvature
from .forms import KAPPA, SCALAR, TRACE
from .hoods import points_of
from .local_fit import n_unknowns
from .pooled import NOTHING, PooledMean, pooled_means
from .scales import (
    SPARE,
    ScaleFits,
    candidates_of,
    fit_everywhere,
    neighbors_needed,
    neighbors_wanted,
)
from .status import Status

RESOLVED = 0.5  # relative standard error of kappa_rms^2 above which noise dominates
SMALL_BIAS = 0.25  # of the curvature: a larger bias gives the status "biased"
FEW = 30  # queries
EDGE = 0.05  # share of points at an edge, above which this is said of the pooled means
LENGTHS = (1e-40, 1e50)  # of neighbourhoods, whose fourth powers are summed
SHRINKS, ROUGH = 0.7, -0.5  # largest kappa r for d log kappa^2 / d log r, and its limit


@dc.dataclass(frozen=True)
class Quadric(Method[Curvature]):
    """Second fundamental form, mean, principal and scalar curvature by local fits.

    >>> import manifoldscale as ms
    >>> near = ms.manifolds.Sphere(2, radius=2.0).sample(1000).neighbors(64)
    >>> curved = ms.estimate(near, ms.curvature.Quadric(2))
    >>> round(curved.pooled.kappa_rms.value, 2), round(curved.pooled.scalar.value, 2)
    (0.5, 0.5)

    Around every query, the points are fitted at several radii by a quadric in tangent
    coordinates, alone and with terms that take up its truncation (`local_fit.py`). The
    inner products of the second fundamental form give, by Gauss's equation, the scalar
    curvature S = d^2 |H|^2 - |II|^2, and kappa_rms^2 = (d^2 |H|^2 + 2 |II|^2) / (d (d+2)).
    Noise makes |H|^2 and |II|^2 too large, in proportion to the number of normal
    directions; the residuals tell by how much, and it is subtracted. The truncation bias
    common to the cloud is subtracted too, if it is clear (`common_truncation.py`). The
    radius and order with the smallest squared error over the cloud are chosen. The interval
    is 1.96 times the root of the variance plus the squared bias that remains at the point.

    Parameters
    ----------
    dim : the dimension of the manifold: an int, or a `Dimension`, whose interval counts.
        If it holds several whole numbers there is a fit for each (at most three): pooled
        intervals cover all of them, and points where they exclude each other have no value.
    k : neighbours to use; None takes up to 440, or more if the dimension needs more, and
        all of a table with fewer. Noise needs many.
    """

    dim: int | Quantity
    k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = dims_of(self.dim)[0], dims_of(self.dim)[-1]
        require(low >= 1, f"`dim` must be at least 1; not {self.dim!r}.")
        require(
            self.k is None or self.k >= neighbors_needed(high),
            f"`k` must be at least {neighbors_needed(high)} at dimension {high}, for twice "
            f"as many points as unknowns; not {self.k!r}.",
        )

    @property
    def n_neighbors(self) -> int:
        return self.k or max(map(neighbors_wanted, dims_of(self.dim)))

    @property
    def min_neighbors(self) -> int:
        return max(map(neighbors_needed, dims_of(self.dim)))

    def __call__(self, near: Neighbors, /) -> Curvature:
        check_scale(near)
        results = [_at_dimension(self, near, dim) for dim in dims_of(self.dim)]
        chosen = next(r for r in results if r.dim == whole_dim(self.dim))
        return _over_dimensions(chosen, results)


def whole_dim(dim: int | Quantity) -> int:
    """The nearest whole dimension, at least 1."""
    return max(1, round(float(dim)))


def dim_within(dim: int | Quantity, near: Neighbors) -> int:
    """The nearest whole dimension, at most the number of features."""
    require(dims_of(dim)[0] >= 1, f"`dim` must be at least 1; not {dim!r}.")
    check_scale(near)
    whole, features = whole_dim(dim), near.ambient_dim
    require(
        features is None or whole <= features,
        f"`dim` is {whole}, and the points have {features} features.",
    )
    return whole


def check_scale(near: Neighbors) -> None:
    """Refuse neighbourhoods whose fourth powers, as in the variance of a squared curvature,
    overflow or vanish.
    """
    smallest, largest = LENGTHS
    length = float(np.median(near.distances[:, -1]))
    require(
        smallest <= length <= largest,
        f"A curvature needs neighbours at distances between {smallest:g} and {largest:g}; "
        f"here they reach to {length:.3g}. Scale the points, as `points / {length:.0e}`: "
        "curvatures go with its inverse.",
    )


def dims_of(dim: int | Quantity) -> tuple[int, ...]:
    """The possible whole dimensions: the nearest one, and its neighbours if they lie in the
    interval.
    """
    require(
        isinstance(dim, Quantity) or (isinstance(dim, int) and not isinstance(dim, bool)),
        f"`dim` must be an int or the `Dimension` that `ms.estimate` gives; not {dim!r}.",
    )
    if isinstance(dim, int):
        return (dim,)
    require(is_dimension(dim), f"`dim` must be a dimension; {dim.name} is not one.")
    require(math.isfinite(dim.value), f"`dim` has no value: {dim}")
    middle = whole_dim(dim)
    return tuple(
        d
        for d in (middle - 1, middle, middle + 1)
        if d == middle or (d >= 1 and d in dim.interval)
    )


def knowable(near: Neighbors, dim: int) -> str:
    """What this number of points can tell at this dimension, before any fit.

    The smallest fit needs twice as many points as unknowns, (d + 1) (d + 2) / 2. It must
    not reach beyond half the radius of curvature for a small bias, or beyond about the
    whole radius for extrapolation.
    """
    needed = math.ceil(SPARE[0] * n_unknowns(dim, 0))
    if needed > near.k:
        return (
            f"knowable: nothing at d = {dim} from {near.k} neighbours; the fit needs "
            f"{neighbors_needed(dim)}"
        )
    reach = float(np.median(near.distances[:, needed - 1]))
    return (
        f"knowable: {needed} points, the least at d = {dim}, reach to r = {number(reach)}: "
        f"curvatures below {number(0.5 / reach)} directly, below {number(1 / reach)} by "
        "extrapolation"
    )


def extent_of(near: Neighbors) -> float:
    """The rms distance of the points from their mean."""
    points = np.asarray(points_of(near)[near.rows], dtype=np.float64)
    return float(np.sqrt(points.var(axis=0).sum()))


def _at_dimension(method: Quadric, near: Neighbors, dim: int) -> Curvature:
    extent = extent_of(near)
    needed = math.ceil(SPARE[0] * n_unknowns(dim, 0))
    features = points_of(near).shape[1]
    require(dim <= features, f"`dim` is {dim}, and the points have {features} features.")
    reach = near.distances[:, min(needed, near.k) - 1]
    if not candidates_of(dim, near.k) or np.median(reach) > extent:
        return _nothing(method, near, dim, extent)
    fits = fit_everywhere(near, dim)
    choice = choose(fits, near, extent, dim)
    status = _statuses(fits, choice, near, extent, dim)
    known = np.array([Status(word).is_known for word in status]) & choice.is_possible
    means = pooled_means(fits, near.queries, extent, dim, choice.most_curved)
    values = np.where(known[:, None], choice.values, np.nan)
    half = np.where(known[:, None], 1.96 * np.hypot(choice.noise, choice.bias), np.inf)
    scalar, squared = values[:, SCALAR], values[:, KAPPA]
    middle = np.where(known[:, None], values, 0.0)[:, :, None]
    ends = middle + half[:, :, None] * np.array([-1.0, 1.0])
    result = Curvature(
        rows=near.queries,
        dim=dim,
        scalar=scalar,
        mean_norm=np.sqrt(np.maximum(values[:, TRACE], 0)) / dim,
        kappa_rms=np.sqrt(np.maximum(squared, 0)),
        principal=np.where(known[:, None], choice.pick(fits.principal), np.nan),
        scalar_interval=ends[:, SCALAR],
        kappa_interval=np.sqrt(np.maximum(ends[:, KAPPA], 0)),
        radius=choice.pick(fits.radius),
        noise=choice.pick(fits.noise),
        status=status,
        pooled=_pool(method, near, *means),
        extent=extent,
        knowable=knowable(near, dim),
        method=method,
        n_points=near.n_points,
    )
    return dc.replace(result, caveats=tuple(_remarks(result, near)))


def _statuses(
    fits: ScaleFits, choice: Choice, near: Neighbors, extent: float, dim: int
) -> Array:
    """One word per query; the gravest if several hold."""
    kappa = choice.values[:, KAPPA]
    curved = np.maximum(kappa, 0.0)
    # Errors are compared with the curvature of the point or of the cloud, whichever is
    # less: otherwise points whose value is too high by chance would pass as ok.
    possible = curved[choice.is_possible]
    usual = np.minimum(curved, np.median(possible) if len(possible) else 0.0)
    radius = choice.pick(fits.radius)
    relative = np.maximum(usual, choice.noise[:, KAPPA])
    size = max(dim * (dim - 1), 1) * relative
    is_noisy = (choice.noise[:, KAPPA] > RESOLVED * usual) & (curved > 0) | (
        (kappa <= 0) & (choice.noise[:, KAPPA] > 0)
    )
    is_biased = (choice.bias[:, SCALAR] > SMALL_BIAS * size) | (
        choice.bias[:, KAPPA] > SMALL_BIAS * relative
    )
    words = np.full(len(kappa), Status.OK.value, dtype=object)
    for status, holds in (
        (Status.BIASED, is_biased),
        (Status.NOISE_LIMITED, is_noisy),
        (Status.BOUNDARY, _at_edge(fits)),
        (
            Status.NOT_SMOOTH,
            _is_rough(fits, LocalMean(near)) | _is_rough(fits, WholeMean()),
        ),
        (Status.TOO_FEW_POINTS, ~is_noisy & (curved * radius**2 > 2 * TOO_BENT)),
        (Status.TOO_FEW_POINTS, ~choice.is_possible),
        (Status.NOISE_LIMITED, ~choice.is_possible & (fits.radius[:, 0] < extent / 2)),
    ):
        words[holds] = status.value
    return words


def _at_edge(fits: ScaleFits) -> Bools:
    """Whether one of the four smallest neighbourhoods lies to one side of the query."""
    small = [c for c, one in enumerate(fits.candidates) if one.order == 0][:4]
    return np.asarray(~fits.is_inside[:, small].all(axis=1))


def _is_rough(fits: ScaleFits, mean: Averaging) -> Bools:
    """Whether kappa^2 of the plain quadric falls with the radius like r^(-1/2) or faster,
    by weighted regression of its logarithm, nearby or over the whole cloud.
    """
    plain = [c for c, one in enumerate(fits.candidates) if one.order == 0]
    solved = fits.is_solved[:, plain]
    kappa = mean(np.where(solved, fits.values[:, plain, KAPPA], np.nan))
    error = np.sqrt(mean(np.where(solved, fits.variances[:, plain, KAPPA], np.nan)))
    radius = fits.radius[:, plain]
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = (kappa > 2 * error) & (kappa * radius**2 < SHRINKS**2)
        weight = np.where(counts, 1 / ((error / kappa) ** 2 + 0.1**2), 0.0)
        log_r, log_k = np.log(radius), np.where(counts, np.log(kappa), 0.0)
        total = weight.sum(1)
        centre = (weight * log_r).sum(1) / total
        spread = (weight * (log_r - centre[:, None]) ** 2).sum(1)
        slope = (weight * (log_r - centre[:, None]) * log_k).sum(1) / spread
        rough = (slope + 2 / np.sqrt(spread) < ROUGH) & (counts.sum(1) >= 3)
    return np.asarray(rough)


def _pool(
    method: Quadric, near: Neighbors, scalar: PooledMean, kappa: PooledMean
) -> Pooled:
    low, high = (math.sqrt(max(end, 0.0)) for end in kappa.interval)
    notes = () if math.isfinite(kappa.value) else (Caveat.NOT_ESTIMATED("no usable fit"),)
    return Pooled(
        kappa_rms=KappaRMS(
            math.sqrt(max(kappa.value, 0.0)) if notes == () else math.nan,
            Interval(low, high),
            method,
            near.n_points,
            notes,
        ),
        scalar=ScalarCurvature(
            scalar.value,
            scalar.interval,
            method,
            near.n_points,
            notes,
            stderr=scalar.stderr,
            bias=scalar.bias,
        ),
    )


def _nothing(method: Quadric, near: Neighbors, dim: int, extent: float) -> Curvature:
    """The result without a fit, because no neighbourhood is small enough."""
    nan = np.full(near.n_queries, np.nan)
    ends = np.tile([-np.inf, np.inf], (near.n_queries, 1))
    result = Curvature(
        rows=near.queries,
        dim=dim,
        scalar=nan,
        mean_norm=nan,
        kappa_rms=nan,
        principal=np.full((near.n_queries, dim), np.nan),
        scalar_interval=ends,
        kappa_interval=np.maximum(ends, 0.0),
        radius=nan,
        noise=nan,
        status=np.full(near.n_queries, Status.TOO_FEW_POINTS.value, dtype=object),
        pooled=_pool(method, near, NOTHING, NOTHING),
        extent=extent,
        knowable=knowable(near, dim),
        method=method,
        n_points=near.n_points,
    )
    return dc.replace(result, caveats=tuple(_remarks(result, near)))


def _over_dimensions(chosen: Curvature, results: list[Curvature]) -> Curvature:
    """The result with the other dimensions taken into account: wider pooled intervals, and
    no value at points where the intervals exclude each other.
    """
    if len(results) == 1:
        return chosen
    lows = np.max([r.scalar_interval[:, 0] for r in results], axis=0)
    highs = np.min([r.scalar_interval[:, 1] for r in results], axis=0)
    known = np.all([np.isfinite(r.scalar) for r in results], axis=0)
    apart = known & (lows > highs)
    dims = ", ".join(str(result.dim) for result in results)
    pooled = Pooled(
        *(
            _hull(getattr(chosen.pooled, name), [getattr(r.pooled, name) for r in results])
            for name in ("kappa_rms", "scalar")
        )
    )
    status = np.array(chosen.status, dtype=object)
    status[apart] = Status.DIMENSION_UNSTABLE.value
    note = Caveat.DIMENSION_OPEN(f"fitted at d = {dims}; pooled intervals cover all")
    shares = [_shares(dc.replace(chosen, status=status))]
    kept = [n for n in chosen.caveats if n.caveat is not Caveat.CURVATURE_UNSURE]
    return dc.replace(
        chosen,
        scalar=np.where(apart, np.nan, chosen.scalar),
        mean_norm=np.where(apart, np.nan, chosen.mean_norm),
        kappa_rms=np.where(apart, np.nan, chosen.kappa_rms),
        principal=np.where(apart[:, None], np.nan, chosen.principal),
        status=status,
        pooled=pooled,
        caveats=(*kept, *filter(None, shares), note),
    )


def _hull(quantity: Quantity, others: list[Quantity]) -> Quantity:
    ends = [one.interval for one in others if math.isfinite(one.value)]
    if not ends:
        return quantity
    low, high = min(e.low for e in ends), max(e.high for e in ends)
    return dc.replace(quantity, interval=Interval(low, high, quantity.interval.level))


def _shares(result: Curvature) -> Remark | None:
    """What is not ok, and at what share of the points."""
    parts = [
        f"{result.share(status):.0%} {status.value}: {status.advice}"
        for status in Status
        if status is not Status.OK and result.share(status) > 0
    ]
    return Caveat.CURVATURE_UNSURE("; ".join(parts)) if parts else None


def _remarks(result: Curvature, near: Neighbors) -> list[Remark]:
    remarks = [*filter(None, [_shares(result)]), *near.remarks()]
    edge = result.share(Status.BOUNDARY)
    if edge > EDGE and math.isfinite(result.pooled.scalar.value):
        remarks.append(Caveat.EDGES_LEFT_OUT(f"{edge:.0%} lie at one"))
    if near.recall < 1:
        remarks.append(Caveat.MISSED_NEIGHBORS(f"recall {near.recall:.1%}"))
    if near.n_queries < FEW:
        remarks.append(Caveat.FEW_POINTS(f"at {near.n_queries} points"))
    if not math.isfinite(result.pooled.scalar.value):
        remarks.append(Caveat.NOT_ESTIMATED(_why_not(result, near)))
    return remarks


def _why_not(result: Curvature, near: Neighbors) -> str:
    if result.share(Status.NOT_SMOOTH) > result.share(Status.TOO_FEW_POINTS):
        return (
            "curvature: the cloud bends the more the closer one looks, as where a network "
            "has kinks"
        )
    return (
        f"curvature: of {near.n_points:,} points, the {neighbors_needed(result.dim)} "
        f"neighbours that a fit at d = {result.dim} needs reach further than the cloud "
        "bends alike"
    )
