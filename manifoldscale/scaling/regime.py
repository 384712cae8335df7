"""In which of the four regimes is a learning curve? By evidence, not by its exponent."""

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
from .power_law import PowerLaw, fit_losses
from .profile_fit import Reference
from .rivals import is_alone, other_regime
from .scatter import MISFIT
from .slices import CROSSOVER, Slice, slice_of, slices_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST, DECADES = 5, 1.0  # sizes, and their range, without which nothing is said
SIDES = ("variance-limited", "resolution-limited")
UNSTATED = "it may be the irreducible loss"
STATE = ("the irreducible loss as `floor` of the curve, 0 where there is none",)
SUPERPOSED = (
    "superposed features, whose overlaps fall as one over the width, give the exponent one "
    "too"
)
TELL = (
    "variance or bias: ensembles of networks of one width, to `ensemble_test`; what they "
    "remove is variance, of which overlaps that differ from network to network are a part",
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
    fit : the power law of that regime: above the limit where the verdict is
        variance-limited or undetermined, with an interval of 90 %, that of the test;
        of the loss itself else, with one of 95 %.
    evidence : what was looked at, and what each speaks for.
    settle : where the verdict is undetermined, the runs that would settle it; along width,
        where the exponent is one, those that would tell variance from superposed features.
    """

    verdict: str
    axis: Axis
    fit: PowerLaw | None
    evidence: tuple[Evidence, ...]
    settle: tuple[str, ...] = ()
    caveats: tuple[Remark, ...] = ()

    @property
    def value(self) -> str:
        """The verdict, under the name that every result has."""
        return self.verdict

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
        return "\n".join([*lines, *(f"  ! {note}" for note in self.caveats)])

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The fit of the regime, where there is one, under the verdict."""
        if self.fit is not None:
            self.fit.plot(ax)
        ax.set(title=f"{self.axis.value}: {self.verdict}")

    def row(self) -> dict[str, Any]:
        alpha, interval = math.nan, Interval(math.nan, math.nan)
        if self.fit is not None:
            alpha, interval = self.fit.alpha, self.fit.interval
        return {
            "axis": self.axis.name,
            "verdict": self.verdict,
            "alpha": alpha,
            "low": interval.low,
            "high": interval.high,
            "level": interval.level,
            "evidence": "; ".join(map(str, self.evidence)),
            "settle": "; ".join(self.settle),
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            "type": "RegimeVerdict",
            **self.row(),
            "evidence": [dc.asdict(item) for item in self.evidence],
            "settle": list(self.settle),
            "fit": None if self.fit is None else self.fit.row(),
            "caveats": [str(note) for note in self.caveats],
        }


def classify_regime(
    curve: LearningCurve, axis: Axis | str = Axis.data, reference: Reference | None = None
) -> RegimeVerdict:
    """Classify a learning curve among the regimes of Bahri et al. (2024).

    The swept resource is in excess where the loss is variance-limited: L less its limit
    falls with exponent one. It is scarce where the loss is resolution-limited: L itself
    falls, with an exponent of the data. An exponent alone tells neither: at d = 4 the law
    4/d gives one, at d = 2 two. So a verdict needs

    - which resource is in excess: by count (D and P a factor of three apart at every size),
      or by an intervention (`curve` holds runs at two values of the other resource). Where
      the limit is most of the loss, the swept resource is not what it lacks, whatever the
      counts say: so it is after a fixed time of training. It may be the irreducible loss,
      if the curve does not say that (`curve.floor`);
    - variance-limited: the exponent above the limit, measured (`reference`) or fitted, is
      equal to one within 0.15, by two one-sided tests; the curve fits; and the limit is
      above what is irreducible;
    - resolution-limited: an exponent that is bounded on both sides;
    - five sizes over one decade, of runs that are repeats of one another. On less nothing
      is said, nor on runs that are mixed (`curve.mixed`);
    - on fewer than two runs a size, that the law of the other regime is excluded, also
      without any one of the sizes.

    "crossover" is both resources at once: sizes on both sides of D = P, evidence that
    disagrees, or a peak of double descent. Sizes within a factor of three of D = P are left
    out where the rest lies on one side. Parameters of deep networks count for less than
    their number: an intervention says more than a count.

    The band of 0.15, the factor of three and the decade are held by simulation on the
    closed form of random features (see the tests): at least 95 % right verdicts away from
    D = P, and no wrong one on less than a decade.

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
    require(n >= 4, f"A regime needs four sizes along {axis.value}; there are {n}.")
    top = peak(whole)
    fit = limit_fit(part, reference)
    found = _evidence(part, fit, reference is not None)
    short = part.decades < DECADES * (1 - 1e-9) or n < FEWEST
    if short:
        verdict, settle = "undetermined", _wider(part)
    elif curve.mixed:
        verdict, settle = "undetermined", _apart(curve)
    elif top and part is whole:
        verdict, settle = "crossover", ()
    else:
        verdict, settle = _by_sides(part, fit, found, reference)
    if verdict in SIDES and is_alone(part.losses):
        found["rival"] = _alone(part, fit, verdict, reference)
        if not found["rival"].speaks_for:
            verdict, settle = "undetermined", _repeat(part)
    if verdict == "resolution-limited":
        fit = _fall(part)
    if axis is Axis.width and found["equal"].speaks_for:
        found["superposed"] = Evidence("superposition", "", SUPERPOSED)
        settle = (*settle, *TELL)
    notes = (*fit.caveats, *_notes(curve, whole, part, top))
    return RegimeVerdict(verdict, axis, fit, tuple(found.values()), settle, notes)


def _evidence(part: Slice, fit: PowerLaw, measured: bool) -> dict[str, Evidence]:
    """What is looked at in every curve."""
    reached = saturation(part, fit)
    if reached.speaks_for and part.curve.floor is None:
        reached = reached.doubted(UNSTATED)
    return {
        "counted": hierarchy(part),
        "changed": intervention(part),
        "reached": reached,
        "equal": equivalence(fit, measured),
        "drift": drift(part.losses, part.curve.floor or 0.0),
    }


def _by_sides(
    part: Slice, fit: PowerLaw, found: dict[str, Evidence], reference: Reference | None
) -> tuple[str, tuple[str, ...]]:
    """The verdict by what the counts, the intervention and the limit speak for."""
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
    """Of few runs a size; a measured limit excludes by itself that there is none."""
    if reference is not None and verdict == "variance-limited":
        return Evidence("other regime", verdict, "few runs a size; the limit was measured")
    return other_regime(fit.losses, verdict, part.curve.floor or 0.0)


def _variance_limited(
    part: Slice, fit: PowerLaw, equal: Evidence, reference: Reference | None
) -> tuple[str, tuple[str, ...]]:
    """In excess is the swept resource; does the loss approach a limit, as one over it?"""
    above_irreducible = fit.floor_interval.low > (part.curve.floor or 0.0)
    if equal.speaks_for and above_irreducible and not fit.lack_of_fit < MISFIT:
        return "variance-limited", ()
    return "undetermined", _measure(part, fit, reference)


def _fall(part: Slice) -> PowerLaw:
    """The fit of the loss itself, above the irreducible part where that is known."""
    floor = part.curve.floor
    return fit_losses(part.losses, part.axis, "free" if floor is None else floor)


def _notes(curve: LearningCurve, whole: Slice, part: Slice, top: str) -> list[Remark]:
    """A peak, and what was left out."""
    notes = [Caveat.DESCENT_PEAK(top)] if top else []
    left_out = slices_of(curve, part.axis).left_out
    if left_out:
        said = "; ".join(f"{label}: {why}" for label, why in left_out.items())
        notes.append(Caveat.SLICES_LEFT_OUT(said))
    near = len(whole.losses.x) - len(part.losses.x)
    if near:
        notes.append(Caveat.NEAR_CROSSOVER(f"{near} sizes"))
    return notes


def _repeat(part: Slice) -> tuple[str, ...]:
    """Runs of one size measure the scatter, whatever the law is."""
    sizes = len(part.losses.x)
    return (f"three seeds at each of the {sizes} sizes, none a copy of another",)


def _wider(part: Slice) -> tuple[str, ...]:
    low, high = part.losses.x[0], part.losses.x[-1]
    high = max(high, 10 ** (DECADES + 0.5) * low)
    sizes = max(FEWEST, 8)
    return (f"{sizes} sizes over {part.axis.value} = {low:g} to {number(high, 2)}",)


def _apart(curve: LearningCurve) -> tuple[str, ...]:
    """Losses of several curves together rise, bend and level off as none of them does."""
    columns = ", ".join(map(repr, curve.mixed))
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
    """A limit, if there is none; else seeds, from how the interval narrows with them."""
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
            f"about {more} seeds a size, in place of {seeds}, at the same scatter"
        )
    elif not advice:
        advice.append(
            f"sizes further beyond {CROSSOVER:g} times the other resource: the exponent is "
            "not one here"
        )
    return tuple(advice)
