"""What speaks for a regime: limits, hierarchy, interventions, drift, the peak."""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.interval import Interval, number
from ..core.learning_curve import Axis
from .losses import Losses
from .power_law import PowerLaw, fit_losses
from .profile_fit import Reference
from .slices import Slice

BAND = Interval(0.85, 1.15, 0.90)  # what counts as equal to one
DOMINANCE = 2.0  # one resource limits where its elasticity is this many times the other's
SATURATED = 0.5  # share of the smallest loss above which its limit holds it up
PEAK = 3.0  # standard errors of a rise that is none by chance


@dc.dataclass(frozen=True)
class Evidence:
    """One observation: what was looked at, what it speaks for ("variance-limited",
    "resolution-limited", "crossover", a "bend" in the exponent, or "" for none of them),
    and the facts.
    """

    kind: str
    speaks_for: str
    facts: str

    def __str__(self) -> str:
        says = f" -> {self.speaks_for}" if self.speaks_for else ""
        return f"{self.kind}: {self.facts}{says}"


def hierarchy(part: Slice) -> Evidence:
    """Which resource is scarce, by the counts of examples and parameters."""
    if np.isnan(part.ratios).any():
        return Evidence("hierarchy", "", "examples and parameters are not both known")
    low, high = number(part.ratios.min(), 2), number(part.ratios.max(), 2)
    name = "D / P" if part.axis.name == "data" else "P / D"
    facts = f"{name} = {low} to {high}"
    if part.across:
        return Evidence("hierarchy", "crossover", facts)
    if part.above:
        return Evidence("hierarchy", "variance-limited", facts)
    if part.below:
        return Evidence("hierarchy", "resolution-limited", facts)
    return Evidence("hierarchy", "", facts)


def intervention(part: Slice) -> Evidence:
    """What changing the other resource does, against what changing the swept one does.

    Elasticities -d log L / d log size, the swept one over the slice, the other one between
    the values of the other resource at the sizes that they share. A floor that is known is
    subtracted. One of them limits the loss where its elasticity is twice the other's, at
    95 % confidence.
    """
    if part.other is None or not part.elsewhere:
        return Evidence("intervention", "", "the other resource was not varied")
    floor = part.curve.floor or 0.0
    changes, weights = _changes(part, floor)
    if not len(changes):
        return Evidence("intervention", "", "no size was run at two values of the other")
    own, own_error = _elasticity(part.losses, floor)
    other = float(np.average(changes, weights=weights))
    other_error = 1 / math.sqrt(float(weights.sum()))
    error = math.hypot(own_error, other_error)
    facts = f"elasticity {number(own, 2)} in the swept, {number(other, 2)} in the other"
    quantile = 1.645 * math.sqrt(1 + DOMINANCE**2) * error
    if abs(other) - DOMINANCE * max(own, 0) > quantile:
        return Evidence("intervention", "variance-limited", facts)
    if own - DOMINANCE * abs(other) > quantile:
        return Evidence("intervention", "resolution-limited", facts)
    return Evidence("intervention", "", facts)


def _changes(part: Slice, floor: float) -> tuple[Floats, Floats]:
    """Elasticities in the other resource, and their inverse variances. What a loss
    scatters by is a larger share of what is left of it above the floor.
    """
    assert part.other is not None
    changes, weights = [], []
    spread = part.losses.spread if part.losses.spread > 0 else 0.01
    values = sorted({float(getattr(run, part.other.value)) for run in part.elsewhere})
    for value in values:
        span = math.log(value / part.held)
        for size, loss, runs in zip(
            part.losses.x, part.losses.y, part.losses.runs, strict=True
        ):
            there = [
                run.loss
                for run in part.elsewhere
                if getattr(run, part.other.value) == value
                and getattr(run, part.axis.value) == size
                and math.isfinite(run.loss)
            ]
            changed = float(np.mean(there)) if there else -math.inf
            if min(changed, loss) > floor:
                changes.append(-math.log((changed - floor) / (loss - floor)) / span)
                here = (loss / (loss - floor)) ** 2 / runs
                beyond = (changed / (changed - floor)) ** 2 / len(there)
                weights.append((span / spread) ** 2 / (here + beyond))
    return np.array(changes), np.array(weights)


