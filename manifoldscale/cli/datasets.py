"""`manifoldscale datasets`."""

import click

from .. import data
from ..core.serialize import plain
from .console import out, show_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def datasets(as_json: bool) -> None:
    """List the data sets, with what is known of their dimension and its source."""
    cards = [data.card(name) for name in data.names()]
    if as_json:
        show_json({c.name: {**plain(c), "at_hand": c.at_hand} for c in cards})
        return
    for card in cards:
        shape = " x ".join(str(size) for size in card.shape)
        absent = "" if card.at_hand else "  (not on this machine)"
        out.print(f"[bold]{card.name}[/bold]  {card.title}{absent}", markup=True)
        out.print(f"  {card.points:,} examples of {shape}, {card.classes} classes")
        out.print(f"  dimension: {card.known['dimension']}")
        out.print(f"  source of the dimension: {card.known['source']}")
        out.print(f"  licence: {card.licence}")
        out.print(f"  origin: {card.origin}")
        if not card.at_hand:
            out.print(f"  to get it: {card.install}")
        out.print()
