"""Test losses on the way: a look changes nothing, and sees what is there."""

import dataclasses as dc
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps import Plan, TeacherStudent, Training, run
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.sweeps.plan import PackSpec
from manifoldscale.sweeps.run import train_pack
from manifoldscale.sweeps.watch import FEWEST, examples_of, steps_of
from manifoldscale.theory import linearized_network, ntk_mlp

TASK = TeacherStudent(2, ambient_dim=4, teacher_width=20)
TRAINING = Training(steps=30, batch_size=8, dtype="float64", schedule="constant")
PLAN = Plan(TASK, (24, 32), (6,), seeds=2, n_test=FEWEST, training=TRAINING)


def dropped(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Dropout(0.5), nn.BatchNorm1d(width),
        nn.Linear(width, outputs),
    )  # fmt: skip


class Restless(nn.Module):
    """Draws when it is tested too, and counts how often it was called."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(inputs, outputs)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.out(x + 0.1 * self.calls.sqrt() * torch.randn_like(x))


def smooth(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs))


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("student", ["mlp", dropped, Restless, smooth])
def test_a_look_changes_no_bit_of_the_training(student: object, optimiser: str) -> None:
    name = student if isinstance(student, str) else f"py:{__name__}:{student.__name__}"
    plan = dc.replace(
        PLAN, student=name, training=dc.replace(TRAINING, optimiser=optimiser, plateau=0.01)
    )
    alone = student in (dropped, Restless)
    members = ((24, 0),) if alone else ((24, 0), (24, 1))
    spec = PackSpec(plan.shape(6), members)
    watched, plain = (train_pack(plan, spec, "cpu", watched=w) for w in (True, False))
    assert torch.equal(watched.pack.flat.values, plain.pack.flat.values)
    assert watched.test_loss == plain.test_loss
    assert watched.train_loss == plain.train_loss
    assert watched.trajectory(0) and not plain.trajectory(0)


@pytest.mark.parametrize("student", ["mlp", f"py:{__name__}:smooth"])
def test_the_loss_at_a_step_is_that_of_a_run_which_ends_there(student: str) -> None:
    curve = run(dc.replace(PLAN, student=student))
    for steps in (1, 7, 30):
        ends = run(
            dc.replace(PLAN, student=student, training=dc.replace(TRAINING, steps=steps))
        )
        for long, short in zip(curve.runs, ends.runs, strict=True):
            at = {point[0]: point for point in long.trajectory}
            assert at[steps][1:] == pytest.approx((short.loss, short.loss_stderr))


def test_rows_of_trajectories() -> None:
    curve = run(PLAN)
    rows = curve.trajectories
    assert rows.is_trajectory and not curve.is_trajectory
    assert rows.trajectories is rows
    assert rows.longest_axis().name == "steps"
    assert len(rows) == 4 * len(steps_of(30))
    last = [row for row in rows.runs if row.steps == 30]
    np.testing.assert_allclose([row.loss for row in last], curve.losses)
    # Three products of P weights an example, of which a multiply and an add are two.
    one = last[0]
    assert one.compute == 6 * one.parameters * 30 * 8 == curve.runs[0].compute
    assert len(curve.at(data=24).trajectories) == len(rows) // 2
    law = ms.fit_power_law(rows.at(data=24), axis="steps")
    assert {"TRAJECTORIES"} <= {note.caveat.name for note in law.caveats}
    with pytest.raises(ms.ManifoldScaleError, match="differ in dataset_size too"):
        ms.fit_power_law(rows, axis="steps")
    with pytest.raises(ms.ManifoldScaleError, match="differ in steps too"):
        ms.fit_power_law(rows, axis="data")
    with pytest.raises(ms.ManifoldScaleError, match="there are no regimes"):
        ms.classify_regime(rows, axis="steps")


def test_the_way_of_a_wide_network_is_that_of_its_linearisation() -> None:
    """Under plain descent in the NTK parametrisation; the theory descends half the sum of
    squares over points, the pack their mean: rates differ by 2 / n. What is left is the
    change of the kernel, about 1 / width.
    """
    rate, n = 0.05, 24
    lazy = Training(steps=200, batch_size=None, learning_rate=rate, schedule="constant",
                    optimiser="sgd", dtype="float64")  # fmt: skip
    plan = dc.replace(PLAN, dataset_sizes=(n,), seeds=1, depth=1, activation="tanh",
                      parametrisation="ntk", training=lazy)  # fmt: skip
    apart = []
    for width in (64, 4096):
        one = run(dc.replace(plan, widths=(width,)))
        points = np.array(one.runs[0].trajectory)
        shape = plan.shape(width)
        seed = dc.replace(plan, widths=(width,)).seed_of(shape, n, 0)
        start = MLPPack(shape, [seed], torch.float64).member(0)
        network = ntk_mlp(shape.inputs, width, shape.outputs, 1, "tanh", 1.0, 0.01)
        with torch.no_grad():
            for mine, theirs in zip(start[::2], network[::2], strict=True):
                theirs.weight.copy_(mine.weight / theirs.weight_scale)
                theirs.bias.copy_(mine.bias / theirs.bias_scale)
        split = plan.task.draw(n, plan.n_test, seed)
        linear = linearized_network(
            network, split.train_inputs, split.train_targets, points[:, 0],
            learning_rate=2 * rate / n,
            test_inputs=split.test_inputs, test_targets=split.test_targets,
        )  # fmt: skip
        apart.append(abs(points[:, 1] / linear.test_loss - 1).max())
    assert apart[1] < 0.005 and apart[1] < apart[0] / 4


def test_trajectories_are_drawn() -> None:
    (axes,) = run(PLAN).trajectories.plot().figure.axes
    assert axes.get_xlabel() == "training steps $t$" and len(axes.lines) >= 2


def test_a_curve_without_trajectories_says_so() -> None:
    rows = [{"n_train": n, "loss": 1 / n} for n in (1, 2, 4)]
    with pytest.raises(ms.ManifoldScaleError, match="row='trajectory'"):
        _ = ms.LearningCurve.from_frame(rows).trajectories


def test_a_table_of_trajectories_reads_as_them(tmp_path: Path) -> None:
    rows = run(PLAN).trajectories
    pd = pytest.importorskip("pandas")
    frame = rows.to_frame()
    assert "trajectory" not in frame and isinstance(frame, pd.DataFrame)
    again = ms.LearningCurve.from_frame(frame, row="trajectory")
    assert {(r.dataset_size, r.seed, r.steps, r.loss) for r in again.runs} == {
        (r.dataset_size, r.seed, r.steps, r.loss) for r in rows.runs
    }
    assert len({run.network for run in again.runs}) == 4
    ends = ms.LearningCurve.from_frame(frame)  # as a log: the last row of each
    assert {run.loss for run in ends.runs} == {r.loss for r in rows.runs if r.steps == 30}


def test_registries_keep_them_and_older_ones_open(tmp_path: Path) -> None:
    first = run(PLAN, tmp_path / "runs.sqlite")
    assert run(PLAN, tmp_path / "runs.sqlite") == first and first.runs[0].trajectory
    with sqlite3.connect(tmp_path / "runs.sqlite") as file:  # as the first release wrote it
        for key, text in file.execute("SELECT key, record FROM runs").fetchall():
            old = {
                k: v
                for k, v in json.loads(text).items()
                if k not in ("trajectory", "compute")
            }
            file.execute("UPDATE runs SET record = ? WHERE key = ?", (json.dumps(old), key))
    older = run(PLAN, tmp_path / "runs.sqlite")
    assert older.losses.tolist() == first.losses.tolist()
    assert all(run.trajectory == () and run.compute is None for run in older.runs)
    wider = run(dc.replace(PLAN, seeds=3), tmp_path / "runs.sqlite")
    assert sum(bool(run.trajectory) for run in wider.runs) == 2  # those trained now


def test_threads_and_larger_packs_see_the_same() -> None:
    one = run(PLAN).trajectories
    with ThreadPoolExecutor(2) as executor:
        assert run(PLAN, executor=executor).trajectories == one
    together = run(PLAN, pack_size=4).trajectories
    np.testing.assert_allclose(together.losses, one.losses, rtol=1e-9)


def test_a_stopped_run_ends_where_it_stopped_and_a_failed_one_has_none() -> None:
    stopping = dc.replace(TRAINING, steps=400, plateau=0.5, patience=20)
    for one in run(dc.replace(PLAN, training=stopping)).runs:
        assert one.steps < 400 and one.trajectory[-1][0] <= one.steps
    diverging = dc.replace(TRAINING, learning_rate=1e9, optimiser="sgd", steps=60)
    assert all(
        one.failure and one.trajectory == ()
        for one in run(dc.replace(PLAN, training=diverging)).runs
    )


def test_looking_takes_a_few_per_cent_of_the_arithmetic() -> None:
    for steps, batch in ((1000, 128), (10_000, 32), (200_000, 1)):
        looks = len(steps_of(steps)) * examples_of(10_000, steps, batch)
        assert looks <= 0.02 * 3 * steps * batch
    assert examples_of(1000, 100_000, 128) == 1000 and examples_of(9, 10, 1) == 9
    assert MLP(4, 8, 1, 1).parameters == 4 * 8 + 8 + 8 + 1
