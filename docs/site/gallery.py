"""The gallery: a section an example, from its own docstring, figure and source."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from notebooks import EXAMPLES, notebook

IMAGES = Path(__file__).parent.parent / "images"
INTRODUCTION = """# Gallery

Each script in `examples/` runs as it stands, prints its numbers with their intervals, and
ends in the figure shown here.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add gallery.md and the notebooks, which are on no disk."""
    examples = sorted(EXAMPLES.glob("*.py"))
    page = "\n".join([INTRODUCTION, *map(_section, examples)])
    files.append(File.generated(config, "gallery.md", content=page))
    for path in examples:
        name = f"notebooks/{path.stem}.ipynb"
        files.append(File.generated(config, name, content=notebook(path)))
    return files


def _section(path: Path) -> str:
    source = path.read_text("utf-8")
    described = ast.get_docstring(ast.parse(source)) or ""
    title, _, text = described.partition("\n\n")
    title = " ".join(title.split()).rstrip(".")
    image = f"{path.stem}.png"
    if not (IMAGES / image).is_file():
        raise FileNotFoundError(f"examples/{path.name} has no figure docs/images/{image}")
    code = "\n".join(f"    {line}".rstrip() for line in source.splitlines())
    return (
        f"## {title}\n\n{text}\n\n![{title}](images/{image})\n\n"
        f"[As a notebook](notebooks/{path.stem}.ipynb)\n\n"
        f'??? example "examples/{path.name}"\n    ```python\n{code}\n    ```\n'
    )
