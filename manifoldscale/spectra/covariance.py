"""The power law of the eigenvalues of a representation."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Array, Floats, Ints, places_in_groups
from ..core.caveat import Caveat, Remark
from ..core.covariance_moments import (
    Participation,
    participation,
    participation_of_groups,
    signal_participation,
)
from ..core.error_bars import jackknife_error, log_interval, normal_interval
from ..core.errors import ManifoldScaleError, is_real, is_whole, require
from ..core.interval import Interval
from ..core.method import Method
from ..core.random import keyed
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points, scaled_points, unit
from ..geometry.within_noise import noise_in_variance, of_trials
from .spectrum import CovarianceSpectrum, SpectrumQuantity

PARTS = 10  # of the jackknife
FIRST, LAST = 11, 500  # ranks of Stringer et al.
FEWEST = 40  # points
FEWEST_GROUPS = 10
LARGEST = 1e150  # whose square is a number still
FEWEST_RANKS = 5
BENT = 3.0  # standard errors between the slopes of the halves of the range
LARGE = 0.1  # a correction by a larger share of alpha gives a caveat

Views = tuple[Floats, ...]  # the points; or two repeats of each, row by row


@dc.dataclass(frozen=True)
class Covariance(Method[CovarianceSpectrum]):
    """Eigenvalues of the covariance, their exponent over a range of ranks, and whether it
    is above 1 + 2 / d, as it must be for a differentiable code of a d-dimensional manifold
    (Stringer et al. 2019, Nature 571:361).

    The exponent is minus the slope of log eigenvalue on log rank, each rank weighted by its
    inverse, as in that paper. All that lies beyond a rank adds its variance / n to the
    eigenvalue there (Lawley 1956, Biometrika 43:128), which flattens slow spectra the most:
    this is subtracted. The relative error that remains falls as 1 / n at a fixed rank: so
    the slope of the points minus the slope of their halves is added once more (Richardson).
    The systematic error is half of that, or the distance from what the halves alone would
    have corrected, if it is larger. The standard error is a jackknife over ten parts of the
    points, or of the `groups` of a cloud. If the slopes of the two halves of the range
    differ, there is no single exponent, and the interval reaches to the slope of the second
    half. Of points that depend on each other within groups, n is the number of independent
    ones with the same bias of tr(C^2).

    With repeats of each stimulus the eigenvalues are cross-validated (cvPCA): directions
    from the mean of one half of the repeats, the covariance of both halves along them.
    Noise that is independent between repeats does not affect them, nor the participation
    ratio; without repeats it makes the exponent too small and the ratio too large. It turns
    the directions, though: where it nears the signal eigenvalues are too small. Half of
    what twice the noise does to the exponent is one more systematic error; where that
    leaves no exponent, there is none.

    Parameters
    ----------
    dim : of the manifold, as a `Quantity` or a number, for the bound.
    ranks : (first, last) to fit, counted from 1. By default 11 to 500, or up to a tenth of
        the points or half of the rank; the first is lower if less than a factor of 5 would
        remain. Fewer than five leave no exponent.
    repeats : use them: those of `ms.population` with an axis of trials; or the cloud's
        `groups` name stimuli, with at least two rows each.
    seed : of the halves and the parts.

    Raises
    ------
    ManifoldScaleError : fewer than 40 points; ranks that the points do not have; repeats
        without groups.
    """

    dim: Quantity | float | None = None
    ranks: tuple[int, int] | None = None
    repeats: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.ranks
        require(
            given is None or _is_range(given),
            f"`ranks` must be (first, last) with 1 <= first < last; not {given!r}.",
        )
        d = self.dim.value if isinstance(self.dim, Quantity) else self.dim
        require(
            d is None or (is_real(d) and d > 0),
            f"`dim` must be a positive number or a `Dimension`; not {d!r}.",
        )

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> CovarianceSpectrum:
        points = scaled_points(self, near)
        views = self._views(points, near)
        n = len(views[0])
        require(n >= FEWEST, f"Covariance needs at least {FEWEST} points; there are {n}.")
        size = unit(raw_points(self, near))
        require(
            1 / LARGEST < size < LARGEST,
            f"The variances of points at about {size:.2g} from their mean are no numbers: "
            f"scale them, as `points / {size:.0e}`; an exponent does not change.",
        )
        values = eigenvalues(views)
        ranks = self._ranks(values, n)
        groups = self._groups(near, n)
        shared = self._participation(views, groups)
        views, units = _shuffled(views, groups, self.seed)
        count = n if groups is None else _independent(shared, int(units[-1]) + 1, n)
        found, raw, scatter = _jackknife(views, units, count, ranks)
        alpha = self._alpha(found, raw, scatter, n)
        if len(views) == 2:
            again = _statistics(self._noisier(views), units, count, ranks)[0][0]
            alpha = self._alpha(found, raw, scatter, n, abs(again - found[0]) / 2)
        noisy = of_trials(near) if self.repeats else noise_in_variance(near)
        rank = math.exp(found[3])
        return CovarianceSpectrum(
            eigenvalues=values * size**2,
            alpha=alpha,
            ranks=ranks or (0, 0),
            participation=self._quantity(
                "participation", shared.value, shared.stderr, 0.0, n
            ),
            effective_rank=self._quantity(
                "effective_rank", rank, rank * scatter[3], rank * (found[3] - raw[3]) / 2, n
            ),
            bound=self._bound(n),
            excess=self._excess(alpha, n),
            method=self,
            n_points=n,
            caveats=(*noisy, *self._caveats(found, raw, scatter, n, ranks, alpha)),
        )

    def _views(self, points: Floats, near: Neighbors) -> Views:
        if not self.repeats:
            return (points,)
        assert near.cloud is not None  # `points` are its own
        if near.cloud.noise is not None:
            size = unit(raw_points(self, near))
            return near.cloud.noise.take(near.rows).scaled(1 / size).halves
        groups = near.cloud.groups
        if groups is None:
            raise ManifoldScaleError(
                "repeats=True needs a stimulus for each row: `ms.Cloud(X, groups=stimuli)`;"
                " or `ms.population` with an axis of trials."
            )
        return _halves(points, groups)

    def _groups(self, near: Neighbors, n: int) -> Array | None:
        """Of points that depend on each other; not those that name stimuli."""
        groups = near.cloud.groups if near.cloud is not None else None
        if groups is None or len(groups) != n:
            return None
        many = len(np.unique(groups))
        require(
            many >= FEWEST_GROUPS,
            f"Covariance needs at least {FEWEST_GROUPS} `groups`; there are {many}.",
        )
        return groups

    def _noisier(self, views: Views) -> Views:
        """Two repeats with twice the noise: a difference of repeats has its covariance, and
        is given to another stimulus with another sign.
        """
        stream = keyed(self.seed, "noise")
        noise = (views[0] - views[1]) / math.sqrt(2)
        again = []
        for view in views:
            signs = stream.choice([-1.0, 1.0], (len(view), 1))
            again.append(view + signs * noise[stream.permutation(len(view))])
        return tuple(again)

    def _ranks(self, values: Floats, n: int) -> tuple[int, int] | None:
        """The range to fit, within the positive eigenvalues; None where they are too few
        for a power law.
        """
        bad = np.flatnonzero(values <= 1e-12 * values[0])
        there = int(bad[0]) if len(bad) else len(values)
        if self.ranks is not None:
            require(
                self.ranks[1] <= min(there, n // 2 - 1),
                f"`ranks` reach to {self.ranks[1]}; {n} points and their halves have "
                f"{min(there, n // 2 - 1)} positive eigenvalues.",
            )
            return self.ranks
        last = min(LAST, n // 10, max(there // 2, min(there, FEWEST_RANKS)))
        if last < FEWEST_RANKS:
            return None
        return max(1, min(FIRST, last // 5)), last

    def _alpha(
        self, found: Floats, raw: Floats, scatter: Floats, n: int, noise: float = 0.0
    ) -> SpectrumQuantity:
        of_sample = max(abs(found[0] - raw[0]) / 2, abs(found[0] - found[4]))
        systematic = math.hypot(of_sample, noise)
        # If parts of the data have no exponent, the exponent of the whole has no error.
        known = math.isfinite(scatter[0]) and math.isfinite(systematic)
        value = found[0] if known else math.nan
        alpha = self._quantity("alpha", value, scatter[0], systematic, n)
        if not _bent(found, scatter):
            return alpha
        ends = [*alpha.interval, float(found[2])]
        return dc.replace(alpha, interval=Interval(min(ends), max(ends)))

    def _quantity(
        self, name: str, value: float, stderr: float, systematic: float, n: int
    ) -> SpectrumQuantity:
        error = math.hypot(stderr, systematic)
        spread = normal_interval if name in ("alpha", "excess") else log_interval
        interval = spread(value, error, PARTS - 1)
        return SpectrumQuantity(
            value=float(value),
            interval=interval,
            method=self,
            n_points=n,
            name=name,
            stderr=float(stderr),
            systematic=float(abs(systematic)),
        )

    def _participation(self, views: Views, groups: Array | None) -> Participation:
        """Without bias; with repeats, of the signal that they share."""
        if len(views) == 2:
            return signal_participation(*views)
        if groups is not None:
            return participation_of_groups(views[0], groups)
        return participation(views[0] - views[0].mean(0))

    def _bound(self, n: int) -> SpectrumQuantity | None:
        if self.dim is None:
            return None
        d = float(self.dim)
        ends = self.dim.interval if isinstance(self.dim, Quantity) else Interval(d, d)
        return SpectrumQuantity(
            1 + 2 / d,
            ends.map(lambda end: 1 + 2 / max(end, 1e-300)),
            self,
            n,
            name="bound",
        )

    def _excess(self, alpha: SpectrumQuantity, n: int) -> SpectrumQuantity | None:
        """alpha - bound; the distances to the ends of the intervals add in squares."""
        bound = self._bound(n)
        if bound is None:
            return None
        value = alpha.value - bound.value
        down = math.hypot(
            alpha.value - alpha.interval.low, bound.interval.high - bound.value
        )
        up = math.hypot(alpha.interval.high - alpha.value, bound.value - bound.interval.low)
        interval = Interval(value - down, value + up)
        return SpectrumQuantity(value, interval, self, n, name="excess")

    def _caveats(
        self,
        found: Floats,
        raw: Floats,
        scatter: Floats,
        n: int,
        ranks: tuple[int, int] | None,
        alpha: SpectrumQuantity,
    ) -> tuple[Remark, ...]:
        notes = []
        if ranks is None:
            least = f"{FEWEST_RANKS} positive ones and {10 * FEWEST_RANKS} points"
            notes.append(Caveat.FEW_EIGENVALUES(f"it takes {least}"))
        elif math.isnan(alpha.value):
            notes.append(Caveat.NO_SPECTRUM())
        if _bent(found, scatter):
            notes.append(Caveat.BENT_SPECTRUM(f"{found[1]:.3g}, then {found[2]:.3g}"))
        if abs(found[0] - raw[4]) > LARGE * abs(found[0]):
            notes.append(Caveat.FINITE_SPECTRUM(f"{found[0] - raw[4]:+.2g}"))
        if n < 10 * FEWEST:
            notes.append(Caveat.FEW_POINTS(f"{n} points"))
        return tuple(notes)


def _is_range(given: object) -> bool:
    return (
        isinstance(given, tuple | list)
        and len(given) == 2
        and all(map(is_whole, given))
        and 1 <= given[0] < given[1]
    )


def eigenvalues(views: Views) -> Floats:
    """Eigenvalues of the covariance, falling. With two repeats, the covariance between them
    along the directions of either, averaged: not sorted, and negative for pure noise.
    """
    centred = [view - view.mean(axis=0) for view in views]
    n, features = centred[0].shape
    if len(centred) == 1:
        (x,) = centred
        scatter = x.T @ x if features <= n else x @ x.T
        values = np.linalg.eigvalsh(scatter)[::-1] / (n - 1)
        return np.asarray(np.clip(values[: min(n - 1, features)], 0, None))
    out = np.zeros(min(n - 1, features))
    for one, other in (centred, centred[::-1]):
        directions = np.linalg.svd(one, full_matrices=False)[2][: len(out)].T
        along = (one @ directions) * (other @ directions)
        out += along.sum(axis=0) / (n - 1) / 2
    return out


def slope(values: Floats, ranks: tuple[int, int]) -> float:
    """Minus the slope of log value on log rank, weighted by 1 / rank; NaN if a value is not
    positive, which happens with cross-validation.
    """
    rank = np.arange(ranks[0], ranks[1] + 1)
    if (values[rank - 1] <= 0).any():
        return math.nan
    logs = np.log(values[rank - 1])
    weights, x = 1 / rank, np.log(rank)
    x = x - np.average(x, weights=weights)
    return float(-(weights * x) @ logs / ((weights * x) @ x))


def _shuffled(views: Views, groups: Array | None, seed: int) -> tuple[Views, Ints]:
    """The rows by units in random order, and the unit of each: a group, or a row."""
    n = len(views[0])
    codes = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    drawn = keyed(seed, "halves").permutation(int(codes.max()) + 1)
    units = np.argsort(drawn)[codes]
    order = np.argsort(units, kind="stable")
    return tuple(view[order] for view in views), units[order]


def _independent(found: Participation, groups: int, n: int) -> float:
    """The number N of independent points with the same bias of tr(C^2): it is
    ((tr C)^2 + tr(C^2)) / N for Gaussian ones.
    """
    excess = 1 / found.raw - 1 / found.value
    return float(np.clip((1 + 1 / found.value) / max(excess, 1e-300), groups, n))


def _statistics(
    views: Views, units: Ints, count: float, ranks: tuple[int, int] | None
) -> Floats:
    """alpha over the range, its nearer and its farther half, log effective rank, and alpha
    of the eigenvalues as they are: (5,) corrected by the difference to the halves of the
    points, and (5,) uncorrected. Rows of one unit are in one half; they count as `count`
    independent ones.
    """
    whole = _plain(eigenvalues(views), ranks, count)
    place = np.unique(units, return_inverse=True)[1]
    parts = []
    for side in (0, 1):
        rows = place % 2 == side
        half = tuple(view[rows] for view in views)
        parts.append(_plain(eigenvalues(half), ranks, rows.mean() * count))
    return np.stack([2 * whole - np.mean(parts, axis=0), whole])


def _plain(values: Floats, ranks: tuple[int, int] | None, n: float) -> Floats:
    shares = values[values > 0] / values[values > 0].sum()
    entropy = float(-(shares * np.log(shares)).sum())
    if ranks is None:
        return np.array([np.nan, np.nan, np.nan, entropy, np.nan])
    first, last = ranks
    middle = min(max(round(math.sqrt(first * last)), first + 1), last - 1)
    beyond = np.cumsum(values[::-1])[::-1] - values
    kept = values - beyond / n
    near, far = slope(kept, (first, middle)), slope(kept, (middle, last))
    return np.array([slope(kept, ranks), near, far, entropy, slope(values, ranks)])


def _jackknife(
    views: Views, units: Ints, count: float, ranks: tuple[int, int] | None
) -> tuple[Floats, Floats, Floats]:
    """The corrected statistics, the plain ones, and the standard errors of the corrected
    ones (and, last, of the difference between the two halves of the range), from parts that
    leave out whole units.
    """
    found, raw = _statistics(views, units, count, ranks)
    each = []
    for part in range(PARTS):
        kept = units % PARTS != part
        rest = tuple(view[kept] for view in views)
        one = _statistics(rest, units[kept], kept.mean() * count, ranks)[0]
        each.append(np.append(one, one[2] - one[1]))
    return found, raw, jackknife_error(np.array(each))


def _bent(found: Floats, scatter: Floats) -> bool:
    """Whether the slopes of the two halves of the range differ by more than their error."""
    apart = abs(found[2] - found[1])
    return bool(apart > BENT * scatter[-1] and apart > LARGE * abs(found[0]))


def _halves(points: Floats, groups: Array) -> Views:
    """Means over the first, third, ... row of each stimulus, and over the others."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    require(
        bool((counts >= 2).all()),
        f"{int((counts < 2).sum())} of {len(counts)} stimuli have only one row: "
        "repeats=True needs two of each. Leave these stimuli out.",
    )
    place = places_in_groups(codes, np.argsort(codes, kind="stable"))
    means = []
    for half in (0, 1):
        rows = place % 2 == half
        sums = np.zeros((len(counts), points.shape[1]))
        np.add.at(sums, codes[rows], points[rows])
        means.append(sums / np.bincount(codes[rows], minlength=len(counts))[:, None])
    return tuple(means)
