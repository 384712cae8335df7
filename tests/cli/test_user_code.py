"""What goes wrong in a function of the user's, as the user reads it."""

import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.data import UserCodeError, load_examples
from manifoldscale.networks.loading import load_model
from manifoldscale.sweeps import Plan, TeacherStudent

# Numbers are those of the lines.
CODE = """\
import sys
from torch import nn
import manifoldscale as ms

def deeper():
    raise RuntimeError("no weights here")  # 6

def fails():
    return deeper()  # 9

def asks(width, depth=2):
    return nn.Linear(width, depth)

def forgets():
    nn.Linear(5, 3)

def leaves():
    sys.exit(0)  # 18

def misuses():
    return ms.data.load("nothing at all")  # 21

def confused():
    return asks()  # 24

def net():
    return nn.Linear(5, 3)

constant = nn.Linear
number = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("user_")]:
        monkeypatch.delitem(sys.modules, name)
    Path("user_code.py").write_text(CODE)
    Path("user_syntax.py").write_text("def net(:\n    pass\n")
    Path("user_import.py").write_text("import os\nimport no_such_package\n")
    Path("user_raises.py").write_text("\n\n1 / 0\n")
    np.save("x.npy", np.ones((8, 5), dtype="float32"))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


FAILURES = [
    ("user_code:fails", ["raised RuntimeError", "no weights here", "line 9", "line 6"]),
    ("user_code:leaves", ["raised SystemExit", "line 18, in leaves"]),
    ("user_code:misuses", ["raised ManifoldScaleError", "nothing at all", "line 21"]),
    ("user_code:confused", ["raised TypeError", "line 24", "missing 1 required"]),
    ("user_syntax:net", ["raised SyntaxError", "user_syntax.py", "line 1", "def net(:"]),
    ("user_import:net", ["raised ModuleNotFoundError", "no_such_package", "line 2"]),
    ("user_raises:net", ["raised ZeroDivisionError", "user_raises.py", "line 3"]),
]
MISNAMED = [
    ("no_such:net", "there is no module 'no_such', neither here nor installed"),
    ("user_code.part:net", "there is no module 'user_code.part'"),
    ("user_code:fial", "user_code has no function 'fial'; did you mean 'fails'"),
    ("user_code:number", "user_code has no function 'number'"),
    ("user_code:asks", "is called without arguments, and takes (width, depth=2)"),
    ("user_code:constant", "missing a required argument: 'in_features'"),
    ("user_code:forgets", "returned None: does the function lack a `return`?"),
]


@pytest.mark.parametrize("argument", ["MODEL", "DATA"])
@pytest.mark.parametrize(("name", "parts"), FAILURES, ids=lambda p: str(p))
def test_what_it_raises_is_one_error_with_the_lines_of_the_user(
    argument: str, name: str, parts: list[str]
) -> None:
    spec = f"py:{name}"
    words = [spec, "x.npy"] if argument == "MODEL" else ["py:user_code:net", spec]
    found = call("probe", *words, "--no-curvature")
    assert found.exit_code == 1 and isinstance(found.exception, SystemExit)
    assert f"Error: {argument} {spec!r} raised" in found.stderr
    assert all(part in found.stderr for part in parts), found.stderr
    assert "Traceback" not in found.output
    assert "importlib" not in found.output and "data/python.py" not in found.output


@pytest.mark.parametrize("argument", ["MODEL", "DATA"])
@pytest.mark.parametrize(("name", "message"), MISNAMED, ids=lambda p: str(p))
def test_a_function_that_cannot_be_called(argument: str, name: str, message: str) -> None:
    load = load_model if argument == "MODEL" else load_examples
    with pytest.raises(ms.ManifoldScaleError, match=f"^{argument} 'py:{name}'") as caught:
        load(f"py:{name}")
    assert message in str(caught.value)
    assert not isinstance(caught.value, UserCodeError)


def test_the_exception_itself_is_the_cause() -> None:
    with pytest.raises(UserCodeError) as caught:
        load_model("py:user_code:fails")
    cause = caught.value.__cause__
    assert isinstance(cause, RuntimeError) and str(cause) == "no weights here"
    lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__)]
    assert lines[-2:] == [9, 6]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "raised RuntimeError"),
        ("forgets", "returned None: does the function lack a `return`?"),
    ],
)
def test_the_student_of_a_sweep(name: str, message: str) -> None:
    task = TeacherStudent(2)
    plan = Plan(task, (20,), (4,), seeds=1, student=f"py:user_student:{name}")
    Path("user_student.py").write_text(CODE.replace("def fails()", "def fails(a, b, c)"))
    with pytest.raises(
        ms.ManifoldScaleError, match=r"^`student` 'py:user_student"
    ) as caught:
        plan.shape(4).module()
    assert message in str(caught.value)
