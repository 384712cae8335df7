"""Early stopping, optimisers, keys: what new settings do, and what they leave alone."""

import dataclasses as dc

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.serialize import plain
from manifoldscale.sweeps import DataSet, OwnData, Plan, TeacherStudent, Training, run
from manifoldscale.sweeps.flat import OPTIMISERS, Flat
from manifoldscale.sweeps.plan import PackSpec
from manifoldscale.sweeps.run import train_pack
from manifoldscale.sweeps.stored import plan_from

RNG = np.random.default_rng(0)
NOISE = OwnData.of(RNG.standard_normal((800, 6)), RNG.standard_normal(800), "noise")
TRAINING = Training(steps=300, batch_size=None, dtype="float64")
PLAN = Plan(NOISE, (30, 60), (32,), seeds=3, n_test=200, training=TRAINING)
BEST = dc.replace(PLAN, training=dc.replace(TRAINING, keep="best"))


def normalised(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, outputs),
    )


def test_early_stopping_forgets_noise() -> None:
    """Targets that inputs do not determine: at the end networks know them by heart, and
    err twice as much as the mean, whose loss is 1; the best step is an early one.
    """
    last, best = run(PLAN), run(BEST)
    assert last.losses.mean() > 1.5
    assert best.losses.mean() < 1.15
    assert best.early_stopped and not last.early_stopped


@pytest.mark.slow
@pytest.mark.parametrize("student", ["mlp", f"py:{__name__}:normalised"])
def test_the_loss_is_that_of_the_other_half_at_the_kept_step(student: str) -> None:
    """Not the least of the losses that chose the step; statistics of batch normalisation
    are those of the step too.
    """
    plan = dc.replace(BEST, student=student, seeds=1)
    curve = run(plan)
    for size in (30, 60):
        shape = plan.shape(32)
        trained = train_pack(plan, PackSpec(shape, ((size, 0),)), "cpu")
        split = plan.task.draw(size, plan.n_test, plan.seed_of(shape, size, 0))
        inputs = torch.from_numpy(split.test_inputs).double()
        with torch.no_grad():
            errors = trained.pack.member(0)(inputs).numpy() - split.test_targets
        squares = (errors**2).sum(1)
        chosen, tested = squares[:100].mean(), squares[100:].mean()
        assert curve.at(data=size).losses[0] == pytest.approx(tested, rel=1e-9)
        assert trained.watch is not None
        seen = [loss for _, loss, _ in trained.trajectory(0)]
        assert chosen == pytest.approx(min(seen), rel=1e-9)


def test_a_test_set_must_have_two_halves() -> None:
    failed = run(dc.replace(BEST, n_test=3, seeds=1))
    assert all("needs at least 4" in str(one.failure) for one in failed.runs)


MADE = {
    "adam": lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    "sgd": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, weight_decay=0.1),
}


@pytest.mark.parametrize("name", MADE)
def test_optimisers_move_as_those_of_torch(name: str) -> None:
    start = torch.randn(1, 7, dtype=torch.float64, generator=torch.manual_seed(0))
    right = start.clone().requires_grad_()
    theirs = MADE[name]([right])
    flat = Flat([start])
    ours = OPTIMISERS[name](flat, 0.1, 0.9)
    for _ in range(12):
        theirs.zero_grad()
        (right - 1).pow(4).sum().backward()
        theirs.step()
        flat.differentiate((flat.leaves[0] - 1).pow(4).sum(1))
        ours.step(torch.full((1, 1), 0.01, dtype=torch.float64))
    torch.testing.assert_close(flat.values, right.detach(), rtol=1e-10, atol=1e-10)


def test_settings_that_would_change_nothing_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="without `weight_decay` is 'adam'"):
        Training(optimiser="adamw")
    with pytest.raises(ms.ManifoldScaleError, match="`momentum` is of 'sgd'"):
        Training(momentum=0.5)


# Keys of runs in registries that users have, as they were when these settings came.
KEYS = {
    "3f18311227fd": Plan(
        TeacherStudent(2, ambient_dim=4, teacher_width=20), (24, 32), (6,), seeds=2
    ),
    "ccd892c496af": Plan(DataSet("mnist5k"), (100,), (8,)),
    "e0d6bf476da0": Plan(DataSet("digits"), (24,), (6,), student="cnn"),
}


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_earlier_runs_stay(key: str) -> None:
    plan = KEYS[key]
    assert plan.key(*plan.runs()[0]).startswith(key)
    assert "keep" not in plain(plan.training)
    changed = dc.replace(plan, training=dc.replace(plan.training, keep="best"))
    assert changed.key(*plan.runs()[0]) != plan.key(*plan.runs()[0])
    assert plan_from(plain(changed)) == changed
