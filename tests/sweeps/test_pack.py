"""A member of a pack trains as it would alone."""

import dataclasses as dc
import math

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps import DataSet, TeacherStudent, Training
from manifoldscale.sweeps.minibatches import Order
from manifoldscale.sweeps.objectives import example_loss
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.sweeps.train import train

SEEDS = [11, 12, 13]
DOUBLE = Training(steps=100, batch_size=16, learning_rate=3e-3, dtype="float64")


def weights_of(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().double().ravel() for p in module.parameters()])


@pytest.mark.parametrize("n_train", [10, 50], ids=["whole set", "batches"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_a_member_equals_the_network_trained_in_a_pack_of_one(
    n_train: int, activation: str
) -> None:
    task = TeacherStudent(3, ambient_dim=6, teacher_width=30)
    shape = MLP(6, 20, 2, 1, activation)
    examples = [task.draw(n_train, 40, seed) for seed in SEEDS]
    together = train(shape, examples, SEEDS, DOUBLE)
    for i, seed in enumerate(SEEDS):
        alone = train(shape, [examples[i]], [seed], DOUBLE)
        difference = weights_of(together.pack.member(i)) - weights_of(alone.pack.member(0))
        assert difference.abs().max() < 1e-10
        assert together.test_loss[i] == pytest.approx(alone.test_loss[0], rel=1e-10)


def test_a_member_equals_a_plain_module_trained_by_torch() -> None:
    """The same start, batches, optimiser and schedule on an ordinary nn.Sequential."""
    task = DataSet("digits")
    shape = MLP(64, 12, 2, 10)
    examples = [task.draw(60, 30, seed) for seed in SEEDS]
    together = train(shape, examples, SEEDS, DOUBLE)
    for i, seed in enumerate(SEEDS):
        module = MLPPack(shape, [seed], torch.float64).member(0).train()
        optimiser = torch.optim.Adam(module.parameters(), lr=DOUBLE.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, DOUBLE.steps)
        inputs = torch.from_numpy(examples[i].train_inputs)
        targets = torch.from_numpy(examples[i].train_targets)
        order = Order([60], 16, [seed])
        for _ in range(DOUBLE.steps):
            rows = next(order)[0]
            loss = (module(inputs[rows]) - targets[rows]).square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        difference = weights_of(together.pack.member(i)) - weights_of(module)
        assert difference.abs().max() < 1e-10


def test_a_member_as_a_module_computes_what_the_pack_computes() -> None:
    pack = MLPPack(MLP(5, 7, 3, 2), SEEDS, torch.float64)
    inputs = torch.randn(3, 9, 5, dtype=torch.float64)
    outputs = pack(inputs)
    for i in range(3):
        torch.testing.assert_close(pack.member(i)(inputs[i]), outputs[i])


def test_initial_weights_have_the_stated_variance() -> None:
    pack = MLPPack(MLP(200, 300, 2, 100), [0, 1])
    for weight, variance in zip(pack.weights, (2 / 200, 2 / 300, 0.01 / 300), strict=True):
        assert weight.var().item() == pytest.approx(variance, rel=0.05)
    assert pack.biases[1].std().item() == pytest.approx(0.1, rel=0.1)


def test_one_member_that_diverges_harms_no_other() -> None:
    task = TeacherStudent(2, ambient_dim=4, teacher_width=20)
    shape = MLP(4, 10, 1, 1)
    examples = [task.draw(30, 20, seed) for seed in SEEDS]
    targets = examples[1].train_targets.copy()
    targets[0] = np.inf
    broken = [examples[0], dc.replace(examples[1], train_targets=targets), examples[2]]
    healthy, harmed = (train(shape, e, SEEDS, DOUBLE) for e in (examples, broken))
    assert math.isnan(harmed.test_loss[1]) and math.isnan(harmed.train_loss[1])
    for i in (0, 2):
        assert harmed.test_loss[i] == healthy.test_loss[i]
    assert all(bool(p.isfinite().all()) for p in harmed.pack.flat.leaves)


def test_training_interpolates_and_converged_says_so() -> None:
    task = TeacherStudent(2, ambient_dim=4, teacher_width=50)
    examples = [task.draw(40, 200, seed) for seed in SEEDS]
    long, short = (
        train(MLP(4, 64, 2, 1), examples, SEEDS, Training(steps=n, learning_rate=6e-3))
        for n in (800, 5)
    )
    assert all(long.converged(i) for i in range(3))
    assert not any(short.converged(i) for i in range(3))
    assert max(long.test_loss) < 0.3 * min(short.test_loss)


def test_losses_are_the_stated_ones() -> None:
    outputs = torch.randn(2, 5, 3)
    labels = torch.randint(0, 3, (2, 5))
    one_hot = nn.functional.one_hot(labels, 3).float()
    torch.testing.assert_close(
        example_loss(outputs, one_hot, "cross_entropy"),
        nn.functional.cross_entropy(outputs.movedim(-1, 1), labels, reduction="none"),
    )
    torch.testing.assert_close(
        example_loss(outputs, one_hot, "mse"), ((outputs - one_hot) ** 2).sum(-1)
    )


@pytest.mark.parametrize(
    "arguments",
    [{"steps": 0}, {"learning_rate": -1.0}, {"loss": "hinge"}, {"dtype": "int8"}],
)
def test_trainings_that_cannot_work(arguments: dict) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=f"`{next(iter(arguments))}`"):
        Training(**arguments)
