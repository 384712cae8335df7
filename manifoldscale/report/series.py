"""What the figures show, apart from how: the same series feed Matplotlib and Plotly."""

import dataclasses as dc
import math

import numpy as np

from ..core.arrays import Floats
from ..core.interval import Interval
from ..probe import dimensions
from ..study import StudyResult

# Okabe and Ito's colours, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"

LOSS_LABELS = {
    "mse": "test loss (squared error)",
    "cross_entropy": "test loss (nats)",
}


@dc.dataclass(frozen=True, eq=False)
class LossSeries:
    """Losses against D: every run, the means, the fitted curve and its band."""

    run_sizes: Floats
    run_losses: Floats
    sizes: Floats
    means: Floats
    grid: Floats
    curve: Floats
    low: Floats
    high: Floats
    x_label: str
    y_label: str
    law: str
    power: str


@dc.dataclass(frozen=True)
class Mark:
    """An estimate with its interval, at a named place."""

    name: str
    value: float
    interval: Interval
    note: str = ""

    @property
    def minus(self) -> float:
        return self.value - self.interval.low

    @property
    def plus(self) -> float:
        """Up to the high end; to twice the value where the interval is open above, which
        the label then says.
        """
        return (self.interval.high if self.is_bounded else 2 * self.value) - self.value

    @property
    def is_bounded(self) -> bool:
        return math.isfinite(self.interval.high)

    @property
    def label(self) -> str:
        return self.name if self.is_bounded else f"{self.name} (no upper end)"


def loss_series(result: StudyResult) -> LossSeries:
    """The learning curve of a study with its power law."""
    fit, runs = result.fit, result.curve.runs
    grid = np.geomspace(fit.losses.x[0], fit.losses.x[-1], 120)
    low, high = fit.band(grid, fit.interval.level)
    alpha = f"{fit.alpha:.2f}"
    return LossSeries(
        run_sizes=result.curve.column(fit.axis),
        run_losses=np.array([run.loss for run in runs]),
        sizes=fit.losses.x,
        means=fit.losses.y,
        grid=grid,
        curve=fit.predict(grid),
        low=low,
        high=high,
        x_label=fit.axis.label,
        y_label=LOSS_LABELS.get(result.curve.loss, result.curve.loss),
        law="E + A D" if fit.floor else "A D",
        power=f"-{alpha}",
    )


def dimension_marks(result: StudyResult) -> list[Mark]:
    """The dimension of every site that has one, in the order of the network."""
    return [
        Mark(site, dim.value, dim.interval, f"{dim.method}, n = {dim.n_points:,}")
        for site, dim in dimensions(result.dimensions)
        if math.isfinite(dim.value)
    ]


def exponent_marks(result: StudyResult) -> list[Mark]:
    """The predicted exponents, then the measured one."""
    predicted = [
        Mark(f"{p.law} ({p.kind})", p.alpha, p.interval, p.statement)
        for p in result.predictions
    ]
    fit = result.fit
    return [*predicted, Mark("measured", fit.alpha, fit.interval, "fit of the sweep")]


def log_ticks(values: Floats) -> list[float]:
    """1, 2 and 5 times the powers of ten within the range of the values, which read
    better than powers alone where the range is a decade or two.
    """
    low, high = float(np.min(values)) / 1.3, float(np.max(values)) * 1.3
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**exponent for exponent in exponents for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]
