"""Is it a power law? The losses against curves that are often taken for one."""

import dataclasses as dc
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import number
from ..core.learning_curve import Axis
from ..core.result import Result
from ..core.style import drawing, log_axes
from .families import FAMILIES, Member, fit_family
from .losses import Losses, losses_of
from .scatter import EXCLUDED, MISFIT, ROUNDING, aicc, lack_of_fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 5  # distinct sizes
ALIKE = 0.05  # the same for every curve: runs of one size share an error


@dc.dataclass(frozen=True, eq=False)
class ModelFit:
    """One curve fitted to the losses.

    Attributes
    ----------
    delta : AICc minus the AICc of the best curve.
    weight : share of the Akaike weights.
    extrapolation : root mean square log error at the largest third of the sizes, if fitted
        to the rest; NaN with fewer than seven sizes.
    lack_of_fit : p-value against the scatter between runs; NaN without replicates.
    """

    member: Member
    delta: float
    weight: float
    extrapolation: float
    lack_of_fit: float

    @property
    def name(self) -> str:
        return self.member.family.name

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.member.family.formula}): AICc {self.delta:+.1f}, "
            f"extrapolates to {number(100 * self.extrapolation, 2)} %, "
            f"lack of fit p = {number(self.lack_of_fit, 2)}"
        )

    def row(self) -> dict[str, Any]:
        return {
            "curve": self.name,
            "formula": self.member.family.formula,
            "unknowns": self.member.family.unknowns,
            "delta_aicc": self.delta,
            "weight": self.weight,
            "extrapolation": self.extrapolation,
            "lack_of_fit": self.lack_of_fit,
        }


@dc.dataclass(frozen=True, eq=False)
class ModelComparison(Result):
    """Curves side by side, best first.

    Attributes
    ----------
    verdict : "power law", "not a power law" or "undetermined".
    best : name of the curve with the lowest AICc.
    rivals : names of the curves that are not power laws and are not excluded, by the
        criterion and by their residuals.
    """

    verdict: str
    fits: tuple[ModelFit, ...]
    rivals: tuple[str, ...]
    axis: Axis
    losses: Losses
    caveats: tuple[Remark, ...] = ()

    main = "verdict"
    columns = ("verdict", "best", "rivals", "sizes=losses.x.size")

    @property
    def best(self) -> str:
        return self.fits[0].name

    @property
    def method(self) -> str:
        return f"AICc of {len(self.fits)} curves"

    @property
    def n_points(self) -> int:
        """Number of runs."""
        return self.losses.n_runs

    def headline(self) -> str:
        n = len(self.losses.x)
        return f"{self.verdict}: best of {len(self.fits)} curves is {self.best} ({n} sizes)"

    def cells(self) -> dict[str, Any]:
        return super().cells() | {"rivals": "; ".join(self.rivals)}

    def rows(self) -> list[dict[str, Any]]:
        """One row per curve."""
        return [fit.row() for fit in self.fits]

    @drawing
    def plot(self, ax: "Axes") -> None:
        """Mean losses and every curve that is not excluded."""
        x = self.losses.x
        grid = np.geomspace(x[0], 3 * x[-1], 200)
        for fit in self.fits:
            if fit.delta <= EXCLUDED:
                ax.plot(grid, fit.member.predict(grid), label=fit.name)
        ax.plot(x, self.losses.y, "ko")
        ax.set(xlabel=self.axis.label, ylabel="test loss")
        log_axes(ax, grid, self.losses.y)
        ax.legend()


def compare_models(
    curve: Any, loss: Any = None, *, axis: Axis | str = Axis.data
) -> ModelComparison:
    """Compare a power law, with and without a floor, with other falling curves.

    >>> x = np.geomspace(100, 10_000, 9)
    >>> print(compare_models(x, 3 * x**-0.5))  # doctest: +ELLIPSIS
    power law: best of 7 curves is power law (9 sizes)...

    Parameters are those of `fit_power_law`. There is evidence of three kinds: the corrected
    Akaike criterion over all runs, with one relative error for all; the p-value of each
    curve against the scatter between runs; and an ordered extrapolation, from the smaller
    sizes to the largest third.

    The verdict is "not a power law" where no power law fits (p < 0.01) or another curve is
    better than all of them by an AICc of 6; "power law" where one fits and all curves that
    do not contain it are worse by 6; else, and always on less than a decade,
    "undetermined". A curve counts as worse only if its residuals say so too, not just the
    number of its unknowns. If every curve lies further from the means than the scatter
    between runs allows, runs of one size share an error (such as a training subset): then
    the curves are compared by their residuals about the means alone, and a caveat says so.
    The thresholds are tested on simulated power laws and on other curves.

    Raises
    ------
    ManifoldScaleError : fewer than five sizes, and what `fit_power_law` refuses.
    """
    axis = Axis.of(axis)
    losses, remarks = losses_of(curve, loss, axis)
    n = len(losses.x)
    require(n >= FEWEST, f"Curves are compared on at least {FEWEST} sizes; there are {n}.")
    weights = losses.runs / losses.y**2
    members = [fit_family(family, losses.x, losses.y, weights) for family in FAMILIES]
    alike = _moved_alike(members, losses)
    if alike:
        remarks = [*remarks, Caveat.RUNS_MOVED_ALIKE(f"p = {number(alike, 2)} at best")]
    judged = losses.means_alone() if alike else losses
    scores = np.array([aicc(*_total(m, judged), m.family.unknowns) for m in members])
    likely = np.exp(-(scores - scores.min()) / 2)
    fits = [
        ModelFit(
            member,
            float(score - scores.min()),
            float(weight),
            _extrapolation(member, losses),
            _misfit(member, judged),
        )
        for member, score, weight in zip(
            members, scores, likely / likely.sum(), strict=True
        )
    ]
    fits.sort(key=lambda fit: (fit.delta, fit.member.family.unknowns))
    verdict, rivals = _verdict(fits, judged)
    notes = (*remarks, *_notes(verdict, rivals, fits))
    return ModelComparison(verdict, tuple(fits), rivals, axis, losses, notes)


