"""`manifoldscale`: the group of commands, and what they share."""

import functools as ft
import importlib
import re
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..core.errors import ManifoldScaleError, nearest

USER_ERROR = 1  # the input cannot be used; Click's own 2 is a wrong command line

# The order in which they are listed; others follow.
FIRST = (
    "study",
    "probe",
    "estimate",
    "sites",
    "fit",
    "compare",
    "predict",
    "sweep",
    "report",
)
SAID = re.compile(r'"""`manifoldscale (\w+)[^`]*`: (.*?)\.?\s*"""', re.DOTALL)


@ft.cache
def commands() -> dict[str, str]:
    """Every command and what it does: a file or folder beside this one whose docstring
    begins with them, which is read and not imported.
    """
    here = Path(__file__).parent
    files = [*here.glob("*.py"), *here.glob("*/__init__.py")]
    said = (SAID.match(file.read_text(encoding="utf-8")) for file in sorted(files))
    found = {name: " ".join(text.split()) for name, text in (m.groups() for m in said if m)}
    return {name: found[name] for name in (*FIRST, *found)}


class Commands(click.Group):
    """Loads a command only when it is asked for, so that `--help` needs no torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(commands())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """With the command that was meant, as click does for options."""
        if args[0] not in commands() and not args[0].startswith("-"):
            close = nearest(args[0], commands())
            hint = f" Did you mean {close}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in commands():
            return None
        module = importlib.import_module(f".{cmd_name}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(commands().items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ManifoldScaleError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(USER_ERROR)
        except (MemoryError, OverflowError) as error:
            said = str(error) or type(error).__name__
            click.echo(
                f"Error: the settings are too large for this machine: {said}.", err=True
            )
            ctx.exit(USER_ERROR)
        except OSError as error:
            if error.filename is None:  # a pipe that was closed, say: click knows
                raise
            click.echo(f"Error: {error.filename!r}: {error.strerror}.", err=True)
            ctx.exit(USER_ERROR)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="manifoldscale")
def main() -> None:
    """From a trained network to the geometry of its learned data manifold, and to the
    scaling law that this geometry implies.

    Exit codes: 0 done; 1 the input cannot be used; 2 a wrong command line.
    """
