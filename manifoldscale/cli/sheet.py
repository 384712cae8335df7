"""What a command of tables and figures gives, and the options that all of them have."""

import dataclasses as dc
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.interval import number
from ..core.result import write_csv
from .console import ParamType, out, show_json, show_table

if TYPE_CHECKING:
    from ..report.parts import Line, LinesFigure


MOST_VALUES = 10_000  # of a range


@dc.dataclass(frozen=True)
class Sheet:
    """A table with what is to be said of it, and its figure.

    Attributes
    ----------
    title : what was computed, settings included.
    rows : one mapping a row, all with the same keys, which are the headings.
    notes : lines below the table.
    figures : drawn side by side.
    """

    title: str
    rows: Sequence[Mapping[str, Any]]
    figures: "Sequence[LinesFigure]"
    notes: Sequence[str] = ()


def panel(
    x_label: str, y_label: str, lines: "Sequence[Line]", log: str = ""
) -> "LinesFigure":
    """One of the figures of a sheet; the ordinate tells them apart."""
    from ..report.parts import LinesFigure

    return LinesFigure(y_label, "", "", x_label, y_label, lines, log)


def sheet_command(make: Callable[..., Sheet]) -> Callable[..., None]:
    """A command that prints the sheet that `make` returns and draws its figure."""

    @click.option(
        "--figure",
        type=click.Path(dir_okay=False, writable=True),
        help="Where to draw: .png, .pdf or .svg.  [default: theory-NAME.png]",
    )
    @click.option(
        "--csv",
        "csv_path",
        type=click.Path(dir_okay=False, writable=True),
        help="Also write the table here.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON; draw on request.")
    def command(
        figure: str | None, csv_path: str | None, as_json: bool, **settings: Any
    ) -> None:
        for path, option in ((figure, "--figure"), (csv_path, "--csv")):
            if path is not None and not Path(path).absolute().parent.is_dir():
                raise click.BadParameter("its folder does not exist", param_hint=option)
        sheet = make(**settings)
        if csv_path is not None:
            write_csv(Path(csv_path), sheet.rows)
        if as_json:
            show_json({"title": sheet.title, "rows": sheet.rows, "notes": sheet.notes})
        else:
            show_sheet(sheet)
            figure = figure or f"theory-{click.get_current_context().info_name}.png"
        if figure is not None:
            from ..report.static import save_sheet

            save_sheet(sheet.figures, figure)
            click.echo(f"figure: {figure}", err=as_json)

    # Not functools.wraps, which would pass on a signature that lacks the options above.
    command.__name__, command.__doc__ = make.__name__, make.__doc__
    if hasattr(make, "__click_params__"):
        command.__click_params__ += make.__click_params__  # type: ignore[attr-defined]
    return command


def show_sheet(sheet: Sheet) -> None:
    """The table and the notes on standard output."""
    headings = list(sheet.rows[0])
    columns = {
        name: "left" if isinstance(sheet.rows[0][name], str) else "right"
        for name in headings
    }
    cells = [[_cell(row[name]) for name in headings] for row in sheet.rows]
    out.print(sheet.title, style="bold")
    show_table("", columns, cells)
    for note in sheet.notes:
        out.print(f"  {note}")


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return f"{int(value):,}" if abs(value) < 1e9 else number(float(value))
    return number(float(value))


class Numbers(ParamType[tuple[float, ...]]):
    """Sizes: a list, as in 10,100,1000, or a logarithmic range with its number of values,
    as in 10..1000/3, rounded; `inf` is a size, if `infinite`. Others are 0.001 to `most`.
    """

    name = "numbers"

    def __init__(self, most: float = 1e15, infinite: bool = True) -> None:
        self.most, self.infinite = most, infinite

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        if isinstance(value, tuple):  # a default
            return value
        try:
            found = _numbers(value)
        except (ValueError, OverflowError):
            found = ()
        wrong = [
            size
            for size in found
            if not (1e-3 <= size <= self.most or (size == math.inf and self.infinite))
        ]
        if wrong:
            self.fail(f"{wrong[0]:g} is not between 0.001 and {self.most:g}.", param, ctx)
        if not found:
            self.fail(
                f"{value!r} is neither a list, as in 10,100,1000, nor a range with its "
                "number of values, as in 10..1000/3.",
                param,
                ctx,
            )
        return found


def _numbers(text: str) -> tuple[float, ...]:
    spanned = re.fullmatch(r"(\d+)\.\.(\d+)/(\d+)", text)
    if spanned is None:
        return tuple(float(word) for word in text.split(","))
    low, high, count = map(int, spanned.groups())
    if not (0 < low <= high < 10**15 and 2 <= count <= MOST_VALUES):
        raise ValueError(text)
    ratio = (high / low) ** (1 / (count - 1))
    # Rounded sizes may meet; a dict keeps their order.
    return tuple(dict.fromkeys(float(round(low * ratio**step)) for step in range(count)))
