"""A fit: exponents and regimes of losses measured anywhere."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import __version__
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import number
from ..core.learning_curve import Axis, LearningCurve
from ..core.serialize import plain
from ..report.by_site import Facts
from ..report.laws import FittedLaw
from ..report.parts import Block, Figures, Notes, Section
from . import telling
from .resources import (
    Resources,
    best_sizes,
    joint_of,
    resources_of,
    stored,
    stored_joint,
    tell_joint,
    tell_resources,
)
from .result import RunResult

if TYPE_CHECKING:
    from ..core.columns import Columns
    from ..scaling.joint import JointLaw
    from ..scaling.power_law import PowerLaw, Reference
    from ..scaling.regime import RegimeVerdict
    from ..scaling.rivals import ModelComparison
    from ..scaling.slices import Slice

SCHEMA = 1
MOST_LABELS = 4  # slices that a caveat names, and facts that it gives


@dc.dataclass(frozen=True)
class Fit:
    """What a fit does.

    Attributes
    ----------
    axis : what was scaled; None is the axis with the most sizes.
    floor : "free", "zero" or a number.
    reference : a measured limit, in place of a floor.
    forecast : sizes at which new runs are forecast.
    name : of the table, in words.
    """

    axis: Axis | None = None
    floor: str | float = "free"
    reference: "Reference | None" = None
    forecast: tuple[float, ...] = ()
    name: str = "the losses"

    def __post_init__(self) -> None:
        require(
            self.reference is None or self.floor == "free",
            "Give --floor or --reference; not both of them.",
        )


def fit(
    losses: Any,
    *,
    axis: Axis | str | None = None,
    floor: str | float = "free",
    reference: "Reference | None" = None,
    forecast: Sequence[float] = (),
    out: str | Path | None = None,
    **columns: Any,
) -> "FitResult":
    """Exponents and regimes of losses measured anywhere, as `manifoldscale fit` gives them.

    Parameters
    ----------
    losses : a file, a data frame or rows, as in `LearningCurve.from_frame`; or a
        `LearningCurve`.
    axis : what was scaled, "data", "parameters", "width", "steps" or "compute"; by default
        that with the most sizes.
    floor : "free", "zero" or a number.
    reference : a measured limit, `ms.Reference`, in place of a floor.
    forecast : sizes at which new runs are forecast.
    out : a folder for results.json, tables, figures and a page.
    columns : how the table is read: row, where, size_column, loss_column, tuned of
        `LearningCurve.from_frame`.

    Raises
    ------
    ManifoldScaleError : a table that cannot be read, or no slice with enough sizes.
    """
    known = None if axis is None else Axis.of(axis)
    if isinstance(losses, LearningCurve):
        require(not columns, f"A LearningCurve is read already: leave out {[*columns]}.")
        curve = losses
    else:
        whole = columns.get("row") is None and known is Axis.steps
        columns |= {"row": "trajectory"} if whole else {}
        curve = LearningCurve.from_frame(losses, **columns)
    name = Path(losses).name if isinstance(losses, str | Path) else Fit.name
    sizes = tuple(float(size) for size in np.atleast_1d(forecast))
    found = run_fit(curve, Fit(known, floor, reference, sizes, name))
    if out is not None:
        found.save(out)
    return found


@dc.dataclass(frozen=True, eq=False)
class FitResult(RunResult):
    """All that is said of a table.

    Attributes
    ----------
    slices : a fit and a comparison for each slice, by its label; left_out : why there is
        none of the others.
    resources : the law of both resources together, or why there is none; "" where one
        alone was varied.
    joint : the law with the peak of double descent, the same.
    """

    asked: Fit
    curve: LearningCurve
    slices: "Mapping[str, tuple[PowerLaw, ModelComparison | None]]"
    left_out: Mapping[str, str]
    regime: "RegimeVerdict"
    resources: Resources | str
    joint: "JointLaw | str"

    kind: ClassVar[str] = "fit"
    figures_in: ClassVar[str] = ""

    @property
    def axis(self) -> Axis:
        """What was scaled."""
        return self.asked.axis or self.curve.longest_axis()

    @property
    def columns(self) -> "Columns | None":
        """Which columns of the table were read."""
        return self.curve.columns

    @property
    def fits(self) -> "dict[str, PowerLaw]":
        """The power law of each slice, by its label."""
        return {label: law for label, (law, _) in self.slices.items()}

    @property
    def notes(self) -> list[Remark]:
        """Every caveat once, with the facts of its slices; `tables` has those of each."""
        slices: dict[Caveat, dict[str, list[str]]] = {}
        for label, (law, models) in self.slices.items():
            for note in (*law.caveats, *(models.caveats if models is not None else ())):
                labels = slices.setdefault(note.caveat, {}).setdefault(note.detail, [])
                labels += [label] * (label not in labels)
        return [
            caveat(_of_slices(facts, len(self.slices))) for caveat, facts in slices.items()
        ]

    def headlines(self) -> list[str]:
        laws = [f"{name}: {law}" if name else str(law) for name, law in self.fits.items()]
        both = self.resources
        law = [] if isinstance(both, str) else [str(both.law), str(both.frontier or "")]
        joint = [] if isinstance(self.joint, str) else [str(self.joint)]
        return [*laws, *filter(None, law), *joint, str(self.regime)]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        tables = {
            "fit": [_row(label, *found) for label, found in self.slices.items()],
            "forecasts": self.forecasts(),
        }
        if not isinstance(self.resources, str):
            tables["resources"] = [self.resources.law.row()]
            tables["best_sizes"] = best_sizes(self.resources)
        if not isinstance(self.joint, str):
            tables["joint"] = [self.joint.row()]
        tables["regime"] = [self.regime.row()]
        return {name: found for name, found in tables.items() if found}

    def forecasts(self) -> list[dict[str, Any]]:
        """A row per slice and size: the loss of a new run there."""
        rows, ahead = [], self.asked.forecast
        for label, law in self.fits.items() if ahead else ():
            found = law.forecast(ahead)
            ends = zip(ahead, found.median, found.low, found.high, strict=True)
            rows += [
                {"slice": label, "size": x, "median": m, "low": a, "high": b}
                for x, m, a, b in ends
            ]
        return rows

    def save_figures(self, folder: str | Path) -> list[Path]:
        """Write the losses and the exponents between their sizes, side by side, and each
        figure of both resources.
        """
        from ..report.static import KINDS, save_sheet

        section = self.record.section
        sheets = {"fit": [section.figures[name] for name in section.together]}
        alone = section.figures.keys() - set(section.together)
        sheets |= {name: [section.figures[name]] for name in sorted(alone)}
        paths: list[Path] = []
        for name, figures in sheets.items():
            if figures:
                stems = (Path(folder) / f"{name}.{kind}" for kind in KINDS)
                paths += save_sheet(figures, *stems)
        return paths

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "about": {
                "table": self.asked.name,
                "columns": str(self.columns or ""),
                "options": telling.options(self.asked, "name"),
                "version": __version__,
            },
            "columns": self.columns,
            "asked": plain(self.asked),
            "learning_curve": plain(self.curve),
            "notes": [str(note) for note in self.notes],
            "fits": [
                {
                    "slice": label,
                    "fit": law,
                    "curve": None if models is None else models.verdict,
                    "local": plain(_local(law)),
                }
                for label, (law, models) in self.slices.items()
            ],
            "left_out": [
                {"slice": label, "reason": reason}
                for label, reason in self.left_out.items()
            ],
            "regime": self.regime.to_dict(),
            "axis": self.axis.name,
            "resources": None
            if isinstance(self.resources, str)
            else stored(self.resources),
            "joint": None if isinstance(self.joint, str) else stored_joint(self.joint),
            "forecasts": self.forecasts(),
        }


def _row(label: str, law: "PowerLaw", models: "ModelComparison | None") -> dict[str, Any]:
    """A slice, with the curve that describes it best, and the caveats of both."""
    row = {"slice": label, **law.row()}
    if models is not None:
        notes = dict.fromkeys([*law.caveats, *models.caveats])
        row |= {"curve": models.verdict, "caveats": "; ".join(map(str, notes))}
    return row


def _local(law: "PowerLaw") -> dict[str, Any]:
    """Exponents between neighbouring sizes, and their errors."""
    at, exponents, error = law.local_exponents()
    return {"x": at, "exponent": exponents, "stderr": error}


def run_fit(curve: LearningCurve, asked: Fit) -> FitResult:
    """Fit every slice of a curve, and both resources together."""
    axis = asked.axis or curve.longest_axis()
    if asked.floor != "free":
        curve = dc.replace(
            curve, floor=0.0 if asked.floor == "zero" else float(asked.floor)
        )
    both = resources_of(curve, asked.floor)
    slices, left_out = _slices(curve, axis, asked, needed=isinstance(both, str))
    return FitResult(
        asked,
        curve,
        slices,
        left_out,
        regime_of(curve, axis, asked.reference),
        both,
        joint_of(curve, axis, asked.floor),
    )


def _slices(
    curve: LearningCurve, axis: Axis, asked: Fit, needed: bool
) -> "tuple[dict[str, tuple[PowerLaw, ModelComparison | None]], dict[str, str]]":
    """The fits by slice, and why there is none of the others; an error where one is needed
    and there is none.
    """
    from ..scaling.power_law import fit_power_law
    from ..scaling.rivals import FEWEST, compare_models
    from ..scaling.slices import slices_of

    found: dict[str, tuple[PowerLaw, ModelComparison | None]] = {}
    parts = slices_of(curve, axis)
    left_out = dict(parts.left_out)
    floor: Any = asked.reference or asked.floor
    for part in parts.made:
        n = len(part.losses.x)
        try:
            require(n >= 4, f"a fit needs four sizes; there are {n}")
            law = fit_power_law(part.curve, axis=axis, floor=floor)
            models = compare_models(part.curve, axis=axis) if n >= FEWEST else None
            found[part.label] = law, models
        except ManifoldScaleError as error:
            left_out[part.label] = str(error)
    if needed and not found:
        few = max(len(part.losses.x) for part in parts.made) < 4
        raise ManifoldScaleError(
            _too_few(parts.made, axis) if few else next(iter(left_out.values()))
        )
    return found, left_out


def _too_few(parts: "Sequence[Slice]", axis: Axis) -> str:
    most, other = max(len(part.losses.x) for part in parts), parts[0].other
    if other is None:
        return f"A fit needs four sizes along {axis.value}; there are {most}."
    return (
        f"A fit needs four sizes along {axis.value} at one value of {other.value}; there "
        f"are at most {most}, and {len(parts)} values. Where the two were varied together "
        f"leave the column {other.value!r} out, and the exponent is that of both."
    )


def regime_of(
    curve: LearningCurve, axis: Axis, limit: "Reference | None" = None
) -> "RegimeVerdict":
    """What it is that could not be classified costs the verdict, and not the fits."""
    from ..scaling.evidence import Evidence
    from ..scaling.regime import RegimeVerdict, classify_regime

    try:
        return classify_regime(curve, axis, limit)
    except ManifoldScaleError as error:
        reason = Evidence("not classified", "", str(error))
        return RegimeVerdict("undetermined", axis, None, (reason,))


def load(content: Mapping[str, Any]) -> FitResult:
    """The result, from its results.json: the losses that it holds are fitted again."""
    from ..scaling.power_law import Reference

    asked = {key: value for key, value in content["asked"].items() if key != "type"}
    limit = asked["reference"]
    if limit is not None:
        size = math.inf if limit["size"] is None else limit["size"]
        asked["reference"] = Reference(size, limit["loss"], limit["stderr"])
    asked["axis"] = None if asked["axis"] is None else Axis.of(asked["axis"])
    asked["forecast"] = tuple(asked["forecast"])
    return run_fit(LearningCurve.from_dict(content["learning_curve"]), Fit(**asked))


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show a fit, from its results.json."""
    regime, fits = content["regime"], content["fits"]
    loss = content.get("learning_curve", {}).get("loss")
    laws = [FittedLaw.of(one["slice"], one["fit"]) for one in fits]
    axis = Axis.of(content["axis"]) if "axis" in content else laws[0].axis
    facts = [("manifoldscale", str(content["about"]["version"]))]
    settle = [f"would settle it: {runs}" for runs in regime["settle"]]
    settle += [f"would tell more: {runs}" for runs in regime.get("tell", ())]
    evidence = [
        f"{e['kind']}: {e['facts']}" + (f" → {e['speaks_for']}" if e["speaks_for"] else "")
        for e in regime["evidence"]
    ]
    local = telling.local_figure(axis, laws, [one.get("local") for one in fits])
    return Section(
        f"Fit of {content['about']['table']}",
        f"Power laws of test losses over {axis.label}, and their regime.",
        [
            *telling.exponents(laws, content.get("resources")),
            *telling.regime(regime["verdict"], axis, content.get("resources")),
        ],
        [
            *telling.notes("Read with care", content.get("notes", ())),
            *(_laws(axis, laws, facts, "notes" not in content, loss) if laws else ()),
            *tell_resources(content.get("resources"), telling.loss_label(loss)),
            *([Figures("Exponent between neighbouring sizes", local)] if local else []),
            *telling.notes(
                "Forecasts: the loss of a new run, 95 %",
                [_forecast(row) for row in content.get("forecasts", ())],
            ),
            Notes(f"Regime: {regime['verdict']}", [*evidence, *settle, *regime["caveats"]]),
            # Earlier versions saved none of these.
            *telling.notes(
                "Not fitted",
                left_out_in_words(
                    {one["slice"]: one["reason"] for one in content.get("left_out", ())}
                ),
            ),
            *tell_joint(content["joint"], "resources" in content),
            telling.about(content),
        ],
        together=(["loss"] if laws else []) + [one.name for one in local],
    )


