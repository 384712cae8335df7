"""In which of the four regimes is a learning curve? Judged by evidence, not by exponent."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.learning_curve import Axis, LearningCurve
from ..core.result import Result
from ..core.style import drawing
from .evidence import (
    BAND,
    Evidence,
    drift,
    equivalence,
    hierarchy,
    intervention,
    limit_fit,
    peak,
    saturation,
)
from .other_regime import is_alone, other_regime
from .power_law import PowerLaw, fit_losses
from .profile_fit import Reference
from .scatter import MISFIT
from .slices import CROSSOVER, Slice, slice_of, slices_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST, DECADES = 5, 1.0  # sizes, and their range, without which nothing is said

UNSTATED = "it may be the irreducible loss"
STATE = ("the irreducible loss as `floor` of the curve, 0 where there is none",)
SUPERPOSED = (
    "superposed features, whose overlaps fall as one over the width, give the exponent one "
    "too"
)
TELL = (
    "variance or bias: ensembles of networks of one width, to `ensemble_test`; what they "
    "remove is variance, which includes overlaps that differ from network to network",
    "variance or overlaps: smaller widths, where width is what limits the loss: superposed "
    "features keep the exponent one there",
)
REFERENCE = 16  # a limit is measured at this many times the largest size


@dc.dataclass(frozen=True, eq=False)
class RegimeVerdict(Result):
    """The regime of a learning curve along one axis.

    Attributes
    ----------
    verdict : "variance-limited", "resolution-limited", "crossover" or "undetermined".
    fit : the power law of that regime. If variance-limited or undetermined, it is the fit
        of the loss above its limit, with the 90 % interval of the test; otherwise of the
        loss itself, with a 95 % interval.
    evidence : what was looked at, and what each speaks for.
    settle : where the verdict is undetermined, the runs that would settle it.
    tell : along width, where the exponent is one, the runs that would tell variance from
        superposed features, whatever the verdict.
    """

    verdict: str
    axis: Axis
    fit: PowerLaw | None
    evidence: tuple[Evidence, ...]
    settle: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()
    caveats: tuple[Remark, ...] = ()

    main = "verdict"
    columns = (
        "axis=axis.name",
        "verdict",
        "alpha=fit.alpha",
        "interval",
        "evidence",
        "settle",
        "tell",
    )
    method = "regime by evidence"

    @property
    def interval(self) -> Interval:
        """Of the exponent; NaN where there is no fit."""
        return Interval(math.nan, math.nan) if self.fit is None else self.fit.interval

    @property
    def n_points(self) -> int:
        """Number of runs of the fit."""
        return 0 if self.fit is None else self.fit.n_points

    def headline(self) -> str:
        if self.fit is None or self.verdict == "crossover":
            return f"{self.axis.value}: {self.verdict}"
        return (
            f"{self.axis.value}: {self.verdict}, {self.axis.exponent} "
            f"{number(self.fit.alpha)} {self.fit.interval.labelled}"
        )

    def __str__(self) -> str:
        lines = [self.headline()]
        lines += [f"  - {item}" for item in self.evidence]
        lines += [f"  > would settle it: {runs}" for runs in self.settle]
        lines += [f"  > would tell more: {runs}" for runs in self.tell]
        return "\n".join([*lines, *(f"  ! {note}" for note in self.caveats)])

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The fit of the regime, if any, under the verdict."""
        if self.fit is not None:
            self.fit.plot(ax)
        ax.set(title=f"{self.axis.value}: {self.verdict}")

    def cells(self) -> dict[str, Any]:
        joined = {name: getattr(self, name) for name in ("evidence", "settle", "tell")}
        return super().cells() | {k: "; ".join(map(str, v)) for k, v in joined.items()}

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "RegimeVerdict",
            **self.row(),
            "evidence": [dc.asdict(item) for item in self.evidence],
            "settle": list(self.settle),
            "tell": list(self.tell),
            "fit": None if self.fit is None else self.fit.row(),
            "caveats": [str(note) for note in self.caveats],
        }


