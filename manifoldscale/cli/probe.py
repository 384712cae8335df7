"""`manifoldscale probe MODEL DATA`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .console import err, out, progress_bar, show_json, show_table


class ShardType(click.ParamType[tuple[int, int]]):
    """i/n: the i-th of n parts, counted from 0."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        index, _, count = str(value).partition("/")
        if not (index.isdigit() and count.isdigit() and int(index) < int(count)):
            self.fail(
                f"{value!r} is not of the form i/n with i < n, as in 0/4.", param, ctx
            )
        return int(index), int(count)


@click.command()
@click.argument("model")
@click.argument("data")
@click.option(
    "--sites",
    "patterns",
    multiple=True,
    default=("*",),
    show_default=True,
    help="Name, glob, re:expression, @penultimate, @logits or @blocks; !glob leaves some "
    "out. Repeatable.",
)
@click.option(
    "--policy",
    default="auto",
    show_default=True,
    help="What a point is: flatten, mean, cls, last, tokens:8, patches:8, "
    "flatten+project:1024.",
)
@click.option(
    "--points",
    type=click.IntRange(4),
    default=10_000,
    show_default=True,
    help="Most examples, drawn at random where there are more.",
)
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="Weights of MODEL.")
@click.option(
    "--along-training",
    "checkpoints",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Checkpoint of MODEL to put beside the others. Repeatable, in order.",
)
@click.option("--at-init", is_flag=True, help="Also probe MODEL at initialisation.")
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    help="Keep representations, results.json, tables and figures here; again: resumes.",
)
@click.option(
    "--shard",
    type=ShardType(),
    help="Only extract this part, into --out; a call without it completes and probes.",
)
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
    policy: str,
    points: int,
    checkpoint: str | None,
    checkpoints: tuple[str, ...],
    at_init: bool,
    batch_size: int,
    seed: int,
    folder: str | None,
    shard: tuple[int, int] | None,
    csv_path: str | None,
    as_json: bool,
) -> None:
    """The intrinsic dimension of each layer of MODEL on DATA.

    MODEL is a checkpoint that `study` wrote, py:module:factory, timm:NAME, hf:FOLDER or
    script:FILE. DATA is a name from `manifoldscale datasets`, an .npy or .npz file, a
    folder of images, text:FILE@TOKENIZER, or py:module:loader.
    """
    from ..core.result import Table
    from ..data import load_examples

    if csv_path is not None and not Path(csv_path).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist", param_hint="--csv")
    if shard is not None and folder is None:
        raise click.BadParameter("needs --out, where the parts meet", param_hint="--shard")
    examples = load_examples(data).sample(points, seed)
    settings = {"points": policy, "batch_size": batch_size, "rng": seed, "shard": shard}
    place = None if folder is None else Path(folder)
    tables: dict[str, Table] = {}
    for name, network in _networks(model, checkpoint, checkpoints, at_init, seed):
        store = None if place is None else place / "representations" / name
        found = _probe_one(name, network, examples, patterns, settings, store, not as_json)
        if found is not None:
            tables[name] = found
    if shard is not None:
        click.echo(f"part {shard[0]} of {shard[1]} is in {folder}", err=True)
        return
    table = _together(tables)
    if place is not None:
        _save(tables, table, place, {"model": model, "data": data, **settings})
    if csv_path is not None:
        table.to_csv(csv_path)
    if as_json:
        rows = {name: {str(r["site"]): r for r in t.rows()} for name, t in tables.items()}
        show_json(rows if len(rows) > 1 else next(iter(rows.values())))
        return
    for name, one in tables.items():
        title = f"Dimension of {model} on {data}"
        show_dimensions(one, title if len(tables) == 1 else f"{title}: {name}")
    if place is not None:
        out.print(f"  {place / 'results.json'}, tables and figures beside it")


def _networks(
    model: str,
    checkpoint: str | None,
    checkpoints: tuple[str, ...],
    at_init: bool,
    seed: int,
) -> Iterator[tuple[str, Any]]:
    """The networks to probe by name, one in memory at a time."""
    from ..networks.initialise import at_initialisation
    from ..networks.models import load_model

    if at_init:
        yield "initialisation", at_initialisation(load_model(model, checkpoint), seed)
    for number, path in enumerate(checkpoints):
        yield f"{number:03d}-{Path(path).stem}", load_model(model, path)
    if not checkpoints:
        yield "trained", load_model(model, checkpoint)


def _probe_one(
    name: str,
    network: Any,
    examples: Any,
    patterns: tuple[str, ...],
    settings: Mapping[str, Any],
    store: Path | None,
    talk: bool,
) -> Any:
    """The table of one network, its lines printed as they come; None for a shard."""
    from ..dimension import Auto
    from ..networks.extract import extract
    from ..probe import probe_clouds

    with progress_bar() as progress:
        bar = progress.add_task("extract", total=len(examples))
        clouds = extract(
            network,
            examples,
            patterns,
            store=store,
            progress=lambda n: progress.advance(bar, n),
            **settings,
        )
        if settings["shard"] is not None:
            return None
        bar = progress.add_task("probe", total=len(clouds))

        def report(site: str, dim: Any) -> None:
            progress.advance(bar)
            if talk and err.is_terminal:
                progress.console.print(f"  {site}: {dim.value:.3g} {dim.interval}")

        return probe_clouds(clouds, Auto(), rng=settings["rng"], on_result=report)


def _together(tables: Mapping[str, Any]) -> Any:
    """One table; the network is a column where there are several."""
    from ..core.result import Table

    if len(tables) == 1:
        return next(iter(tables.values()))
    return Table(
        tuple(result for table in tables.values() for result in table),
        tuple(
            {"network": name, **label}
            for name, table in tables.items()
            for label in table.labels
        ),
    )


def _save(
    tables: Mapping[str, Any], table: Any, place: Path, about: Mapping[str, Any]
) -> None:
    from .. import __version__
    from ..core.serialize import dumps, write_text
    from ..report.profile import save_profile

    about = {**about, "version": __version__}
    rows = {"about": about, "dimensions": table.rows()}
    write_text(place / "results.json", dumps(rows))
    table.to_csv(place / "dimensions.csv")
    save_profile(tables, place / "figures")


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
