"""`manifoldscale sweep PLAN.toml`."""

import dataclasses as dc
import tomllib
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from ..core.errors import ManifoldScaleError, require
from ..core.interval import number
from ..core.result import write_csv
from .console import err, out, progress_bar, show_json, show_table

if TYPE_CHECKING:
    from ..core.learning_curve import Axis, LearningCurve
    from ..sweeps.plan import Plan

SCHEMA = 1  # of PLAN.json, as `report` reads it
EXAMPLE = """\
A plan, with every setting at its default but for the lists:

    [plan]
    dataset_sizes = [100, 200, 400, 800, 1600]
    widths = [128]
    seeds = 5

    [task]
    type = "TeacherStudent"     # or "DataSet", with dataset = "mnist5k"
    dim = 4

    [training]
    steps = 2000

    [vary]                      # other axes: every combination is a curve
    dim = [2, 4, 8]
"""


@click.command(epilog="\b\n" + EXAMPLE.replace("\n\n", "\n\b\n"))
@click.argument("plan", type=click.Path(exists=True, dir_okay=False))
@click.option("--registry", type=click.Path(dir_okay=False), help="[default: PLAN.sqlite]")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
@click.option("--scheduler", help="Address of a Dask scheduler, in place of --workers.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--retry-failed", is_flag=True, help="Train failed runs again.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False), help="[PLAN.csv]")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
def sweep(
    plan: str,
    registry: str | None,
    workers: int,
    scheduler: str | None,
    device: str,
    retry_failed: bool,
    csv_path: str | None,
    as_json: bool,
) -> None:
    """Run or resume a scaling sweep.

    Trains every network of PLAN, a TOML file, and writes their losses as a table that
    `manifoldscale fit` reads, a page, and PLAN.json, which `manifoldscale report` reads.
    Finished networks are kept in the registry: after an interruption, the same command
    goes on.
    """
    from ..sweeps.run import check_any, run

    path = Path(plan)
    plans = read_plans(path)
    file = registry or path.with_suffix(".sqlite")
    curves = {}
    with _executor(workers, scheduler) as executor, progress_bar() as bar:
        total = sum(len(one) for one in plans.values())
        task = bar.add_task("networks", total=total)
        for label, one in plans.items():
            curves[label] = run(
                one,
                file,
                executor=executor,
                device=device,
                retry_failed=retry_failed,
                progress=lambda done: bar.advance(task, done),
            )
    rows = [
        {"curve": label, **row} for label, curve in curves.items() for row in curve.rows()
    ]
    table = Path(csv_path) if csv_path else path.with_suffix(".csv")
    write_csv(table, rows)
    failed = check_any(list(curves.values()), str(table))
    if failed:
        err.print(failed, markup=False)
    page = _save(path, plans, curves)
    if as_json:
        show_json(rows)
        return
    _show(curves)
    out.print(f"\n{len(rows)} runs in {table}; page {page}; registry {file}")


def _save(path: Path, plans: dict[str, "Plan"], curves: dict[str, "LearningCurve"]) -> Path:
    """Write PLAN.json, which `report` reads, and PLAN.html."""
    from .. import __version__
    from ..core.serialize import dumps, write_text
    from ..report.page import save_page

    first = next(iter(plans.values()))
    axis = next(iter(curves.values())).longest_axis()
    results = {
        "kind": "sweep",
        "schema": SCHEMA,
        "about": {
            "plan": path.name,
            "settings": path.read_text(encoding="utf-8"),
            "seed": first.root_seed,
            "version": __version__,
        },
        "axis": axis.name,
        "loss": first.training.loss,
        "curves": [
            {"label": label, "runs": curve.rows(), **_fits(curve, axis)}
            for label, curve in curves.items()
        ],
    }
    write_text(path.with_suffix(".json"), dumps(results))
    page = path.with_suffix(".html")
    save_page(results, page)
    return page


def _fits(curve: "LearningCurve", axis: "Axis") -> dict[str, Any]:
    """Power laws of the slices that have enough sizes, and why the others have none."""
    from ..scaling.power_law import fit_power_law
    from ..scaling.slices import slices_of

    fits: list[dict[str, Any]] = []
    try:
        slices = slices_of(curve, axis)
    except ManifoldScaleError as error:
        return {"fits": fits, "reason": str(error)}
    reasons = dict(slices.left_out)
    for part in slices.made:
        floor = "free" if curve.floor is None else curve.floor
        try:
            fit = fit_power_law(part.curve, axis=axis, floor=floor)
            fits.append({"slice": part.label, "fit": fit})
        except ManifoldScaleError as error:
            reasons[part.label] = str(error)
    said = [f"{label}: {why}" if label else why for label, why in reasons.items()]
    return {"fits": fits, "reason": "; ".join(said)}


def read_plans(path: Path) -> dict[str, "Plan"]:
    """The plans of a TOML file, by what tells them apart."""
    from .. import sweeps

    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} is no TOML file: {error}") from error
    unknown = given.keys() - {"plan", "task", "training", "vary"}
    require(
        not unknown,
        f"{path}: there is no section {sorted(unknown)}; sections are [plan], [task], "
        "[training] and [vary].",
    )
    for name, section in given.items():
        require(
            isinstance(section, dict),
            f"{path}: {name!r} must be a section, [{name}] with settings below; it is "
            f"{section!r}.",
        )
    settings = dict(given.get("task", {}))
    kinds = {"TeacherStudent": sweeps.TeacherStudent, "DataSet": sweeps.DataSet}
    kind = settings.pop("type", None)
    require(
        isinstance(kind, str) and kind in kinds,
        f"{path}: [task] needs type = 'TeacherStudent' or 'DataSet'; it has {kind!r}.",
    )
    plan = _made(
        path,
        "plan",
        sweeps.Plan,
        {
            **given.get("plan", {}),
            "task": _made(path, "task", kinds[kind], settings),
            "training": _made(path, "training", sweeps.Training, given.get("training", {})),
        },
    )
    axes = given.get("vary", {})
    for name, values in axes.items():
        require(isinstance(values, list), f"{path}: [vary] {name} must be a list.")
    return {
        ", ".join(f"{n} = {v}" for n, v in zip(axes, chosen, strict=True)) or "all": one
        for chosen, one in plan.vary(**axes).items()
    }


