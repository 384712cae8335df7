"""Printing: tables and progress bars, the latter on standard error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ..core.serialize import dumps

if TYPE_CHECKING:
    from click import ParamType as ParamType

    from ..core.columns import Columns
    from ..runs.result import RunResult
else:

    class ParamType(click.ParamType):
        """click's own, which takes its type in brackets only from 8.4 on."""

        def __class_getitem__(cls, kind: Any) -> type:
            return cls


# What is printed holds names from tables, whose brackets are no markup.
out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False)


WORD = 10  # characters at most, of what a table does not break
GAP = 2  # between columns


def show_table(
    title: str, columns: Mapping[str, str], rows: Sequence[Sequence[str]]
) -> None:
    """A table; `columns` maps each heading to "left" or "right"."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    widths = _widths([list(columns), *rows], out.width - GAP * (len(columns) - 1))
    for (name, justify), width in zip(columns.items(), widths, strict=True):
        table.add_column(
            name,
            justify="right" if justify == "right" else "left",
            overflow="fold",
            width=width,
        )
    for row in rows:
        table.add_row(*row)
    out.print(table)


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """How wide each column is. The names of the rows, in the first, stay whole, and so do
    numbers: an interval breaks after its comma, a heading anywhere. None, where there is no
    room for that: then columns break where they must.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    least = [
        max(
            (min(len(word), WORD) for cell in column[1:] for word in cell.split()),
            default=1,
        )
        for column in columns
    ]
    least[0] = widths[0]
    if sum(least) > room:
        return [None] * len(columns)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda i: widths[i] - least[i])
        widths[widest] -= 1
    return list(widths)


def show_columns(columns: "Columns | None") -> None:
    """Which columns of a table were read, on one line however long it is."""
    if columns is not None:
        out.print(str(columns), style="dim", soft_wrap=True)


def refuse_options(names: Sequence[str], why: str) -> None:
    """A wrong command line where one of these options was given: what has no effect is not
    taken in silence.
    """
    context = click.get_current_context()
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)}: {why}.")


def show_json(value: Any) -> None:
    click.echo(dumps(value))


class RateColumn(ProgressColumn):
    """How many a second, or how many seconds each takes."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:,.0f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress display, with rate and time left, that leaves standard output alone."""
    with Progress(
        TextColumn("{task.description:<8}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as progress:
        yield progress


@contextmanager
def progress_of_stages(talk: bool) -> Iterator[Callable[[str, int, int, str], None]]:
    """What a run calls with a stage, how much of it is done, of how much, and what was
    found: a bar per stage, and on a terminal a line as each result comes, if `talk`.
    """
    with progress_bar() as progress:
        bars: dict[str, TaskID] = {}

        def advance(stage: str, done: int, total: int, said: str) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage)
            progress.update(bars[stage], completed=done, total=total)
            if said and talk and err.is_terminal:
                progress.console.print(f"  {said}", markup=False)

        yield advance


def show_written(folder: str | Path, result: "RunResult") -> None:
    """What `save` of a result has written."""
    tables = ", ".join(f"{name}.csv" for name in result.tables())
    out.print(
        f"\nWritten to {folder}: results.json, report.html, {tables} (and .tex), figures",
    )
