"""`manifoldscale report RESULTS...`: one self-contained page of one or several runs."""

from pathlib import Path

import click


@click.command()
@click.argument("results", nargs=-1, required=True)
@click.option(
    "--out",
    "path",
    type=click.Path(dir_okay=False, writable=True),
    default="report.html",
    show_default=True,
    help="The page.",
)
def report(results: tuple[str, ...], path: str) -> None:
    """One self-contained page of one or several runs.

    RESULTS are the folders of `study`, `probe` and `fit`, the file that `sweep` writes
    beside its plan, or any of their results.json. Nothing is computed again. A file that
    cannot be shown is named, with exit code 1; the others are on the page.
    """
    from ..runs.record import read_records, save_pages

    if not Path(path).absolute().parent.is_dir():
        raise click.BadParameter("its folder does not exist", param_hint="--out")
    records, problems = read_records(results)
    if records:
        left_out = save_pages(records, path)
        problems += left_out
        shown = len(records) - len(left_out)
        click.echo(f"{path}: {shown} of {len(results)} results")
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        click.get_current_context().exit(1)