def _made(path: Path, section: str, kind: Any, settings: dict[str, Any]) -> Any:
    """A value of the section; a setting that it does not have is named."""
    known = {field.name for field in dc.fields(kind)}
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


@contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Executor | None]:
    if scheduler is not None:
        try:
            from distributed import Client
        except ImportError:
            raise click.UsageError(
                "--scheduler needs Dask: pip install 'manifoldscale[cluster]'"
            ) from None
        try:
            client = Client(scheduler)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:  # no answer, or no address
            raise ManifoldScaleError(
                f"--scheduler: there is no Dask scheduler at {scheduler!r} ({error})."
            ) from error
        with client:
            yield client.get_executor()  # type: ignore[no-untyped-call]
    elif workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
            yield executor
    else:
        yield None


def _show(curves: dict[str, "LearningCurve"]) -> None:
    """Mean loss of each combination, and how many runs failed or did not converge."""
    rows = []
    for label, curve in curves.items():
        cells = {(run.width or 0, run.dataset_size or 0): None for run in curve.runs}
        for width, size in cells:
            part = curve.at(width=width, dataset_size=size)
            good = part.losses[np.isfinite(part.losses)]
            rows.append(
                [
                    label,
                    f"{size:,}",
                    f"{width:,}",
                    number(float(good.mean())) if len(good) else "",
                    number(float(good.std(ddof=1))) if len(good) > 1 else "",
                    str(sum(run.converged is False for run in part.runs) or ""),
                    str(sum(run.failure is not None for run in part.runs) or ""),
                ]
            )
    columns = {"curve": "left", "D": "right", "width": "right", "mean loss": "right"}
    columns |= {"sd": "right", "not converged": "right", "failed": "right"}
    show_table("", columns, rows)
