"""The infinitely wide network beside those of a study: its losses on the same examples,
what theory predicts of them, and what follows for the network and its geometry.
"""

import contextlib
import dataclasses as dc
import functools as ft
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import ManifoldScaleError
from ..core.interval import Interval, number
from ..core.learning_curve import LearningCurve
from ..core.serialize import plain
from ..report.laws import FittedLaw, floats
from ..report.parts import Line

if TYPE_CHECKING:
    from ..scaling.paired_losses import LossRatio
    from ..scaling.power_law import PowerLaw
    from ..sweeps.plan import Plan
    from ..theory import Beside

Progress = Callable[[str, int, int], None]
MOST_UNFINISHED = 0.1  # share of the networks that had not fitted their training set
LAZY = "NTK"  # the kernel of the limit in which gradient descent learns no features


@dc.dataclass(frozen=True, eq=False)
class InfiniteWidth:
    """The exactly solvable limit of the networks of a study.

    Attributes
    ----------
    beside : kernel regression on their examples; None where there is no closed form, and
        `why_not` says why.
    curve : the losses of the networks.
    """

    curve: LearningCurve
    beside: "Beside | None" = None
    why_not: str = ""

    @ft.cached_property
    def fits(self) -> "dict[str, PowerLaw]":
        """The power law of each kernel, under what is known of the floor."""
        from .steps.chain import fitted

        curves = {} if self.beside is None else self.beside.curves
        found = {}
        for name, curve in curves.items():
            with contextlib.suppress(ManifoldScaleError):  # fewer sizes than a fit needs
                found[name] = fitted(curve)
        return found

    @ft.cached_property
    def seen(self) -> "dict[str, PowerLaw]":
        """Of each kernel, how the squared distance to the nearest training example falls:
        its exponent is 2 / d_Theta.
        """
        from ..scaling.power_law import fit_power_law

        curves = {} if self.beside is None else self.beside.nearest
        found = {}
        for name, curve in curves.items():
            if name in self.fits:
                with contextlib.suppress(ManifoldScaleError):  # all are copies
                    found[name] = fit_power_law(curve, floor="zero")
        return found

    @ft.cached_property
    def ratios(self) -> "dict[str, LossRatio]":
        """The losses of the networks over those of each kernel."""
        from ..scaling.paired_losses import loss_ratio

        curves = {} if self.beside is None else self.beside.curves
        found = {}
        for name, curve in curves.items():
            with contextlib.suppress(ManifoldScaleError):  # a loss of zero has no ratio
                found[name] = loss_ratio(self.curve, curve)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """A row for each kernel and size, with the ratio of the networks' losses to its."""
        if self.beside is None:
            return []
        return [
            row | _ratio_at(self.ratios.get(row["kernel"]), row["dataset_size"])
            for row in self.beside.rows()
        ]

    def headlines(self) -> list[str]:
        """What the losses say of the network, and the theory of the losses."""
        if self.beside is None:
            why = self.why_not.rstrip(".")
            return [f"no infinitely wide network: {why}"] if why else []
        left = [run.converged is False for run in self.curve.runs]
        said = [
            _lazy(name, one, sum(left), len(left))
            for name, one in self.ratios.items()
            if name == LAZY
        ]
        said += [_seen(name, law, self.fits[name]) for name, law in self.seen.items()]
        for name in self.beside.predicted:
            sizes = [run.dataset_size or 0 for run in self.beside.predicted[name].runs]
            said.append(
                f"the Gram matrix of the {name} predicts its losses at {len(sizes)} of "
                f"{self.beside.n_sizes} sizes, up to D = {max(sizes):,}, within "
                f"{self.beside.error(name):.1%}"
            )
        return [*said, *map(str, self.beside.caveats)]

    def to_dict(self) -> dict[str, Any]:
        return {
            "why_not": self.why_not,
            "beside": plain(self.beside),
            "fits": {name: plain(fit) for name, fit in self.fits.items()},
            "seen": {name: plain(law) for name, law in self.seen.items()},
            "ratios": {name: plain(one) for name, one in self.ratios.items()},
            "said": self.headlines(),
        }

    @classmethod
    def from_dict(
        cls, stored: Mapping[str, Any] | None, curve: LearningCurve
    ) -> "InfiniteWidth":
        """What was stored; of an earlier version, which has nothing, nothing."""
        from ..theory import Beside

        if stored is None or stored["beside"] is None:
            return cls(curve, None, "" if stored is None else stored["why_not"])
        return cls(curve, Beside.from_dict(stored["beside"]))


def solved(
    plan: "Plan", curve: LearningCurve, predicted_from: int | None, report: Progress
) -> InfiniteWidth:
    """The limit of the networks of a plan, where it has a closed form, with what is
    predicted of it from so many examples; None where it is not asked for.
    """
    from ..theory import beside

    if predicted_from is None:
        return InfiniteWidth(curve)

    def advance(done: int, total: int) -> None:
        report("theory", done, total)

    try:
        found = beside(plan, predicted_from=predicted_from, progress=advance)
    except ManifoldScaleError as error:
        return InfiniteWidth(curve, None, str(error))
    return InfiniteWidth(curve, found)