def classify_regime(
    curve: LearningCurve, axis: Axis | str = Axis.data, reference: Reference | None = None
) -> RegimeVerdict:
    """Classify a learning curve among the regimes of Bahri et al. (2024).

    If the loss is variance-limited, the swept resource is in excess: L less its limit falls
    with exponent one. If it is resolution-limited, the resource is scarce: L itself falls,
    with an exponent of the data. An exponent alone tells neither: the law 4/d gives one at
    d = 4, and two at d = 2. So a verdict needs

    - which resource is in excess: by count (D and P a factor of three apart at every size),
      or by an intervention (`curve` holds runs at two values of the other resource). Where
      the limit is most of the loss, the swept resource is not what is lacking, whatever the
      counts say; this happens after a fixed time of training. Unless the curve says its
      irreducible loss (`curve.floor`), the limit may be just that;
    - variance-limited: the exponent above the limit, measured (`reference`) or fitted, is
      equal to one within 0.15, by two one-sided tests; the curve fits; and the limit lies
      above the irreducible loss;
    - resolution-limited: an exponent that is bounded on both sides;
    - five sizes over one decade, of runs that are repeats of one another. On less nothing
      is said, nor on runs that are mixed (`curve.unread_settings`);
    - with fewer than two runs per size: the law of the other regime is excluded, even
      without any one of the sizes.

    "crossover" means both resources at once: sizes on both sides of D = P, evidence that
    disagrees, or a peak of double descent. Sizes within a factor of three of D = P are left
    out where the rest lies on one side. Parameters of deep networks count for less than
    their number: an intervention says more than a count.

    The band of 0.15, the factor of three and the decade are validated on the closed form of
    random features (see the tests): at least 95 % of the verdicts are right away from
    D = P, and none is wrong on less than a decade.

    Parameters
    ----------
    curve : runs along `axis`, best with the other resource in their columns.
    axis : "data", "parameters" or "width".
    reference : the measured limit of the loss along the axis.

    Raises
    ------
    ManifoldScaleError : fewer than four sizes, and what `fit_power_law` refuses.
    """
    axis = Axis.of(axis)
    require(
        axis not in (Axis.steps, Axis.compute),
        f"`axis` is {axis.name!r}, along which there are no regimes: they are those of the "
        "data and the parameters. Choose 'data', 'parameters' or 'width'.",
    )
    require(
        reference is None or isinstance(reference, Reference),
        f"`reference` must be a Reference(size, loss, stderr); not {reference!r}.",
    )
    whole = slice_of(curve, axis)
    part = whole.away()
    n = len(part.losses.x)
    at = f" at one value of {part.other.value}" if part.other is not None else ""
    most = "at most " if at else ""
    require(
        n >= 4,
        f"A regime needs four sizes along {axis.value}{at}; there are {most}{n}.",
    )
    top = peak(whole)
    fit = limit_fit(part, reference)
    found = _evidence(part, fit, reference is not None)
    short = part.decades < DECADES * (1 - 1e-9) or n < FEWEST
    if short:
        verdict, settle = "undetermined", _wider(part)
    elif curve.unread_settings:
        verdict, settle = "undetermined", _apart(curve)
    elif top and part is whole:
        verdict, settle = "crossover", ()
    else:
        verdict, settle = _by_sides(part, fit, found, reference)
    if verdict.endswith("-limited") and is_alone(part.losses):
        found["rival"] = _alone(part, fit, verdict, reference)
        if not found["rival"].speaks_for:
            runs = f"three seeds at each of the {n} sizes, none a copy of another"
            verdict, settle = "undetermined", (runs,)
    if verdict == "resolution-limited":
        fit = _fall(part)
    tell: tuple[str, ...] = ()
    if axis is Axis.width and found["equal"].speaks_for:
        found["superposed"] = Evidence("superposition", "", SUPERPOSED)
        tell = TELL
    notes = (*fit.caveats, *_notes(curve, whole, part, top))
    return RegimeVerdict(verdict, axis, fit, tuple(found.values()), settle, tell, notes)


def _evidence(part: Slice, fit: PowerLaw, measured: bool) -> dict[str, Evidence]:
    """The evidence that is looked for in every curve."""
    reached = saturation(part, fit)
    if reached.speaks_for and part.curve.floor is None:
        reached = reached.doubted(UNSTATED)
    return {
        "counted": hierarchy(part),
        "changed": intervention(part),
        "reached": reached,
        "equal": equivalence(fit, measured),
        "drift": drift(part.losses, part.curve.floor),
    }


def _by_sides(
    part: Slice, fit: PowerLaw, found: dict[str, Evidence], reference: Reference | None
) -> tuple[str, tuple[str, ...]]:
    """The verdict from the counts, the intervention and the limit."""
    counted, reached = found["counted"], found["reached"]
    scarce = counted.speaks_for == "resolution-limited"
    decides = reached if scarce and reached.speaks_for else counted
    sides = {decides.speaks_for, found["changed"].speaks_for} - {""}
    if len(sides) > 1 or "crossover" in sides:
        return "crossover", ()
    if "variance-limited" in sides:
        return _variance_limited(part, fit, found["equal"], reference)
    if scarce and UNSTATED in reached.facts:
        return "undetermined", STATE
    if not sides:
        return "undetermined", _intervene(part)
    interval = _fall(part).interval
    if math.isfinite(interval.high) and interval.low > 0:
        return "resolution-limited", ()
    return "undetermined", _wider(part)


