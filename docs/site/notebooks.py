"""Notebooks made from the examples: `python docs/site/notebooks.py FOLDER`."""

import ast
import sys
from pathlib import Path

import jupytext

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
START = 'if __name__ == "__main__":\n    main()\n'


def notebook(example: Path) -> str:
    """The notebook of an example as JSON: what its docstring says, then a cell a function,
    and a last one that runs it.
    """
    source = example.read_text("utf-8")
    tree = ast.parse(source)
    title, _, text = (ast.get_docstring(tree) or "").partition("\n\n")
    said = "\n".join(f"# {line}".rstrip() for line in f"# {title}\n\n{text}".splitlines())
    rest = source.split("\n", tree.body[0].end_lineno or 0)[-1]
    cells = jupytext.reads(f"{said}\n{rest.replace(START, 'main()')}", fmt="py:light")
    for cell in cells.cells:
        cell.pop("id", None)  # drawn at random: the same script gives the same notebook
    cells.nbformat_minor = 4
    cells.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return str(jupytext.writes(cells, fmt="ipynb"))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(EXAMPLES.glob("*.py")):
        (folder / f"{path.stem}.ipynb").write_text(notebook(path), "utf-8")
