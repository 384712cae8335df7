"""`manifoldscale fit TABLE`: exponents and regimes of losses measured anywhere."""

from typing import TYPE_CHECKING

import click

from ..core.interval import number
from ..core.learning_curve import Axis
from ..core.trajectories import CHOICES
from .console import out, show_columns, show_json, show_table, show_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.caveat import Remark
    from ..runs.fit import FitResult
    from ..runs.resources import Resources
    from ..scaling.power_law import Reference

# What is read as what; all of it in any case, with _ - . / or spaces between the words.
COLUMNS = {
    "loss": "test_loss, val/loss, eval_loss, final_val_loss, test_mse, test_error",
    "dataset_size": "D, n_train, n_tokens, Training Tokens, Tokens (B), train_size",
    "parameters": "P, params, n_params, Model Size, non-embedding params",
    "width": "w, hidden_size, d_model",
    "steps": "step, global_step, iteration, epoch",
    "compute": "flops, Training FLOP, total_flos, PFLOP-days",
    "seed": "random_seed, replicate",
    "train_loss": "train/loss, training_loss",
    "loss_stderr": "loss_se, stderr",
    "unique_examples": "unique_tokens",
    "converged, failure": "whether training ended as it should (state, status)",
}


class FitCommand(click.Command):
    """Its help ends with the columns that a table may have."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Columns, and some of the other names they may have"):
            formatter.write_dl(list(COLUMNS.items()))
        formatter.write_paragraph()
        formatter.write_text(
            "N is read as parameters beside D, and refused alone. Other columns are not "
            "read; if losses at one size differ with one of them, the fit says so."
        )


@click.command(cls=FitCommand)
@click.argument("table")
@click.option("--axis", type=click.Choice(list(Axis.__members__)))
@click.option("--floor", default="free", show_default=True, metavar="free|zero|NUMBER")
@click.option(
    "--reference",
    metavar="SIZE,LOSS,STDERR",
    help="A measured limit, in place of --floor; SIZE may be inf.",
)
@click.option(
    "--row",
    type=click.Choice(CHOICES),
    help="Of a log, with many rows per network: the row that counts; trajectory, all of "
    "them, as L(t).  [default: last; with --axis steps, trajectory]",
)
@click.option(
    "--where",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Read the rows with this value only; may be given for several columns.",
)
@click.option(
    "--size-column",
    "size_columns",
    multiple=True,
    metavar="[AXIS=]NAME",
    help="The column of the size, as in data=N; may be given for several axes.",
)
@click.option("--loss-column", metavar="NAME", help="The column of the loss.")
@click.option(
    "--tuned",
    multiple=True,
    metavar="NAME",
    help="A column of which the best value at each size counts, such as the learning rate.",
)
@click.option(
    "--forecast",
    "ahead",
    multiple=True,
    type=click.FloatRange(min=0, min_open=True),
    metavar="SIZE",
    help="Also the loss of a new run at this size; may be given several times.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    help="Write results.json, a page, tables (.csv, .tex) and figures there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def fit(
    table: str,
    axis: str | None,
    floor: str,
    reference: str | None,
    row: str | None,
    where: tuple[str, ...],
    size_columns: tuple[str, ...],
    loss_column: str | None,
    tuned: tuple[str, ...],
    ahead: tuple[float, ...],
    folder: str | None,
    as_json: bool,
) -> None:
    """Exponents and regimes of losses measured anywhere.

    TABLE is a .csv, .tsv, .parquet, .json or .jsonl file, one row per run: a column `loss`,
    at least one of `dataset_size`, `parameters`, `width`, and `seed`, `train_loss`,
    `loss_stderr` where they are known. Usual other names are read; what was read, and what
    was not, is printed. Runs at several values of the other resource are fitted one by one,
    and together where there are three or more.
    """
    from ..runs.fit import fit as fit_losses

    found = fit_losses(
        table,
        axis=axis,
        floor=_floor(floor),
        reference=_reference(reference),
        forecast=ahead,
        out=folder,
        row=row,
        where=_where(where),
        size_column=_size_columns(size_columns, axis),
        loss_column=loss_column,
        tuned=tuned,
    )
    if as_json:
        show_json(found)
        return
    _show(found)
    if folder is not None:
        show_written(folder, found)


def _size_columns(given: tuple[str, ...], axis: str | None) -> dict[str, str] | str | None:
    """Columns by axis; one without an axis is that of --axis."""
    named = dict(
        text.split("=", 1) for text in given if text.partition("=")[0] in Axis.__members__
    )
    bare = [text for text in given if text.partition("=")[0] not in Axis.__members__]
    if not bare:
        return named or None
    if len(given) == 1:
        return {axis: bare[0]} if axis is not None else bare[0]
    raise click.BadParameter(
        f"of several columns each needs its axis, as in data={bare[0]}.",
        param_hint="--size-column",
    )


def _where(given: tuple[str, ...]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} is no COLUMN=VALUE.", param_hint="--where")
    return {column: value for column, _, value in (t.partition("=") for t in given)}


def _floor(text: str) -> str | float:
    if text in ("free", "zero"):
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is neither free, zero nor a number.", param_hint="--floor"
        ) from None


def _reference(text: str | None) -> "Reference | None":
    from ..scaling.power_law import Reference

    if text is None:
        return None
    try:
        size, loss, stderr = map(float, text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not three numbers, as in inf,0.12,0.003.",
            param_hint="--reference",
        ) from None
    return Reference(size, loss, stderr)


def _show(fits: "FitResult") -> None:
    from ..runs.fit import left_out_in_words

    show_columns(fits.columns)
    if fits.slices:
        _show_laws(fits)
    for line in left_out_in_words(fits.left_out):
        out.print(f"  not fitted: {line}", style="yellow")
    for note in fits.notes:
        out.print(f"  ! {note}", style="yellow")
    _show_forecasts(fits)
    _show_resources(fits)
    regime = fits.regime
    out.print(f"\nRegime: {regime.verdict}", style="bold")
    for item in regime.evidence:
        out.print(f"  - {item}")
    for runs in regime.settle:
        out.print(f"  would settle it: {runs}")
    for runs in regime.tell:
        out.print(f"  would tell more: {runs}")
    said = {note.caveat for note in fits.notes}
    for note in regime.caveats:
        if note.caveat not in said:  # the fits above are mostly the same
            out.print(f"  ! {note}", style="yellow")


def _show_laws(fits: "FitResult") -> None:
    exponent = fits.axis.exponent
    columns = {"runs at": "left", "sizes": "right", "n": "right"}
    columns |= {f"{exponent}, 95 %": "left", "floor, 95 %": "left", "curve": "left"}
    rule = next(iter(fits.slices.values()))[0].floor_rule
    rows = []
    for label, (fitted, models) in fits.slices.items():
        rows.append(
            [
                label or "all runs",
                str(len(fitted.losses.x)),
                str(fitted.n_points),
                f"{number(fitted.alpha)} {fitted.interval}",
                fitted.floor_in_words.removesuffix(f", {rule}"),
                "" if models is None else models.verdict,
            ]
        )
    show_table(f"Power laws, floor {rule}", columns, rows)


def _show_resources(fits: "FitResult") -> None:
    """The laws of both resources, and the best sizes at a compute. What was said above of
    the same table is not said again.
    """
    from ..runs.resources import beaten

    both, said_above = fits.resources, list(fits.notes)
    if isinstance(both, str):
        out.print(f"\nBoth resources: not fitted: {both}" if both else "", end="")
    else:
        symbol = both.law.grid.axis.symbol
        out.print(
            f"\nBoth resources, E + A {symbol}^-alpha_{symbol} + B D^-alpha_D", style="bold"
        )
        _show_law(both.law.headline(), both.law.caveats, said_above)
    if not isinstance(fits.joint, str):
        worse = "" if isinstance(both, str) else beaten(fits.joint)
        said = f"together, as one law with a peak: {fits.joint.headline()}"
        _show_law(worse or said, () if worse else fits.joint.caveats, said_above)
    if not isinstance(both, str) and both.frontier is not None:
        _show_frontier(both, said_above)


def _show_law(said: str, caveats: "Sequence[Remark]", said_above: "list[Remark]") -> None:
    out.print(f"  {said}")
    for note in caveats:
        same = (n.detail for n in said_above if n.caveat is note.caveat)
        if not any(note.detail in detail for detail in same):
            out.print(f"  ! {note}", style="yellow")
    said_above += caveats


def _show_frontier(both: "Resources", said_above: "list[Remark]") -> None:
    from ..runs.resources import best_cells, best_sizes

    assert both.frontier is not None
    out.print(f"\nCompute frontier ({both.costs})", style="bold")
    _show_law(both.frontier.headline(), both.frontier.caveats, said_above)
    columns = {"C": "right", "best P": "right", "95 %": "left", "best D": "right"}
    columns |= {"95 % ": "left", "D per P": "right", "loss": "right", " 95 %": "left"}
    show_table("", columns, [best_cells(row) for row in best_sizes(both)])


def _show_forecasts(fits: "FitResult") -> None:
    rows = [
        [
            row["slice"] or "all runs",
            f"{row['size']:g}",
            f"{number(row['median'])} [{number(row['low'])}, {number(row['high'])}]",
        ]
        for row in fits.forecasts()
    ]
    if rows:
        columns = {"runs at": "left", fits.regime.axis.value: "right"}
        show_table("Forecasts", columns | {"loss of a new run, 95 %": "left"}, rows)
