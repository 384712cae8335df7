"""What speaks for a regime: limits, hierarchy, interventions, drift, the peak."""

import dataclasses as dc
import math

import numpy as np
from scipy import stats

from ..core.interval import Interval, number
from ..core.learning_curve import Axis
from .losses import Losses
from .power_law import PowerLaw, fit_losses
from .profile_fit import ROUNDING, Problem, Reference, reweighted
from .slices import FEWEST, Slice

BAND = Interval(0.85, 1.15, 0.90)  # what counts as equal to one
DOMINANCE = 2.0  # one resource limits where its elasticity is this many times the other's
SATURATED = 0.5  # share of the smallest loss above which its limit holds it up
ABOVE = 1.1  # a limit this far above the smallest loss is not one: the curve does not fit
PEAK = 3.0  # standard errors of a rise that is not chance
HIGH = 1.2  # a rise by this factor is more than an error that runs of one size share


@dc.dataclass(frozen=True)
class Evidence:
    """One observation: what was looked at, what it speaks for ("variance-limited",
    "resolution-limited", "crossover", a "bend" in the exponent, or "" for nothing), and the
    facts.
    """

    kind: str
    speaks_for: str
    facts: str

    def __str__(self) -> str:
        says = f" -> {self.speaks_for}" if self.speaks_for else ""
        return f"{self.kind}: {self.facts}{says}"

    def doubted(self, why: str) -> "Evidence":
        """The same facts, but they speak for nothing."""
        return dc.replace(self, speaks_for="", facts=f"{self.facts}; {why}")


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

    Elasticities are -d log L / d log size: of the swept resource over the slice, of the
    other one between its values at shared sizes. A known floor is subtracted. A resource
    limits the loss if its elasticity is twice the other's, at 95 % confidence.
    """
    if part.other is None or not part.elsewhere:
        return Evidence("intervention", "", "the other resource was not varied")
    floor = part.curve.floor or 0.0
    spread, freedom = scatter_of(part.losses, part.axis)
    found = _change(part, floor, spread)
    if found is None:
        return Evidence("intervention", "", "no size was run at two values of the other")
    own = _elasticity(part.losses, floor)
    other = Slope(*found, freedom)
    values = number(own.value, 2), number(other.value, 2)
    facts = f"elasticity {values[0]} in the swept, {values[1]} in the other"
    if not math.isfinite(other.error):
        return Evidence("intervention", "", f"{facts}, with no scatter to test against")
    if abs(other.value) - DOMINANCE * max(own.value, 0) > _margin(other, own):
        return Evidence("intervention", "variance-limited", facts)
    if own.value - DOMINANCE * abs(other.value) > _margin(own, other):
        return Evidence("intervention", "resolution-limited", facts)
    return Evidence("intervention", "", facts)


def scatter_of(losses: Losses, axis: Axis) -> tuple[float, int]:
    """Relative standard deviation of single runs, and its degrees of freedom: between runs
    of one size if there are several, else about a power law.
    """
    if losses.freedom > 0 and losses.spread > 0:
        return losses.spread, losses.freedom
    return fit_losses(losses, axis, "free", BAND.level).scatter


@dc.dataclass(frozen=True)
class Slope:
    """An elasticity, its standard error, and the degrees of freedom of the error."""

    value: float
    error: float
    freedom: int


def _margin(larger: Slope, smaller: Slope) -> float:
    """What one elasticity less twice the other must exceed at 95 %. The variance is the
    first one's plus four times the second one's, with the degrees of freedom of Welch and
    Satterthwaite; two-sided, because the sign is not asked for.
    """
    parts = larger.error**2, (DOMINANCE * smaller.error) ** 2
    variance = sum(parts)
    if variance == 0:
        return 0.0
    if math.isinf(variance):
        return math.inf
    counted = zip(parts, (larger.freedom, smaller.freedom), strict=True)
    freedom = variance**2 / sum(v**2 / max(m, 1) for v, m in counted)
    return float(stats.t.ppf(0.975, freedom)) * math.sqrt(variance)


def _change(part: Slice, floor: float, spread: float) -> tuple[float, float] | None:
    """Mean elasticity in the other resource and its standard error; None where no size was
    run at two values.

    The scatter of a loss is a larger share of its part above the floor. All changes at one
    size start from the same loss, and share its error.
    """
    assert part.other is not None
    total = weight = 0.0
    variance = 0.0
    values = sorted({float(getattr(run, part.other.value)) for run in part.elsewhere})
    sizes = zip(part.losses.x, part.losses.y, part.losses.runs, strict=True)
    for size, loss, runs in sizes:
        shared = 0.0
        for value in values:
            there = _losses_at(part, value, size)
            changed = float(np.mean(there)) if len(there) else -math.inf
            if min(changed, loss) <= floor:
                continue
            span = math.log(value / part.held)
            change = -math.log((changed - floor) / (loss - floor)) / span
            here = (loss / (loss - floor)) ** 2 / runs
            beyond = (changed / (changed - floor)) ** 2 / len(there)
            w = span**2 / (here + beyond)
            total, weight = total + w * change, weight + w
            variance += (w / span) ** 2 * beyond
            shared += w / span * math.sqrt(here)
        variance += shared**2
    if weight == 0:
        return None
    return total / weight, spread * math.sqrt(variance) / weight


def _losses_at(part: Slice, value: float, size: float) -> list[float]:
    """Of the runs at another value of the other resource."""
    assert part.other is not None
    return [
        run.loss
        for run in part.elsewhere
        if getattr(run, part.other.value) == value
        and getattr(run, part.axis.value) == size
        and math.isfinite(run.loss)
    ]


def _elasticity(losses: Losses, floor: float) -> Slope:
    """Slope of log(L - floor) on log x."""
    keep = losses.y > floor
    logs, x = np.log(losses.y[keep] - floor), np.log(losses.x[keep])
    if len(x) < 3:
        return Slope(0.0, math.inf, 1)
    found = stats.linregress(x, logs)
    return Slope(-float(found.slope), float(found.stderr), len(x) - 2)


def limit_fit(part: Slice, reference: Reference | None) -> PowerLaw:
    """The fit of the loss above its limit, on x or on x less the other resource.

    In the closed form of random features the loss goes as 1 / (M - m), not 1 / M, beyond
    the other resource, and as the power law over 1 - m / M before it. Far from the other
    resource the forms agree; nearer, the one with the smaller residuals is taken.
    """

    def fit(losses: Losses, shift: float = 0.0) -> PowerLaw:
        floor = (
            "free"
            if reference is None
            else dc.replace(reference, size=reference.size - shift)
        )
        return fit_losses(losses, part.axis, floor, BAND.level)

    losses = part.losses
    plain = fit(losses)
    if part.axis is Axis.width or not (part.above or (part.below and reference is None)):
        return plain
    if part.below:
        before = dc.replace(losses, y=losses.y * (1 - part.ratios))
        return min(plain, fit(before), key=_misfit)
    shift = float(losses.x[0] / part.ratios[0])
    return min(plain, fit(dc.replace(losses, x=losses.x - shift), shift), key=_misfit)


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


def saturation(part: Slice, fit: PowerLaw) -> Evidence:
    """Has the loss almost reached a limit above the irreducible loss?

    Then something other than the swept resource holds it up, whatever the counts say:
    training time, for instance, or parameters that count for less than their number. In the
    closed form of random features a scarce resource (at most a third of the other) leaves
    the limit below half of the loss wherever the excess falls with an exponent near one.
    If the irreducible loss is not stated, the limit may be just that (`doubted`).
    """
    floor = part.curve.floor or 0.0
    smallest = float(fit.losses.y.min()) - floor
    share = (fit.floor_interval.low - floor) / smallest if smallest > 0 else 0.0
    if share > ABOVE:
        return Evidence("limit", "", "the fitted limit lies above the smallest loss")
    facts = (
        f"the limit is at least {100 * share:.0f} % of the smallest loss"
        if share >= 0.005
        else "the losses do not show that there is one"
    )
    return Evidence("limit", "variance-limited" if share >= SATURATED else "", facts)


def drift(losses: Losses, floor: float | None) -> Evidence:
    """Change of the local exponent of L - floor per decade, with its 95 % interval.

    Where no floor is known it is fitted, and moves with the bend: a curve that levels off
    to a floor does not bend.
    """
    fit = reweighted(Problem.of(losses, floor))
    least = ROUNDING * losses.y.min()
    fitted = floor is None and float(fit.floor) > least and float(fit.amplitude) > 0
    if floor is None and not fitted:
        fit = reweighted(Problem.of(losses, 0.0))
    level = float(fit.floor)
    above = fit.mean - level
    keep = above > least
    freedom = int(keep.sum()) - (4 if fitted else 3)
    if freedom < 2:
        return Evidence("drift", "", "too few sizes")
    x, above = np.log10(losses.x[keep]), above[keep]
    # Errors of a loss may not be on both sides, nor in a logarithm of what is left above a
    # floor: either looks like a bend. So all but the target itself is of the fitted curve.
    columns = [np.vander(x - x.mean(), 3), *([1 / above[:, None]] if fitted else [])]
    moved = (losses.y[keep] - fit.mean[keep]) / above / math.log(10)
    # Errors are relative to the loss, so they are large relative to what is left of it.
    root = np.sqrt(losses.runs[keep]) * above / fit.mean[keep]
    design = np.column_stack(columns) * root[:, None]
    target = (np.log10(above) + moved) * root
    inverse = np.linalg.pinv(design)
    rest = target - design @ (inverse @ target)
    squares = float(rest @ rest)
    if losses.freedom > 0:  # what the runs of one size say of the same errors
        squares += losses.freedom * (losses.spread / math.log(10)) ** 2
        freedom += losses.freedom
    scale = max(math.sqrt(squares / freedom), ROUNDING)
    change, error = -2 * float(inverse[0] @ target), 2 * float(np.linalg.norm(inverse[0]))
    half = float(stats.t.ppf(0.975, freedom)) * scale * error
    interval = Interval(change - half, change + half)
    where = f" above a fitted floor of {number(level)}" if fitted else ""
    facts = f"local exponent{where} changes by {number(change, 2)} {interval} per decade"
    return Evidence("drift", "" if 0 in interval else "bend", facts)


def peak(part: Slice) -> str:
    """Where the loss rises by more than its error, between falls; "" where it does not."""
    y = part.losses.y
    rises = np.flatnonzero(np.diff(y) > 0) + 1
    falling_again = [int(top) for top in rises if y[top:].min() <= 0.9 * y[top]]
    tops = [top for top in falling_again if _stands_out(part, top)]
    top = max(tops, key=lambda i: y[i], default=None)
    return "" if top is None else f"near {part.axis.value} = {part.losses.x[top]:g}"


def _stands_out(part: Slice, top: int) -> bool:
    """Whether a rise is as improbable by chance as PEAK standard errors of a normal one.

    It is tested against the scatter between runs. As runs of one size may share an error,
    it is tested against the scatter of the other sizes too, unless it is high.
    """
    losses = part.losses
    chance = float(stats.norm.sf(PEAK))
    if losses.freedom > 0 and losses.spread > 0:
        error = losses.spread * math.sqrt(1 / losses.runs[top] + 1 / losses.runs[top - 1])
        if not _rise(losses, top) > float(stats.t.isf(chance, losses.freedom)) * error:
            return False
        high = losses.y[top] > HIGH * losses.y[:top].min()
        if high or _leaves_its_sides(losses, top, chance):
            return True
    return _leaves_the_others(part, top, chance)


def _rise(losses: Losses, top: int) -> float:
    return math.log(losses.y[top] / losses.y[top - 1])


def _leaves_the_others(part: Slice, top: int, chance: float) -> bool:
    """Against a power law of the other sizes, and their scatter about it."""
    losses = part.losses
    keep = np.arange(len(losses.x)) != top
    if keep.sum() < FEWEST:
        return False
    others = losses.at(keep).means_alone()
    fit = fit_losses(others, part.axis, "free", BAND.level)
    scatter, freedom = fit.scatter
    beyond = math.log(losses.y[top] / float(fit.predict(losses.x[top])))
    # Of a prediction: the error of the run, and at most as much again of the curve.
    error = scatter * math.sqrt(2 / losses.runs[top])
    return beyond > float(stats.t.isf(chance, freedom)) * error


def _leaves_its_sides(losses: Losses, top: int, chance: float) -> bool:
    """Against the scatter about a line in logarithms on either side, as a peak is broad."""
    x, logs = np.log(losses.x), np.log(losses.y)
    sides = [side for side in (slice(None, top), slice(top + 1, None)) if len(x[side]) > 2]
    freedom = sum(len(x[side]) - 2 for side in sides)
    if freedom == 0:
        return False
    left = sum(
        float(np.polyfit(x[side], logs[side], 1, full=True)[1].sum()) for side in sides
    )
    error = math.sqrt(2 * left / freedom)
    return _rise(losses, top) > float(stats.t.isf(chance, freedom)) * error
