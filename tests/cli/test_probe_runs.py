"""Runs of the probe: kept, resumed, compared."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from manifoldscale.cli.main import main
from manifoldscale.core.interval import Interval
from manifoldscale.core.measurement import Measurement, SiteMeasurements, difference
from manifoldscale.geometry.cloud import Cloud
from manifoldscale.networks.extract import Representations
from manifoldscale.runs.probe import networks_of
from manifoldscale.runs.record import read_record
from manifoldscale.runs.result import load
from manifoldscale.runs.steps import beside
from manifoldscale.runs.steps.geometry import Probing

NET = """
import torch
from torch import nn

def net():
    torch.manual_seed(0)
    layers = nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 3)
    return nn.Sequential(*layers)
"""
COMMAND = ["probe", "py:kept_net:net", "torus.npy"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("kept_net.py").write_text(NET)
    sys.modules.pop("kept_net", None)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (400, 2))
    points = np.concatenate([np.cos(angles), np.sin(angles)], 1)
    np.save("torus.npy", np.concatenate([points, 0 * angles], 1))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def saved(folder: str = "run") -> Any:
    return json.loads(Path(folder, "results.json").read_text())


def test_curvature_of_the_inputs_is_that_of_the_torus(here: Path) -> None:
    """A product of two unit circles: kappa_rms^2 = 3/4, and R = sqrt(2)."""
    found = call(*COMMAND, "--sites", "@input", "--out", "run")
    assert found.exit_code == 0, found.output
    (site,) = saved()["networks"]["network"]
    kappa, scaled = (Measurement.from_dict(one) for one in site["readings"][1:3])
    assert (kappa.name, scaled.name) == ("kappa_rms", "kappa_extent")
    assert np.sqrt(3 / 4) in kappa.interval and np.sqrt(3 / 2) in scaled.interval
    assert kappa.method.startswith("Quadric(dim=2") and kappa.more["queries"] == 400
    header, row = Path("run/sites.csv").read_text().splitlines()
    assert header.startswith("site,features,dimension,low,high,level,method,n_points")
    assert str(kappa.value) in row


def test_there_is_no_curvature_in_many_dimensions(here: Path) -> None:
    """It says so at once; the dimension is not lost."""
    cloud = np.random.default_rng(0).standard_normal((1200, 16)).astype("float32")
    clouds, probing = {"wide": Cloud(cloud)}, Probing(curvature=True)
    look = probing.look(clouds, "wide", 0)
    geometry = probing.bend(clouds, "wide", look.dimension, 0, look.near)
    dim, kappa, _ = geometry.measurements()
    assert dim.value > 11 and not kappa.is_known
    assert "above 10 dimensions" in kappa.caveats[0]
    row = SiteMeasurements("wide", 16, geometry.measurements()).row()
    assert "above 10 dimensions" in row["caveats"] and np.isnan(row["kappa_rms"])


def test_what_is_done_is_not_done_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(*COMMAND, "--out", "run").exit_code == 0
    first = saved()
    made = []
    estimate = Probing.look

    def counted(self: Any, clouds: Any, site: str, seed: int) -> Any:
        made.append(site)
        return estimate(self, clouds, site, seed)

    monkeypatch.setattr(Probing, "look", counted)
    Path("run/results.json").unlink()
    Path("run/sites/network/2.json").unlink()  # as if it was stopped before this one
    Path("run/sites/network/3.json").write_text("{half a fi")
    assert call(*COMMAND, "--out", "run").exit_code == 0
    assert made == ["2", "3"] and saved() == first
    # Other settings make their own estimates.
    assert call(*COMMAND, "--out", "run", "--no-curvature").exit_code == 0
    assert len(made) == 2 + 6


def test_a_killed_run_resumes_to_the_same_numbers(here: Path) -> None:
    assert call(*COMMAND, "--out", "calm").exit_code == 0
    code = f"from manifoldscale.cli.main import main; main({[*COMMAND, '--out', 'run']!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not Path("run/sites/network/1.json").is_file() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert call(*COMMAND, "--out", "run").exit_code == 0
    assert saved()["networks"] == saved("calm")["networks"]


def test_references_of_one_name_are_told_apart(here: Path) -> None:
    """Two runs keep their checkpoints under the same name, each in its folder."""
    layers = nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 3)
    for run in ("one", "two"):
        Path(run).mkdir()
        torch.save(nn.Sequential(*layers).state_dict(), f"{run}/model less more.pt")
    found = call(
        *[*COMMAND, "--sites", "[02]", "--no-curvature", "--out", "twice"],
        *["--against", "one/model less more.pt", "--against", "two/model less more.pt"],
    )
    assert found.exit_code == 0, found.output
    stored = json.loads(Path("twice/results.json").read_text())
    names = [f"against {run}-model less more" for run in ("one", "two")]
    assert list(stored["networks"]) == ["network", *names]
    assert list(stored["differences"]) == [f"network less {name}" for name in names]
    # A name is no difference for its words: the axis of the networks starts at zero.
    drawn, differences = networks_of(read_record("twice").content)
    assert not any(network.is_difference for network in drawn)
    assert [network.role for network in drawn] == ["trained", "against", "against"]
    assert all(network.is_difference for network in differences)
    file = "one/model less more.pt"
    again = call(*COMMAND, "--against", file, "--against", file)
    assert again.exit_code == 1 and f"names a file twice: {file}" in again.stderr


def test_against_a_checkpoint_and_initialisation(here: Path) -> None:
    torch.manual_seed(5)
    layers = nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 3)
    torch.save(nn.Sequential(*layers).state_dict(), "other.pt")
    found = call(
        *[*COMMAND, "--sites", "[02]", "--against", "other.pt", "--at-init"],
        *["--no-curvature", "--out", "run"],
    )
    assert found.exit_code == 0, found.output
    assert "network less against other" in found.stdout
    assert "as independent" in " ".join(found.stdout.split())
    assert Path("run/figures/difference_dimension.pdf").stat().st_size > 5000
    stored = saved()
    assert list(stored["networks"]) == ["initialisation", "network", "against other"]
    assert list(stored["differences"]) == [
        "network less initialisation",
        "network less against other",
    ]
    (_, first, second), differences = networks_of(read_record("run").content)
    for place, one in enumerate(differences[1].sites):
        known = difference(*(net.sites[place]["dimension"] for net in (first, second)))
        assert one["dimension"].value == known.value
        assert tuple(one["dimension"].interval) == tuple(known.interval)
    assert Interval(*first.sites[0]["dimension"].interval).width > 0
    _is_beside(stored, found.stdout)


def _is_beside(stored: Any, said: str) -> None:
    """Which networks are alike, in every form: the file, its reader, a table, the page."""
    others = [(row["site"], row["beside"]) for row in stored["beside"]]
    names = ("initialisation", "against other")
    assert others == [(site, name) for name in names for site in ("0", "2")]
    same, unlike = stored["beside"][:2], stored["beside"][2:]
    for row in same:  # it was not trained, and its initialisation has the same seed
        assert row["cka"] == pytest.approx(1) and row["imbalance_ab"] < 0.0051
        assert row["resolved_difference"] == pytest.approx(0, abs=1e-4)
    for row in unlike:
        assert row["cka_low"] < row["cka"] < row["cka_high"] < 1 and row["n_points"] > 100
        assert row["imbalance_ab"] > same[0]["imbalance_ab"]
        ends = row["resolved_difference_low"], row["resolved_difference_high"]
        assert ends[0] < row["resolved_difference"] < ends[1] < ends[0] + 3
    assert load("run").tables()["beside"] == stored["beside"]
    assert Path("run/beside.csv").read_text().count("against other") == 2
    assert "network beside" in said
    assert "Representations beside each other" in Path("run/report.html").read_text()


@pytest.mark.parametrize("grouped", [False, True])
def test_many_points_are_compared_at_some_of_their_groups(
    grouped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MOST", 30)
    rows = np.arange(120.0)
    groups = np.repeat(np.arange(40), 3) if grouped else None
    clouds = Representations((), {"fc": rows[:, None]}, rows > 60, rows, groups)
    some = beside.few_points(clouds)
    chosen = some.arrays["fc"][:, 0]
    assert len(chosen) == 30 and (some.ids == chosen).all() and chosen.max() > 90
    assert (some.labels == (chosen > 60)).all()
    if grouped:
        assert (np.unique(some.groups, return_counts=True)[1] == 3).all()


def test_networks_on_one_input_have_one_dimension_of_it(here: Path) -> None:
    """Against initialisation the input is the same, and so is its dimension, which the
    sites of both networks say something of.
    """
    found = call(*COMMAND, "--at-init", "--no-curvature", "--out", "run")
    assert found.exit_code == 0, found.output
    networks = saved()["networks"]
    inputs = [sites[0]["readings"][0] for sites in networks.values()]
    assert len(inputs) == 2 and inputs[0]["value"] == inputs[1]["value"]
    assert inputs[0]["alone"] == inputs[1]["alone"] != inputs[0]["value"]
    for sites in networks.values():
        top = sites[0]["readings"][0]["value"]
        assert all(one["readings"][0]["value"] <= 1.02 * top for one in sites)


@pytest.mark.slow
def test_shuffled_labels_of_a_study(here: Path) -> None:
    import dataclasses as dc

    from manifoldscale.networks.loading import load_model
    from manifoldscale.runs.steps.subjects import on_shuffled_labels
    from manifoldscale.runs.study import dataset_study, study

    asked = dataset_study("digits", quick=True)
    plan = dc.replace(
        asked.plan,
        dataset_sizes=(60, 120, 240, 480),
        seeds=1,
        training=dc.replace(asked.plan.training, steps=40),
    )
    study(dc.replace(asked, plan=plan, n_points=500), out="study")
    checkpoint = "study/probe.safetensors"
    found = call(
        *["probe", checkpoint, "digits", "--points", "500", "--sites", "hidden3"],
        *["--shuffled-labels", "--no-curvature", "--json"],
    )
    assert found.exit_code == 0, found.output
    assert list(json.loads(found.stdout)) == ["trained", "shuffled labels"]
    # The same architecture and another network, which the labels alone have made.
    network, (shuffled, _) = load_model(checkpoint), on_shuffled_labels(checkpoint)
    assert str(network) == str(shuffled)
    assert not torch.equal(network.hidden1.weight, shuffled.hidden1.weight)
    again, _ = on_shuffled_labels(checkpoint)
    assert torch.equal(again.hidden1.weight, shuffled.hidden1.weight)


def test_shuffled_labels_keep_inputs_and_classes() -> None:
    import manifoldscale as ms

    task = ms.sweeps.DataSet("digits")
    plain, shuffled = (t.draw(300, 50, 1) for t in (task, ms.sweeps.ShuffledLabels(task)))
    np.testing.assert_array_equal(plain.train_inputs, shuffled.train_inputs)
    np.testing.assert_array_equal(plain.test_targets, shuffled.test_targets)
    np.testing.assert_array_equal(plain.train_targets.sum(0), shuffled.train_targets.sum(0))
    same = (plain.train_targets == shuffled.train_targets).all(axis=1).mean()
    assert same < 0.2  # chance, with ten classes, is one in ten


def test_what_cannot_be_trained_says_what_would_work(here: Path) -> None:
    found = call(*COMMAND, "--shuffled-labels")
    assert found.exit_code == 1
    assert "results.json" in found.stderr and "--against FILE" in found.stderr
    found = call(*COMMAND, "--against", "nowhere.pt")
    assert found.exit_code == 1 and "nowhere.pt" in found.stderr


CLASSIFIER = """
import torch
from torch import nn
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
def data():
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(1))
    return x.numpy(), (x[:, 0] > 0).long().numpy()
