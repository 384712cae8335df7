"""`import manifoldscale` is light, and its public names are there."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import manifoldscale as ms

HEAVY = ("torch", "umap", "numba", "matplotlib", "pandas", "plotly", "sklearn", "scipy")


def loaded(code: str) -> set[str]:
    """Heavy packages in memory after running `code` in a fresh interpreter."""
    check = f"import sys; {code}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    return set(found.stdout.split())


def test_import_brings_in_nothing_heavy() -> None:
    assert loaded("import manifoldscale") == set()


def test_the_check_can_fail() -> None:
    assert "scipy" in loaded("import scipy")


def test_the_command_line_helps_without_torch() -> None:
    code = (
        "from click.testing import CliRunner; from manifoldscale.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert "torch" not in loaded(code)


def is_room(name: str) -> bool:
    return isinstance(getattr(ms, name), ModuleType)


ROOMS = list(filter(is_room, dir(ms)))


def re_exported(source: str) -> set[str]:
    """The names that a file imports for others: `from .file import name as name`."""
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    return {a.asname for node in imports for a in node.names if a.asname == a.name}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_lists_what_it_offers_and_nothing_else(name: str) -> None:
    """No submodules, which Python binds to a package once they are imported, no `np`."""
    room = importlib.import_module(f"manifoldscale.{name}")
    offered = dir(room)
    assert offered and offered == sorted(offered) == room.__all__
    for one in offered:
        value = getattr(room, one)
        assert not one.startswith("_") and not isinstance(value, ModuleType), one
    assert re_exported(Path(room.__file__).read_text()) <= set(offered)
    space: dict[str, object] = {}
    exec(f"from manifoldscale.{name} import *", space)
    assert space.keys() - {"__builtins__"} == set(offered)


def test_rooms_offer_what_their_documentation_names() -> None:
    """Also those that load on first use, and those that a file defines itself."""
    assert len(ROOMS) == 15
    assert {"Method", "Quantity", "at_least", "Level"} <= set(dir(ms.core))
    assert "TwoNN" in dir(ms.dimension) and "two_nn" not in dir(ms.dimension)
    assert {"Quadric", "through_layers"} <= set(dir(ms.curvature))
    assert "quadric" not in dir(ms.curvature) and "attach" not in dir(ms.curvature)
    assert {"CHECKS", "check_method"} <= set(dir(ms.testing))
    assert {"UMAP", "PCA", "View"} <= set(dir(ms.views)) and "np" not in dir(ms.views)
    assert {"load", "names", "load_examples"} <= set(dir(ms.data))


def test_a_function_of_a_room_is_not_hidden_by_a_file_of_its_name() -> None:
    """Python binds a file, when it is imported, over a name that loads on first use."""
    code = (
        "import pkgutil, types; from importlib import import_module as load; "
        "from manifoldscale import scaling; "
        "files = [load(f'{scaling.__name__}.{f.name}') "
        "for f in pkgutil.iter_modules(scaling.__path__)]; "
        "names = [getattr(scaling, name) for name in dir(scaling)]; "
        "assert files and not [v for v in names if isinstance(v, types.ModuleType)]"
    )
    assert "torch" not in loaded(code)


def test_the_laws_of_a_dimension_need_no_scipy() -> None:
    assert "scipy" not in loaded("from manifoldscale.scaling import predict_exponent")


@pytest.mark.parametrize("name", dir(ms))
def test_public_names_resolve(name: str) -> None:
    assert getattr(ms, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'dimensions'"):
        ms.dimensions  # noqa: B018 - the access is the test