def _alone(
    part: Slice, fit: PowerLaw, verdict: str, reference: Reference | None
) -> Evidence:
    """With few runs per size. A measured limit already shows that there is one."""
    if reference is not None and verdict == "variance-limited":
        said = "few runs per size; the limit was measured"
        return Evidence("other regime", verdict, said)
    return other_regime(fit.losses, verdict, part.curve.floor or 0.0)


def _variance_limited(
    part: Slice, fit: PowerLaw, equal: Evidence, reference: Reference | None
) -> tuple[str, tuple[str, ...]]:
    """The swept resource is in excess; does the loss approach a limit as one over it?"""
    above_irreducible = fit.floor_interval.low > (part.curve.floor or 0.0)
    if equal.speaks_for and above_irreducible and not fit.lack_of_fit < MISFIT:
        return "variance-limited", ()
    return "undetermined", _measure(part, fit, reference)


def _fall(part: Slice) -> PowerLaw:
    """The fit of the loss itself, above its irreducible part where that is known."""
    floor = part.curve.floor
    return fit_losses(part.losses, part.axis, "free" if floor is None else floor)


def _notes(curve: LearningCurve, whole: Slice, part: Slice, top: str) -> list[Remark]:
    """Caveats of a peak, and of what was left out."""
    notes = [Caveat.DESCENT_PEAK(top)] if top else []
    left_out = slices_of(curve, part.axis).left_out
    if left_out:
        said = "; ".join(f"{label}: {why}" for label, why in left_out.items())
        notes.append(Caveat.SLICES_LEFT_OUT(said))
    near = len(whole.losses.x) - len(part.losses.x)
    if near:
        notes.append(Caveat.NEAR_CROSSOVER(f"{near} sizes"))
    return notes


def _wider(part: Slice) -> tuple[str, ...]:
    low, high = part.losses.x[0], part.losses.x[-1]
    high = max(high, 10 ** (DECADES + 0.5) * low)
    sizes = max(FEWEST, 8)
    return (f"{sizes} sizes over {part.axis.value} = {low:g} to {number(high, 2)}",)


def _apart(curve: LearningCurve) -> tuple[str, ...]:
    """Losses of several curves together rise, bend and level off as no single one does."""
    columns = ", ".join(map(repr, curve.unread_settings))
    return (f"one curve at a time: the runs of each value of {columns} alone",)


def _intervene(part: Slice) -> tuple[str, ...]:
    runs = max(3, int(part.losses.runs.max()))
    counts = "dataset_size" if part.axis is not Axis.data else "parameters"
    count = (
        f"the {counts} of these networks, a column {counts!r} (a constant one where they "
        "have all the same): counts tell which resource is in excess",
    )
    uncounted = part.axis is not Axis.width and np.isnan(part.ratios).any()
    other = "the other resource" if part.other is None else part.other.value
    held = "" if math.isnan(part.held) else f" = {2 * part.held:g}"
    change = (
        f"the same sizes at twice {other}{held}, {runs} seeds each; where that changes "
        "nothing the loss is resolution-limited in the swept one",
    )
    if not uncounted:
        return change
    return count + change if part.other is None else change + count


def _measure(part: Slice, fit: PowerLaw, reference: Reference | None) -> tuple[str, ...]:
    """What to measure: the limit, if not measured; seeds, by how the interval narrows."""
    advice = []
    seeds = int(part.losses.runs.max())
    if reference is None:
        size = REFERENCE * part.losses.x[-1]
        advice.append(
            f"the limit: {4 * seeds} seeds at {part.axis.value} = {size:g}, as `reference`"
        )
    half = fit.interval.width / 2
    room = max(BAND.width / 2 - abs(fit.alpha - 1), 0.05)
    if math.isfinite(half) and half > room:
        more = math.ceil(seeds * min((half / room) ** 2, 1e4))
        advice.append(
            f"about {more} seeds per size, in place of {seeds}, at the same scatter"
        )
    elif not advice:
        advice.append(
            f"sizes further beyond {CROSSOVER:g} times the other resource: here the "
            "exponent is not one"
        )
    return tuple(advice)
