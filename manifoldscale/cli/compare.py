"""`manifoldscale compare FIT PROBE`: measured exponents against those that the geometry
implies.
"""

from typing import TYPE_CHECKING

import click

from ..core.interval import number
from ..scaling.laws import HEADLINE, LAWS
from .console import out, show_json, show_table, show_written

if TYPE_CHECKING:
    from ..runs.compare import CompareResult

PLAIN = [name for name, law in LAWS.items() if law.smoothness is not None]


@click.command()
@click.argument("losses", metavar="FIT")
@click.argument("geometry", metavar="PROBE")
@click.option(
    "--site", help="Compare there first.  [default: the last before the read-out]"
)
@click.option("--law", type=click.Choice(PLAIN), default=HEADLINE, show_default=True)
@click.option(
    "--loss",
    default="mse",
    show_default=True,
    help="mse, cross_entropy or abs^p, where FIT does not say it.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    help="Write results.json, the table, figures and a page there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    losses: str,
    geometry: str,
    site: str | None,
    law: str,
    loss: str,
    folder: str | None,
    as_json: bool,
) -> None:
    """Measured exponents against those that the dimension at each layer implies.

    FIT is the folder of `fit`, `sweep` or `study`, or a table of losses; PROBE the folder
    of `probe` or `study`, or a dimension as a number. The ratio r of the exponent to the
    law is printed for every layer, with what follows from it.
    """
    from ..runs.compare import CompareResult, compare as compare_runs

    found = compare_runs(losses, geometry, law=law, site=site, loss=loss, out=folder)
    assert isinstance(found, CompareResult)
    if as_json:
        show_json(found)
        return
    _show(found)
    if folder is not None:
        show_written(folder, found)


def _show(found: "CompareResult") -> None:
    several = len(found.measured) > 1
    columns = {"runs at": "left"} if several else {}
    columns |= {"site": "left", "d": "right", "implied": "right", "measured": "right"}
    columns |= {"r": "right", "95 % interval": "left", "r, d resolved": "right"}
    columns |= {"r, other floor": "right", "verdict": "left"}
    rows = []
    for row in found.rows:
        one = row.comparison
        others = [x and number(x.ratio) for x in (row.at_scale, row.other_floor)]
        rows.append(
            [
                *([row.label or "all runs"] if several else []),
                row.site,
                number(one.prediction.dim),
                number(one.prediction.alpha),
                number(one.fit.alpha),
                number(one.ratio),
                str(one.interval),
                *(other or "" for other in others),
                one.verdict_words,
            ]
        )
    title = f"r = exponent over {found.asked.law}, by site of {found.asked.names[1]}"
    show_table(title, columns, rows)
    out.print()
    for line in found.headlines():
        out.print(line, style=None if line.startswith(" ") else "bold")
    notes = dict.fromkeys(
        str(note) for row in found.at(found.site) for note in row.comparison.caveats
    )
    for note in notes:
        out.print(f"  ! {note}", style="yellow")
