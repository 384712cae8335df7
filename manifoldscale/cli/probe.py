"""`manifoldscale probe MODEL DATA`."""

from pathlib import Path
from typing import Any

import click

from .console import out, progress_bar, show_json, show_table


@click.command()
@click.argument("model")
@click.argument("data")
@click.option(
    "--sites",
    "patterns",
    multiple=True,
    default=("*",),
    show_default=True,
    help="Name or glob of sites; !glob leaves some out. Repeatable.",
)
@click.option(
    "--points",
    type=click.IntRange(4),
    default=10_000,
    show_default=True,
    help="Most examples, drawn at random where there are more.",
)
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, writable=True),
    help="Also write the table here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def probe(
    model: str,
    data: str,
    patterns: tuple[str, ...],
    points: int,
    batch_size: int,
    seed: int,
    csv_path: str | None,
    as_json: bool,
) -> None:
    """The intrinsic dimension of each layer of MODEL on DATA.

    MODEL is a checkpoint that `study` wrote, or py:module:factory. DATA is a name from
    `manifoldscale datasets`, an .npy or .npz file, or py:module:loader.
    """
    from ..data import load_examples
    from ..dimension import Auto
    from ..networks.extract import extract
    from ..networks.models import load_model
    from ..probe import probe_clouds

    if csv_path is not None and not Path(csv_path).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist", param_hint="--csv")
    network, examples = load_model(model), load_examples(data)
    examples = examples.sample(points, seed)
    clouds = extract(network, examples, patterns, batch_size=batch_size)
    with progress_bar() as progress:
        bar = progress.add_task("probe", total=len(clouds))
        table = probe_clouds(
            clouds, Auto(), rng=seed, progress=lambda _: progress.advance(bar)
        )
    if csv_path is not None:
        table.to_csv(csv_path)
    if as_json:
        show_json({str(row["site"]): row for row in table.rows()})
        return
    show_dimensions(table, f"Dimension of {model} on {data}")


def show_dimensions(table: Any, title: str) -> None:
    """A row a site, and the caveats once each below."""
    from ..core.interval import number
    from ..probe import dimensions

    columns = {
        "site": "left",
        "features": "right",
        "n": "right",
        "d": "right",
        "95 % interval": "left",
        "raw": "right",
        "note": "left",
    }
    notes: dict[str, str] = {}
    rows = []
    for label, (site, dim) in zip(table.labels, dimensions(table), strict=True):
        marks = [notes.setdefault(str(note), f"{len(notes) + 1}") for note in dim.caveats]
        known = dim.value == dim.value
        rows.append(
            [
                site,
                f"{label['features']:,}" if label["features"] else "",
                f"{dim.n_points:,}",
                number(dim.value),
                str(dim.interval) if known else "",
                number(dim.raw),
                " ".join(marks),
            ]
        )
    show_table(title, columns, rows)
    for text, mark in notes.items():
        out.print(f"  ({mark}) {text}", style="yellow")
