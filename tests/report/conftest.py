"""Small runs of every command whose results a page shows, made once."""

import contextlib
import dataclasses as dc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from manifoldscale.cli.main import main
from manifoldscale.runs.study import dataset_study, study

from ..plans import PLAN

NET = """
import torch
from torch import nn

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
"""


def call(*arguments: str) -> None:
    found = CliRunner().invoke(main, list(arguments))
    assert found.exit_code == 0, found.output


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `study/`, `probe/`, `fit/`, `compare/`, `estimate/` and `plan.json`."""
    place = tmp_path_factory.mktemp("runs")
    with contextlib.chdir(place):
        _study(place / "study")
        _probe()
        Path("plan.toml").write_text(PLAN)
        call("sweep", "plan.toml")
        x = np.geomspace(100, 20_000, 8).round().repeat(2)
        noise = 1 + 0.02 * np.random.default_rng(0).standard_normal(len(x))
        frame = pd.DataFrame({"n_train": x, "loss": (0.05 + (x / 100) ** -0.5) * noise})
        frame.to_csv("one.csv", index=False)
        call("fit", "one.csv", "--out", "fit")
        call("compare", "fit", "probe", "--out", "compare")
        ring = np.random.default_rng(0).uniform(0, 2 * np.pi, 150)
        np.savez("ring.npz", X=np.stack([np.cos(ring), np.sin(ring)], 1), y=ring > 3)
        call("estimate", "ring.npz", "--labels", "y", "--out", "estimate")
    return place


def _study(place: Path) -> None:
    asked = dataset_study("digits", quick=True)
    plan = dc.replace(
        asked.plan,
        dataset_sizes=(60, 120, 240, 480),
        seeds=2,
        training=dc.replace(asked.plan.training, steps=60),
    )
    study(dc.replace(asked, plan=plan, n_points=600), out=place)


def _probe() -> None:
    """A torus through an untrained network and two others."""
    Path("small_net.py").write_text(NET)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (250, 3))
    np.save("torus.npy", np.concatenate([np.cos(angles), np.sin(angles)], 1))
    for step in (1, 2):
        torch.manual_seed(step)
        layers = nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)
        torch.save(nn.Sequential(*layers).state_dict(), f"step{step}.pt")
    call(
        *["probe", "py:small_net:net", "torus.npy", "--at-init", "--out", "probe"],
        *["--along-training", "step1.pt", "--along-training", "step2.pt"],
    )
