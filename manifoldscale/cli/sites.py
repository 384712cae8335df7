"""`manifoldscale sites MODEL`."""

import click

from .console import show_json, show_table


@click.command()
@click.argument("model")
@click.argument("data")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sites(model: str, data: str, as_json: bool) -> None:
    """List the sites of MODEL, run once on an example of DATA.

    MODEL is a checkpoint that `study` wrote, or py:module:factory. DATA is a name from
    `manifoldscale datasets`, an .npy or .npz file, or py:module:loader.
    """
    from ..data import load_examples
    from ..networks.extract import sites as list_sites
    from ..networks.models import load_model

    found = list_sites(load_model(model), load_examples(data))
    if as_json:
        show_json([site.row() for site in found])
        return
    rows = [[str(value) for value in site.row().values()] for site in found]
    columns = {"site": "left", "module": "left", "shape": "right", "features": "right"}
    show_table(f"Sites of {model}", columns, rows)
