"""A sweep: the networks of a plan file, their losses, and a fit along the longest axis."""

import dataclasses as dc
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .. import __version__
from ..core.errors import ManifoldScaleError, require
from ..core.learning_curve import Axis, LearningCurve, Run
from ..core.serialize import NEVER
from ..report.laws import FittedLaw
from ..report.parts import Section
from . import telling
from .result import RunResult

if TYPE_CHECKING:
    from ..scaling.power_law import PowerLaw
    from ..sweeps.plan import Plan
    from ..sweeps.tasks import Task

SCHEMA = 1
SECTIONS = ("plan", "task", "training", "vary")


@dc.dataclass(frozen=True)
class Sweep:
    """What a sweep does: the plans of a file, by what tells them apart, and its text."""

    path: Path
    text: str
    plans: "Mapping[str, Plan]"

    def __len__(self) -> int:
        return sum(len(plan) for plan in self.plans.values())

    @classmethod
    def read(cls, path: str | Path) -> "Sweep":
        """Of a TOML file with [plan], [task], [training], and [vary] with other axes.

        Raises
        ------
        ManifoldScaleError : it is no TOML file, or names a section or a setting that does
            not exist, or leaves one out that is needed.
        """
        path = Path(path)
        try:
            return cls.of(path, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ManifoldScaleError(f"{path} is no TOML file: {error}") from error

    @classmethod
    def of(cls, path: Path, text: str) -> "Sweep":
        """Of the text of such a file."""
        return cls(path, text, _plans(path, text))


@dc.dataclass(frozen=True, eq=False)
class SweepResult(RunResult):
    """What a sweep found: a learning curve for each plan."""

    asked: Sweep
    curves: Mapping[str, LearningCurve]

    kind: ClassVar[str] = "sweep"

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        rows = [
            {"curve": label, **row}
            for label, curve in self.curves.items()
            for row in curve.rows()
        ]
        steps: list[dict[str, Any]] = []
        before = 0  # networks of the curves before: a number names one in the whole table
        for label, curve in self.curves.items():
            if any(run.trajectory for run in curve.runs):
                for row in curve.trajectories.rows():
                    steps.append(
                        {"curve": label, **row, "network": before + row["network"]}
                    )
            before += len(curve)
        return {"runs": rows} | ({"trajectories": steps} if steps else {})

    def headlines(self) -> list[str]:
        return [f"{label}: {len(curve)} runs" for label, curve in self.curves.items()]

    def to_dict(self) -> dict[str, Any]:
        first = next(iter(self.asked.plans.values()))
        axis = next(iter(self.curves.values())).longest_axis()
        return {
            "kind": self.kind,
            "schema": SCHEMA,
            "about": {
                "plan": self.asked.path.name,
                "settings": self.asked.text,
                "seed": first.root_seed,
                "version": __version__,
            },
            "axis": axis.name,
            "loss": first.training.loss,
            "curves": [
                {"label": label, "runs": curve.rows(), **fits_of(curve, axis)}
                for label, curve in self.curves.items()
            ],
        }

    def save_beside(self, path: Path) -> Path:
        """Write PLAN.json, which `report` reads, and PLAN.html, the page."""
        self.to_json(path.with_suffix(".json"))
        return self.page(path.with_suffix(".html"))


def run_sweep(
    asked: Sweep,
    registry: str | Path,
    *,
    executor: Executor | None = None,
    device: str = "cpu",
    retry_failed: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SweepResult:
    """Train every network that is not in the registry; the settings are those of
    `ms.sweeps.run`.
    """
    from ..sweeps.run import run

    curves = {
        label: run(
            plan,
            registry,
            executor=executor,
            device=device,
            retry_failed=retry_failed,
            progress=progress,
        )
        for label, plan in asked.plans.items()
    }
    return SweepResult(asked, curves)


def fits_of(curve: LearningCurve, axis: Axis) -> dict[str, Any]:
    """Power laws of the slices that have enough sizes, and why the others have none."""
    from ..scaling.power_law import fit_power_law
    from ..scaling.slices import slices_of

    fits: list[dict[str, PowerLaw | str]] = []
    try:
        slices = slices_of(curve, axis)
    except ManifoldScaleError as error:
        return {"fits": fits, "reason": str(error)}
    reasons = dict(slices.left_out)
    floor: Any = "free" if curve.floor is None else curve.floor
    for part in slices.made:
        try:
            fit = fit_power_law(part.curve, axis=axis, floor=floor)
            fits.append({"slice": part.label, "fit": fit})
        except ManifoldScaleError as error:
            reasons[part.label] = str(error)
    said = [f"{label}: {why}" if label else why for label, why in reasons.items()]
    return {"fits": fits, "reason": "; ".join(said)}


def _plans(path: Path, text: str) -> "dict[str, Plan]":
    from .. import sweeps

    given = sections(str(path), text, SECTIONS)
    task = _task(path, given.get("task", {}))
    training = made(str(path), "training", sweeps.Training, given.get("training", {}))
    named = {**given.get("plan", {}), "task": task, "training": training}
    plan = made(str(path), "plan", sweeps.Plan, named)
    axes = given.get("vary", {})
    for name, values in axes.items():
        require(isinstance(values, list), f"{path}: [vary] {name} must be a list.")
    return {
        ", ".join(f"{n} = {v}" for n, v in zip(axes, chosen, strict=True)) or "all": one
        for chosen, one in plan.vary(**axes).items()
    }


def _task(path: Path, given: Mapping[str, Any]) -> "Task":
    """The task of the section; one that changes another has it as [task.task]."""
    from ..sweeps.stored import TASKS

    settings = dict(given)
    kind = settings.pop("type", None)
    require(
        isinstance(kind, str) and kind in TASKS,
        f"{path}: [task] needs type = {' or '.join(map(repr, TASKS))}; it has {kind!r}.",
    )
    if isinstance(settings.get("task"), dict):
        settings["task"] = _task(path, settings["task"])
    found: Task = made(str(path), "task", TASKS[str(kind)], settings)
    return found


def sections(
    path: str, text: str | Mapping[str, Any], known: Sequence[str]
) -> dict[str, Any]:
    """The sections of a plan: of the text of a TOML file, or of a mapping.

    Parameters
    ----------
    path : of the file, for messages.
    known : the sections that there may be.

    Raises
    ------
    ManifoldScaleError : it is no TOML file, or has another section.
    """
    try:
        given = tomllib.loads(text) if isinstance(text, str) else dict(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifoldScaleError(f"{path} is no TOML file: {error}") from error
    unknown = given.keys() - set(known)
    listed = [f"[{name}]" for name in known]
    require(
        not unknown,
        f"{path}: there is no section {sorted(unknown)}; sections are "
        f"{', '.join(listed[:-1])} and {listed[-1]}.",
    )
    for name, section in given.items():
        require(
            isinstance(section, Mapping),
            f"{path}: {name!r} must be a section, [{name}] with settings below; it is "
            f"{section!r}.",
        )
    return given


def made(path: str, section: str, kind: Any, settings: Mapping[str, Any]) -> Any:
    """A value of the section; a setting that it does not have is named."""
    known = {field.name for field in dc.fields(kind) if field.metadata != NEVER}
    unknown = sorted(settings.keys() - known)
    require(
        not unknown,
        f"{path}: [{section}] has no setting {', '.join(map(repr, unknown))}; settings are "
        f"{', '.join(sorted(known))}.",
    )
    required = [f.name for f in dc.fields(kind) if f.default is dc.MISSING]
    missing = [name for name in required if name not in settings]
    require(not missing, f"{path}: [{section}] needs {', '.join(missing)}.")
    return kind(**settings)


def load(content: Mapping[str, Any]) -> SweepResult:
    """The result, from its results.json; losses while training are in the registry only."""
    from ..sweeps.plan import known_drift

    about = content["about"]
    asked = Sweep.of(Path(about["plan"]), about["settings"])
    curves = {}
    for label, one in zip(asked.plans, content["curves"], strict=True):
        runs = tuple(map(Run.from_dict, one["runs"]))
        plan = asked.plans[label]
        curves[one["label"]] = LearningCurve(
            runs,
            loss=plan.training.loss,
            floor=plan.task.floor(plan.training.loss),
            shared_data=plan.task.shared_data or plan.paired,
            task=plan.task.name,
            early_stopped=plan.training.keep == "best",
            drift=known_drift(plan),
            copies=plan.task.copies_said,
        )
    return SweepResult(asked, curves)


def tell(content: Mapping[str, Any]) -> Section:
    """The parts that show a sweep, from its results.json."""
    about, curves, axis = content["about"], content["curves"], Axis.of(content["axis"])
    laws = [
        FittedLaw.of(_joined(one["label"], part["slice"]), part["fit"])
        for one in curves
        for part in one["fits"]
    ]
    facts = [("seed", str(about["seed"])), ("manifoldscale", str(about["version"]))]
    runs = {one["label"]: one["runs"] for one in curves}
    reasons = [f"{one['label']}: {one['reason']}" for one in curves if one["reason"]]
    losses = telling.loss_figure(axis, laws, runs, content.get("loss"))
    return Section(
        f"Sweep {about['plan']}",
        f"Test losses of {sum(map(len, runs.values())):,} trained networks over "
        f"{axis.label}, on {telling.plural(len(curves), 'curve')}.",
        [],
        [
            *telling.notes("Curves without a fit", reasons),
            telling.loss_block(losses),
            telling.law_table(laws, facts),
            telling.about(content),
        ],
    )


def _joined(*labels: str) -> str:
    return ", ".join(label for label in labels if label)
