"""The reference: a page a room with every public name, and the commands with their help.

Names are read from the `__init__.py` files, so that a page cannot lack one.
"""

import ast
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

from manifoldscale.cli.main import main
from manifoldscale.core.lazy import LENT

PACKAGE = Path(__file__).parent.parent.parent / "manifoldscale"
ROOMS = {
    "geometry": "Clouds and neighbours",
    "dimension": "Dimension",
    "curvature": "Curvature",
    "topology": "Topology",
    "spectra": "Spectra",
    "classes": "Class manifolds",
    "similarity": "Representations compared",
    "manifolds": "Known manifolds",
    "networks": "Networks",
    "sweeps": "Sweeps",
    "scaling": "Fits, regimes, predictions",
    "theory": "Solvable models",
    "views": "Views",
    "runs": "What the commands do",
    "data": "Data sets",
    "sklearn": "scikit-learn",
    "core": "What a method is made of",
    "testing": "Tests for your own methods",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the rooms that are there, and that of the command line."""
    for room, title in ROOMS.items():
        found = public_names(room)
        if found:
            page = "\n\n".join([f"# {title}", *(f"::: {name}" for name in found)])
            files.append(File.generated(config, f"reference/{room}.md", content=page))
    page = "\n\n".join(["# Command line", *_commands(main, "manifoldscale")])
    files.append(File.generated(config, "reference/command-line.md", content=page))
    return files


def public_names(room: str) -> list[str]:
    """Full names of what a user of the room calls: exported by the room, or, where the
    package itself exports it, from the room's modules.
    """
    return [*_exports_of_package()[room], *_exports(room)]


def _exports_of_package() -> dict[str, list[str]]:
    """Names of `manifoldscale` by the room that defines them; `core` counts as geometry."""
    found = defaultdict(list)
    for module, name in _reexports(PACKAGE / "__init__.py"):
        room = module.split(".")[0]
        if "." in module or room in ROOMS:
            found["geometry" if room == "core" else room].append(f"manifoldscale.{name}")
    return found


def _exports(room: str) -> list[str]:
    folder, module = PACKAGE / room / "__init__.py", PACKAGE / f"{room}.py"
    if folder.is_file():
        lent = LENT.get(f"manifoldscale.{room}", {})
        own = [f"manifoldscale.{room}.{name}" for _, name in _reexports(folder)]
        return own + [f"{module}.{name}" for name, module in lent.items()]
    if not module.is_file():
        return []
    body = ast.parse(module.read_text("utf-8")).body
    kinds = (ast.FunctionDef, ast.ClassDef)
    named = [node.name for node in body if isinstance(node, kinds)]
    return [f"manifoldscale.{room}.{name}" for name in named if name[0] != "_"]


def _reexports(path: Path) -> list[tuple[str, str]]:
    """(module, name) of everything that is imported to be exported."""
    tree = ast.parse(path.read_text("utf-8"))
    return [
        (node.module or alias.name, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.name == alias.asname or path.parent.name == "data"
        if node.module is not None
    ]


def _commands(command: click.Command, name: str) -> list[str]:
    """A section a command, its help as it is printed."""
    context = click.Context(
        command, info_name=name, terminal_width=88, max_content_width=88
    )
    level = "#" * (1 + len(name.split()))
    text = "\n".join(
        f"    {line}".rstrip() for line in command.get_help(context).split("\n")
    )
    parts = [f"{level} {name}\n\n{text}"]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                parts += _commands(found, f"{name} {child}")
    return parts
