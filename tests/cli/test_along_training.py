"""Checkpoints along training: their order, their names, and the axis of what they count."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.interval import Interval
from manifoldscale.core.measurement import Measurement, SiteMeasurements
from manifoldscale.report.interactive import interactive
from manifoldscale.report.networks import Network, along_training, is_wide
from manifoldscale.report.parts import AlongNetworks
from manifoldscale.report.static import draw
from manifoldscale.runs.probe import Probe, run_probe
from manifoldscale.runs.steps.checkpoints import folders, in_order, moment, names


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("epoch_03.pt", ("epoch", 3)),
        ("model-epoch=5.ckpt", ("epoch", 5)),
        ("epoch=5-step=1000.ckpt", ("epoch", 5)),
        ("runs/step_1000.safetensors", ("step", 1000)),
        ("ckpt_0007.pt", ("checkpoint", 7)),
        ("step1.pt", ("step", 1)),
        ("global_step143000.pt", ("step", 143000)),
        ("run/checkpoint-500/model.safetensors", ("checkpoint", 500)),
        ("epoch_4.pt::model", ("epoch", 4)),
        ("last.pt", None),
        ("resnet50.pt", None),
        ("deep12.pt", None),
    ],
)
def test_the_name_of_a_checkpoint_counts_something(path: str, found: Any) -> None:
    assert moment(path) == found


def test_names_and_folders() -> None:
    paths = ["a/epoch_03.pt", "a/epoch_10.pt", "a/last.pt"]
    assert names(paths) == ["epoch 3", "epoch 10", "last"]
    # What is stored is found again under the names that it had before.
    assert folders(paths) == ["000-epoch_03", "001-epoch_10", "002-last"]
    assert names(["a/epoch_3.pt", "b/epoch_3.pt"]) == ["000-epoch_3", "001-epoch_3"]
    assert names(["trained.pt"], taken=["trained"]) == ["000-trained"]


def test_a_pattern_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for name in ("epoch_2.pt", "epoch_10.pt", "epoch_1.pt", "best.pt"):
        (tmp_path / name).touch()
    found = in_order([str(tmp_path / "epoch_*.pt")])
    assert [Path(path).name for path in found] == [
        "epoch_1.pt",
        "epoch_2.pt",
        "epoch_10.pt",
    ]
    keyed = in_order([str(tmp_path / "epoch_*.pt::ema")])
    assert Path(keyed[0]).name == "epoch_1.pt::ema"
    listed = (str(tmp_path / "epoch_10.pt"), str(tmp_path / "epoch_1.pt"))
    assert in_order(listed) == listed  # as they were given
    with pytest.raises(ms.ManifoldScaleError, match=r"no file is called '.*step_\*\.pt'"):
        in_order([str(tmp_path / "step_*.pt")])


def network(name: str, role: str, *values: float) -> Network:
    sites = tuple(
        SiteMeasurements(
            f"fc{i}",
            4,
            (Measurement("dimension", v, Interval(v - 1, v + 2), "by hand", 9),),
        )
        for i, v in enumerate(values)
    )
    return Network(name, sites, role)


def test_the_axis_along_training() -> None:
    first = network("initialisation", "initialisation", 9.0)
    epochs = [network(f"epoch {n}", "checkpoint", 5.0) for n in (1, 3, 10)]
    assert along_training([first, *epochs]) == ("epoch", [0.0, 1.0, 3.0, 10.0])
    assert along_training([*epochs, network("step 4", "checkpoint", 5.0)]) is None
    assert along_training([*epochs, network("shuffled labels", "shuffled", 5.0)]) is None
    assert along_training(epochs[:1]) is None
    # The name of a reference counts nothing.
    assert along_training([*epochs, network("epoch 11", "against", 5.0)]) is None
    steps = [network(f"step {n}", "checkpoint", 5.0) for n in (1, 30, 1000)]
    found = along_training(steps)
    assert found is not None and is_wide(found[1])
    assert along_training([first, *steps]) is None  # zero is not on a logarithmic axis


def test_figures_along_training_have_its_numbers_and_their_bands() -> None:
    networks = (
        network("epoch 10", "checkpoint", 4.0, 2.0),
        network("initialisation", "initialisation", 9.0, 8.0),
        network("epoch 2", "checkpoint", 6.0, 5.0),
    )
    shown = AlongNetworks("along", "", "", networks, "dimension")
    _, ax = plt.subplots()
    draw(shown, ax)
    assert ax.get_xlabel() == "epoch"
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 2, 10])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [9, 6, 4])
    ends = ax.collections[0].get_paths()[0].vertices
    assert {(0.0, 8.0), (0.0, 11.0), (10.0, 3.0), (10.0, 6.0)} <= {tuple(e) for e in ends}
    plt.close("all")
    page = interactive(shown)
    assert page.layout.xaxis.title.text == "epoch" and page.layout.xaxis.tickvals is None
    line, other, band, _ = page.data
    assert list(line.x) == [10.0, 0.0, 2.0] and not line.visible and other.visible
    assert band.meta["of"] == 0 and list(band.x[:3]) == [0.0, 2.0, 10.0]
    assert list(band.y[:3]) == [11.0, 8.0, 6.0] and not band.visible


def test_a_probe_along_training_is_kept_under_stable_names(tmp_path: Path) -> None:
    inputs = np.random.default_rng(0).standard_normal((60, 5)).astype("float32")
    for epoch in (9, 10):
        torch.manual_seed(epoch)
        torch.save(nn.Linear(5, 4).state_dict(), tmp_path / f"epoch_{epoch:02d}.pt")
    asked = Probe(
        nn.Linear(5, 4),
        inputs,
        curvature=False,
        along_training=(str(tmp_path / "epoch_*.pt"),),
        out=tmp_path / "run",
    )
    found = run_probe(asked)
    assert found is not None
    assert [one.name for one in found.networks] == ["epoch 9", "epoch 10"]
    kept = sorted(path.name for path in (tmp_path / "run" / "representations").iterdir())
    assert kept == ["000-epoch_09", "001-epoch_10"]
    assert list(found.about["networks"]) == ["epoch 9", "epoch 10"]