def _elasticity(losses: Losses, floor: float) -> tuple[float, float]:
    """Slope of log(L - floor) on log x, and its standard error."""
    keep = losses.y > floor
    logs, x = np.log(losses.y[keep] - floor), np.log(losses.x[keep])
    if len(x) < 3:
        return 0.0, math.inf
    found = stats.linregress(x, logs)
    return -float(found.slope), float(found.stderr)


def limit_fit(part: Slice, reference: Reference | None) -> PowerLaw:
    """The fit of what is above the limit, on x or on x less the other resource.

    The closed form of random features is 1 / (M - m) and not 1 / M. Far beyond the other
    resource they are one; nearer, the form that leaves less is taken.
    """

    def fit(shift: float) -> PowerLaw:
        floor = (
            "free"
            if reference is None
            else dc.replace(reference, size=reference.size - shift)
        )
        losses = dc.replace(part.losses, x=part.losses.x - shift)
        return fit_losses(losses, part.axis, floor, BAND.level)

    plain = fit(0.0)
    if part.axis is Axis.width or not part.above:
        return plain
    return min(plain, fit(float(part.losses.x[0] / part.ratios[0])), key=_misfit)


def _misfit(fit: PowerLaw) -> float:
    rest = fit.losses.y / fit.predict(fit.losses.x) - 1
    return float(fit.losses.runs @ rest**2)


def equivalence(fit: PowerLaw, measured: bool) -> Evidence:
    """Two one-sided tests at 5 %: the 90 % interval lies within 0.85 to 1.15.

    That alpha = 1 is not rejected would be no evidence: little data reject nothing.
    """
    limit = "measured" if measured else "fitted"
    facts = f"exponent above the {limit} limit {number(fit.alpha)} {fit.interval} (90 %)"
    inside = fit.interval.low >= BAND.low and fit.interval.high <= BAND.high
    return Evidence("equivalence to one", "variance-limited" if inside else "", facts)


def saturation(part: Slice, fit: PowerLaw, floor: float) -> Evidence:
    """Has the loss all but reached a limit above what is irreducible?

    Then something other than the swept resource holds it up, whatever the counts say:
    training time, say, or parameters that count for less than their number. In the closed
    form of random features a scarce resource (a third of the other at most) leaves the
    limit less than half of the loss wherever the excess falls with an exponent near one.
    """
    smallest = float(part.losses.y.min()) - floor
    share = (fit.floor_interval.low - floor) / smallest if smallest > 0 else 0.0
    facts = f"the limit is at least {100 * max(share, 0.0):.0f} % of the smallest loss"
    return Evidence("limit", "variance-limited" if share >= SATURATED else "", facts)


def drift(losses: Losses, floor: float) -> Evidence:
    """Change of the local exponent of L - floor a decade, with its 95 % interval."""
    keep = losses.y > floor
    x, y = np.log10(losses.x[keep]), np.log10(losses.y[keep] - floor)
    if len(x) < 5:
        return Evidence("drift", "", "too few sizes")
    design = np.vander(x - x.mean(), 3)
    root = np.sqrt(losses.runs[keep])
    found, residual, *_ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)
    scale = math.sqrt(float(residual[0]) / (len(x) - 3)) if len(residual) else 0.0
    inverse = np.linalg.inv((design * root[:, None]).T @ (design * root[:, None]))
    half = float(stats.t.ppf(0.975, len(x) - 3)) * scale * math.sqrt(inverse[0, 0])
    change = -2 * float(found[0])
    interval = Interval(change - 2 * half, change + 2 * half)
    facts = f"local exponent changes by {number(change, 2)} {interval} a decade"
    return Evidence("drift", "" if 0 in interval else "bend", facts)


def peak(part: Slice) -> str:
    """Where the loss rises by more than its error, between falls; "" where it does not."""
    losses = part.losses
    spread = losses.spread if losses.spread > 0 else 0.01
    error = spread * np.sqrt(1 / losses.runs[1:] + 1 / losses.runs[:-1])
    rises = np.diff(np.log(losses.y)) > PEAK * error
    if not rises.any():
        return ""
    top = int(np.argmax(np.where(np.append(False, rises), losses.y, -np.inf)))
    if losses.y[top:].min() > 0.9 * losses.y[top]:  # it does not come down again
        return ""
    return f"near {part.axis.value} = {losses.x[top]:g}"
