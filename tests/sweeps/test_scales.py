"""The maximal update parametrisation: what it equals, and what stays as it was."""

import dataclasses as dc
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.serialize import plain
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps import Plan, TeacherStudent, Training
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.sweeps.train import train
from manifoldscale.theory import ntk

TASK = TeacherStudent(3, ambient_dim=5, teacher_width=30)
DOUBLE = Training(steps=60, batch_size=16, learning_rate=0.05, dtype="float64")
SGD = dc.replace(DOUBLE, optimiser="sgd", schedule="constant")


@pytest.mark.parametrize("more", [{}, {"momentum": 0.8}, {"weight_decay": 0.1}], ids=str)
def test_at_the_lazy_end_it_is_the_ntk_parametrisation(more: dict[str, Any]) -> None:
    """Outputs over gamma sqrt(w), rate times gamma^2 w: nothing at gamma = w^-1/2."""
    width, training = 24, dc.replace(SGD, **more)
    examples = [TASK.draw(40, 30, seed) for seed in (1, 2)]
    lazy, ntk_ = (
        train(MLP(5, width, 2, 1, "relu", *kind), examples, (1, 2), training)
        for kind in (("mup", width**-0.5), ("ntk",))
    )
    assert lazy.test_loss == pytest.approx(ntk_.test_loss, rel=1e-9)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("richness", [1.0, 0.3])
def test_it_is_that_of_table_8(optimiser: str, richness: float) -> None:
    """Against torch on an ordinary network, whose layers have rates of their own: Adam
    1 / fan-in for hidden weights and 1 / w for the read-out as it stands in the network
    (Yang et al. 2022, table 8, second form); gradient descent w for weights and biases that
    enter a hidden layer from the inputs, 1 between hidden layers, 1 / w for the read-out.
    """
    n, d, rate = 32, 5, 0.05
    shape = MLP(d, n, 2, 1, "tanh", "mup", richness)
    training = dc.replace(SGD, optimiser=optimiser, batch_size=None)
    one = TASK.draw(20, 30, 3)
    module = MLPPack(shape, [3], torch.float64).member(0).train()
    first, second, last = (layer for layer in module if isinstance(layer, nn.Linear))
    rates = {  # of weights and biases as they stand in the module
        "adam": [(1 / d, 0.1), (1 / n, 0.1), (1 / n, 0.1)],
        "sgd": [(n / d, 0.01 * n), (1.0, 0.01 * n), (1 / n, 0.01)],
    }[optimiser]
    rich = richness if optimiser == "adam" else richness**2
    groups = []
    for layer, (weight, bias) in zip((first, second, last), rates, strict=True):
        both = rich if layer is not last else 1.0  # it is divided by the richness
        groups.append({"params": [layer.weight], "lr": rate * both * weight})
        groups.append({"params": [layer.bias], "lr": rate * both * bias})
    made: torch.optim.Optimizer = (
        torch.optim.Adam(groups, eps=1e-30)
        if optimiser == "adam"
        else torch.optim.SGD(groups)
    )
    x, y = torch.from_numpy(one.train_inputs), torch.from_numpy(one.train_targets)
    for _ in range(30):
        made.zero_grad()
        (module(x) - y).square().sum(1).mean().backward()
        made.step()
    ours = train(shape, [one], [3], dc.replace(training, steps=30)).pack.member(0)
    test = torch.from_numpy(one.test_inputs)
    torch.testing.assert_close(ours(test), module(test), rtol=1e-3, atol=1e-4)


def test_its_outputs_move_by_the_tangent_kernel_at_any_richness() -> None:
    """The sum over parameters of step times slope squared, averaged over networks."""
    x = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = ntk(x, depth=2, weight_variance=2.0, bias_variance=0.01)
    for richness in (1.0, 0.2):
        shape = MLP(4, 600, 2, 1, "relu", "mup", richness)
        pack = MLPPack(shape, range(12), torch.float64)
        rows = []
        for point in x:
            pack.flat.differentiate(pack(point.expand(12, 1, 4)).flatten())
            rows.append(pack.flat.gradients.clone())
        slopes = torch.stack(rows, 1)
        assert pack.flat.steps is not None and pack.flat.slopes is not None
        mean = ((slopes * pack.flat.steps * pack.flat.slopes) @ slopes.mT).mean(0)
        assert ((mean - expected).abs() < 0.1 * expected.diagonal().max()).all()


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "sgd"])
def test_a_member_trains_as_it_would_alone(optimiser: str) -> None:
    decay = {"weight_decay": 0.01} if optimiser == "adamw" else {}
    training = dc.replace(DOUBLE, optimiser=optimiser, **decay)
    examples = [TASK.draw(40, 30, seed) for seed in (1, 2, 3)]
    shape = MLP(5, 16, 2, 1, "gelu", "mup")
    together = train(shape, examples, (1, 2, 3), training)
    for i, seed in enumerate((1, 2, 3)):
        alone = train(shape, [examples[i]], [seed], training)
        assert together.test_loss[i] == pytest.approx(alone.test_loss[0], rel=1e-9)


def test_other_runs_keep_their_keys() -> None:
    plan = Plan(TASK, (20,), (8,), seeds=1)
    assert "richness" not in plain(plan) and "richness" not in plain(plan.shape(8))
    rich = dc.replace(plan, parametrisation="mup", richness=0.5)
    assert plain(rich.shape(8))["richness"] == 0.5
    keys = {one.key(*one.runs()[0]) for one in (plan, rich, dc.replace(rich, richness=1))}
    assert len(keys) == 3


def test_what_does_not_go_together() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`richness` is of the param"):
        Plan(TASK, (20,), (8,), richness=0.5)
    with pytest.raises(ms.ManifoldScaleError, match="does not take `richness`"):
        Plan(ms.sweeps.DataSet("digits"), (24,), (6,), student="cnn", richness=0.5)
    with pytest.raises(ms.ManifoldScaleError, match="use the optimiser 'adamw'"):
        Plan(TASK, (20,), (8,), parametrisation="mup",
             training=Training(weight_decay=0.1))  # fmt: skip
    decayed = Training(steps=5, optimiser="adamw", weight_decay=0.1)
    plan = Plan(TASK, (20,), (8,), n_test=20, parametrisation="mup", training=decayed)
    assert np.isfinite(ms.sweeps.run(plan).losses).all()
