"""Exponents with all that is known of how they were measured, and their ratios to laws."""

import dataclasses as dc
import math
from typing import Any

from ...core.errors import ManifoldScaleError
from ...core.interval import Interval, number
from ...core.measurement import Measurement, SiteMeasurements
from ...scaling.comparison import Comparison
from ...scaling.floor import FITTED
from ...scaling.power_law import PowerLaw, fit_losses
from ...scaling.regime import RegimeVerdict
from ..fit import Fit, FitResult, regime_of, run_fit
from ..result import RunResult
from ..study import StudyResult
from ..sweep import SweepResult

CLOSE = 1.25  # r known within this factor says something


@dc.dataclass(frozen=True, eq=False)
class Measured:
    """An exponent and what is known of how it was measured.

    Attributes
    ----------
    label : of the slice; "" where there is one.
    other : the fit under the other assumption about the floor.
    floor_known : what the fit would be if its floor were known exactly.
    regime : None where it could not be classified.
    met : conditions of the law that the task guarantees.
    """

    label: str
    fit: PowerLaw
    other: PowerLaw | None
    floor_known: PowerLaw | None
    regime: RegimeVerdict | None
    loss: str
    label_noise: float = 0.0
    met: tuple[str, ...] = ()


@dc.dataclass(frozen=True, eq=False)
class Compared:
    """One exponent at one site.

    Attributes
    ----------
    comparison : r, the measured over the implied exponent.
    at_scale : the same with the dimension that examples resolve.
    other_floor : the same under the other assumption about the floor.
    floor_known : the same if the floor were known exactly.
    """

    label: str
    site: str
    comparison: Comparison
    at_scale: Comparison | None
    other_floor: Comparison | None
    floor_known: Comparison | None

    def measurement(self, features: int | None = None) -> SiteMeasurements:
        """r as it is drawn by site."""
        found = self.comparison
        more = {}
        if self.at_scale is not None:
            low, high = self.at_scale.interval
            more = {"resolved": self.at_scale.ratio}
            more |= {"resolved_low": low, "resolved_high": high}
        caveats = tuple(map(str, found.caveats))
        method, n = f"alpha over {found.prediction.law}", found.fit.n_points
        ratio = Measurement(
            "ratio", found.ratio, found.interval, method, n, {}, caveats, more
        )
        return SiteMeasurements(self.site, features, (ratio,))

    def row(self) -> dict[str, Any]:
        """A row of the table."""
        found = self.comparison
        more: dict[str, Any] = {}
        for name in ("at_scale", "other_floor"):
            other = getattr(self, name)
            low, high = (math.nan, math.nan) if other is None else other.interval
            ratio = math.nan if other is None else other.ratio
            more |= {name: ratio, f"{name}_low": low, f"{name}_high": high}
        more["in_words"] = f"{found.verdict_words} {found.prediction.law}"
        return {"slice": self.label, "site": self.site, **found.row(), **more}


def measured(losses: RunResult, loss: str) -> list[Measured]:
    """The exponents of a result, under both assumptions about the floor."""
    if isinstance(losses, StudyResult):
        plan, task = losses.study.plan, losses.study.plan.task
        regime = regime_of(losses.curve, losses.fit.axis)
        return [
            Measured(
                *("", losses.fit, losses.alternative, _floor_known(losses.fit)),
                *(regime, plan.training.loss, task.label_noise, task.met),
            )
        ]
    if isinstance(losses, SweepResult):
        fits = {name: run_fit(one, Fit(name=name)) for name, one in losses.curves.items()}
        single = len(fits) == 1
        return [
            dc.replace(one, label=one.label if single else f"{name} {one.label}".strip())
            for name, found in fits.items()
            for one in measured(found, loss)
        ]
    assert isinstance(losses, FitResult)
    return [
        Measured(label, law, _other(law), _floor_known(law), losses.regime, loss)
        for label, law in losses.fits.items()
    ]


def _other(law: PowerLaw) -> PowerLaw | None:
    """The fit under the other assumption about the floor."""
    return _refitted(law, "zero" if law.floor_rule == FITTED else "free")


def _floor_known(law: PowerLaw) -> PowerLaw | None:
    """What the fit would be if the floor that was fitted were known exactly."""
    return _refitted(law, law.floor) if law.floor_rule == FITTED else None


def _refitted(law: PowerLaw, floor: str | float) -> PowerLaw | None:
    try:
        return fit_losses(law.losses, law.axis, floor, law.interval.level)
    except ManifoldScaleError:  # too few sizes for a floor more
        return None


def conclusions(one: Measured, row: Compared, others: list[Compared]) -> list[str]:
    """What follows, in sentences, of the layer, the floor and the regime, and what would
    tell more. `others` are the same exponent at the other sites.
    """
    found = row.comparison
    said = []
    if others:
        ratios = [r.comparison.ratio for r in others]
        verdicts = {r.comparison.verdict for r in others} - {found.verdict}
        said.append(
            f"Taking another site moves r to between {number(min(ratios))} and "
            f"{number(max(ratios))}; the verdict "
            + ("is the same at all of them." if not verdicts else "differs at some.")
        )
    if row.other_floor is not None and one.other is not None:
        said.append(
            f"With the floor {one.other.floor_rule} r is {number(row.other_floor.ratio)} "
            f"{row.other_floor.interval.labelled}."
        )
    said.append(_regime(one))
    if found.prediction.unmet:
        said.append(f"An equality also needs: {'; '.join(found.prediction.unmet)}.")
    return [*said, *_next(found, row)]


def _regime(one: Measured) -> str:
    """Whether the regime that the law needs was established."""
    if one.regime is not None and one.regime.verdict.startswith("resolution"):
        return "The law is that of the resolution-limited regime, which was established."
    verdict = "not classified" if one.regime is None else one.regime.verdict
    return (
        "The law is that of the resolution-limited regime, which was not established "
        f"(verdict: {verdict})."
    )


def _next(found: Comparison, row: Compared) -> list[str]:
    """What would narrow r, where that is known."""
    if found.verdict != "agrees" or found.factor <= CLOSE or math.isinf(found.factor):
        return []
    alpha, dim = (_spread(x) for x in (found.fit.interval, found.prediction.interval))
    share = alpha**2 / (alpha**2 + dim**2) if alpha or dim else 0.0
    said = [
        f"Of the uncertainty of log r {100 * share:.0f} % is the exponent's and "
        f"{100 - 100 * share:.0f} % the dimension's."
    ]
    if row.floor_known is not None and row.floor_known.factor < 0.9 * found.factor:
        said.append(
            "If the floor were known, as by a measured limit, r would be known within a "
            f"factor of {number(row.floor_known.factor, 2)}."
        )
    if share < 0.5:
        said.append(
            "The interval of the dimension is what limits this: more points at the site, "
            "or the dimension that the training examples resolve."
        )
    return said


def _spread(interval: Interval) -> float:
    low, high = interval
    return math.log(high / low) if 0 < low < high < math.inf else 0.0
