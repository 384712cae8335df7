"""Where losses at equal compute are smallest: parabolas, and the envelope of all runs.

The second and the first approach of Hoffmann et al. (2022).
"""

import dataclasses as dc

import numpy as np
from scipy import stats

from ..core.arrays import Floats, Ints
from ..core.random import keyed
from .envelope import lower_envelope
from .grid import Grid

SAME = 0.05  # distance in log compute up to which neighbours share a budget
LEAST = 5  # runs per parabola
WIDE = np.log(10.0)  # reach in log size beyond which losses do not follow a parabola
RESAMPLES = 400


@dc.dataclass(frozen=True, eq=False)
class Minima:
    """Best sizes, a row per budget.

    Attributes
    ----------
    compute, parameters, loss : of each minimum.
    error : standard error of log parameters; NaN where it is not known for each minimum.
    reach : (budgets, 2) distance in log size from the minimum to the smallest and to the
        largest run of its budget; NaN where there are no budgets.
    left_out : budgets without a minimum among their sizes.
    """

    compute: Floats
    parameters: Floats
    loss: Floats
    error: Floats
    reach: Floats
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.compute)

    @classmethod
    def plain(cls, compute: Floats, parameters: Floats, loss: Floats) -> "Minima":
        """Without errors and budgets."""
        n = len(compute)
        return cls(compute, parameters, loss, np.full(n, np.nan), np.full((n, 2), np.nan))


@dc.dataclass(frozen=True, eq=False)
class IsoflopLine:
    """log P = value + slope (log C - centre), with the covariance of the two."""

    centre: float
    value: float
    slope: float
    covariance: Floats
    quantile: float

    def at(self, compute: Floats) -> tuple[Floats, Floats]:
        """log P, and half the width of its interval."""
        x = np.log(compute) - self.centre
        rows = np.stack([np.ones_like(x), x], axis=-1)
        variance = np.einsum("...i,ij,...j->...", rows, self.covariance, rows)
        return self.value + self.slope * x, self.quantile * np.sqrt(variance)

    @property
    def half(self) -> float:
        """Half the width of the interval of the slope."""
        return float(self.quantile * np.sqrt(self.covariance[1, 1]))


def budgets_of(compute: Floats) -> list[Ints]:
    """The indices of the runs of each budget, in rising order of compute."""
    order = np.argsort(compute, kind="stable")
    gaps = np.diff(np.log(compute[order])) > SAME
    return [np.asarray(part) for part in np.split(order, np.flatnonzero(gaps) + 1)]


def parabolas(grid: Grid, compute: Floats) -> Minima:
    """The minimum of a parabola in log P at each budget of five sizes or more.

    Budgets whose parabola opens downwards, or has its minimum outside the sizes, are left
    out.
    """
    rows, reach, left_out = [], [], 0
    for places in budgets_of(compute):
        x, y = np.log(grid.parameters[places]), grid.loss[places]
        if len(np.unique(x)) < LEAST:
            continue
        middle = x.mean()
        design = np.stack([np.ones_like(x), x - middle, (x - middle) ** 2], axis=1)
        c = np.linalg.lstsq(design, y, rcond=None)[0]
        best = -c[1] / (2 * c[2]) if c[2] > 0 else np.inf
        if not x.min() < middle + best < x.max():
            left_out += 1
            continue
        variance = ((y - design @ c) ** 2).sum() / (len(x) - 3)
        slope = np.array([0.0, -1 / (2 * c[2]), -best / c[2]])
        error = np.sqrt(variance * slope @ np.linalg.inv(design.T @ design) @ slope)
        lowest = c[0] + c[1] * best + c[2] * best**2
        budget = np.exp(np.log(compute[places]).mean())
        rows.append([budget, np.exp(middle + best), lowest, error])
        reach.append([middle + best - x.min(), x.max() - middle - best])
    budget, size, lowest, error = np.array(rows).reshape(-1, 4).T
    return Minima(budget, size, lowest, error, np.array(reach).reshape(-1, 2), left_out)


def envelope(grid: Grid, compute: Floats) -> Minima:
    """Runs with a smaller loss than every run of no more compute, one per budget."""
    places: list[int] = []
    # The best of a budget comes last.
    for place in lower_envelope(compute, grid.loss)[::-1]:
        if not places or np.log(compute[places[-1]] / compute[place]) > SAME:
            places.append(int(place))
    places.reverse()
    return Minima.plain(compute[places], grid.parameters[places], grid.loss[places])


def line_through(minima: Minima, level: float) -> IsoflopLine:
    """A line weighted by the errors of the minima, which a common factor may enlarge."""
    x, y = np.log(minima.compute), np.log(minima.parameters)
    # Five runs may lie on a parabola by luck: no budget counts more than the median one.
    error = np.maximum(minima.error, np.median(minima.error))
    weights = 1 / np.maximum(error, 1e-9) ** 2
    centre = float(weights @ x / weights.sum())
    design = np.stack([np.ones_like(x), x - centre], axis=1)
    covariance = np.linalg.inv((design.T * weights) @ design)
    value, slope = covariance @ ((design.T * weights) @ y)
    rest = y - value - slope * (x - centre)
    freedom = len(x) - 2
    scale = max(float(weights @ rest**2) / freedom, 1.0)
    quantile = float(stats.t.ppf(0.5 + level / 2, freedom))
    return IsoflopLine(centre, float(value), float(slope), covariance * scale, quantile)


def line_of_envelope(grid: Grid, compute: Floats, level: float) -> IsoflopLine:
    """Least squares through the envelope. Its error comes from resampling model sizes, as
    neighbours on the envelope are often one model at two times.
    """
    minima = envelope(grid, compute)
    centre = float(np.log(minima.compute).mean())

    def fitted(found: Minima) -> Floats:
        x, y = np.log(found.compute) - centre, np.log(found.parameters)
        return np.asarray(np.polynomial.polynomial.polyfit(x, y, 1))

    sizes, where = np.unique(grid.parameters, return_inverse=True)
    random, found = keyed(0, "resample sizes for the envelope of runs"), []
    for _ in range(RESAMPLES):
        drawn = random.integers(len(sizes), size=len(sizes))
        kept = np.flatnonzero(np.isin(where, drawn))
        some = envelope(grid.at(kept), compute[kept])
        if len(np.unique(some.parameters)) >= 3:
            found.append(fitted(some))
    value, slope = fitted(minima)
    covariance = np.cov(np.array(found).T) if len(found) > 2 else np.full((2, 2), np.inf)
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    return IsoflopLine(centre, float(value), float(slope), covariance, quantile)
