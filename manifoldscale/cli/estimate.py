"""`manifoldscale estimate DATA`: dimension, curvature, spectrum, topology of an array."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import require
from .console import ParamType, out, progress_of_stages, show_json, show_table, show_written

if TYPE_CHECKING:
    from ..runs.estimate import EstimateResult


class WindowType(ParamType[tuple[float, float]]):
    """start:stop, in seconds."""

    name = "start:stop"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float]:
        start, _, stop = str(value).partition(":")
        try:
            return float(start), float(stop)
        except ValueError:
            self.fail(f"{value!r} is not start:stop, as in 0.05:0.25.", param, ctx)


class OrderType(ParamType[Any]):
    """Words, or NAME=word of each name."""

    name = "words"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        parts = str(value).replace(",", " ").split()
        if "=" not in str(value):
            return " ".join(parts)
        pairs = [part.rpartition("=") for part in parts]
        if not all(name and word for name, _, word in pairs):
            self.fail(f"{value!r} is not NAME=axis, as in img=stimuli.", param, ctx)
        return {name: word for name, _, word in pairs}


@click.command()
@click.argument("data")
@click.option(
    "--order",
    type=OrderType(),
    help="The axes of an array in their order, of neurons, stimuli, trials, time, as "
    "'neurons stimuli trials'; or which name is which, as img=stimuli,rep=trials.",
)
@click.option(
    "--stimuli",
    metavar="NAME",
    help="Where the stimulus of each trial stands: a variable, column or coordinate of "
    "DATA, or an .npy file. The array is then trials x neurons. Of a table, the column; "
    "its rows are trials, in their order where no column numbers them.",
)
@click.option(
    "--window",
    type=WindowType(),
    metavar="START:STOP",
    help="Seconds after the start of a trial in which spikes are counted (.nwb).",
)
@click.option(
    "--labels",
    metavar="NAME",
    help="A class for each stimulus, for the capacity: a variable, column or coordinate of "
    "DATA, or an .npy file.",
)
@click.option(
    "--groups",
    metavar="NAME",
    help="Points of one group are no neighbours of each other; as --labels.",
)
@click.option(
    "--points",
    "n_points",
    type=click.IntRange(4),
    default=10_000,
    show_default=True,
    help="Points at most, drawn at random where there are more.",
)
@click.option(
    "--curvature/--no-curvature",
    default=True,
    show_default=True,
    help="Fit the curvature too, up to ten dimensions.",
)
@click.option(
    "--topology/--no-topology",
    default=True,
    show_default=True,
    help="Count components and loops too; takes longest.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write results.json, a page, tables (.csv, .tex) and figures there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate(as_json: bool, **options: Any) -> None:
    """Dimension, curvature, spectrum and topology of DATA, and the capacity of its classes.

    DATA is an array of points (.npy, .npz, .mat, .h5; FILE::NAME picks a variable), or a
    recording of neurons: an array with trials (--order), an .nwb file (--window,
    --stimuli), an .h5ad, .nc or .zarr file, or a table (.csv, .tsv, .parquet) in long form
    or with a row for each trial. Columns and dimensions are read by their names: stimulus,
    neuron, repeat and the like. A name from `manifoldscale datasets` works too.

    Trials of a stimulus are averaged, and what their noise does is part of the estimates.
    Missing trials are NaN, or not there. Without names and without --order, rows are
    points. What was taken for what stands above the numbers.
    """
    from ..runs.estimate import Estimate, run_estimate

    asked = Estimate(**options)
    with progress_of_stages(talk=not as_json) as advance:
        found = run_estimate(asked, advance)
    if asked.out is not None:
        found.save(asked.out)
    if as_json:
        read = {"data": found.about["data"], "read": found.about["read"]}
        show_json({**read, **{one.name: one for one in found.found.measurements}})
    else:
        _show(found)
        if asked.out is not None:
            show_written(asked.out, found)
    require(
        any(one.is_known for one in found.found.measurements),
        "nothing could be estimated; the notes above say why.",
    )


def _show(found: "EstimateResult") -> None:
    from ..report.networks import axis_label

    for line in found.about["read"]:
        out.print(f"  read: {line}", soft_wrap=True)
    columns = {"": "left", "value": "right", "95 % interval": "left"}
    columns |= {"n": "right", "method": "left", "note": "left"}
    notes: dict[str, str] = {}
    rows = []
    for one in found.found.measurements:
        marks = [notes.setdefault(note, f"{len(notes) + 1}") for note in one.caveats]
        method = one.method.partition("(")[0]
        cells = [axis_label(one.name), *one.printed, f"{one.n_points:,}", method]
        rows.append([*cells, " ".join(marks)])
    show_table(f"{found.about['data']}", columns, rows)
    for text, mark in notes.items():
        out.print(f"  ({mark}) {text}", style="yellow")
