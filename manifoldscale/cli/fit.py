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
from .console import out, show_json, show_table

if TYPE_CHECKING:
    from ..report.lines import Panel
    from ..scaling.joint import JointLaw
    from ..scaling.models import ModelComparison
    from ..scaling.power_law import PowerLaw, Reference
    from ..scaling.regime import RegimeVerdict
    from ..scaling.slices import Slice


SCHEMA = 1  # of results.json, as `report` reads it


@dc.dataclass(frozen=True)
class Fits:
    """All that is said of a table: a fit and a comparison for each slice, by its label."""

    slices: dict[str, tuple["PowerLaw", "ModelComparison | None"]]
    regime: "RegimeVerdict"
    joint: "JointLaw | None"
    table: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "fit",
            "schema": SCHEMA,
            "about": {"table": self.table, "version": __version__},
            "fits": [
                {
                    "slice": label,
                    "fit": fit,
                    "curve": None if models is None else models.verdict,
                }
                for label, (fit, models) in self.slices.items()
            ],
            "regime": self.regime.to_dict(),
            "joint": None if self.joint is None else _joint(self.joint),
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
@click.option("--axis", type=click.Choice(["data", "parameters", "width"]))
@click.option("--floor", default="free", show_default=True, metavar="free|zero|NUMBER")
@click.option(
    "--reference",
    metavar="SIZE,LOSS,STDERR",
    help="A measured limit, in place of --floor; SIZE may be inf.",
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
    folder: str | None,
    as_json: bool,
) -> None:
    """Exponents and regimes of losses measured anywhere.

    TABLE is a .csv, .tsv or .parquet file, one row a run: a column `loss`, at least one of
    `dataset_size`, `parameters`, `width`, and `seed`, `train_loss`, `loss_stderr` where
    they are known. Runs at several values of the other resource are fitted one by one, and
    together where there are three or more.
    """
    curve = LearningCurve.from_frame(table)
    along = _axis(curve, axis)
    limit = _reference(reference)
    known = _floor(floor)
    require(
        limit is None or floor == "free", "Give --floor or --reference; not both of them."
    )
    if known != "free":
        curve = dc.replace(curve, floor=0.0 if known == "zero" else float(known))
    fits = _fit(curve, along, known, limit, Path(table).name)
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
    from ..scaling.joint import fit_joint
    from ..scaling.models import FEWEST, compare_models
    from ..scaling.power_law import fit_power_law
    from ..scaling.regime import classify_regime
    from ..scaling.slices import slices_of

    slices = {}
    parts = slices_of(curve, axis)
    for part in parts:
        n = len(part.losses.x)
        if n >= 4:
            fitted = fit_power_law(
                part.curve, axis=axis, floor=floor if limit is None else limit
            )
            models = compare_models(part.curve, axis=axis) if n >= FEWEST else None
            slices[part.label] = fitted, models
    require(bool(slices), _too_few(parts, axis))
    joint = None
    if axis is not Axis.width:
        try:
            joint = fit_joint(curve, floor=floor)
        except ManifoldScaleError:
            joint = None  # not a grid of two resources
    return Fits(slices, classify_regime(curve, axis, limit), joint, table)


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
    for note in _notes(fits):
        out.print(f"  ! {note}", style="yellow")
    if fits.joint is not None:
        out.print(f"\nTogether: {fits.joint.headline()}")
        for note in fits.joint.caveats:
            out.print(f"  ! {note}", style="yellow")
        out.print(f"As a sum of two powers: {fits.joint.rival.headline()}")
    regime = fits.regime
    out.print(f"\n[bold]Regime: {regime.verdict}[/bold]")
    for item in regime.evidence:
        out.print(f"  - {item}")
    for runs in regime.settle:
        out.print(f"  would settle it: {runs}")
    said = {note.caveat for note in _notes(fits)}
    for note in regime.caveats:
        if note.caveat not in said:  # the fits above are mostly the same
            out.print(f"  ! {note}", style="yellow")


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
        spread = fitted.losses.spread if fitted.losses.spread > 0 else 0.0
        error = y * spread / np.sqrt(fitted.losses.runs)
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
