"""The lower envelope of many training runs: the least loss that any of them has at a cost.

At a compute C a set of networks, each along its own trajectory L(C), reaches at best

    L*(C) = min over networks of L(C),

the curve that Kaplan et al. (2020, fig. 13) and Hoffmann et al. (2022, approach 1) fit.
"""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array, Bools, Floats, Ints, as_real
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.random import keyed
from ..core.result import Result
from ..core.style import drawing, log_axes
from .floor import LAW_COLUMNS, floor_in_words, rule_of, stated_floor
from .paths import Path, lowest, paths_of, spread_of
from .profile_fit import Problem, reweighted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 4  # sizes: the two ends, and two between them
GRID = 40  # computes at which the envelope is fitted
DRAWS = 400


def lower_envelope(compute: object, loss: object, network: object = None) -> Ints:
    """The rows on the lower envelope, in rising order of compute.

    >>> lower_envelope([1, 2, 4, 8], [0.9, 0.5, 0.6, 0.4]).tolist()
    [0, 1, 3]

    A row is on the envelope if no row of at most its compute has a lower loss. If `network`
    says which rows are one trajectory, no other trajectory, interpolated in logarithms, may
    lie lower at the same compute either.

    Parameters
    ----------
    compute, loss : (rows,) positive numbers.
    network : (rows,) which trajectory each row is of; None, where rows stand alone.

    Raises
    ------
    ManifoldScaleError : numbers that are not finite and positive, or of other lengths.
    """
    cost, height = (
        as_real(values, name).astype(float)
        for values, name in ((compute, "compute"), (loss, "loss"))
    )
    require(
        cost.ndim == 1 and cost.shape == height.shape and len(cost) > 0,
        f"`compute` and `loss` must be 1-D and of one length; their shapes are "
        f"{cost.shape} and {height.shape}.",
    )
    good = np.isfinite(cost) & np.isfinite(height) & (cost > 0) & (height > 0)
    require(
        bool(good.all()),
        f"`compute` and `loss` must be finite and positive; {(~good).sum()} rows are not.",
    )
    order = np.lexsort((height, cost))  # of rows of one compute, the lowest first
    lowest = np.minimum.accumulate(height[order])
    first = np.r_[True, lowest[1:] < lowest[:-1]]
    rows = order[first]
    if network is None:
        return rows
    names = np.asarray(network)
    require(
        names.shape == cost.shape,
        f"`network` must have one entry per row, {len(cost)}; its shape is {names.shape}.",
    )
    return rows[~_below(np.log(cost), np.log(height), names, rows)]


def _below(x: Floats, y: Floats, names: Array, rows: Ints) -> Bools:
    """For each of the rows, whether another trajectory lies below it."""
    beaten = np.zeros(len(rows), dtype=bool)
    for name in np.unique(names):
        own = np.flatnonzero(names == name)
        own = own[np.argsort(x[own])]
        there = np.interp(x[rows], x[own], y[own], left=np.inf, right=np.inf)
        beaten |= (there < y[rows]) & (names[rows] != name)
    return beaten


