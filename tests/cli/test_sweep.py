"""`manifoldscale sweep`: what it prints, writes and refuses."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.runs.sweep import Sweep, SweepResult

PLAN = """
[plan]
dataset_sizes = [20, 30, 40, 60]
widths = {widths}
seeds = 2
n_test = 20
student = "{student}"
[task]
type = "TeacherStudent"
dim = 2
ambient_dim = 4
teacher_width = 20
[training]
steps = 12
"""
STUDENTS = """
from torch import nn

class Late(nn.Linear):
    seen = 0
    def forward(self, x):
        self.seen += 1
        if self.seen > 8:
            width = self.out_features
            raise ValueError(f"[red]no more[/red] after {self.seen} of width {width}")
        return super().forward(x)

def net(inputs, outputs, width, kind):
    first, norm = kind(inputs, width), nn.BatchNorm1d(width)
    return nn.Sequential(first, norm, nn.Linear(width, outputs))

def late(inputs, outputs, width):
    return net(inputs, outputs, width, Late)

def some(inputs, outputs, width):
    return net(inputs, outputs, width, Late if width == 3 else nn.Linear)

def good(inputs, outputs, width):
    return net(inputs, outputs, width, nn.Linear)
"""


def sweep(folder: Path, student: str, widths: str = "[5]") -> Result:
    (folder / "plan.toml").write_text(PLAN.format(student=student, widths=widths))
    return CliRunner().invoke(main, ["sweep", str(folder / "plan.toml")])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "students_of_mine", raising=False)
    Path("students_of_mine.py").write_text(STUDENTS)
    return tmp_path


def test_a_student_with_batch_normalisation(here: Path) -> None:
    found = sweep(here, "py:students_of_mine:good")
    assert found.exit_code == 0, found.output
    assert len(json.loads((here / "plan.json").read_text())["curves"][0]["runs"]) == 8
    assert str(here) not in sys.path


def test_losses_during_training_are_a_table_that_is_read_as_one(here: Path) -> None:
    """Of two plans, whose networks have numbers of their own."""
    assert sweep(here, "py:students_of_mine:good").exit_code == 0
    rows = pd.read_csv("plan.trajectories.csv")
    read = ms.LearningCurve.from_frame(rows, row="trajectory")
    runs = pd.read_csv("plan.csv")
    assert read.is_trajectory and rows["network"].nunique() == len(runs) == 8
    assert (rows.groupby("network")["steps"].max() == runs["steps"]).all()
    asked = Sweep.read(here / "plan.toml")
    plan = next(iter(asked.plans.values()))
    curve = ms.sweeps.run(plan, "plan.sqlite")
    twice = SweepResult(asked, {"one": curve, "two": curve}).tables()["trajectories"]
    assert len({row["network"] for row in twice}) == 2 * len(runs)


def test_where_all_runs_fail_each_reason_is_said_once(here: Path) -> None:
    found = sweep(here, "py:students_of_mine:late", "[5, 6]")
    assert found.exit_code == 1 and isinstance(found.exception, SystemExit)
    assert "None of 16 runs gave a loss" in found.stderr
    for width in (5, 6):
        reason = f"8 x ValueError: [red]no more[/red] after 9 of width {width}"
        assert found.stderr.count(reason) == 1
    assert "Traceback" not in found.output
    assert (here / "plan.csv").exists() and not (here / "plan.html").exists()


def test_where_some_runs_fail_it_is_said_and_the_rest_is_kept(here: Path) -> None:
    found = sweep(here, "py:students_of_mine:some", "[3, 5]")
    assert found.exit_code == 0, found.output
    words = " ".join(found.stderr.split())
    assert "8 of 16 runs failed: 8 x ValueError: [red]no more[/red]" in words
    assert (here / "plan.html").exists()


def test_a_student_that_cannot_work_ends_in_one_message(here: Path) -> None:
    found = sweep(here, "py:students_of_mine:net")
    assert found.exit_code == 1
    assert "`student` 'py:students_of_mine:net' is called with 3 arguments" in found.stderr
