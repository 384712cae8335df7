"""A study of the user's own network and data, as its reader runs it."""

import dataclasses as dc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.serialize import plain
from manifoldscale.networks.loading import load_model
from manifoldscale.runs.study import StudyResult, run_study, study_of
from manifoldscale.runs.telling import shown
from manifoldscale.sweeps import OwnData, Plan

OWN = """
import numpy as np
import torch
from torch import nn


class CNN(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.fc1 = nn.Linear(64, 12)
        self.fc2 = nn.Linear(12, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)
        return self.fc2(torch.relu(self.fc1(self.drop(x.flatten(1)))))


def few_outputs():
    return CNN(classes=3)


def sized(inputs, outputs, width):
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs))


def narrow(outputs, width=7):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.Linear(width, outputs))


def preset(outputs=10, width=7):
    return narrow(outputs, width)


def load():
    stored = np.load("digits.npz")
    return torch.from_numpy(stored["X"]).flatten(1), stored["y"].astype(str)


def squares(outputs, targets):
    return (outputs - targets).square().sum(1)


def mean(outputs, targets):
    return (outputs - targets).square().mean()


def of_the_batch(outputs, targets):
    return squares(outputs, targets) / squares(outputs, targets).mean()


def rounded(outputs, targets):
    return squares(outputs.round().detach(), targets)
"""
PLAN = """
[plan]
dataset_sizes = [40, 80, 160, 320]
seeds = 2
n_test = 200

[training]
steps = 40
batch_size = 32
optimiser = "sgd"
momentum = 0.9
learning_rate = 0.02

[study]
n_points = 300
"""
SMALL: dict[str, Any] = {
    "plan": {"dataset_sizes": [30, 60, 120, 240], "seeds": 1, "n_test": 60},
    "training": {"steps": 30},
    "study": {"n_points": 300},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("own")
    digits = ms.data.load("digits")
    images = digits.inputs.reshape(-1, 8, 8)
    np.savez(place / "digits.npz", X=images, y=digits.targets)
    (place / "own.py").write_text(OWN)
    (place / "plan.toml").write_text(PLAN)
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def done(folder: Path) -> StudyResult:
    """The study of a network with batch normalisation and dropout, of a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["study", "py:own:CNN", "digits.npz", "--plan", "plan.toml"]
        found = CliRunner().invoke(main, [*words, "--out", "done"])
        assert found.exit_code == 0, found.output
        assert "examples of 8 x 8, 10 classes" in found.output
        result = ms.load("done")
    assert isinstance(result, StudyResult)
    return result


def test_a_study_of_a_network_with_batch_normalisation_and_dropout(
    done: StudyResult,
) -> None:
    """Its own names for its layers; losses fall; the last layer before the read-out comes
    first; the page says what was trained.
    """
    assert len(done.curve) == 8 and np.isfinite(done.curve.losses).all()
    small, large = (done.curve.at(data=n).losses.mean() for n in (40, 320))
    assert large < small
    sites = done.dimensions.keys()
    assert sites[0] == "@input" and {"conv", "norm", "fc1", "fc2"} <= set(sites)
    assert done.headline_site == sites[-2] == "fc2:in"
    assert {run.width for run in done.curve.runs} == {None}
    page = Path("done/report.html").read_text()
    assert "py:own:CNN, made without arguments; it takes 1 x 8 x 8" in page
    assert done.provenance["parameters"] == 40 + 8 + 65 * 12 + 13 * 10


def test_the_same_numbers_by_a_probe_of_its_checkpoint(done: StudyResult) -> None:
    found = ms.probe(
        *("py:own:CNN", "digits.npz"),
        checkpoint="done/probe.safetensors",
        n_points=300,
        curvature=False,
    )
    assert found.keys() == done.dimensions.keys()
    for site, dim in done.dimensions.items():
        assert found[site]["dimension"].value == pytest.approx(dim.value, rel=1e-12)
    assert "prepared as in training" in found.about["read"]
    assert "labels are the largest output" in shown(found.about["networks"])


def test_shuffled_labels_and_initialisation_of_a_network_of_ones_own(
    done: StudyResult,
) -> None:
    found = ms.probe(
        *("py:own:CNN", "digits.npz"),
        checkpoint="done/probe.safetensors",
        n_points=200,
        curvature=False,
        at_init=True,
        shuffled_labels=True,
        sites=["fc1"],
    )
    assert [one.role for one in found.networks] == ["initialisation", "trained", "shuffled"]
    values = {one.sites[0]["dimension"].value for one in found.networks}
    assert len(values) == 3


def test_an_interrupted_study_goes_on(done: StudyResult, tmp_path: Path) -> None:
    def stop(stage: str, count: int, total: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ms.study("digits.npz", "py:own:CNN", plan="plan.toml", out=tmp_path, progress=stop)
    seen: list[int] = []
    again = ms.study(
        *("digits.npz", "py:own:CNN"),
        plan="plan.toml",
        out=tmp_path,
        progress=lambda stage, count, total: seen.append(count),
    )
    assert seen[0] == 3  # these were not trained again
    assert again.curve.losses.tolist() == done.curve.losses.tolist()


@pytest.mark.slow
def test_a_killed_study_goes_on(done: StudyResult, tmp_path: Path) -> None:
    words = [*("study", "py:own:CNN", "digits.npz", "--plan", "plan.toml", "--json")]
    command = [sys.executable, "-c", "from manifoldscale.cli.main import main; main()"]
    for seconds in (4, 5, 6):
        with subprocess.Popen(
            [*command, *words, "--out", str(tmp_path)], stdout=subprocess.DEVNULL
        ) as process:
            time.sleep(seconds)
            os.kill(process.pid, signal.SIGKILL)
    found = CliRunner().invoke(main, [*words, "--out", str(tmp_path)])
    losses = [run["loss"] for run in json.loads(found.stdout)["learning_curve"]["runs"]]
    assert losses == done.curve.losses.tolist()


@pytest.mark.slow
def test_a_loader_alone_trains_the_usual_network() -> None:
    result = ms.study("py:own:load", plan=SMALL)
    assert result.study.plan.student == "mlp" and result.headline_site == "hidden3"
    task = result.study.plan.task
    assert isinstance(task, OwnData)
    assert (task.classes, task.shape, task.examples) == (10, (64,), 1797)
    words = "hidden layers of 128 relu units"
    assert result.provenance["network"] == f"3 {words}"


@pytest.mark.slow
def test_a_table_with_a_real_target(tmp_path: Path) -> None:
    """The dimension of inputs on a plane in four features is two, whatever they are."""
    rng = np.random.default_rng(0)
    flat = rng.uniform(-1, 1, (600, 2))
    inputs = flat @ rng.standard_normal((2, 4))
    price = 100 + 20 * np.sin(2 * flat[:, 0]) + 10 * flat[:, 1]
    rows = [",".join(map(str, (*x, p))) for x, p in zip(inputs, price, strict=True)]
    Path("houses.csv").write_text("\n".join(["a,b,c,d,price", *rows]))
    plan = SMALL | {"training": {"steps": 400}}
    result = ms.study("houses.csv::price", "py:own:sized", plan=plan)
    task = result.study.plan.task
    assert isinstance(task, OwnData) and not task.has_classes and task.outputs == 1
    assert result.dimensions["@input"].value == pytest.approx(2, rel=0.15)
    # Targets are standardised: the best constant has a loss of 1.
    assert result.curve.at(data=240).losses[0] < 0.3
    with pytest.raises(ms.ManifoldScaleError, match="no column 'cost'"):
        ms.study("houses.csv::cost", plan=SMALL)
    with pytest.raises(ms.ManifoldScaleError, match="nothing to learn"):
        ms.study("houses.csv", plan=SMALL)


def test_a_function_with_defaults_of_its_own() -> None:
    study = study_of("digits.npz", "py:own:preset", SMALL)
    assert study.plan.widths == (7,)
    assert study.plan.shape(7).parameters == 65 * 7 + 8 * 10
    wider = study_of("digits.npz", "py:own:preset", {"plan": {"widths": [9]}})
    assert wider.plan.shape(9).parameters == 65 * 9 + 10 * 10


def test_a_checkpoint_knows_a_width_that_is_not_the_default(tmp_path: Path) -> None:
    plan = SMALL | {"plan": SMALL["plan"] | {"widths": [9]}}
    run_study(study_of("digits.npz", "py:own:preset", plan), tmp_path)
    network: Any = load_model("py:own:preset", tmp_path / "probe.safetensors")
    assert network[1].out_features == 9


def made_here(inputs: int, outputs: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def test_arrays_and_a_function_in_memory(tmp_path: Path) -> None:
    digits = ms.data.load("digits")
    asked = study_of((digits.inputs, digits.targets), made_here, SMALL)
    result = run_study(asked, tmp_path)
    other = study_of((digits.inputs[::-1], digits.targets[::-1]), made_here, SMALL)
    keys = {one.plan.key(*one.plan.runs()[0]) for one in (asked, other)}
    assert len(keys) == 2  # other data are other runs
    result.to_json(tmp_path / "results.json")
    again = ms.load(tmp_path)
    assert isinstance(again, StudyResult)
    assert again.fit.alpha == result.fit.alpha
    assert again.dimensions.keys() == result.dimensions.keys()
    with pytest.raises(ms.ManifoldScaleError, match="memory of another session"):
        dc.replace(again.study.plan.task, held=None).draw(10, 10, 0)
    found = ms.probe(
        *(f"py:{__name__}:made_here", (digits.inputs, digits.targets)),
        checkpoint=str(tmp_path / "probe.safetensors"),
        n_points=300,
        curvature=False,
    )
    for site, dim in result.dimensions.items():
        assert found[site]["dimension"].value == pytest.approx(dim.value, rel=1e-12)


@pytest.mark.slow
def test_the_cnn_of_the_package(tmp_path: Path) -> None:
    result = run_study(study_of("digits", "cnn", SMALL), tmp_path)
    assert result.headline_site == "act3" and result.study.width == 16
    assert "max-pooling" in result.infinite_width.why_not
    assert "max-pooling" in (result.page(tmp_path / "page.html")).read_text()
    found = ms.probe(
        *(str(tmp_path / "probe.safetensors"), "digits"), n_points=300, curvature=False
    )
    for site, dim in result.dimensions.items():
        assert found[site]["dimension"].value == pytest.approx(dim.value, rel=1e-12)


def losses(**changes: Any) -> list[float]:
    """Of the smallest plan, with other settings of its training."""
    plan = Plan(
        OwnData("digits.npz"),
        (30, 60),
        (8,),
        seeds=2,
        n_test=60,
        student="py:own:sized",
        training=ms.sweeps.Training(steps=20, **changes),
    )
    found: list[float] = ms.sweeps.run(plan).losses.tolist()
    return found


def test_a_loss_of_ones_own_is_the_loss() -> None:
    assert losses(loss="py:own:squares") == losses()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mean", r"a tensor of shape \(4,\); it returned \(\)"),
        ("of_the_batch", "depends on the other examples"),
        ("rounded", "no finite gradient"),
        ("nothing", "has no function 'nothing'"),
    ],
)
def test_a_loss_that_is_none(name: str, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        losses(loss=f"py:own:{name}")


def test_a_loss_of_ones_own_is_said(done: StudyResult) -> None:
    curve = dc.replace(done.curve, loss="py:own:squares", early_stopped=True)
    said = str(ms.fit_power_law(curve))
    assert "own loss (py:own:squares)" in said and "early stopped" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["py:own:few_outputs", "digits.npz"], r"\(4, 10\); it returned \(4, 3\)"),
        (["py:own:CNN"], "it returned CNN"),
        (["py:own:CNN", "digits.npz", "--plan", "widths.toml"], "takes no width"),
        (["py:own:sized", "digits.npz", "--plan", "widths.toml"], "one width"),
        (["py:own:CNN", "digits.npz", "--plan", "typo.toml"], "no setting 'sedes'"),
        (["vgg", "digits.npz"], "MODEL must be mlp, cnn or py:module:factory"),
        (["mlp", "digits.npz", "more"], "at most MODEL and DATA"),
        (["digits", "--teacher", "2"], "MODEL must be"),
        (["nowhere.npz"], "there is no such file"),
        (["unlabelled.npy"], "nothing to learn"),
        (["ids.npz"], "200 different labels for 200 examples"),
        (["few.npz"], "at least 20"),
        (["nan.npz"], "1 inputs that are not finite"),
    ],
)
def test_what_cannot_be_studied(words: list[str], message: str) -> None:
    Path("widths.toml").write_text("[plan]\nwidths = [4, 8]\n")
    Path("typo.toml").write_text("[plan]\nsedes = 3\n")
    x = np.random.default_rng(0).standard_normal((200, 3))
    np.save("unlabelled.npy", x)
    np.savez("ids.npz", X=x, y=np.arange(200))
    np.savez("few.npz", X=x[:9], y=np.arange(9) % 2)
    np.savez("nan.npz", X=np.where(x == x[0, 0], np.nan, x), y=np.arange(200) % 2)
    found = CliRunner().invoke(main, ["study", *words, "--out", "never"])
    assert found.exit_code in (1, 2) and isinstance(found.exception, SystemExit)
    assert message.replace("\\", "") in " ".join(found.stderr.split()), found.stderr


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(64, 10), "trains many; not a network"),
        (lambda: nn.Linear(64, 10), "cannot be found again by its name"),
    ],
)
def test_a_network_is_no_function(model: Any, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.study("digits.npz", model, plan=SMALL)


def test_data_that_changed_are_refused() -> None:
    rng = np.random.default_rng(0)
    for place in ("changing.npz", "other.npz"):
        x = rng.standard_normal((60, 3))
        np.savez(place, X=x, y=np.arange(60) % 2)
    task = OwnData("changing.npz")
    first = task.draw(20, 10, 0).train_inputs
    Path("changing.npz").write_bytes(Path("other.npz").read_bytes())
    assert (task.draw(20, 10, 0).train_inputs == first).all()  # read already
    other = OwnData("changing.npz")
    assert other != task and (other.draw(20, 10, 0).train_inputs != first).any()
    with pytest.raises(ms.ManifoldScaleError, match="other examples than when"):
        task.draw(20, 10, 0)


@pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6), (6, 6, 3), (3, 6, 6)])
def test_images_however_they_are_stored(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network gets channels first, with the pixels where they belong."""
    images = np.random.default_rng(0).standard_normal((40, *shape)).astype("float32")
    task = OwnData.of(images, np.arange(40) % 2, prepared=True)
    channels = 3 if 3 in shape else 1
    student = "coloured" if channels == 3 else "grey"
    plan = Plan(task, (20,), n_test=10, seeds=1, student=f"py:{__name__}:{student}")
    layout = ms.sweeps.run.__globals__["layout_of"](plan.shape(1))
    assert layout.taken == (channels, 6, 6)
    moved = np.moveaxis(images, -1, 1) if shape[-1] == 3 else images
    expected = moved.reshape(40, channels, 6, 6)
    np.testing.assert_array_equal(layout(images.reshape(40, -1)), expected)
    np.testing.assert_array_equal(
        layout(torch.from_numpy(images).reshape(40, -1)).numpy(), expected
    )


def _of_channels(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Linear(32, 2))


def grey() -> nn.Module:
    return _of_channels(1)


def coloured() -> nn.Module:
    return _of_channels(3)


@pytest.mark.slow
@pytest.mark.parametrize("student", [made_here, grey])
def test_the_network_of_a_study_takes_the_data_unprepared(
    student: Callable[..., nn.Module],
) -> None:
    """`train_one` puts preparation and layout in front, whatever the module."""
    images = 5 + 3 * np.random.default_rng(0).standard_normal((60, 6, 6)).astype("float32")
    task = OwnData.of(images, (images.mean((1, 2)) > 5).astype(int))
    name = f"py:{__name__}:{student.__name__}"
    plan = Plan(task, (40,), n_test=10, seeds=1, student=name, widths=(16,))
    bare, layout = ms.sweeps.run.__globals__["train_bare"](plan, 16, 40)
    whole = ms.sweeps.train_one(plan, 16, 40)
    rows = task.points(60, 0)[0]
    offset, scale = task.preparation
    prepared = torch.from_numpy(layout((rows - offset) / scale)).float()
    with torch.no_grad():
        torch.testing.assert_close(
            whole(torch.from_numpy(rows)), bare(prepared), rtol=1e-3, atol=1e-3
        )


def test_copies_of_examples_are_told_and_those_of_other_rows_refused() -> None:
    """They are learned by heart and then tested on."""
    x = np.random.default_rng(0).standard_normal((60, 3))
    classes = np.arange(60) % 3
    plan = ms.sweeps.Plan(
        OwnData.of(np.repeat(x, 2, axis=0), np.repeat(classes, 2)),
        dataset_sizes=[20, 30, 50, 80],
        widths=[4],
        seeds=1,
        n_test=40,
        training=ms.sweeps.Training(steps=2),
    )
    curve = ms.sweeps.run(plan)
    assert curve.copies == "60 of 120"
    assert Caveat.COPIES in {note.caveat for note in ms.fit_power_law(curve).caveats}
    alone = OwnData.of(x, classes)
    assert not alone.copies_said and "copies" not in plain(alone)  # keys of runs stay
    frame, column = pd.DataFrame(x).sample(frac=1, random_state=0), pd.Series(classes)
    with pytest.raises(ManifoldScaleError, match="in another order"):
        OwnData.of(frame, column)


def test_inputs_that_float32_cannot_tell_apart_are_refused() -> None:
    """Centred after their cast, they were steps of rounding."""
    x = np.random.default_rng(0).standard_normal((60, 3))
    for far in (x + 1e5, x * 1e39, x * 1e-200):
        with pytest.raises(ManifoldScaleError, match="networks compute in float32"):
            OwnData.of(far, np.arange(60) % 3)
    year = np.c_[x, 2000 + 5 * x[:, 0]]
    prepared = OwnData.of(year, np.arange(60) % 3).everything()[0].astype(np.float64)
    np.testing.assert_allclose(prepared.mean(0), 0, atol=1e-4)
    assert np.square(prepared).mean() == pytest.approx(1, rel=1e-4)
