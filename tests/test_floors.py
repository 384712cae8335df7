"""A file imports only from floors below its own, imports by string included; rooms on one
floor never meet, and no files import each other in a circle.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parent.parent / "manifoldscale"
FLOORS = [
    {"core"},
    {"geometry"},
    {"manifolds", "data"},
    {"dimension", "curvature", "topology", "spectra", "classes", "similarity", "views"},
    {"networks", "theory", "scaling"},
    {"sweeps"},
    {"report"},
    {"runs"},
    {"sklearn", "testing"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
# The package itself stands above all floors: it shows what they offer.
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.stem in LEVEL
]
# "..networks.curves" and "manifoldscale.networks.curves", as `import_module` takes them; no
# sentence is one, and no path.
BY_STRING = re.compile(r"(\.+|manifoldscale\.)([a-z_]\w*)(\.[a-z_]\w*)*")


def module_of(path: Path) -> tuple[str, ...]:
    """The parts of its name below the package: ("geometry", "cloud"); of a package those of
    its folder.
    """
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(source: str, path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports of the package, inside functions too, type checking included."""
    package = path.relative_to(PACKAGE).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            name = "." * node.level + (f"{node.module}." if node.module else "")
            yield from (absolute(name + alias.name, package) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (absolute(alias.name, package) for alias in node.names)
        elif isinstance(node, ast.Constant) and BY_STRING.fullmatch(str(node.value)):
            yield absolute(str(node.value), package)


def absolute(name: str, package: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a name below the package; none for what is not of it."""
    rest = name.lstrip(".")
    dots, parts = len(name) - len(rest), tuple(filter(None, rest.split(".")))
    if not dots:
        return parts[1:] if parts[0] == "manifoldscale" else ()
    above = package[: len(package) - dots + 1]
    return (*above, *parts) if dots <= len(package) + 1 else ()


def violations(source: str, path: Path) -> set[str]:
    own = module_of(path)[0]
    rooms = {parts[0] for parts in imported(source, path) if parts} & LEVEL.keys()
    return {room for room in rooms - {own} if LEVEL[room] >= LEVEL[own]}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    assert not violations(path.read_text(), path)


def test_every_room_has_a_floor() -> None:
    assert {module_of(path)[0] for path in FILES} <= LEVEL.keys()


def circle(graph: Mapping[Any, set[Any]]) -> list[Any]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_import_each_other() -> None:
    files = {module_of(path): path for path in FILES}
    graph: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for own, path in files.items():
        found = imported(path.read_text(), path)
        # `from .file import name` names the file or, where there is none, its room.
        seen = {parts if parts in files else parts[:-1] for parts in found if parts}
        graph[own] = {other for other in seen if other in files and other != own}
    for room in (own for own in files if len(own) == 1):
        graph[room] = set()  # a room names its files, which do not need what it names
    assert not circle(graph)


def test_the_tests_can_fail() -> None:
    path = PACKAGE / "geometry" / "cloud.py"
    assert violations("from ..scaling.power_law import PowerLaw", path) == {"scaling"}
    assert violations("from .. import scaling", path) == {"scaling"}
    assert violations("from manifoldscale.cli import main", path) == {"cli"}
    assert violations("import manifoldscale.cli.main", path) == {"cli"}
    assert violations("attach(__name__, {'f': '..networks.curves'})", path) == {"networks"}
    assert violations("import_module('manifoldscale.theory')", path) == {"theory"}
    assert not violations("from ..core.errors import require", path)
    assert not violations("from . import search; print('..'); open('../cli/main')", path)
    assert not violations("'manifoldscale.report of a run'", path)
    room = PACKAGE / "curvature" / "__init__.py"
    assert violations("attach(__name__, {'f': '..networks.curves'})", room) == {"networks"}
    assert circle({"a": {"b"}, "b": {"a"}})
