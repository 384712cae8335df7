"""Help that lists settings, from the docstrings of the classes that hold them."""

import dataclasses as dc
import inspect
import re
from collections.abc import Mapping
from typing import Any

import click

from ..core.serialize import NEVER

ENTRY = re.compile(r"^(?P<names>\w+(, \w+)*) : (?P<text>.+)$")


def settings_of(kind: Any) -> dict[str, str]:
    """Each setting of a dataclass, with its default, and what its docstring says."""
    fields = {field.name: field for field in dc.fields(kind) if _is_given(field)}
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (inspect.getdoc(kind) or "").splitlines():
        entry = ENTRY.match(line)
        if entry is not None:
            names = [name for name in entry["names"].split(", ") if name in fields]
            found |= dict.fromkeys(names, entry["text"])
        elif names and line.startswith("    "):
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        else:
            names = []
    texts = {name: found.get(name, "").replace("`", "") for name in fields}
    return {_with_default(fields[name]): text for name, text in texts.items()}


def _is_given(field: "dc.Field[Any]") -> bool:
    """Whether a user may set it; others are found, or held in memory."""
    return field.metadata != NEVER and "found" not in field.metadata


def _with_default(field: "dc.Field[Any]") -> str:
    simple = isinstance(field.default, int | float | str | tuple)
    if field.default is None or not simple:
        return field.name
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    shown = str(value).lower() if isinstance(value, bool) else value
    return (
        f'{field.name} = "{shown}"' if isinstance(value, str) else f"{field.name} = {shown}"
    )


class PlanCommand(click.Command):
    """A command that reads a plan: its help ends with an example and every setting."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        for section, settings in _sections().items():
            with formatter.section(section):
                formatter.write_dl(list(settings.items()), col_max=26)


def _sections() -> Mapping[str, Mapping[str, str]]:
    from ..sweeps.plan import Plan
    from ..sweeps.stored import TASKS
    from ..sweeps.train import Training

    plan = {
        name: text
        for name, text in settings_of(Plan).items()
        if name.split()[0] not in ("task", "training")
    }
    tasks = {f'[task] type = "{name}"': settings_of(kind) for name, kind in TASKS.items()}
    return {"[plan]": plan, "[training]": settings_of(Training), **tasks}
