"""`manifoldscale predict`: exponents that a dimension implies; their relation over many
data sets.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core.errors import require
from ..core.interval import Interval, number, with_interval
from ..core.result import Quantity
from ..core.style import save_plot
from ..scaling.laws import HEADLINE, LAWS
from .console import out, refuse_options, show_columns, show_json, show_table

if TYPE_CHECKING:
    from ..scaling.exponent import ExponentPrediction
    from ..scaling.exponent_vs_dimension import RelationTest
    from ..scaling.relation_table import Pairs

# c of the relations c / d, of the laws that need nothing else.
CONSTANTS = {name: law.constant for name, law in LAWS.items() if law.constant is not None}


@click.command()
@click.option("--dimension", type=click.FloatRange(0, min_open=True), metavar="D")
@click.option("--stderr", type=click.FloatRange(0), default=0.0, help="Of the dimension.")
@click.option(
    "--law", type=click.Choice([*LAWS]), help=f"By default all; {HEADLINE} of --table."
)
@click.option("--loss", default="mse", show_default=True, help="mse, cross_entropy, abs^p.")
@click.option(
    "--label-noise", type=click.FloatRange(0), default=0.0, help="Its standard deviation."
)
@click.option("--smoothness", type=float, help="s of 2s/d, nu of 2nu/d.")
@click.option(
    "--table",
    "path",
    help="Test the relation on a table of (dimension, alpha), one row a data set.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, writable=True),
    help="Draw 4 / alpha against d there: .png, .pdf or .svg. Needs --table.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(
    dimension: float | None,
    stderr: float,
    law: str | None,
    loss: str,
    label_noise: float,
    smoothness: float | None,
    path: str | None,
    figure: str | None,
    as_json: bool,
) -> None:
    """Exponents that a dimension implies; their relation over many data sets.

    With --dimension: the resolution-limited exponents, and what equality rests on. With
    --table: is alpha = 4/d, or another --law? The columns are `dimension`, `alpha`, their
    errors `dimension_stderr`, `alpha_stderr` or the ends of their intervals,
    `dimension_low`, `dimension_high`, `alpha_low`, `alpha_high`, and, if there are any,
    `group` (what should not matter, such as the architecture) and `dataset` (where rows
    share one). Usual other names are read; what was read, and what was not, is printed.
    """
    if (dimension is None) == (path is None):
        raise click.UsageError("Give one of --dimension and --table.")
    if path is not None:
        from ..scaling.relation_table import read_pairs

        refuse_options(["stderr", "loss", "label_noise", "smoothness"], "needs --dimension")
        if law is not None and law not in CONSTANTS:
            raise click.UsageError(f"--table tests {', '.join(CONSTANTS)}; not {law}.")
        pairs = read_pairs(path)
        found = _relation(pairs, CONSTANTS[law or HEADLINE])
        if figure is not None:
            save_plot(found, figure)
        _show_relation(found, pairs, figure, as_json)
        return
    if figure is not None:
        raise click.UsageError("--figure needs --table.")
    assert dimension is not None
    predictions = _predictions(dimension, stderr, law, loss, label_noise, smoothness)
    if as_json:
        show_json([prediction.row() for prediction in predictions])
    else:
        _show_predictions(predictions)


def _predictions(
    dimension: float,
    stderr: float,
    law: str | None,
    loss: str,
    label_noise: float,
    smoothness: float | None,
) -> "tuple[ExponentPrediction, ...]":
    from ..scaling.exponent import ladder, predict_exponent

    dim: Quantity | float = dimension
    if stderr > 0:
        low = dimension - 1.96 * stderr
        require(low > 0, "--stderr is so large that the dimension may be zero.")
        interval = Interval(low, dimension + 1.96 * stderr)
        dim = Quantity(dimension, interval, "given", 1)
    if law is None:
        require(smoothness is None, "--smoothness needs --law 2s/d or --law 2nu/d.")
        return ladder(dim, loss, label_noise)
    return (predict_exponent(dim, law, loss, label_noise, smoothness=smoothness),)


def _show_predictions(predictions: "tuple[ExponentPrediction, ...]") -> None:
    rows = [
        [p.law, p.kind, number(p.alpha), str(p.interval) if p.interval.width > 0 else ""]
        for p in predictions
    ]
    first = predictions[0]
    out.print(f"Exponents implied by d = {with_interval(first.dim, first.dim_interval)}")
    columns = {"law": "left", "kind": "left", "alpha": "right", "95 % interval": "left"}
    show_table("", columns, rows)
    for prediction in predictions:
        out.print(f"{prediction.law}: {prediction.statement} ({prediction.source})")
    conditions = dict.fromkeys(name for one in predictions for name in one.unmet)
    if conditions:
        # "4/d with label noise" is 4/d here: all of them are.
        names = {one: one.law.partition(" ")[0] for one in predictions}
        rows = [
            [said, ", ".join(name for one, name in names.items() if said in one.unmet)]
            for said in conditions
        ]
        out.print()
        show_table(
            "", {"needs, not declared": "left", "laws that rest on it": "left"}, rows
        )


def _relation(pairs: "Pairs", constant: float) -> "RelationTest":
    from ..scaling.exponent_vs_dimension import relation

    return relation(pairs.dimension, pairs.alpha, pairs.groups, pairs.datasets, constant)


def _show_relation(
    found: "RelationTest", pairs: "Pairs", figure: str | None, as_json: bool
) -> None:
    if as_json:
        show_json(
            found.row()
            | {
                "p_bound": found.p_bound,
                "groups": found.group_ratios,
                "caveats": [str(note) for note in found.caveats],
                "columns": pairs.columns,
            }
        )
        return
    law = f"{found.constant:g}/d"
    rows = [
        [
            f"r = alpha d / {found.constant:g}, mean",
            number(found.ratio),
            str(found.ratio_interval),
            f"r = 1: {number(found.p_ratio, 2)}",
        ],
        [
            "power of d",
            number(found.gamma),
            str(found.gamma_interval),
            f"power 1: {number(found.p_gamma, 2)}",
        ],
        ["scatter between data sets", number(found.tau), str(found.tau_interval), ""],
        *([f"r of {name}", number(r), "", ""] for name, r in found.group_ratios.items()),
    ]
    show_columns(pairs.columns)
    rows_alone = f"{len(found.dims)} rows"  # of what data sets is not said
    over = rows_alone if pairs.datasets is None else found.entries_in_words
    out.print(f"Relation over {over}")
    columns = {"": "left", "value": "right", "95 % interval": "left", "p of": "left"}
    show_table("", columns, rows)
    out.print(
        f"\nalpha = {law} at every data set, r = 1 and power 1 together: "
        f"p = {number(found.p_equality, 2)}"
    )
    rows_below = ", ".join(f"row {i + 1}" for i in found.below)
    listed = f": {rows_below}" if rows_below else ""
    out.print(f"alpha >= {law}, at 5 %, by Holm: {found.below_in_words}{listed}")
    if found.p_universal == found.p_universal:
        out.print(f"the same in all groups: p = {number(found.p_universal, 2)}")
    for note in found.caveats:
        out.print(f"  ! {note}", style="yellow")
    if figure is not None:
        out.print(f"figure: {Path(figure)}")
