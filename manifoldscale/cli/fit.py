"""`manifoldscale fit TABLE`."""

import dataclasses as dc
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .. import __version__
from ..core.caveat import Caveat, Remark
from ..core.errors import ManifoldScaleError, require
from ..core.interval import number
from ..core.learning_curve import Axis, LearningCurve
from ..core.result import write_csv
from ..core.serialize import dumps, write_text
from ..core.trajectories import CHOICES
from .console import out, show_columns, show_json, show_table

if TYPE_CHECKING:
    from ..core.columns import Columns
    from ..report.lines import Panel
    from ..scaling.joint import JointLaw
    from ..scaling.models import ModelComparison
    from ..scaling.power_law import PowerLaw, Reference
    from ..scaling.regime import RegimeVerdict
    from ..scaling.slices import Slice


SCHEMA = 1  # of results.json, as `report` reads it


@dc.dataclass(frozen=True)
class Fits:
    """All that is said of a table.

    Attributes
    ----------
    slices : a fit and a comparison for each slice, by its label; left_out : why there is
        none of the others.
    joint : the law in both resources, or why there is none, "" where there is one only.
    columns : which columns of the table were read.
    ahead : sizes at which new runs are forecast.
    """

    slices: dict[str, tuple["PowerLaw", "ModelComparison | None"]]
    left_out: dict[str, str]
    regime: "RegimeVerdict"
    joint: "JointLaw | str"
    table: str
    columns: "Columns | None"
    ahead: tuple[float, ...] = ()

    def forecasts(self) -> list[dict[str, Any]]:
        """One row a slice and size: the loss of a new run there."""
        rows = []
        for label, (fit, _) in self.slices.items() if self.ahead else ():
            found = fit.forecast(self.ahead)
            ends = zip(self.ahead, found.median, found.low, found.high, strict=True)
            rows += [
                {"slice": label, "size": x, "median": m, "low": a, "high": b}
                for x, m, a, b in ends
            ]
        return rows

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "fit",
            "schema": SCHEMA,
            "about": {
                "table": self.table,
                "columns": str(self.columns or ""),
                "version": __version__,
            },
            "columns": self.columns,
            "fits": [
                {
                    "slice": label,
                    "fit": fit,
                    "curve": None if models is None else models.verdict,
                }
                for label, (fit, models) in self.slices.items()
            ],
            "left_out": [
                {"slice": label, "reason": reason}
                for label, reason in self.left_out.items()
            ],
            "regime": self.regime.to_dict(),
            "joint": None if isinstance(self.joint, str) else _joint(self.joint),
            "forecasts": self.forecasts(),
        }


def _joint(law: "JointLaw") -> dict[str, Any]:
    return {
        **law.row(),
        "headline": law.headline(),
        "sum": {**law.rival.row(), "headline": law.rival.headline()},
        "caveats": [str(note) for note in law.caveats],
    }


@click.command()
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
    help="Of a log, with many rows a network: the row that counts; trajectory, all of "
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
    help="Write results.json, fit.csv, fit.png, fit.pdf and a page there.",
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
    ahead: tuple[float, ...],
    folder: str | None,
    as_json: bool,
) -> None:
    """Exponents and regimes of losses measured anywhere.

    TABLE is a .csv, .tsv, .parquet, .json or .jsonl file, one row a run: a column `loss`,
    at least one of `dataset_size`, `parameters`, `width`, and `seed`, `train_loss`,
    `loss_stderr` where they are known. Usual other names are read; what was read, and what
    was not, is printed. Runs at several values of the other resource are fitted one by one,
    and together where there are three or more.
    """
    curve = LearningCurve.from_frame(
        table,
        row="trajectory" if row is None and axis == Axis.steps.name else row,
        where=_where(where),
        size_column=_size_columns(size_columns, axis),
        loss_column=loss_column,
    )
    along = _axis(curve, axis)
    limit = _reference(reference)
    known = _floor(floor)
    require(
        limit is None or floor == "free", "Give --floor or --reference; not both of them."
    )
    if known != "free":
        curve = dc.replace(curve, floor=0.0 if known == "zero" else float(known))
    fits = dc.replace(_fit(curve, along, known, limit, Path(table).name), ahead=ahead)
    if folder is not None:
        _save(fits, Path(folder))
    if as_json:
        show_json(fits)
        return
    _show(fits)
    if folder is not None:
        out.print(f"\nWritten to {folder}: results.json, report.html, fit.csv and figures")


def _axis(curve: LearningCurve, axis: str | None) -> Axis:
    """The axis that was asked for, else that with the most distinct sizes."""
    return curve.longest_axis() if axis is None else Axis.of(axis)


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


def _fit(
    curve: LearningCurve,
    axis: Axis,
    floor: str | float,
    limit: "Reference | None",
    table: str,
) -> Fits:
    from ..scaling.models import FEWEST, compare_models
    from ..scaling.power_law import fit_power_law
    from ..scaling.slices import slices_of

    slices: dict[str, tuple[PowerLaw, ModelComparison | None]] = {}
    parts = slices_of(curve, axis)
    left_out = dict(parts.left_out)
    for part in parts.made:
        n = len(part.losses.x)
        try:
            require(n >= 4, f"a fit needs four sizes; there are {n}")
            law = fit_power_law(
                part.curve, axis=axis, floor=floor if limit is None else limit
            )
            models = compare_models(part.curve, axis=axis) if n >= FEWEST else None
            slices[part.label] = law, models
        except ManifoldScaleError as error:
            left_out[part.label] = str(error)
    if not slices:
        few = max(len(part.losses.x) for part in parts.made) < 4
        raise ManifoldScaleError(
            _too_few(parts.made, axis) if few else next(iter(left_out.values()))
        )
    regime = _regime(curve, axis, limit)
    return Fits(slices, left_out, regime, _both(curve, axis, floor), table, curve.columns)