"""


@pytest.fixture
def classifier(here: Path) -> Path:
    """A network that names the sign of the first feature, as a checkpoint."""
    Path("sign_net.py").write_text(CLASSIFIER)
    sys.modules.pop("sign_net", None)
    weights = {
        "0.weight": torch.zeros(16, 6),
        "0.bias": torch.zeros(16),
        "2.weight": torch.zeros(2, 16),
        "2.bias": torch.zeros(2),
    }
    weights["0.weight"][:, :] = torch.linspace(0.1, 0.2, 96).reshape(16, 6)
    weights["0.weight"][:, 1:] = 0
    weights["2.weight"][1] = 1
    weights["2.weight"][0] = -1
    torch.save(weights, "final.pt")
    wrong = {**weights, "2.weight": -weights["2.weight"]}
    torch.save(wrong, "wrong.pt")
    return here


PLAIN = ["probe", "py:sign_net:net", "py:sign_net:data", "--no-curvature", "--sites", "0"]


def test_the_checkpoint_is_probed_beside_those_along_training(classifier: Path) -> None:
    along = ["--along-training", "wrong.pt", "--checkpoint", "final.pt"]
    found = call(*PLAIN, *along, "--out", "run")
    assert found.exit_code == 0, found.output
    about = saved()["about"]
    assert list(saved()["networks"]) == ["wrong", "trained"]
    assert about["networks"]["trained"].startswith(
        "weights: final.pt; 100.0% of 300 labels"
    )
    assert "always naming one class" in about["networks"]["wrong"]
    assert "weights: final.pt; 100.0%" in found.output
    for name in ("final.pt", "wrong.pt"):
        digest = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        assert about["files"][name] == digest
    assert {"py:sign_net:net", "py:sign_net:data"} <= about["files"].keys()


def test_weights_of_a_factory_are_not_called_trained(classifier: Path) -> None:
    found = call(*PLAIN, "--out", "run")
    assert found.exit_code == 0, found.output
    assert list(saved()["networks"]) == ["network"]
    assert "as sign_net:net returned them: no --checkpoint was given" in found.output
    assert "trained" not in found.output.replace("are the weights trained", "")


def test_what_a_point_was_stands_in_the_table(here: Path) -> None:
    Path("frames.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def net(): return nn.Sequential(nn.Conv1d(2, 5, 3), nn.ReLU())\n"
        "def data(): return torch.randn(300, 2, 40).numpy()\n"
    )
    sys.modules.pop("frames", None)
    words = ["probe", "py:frames:net", "py:frames:data", "--no-curvature", "--sites", "1"]
    found = call(*words, "--policy", "mean", "--out", "run")
    assert found.exit_code == 0, found.output
    assert "a point is" in found.output and "mean" in found.output
    (site,) = saved()["networks"]["network"]
    assert site["readings"][0]["point"] == "mean"
    assert "point" in Path("run/sites.csv").read_text().splitlines()[0]


def test_a_key_of_a_checkpoint_is_chosen(classifier: Path) -> None:
    weights = torch.load("final.pt")
    average = {name: 1.5 * value for name, value in weights.items()}
    torch.save({"model": weights, "ema": average, "step": 3}, "both.pt")
    assert "both.pt::ema" in call(*PLAIN, "--checkpoint", "both.pt").output
    found = call(*PLAIN, "--checkpoint", "both.pt::ema")
    assert found.exit_code == 0 and "weights: both.pt::ema; 100.0%" in found.output


def test_a_convolutional_network_is_shown_images(here: Path) -> None:
    """A named data set has a row per image; the network takes 1 x 8 x 8."""
    Path("conv_net.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),\n"
        "        nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 10))\n"
    )
    found = call("probe", "py:conv_net:net", "digits", "--points", "300", "--no-curvature")
    assert found.exit_code == 0, found.output
    assert "as images of 1 x 8 x 8" in " ".join(found.stdout.split())
    listed = call("sites", "py:conv_net:net", "digits")
    assert listed.exit_code == 0 and "NCHW" in listed.stdout, listed.output
