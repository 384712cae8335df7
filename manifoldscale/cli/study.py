"""`manifoldscale study [MODEL] [DATA]`: the whole chain: sweep, fit, probe, compare,
report.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core.interval import number
from .console import out, progress_bar, show_json, show_table
from .probe import show_sites

if TYPE_CHECKING:
    from ..runs.study import Study, StudyResult


EXAMPLE = """\
Your own network and data, with settings of a plan file:

    manifoldscale study py:mymodule:make_model images.npz --plan plan.toml

    [plan]                      # all that is not said is chosen to suit
    dataset_sizes = [100, 300, 1000, 3000]
    seeds = 3

    [training]
    steps = 2000
    optimiser = "adamw"
    weight_decay = 0.01
    loss = "cross_entropy"      # or "py:mymodule:my_loss"
    keep = "best"               # early stopping; "last" trains to the end
"""


@click.command(epilog="\b\n" + EXAMPLE.replace("\n\n", "\n\b\n"))
@click.argument("named", nargs=-1, metavar="[MODEL] [DATA]")
@click.option(
    "--plan",
    type=click.Path(exists=True, dir_okay=False),
    help="TOML file with [plan], [training], [task] or [study]; `sweep --help` lists the "
    "settings.",
)
@click.option(
    "--teacher",
    type=click.IntRange(1, 20),
    metavar="D",
    help="In place of DATA: a teacher network on inputs of known dimension D.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--quick", is_flag=True, help="Small sweep, in seconds: for a first look.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True)
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
    named: tuple[str, ...],
    plan: str | None,
    teacher: int | None,
    seed: int,
    quick: bool,
    workers: int,
    folder: str | None,
    as_json: bool,
) -> None:
    """The whole chain on DATA, by default mnist5k, with MODEL, by default a multilayer
    perceptron.

    Networks are trained at many dataset sizes; the exponent of their test loss is fitted;
    the dimension of every layer of another network is estimated; the exponent that the
    dimension implies is compared with the measured one.

    MODEL is mlp, cnn or py:module:factory, your function or class that takes (inputs,
    outputs, width), or nothing, and gives a torch module. DATA is a name from
    `manifoldscale datasets`, an .npz file with X and y, a .csv table with a column y
    (FILE::column for another one), a folder of images with a folder for each class, or
    py:module:loader. Whole numbers are classes, other numbers real targets.
    """
    from ..runs.study import run_study, study_of
    from .sweep import workers_of

    model, data = _model_and_data(named, teacher)
    asked = study_of(data, model, plan, teacher=teacher, seed=seed, quick=quick)
    place = Path(folder or f"study-{_name(model, data, teacher)}")
    if not as_json:
        _announce(asked, place)
    with workers_of(workers) as executor, progress_bar() as progress:
        bars = {
            "sweep": progress.add_task("sweep", total=len(asked.plan)),
            "probe": progress.add_task("probe", total=None),
            "theory": progress.add_task("theory", total=None, visible=False),
        }

        def advance(stage: str, done: int, total: int) -> None:
            progress.update(bars[stage], completed=done, total=total, visible=True)

        result = run_study(asked, place, advance, executor)
    result.save(place)
    if as_json:
        show_json(result)
        return
    _show(result, place)
    if model is not None and model.startswith("py:") and data:
        out.print(
            f"Its layers again: manifoldscale probe {model} {data} --checkpoint "
            f"{place / 'probe.safetensors'} --points {asked.n_points} --seed {seed}",
            markup=False,
        )


def _model_and_data(named: tuple[str, ...], teacher: int | None) -> tuple[str | None, str]:
    """One argument is DATA, two are MODEL and DATA; beside a teacher there is no DATA."""
    most = 2 if teacher is None else 1
    if len(named) > most:
        names = "MODEL and DATA" if teacher is None else "MODEL, as --teacher is the data"
        raise click.UsageError(f"There are {len(named)} arguments; at most {names}.")
    if teacher is not None:
        return (named[0] if named else None), ""
    if len(named) == 2:
        return named[0], named[1]
    return None, (named[0] if named else "mnist5k")


def _name(model: str | None, data: str, teacher: int | None) -> str:
    """What the results folder is called after."""
    what = Path(data).stem if teacher is None else f"teacher{teacher}"
    parts = [what if model is None else f"{model}-{what}"]
    return parts[0].replace("py:", "").replace(":", "-")


def _announce(asked: "Study", place: Path) -> None:
    """What is about to be done: it may take minutes."""
    plan = asked.plan
    task, sizes = plan.task, plan.dataset_sizes
    learned = f"{task.outputs} {'classes' if task.has_classes else 'real targets'}"
    shape = " x ".join(map(str, task.example_shape))
    out.print(
        f"{task.name}: examples of {shape}, {learned}\n"
        f"{plan.student}: {plan.shape(asked.width).parameters:,} parameters; {len(plan)} "
        f"networks at D = {', '.join(map(str, sizes))}; kept in {place}",
        markup=False,
    )


def _show(result: "StudyResult", place: Path) -> None:
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
    show_sites(result.network.sites, "Dimension of each layer")
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
        module, colon, kind = result.headline_site.partition(":")
        if colon and kind == "in":
            out.print(f"  {result.headline_site} is the input of the layer {module}")
        scaled = result.at_scale.get(result.headline_site)
        if scaled is not None:
            out.print(
                f"  at the scale of the sweep {number(scaled.ratio)} {scaled.interval}: d "
                f"resolved by its dataset sizes, {number(scaled.prediction.dim)} "
                f"{scaled.prediction.dim_interval}"
            )
        for note in result.own_caveats:
            out.print(f"  ! {note}", style="yellow")
    for line in result.infinite_width.headlines():
        out.print(f"\n{line[0].upper()}{line[1:]}.", markup=False)
    out.print(f"\nPage: {place / 'report.html'}")
