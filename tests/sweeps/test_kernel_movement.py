"""Tangent kernels before and after training: exact where nothing moves, 1 / w where it is
lazy, and no less at any width where features are learned."""

import dataclasses as dc
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps import Plan, TeacherStudent, Training, kernel_movement
from manifoldscale.sweeps.kernel_movement import tangent_module
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.theory import empirical_ntk

TASK = TeacherStudent(3, ambient_dim=5, teacher_width=100)
SGD = Training(optimiser="sgd", learning_rate=0.1, steps=400, schedule="constant",
               batch_size=None)  # fmt: skip


def fixed_features(inputs: int, outputs: int, width: int) -> nn.Module:
    """Only the read-out is trained, from zero: the network is linear in what it learns."""
    hidden = nn.Linear(inputs, width).requires_grad_(False)
    readout = nn.Linear(width, outputs, bias=False)
    nn.init.zeros_(readout.weight)
    return nn.Sequential(hidden, nn.Tanh(), readout)


def test_a_linear_network_is_regression_with_its_kernel() -> None:
    """Its kernel does not move, and descent from zero ends at regression without ridge."""
    exact = dc.replace(SGD, learning_rate=0.02, steps=4000, dtype="float64", momentum=0.95)
    plan = Plan(TASK, (4,), (64,), seeds=2, student=f"py:{__name__}:fixed_features",
                training=exact, n_test=30)  # fmt: skip
    found = kernel_movement(plan, ridge=0.0)
    for run in found.runs:
        assert run.drift == 0 and run.alignment == pytest.approx(1)
        assert run.before == run.after == pytest.approx(run.network, rel=1e-3)
        assert run.task_before == run.task_after
    assert math.isnan(found.drift_exponent) and found.interval.is_open


@pytest.mark.parametrize(
    ("kind", "factor"), [("standard", 1.0), ("ntk", 1.0), ("mup", 0.25**2 * 12)]
)
def test_the_kernel_is_that_of_the_parametrisation(kind: str, factor: float) -> None:
    """Against the sum over parameters of step times slope squared, by autograd in packs."""
    richness = 0.25 if kind == "mup" else 1.0
    pack = MLPPack(MLP(4, 12, 2, 1, "gelu", kind, richness), (5, 6), torch.float64)
    x = torch.randn(6, 4, dtype=torch.float64)
    rows = []
    for point in x:
        pack.flat.differentiate(pack(point.expand(2, 1, 4)).flatten())
        rows.append(pack.flat.gradients[1].clone())
    slopes, per_step = torch.stack(rows), torch.ones(1, dtype=torch.float64)
    if pack.flat.steps is not None and pack.flat.slopes is not None:
        per_step = pack.flat.steps * pack.flat.slopes
    module = tangent_module(pack, 1)
    torch.testing.assert_close(module(x), pack(x.expand(2, 6, 4))[1])
    kernel = factor * empirical_ntk(module, x, outputs="mean")
    torch.testing.assert_close(kernel, (slopes * per_step) @ slopes.T)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "richness", "expected"), [("ntk", 1.0, 1.0), ("mup", 0.3, 0), ("mup", 1.0, 0)]
)
def test_drift_by_width(kind: str, richness: float, expected: float) -> None:
    """1 / w for a smooth activation where training is lazy; none where features move."""
    plan = Plan(TASK, (60,), (64, 256, 1024), seeds=4, depth=1, activation="tanh",
                parametrisation=kind, richness=richness, training=SGD, n_test=60,
                paired=True)  # fmt: skip
    found = kernel_movement(plan)
    assert found.drift_exponent == pytest.approx(expected, abs=0.15)
    assert expected in ms.Interval(found.interval.low - 0.1, found.interval.high + 0.1)
    wide = found.widest
    assert (wide.width, wide.dataset_size) == (1024, 60)
    assert (wide.alignment > 0.9999) == (kind == "ntk")
    assert wide.drift < 0.01 if kind == "ntk" else wide.drift > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("activation", "expected"), [("relu", 0.75), ("gelu", 1.0)])
def test_kinks_slow_the_drift(activation: str, expected: float) -> None:
    """A kink is crossed by w^1/2 of w units, up or down at random: w^1/4 / w."""
    task = TeacherStudent(4, ambient_dim=6, teacher_width=100, teacher_seed=4)
    plan = Plan(task, (40,), (256, 1024, 4096), seeds=8, depth=1, n_test=40,
                activation=activation, parametrisation="ntk", root_seed=4,
                training=dc.replace(SGD, steps=200))  # fmt: skip
    found = kernel_movement(plan)
    assert found.drift_exponent == pytest.approx(expected, abs=0.1)


@pytest.mark.slow
def test_lazy_and_rich_of_deep_networks() -> None:
    """Where features are learned, the kernel turns to the labels."""
    task = TeacherStudent(4, ambient_dim=8, teacher_seed=1)
    plan = Plan(task, (150,), (32, 64, 128, 256, 512), seeds=4, activation="gelu",
                training=SGD, n_test=150, paired=True, parametrisation="ntk")  # fmt: skip
    lazy = kernel_movement(plan)
    rich = kernel_movement(dc.replace(plan, parametrisation="mup"))
    assert 0.8 < lazy.drift_exponent < 1.15 and abs(rich.drift_exponent) < 0.25
    assert lazy.widest.drift < 0.05 and rich.widest.drift > 0.5
    assert rich.widest.task_after > rich.widest.task_before


def test_it_is_told_saved_and_fitted() -> None:
    plan = Plan(TASK, (20, 40, 80), (8, 16, 32), seeds=2, training=Training(steps=60),
                n_test=50)  # fmt: skip
    counted: list[int] = []
    found = kernel_movement(plan, progress=counted.append)
    assert sum(counted) == len(found.runs) == found.n_points == 18
    assert len(found.means) == 9
    before = found.curve("before").at(width=32)
    assert set(before.column("data")) == {20, 40, 80}
    assert ms.fit_power_law(before, axis="data", floor="zero").alpha > 0
    trained = ms.sweeps.run(plan)
    assert np.allclose(sorted(found.curve().losses), sorted(trained.losses), rtol=1e-4)
    assert len(json.loads(found.to_json())["runs"]) == 18


def test_trouble_is_said() -> None:
    plan = Plan(TASK, (20,), (8, 16), seeds=2, training=Training(steps=3), n_test=20)
    caveats = {remark.caveat for remark in kernel_movement(plan).caveats}
    assert caveats == {Caveat.NOT_CONVERGED, Caveat.NOT_ESTIMATED}
    diverging = Training(steps=60, optimiser="sgd", learning_rate=1e4)
    lost = kernel_movement(dc.replace(plan, training=diverging))
    assert Caveat.FAILED_RUNS in {remark.caveat for remark in lost.caveats}
    assert math.isnan(lost.widest.drift) and "n/a" in str(lost)
    with pytest.raises(ms.ManifoldScaleError, match="squared errors"):
        kernel_movement(dc.replace(plan, training=Training(loss="abs^3")))
    with pytest.raises(ms.ManifoldScaleError, match="`ridge`"):
        kernel_movement(plan, ridge=-1.0)
