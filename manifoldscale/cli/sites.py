"""`manifoldscale sites MODEL`: what can be probed in a network."""

from typing import Any

import click

from .console import show_json, show_table


@click.command()
@click.argument("model")
@click.argument("data", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def sites(model: str, data: str | None, as_json: bool) -> None:
    """List the sites of MODEL, run once on an example of DATA.

    MODEL is a checkpoint that `study` wrote, py:module:factory, timm:NAME, hf:FOLDER or
    script:FILE. DATA is a name from `manifoldscale datasets`, an .npy or .npz file, a
    folder of images, text:FILE@TOKENIZER, or py:module:loader. Axes: N examples, C
    features, T tokens, H and W places, ? unknown; bytes are those of an example. Without
    DATA the example is a vector of zeros, for a network whose first layer is linear.
    """
    from ..data import load_examples
    from ..networks.extract import sites as list_sites
    from ..networks.loading import example_for, load_model
    from ..runs.steps.inputs import as_taken

    network = load_model(model)
    if data is None:
        example: Any = example_for(network)
    else:
        example = as_taken(network, load_examples(data), data)
    found = list_sites(network, example)
    if as_json:
        show_json([site.row() for site in found])
        return
    rows = [[str(value) for value in site.row().values()] for site in found]
    numbers = ("shape", "features", "bytes", "calls")
    columns = {name: "right" if name in numbers else "left" for name in found[0].row()}
    show_table(f"Sites of {model}", columns, rows)
