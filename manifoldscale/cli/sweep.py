"""`manifoldscale sweep PLAN.toml`: run or resume a scaling sweep."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from ..core.errors import ManifoldScaleError
from ..core.interval import number
from ..core.result import write_csv
from .console import err, out, progress_bar, show_json, show_table
from .described import PlanCommand

if TYPE_CHECKING:
    from ..core.learning_curve import LearningCurve

EXAMPLE = """\
A plan; what is left out has its default:

    [plan]
    dataset_sizes = [100, 200, 400, 800, 1600]
    widths = [128]
    seeds = 5

    [task]
    type = "TeacherStudent"     # or "DataSet", with dataset = "mnist5k"; or "OwnData",
                                # with source = "images.npz"
    dim = 4

    [training]
    steps = 2000

    [vary]                      # other axes: every combination is a curve
    dim = [2, 4, 8]
"""


@click.command(cls=PlanCommand, epilog="\b\n" + EXAMPLE.replace("\n\n", "\n\b\n"))
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
    `manifoldscale fit` reads, those during training as another, PLAN.trajectories.csv, a
    page, and PLAN.json, which `manifoldscale report` reads.
    Finished networks are kept in the registry: after an interruption, the same command
    goes on.
    """
    from ..runs.sweep import Sweep, run_sweep
    from ..sweeps.run import check_any

    path = Path(plan)
    asked, file = Sweep.read(path), registry or path.with_suffix(".sqlite")
    with workers_of(workers, scheduler) as executor, progress_bar() as bar:
        task = bar.add_task("networks", total=len(asked))
        found = run_sweep(
            asked,
            file,
            executor=executor,
            device=device,
            retry_failed=retry_failed,
            progress=lambda done: bar.advance(task, done),
        )
    tables = found.tables()
    rows = tables["runs"]
    table = Path(csv_path) if csv_path else path.with_suffix(".csv")
    write_csv(table, rows)  # first: `check_any` stops where no network gave a loss
    during = table.with_name(f"{table.stem}.trajectories.csv")
    if "trajectories" in tables:
        write_csv(during, tables["trajectories"])
    failed = check_any(list(found.curves.values()), str(table))
    if failed:
        err.print(failed, markup=False)
    page = found.save_beside(path)
    if as_json:
        show_json(rows)
        return
    _show(found.curves)
    during_too = f"; during training in {during}" if "trajectories" in tables else ""
    out.print(f"\n{len(rows)} runs in {table}{during_too}; page {page}; registry {file}")


@contextmanager
def workers_of(workers: int, scheduler: str | None = None) -> Iterator[Executor | None]:
    """An executor with so many processes, or of a scheduler; None for one process."""
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


def _show(curves: "Mapping[str, LearningCurve]") -> None:
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
