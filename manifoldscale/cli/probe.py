"""`manifoldscale probe MODEL DATA`: dimension and curvature of each layer of a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import require
from .console import ParamType, out, progress_of_stages, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.measurement import Measurement, SiteMeasurements
    from ..runs.probe import ProbeResult


# The columns after the dimension, of what is known at some site.
FURTHER = {
    "kappa_extent": "curvature x R",
    "turning": "turning",
    "stretch": "stretch",
}
# Those of a table of their own, so that lines of eighty columns hold both.
PROFILE = {
    "imbalance_from_previous": "imbalance from previous",
    "imbalance_to_previous": "to previous",
    "entropy": "entropy, nats",
}
PATHS = ("turning", "stretch")  # shown where a curvature is not known everywhere


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
    multiple=True,
    default=("*",),
    show_default=True,
    help="Name, glob, re:expression, @penultimate, @logits or @blocks; !glob leaves some "
    "out. Repeatable.",
)
@click.option(
    "--policy",
    "points",
    default="auto",
    show_default=True,
    help="What a point is: flatten, mean, cls, last, token:-2, word:FILE, tokens:8, "
    "patches:8, flatten+project:1024; CHW:mean tells what the axes are. Several with "
    "commas between them, last,mean, are read in one pass. Tokens that a tokenizer adds "
    "are none, but as last+special.",
)
@click.option(
    "--points",
    "n_points",
    type=click.IntRange(4),
    default=10_000,
    show_default=True,
    help="Examples at most, drawn at random where there are more.",
)
@click.option(
    "--curvature/--no-curvature",
    default=True,
    show_default=True,
    help="Fit the curvature too, up to ten dimensions.",
)
@click.option(
    "--curves/--no-curves",
    default=None,
    help="Follow straight paths between neighbouring examples through the sites: how they "
    "turn and stretch, which is known where a curvature is not.  [default: as curvature]",
)
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False),
    help="Weights of MODEL; FILE::key chooses one of several sets.",
)
@click.option(
    "--along-training",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Checkpoint of MODEL to put beside the others; repeatable, in order; or "
    "'epoch_*.pt', in the order of the numbers.",
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
@click.option(
    "--shuffle",
    multiple=True,
    type=click.Choice(["words", "sentences"]),
    help="Compare with MODEL on a text whose words are in random order within each "
    "sentence, or are exchanged between sentences. Repeatable.",
)
@click.option(
    "--profile",
    is_flag=True,
    help="Beside the dimension, how much each site and the one before tell of each other "
    "(information imbalance), and the entropy of what the network's head would predict.",
)
@click.option("--batch-size", type=click.IntRange(1), default=256, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
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

    text:FILE@TOKENIZER is a text in UTF-8, one example per line, and the folder or name of
    a transformer, which turns lines into tokens: hf:FOLDER text:lines.txt@FOLDER. Padding
    is never a point; tokens that the tokenizer adds, as [CLS] and [SEP], are not the last
    token. word:FILE takes a word per line: the one of that line of the text whose tokens
    are the point.

    MODEL is in eval mode: batch normalisation uses its running statistics, dropout is off.
    """
    from ..runs.probe import Probe, run_probe

    if csv_path is not None and not Path(csv_path).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist", param_hint="--csv")
    asked = Probe(**options)
    if asked.shard is not None and asked.out is None:
        raise click.BadParameter("needs --out, where the parts meet", param_hint="--shard")
    with progress_of_stages(talk=not as_json) as advance:
        found = run_probe(asked, advance)
    if found is None:
        index, count = options["shard"]
        click.echo(f"part {index} of {count} is in {asked.out}", err=True)
        return
    if asked.out is not None:
        found.save(asked.out)
    if csv_path is not None:
        found.to_csv(csv_path)
    if as_json:
        shown = {n.name: {s.site: s.row() for s in n.sites} for n in found.networks}
        show_json(shown if len(shown) > 1 else next(iter(shown.values())))
    else:
        _show(found, asked.out)
    _require_an_estimate(found)


def _show(found: "ProbeResult", place: Path | None) -> None:
    about = found.about
    out.print(f"  read: {about['read']}", markup=False)
    for one in found.networks:
        title = f"{about['model']} on {about['data']}"
        several = len(found.networks) > 1
        show_sites(one.sites, f"{title}: {one.name}" if several else title)
        out.print(f"  {about['networks'][one.name]}", markup=False)
    for name in ("curves", "profile"):
        if name in about:
            out.print(f"  {about[name]}", markup=False)
    for one in found.differences():
        title = f"{one.name} (errors taken as independent: conservative)"
        show_sites(one.sites, title)
    if found.beside:
        from ..runs.beside import SHOWN, cells

        right = dict.fromkeys(SHOWN.values(), "right")
        columns = {"site": "left", "beside": "left", **right}
        for main in found.in_question:
            rows = [row for row in found.beside if row["network"] == main.name]
            show_table(f"{main.name} beside", columns, list(map(cells, rows)))
    if place is not None:
        out.print(f"  {place / 'report.html'}; results.json, tables and figures")


def _require_an_estimate(found: "ProbeResult") -> None:
    """After the table, whose notes say why: a script must not go on with nothing."""
    require(
        any(one.known("dimension") for one in found.networks),
        "no site has an estimate; the notes above say why.",
    )


def show_sites(sites: "Sequence[SiteMeasurements]", title: str) -> None:
    """A row per site, and below the table every caveat once; what is known at no site has
    no column.
    """
    from ..core.measurement import BESIDE, kinds_beside

    points = {one["dimension"].more.get("point") for one in sites} - {None, "", "flatten"}
    beside = kinds_beside(one["dimension"] for one in sites)
    further = _further(sites)
    columns = {
        "site": "left",
        "features": "right",
        **({"a point is": "left"} if points else {}),
        "n": "right",
        "d": "right",
        "95 % interval": "left",
        **{BESIDE[name]: "left" for name in beside},
        **{heading: "left" for _, heading in further},
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
                *(_if_known(one, name) for name, _ in further),
                " ".join(marks),
            ]
        )
    show_table(title, columns, rows)
    profile = [name for name in PROFILE if any(_if_known(one, name) for one in sites)]
    if profile:
        headings = {"site": "left", **{PROFILE[name]: "left" for name in profile}}
        cells = [[one.site, *(_if_known(one, name) for name in profile)] for one in sites]
        show_table(f"{title}: profile", headings, cells)
    for text, mark in notes.items():
        out.print(f"  ({mark}) {text}", style="yellow")


def _if_known(one: "SiteMeasurements", name: str) -> str:
    is_known = name in one and one[name].is_known
    return " ".join(_estimate(one[name])) if is_known else ""


def _further(sites: "Sequence[SiteMeasurements]") -> list[tuple[str, str]]:
    """The curvature; and how paths turn and stretch, where it is not known everywhere."""
    known = {
        name: [name in one and one[name].is_known for one in sites] for name in FURTHER
    }
    bent = all(known["kappa_extent"])
    return [
        (name, heading)
        for name, heading in FURTHER.items()
        if any(known[name]) and not (name in PATHS and bent)
    ]


def _estimate(found: "Measurement") -> list[str]:
    return list(found.printed)


def _beside(found: "Measurement", name: str) -> str:
    other = found.beside(name)
    return "n/a" if other is None else " ".join(_estimate(other))