@dc.dataclass(frozen=True, eq=False)
class ComputeEnvelope(Result):
    """A power law L*(C) = floor + amplitude C^-alpha through a lower envelope.

    Attributes
    ----------
    alpha, interval : the exponent alpha_C, and its interval by a bootstrap over networks,
        widened by `finite_set`.
    floor, floor_interval : irreducible loss; a point where it was given.
    compute, loss, parameters : (places,) the envelope, and the size of the networks on it.
    finite_set : by how much the exponent is off because the number of sizes is finite, from
        the fit without every other size: the distance to the envelope of all possible sizes
        grows as the square of their spacing.
    sizes, n_points : numbers of sizes and of networks.
    draws : (draws, 3) bootstrap values of (alpha, floor, amplitude).
    """

    alpha: float
    interval: Interval
    floor: float
    floor_interval: Interval
    floor_rule: str
    amplitude: float
    compute: Floats
    loss: Floats
    parameters: Floats
    finite_set: float
    sizes: int
    n_points: int
    draws: Floats
    caveats: tuple[Remark, ...] = ()

    axis = Axis.compute
    main = "alpha"
    columns = (*LAW_COLUMNS, "finite_set", "n_sizes=sizes")

    @property
    def method(self) -> str:
        return f"lower envelope, floor {self.floor_rule}"

    def predict(self, compute: object) -> Floats:
        """The fitted loss at a compute."""
        x = np.asarray(compute, dtype=float)
        return np.asarray(self.floor + self.amplitude * x**-self.alpha)

    def headline(self) -> str:
        words = floor_in_words(self.floor, self.floor_interval, self.floor_rule)
        return (
            f"alpha_C {number(self.alpha)} {self.interval.labelled} (lower envelope of "
            f"{self.sizes} sizes, {self.n_points} networks; floor {words})"
        )

    def to_dict(self) -> dict[str, Any]:
        fields = {f.name: getattr(self, f.name) for f in dc.fields(self)}
        del fields["draws"]
        return {"type": "ComputeEnvelope", **fields}

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The envelope, with a colour per size, and the fitted law."""
        for size in np.unique(self.parameters):
            own = self.parameters == size
            ax.plot(self.compute[own], self.loss[own], ".", label=f"P = {size:.3g}")
        label = f"alpha_C {number(self.alpha)} {self.interval.labelled}"
        ax.plot(self.compute, self.predict(self.compute), color="black", label=label)
        ax.set(xlabel=Axis.compute.label, ylabel="test loss")
        log_axes(ax, self.compute, self.loss)
        ax.legend()


def compute_envelope(
    curve: LearningCurve, *, floor: str | float = "free", level: float = 0.95
) -> ComputeEnvelope:
    """Fit L*(C) = E + A C^-alpha_C to the lower envelope of trajectories of several sizes.

    Where the smallest or the largest size is the best, the optimum may lie beyond, so these
    ends of the envelope are left out. Networks of one size are averaged before the envelope
    is taken, because the least of noisy losses is too low.

    The envelope belongs to these trainings. Under a learning rate that decays over a fixed
    number of steps, the loss on the way lies above the loss of a run that ends there, and
    the exponent then also depends on the schedule (Hoffmann et al. 2022, appendix B).

    Parameters
    ----------
    curve : of a sweep, whose runs keep their trajectories; or read with row="trajectory",
        with a column of compute. At least four sizes.
    floor : "free" fits E >= 0; "zero" or a number fixes it.

    Raises
    ------
    ManifoldScaleError : no trajectories, fewer than four sizes, or an envelope of fewer
        than two sizes between the ends.
    """
    check_level(level)
    paths = paths_of(curve, Axis.compute)
    sizes = np.array([path.parameters for path in paths])
    require(
        len(set(sizes.tolist())) >= FEWEST and not np.isnan(sizes).any(),
        f"An envelope needs networks of {FEWEST} sizes, by their `parameters`; there are "
        f"{len(set(sizes[~np.isnan(sizes)].tolist()))}.",
    )
    drawn = _drawn(paths)
    grid = _between_the_ends(paths, [means[0] for means in drawn], sizes)
    losses = np.stack(
        [lowest(paths, [m[i] for m in drawn], grid)[0] for i in range(1 + DRAWS)]
    )
    known = stated_floor(floor, float(losses[0].min()))
    losses = losses[np.isfinite(losses).all(1)]  # a draw may leave a gap
    fits = reweighted(Problem(grid, losses, np.ones(len(grid)), known))
    finite = _finite_set(paths, [means[0] for means in drawn], sizes, grid, known)
    draws = fits.draws
    alpha = float(fits.alpha[0])
    replicated = all(path.replicated for path in paths)
    free = sum(p.freedom for p in paths) if replicated else len(paths) - 2
    interval = _interval(fits.alpha, abs(finite), level, free)
    y, which = lowest(paths, [means[0] for means in drawn], grid)
    return ComputeEnvelope(
        alpha=alpha,
        interval=interval,
        floor=float(fits.floor[0]),
        floor_interval=_floor_interval(fits.floor, known, level),
        floor_rule=rule_of(floor),
        amplitude=float(draws[0, 2]),
        compute=grid,
        loss=y,
        parameters=sizes[which],
        finite_set=finite,
        sizes=len(set(sizes.tolist())),
        n_points=sum(len(path.losses) for path in paths),
        draws=draws[1:],
        caveats=tuple(_notes(paths, finite, interval)),
    )


def _drawn(paths: Sequence[Path]) -> list[Floats]:
    """(1 + draws, places) means of each path. Without replicates the sizes are drawn: paths
    that are not drawn are NaN; the two ends are always kept.
    """
    rng = keyed(0, "compute envelope")
    if all(path.replicated for path in paths):
        return [path.means(DRAWS, rng) for path in paths]
    found = [np.repeat(path.means(0, rng), 1 + DRAWS, 0) for path in paths]
    for draw in range(1, 1 + DRAWS):
        there = {0, len(paths) - 1, *rng.integers(len(paths), size=len(paths)).tolist()}
        for place in set(range(len(paths))) - there:
            found[place][draw] = np.nan
    return found


def _between_the_ends(
    paths: Sequence[Path], means: Sequence[Floats], sizes: Floats
) -> Floats:
    """Computes at which a size between the smallest and the largest is the best."""
    x = np.concatenate([path.x for path in paths])
    y = np.concatenate(means)
    kind = np.repeat(np.arange(len(paths)), [len(path.x) for path in paths])
    rows = lower_envelope(x, y, kind)
    inner = rows[(sizes[kind[rows]] > sizes.min()) & (sizes[kind[rows]] < sizes.max())]
    best = {float(size) for size in sizes[kind[inner]]}
    require(
        len(best) >= 2,
        f"The envelope needs two sizes or more between the smallest and the largest; "
        f"between them {len(best)} of {len(set(sizes.tolist()))} sizes is the best "
        "anywhere. Add sizes where the curves cross, or train for longer.",
    )
    return np.geomspace(x[inner].min(), x[inner].max(), GRID)


def _finite_set(
    paths: Sequence[Path],
    means: Sequence[Floats],
    sizes: Floats,
    grid: Floats,
    floor: float | None,
) -> float:
    """A third of the change of the exponent without every other size; NaN where too few
    sizes would be left. At twice the spacing the error is four times as large.
    """
    kept = np.unique(sizes)[::-1][::2]
    part = [(p, m) for p, m, s in zip(paths, means, sizes, strict=True) if s in kept]
    if len(kept) < 3:
        return math.nan
    full, _ = lowest(paths, means, grid)
    thin, _ = lowest([p for p, _ in part], [m for _, m in part], grid)
    there = np.isfinite(thin)
    if there.sum() < GRID / 2:
        return math.nan
    pair = np.stack([full, thin])[:, there]
    problem = Problem(grid[there], pair, np.ones(int(there.sum())), floor)
    alpha = reweighted(problem).alpha
    return float(alpha[0] - alpha[1]) / 3


def _interval(alpha: Floats, finite: float, level: float, freedom: int) -> Interval:
    half = spread_of(np.log(alpha), level, freedom)
    more = 0.0 if math.isnan(finite) else finite
    low, high = alpha[0] * math.exp(-half) - more, alpha[0] * math.exp(half) + more
    return Interval(max(float(low), 0.0), float(high), level)


def _floor_interval(floors: Floats, known: float | None, level: float) -> Interval:
    if known is not None:
        return Interval(known, known, level)
    low, high = np.quantile(floors[1:], [(1 - level) / 2, (1 + level) / 2])
    return Interval(min(low, floors[0]), max(high, floors[0]), level)


def _notes(paths: Sequence[Path], finite: float, interval: Interval) -> list[Remark]:
    notes = []
    if not all(path.replicated for path in paths):
        said = "the interval comes from leaving sizes out"
        notes.append(Caveat.ONE_NETWORK_A_SIZE(said))
    if math.isnan(finite):
        notes.append(Caveat.COARSE_ENVELOPE("how far off is not known: add sizes"))
    elif abs(finite) > interval.width / 4:
        notes.append(Caveat.COARSE_ENVELOPE(f"by about {finite:+.2g} in the exponent"))
    return notes
