"""`manifoldscale study [DATA]`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core.errors import ManifoldScaleError
from ..core.interval import number
from .console import out, progress_bar, show_json, show_table
from .probe import show_sites

if TYPE_CHECKING:
    from ..study import StudyResult


@click.command()
@click.argument("data", default="mnist5k")
@click.option(
    "--teacher",
    type=click.IntRange(1, 20),
    metavar="D",
    help="In place of DATA: a teacher network on inputs of known dimension D.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--quick", is_flag=True, help="Small sweep, in seconds: for a first look.")
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    default=None,
    help="Results folder; a study that was interrupted resumes there.  "
    "[default: study-NAME]",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json.")
def study(
    data: str,
    teacher: int | None,
    seed: int,
    quick: bool,
    folder: str | None,
    as_json: bool,
) -> None:
    """The whole chain on real data (DATA, by default mnist5k).

    Networks are trained at many dataset sizes; the exponent of their test loss is fitted;
    the dimension of every layer of another network is estimated; the exponent that the
    dimension implies is compared with the measured one.
    """
    from .. import data as cards
    from ..report.figures import save_figures
    from ..report.page import save_page
    from ..study import dataset_study, run_study, save_study, teacher_study

    if teacher is not None:
        name, plan = f"teacher{teacher}", teacher_study(teacher, seed=seed, quick=quick)
    elif data in cards.names():
        name, plan = data, dataset_study(data, seed=seed, quick=quick)
    else:
        raise ManifoldScaleError(
            f"DATA must be one of {', '.join(cards.names())}; not {data!r}."
        )
    place = Path(folder or f"study-{name}")
    with progress_bar() as progress:
        bars = {
            "sweep": progress.add_task("sweep", total=len(plan.plan)),
            "probe": progress.add_task("probe", total=None),
        }

        def advance(stage: str, done: int, total: int) -> None:
            progress.update(bars[stage], completed=done, total=total)

        result = run_study(plan, place, progress=advance)
    save_study(result, place)
    save_figures(result, place / "figures")
    save_page(result, place / "report.html")
    if as_json:
        show_json(result)
        return
    _show(result, place)


def _show(result: "StudyResult", place: Path) -> None:
    from ..probe import readings

    fit = result.fit
    out.print(
        f"\n[bold]{fit.axis.exponent} = {number(fit.alpha)}[/bold]  "
        f"95 % interval {fit.interval}",
        markup=True,
    )
    out.print(
        f"  test loss of {len(result.curve)} networks, D = {fit.losses.x[0]:.0f} to "
        f"{fit.losses.x[-1]:.0f}"
    )
    out.print(f"  floor {fit.floor_in_words}")
    other = result.alternative
    if other is not None:
        out.print(
            f"  with the floor {other.floor_rule}: {number(other.alpha)} {other.interval}"
        )
    for note in fit.caveats:
        out.print(f"  ! {note}", style="yellow")
    out.print()
    show_sites(readings(result.dimensions), "Dimension of each layer")
    out.print()
    rows = [[p.law, p.kind, number(p.alpha), str(p.interval)] for p in result.predictions]
    show_table(
        f"Exponents implied by {result.headline_site}",
        {"law": "left", "kind": "left", "alpha": "right", "interval": "left"},
        rows,
    )
    if result.headline is not None:
        out.print(
            f"\n[bold]r = alpha_D d / 4 = {number(result.headline.ratio)}[/bold]  "
            f"95 % interval {result.headline.interval}  ({result.headline_site})",
            markup=True,
        )
        scaled = result.at_scale.get(result.headline_site)
        if scaled is not None:
            out.print(
                f"  at the scale of the sweep {number(scaled.ratio)} {scaled.interval}: d "
                f"resolved by its dataset sizes, {number(scaled.prediction.dim)} "
                f"{scaled.prediction.dim_interval}"
            )
        for note in result.own_caveats:
            out.print(f"  ! {note}", style="yellow")
    out.print(f"\nPage: {place / 'report.html'}")
