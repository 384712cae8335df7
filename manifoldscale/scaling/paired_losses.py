"""Losses of one curve over those of another on the same examples, run by run.

A run of one curve and the run of the other with the same sizes and seed saw the same
training and test sets, so what these do to both losses cancels in their ratio. Its mean log
at each size has Student's interval over the runs. How much faster one curve falls is minus
the slope of the mean log ratios over log size. It has two intervals, of which the wider
counts: from the scatter of the means about the line, which a bend in the ratio widens; and
from the slopes of single seeds, which errors widen that all sizes of a seed share, as in
paired plans.
"""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.error_bars import LEVEL, log_interval, normal_interval
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.result import Result
from ..core.style import BLUE, drawing, log_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPEN = Interval(0.0, math.inf, LEVEL)


@dc.dataclass(frozen=True, eq=False)
class LossRatio(Result):
    """The loss of one curve over that of another.

    Attributes
    ----------
    ratio, interval : at the largest size; the interval is open where there is one run.
    sizes, ratios, low, high : (sizes,) the same at each size.
    faster, faster_interval : by how much the exponent of the first curve exceeds that of
        the second, from the losses as they are, floors included; NaN below three sizes.
    n_points : number of pairs of runs.
    """

    ratio: float
    interval: Interval
    sizes: Floats
    ratios: Floats
    low: Floats
    high: Floats
    faster: float
    faster_interval: Interval
    axis: Axis
    n_points: int
    caveats: tuple[Remark, ...] = ()

    main = "ratio"
    columns = ("size=sizes.-1", "ratio", "faster", "faster_interval")
    method = "ratio of losses, run by run"

    @property
    def verdict(self) -> str:
        """Whether the first curve is "below", "above" or "not told apart" at the end."""
        if self.interval.high < 1:
            return "below"
        return "above" if self.interval.low > 1 else "not told apart"

    def headline(self) -> str:
        return (
            f"loss ratio {number(self.ratio)} {self.interval.labelled} at "
            f"{self.axis.symbol} = {self.sizes[-1]:,.0f}; exponent larger by "
            f"{number(self.faster)} {self.faster_interval} ({self.n_points} pairs)"
        )

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The ratio at each size, with intervals."""
        far = np.isfinite(self.high)
        ends = [np.where(far, abs(self.ratios - e), 0.0) for e in (self.low, self.high)]
        ax.errorbar(self.sizes, self.ratios, ends, fmt="o", color=BLUE, capsize=2)
        ax.axhline(1.0, color="0.5", lw=1)
        ax.set(xlabel=self.axis.label, ylabel="ratio of losses")
        log_axes(ax, self.sizes, np.append(self.ratios, 1.0))


def loss_ratio(
    curve: LearningCurve, other: LearningCurve, axis: Axis | str = Axis.data
) -> LossRatio:
    """The losses of `curve` over those of `other`, by runs of the same sizes and seed.

    >>> from manifoldscale.core.learning_curve import Run
    >>> def curve(c):
    ...     return LearningCurve(tuple(
    ...         Run(c / d**0.5 * (1 + s / 9), dataset_size=d, seed=s)
    ...         for d in (10, 100, 1000) for s in range(3)
    ...     ))
    >>> found = loss_ratio(curve(1.0), curve(2.0))
    >>> round(found.ratio, 3), found.verdict, abs(round(found.faster, 3))
    (0.5, 'below', 0.0)

    Parameters
    ----------
    axis : along which the sizes are compared, "data" or another.

    Runs that gave no loss, or that the other curve does not have, are left out.

    Raises
    ------
    ManifoldScaleError : the curves have no run in common, several of the same sizes and
        seed, or unlike losses; losses that are not positive.
    """
    for name, one in (("curve", curve), ("other", other)):
        require(
            isinstance(one, LearningCurve),
            f"`{name}` must be a LearningCurve; not {type(one).__name__}.",
        )
    require(
        curve.loss == other.loss,
        f"A ratio needs one kind of loss; `curve` has {curve.loss!r} and `other` "
        f"{other.loss!r}.",
    )
    along = Axis.of(axis)
    pairs = _pairs(curve, other, along)
    sizes = np.unique([size for size, _, _ in pairs])
    at = [np.array([log for size, _, log in pairs if size == one]) for one in sizes]
    intervals = [_interval(logs) for logs in at]
    centres = np.array([logs.mean() for logs in at])
    faster, faster_interval = _faster(np.log(sizes), centres, pairs)
    shared = curve.shared_data or other.shared_data
    return LossRatio(
        ratio=math.exp(centres[-1]),
        interval=intervals[-1],
        sizes=sizes,
        ratios=np.exp(centres),
        low=np.array([one.low for one in intervals]),
        high=np.array([one.high for one in intervals]),
        faster=faster,
        faster_interval=faster_interval,
        axis=along,
        n_points=len(pairs),
        caveats=(Caveat.SHARED_DATA(),) if shared else (),
    )


Pairs = list[tuple[float, int, float]]  # size, seed, log ratio


def _by_key(curve: LearningCurve, name: str) -> dict[tuple[Any, ...], float]:
    """The loss of each run by its sizes and seed."""
    found = {
        (run.dataset_size, run.width, run.parameters, run.seed): run.loss
        for run in curve.runs
    }
    require(
        len(found) == len(curve.runs),
        f"`{name}` has several runs of the same sizes and seed: which belong together is "
        "not known. Number its runs in a column `seed`.",
    )
    return found


def _pairs(curve: LearningCurve, other: LearningCurve, axis: Axis) -> Pairs:
    """The runs that both curves have."""
    _by_key(curve, "curve")
    keyed = _by_key(other, "other")
    found = []
    for run, size in zip(curve.runs, curve.column(axis), strict=True):
        loss = keyed.get((run.dataset_size, run.width, run.parameters, run.seed), math.nan)
        if math.isfinite(loss) and math.isfinite(run.loss) and math.isfinite(size):
            require(
                loss > 0 and run.loss > 0,
                f"Ratios need positive losses; at {axis.symbol} = {size:,.0f} they are "
                f"{run.loss:g} and {loss:g}.",
            )
            found.append((float(size), run.seed, math.log(run.loss / loss)))
    require(
        bool(found),
        "`curve` and `other` have no run of the same sizes and seed: both must come from "
        "the same plan.",
    )
    return found


def _interval(logs: Floats) -> Interval:
    if len(logs) < 2:
        return OPEN
    stderr = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    ratio = math.exp(logs.mean())
    return log_interval(ratio, ratio * stderr, len(logs) - 1)


def _faster(x: Floats, y: Floats, pairs: Pairs) -> tuple[float, Interval]:
    """Minus the slope of a line, with the wider of two intervals of Student's."""
    if len(x) < 3:
        return math.nan, Interval(-math.inf, math.inf, LEVEL)
    line = stats.linregress(x, y)
    about = normal_interval(-line.slope, line.stderr, len(x) - 2)
    each = []
    for seed in {seed for _, seed, _ in pairs}:
        own = np.array([(math.log(size), log) for size, s, log in pairs if s == seed])
        if len(own) == len(x):
            each.append(stats.linregress(*own.T).slope)
    if len(each) < 2:
        return -float(line.slope), about
    scatter = float(np.std(each, ddof=1)) / math.sqrt(len(each))
    between = normal_interval(-line.slope, scatter, len(each) - 1)
    return -float(line.slope), max(about, between, key=lambda one: one.width)
