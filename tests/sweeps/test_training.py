"""Budgets, optimisers, plateaus, fresh samples, and students of any kind."""

import dataclasses as dc
import math

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.cnn import CNN
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps import (
    DataSet,
    Plan,
    TeacherStudent,
    Training,
    packing,
    run,
    train_one,
)
from manifoldscale.sweeps.factory import FromFactory
from manifoldscale.sweeps.objectives import example_loss
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.sweeps.packing import best_size, packs
from manifoldscale.sweeps.train import train
from manifoldscale.theory import linearized_network, ntk, ntk_mlp

TASK = TeacherStudent(2, ambient_dim=4, teacher_width=30)
DOUBLE = Training(steps=60, batch_size=16, learning_rate=3e-3, dtype="float64")
SEEDS = [3, 4, 5]


def residual_net(inputs: int, outputs: int, width: int) -> nn.Module:
    """A student of a user: no Sequential, a residual block, layer normalisation."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(inputs, width)
            self.norm = nn.LayerNorm(width)
            self.block = nn.Linear(width, width)
            self.last = nn.Linear(width, outputs)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.tanh(self.first(x))
            return self.last(x + torch.relu(self.block(self.norm(x))))

    return Net()


def weights_of(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().double().ravel() for p in module.parameters()])


MINE = f"py:{__name__}:residual_net"


@pytest.mark.parametrize(
    ("shape", "task"),
    [(CNN(64, 3, 10), DataSet("digits")), (FromFactory(MINE, 4, 12, 1), TASK)],
    ids=["cnn", "factory"],
)
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_any_module_trains_in_a_pack_as_alone_and_as_by_torch(
    shape: CNN | FromFactory, task: DataSet | TeacherStudent, optimiser: str
) -> None:
    training = dc.replace(DOUBLE, optimiser=optimiser, batch_size=None, steps=25)
    examples = [task.draw(40, 20, seed) for seed in SEEDS]
    together = train(shape, examples, SEEDS, training)
    for i, seed in enumerate(SEEDS):
        alone = train(shape, [examples[i]], [seed], training)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module = shape.module().double()
        kind = torch.optim.Adam if optimiser == "adam" else torch.optim.SGD
        by_torch = kind(module.parameters(), lr=training.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(by_torch, training.steps)
        x = torch.from_numpy(examples[i].train_inputs)
        y = torch.from_numpy(examples[i].train_targets)
        for _ in range(training.steps):
            by_torch.zero_grad()
            (module(x) - y).square().sum(1).mean().backward()
            by_torch.step()
            schedule.step()
        member = weights_of(together.pack.member(i))
        assert (member - weights_of(alone.pack.member(0))).abs().max() < 1e-9
        assert (member - weights_of(module)).abs().max() < 1e-9


def test_members_of_other_sizes_share_a_pack() -> None:
    """Sizes, passes, learning rates and budgets of their own."""
    shape, sizes = MLP(4, 10, 2, 1), [20, 35, 50]
    training = dc.replace(DOUBLE, steps=30, epochs=20)
    examples = [TASK.draw(n, 30, s) for n, s in zip(sizes, SEEDS, strict=True)]
    rates = [1e-3, 3e-3, 5e-3]
    together = train(shape, examples, SEEDS, training, learning_rates=rates)
    assert together.steps == [training.budget(n) for n in sizes] == [30, 44, 63]
    for i, seed in enumerate(SEEDS):
        own = dc.replace(training, learning_rate=rates[i])
        alone = train(shape, [examples[i]], [seed], own)
        assert together.test_loss[i] == pytest.approx(alone.test_loss[0], rel=1e-9)
        assert together.train_loss[i] == pytest.approx(alone.train_loss[0], rel=1e-9)


def test_a_plateau_stops_its_member_only() -> None:
    shape = MLP(4, 10, 1, 1)
    training = dc.replace(
        DOUBLE, steps=2000, schedule="constant", plateau=0.01, patience=50, batch_size=None
    )
    examples = [TASK.draw(30, 30, seed) for seed in SEEDS]
    stuck = dc.replace(examples[0], train_targets=np.zeros_like(examples[0].train_targets))
    found = train(
        shape,
        [stuck, *examples[1:]],
        SEEDS,
        training,
        learning_rates=[1e-9] * 1 + [3e-3] * 2,
    )
    assert found.steps[0] == 100
    assert min(found.steps[1:]) > 100
    unstopped = train(
        shape,
        [examples[1]],
        [SEEDS[1]],
        dc.replace(training, plateau=0, steps=found.steps[1]),
    )
    assert found.test_loss[1] == pytest.approx(unstopped.test_loss[0], rel=1e-9)


@pytest.mark.slow
def test_fresh_samples_are_never_repeated() -> None:
    """Online training on a pool of 64 generalises as a set of all samples would; the same
    steps on the pool alone overfit it.
    """
    training = Training(steps=1500, batch_size=32, learning_rate=3e-3)
    plan = Plan(TASK, (64,), (48,), seeds=4, n_test=500, training=training)
    fixed = run(plan)
    online = run(dc.replace(plan, training=dc.replace(training, online=True)))
    assert online.runs[0].dataset_size == 1500 * 32
    assert online.losses.mean() < 0.5 * fixed.losses.mean()
    gap = [run.train_loss / run.loss for run in online.runs]
    assert (
        np.mean(gap) > 0.3 > 3 * np.mean([run.train_loss / run.loss for run in fixed.runs])
    )


@pytest.mark.slow
def test_the_ntk_parametrisation_has_the_kernel_of_the_theory() -> None:
    pack = MLPPack(MLP(4, 1000, 2, 1, "relu", "ntk"), range(10), torch.float64)
    x = torch.randn(3, 4, dtype=torch.float64)
    rows = []
    for point in x:
        outputs = pack(point.expand(10, 1, 4))
        pack.flat.differentiate(outputs.flatten())
        rows.append(pack.flat.gradients.clone())
    gradients = torch.stack(rows, 1)
    mean = (gradients @ gradients.mT).mean(0)
    expected = ntk(x, depth=2, weight_variance=2.0, bias_variance=0.01)
    assert ((mean - expected).abs() < 0.05 * expected.diagonal().max()).all()


def test_descent_is_that_of_the_theory() -> None:
    """A wide network under sgd follows its linearisation; the theory's loss is half the
    sum over points, the pack's the mean: rates differ by 2 / n.
    """
    shape, n, rate = MLP(4, 4096, 1, 1, "tanh", "ntk"), 20, 0.05
    training = Training(
        steps=50,
        batch_size=None,
        learning_rate=rate,
        schedule="constant",
        optimiser="sgd",
        dtype="float64",
    )
    one = TASK.draw(n, 30, 0)
    start = MLPPack(shape, [0], torch.float64).member(0)
    network = ntk_mlp(4, 4096, 1, 1, "tanh", 1.0, 0.01)
    with torch.no_grad():
        for mine, theirs in zip(start[::2], network[::2], strict=True):
            theirs.weight.copy_(mine.weight / theirs.weight_scale)
            theirs.bias.copy_(mine.bias / theirs.bias_scale)
    linear = linearized_network(
        network,
        one.train_inputs,
        one.train_targets,
        [50],
        learning_rate=2 * rate / n,
        test_inputs=one.test_inputs,
        test_targets=one.test_targets,
    )
    trained = train(shape, [one], [0], training)
    assert trained.test_loss[0] == pytest.approx(linear.test_loss[0], rel=0.01)


def test_losses_of_classes_and_powers() -> None:
    outputs = torch.randn(2, 7, 3)
    targets = torch.rand(2, 7, 3).softmax(-1)
    log = outputs.log_softmax(-1)
    expected = nn.functional.kl_div(log, targets, reduction="none").sum(-1)
    torch.testing.assert_close(example_loss(outputs, targets, "kl"), expected)
    difference = example_loss(outputs, targets, "abs^3")
    torch.testing.assert_close(difference, ((outputs - targets).abs() ** 3).sum(-1))
    task = TeacherStudent(2, ambient_dim=4, teacher_width=30, classes=3)
    plan = Plan(task, (100,), (16,), seeds=1, training=Training(steps=300, loss="kl"))
    curve = run(plan)
    assert curve.floor == 0 and 0 < curve.losses[0] < 1
    entropy = task.floor("cross_entropy")
    same = run(dc.replace(plan, training=Training(steps=300, loss="cross_entropy")))
    assert entropy is not None and same.losses[0] > 0.9 * entropy


def test_students_by_name() -> None:
    plan = Plan(DataSet("digits"), (100,), (4,), seeds=2, n_test=300, student="cnn")
    plan = dc.replace(plan, training=Training(steps=150))
    curve = run(plan)
    # Two convolutions, 2 x 2 x 8 features after two poolings, 32 hidden units, 10 classes.
    expected = (4 * 9 + 4) + (8 * 4 * 9 + 8) + (32 * 32 + 32) + (10 * 32 + 10)
    assert curve.runs[0].parameters == expected
    assert curve.losses.max() < 0.9
    network = train_one(plan, 4, 100)
    raw, labels = plan.task.points(50, 0)
    outputs = network(torch.from_numpy(raw).float())
    assert outputs.shape == (50, 10)
    assert (outputs.argmax(1).numpy() == labels).mean() > 0.4


def test_pack_sizes(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(
        TASK,
        (40, 60, 80),
        (8,),
        seeds=4,
        n_test=20,
        training=Training(steps=20, batch_size=16),
    )
    together = packs(plan, plan.runs(), 8)
    assert [len(spec.members) for spec in together] == [8, 4]
    assert [len(spec.members) for spec in packs(plan, plan.runs(), None)] == [4, 4, 4]
    apart, merged = run(plan), run(plan, pack_size=8)
    np.testing.assert_allclose(apart.losses, merged.losses, rtol=1e-3)
    assert run(plan, tmp_path / "a.sqlite", pack_size="auto") == run(
        plan, tmp_path / "a.sqlite"
    )
    # A machine that is busy with 16 networks: what a pack really gains, benchmarks/packs.py
    # measures.
    monkeypatch.setattr(packing, "_seconds", lambda *arguments: max(1.0, arguments[2] / 16))
    assert best_size(plan.shape(8), plan.training, "cpu") == 16
    with pytest.raises(ms.ManifoldScaleError, match="`pack_size`"):
        run(plan, pack_size="many")


def test_paired_runs_share_what_cancels() -> None:
    plan = Plan(TASK, (20, 40), (8,), seeds=30, n_test=200, paired=True)
    plan = dc.replace(plan, training=Training(steps=30, batch_size=None))
    paired, apart = run(plan), run(dc.replace(plan, paired=False))
    assert paired.shared_data and not apart.shared_data

    def spread(curve: ms.LearningCurve) -> float:
        small, large = (curve.at(dataset_size=n).losses for n in (20, 40))
        return float((small - large).std())

    assert spread(paired) < 0.6 * spread(apart)


def test_axes_by_name() -> None:
    plan = Plan(TASK, (20,), (8,))
    with pytest.raises(ms.ManifoldScaleError, match="has a field 'nonsense'"):
        plan.vary(nonsense=[1])
    plans = plan.vary(label_noise=[0.0, 0.1], steps=[10], depth=[1, 2])
    assert len({one.key(*one.runs()[0]) for one in plans.values()}) == 4


def test_a_diverged_member_among_others_is_nan() -> None:
    examples = [TASK.draw(30, 20, seed) for seed in SEEDS]
    found = train(
        MLP(4, 8, 1, 1), examples, SEEDS, DOUBLE, learning_rates=[3e-3, 1e30, 3e-3]
    )
    assert [math.isnan(loss) for loss in found.test_loss] == [False, True, False]