def _regime(curve: LearningCurve, axis: Axis, limit: "Reference | None") -> "RegimeVerdict":
    """What it is that could not be classified costs the verdict, and not the fits."""
    from ..scaling.evidence import Evidence
    from ..scaling.regime import RegimeVerdict, classify_regime

    try:
        return classify_regime(curve, axis, limit)
    except ManifoldScaleError as error:
        reason = Evidence("not classified", "", str(error))
        return RegimeVerdict("undetermined", axis, None, (reason,))


def _both(curve: LearningCurve, axis: Axis, floor: str | float) -> "JointLaw | str":
    """The law in both resources, or why there is none; "" where one alone was varied."""
    from ..scaling.joint import fit_joint

    varied = (len(np.unique(curve.column(a))) > 1 for a in (Axis.data, Axis.parameters))
    if axis not in (Axis.data, Axis.parameters) or not all(varied):
        return ""
    try:
        return fit_joint(curve, floor=floor)
    except ManifoldScaleError as error:
        return str(error)


def _too_few(parts: list["Slice"], axis: Axis) -> str:
    most, other = max(len(part.losses.x) for part in parts), parts[0].other
    if other is None:
        return f"A fit needs four sizes along {axis.value}; there are {most}."
    return (
        f"A fit needs four sizes along {axis.value} at one value of {other.value}; there "
        f"are at most {most}, and {len(parts)} values. Where the two were varied together "
        f"leave the column {other.value!r} out, and the exponent is that of both."
    )


def _show(fits: Fits) -> None:
    show_columns(fits.columns)
    exponent = fits.regime.axis.exponent
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
    for label, reason in fits.left_out.items():
        out.print(f"  not fitted: {label or 'all runs'}: {reason}", style="yellow")
    for note in _notes(fits):
        out.print(f"  ! {note}", style="yellow")
    _show_forecasts(fits)
    if isinstance(fits.joint, str):
        out.print(f"\nTogether: not fitted: {fits.joint}" if fits.joint else "", end="")
    else:
        out.print(f"\nTogether: {fits.joint.headline()}")
        for note in fits.joint.caveats:
            out.print(f"  ! {note}", style="yellow")
        out.print(f"As a sum of two powers: {fits.joint.rival.headline()}")
    regime = fits.regime
    out.print(f"\nRegime: {regime.verdict}", style="bold")
    for item in regime.evidence:
        out.print(f"  - {item}")
    for runs in regime.settle:
        out.print(f"  would settle it: {runs}")
    said = {note.caveat for note in _notes(fits)}
    for note in regime.caveats:
        if note.caveat not in said:  # the fits above are mostly the same
            out.print(f"  ! {note}", style="yellow")


def _show_forecasts(fits: Fits) -> None:
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


def _notes(fits: Fits) -> list[Remark]:
    """Every caveat once, with the facts of each slice."""
    facts: dict[Caveat, list[str]] = {}
    for label, (fitted, models) in fits.slices.items():
        for note in (*fitted.caveats, *(models.caveats if models is not None else ())):
            said = ": ".join(part for part in (label, note.detail) if part)
            facts.setdefault(note.caveat, []).append(said)
    return [
        caveat("; ".join(dict.fromkeys(filter(None, said))))
        for caveat, said in facts.items()
    ]


def _save(fits: Fits, folder: Path) -> None:
    from ..report.lines import save_panels
    from ..report.page import save_page

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.json", dumps(fits))
    save_page(fits, folder / "report.html")
    write_csv(
        folder / "fit.csv",
        [{"slice": label, **fit.row()} for label, (fit, _) in fits.slices.items()],
    )
    for ending in ("png", "pdf"):
        save_panels(_panels(fits), folder / f"fit.{ending}")


def _panels(fits: Fits) -> list["Panel"]:
    """The losses with their fits; and the exponents between neighbouring sizes."""
    from ..report.lines import Line, Panel

    losses, slopes = [], []
    for color, (label, (fitted, _)) in enumerate(fits.slices.items()):
        x, y = fitted.losses.x, fitted.losses.y
        error = y * fitted.scatter[0] / np.sqrt(fitted.losses.runs)
        grid = np.geomspace(x[0], x[-1], 200)
        losses.append(Line(label, x, y, "points", 1.96 * error, color))
        losses.append(Line("", grid, fitted.predict(grid), "line", None, color))
        at, local, local_error = fitted.local_exponents()
        slopes.append(Line("", at, local, "points", 1.96 * local_error, color))
        if math.isfinite(fitted.alpha):
            flat = np.full(2, fitted.alpha)
            slopes.append(Line("", x[[0, -1]], flat, "dashed", None, color))
    axis = fits.regime.axis
    local_label = f"local {axis.exponent} above the floor"
    return [
        Panel(axis.label, "test loss", losses, "xy"),
        Panel(axis.label, local_label, slopes, "x"),
    ]
