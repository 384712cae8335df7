"""Straight paths between examples through the sites of a probe: known where no curvature of
the cloud is.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import manifoldscale as ms
from manifoldscale.core.measurement import Measurement
from manifoldscale.curvature.polyline import stretch, turning, turns
from manifoldscale.data.examples import Examples
from manifoldscale.report.networks import quantities_drawn
from manifoldscale.runs.probe import Probe, ProbeResult, run_probe
from manifoldscale.runs.record import Record
from manifoldscale.runs.steps.curves import Paths


class Absolute(nn.Module):
    """|x|, with a kink where a coordinate changes its sign."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.abs()


def inputs(n: int = 200, features: int = 12) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, features)).astype("float32")


def relu(depth: int = 2) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for width in [12, *[40] * depth][:-1]:
        layers += [nn.Linear(width, 40), nn.ReLU()]
    return nn.Sequential(*layers)


def probed(model: Any, data: Any = None, **asked: Any) -> ProbeResult:
    found = run_probe(Probe(model, inputs() if data is None else data, **asked))
    assert found is not None
    return found


def sites(found: ProbeResult) -> list[str]:
    assert all(site in found for site in found) and "no" not in found
    return list(found)


def test_polygons_have_the_turning_and_the_stretch_of_their_corners() -> None:
    angles = np.linspace(0, np.pi, 1001)
    half = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert turning(half) == pytest.approx(np.pi, rel=2e-3)
    assert stretch(half) == pytest.approx(np.pi / 2, rel=1e-5)
    zigzag = np.array([[0.0, 0], [1, 1], [2, 0], [3, 1]])
    assert turning(zigzag) == pytest.approx(np.pi)
    assert stretch(zigzag) == pytest.approx(3 * math.sqrt(2) / math.sqrt(10))
    # A point that is met twice turns nothing; a polygon that does not move has none.
    assert turning(zigzag[[0, 0, 1, 1, 2, 3, 3]]) == pytest.approx(np.pi)
    assert math.isnan(turning(zigzag[[1, 1, 1]])) and math.isnan(stretch(zigzag[[1, 2, 1]]))
    small = np.array([[0.0, 0], [1, 0], [2, 1e-9]])
    assert turns(small)[0] == pytest.approx(1e-9, rel=1e-6)


def test_a_kink_turns_paths_as_its_geometry_says() -> None:
    """|x| of a path is reflected where a coordinate changes its sign."""
    paths = Paths(paths=4, steps=64, among=4)
    ends = np.array([[-1.0, 0.5], [1.0, 1.5], [9.0, 9.0], [10.0, 9.0]])
    points = paths.inputs(Examples(ends), 0)
    assert points.shape == (2 * 65, 2)
    found = paths.measure(Absolute(), points, ["*"], "auto", 256, 0)
    bend, length = next(v for k, v in found.items() if k != "@input")
    # One path crosses with slope 1/2 and turns by pi - 2 atan(1/2), the other is straight.
    crossing = math.pi - 2 * math.atan(0.5)
    assert bend.value == pytest.approx(crossing / 2, abs=1e-6)
    assert bend.n_points == length.n_points == 2 and bend.interval.low == 0.0
    half = math.hypot(1, 0.5)  # from (1, 0.5) to (0, 1), and on to (1, 1.5)
    assert length.value == pytest.approx((1 + 2 * half / 1.0) / 2, rel=1e-6)


def test_every_site_of_a_relu_network_has_numbers() -> None:
    """No cloud of 200 points in 12 dimensions has a curvature; the paths have a turning."""
    found = probed(relu())
    table = found.to_frame()
    assert table["kappa_rms"].isna().all() and np.isfinite(table["turning"]).all()
    turning = {site: found[site]["turning"] for site in sites(found)}
    assert turning["@input"].value < 1e-3 and turning["0"].value < 1e-2  # rounding
    assert turning["0"].value < turning["1"].interval.low  # a layer of ReLU bends them
    assert turning["1"].interval.high < turning["3"].interval.low  # and a second one more
    assert found["3"]["stretch"].interval.low > 1.0
    assert {"turning", "stretch"} <= set(quantities_drawn(found.networks))
    assert {"turning_low", "turning_high", "stretch"} <= set(table.columns)
    assert "nearest neighbour among 1,000, in 16 steps" in found.about["curves"]
    notes = found["1"].caveats
    assert any("not estimated (curvature: " in note for note in notes)
    again = probed(relu())
    assert again["3"]["turning"] == found["3"]["turning"]
    shown = Record.of(found).section
    assert "turning" in shown.figures and "curvature" not in shown.figures


def test_paths_stand_along_training_and_can_be_left_out(tmp_path: Any) -> None:
    for step in (1, 2):
        torch.save(relu().state_dict(), tmp_path / f"step{step}.pt")
    files = tuple(str(tmp_path / f"step{step}.pt") for step in (1, 2))
    found = probed(relu(), along_training=files, at_init=True, seed=1)
    assert all("turning" in site for one in found.networks for site in one.sites)
    assert "turning_along" in Record.of(found).section.figures
    (difference,) = found.differences()
    assert any(site["turning"].value != 0 for site in difference.sites)
    for asked in ({"curves": False}, {"curvature": False}):
        less = probed(relu(), **asked)
        assert "turning" not in less["1"] and "curves" not in less.about
    assert "turning" in probed(relu(), curvature=False, curves=True)["1"]


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.embed(ids)
        return found


@pytest.mark.parametrize(
    ("model", "data", "points", "why"),
    [
        (
            Embedded(),
            np.random.default_rng(0).integers(0, 50, (60, 5)),
            "auto",
            "whole numbers, such as tokens",
        ),
        (
            nn.Conv2d(1, 3, 3),
            inputs(60, 36).reshape(60, 1, 6, 6),
            "patches:4",
            "several points",
        ),
    ],
)
def test_where_there_are_no_paths_it_is_said_once(
    model: nn.Module, data: Any, points: str, why: str
) -> None:
    found = probed(model, data, points=points)
    said = found.about["curves"]
    assert why in said and said.startswith("turning and stretch are not given")
    assert all("turning" not in found[site] for site in sites(found))
    assert not any(why in note for site in sites(found) for note in found[site].caveats)


def test_paths_of_a_network_that_takes_its_input_by_name() -> None:
    found = Paths().inputs(Examples({"x": inputs(40)}), 0)
    assert list(found) == ["x"] and found["x"].dtype == np.float32
    with pytest.raises(ms.ManifoldScaleError, match="several inputs, x, y"):
        Paths().inputs(Examples({"x": inputs(40), "y": inputs(40)}), 0)


def test_a_dead_site_has_no_turning_and_says_so() -> None:
    dead = nn.Linear(12, 3)
    nn.init.zeros_(dead.weight)
    points = Paths().inputs(Examples(inputs(40)), 0)
    found = Paths().measure(nn.Sequential(dead), points, ["0"], "auto", 256, 0)
    bend: Measurement = found["0"][0]
    assert not bend.is_known and "no path" in bend.caveats[0]