def _ratio_at(one: "LossRatio | None", size: int) -> dict[str, float]:
    """The ratio at a size with its interval; NaN where there is none."""
    names = ("network_over_kernel", "low", "high")
    columns = () if one is None else (one.ratios, one.low, one.high)
    sizes = [] if one is None else one.sizes.tolist()
    if size not in sizes:
        return dict.fromkeys(names, math.nan)
    at = sizes.index(size)
    return {name: float(values[at]) for name, values in zip(names, columns, strict=True)}


def _lazy(name: str, one: "LossRatio", unfinished: int, total: int) -> str:
    """How far the networks are from their lazy limit; `unfinished` of all had not fitted
    their training set, and would go on.
    """
    low, high = one.faster_interval
    ends = f"{number(one.ratio)} {one.interval}"
    said = (
        f"at D = {one.sizes[-1]:,.0f} the loss of the networks is {ends} times that of the "
        f"infinitely wide network on the same examples ({name})"
    )
    differs = low > 0 or high < 0
    if differs:
        way = "faster" if low > 0 else "slower"
        said += f", and falls {way} by {_size(one.faster, one.faster_interval)} in alpha_D"
    if not differs and one.verdict == "not told apart":
        return f"{said}: it is not told from that of the lazy limit"
    if unfinished > MOST_UNFINISHED * total:
        return (
            f"{said}; but {unfinished} of {total} networks had not fitted their training "
            "set: train longer to compare them with their limit"
        )
    return (
        f"{said}: as they were trained, these networks do not follow the lazy limit, which "
        "is that of gradient descent with the rates of the NTK parametrisation"
    )


def _seen(name: str, law: "PowerLaw", loss: "PowerLaw") -> str:
    """What dimension a kernel sees, the bound that it gives, and whether it is tight."""
    low, high = law.interval
    dims = Interval(2 / high, 2 / low if low > 0 else math.inf, law.interval.level)
    said = (
        f"at these sizes the {name} sees a dimension of {number(2 / law.alpha)} {dims}, so "
        f"its regression on a target in its space has alpha_D >= {number(law.alpha)} "
        f"{law.interval}; here it has {number(loss.alpha)} {loss.interval}"
    )
    return f"{said}: the target is smoother than that" if loss.interval.low > high else said


def _size(value: float, interval: Interval) -> str:
    low, high = sorted(map(abs, interval))
    return f"{number(abs(value))} {Interval(low, high, interval.level)}"


def bound_met(ratio: float, interval: Sequence[float]) -> str:
    """Whether alpha_D >= 4 / d is met, loose or broken, from r = alpha_D d / 4."""
    low, high = interval
    ends = f"r = alpha_D d / 4 = {number(ratio)} {Interval(*interval)}"
    if low > 1:
        return f"the bound of the geometry, alpha_D >= 4/d, holds and is loose ({ends})"
    if high < 1:
        return f"the bound of the geometry, alpha_D >= 4/d, is broken ({ends})"
    return f"the exponent agrees with the bound of the geometry, alpha_D = 4/d ({ends})"


def told_laws(content: Mapping[str, Any], networks: FittedLaw) -> list[FittedLaw]:
    """The laws of the loss figure: of the networks, and of each kernel."""
    fits = (content.get("theory") or {}).get("fits", {})
    kernels = [FittedLaw.of(name, one) for name, one in fits.items()]
    return [dc.replace(networks, label="networks"), *kernels] if kernels else [networks]


def told_caption(content: Mapping[str, Any]) -> str:
    """What the further lines of the loss figure are."""
    fits = (content.get("theory") or {}).get("fits", {})
    if not fits:
        return ""
    return (
        f" {' and '.join(fits)} are the infinitely wide network, solved exactly on the "
        "same training and test sets; dashed is what theory predicts of them from the Gram "
        "matrix of some examples, without any regression; dotted is the slope of the "
        "geometry's bound."
    )


def told_lines(content: Mapping[str, Any], networks: FittedLaw) -> list[Line]:
    """What theory predicts, and the slope of the geometry's bound."""
    stored = (content.get("theory") or {}).get("beside") or {"predicted": {}}
    lines = []
    for place, curve in enumerate(stored["predicted"].values()):
        x = floats([run["dataset_size"] for run in curve["runs"]])
        y = floats([run["loss"] for run in curve["runs"]])
        label = "predicted by theory" if place == 0 else ""
        lines.append(Line(label, x, y, "dashed", color=place + 1))
    best = content["comparisons"].get(content["headline_site"])
    if best is not None and lines:
        alpha, x = float(best["predicted"]), networks.line["x"]
        y = networks.line["y"][0] * (x / x[0]) ** -alpha
        lines.append(Line(f"slope 4/d = {number(alpha)}", x, y, "dotted", color=6))
    return lines
