"""Printing: tables and progress bars, the latter on standard error."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
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
else:

    class ParamType(click.ParamType):
        """click's own, which takes its type in brackets only from 8.4 on."""

        def __class_getitem__(cls, kind: Any) -> type:
            return cls


# What is printed holds names from tables, whose brackets are no markup.
out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False)


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
    for name, justify in columns.items():
        table.add_column(
            name, justify="right" if justify == "right" else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    out.print(table)


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
