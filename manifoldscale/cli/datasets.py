"""`manifoldscale datasets`: the data sets at hand."""

from collections.abc import Mapping
from typing import Any

import click

from .. import data
from ..core.serialize import plain
from .console import out, show_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def datasets(as_json: bool) -> None:
    """List the data sets, with what is known of their dimension and its source, and the
    published tables of losses, which `fit` takes by their path.
    """
    cards = [data.card(name) for name in data.names()]
    tables = [data.table(name) for name in data.tables()]
    if as_json:
        found = {c.name: {**plain(c), "at_hand": c.at_hand} for c in cards}
        show_json(found | {t.name: {**plain(t), "path": str(t.path)} for t in tables})
        return
    for card in cards:
        shape = " x ".join(str(size) for size in card.shape)
        absent = "" if card.at_hand else "  (not on this machine)"
        out.print(f"[bold]{card.name}[/bold]  {card.title}{absent}", markup=True)
        out.print(f"  {card.points:,} examples of {shape}, {card.targets_in_words}")
        images = "; images, for networks that take these" if len(card.shape) > 1 else ""
        out.print(f"  given as: {card.inputs_in_words}{images}")
        out.print(f"  dimension: {card.known['dimension']}")
        out.print(f"  source of the dimension: {card.known['source']}")
        out.print(f"  licence: {card.licence}")
        out.print(f"  origin: {card.origin}")
        if not card.at_hand:
            out.print(f"  to get it: {card.install}")
        out.print()
    for table in tables:
        out.print(f"[bold]{table.name}[/bold]  {table.title}", markup=True)
        out.print(f"  {table.description}")
        out.print(f"  columns: {', '.join(table.columns)}")
        out.print(f"  published: {', '.join(map(_in_words, table.known.items()))}")
        out.print(f"  licence: {table.licence}")
        out.print(f"  origin: {table.origin}")
        out.print(f"  file: {table.path}", soft_wrap=True)
        out.print()


def _in_words(published: tuple[str, Mapping[str, Any]]) -> str:
    name, value = published[0], published[1]["value"]
    ends = value if isinstance(value, list) else [value]
    return f"{name} {' to '.join(f'{end:g}' for end in ends)}"
