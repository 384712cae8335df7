"""A file imports only from floors below its own; rooms on one floor never meet."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "manifoldscale"
FLOORS = [
    {"core"},
    {"geometry"},
    {"manifolds", "data"},
    {"dimension", "curvature", "topology", "spectra", "classes"},
    {"networks", "theory"},
    {"scaling", "sweeps"},
    # The top floor is ordered too: a study probes, a report shows a study.
    {"probe", "sklearn", "testing", "views"},
    {"study"},
    {"report"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE]
FILES += [
    PACKAGE / f"{room}.py" for room in sorted(LEVEL) if (PACKAGE / f"{room}.py").is_file()
]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(source: str, path: Path) -> set[str]:
    """Rooms that a file imports from, inside functions too, type checking included."""
    depth = len(path.relative_to(PACKAGE).parts)
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            # `level` dots reach the package root when they are as many as the depth.
            parts = (node.module or "").split(".") if node.module else []
            if node.level == depth:
                rooms |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            rooms |= set(parts[1:2]) if parts[0] == "manifoldscale" else set()
    return rooms & LEVEL.keys()


def violations(source: str, path: Path) -> set[str]:
    own = room_of(path)
    found = imported_rooms(source, path) - {own}
    return {room for room in found if LEVEL[room] >= LEVEL[own]}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    assert not violations(path.read_text(), path)


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in FILES} <= LEVEL.keys()


def test_the_test_can_fail() -> None:
    path = PACKAGE / "geometry" / "cloud.py"
    assert violations("from ..scaling.power_law import PowerLaw", path) == {"scaling"}
    assert violations("from manifoldscale.cli import main", path) == {"cli"}
    assert not violations("from ..core.errors import require", path)
