"""Students of a user's: trained as torch trains them, whatever they are made of."""

import dataclasses as dc
import itertools
import logging
import math
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.networks.checkpoints import fill
from manifoldscale.networks.draws import DrawsFrom
from manifoldscale.sweeps import (
    DataSet,
    Plan,
    Task,
    TeacherStudent,
    Training,
    factory,
    run,
    train_one,
)
from manifoldscale.sweeps.data_sets import FIRST_PUBLISHED
from manifoldscale.sweeps.factory import FromFactory
from manifoldscale.sweeps.plan import PackSpec
from manifoldscale.sweeps.run import failures, train_pack
from manifoldscale.sweeps.trial import why_alone

TASK = TeacherStudent(2, ambient_dim=4, teacher_width=20)
TRAINING = Training(steps=30, batch_size=None, dtype="float64", schedule="constant")
PLAN = Plan(TASK, (24, 32), (6,), seeds=2, n_test=40, training=TRAINING)


def normalised(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.Linear(width, outputs)
    )


def dropped(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(0.9), nn.Linear(width, outputs)
    )


class Fourier(nn.Module):
    """Random features that are no parameters: drawn once, and kept as they are."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.register_buffer("waves", torch.randn(inputs, width))
        self.frozen = nn.Linear(width, width)
        self.frozen.requires_grad_(False)
        self.out = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.frozen(torch.sin(x @ self.waves))))


class Noisy(nn.Module):
    """Draws in training by a function, not by a layer that could be known by its name."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs, width), nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(x + torch.randn_like(x) if self.training else x)


class Branches(nn.Module):
    """Goes one way or another by its values, which no batched call can."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(inputs, width), nn.Linear(width, outputs)
        self.unused = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(torch.relu(x) if x.sum() > 0 else torch.tanh(x))


def lazy(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(outputs))


KINDS = (normalised, dropped, Fourier, Noisy, Branches, lazy)


def of(student: Callable[..., nn.Module], **changes: object) -> Plan:
    return dc.replace(PLAN, student=f"py:{__name__}:{student.__name__}", **changes)


def by_torch(plan: Plan, seed: int) -> tuple[nn.Module, float]:
    """The network of a run and its test loss, by a plain loop of torch."""
    shape = plan.shape(6)
    number = plan.seed_of(shape, 24, seed)
    split = plan.task.draw(24, plan.n_test, number)
    with DrawsFrom(number):
        module = shape.module().double()
    x, y = torch.from_numpy(split.train_inputs), torch.from_numpy(split.train_targets)
    optimiser = torch.optim.Adam(
        [p for p in module.parameters() if p.requires_grad], TRAINING.learning_rate
    )
    for _ in range(TRAINING.steps):
        optimiser.zero_grad()
        (module(x) - y).square().sum(1).mean().backward()
        optimiser.step()
    module.eval()
    with torch.no_grad():
        error = module(torch.from_numpy(split.test_inputs)).numpy() - split.test_targets
    return module, float((error**2).sum(1).mean())


@pytest.mark.parametrize("student", [normalised, Fourier, Branches, lazy])
def test_each_run_is_that_of_a_plain_loop(student: Callable[..., nn.Module]) -> None:
    plan = of(student)
    curve = run(plan).at(dataset_size=24)
    for seed in range(2):
        module, loss = by_torch(plan, seed)
        assert curve.runs[seed].loss == pytest.approx(loss, rel=1e-9)
        spec = PackSpec(plan.shape(6), ((24, seed),))
        member = train_pack(plan, spec, "cpu").pack.member(0)
        own = list(member.state_dict().values())
        for mine, right in zip(own, module.state_dict().values(), strict=True):
            torch.testing.assert_close(mine, right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("student", KINDS)
def test_a_member_does_not_depend_on_its_company(student: Callable[..., nn.Module]) -> None:
    plan, state = of(student), torch.get_rng_state()
    here = run(plan)
    torch.rand(7)  # whatever else draws from torch's generator in the meantime
    assert run(plan) == here
    fewer = run(dc.replace(plan, seeds=1, dataset_sizes=(24,)))
    assert fewer.losses[0] == pytest.approx(here.losses[0], rel=1e-9)
    torch.set_rng_state(state)
    run(plan)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_is_off_when_losses_are_measured() -> None:
    """The loss of the record is that of the network in eval mode; with its masks on, nine
    of ten units missing, it is far more.
    """
    plan = of(dropped, dataset_sizes=(24,), training=dc.replace(TRAINING, steps=300))
    spec = PackSpec(plan.shape(6), ((24, 0),))
    network = train_pack(plan, spec, "cpu").pack.member(0)
    split = TASK.draw(24, 40, plan.seed_of(plan.shape(6), 24, 0))
    x, y = torch.from_numpy(split.test_inputs), torch.from_numpy(split.test_targets)
    with torch.no_grad():
        tested = (network(x) - y).square().mean().item()
        masked = (network.train()(x.repeat(50, 1)) - y.repeat(50, 1)).square().mean().item()
    assert run(plan).losses[0] == pytest.approx(tested, rel=1e-9)
    assert masked > 1.1 * tested


class InAList(nn.Module):
    """Keeps its layer where torch does not see it, and another that it does not use."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.layers = [nn.Linear(inputs, width)]
        self.same = [self]
        self.last, self.unused = nn.Linear(width, outputs), nn.Linear(3, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.layers[0](x)))


