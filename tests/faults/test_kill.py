"""A sweep that is killed at any moment resumes, and ends in the same table."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys, torch
torch.set_num_threads(1)
import manifoldscale as ms
task = ms.sweeps.TeacherStudent(2, ambient_dim=4, teacher_width=20)
plan = ms.sweeps.Plan(task, (20, 30, 40, 50, 60, 80), (16,), seeds=2, depth=1, n_test=50,
                      training=ms.sweeps.Training(steps=400))
print("start", flush=True)
curve = ms.sweeps.run(plan, sys.argv[1])
print(curve.losses.tolist(), [run.trajectory for run in curve.runs])
"""


def start(registry: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, registry], stdout=subprocess.PIPE, text=True
    )


def losses(registry: str) -> str:
    with start(registry) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.splitlines()[-1]


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_and_resume_gives_the_undisturbed_table(tmp_path: object, kills: int) -> None:
    begun = time.perf_counter()
    undisturbed = losses(str(tmp_path / "a.sqlite"))
    duration = time.perf_counter() - begun
    random.seed(0)
    for _ in range(kills):
        with start(str(tmp_path / "b.sqlite")) as process:
            assert process.stdout is not None
            process.stdout.readline()  # imports are done
            # Many kills come early, so that there is something left to kill.
            time.sleep(random.random() * duration / max(4, kills))
            os.kill(process.pid, signal.SIGKILL)
    assert losses(str(tmp_path / "b.sqlite")) == undisturbed
