"""One's own forecasts, checked: the larger sizes are held back and predicted."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from ..core.arrays import Floats
from ..core.caveat import Remark
from ..core.errors import require
from ..core.interval import Interval, check_level, number
from ..core.learning_curve import Axis
from ..core.result import Result, as_cells
from ..core.settings import FINITE, above, check
from ..core.style import drawing, log_axes
from .extrapolation import extrapolation
from .forecast import Forecast
from .losses import Losses, losses_of
from .power_law import Floor, fit_losses, known_floor

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FACTORS = (2.0, math.sqrt(10), 10.0)
FEWEST = 5  # sizes that are fitted


@dc.dataclass(frozen=True, eq=False)
class HeldBack:
    """What the sizes up to the last over `factor` say about the larger ones.

    Attributes
    ----------
    fitted : number of sizes that were fitted; x, loss : the sizes that were held back.
    forecast : of the losses held back; law : what the power law alone predicts for them.
    """

    factor: float
    fitted: int
    x: Floats
    loss: Floats
    forecast: Forecast
    law: Floats

    @property
    def error(self) -> float:
        """Root mean square of log(predicted) - log(observed), of the median."""
        return _rms(self.forecast.median / self.loss)

    @property
    def law_error(self) -> float:
        return _rms(self.law / self.loss)

    @property
    def inside(self) -> int:
        """How many of the losses lie within the interval."""
        low, high = self.forecast.low, self.forecast.high
        return int(((low <= self.loss) & (self.loss <= high)).sum())


@dc.dataclass(frozen=True, eq=False)
class Rollout(Result):
    """How far forecasts of a curve from its own smaller sizes may be trusted.

    `parts` has one entry per factor that leaves enough sizes on either side.
    """

    parts: tuple[HeldBack, ...]
    axis: Axis
    losses: Losses
    caveats: tuple[Remark, ...] = ()

    main = "error"
    method = "forecasts of the sizes that were held back"

    @property
    def error(self) -> float:
        """The error of the smallest factor, with the fewest sizes held back."""
        return self.parts[0].error

    @property
    def interval(self) -> Interval:
        """Open: one curve does not tell how large the error of another forecast may be."""
        return Interval(0.0, math.inf, self.level)

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.losses.n_runs

    @property
    def level(self) -> float:
        return self.parts[0].forecast.level

    def headline(self) -> str:
        return "; ".join(
            f"factor {number(part.factor, 2)} held back: off by {_percent(part.error)}, "
            f"{part.inside} of {len(part.x)} within {100 * self.level:g} %"
            for part in self.parts
        )

    def cells(self) -> dict[str, Any]:
        return self.rows()[0] | as_cells("interval", self.interval)

    def rows(self) -> list[dict[str, Any]]:
        """One row per factor."""
        return [
            {
                "factor": part.factor,
                "fitted": part.fitted,
                "held_back": len(part.x),
                "error": part.error,
                "error_of_the_law": part.law_error,
                "inside": part.inside / len(part.x),
                "level": self.level,
            }
            for part in self.parts
        ]

    def to_frame(self) -> "pd.DataFrame":
        """One row per factor."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "Rollout",
            "axis": self.axis,
            "parts": [dc.asdict(part) for part in self.parts],
            "rows": self.rows(),
            "caveats": self.caveats,
        }

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The losses, and each forecast with its interval over the sizes held back."""
        ax.plot(self.losses.x, self.losses.y, "ko", ms=3)
        for part in self.parts:
            label = f"factor {number(part.factor, 2)}"
            (line,) = ax.plot(part.x, part.forecast.median, label=label)
            ends = part.forecast.low, part.forecast.high
            ax.fill_between(part.x, *ends, color=line.get_color(), alpha=0.2, lw=0)
        ax.set(xlabel=self.axis.label, ylabel="test loss")
        log_axes(ax, self.losses.x, self.losses.y)
        ax.legend(title="held back")


def rollout(
    curve: Any,
    loss: Any = None,
    *,
    axis: Axis | str = Axis.data,
    floor: Floor = "free",
    level: float = 0.95,
    factors: Sequence[float] = FACTORS,
) -> Rollout:
    """Hold the larger sizes back, forecast them from the rest, and compare.

    >>> x = np.geomspace(100, 100_000, 16)
    >>> print(rollout(x, 0.1 + 3 * x**-0.5, factors=[2]))  # doctest: +ELLIPSIS
    factor 2.0 held back: off by ... %, 2 of 2 within 95 %...

    Parameters
    ----------
    curve, loss, axis, floor : as in `fit_power_law`.
    level : of the intervals.
    factors : for each factor, the sizes above (largest size / factor) are held back; a
        factor that leaves fewer than five sizes is skipped.

    Raises
    ------
    ManifoldScaleError : no factor leaves five sizes and holds one back; factors that are
        not above one; what `fit_power_law` refuses.
    """
    axis = Axis.of(axis)
    check_level(level)
    for factor in factors:
        check("factors", factor, Annotated[float, above(1), FINITE])
    losses, remarks = losses_of(curve, loss, axis)
    known = known_floor(floor, losses)
    given = known if isinstance(known, float) else None
    parts = [_part(losses, axis, given, factor, level) for factor in sorted(factors)]
    made = tuple(part for part in parts if part is not None)
    n, span = len(losses.x), losses.x[-1] / losses.x[0]
    require(
        bool(made),
        f"A roll-out fits {FEWEST} sizes and holds back at least one; no factor of "
        f"{list(factors)} does so with {n} sizes over a factor of {number(float(span))}.",
    )
    return Rollout(made, axis, losses, tuple(remarks))


def _part(
    losses: Losses, axis: Axis, floor: float | None, factor: float, level: float
) -> HeldBack | None:
    keep = losses.up_to(factor)
    if keep.sum() < FEWEST:
        return None
    used, x = losses.at(keep), losses.x[~keep]
    law = fit_losses(used, axis, "free" if floor is None else floor, level)
    forecast = extrapolation(used, floor).at(x, level)
    return HeldBack(factor, int(keep.sum()), x, losses.y[~keep], forecast, law.predict(x))


def _rms(ratio: Floats) -> float:
    return float(np.sqrt(np.mean(np.log(np.maximum(ratio, 1e-300)) ** 2)))


def _percent(error: float) -> str:
    return f"{number(100 * error, 2)} %"