def test_weights_that_no_training_reaches_are_said(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    single = dc.replace(TRAINING, dtype="float32")
    run(of(InAList, dataset_sizes=(24,), seeds=1, training=single))
    assert "no gradient reaches 'unused.weight'" in caplog.text
    assert "modules in 'layers' are neither trained" in caplog.text
    caplog.clear()
    run(of(lazy, dataset_sizes=(24,), seeds=1))
    assert not caplog.messages
    net = InAList(3, 1, 4)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    fill(net, tmp_path / "net.pt")
    assert "no checkpoint holds their weights" in caplog.text


def test_what_cannot_be_batched_is_said(caplog: pytest.LogCaptureFixture) -> None:
    said = {
        normalised: "training changes its buffers (1.running_mean)",
        dropped: "it draws random numbers in training",
        Branches: "torch.func.vmap cannot run it",
    }
    for student, words in said.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            run(of(student))
        (message,) = [m for m in caplog.messages if "one by one" in m]
        assert words in message
        assert why_alone(of(student).shape(6), torch.float64)
    caplog.clear()
    run(of(Fourier))
    assert not caplog.messages


def test_threads_give_what_one_process_gives() -> None:
    for student in (Fourier, dropped):
        plan = of(student, seeds=12)
        with ThreadPoolExecutor(8) as executor:
            apart = run(plan, executor=executor, pack_size=1)
        np.testing.assert_allclose(apart.losses, run(plan).losses, rtol=1e-9)


def shapeless(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.Flatten(0))


def misfit(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Linear(inputs + 1, outputs)


def constant(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Linear(inputs, outputs).requires_grad_(False)


class Detached(nn.Linear):
    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


def pair(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.LSTM(inputs, outputs)


def swapped(inputs: int, width: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.Linear(width, outputs))


def single(inputs: int, outputs: int, width: int) -> nn.Module:
    class Single(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.float())

    return Single(inputs, outputs)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (shapeless, r"into a tensor of shape \(4, 1\); it returned \(4,\)"),
        (misfit, "raised RuntimeError"),
        (constant, "has no parameter to train"),
        (Detached, "does not depend on its parameters"),
        (pair, "it returned tuple"),
        (
            swapped,
            r"with \(inputs, outputs, width\), in this order, and takes \(inputs: int, w",
        ),
        (single, "raised RuntimeError"),
    ],
)
def test_a_student_is_tried_before_the_first_run(
    tmp_path: Path, student: Callable[..., nn.Module], message: str
) -> None:
    path = tmp_path / "runs.sqlite"
    with pytest.raises(ms.ManifoldScaleError, match=message) as caught:
        run(of(student), path)
    assert "`student`" in str(caught.value) and "width 6" in str(caught.value)


MINE = """
from torch import nn
{extra}
def student(inputs, outputs, width{more}):
    return nn.Sequential(nn.Linear(inputs, width), nn.{act}(), nn.Linear(width, outputs))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write the module `my_student`, which is then imported anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(act: str = "ReLU", extra: str = "", more: str = "") -> None:
        monkeypatch.delitem(sys.modules, "my_student", raising=False)
        text = MINE.format(act=act, extra=extra, more=more)
        Path("my_student.py").write_text(text)

    return write


def test_an_edited_student_is_trained_again(write: Callable[..., None]) -> None:
    plan = dc.replace(PLAN, student="py:my_student:student")
    write("ReLU")
    first = run(plan, "runs.sqlite")
    assert run(plan, "runs.sqlite") == first
    write("Tanh")
    second = run(plan, "runs.sqlite")
    assert second == run(plan) and set(second.losses).isdisjoint(first.losses)
    write("ReLU")
    assert run(plan, "runs.sqlite") == first


def test_an_edited_student_that_is_still_loaded_is_refused(
    write: Callable[..., None],
) -> None:
    plan = dc.replace(PLAN, student="py:my_student:student")
    write("ReLU")
    run(plan, "runs.sqlite")
    Path("my_student.py").write_text(Path("my_student.py").read_text() + "\n# edited\n")
    with pytest.raises(ms.ManifoldScaleError, match="has changed since it was imported"):
        run(plan, "runs.sqlite")


def test_a_failure_whose_code_changed_is_tried_again(write: Callable[..., None]) -> None:
    plan = dc.replace(PLAN, student="py:my_student:student")
    write(
        "Hurt", "nn.Hurt = type('Hurt', (nn.Module,), {'forward': lambda self, x: 1 / 0})"
    )
    with pytest.raises(ms.ManifoldScaleError, match="ZeroDivisionError"):
        run(plan, "runs.sqlite")
    late = (
        "class Late(nn.Module):\n"
        "    seen = 0\n"
        "    def forward(self, x):\n"
        "        Late.seen += 1\n"
        "        return x / (0 if Late.seen > 8 else 1) if Late.seen < 8 else 1 // 0\n"
        "nn.Late = Late"
    )
    write("Late", late)
    failed = run(plan, "runs.sqlite")
    reasons = failures(failed)
    assert reasons == {"ZeroDivisionError: integer division or modulo by zero": len(failed)}
    write("ReLU")
    assert not failures(run(plan, "runs.sqlite"))


def test_a_worker_with_other_code_is_refused() -> None:
    shape = dc.replace(of(lazy).shape(6), code="of yesterday")
    assert isinstance(shape, FromFactory)
    with pytest.raises(ms.ManifoldScaleError, match="not the same code here"):
        shape.check_code()


@pytest.mark.parametrize("student", ["cnn", f"py:{__name__}:lazy"])
@pytest.mark.parametrize("name", ["depth", "activation", "parametrisation"])
def test_a_setting_that_the_student_does_not_take_is_refused(
    student: str, name: str
) -> None:
    plan = Plan(DataSet("digits"), (24,), (6,), student=student)
    values = {"depth": [1, 2], "activation": ["relu", "tanh"], "parametrisation": ["ntk"]}
    with pytest.raises(ms.ManifoldScaleError, match=f"does not take `{name}`"):
        plan.vary(**{name: values[name]})
    if name != "depth":
        with pytest.raises(ms.ManifoldScaleError, match=f"does not take `{name}`"):
            dc.replace(plan, **{name: values[name][-1]})
    assert (
        len(plan.vary(width=[], student=["cnn", "mlp"]) if 0 else plan.vary(steps=[1])) == 1
    )


def layered(inputs: int, outputs: int, width: int, depth: int = 7) -> nn.Module:
    sizes = [inputs, *[width] * depth, outputs]
    return nn.Sequential(*[nn.Linear(a, b) for a, b in itertools.pairwise(sizes)])


def test_a_setting_that_the_student_takes_is_given_to_it() -> None:
    plans = of(layered).vary(depth=[1, 3])
    found = [plan.shape(6).parameters for plan in plans.values()]
    assert found == [5 * 6 + 7, 5 * 6 + 2 * 7 * 6 + 7]
    assert len({plan.key(*plan.runs()[0]) for plan in plans.values()}) == 2


@dc.dataclass(frozen=True)
class Shifted(TeacherStudent):
    """A task of a user's, with code of its own."""


def test_the_code_of_a_task_and_the_data_of_a_data_set_are_in_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def key(task: Task) -> str:
        plan = Plan(task, (24,), (6,), seeds=1, n_test=40)
        return plan.key(*plan.runs()[0])

    assert Plan(TASK, (24,)).code() == {"code": {}, "data": {}}
    for task in (Shifted(2), ms.sweeps.ShuffledLabels(Shifted(2))):
        before = key(task)
        assert list(Plan(task, (24,)).code()["code"]) == ["Shifted"]
        with monkeypatch.context() as patch:
            patch.setattr("manifoldscale.core.source.source_hash", lambda thing: "other")
            assert key(task) != before
    about = dc.replace(ms.data.card("digits"), sha256="0" * 64)
    for task in (DataSet("digits"), ms.sweeps.ShuffledLabels(DataSet("digits"))):
        before = key(task)
        with monkeypatch.context() as patch:
            patch.setattr("manifoldscale.sweeps.data_sets.card", lambda name: about)
            assert key(task) != before
    for name in ms.data.names():
        assert FIRST_PUBLISHED[name]["sha256"] == ms.data.card(name).sha256


def test_train_one_gives_a_network_that_is_ready_to_be_tested() -> None:
    network = train_one(of(normalised), 6, 24)
    assert not network.training
    assert int(network.state_dict()["1.num_batches_tracked"]) == TRAINING.steps
    assert math.isfinite(network(torch.zeros(1, 4).double()).item())


READS_A_FILE = """
from pathlib import Path
from torch import nn

def student(inputs, outputs, width):
    hidden = int(Path("layers.json").read_text())
    layers = [nn.Linear(inputs, width), nn.ReLU()]
    for _ in range(hidden):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))
"""


def test_what_a_file_makes_of_a_student_is_in_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("reads_a_file.py").write_text(READS_A_FILE)
    keys = []
    for hidden in (0, 2, 0):
        Path("layers.json").write_text(str(hidden))
        factory._made.cache_clear()  # as in another process
        plan = dc.replace(PLAN, student="py:reads_a_file:student")
        keys.append(plan.key(plan.shape(6), 24, 0))
    assert keys[0] == keys[2] != keys[1]
