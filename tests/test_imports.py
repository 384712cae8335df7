"""`import manifoldscale` is light, and its public names are there."""

import subprocess
import sys

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


@pytest.mark.parametrize("name", dir(ms))
def test_public_names_resolve(name: str) -> None:
    assert getattr(ms, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'dimensions'"):
        ms.dimensions  # noqa: B018 - the access is the test