def _misfit(member: Member, losses: Losses) -> float:
    free = len(losses.x) - member.family.unknowns
    return lack_of_fit(member.cost, free, losses.spread, losses.freedom)


def _moved_alike(members: Sequence[Member], losses: Losses) -> float:
    """The largest p-value of all curves and of a polynomial in logarithms, if even that is
    too small; else 0. Then the scatter between runs of one size is not all of the noise, as
    where they share their examples.
    """
    ps = [_misfit(member, losses) for member in members]
    known = [p for p in (*ps, _misfit_of_smooth(losses)) if not math.isnan(p)]
    return max(known) if known and max(known) < ALIKE else 0.0


def _misfit_of_smooth(losses: Losses) -> float:
    """The p-value of any smooth curve: a polynomial with half as many unknowns as there are
    sizes, of degree four at most.
    """
    x, logs, roots = np.log(losses.x), np.log(losses.y), np.sqrt(losses.runs)
    degree = min((len(x) - 1) // 2, 4)
    design = np.vander((x - x.mean()) / np.ptp(x), degree + 1) * roots[:, None]
    left = logs * roots - design @ np.linalg.lstsq(design, logs * roots, rcond=None)[0]
    free = len(x) - degree - 1
    return lack_of_fit(float(left @ left), free, losses.spread, losses.freedom)


def _total(member: Member, losses: Losses) -> tuple[float, float]:
    """The relative sum of squares about the curve, and its number of runs.

    It adds the squares of the means about the curve and of the runs about their means; the
    latter are the same for all curves. Runs that are copies of each other count as one.
    """
    varied = losses.freedom > 0 and losses.spread > 0
    runs = float(losses.runs.sum()) if varied else float(len(losses.x))
    within = losses.spread**2 * losses.freedom if varied else 0.0
    cost = member.cost * runs / float(losses.runs.sum())
    return max(cost + within, ROUNDING**2 * runs), runs


def _excludes(better: ModelFit, worse: ModelFit, losses: Losses) -> bool:
    """Whether a curve is worse by the criterion, and by its residuals too.

    On few sizes the criterion weighs a further unknown more than all of the losses. So the
    residuals must be larger as well: (runs - unknowns) log S by the same amount.
    """
    if worse.delta <= better.delta + EXCLUDED:
        return False
    (left, runs), (least, _) = (_total(fit.member, losses) for fit in (worse, better))
    unknowns = max(fit.member.family.unknowns for fit in (worse, better)) + 1
    return (runs - unknowns) * math.log(left / least) > EXCLUDED


def _extrapolation(member: Member, losses: Losses) -> float:
    n = len(losses.x)
    kept = n - n // 3
    if n < 7 or kept <= member.family.unknowns:
        return math.nan
    x, y, runs = losses.x[:kept], losses.y[:kept], losses.runs[:kept]
    fitted = fit_family(member.family, x, y, runs / y**2)
    predicted = np.maximum(fitted.predict(losses.x[kept:]), 1e-3 * losses.y[-1])
    return float(np.sqrt(np.mean(np.log(predicted / losses.y[kept:]) ** 2)))


def _verdict(fits: list[ModelFit], losses: Losses) -> tuple[str, tuple[str, ...]]:
    laws = [fit for fit in fits if fit.member.family.is_power_law]
    others = [fit for fit in fits if not fit.member.family.is_power_law]
    law = laws[0]
    if law.lack_of_fit < MISFIT or any(
        all(_excludes(other, law, losses) for law in laws) for other in others
    ):
        return "not a power law", ()
    # Several laws may fit, as with a small floor and without. A curve that contains any of
    # them describes the losses as well, which is not evidence against the law.
    contained = {
        name
        for fit in laws
        if not _excludes(law, fit, losses) and not fit.lack_of_fit < MISFIT
        for name in fit.member.family.within
    }
    rivals = tuple(
        fit.name
        for fit in others
        if fit.name not in contained and not _excludes(law, fit, losses)
    )
    short = losses.x[-1] < 10 * losses.x[0]
    return ("undetermined" if rivals or short else "power law"), rivals


def _notes(verdict: str, rivals: tuple[str, ...], fits: list[ModelFit]) -> list[Remark]:
    if verdict == "not a power law":
        other = not fits[0].member.family.is_power_law
        return [Caveat.NOT_A_POWER_LAW(f"best: {fits[0].name}" if other else "none fits")]
    return [Caveat.RIVALS(", ".join(rivals))] if rivals else []
