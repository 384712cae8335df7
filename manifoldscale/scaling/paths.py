"""Mean losses along an axis, and their bootstrap over networks.

A trajectory is one run: all of its steps are drawn together, so the spread includes what
neighbouring residuals share. Separate runs are drawn size by size.
"""

import dataclasses as dc
import math
from collections.abc import Sequence

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.errors import require
from ..core.learning_curve import Axis, LearningCurve, Run
from .losses import losses_of
from .scatter import half_width


@dc.dataclass(frozen=True, eq=False)
class Path:
    """Losses of networks of one kind along an axis.

    Attributes
    ----------
    parameters : of each network, NaN where not known.
    x : (places,) rising.
    losses : (networks, places), NaN where a network has none.
    together : whether a row is one network at all places, or each loss is of another one.
    """

    parameters: float
    x: Floats
    losses: Floats
    together: bool

    @property
    def replicated(self) -> bool:
        """Whether there is more than one network to draw from."""
        return bool((np.isfinite(self.losses).sum(0) > 1).any())

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the scatter between networks."""
        if self.together:
            return len(self.losses) - 1
        return int((np.isfinite(self.losses).sum(0) - 1).sum())

    def means(self, draws: int, rng: np.random.Generator) -> Floats:
        """(1 + draws, places): the mean losses, then the means of networks drawn anew.

        A mean of n draws from n networks spreads too little, by sqrt(1 - 1 / n); the
        distances of the logarithms are stretched accordingly.
        """
        n = len(self.losses)
        mean = _mean(self.losses[None])[0]
        if self.together:
            drawn = _mean(self.losses[rng.integers(n, size=(draws, n))])
        else:
            drawn = np.stack([_redrawn(column, draws, rng) for column in self.losses.T], 1)
        counts = np.isfinite(self.losses).sum(0)
        stretch = np.sqrt(counts / np.maximum(counts - 1, 1))
        logs = np.log(mean) + stretch * (np.log(drawn) - np.log(mean))
        return np.vstack([mean, np.exp(logs)])

    def at(self, mean: Floats, x: Floats) -> Floats:
        """Mean losses between the places, by interpolation of logarithms."""
        known = np.isfinite(mean)
        if not known.any():
            return np.full(len(x), np.nan)
        at, logs = np.log(self.x[known]), np.log(mean[known])
        return np.exp(np.interp(np.log(x), at, logs, np.nan, np.nan))


def _mean(losses: Floats) -> Floats:
    """(draws, networks, places) to (draws, places), of the networks that have a loss."""
    known = np.isfinite(losses)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, losses, 0.0).sum(1) / known.sum(1))


def _redrawn(column: Floats, draws: int, rng: np.random.Generator) -> Floats:
    own = column[np.isfinite(column)]
    return np.asarray(own[rng.integers(len(own), size=(draws, len(own)))].mean(1))


def paths_of(curve: LearningCurve, axis: Axis) -> list[Path]:
    """A path for each kind of network, sorted by parameters: along steps and compute its
    trajectories; along a size, the runs at each size.

    Raises
    ------
    ManifoldScaleError : no trajectories, losses that are not positive, and what
        `fit_power_law` refuses.
    """
    if axis not in (Axis.steps, Axis.compute):
        losses_of(curve, None, axis)  # checks
        return [_of_sizes(curve, axis)]
    rows = curve.trajectories
    x = rows.column(axis)
    good = np.isfinite(x) & np.isfinite(rows.losses) & (x > 0)
    require(
        bool(good.any()),
        f"No step of these trajectories says its {axis.value}. It is a column of a table"
        + (", or 6 x parameters x examples seen." if axis is Axis.compute else "."),
    )
    require(bool((rows.losses[good] > 0).all()), "Losses must be positive.")
    kinds: dict[tuple[float, ...], list[Run]] = {}
    for run, use in zip(rows.runs, good, strict=True):
        if use:
            kind = (run.parameters or math.nan, run.width or 0.0, run.dataset_size or 0.0)
            kinds.setdefault(tuple(kind), []).append(run)
    found = [_of_kind(key[0], runs, axis) for key, runs in kinds.items()]
    return sorted(found, key=lambda path: path.parameters)


def _of_sizes(curve: LearningCurve, axis: Axis) -> Path:
    sizes, y = curve.column(axis), curve.losses
    x = np.unique(sizes[np.isfinite(sizes) & np.isfinite(y)])
    runs = [y[(sizes == size) & np.isfinite(y)] for size in x]
    losses = np.full((max(map(len, runs)), len(x)), np.nan)
    for place, own in enumerate(runs):
        losses[: len(own), place] = own
    return Path(math.nan, x, losses, together=False)


def _of_kind(parameters: float, runs: Sequence[Run], axis: Axis) -> Path:
    """Networks with other steps are interpolated at the steps of all."""
    by_network: dict[int | None, list[tuple[float, float]]] = {}
    for run in runs:
        point = float(getattr(run, axis.value)), run.loss
        by_network.setdefault(run.network, []).append(point)
    x = np.unique([at for points in by_network.values() for at, _ in points])
    losses = []
    for points in by_network.values():
        own, loss = np.log(sorted(points)).T
        losses.append(np.exp(np.interp(np.log(x), own, loss, np.nan, np.nan)))
    return Path(parameters, x, np.array(losses), together=True)


def spread_of(values: Floats, level: float, freedom: int) -> float:
    """Half the width of an interval about the first value, from the draws after it."""
    return half_width(values[1:] - values[0], level, freedom)


def lowest(
    paths: Sequence[Path], means: Sequence[Floats], x: Floats
) -> tuple[Floats, Ints]:
    """The least mean loss at `x`, NaN beyond all paths, and which path has it."""
    table: Array = np.stack([p.at(m, x) for p, m in zip(paths, means, strict=True)])
    table = np.where(np.isnan(table), np.inf, table)
    least = table.min(0)
    return np.where(np.isfinite(least), least, np.nan), table.argmin(0)