def _laws(
    axis: Axis, laws: Sequence[FittedLaw], facts: Facts, notes: bool, loss: Any
) -> list[Block]:
    losses = telling.loss_figure(axis, laws, loss=loss)
    return [telling.loss_block(losses), telling.law_table(laws, facts, notes)]


def _of_slices(facts: Mapping[str, Sequence[str]], n_slices: int) -> str:
    """What is said of some slices, with their labels; of many, the first and the last."""
    said = []
    for detail, labels in facts.items():
        which = ", ".join(labels)
        if len(labels) > MOST_LABELS:
            which = f"{labels[0]} to {labels[-1]}, {len(labels)} of {n_slices}"
        said.append(": ".join(part for part in (which, detail) if part))
    left_out = said[MOST_LABELS:]
    said = said[:MOST_LABELS] + ([f"and {len(left_out)} more"] if left_out else [])
    return "; ".join(filter(None, said))


def left_out_in_words(reasons: Mapping[str, str]) -> list[str]:
    """Why slices have no fit, each reason once."""
    labels: dict[str, list[str]] = {}
    for label, reason in reasons.items():
        labels.setdefault(reason, []).append(label or "all runs")
    return [
        f"{', '.join(at)}: {reason}"
        if len(at) < 4
        else f"{len(at)} slices, from {at[0]} to {at[-1]}: {reason}"
        for reason, at in labels.items()
    ]


def _forecast(row: Mapping[str, Any]) -> str:
    return (
        f"{row['slice'] or 'all runs'}, at {row['size']:g}: {number(row['median'])} "
        f"[{number(row['low'])}, {number(row['high'])}]"
    )
