"""A hash of code changes with the code that runs, and with nothing else."""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

import manifoldscale as ms
from manifoldscale.core.source import check_unchanged, source_hash
from manifoldscale.data import python_function


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Anew, as another process would."""
    for known in [n for n in sys.modules if n.startswith("code_of_mine")]:
        monkeypatch.delitem(sys.modules, known)
    importlib.invalidate_caches()
    return importlib.import_module(name)


HELPERS = {
    "import code_of_mine_b": "code_of_mine_b.py",
    "from code_of_mine_b import x": "code_of_mine_b.py",
    "def f():\n    from code_of_mine_b import x": "code_of_mine_b.py",
    "import importlib\nimportlib.import_module('code_of_mine_b')": "code_of_mine_b.py",
    "import code_of_mine_p.part": "code_of_mine_p/part.py",
    "from code_of_mine_p import part": "code_of_mine_p/part.py",
    "from code_of_mine_p.part import x": "code_of_mine_p/__init__.py",
}


@pytest.mark.parametrize("line", HELPERS)
def test_what_is_imported_from_the_same_folder_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    helper = folder / HELPERS[line]
    (folder / "code_of_mine_p").mkdir()
    for file in (
        "code_of_mine_b.py",
        "code_of_mine_p/__init__.py",
        "code_of_mine_p/part.py",
    ):
        (folder / file).write_text("x = 1\n")
    (folder / "code_of_mine_a.py").write_text(f"{line}\ndef net():\n    return 1\n")
    first = source_hash(imported("code_of_mine_a", monkeypatch).net)
    assert source_hash(imported("code_of_mine_a", monkeypatch).net) == first
    assert source_hash("py:code_of_mine_a:net") == first
    (folder / "stranger.py").write_text("x = 2\n")
    assert source_hash(imported("code_of_mine_a", monkeypatch).net) == first
    helper.write_text("x = 2\n")
    assert source_hash(imported("code_of_mine_a", monkeypatch).net) != first


def test_relative_imports_at_any_remove(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "code_of_mine" / "deep").mkdir(parents=True)
    (folder / "code_of_mine" / "__init__.py").touch()
    (folder / "code_of_mine" / "base.py").write_text("width = 3\n")
    (folder / "code_of_mine" / "deep" / "__init__.py").write_text(
        "from ..base import width"
    )
    (folder / "code_of_mine" / "deep" / "net.py").write_text(
        "from . import width\nclass Net:\n    pass\n"
    )
    name = "code_of_mine.deep.net"
    first = source_hash(imported(name, monkeypatch).Net())
    (folder / "code_of_mine" / "base.py").write_text("width = 4\n")
    assert source_hash(imported(name, monkeypatch).Net()) != first


def test_the_hash_is_of_the_code_that_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "code_of_mine_a.py"
    file.write_text("def net():\n    return 1\n")
    module = imported("code_of_mine_a", monkeypatch)
    first = source_hash(module)
    check_unchanged(module, "`student`")
    file.write_text("def net():\n    return 22\n")
    assert source_hash(module) == first and module.net() == 1
    with pytest.raises(ms.ManifoldScaleError, match=r"`student`: .* has changed since"):
        check_unchanged(module, "`student`")
    importlib.reload(module)
    check_unchanged(module, "`student`")
    assert source_hash(module) != first and module.net() == 22


def test_what_is_installed_is_its_version() -> None:
    import numpy as np
    import torch

    assert source_hash(torch.nn.Linear) == source_hash(torch.nn.functional.relu)
    assert source_hash(np.mean) != source_hash(torch.nn.Linear)
    assert source_hash(len) == source_hash(print)


@pytest.mark.parametrize("name", ["net", "Net"])
def test_code_without_a_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What `exec` made is told by its compiled code."""

    def made(number: int) -> str:
        module = ModuleType("code_of_mine_in_memory")
        code = f"def helper(): return {number}\ndef net(): return helper()\n"
        code += "class Net:\n    def forward(self): return helper()\n"
        exec(code, module.__dict__)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        assert python_function(f"py:{module.__name__}:{name}") is getattr(module, name)
        assert source_hash(getattr(module, name)) == source_hash(
            f"py:{module.__name__}:{name}"
        )
        return source_hash(getattr(module, name))

    assert made(1) == made(1) != made(2)


def test_in_many_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(30):
        body = "\n".join(
            f"def f{j}(x):\n    return [x + {j} for _ in range(9)]" for j in range(200)
        )
        (folder / f"code_of_mine_{i}.py").write_text(f"n = {i}\n{body}\n")
    modules = [imported(f"code_of_mine_{i}", monkeypatch) for i in range(1)]
    modules += [importlib.import_module(f"code_of_mine_{i}") for i in range(1, 30)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(source_hash, 4 * modules))
    assert found == 4 * found[:30] and len(set(found)) == 30


SCRIPT = """
from manifoldscale.data import python_function
from manifoldscale.core.source import source_hash
{extra}
WIDTH = {width}
def helper(x): return x {sign} 1
class Task:
    shift = {shift}
    def draw(self): return [helper(x) for x in range(WIDTH) if x in {{"a", "b", "c"}}]
print(source_hash(Task))
"""
SAME = {"extra": "", "width": 3, "sign": "+", "shift": 1}


def of_script(path: Path, **changes: object) -> str:
    path.write_text(SCRIPT.format(**{**SAME, **changes}))
    ran = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_in_a_script_only_what_the_code_uses_counts(tmp_path: Path) -> None:
    """Else a longer list of sizes in the script of a sweep would train all again."""
    script = tmp_path / "script.py"
    first = of_script(script)
    assert of_script(script, extra="SIZES = [1, 2]  # a new line") == first
    for change in ({"width": 4}, {"sign": "-"}, {"shift": 2}):
        assert of_script(script, **change) != first
