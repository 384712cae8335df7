"""`manifoldscale probe MODEL DATA`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import require
from .console import ParamType, out, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.reading import Reading, SiteReadings
    from .probing import Found


class ShardType(ParamType[tuple[int, int]]):
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
    "flatten+project:1024; CHW:mean tells what the axes are.",
)
@click.option(
    "--points",
    type=click.IntRange(4),
    default=10_000,
    show_default=True,
    help="Most examples, drawn at random where there are more.",
)
@click.option(
    "--curvature/--no-curvature",
    default=True,
    show_default=True,
    help="Fit the curvature too, up to ten dimensions.",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False),
    help="Weights of MODEL; FILE::key chooses one of several sets.",
)
@click.option(
    "--along-training",
    "checkpoints",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Checkpoint of MODEL to put beside the others. Repeatable, in order.",
)
@click.option(
    "--at-init", is_flag=True, help="Compare with MODEL at initialisation, site by site."
)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Compare with this checkpoint of MODEL, site by site. Repeatable.",
)
@click.option(
    "--shuffled-labels",
    is_flag=True,
    help="Compare with the network trained alike on shuffled labels; MODEL is a "
    "checkpoint in the folder of its study.",
)
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    help="Keep everything here: representations, estimates as they come, results.json, "
    "tables, figures and a page; again: resumes.",
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
def probe(csv_path: str | None, as_json: bool, **options: Any) -> None:
    """Dimension and curvature of each layer of MODEL on DATA.

    MODEL is a checkpoint that `study` wrote, py:module:factory, timm:NAME, hf:FOLDER or
    script:FILE. DATA is a name from `manifoldscale datasets`, an .npy or .npz file, a
    folder of images, text:FILE@TOKENIZER, or py:module:loader.
    """
    from ..core.result import write_csv
    from .probing import Request, run_probe, save_probe

    if csv_path is not None and not Path(csv_path).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist", param_hint="--csv")
    shard, folder = options["shard"], options["folder"]
    if shard is not None and folder is None:
        raise click.BadParameter("needs --out, where the parts meet", param_hint="--shard")
    request = Request(**options)
    found = run_probe(request, talk=not as_json)
    if shard is not None:
        click.echo(f"part {shard[0]} of {shard[1]} is in {folder}", err=True)
        return
    if request.place is not None:
        save_probe(found, request.place)
    if csv_path is not None:
        write_csv(Path(csv_path), found.rows())
    if as_json:
        shown = found.by_network()
        show_json(shown if len(shown) > 1 else next(iter(shown.values())))
        _require_an_estimate(found)
        return
    out.print(f"  read: {found.about['read']}", markup=False)
    for name, sites in found.networks.items():
        title = f"{request.model} on {request.data}"
        show_sites(sites, title if len(found.networks) == 1 else f"{title}: {name}")
        out.print(f"  {found.about['networks'][name]}", markup=False)
    for name, sites in found.differences().items():
        show_sites(sites, f"{name} (errors taken as independent: conservative)")
    if request.place is not None:
        out.print(f"  {request.place / 'report.html'}; results.json, tables and figures")
    _require_an_estimate(found)


def _require_an_estimate(found: "Found") -> None:
    """After the table, whose notes say why: a script must not go on with nothing."""
    require(
        any(
            one["dimension"].is_known for sites in found.networks.values() for one in sites
        ),
        "no site has an estimate; the notes above say why.",
    )


def show_sites(sites: "Sequence[SiteReadings]", title: str) -> None:
    """A row a site, and the caveats once each below."""
    from ..core.reading import BESIDE, kinds_beside

    points = {one["dimension"].more.get("point") for one in sites} - {None, "", "flatten"}
    beside = kinds_beside(one["dimension"] for one in sites)
    has_curvature = any("kappa_extent" in one for one in sites)
    columns = {
        "site": "left",
        "features": "right",
        **({"a point is": "left"} if points else {}),
        "n": "right",
        "d": "right",
        "95 % interval": "left",
        **{BESIDE[name]: "left" for name in beside},
        **({"curvature x R": "left"} if has_curvature else {}),
        "note": "left",
    }
    notes: dict[str, str] = {}
    rows = []
    for one in sites:
        dim = one["dimension"]
        marks = [notes.setdefault(note, f"{len(notes) + 1}") for note in one.caveats]
        rows.append(
            [
                one.site,
                f"{one.features:,}" if one.features else "",
                *([dim.more.get("point", "")] if points else []),
                f"{dim.n_points:,}",
                *_estimate(dim),
                *(_beside(dim, name) for name in beside),
                *([" ".join(_estimate(one["kappa_extent"]))] if has_curvature else []),
                " ".join(marks),
            ]
        )
    show_table(title, columns, rows)
    for text, mark in notes.items():
        out.print(f"  ({mark}) {text}", style="yellow")


def _estimate(reading: "Reading") -> list[str]:
    from ..core.interval import number

    shown = str(reading.interval) if reading.is_known else ""
    return [number(reading.value), shown]


def _beside(reading: "Reading", name: str) -> str:
    found = reading.beside(name)
    return "n/a" if found is None else " ".join(_estimate(found))
