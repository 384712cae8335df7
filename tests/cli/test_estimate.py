"""`manifoldscale estimate` and `ms.estimate_all`: one array or recording."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from scipy.io import savemat

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.errors import ManifoldScaleError

ORDER = "neurons stimuli trials"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["estimate", *arguments])


def ring(n: int = 250) -> tuple[np.ndarray, np.ndarray]:
    """Counts of 40 cells tuned to an angle, (neurons x stimuli x trials), and the angle."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, n)
    preferred = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rates = 6 * np.exp(2 * np.cos(preferred[:, None] - angle) - 2)
    counts = rng.poisson(rates[..., None], (40, n, 16)).astype(float)
    counts[:, 5, 3:] = np.nan
    return counts, angle


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    counts, angle = ring()
    np.savez("day.npz", rates=counts, sector=(angle * 2 / np.pi).astype(int), angle=angle)
    return tmp_path


def test_a_recording_from_its_file(here: Path) -> None:
    asked = ["day.npz", "--order", ORDER, "--labels", "sector", "--no-curvature"]
    found = call(*asked, "--no-topology", "--json")
    assert found.exit_code == 0, found.output
    shown = json.loads(found.stdout)
    read = "\n".join(shown["read"])
    for words in ("40 x 250 x 16: neurons x stimuli x trials", "not read: angle",
                  "250 stimuli (points) x 40 neurons (features); 3 to 16 trials",
                  "standard errors apart"):  # fmt: skip
        assert words in read
    low, high = (shown["dimension"]["interval"][end] for end in ("low", "high"))
    assert low < 1 < high < 2
    # A ring of this tuning: the harmonics have the shares of squared Bessel functions.
    from scipy.special import iv

    weights = np.repeat(iv(np.arange(1, 20), 2.0) ** 2, 2)
    truth = weights.sum() ** 2 / (weights**2).sum()
    assert shown["participation"]["value"] == pytest.approx(truth, rel=0.05)
    assert 0 < shown["capacity"]["value"] < 2


def test_it_says_what_the_methods_say(here: Path) -> None:
    counts, angle = ring(200)
    cloud = ms.population(counts, order=ORDER, labels=angle > 3)
    found = ms.estimate_all(cloud, curvature=False)
    dim = ms.estimate(cloud, ms.dimension.Auto())
    assert found["dimension"].value == dim.value
    spectrum = ms.estimate(cloud, ms.spectra.Covariance(dim, repeats=True))
    assert found["participation"].value == spectrum.participation.value
    np.testing.assert_equal(found["alpha"].value, spectrum.alpha.value)
    assert found["alpha"].more["verdict"] == spectrum.verdict
    assert found["betti_1"].value == 1 and found["betti_1"].printed[0] == "1"
    capacity = ms.estimate(cloud, ms.classes.Capacity()).capacity
    assert found["capacity"].value == capacity.value
    assert len(found.figures()) == 2 and found.to_frame()["quantity"].tolist() == [
        *found.keys()
    ]
    assert "participation" in found and "loops" not in found and 1 not in found
    assert list(found) == found.keys() and len(found) == len(dict(found))
    assert all(text in str(found) for text in ("loops, betti_1: 1 [", "! "))


def test_what_is_assumed_of_axes_without_names_is_said(here: Path) -> None:
    points = np.random.default_rng(0).standard_normal((60, 5))
    np.save("points.npy", points)
    pd.DataFrame(points).assign(y=range(60)).to_csv("points.csv", index=False)
    alone = {"topology": False, "curvature": False}
    for data, labels in ((points, None), ("points.npy", None), ("points.csv", "y")):
        found = ms.estimate_all(data, labels=labels, **alone)
        assert found.found.features == 5 and found.about["points"] == 60
        assert "rows were taken for stimuli (points)" in "\n".join(found.about["read"])
    turned = ms.estimate_all("points.npy", order="neurons stimuli", **alone)
    assert turned.found.features == 60 and "taken for" not in str(turned.about["read"])
    shown = call("points.npy", "--no-topology", "--no-curvature")
    assert shown.exit_code == 0 and "`order` says otherwise" in shown.stdout


def test_trials_are_not_taken_for_stimuli(here: Path) -> None:
    np.savez("trials.npz", rates=np.ones((6, 4)), image_id=[1, 1, 2, 2, 3, 3])
    with pytest.raises(ManifoldScaleError, match=r"'image_id'.* stimulus of each trial"):
        ms.estimate_all("trials.npz")


def test_what_cannot_be_estimated_does_not_lose_the_rest(here: Path) -> None:
    circle = ms.manifolds.Sphere(1).sample(30, rng=0).points
    found = ms.estimate_all(circle, labels=circle[:, 0])
    assert found["dimension"].is_known and found["betti_1"].value == 1
    assert math.isnan(found["alpha"].value) and math.isnan(found["capacity"].value)
    assert any("at least 40 points; there are 30" in note for note in found.found.caveats)
    assert any("real numbers of 30 points" in note for note in found["capacity"].caveats)
    found.page("kept.html")
    assert "at least 40 points" in Path("kept.html").read_text()


def test_a_data_set_by_name() -> None:
    asked = ["digits", "--points", "100", "--no-topology", "--no-curvature"]
    found = call(*asked, "--json")
    shown = json.loads(found.stdout)
    assert "100 of 1,797 points" in "\n".join(shown["read"])
    assert shown["capacity"]["n_points"] == 100


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["day.npz"], 1, "40 x 250 x 16 without names of its axes: say their `order`"),
        (["day.npz::nothing"], 1, "It has rates (40 x 250 x 16 float64); sector (250"),
        (["day.npz", "--order", "neurons stimuli"], 1, "must name the 3 axes"),
        (["day.npz", "--order", ORDER, "--labels", "x"], 1, "no variable 'x'"),
        (["day.npz", "--order", ORDER, "--window", "0:1"], 1, "of a .nwb file"),
        (["day.npz", "--window", "1"], 2, "start:stop, as in 0.05:0.25"),
        (["day.npz", "--order", "img="], 2, "NAME=axis"),
        (["none.mat"], 1, "no file 'none.mat'"),
        (["nothing"], 1, "nothing"),
        (["digits", "--order", "neurons stimuli"], 1, "`order`: only for arrays"),
    ],
)  # fmt: skip
def test_one_clear_error(here: Path, arguments: Any, code: int, words: str) -> None:
    found = call(*arguments)
    assert found.exit_code == code
    assert words in " ".join(found.stderr.split())


def test_a_mapping_of_names_on_the_command_line(here: Path) -> None:
    counts, _ = ring()
    names = pd.MultiIndex.from_product(
        [range(40), range(250), range(8)], names=["roi_nr", "pic", "k"]
    )
    values = counts[..., :8].ravel()
    table = pd.Series(values, names, name="dff").reset_index().dropna()
    table.to_csv("long.csv", index=False)
    asked = ["--no-topology", "--no-curvature", "--json"]
    found = call("long.csv", "--order", "pic=stimuli, k=trials", *asked)
    assert found.exit_code == 0, found.output
    assert "roi_nr (neurons)" in json.loads(found.stdout)["read"][0]
    with pytest.raises(ManifoldScaleError, match="has the columns 'pic', 'k': the name"):
        ms.estimate_all("long.csv")


def test_whole_numbers_of_matlab_are_classes(here: Path) -> None:
    points = np.random.default_rng(0).standard_normal((60, 5))
    points += 6 * np.eye(5)[np.arange(60) % 3]
    savemat("day.mat", {"rates": points, "kinds": np.arange(60.0) % 3})
    alone = {"topology": False, "curvature": False}
    found = ms.estimate_all("day.mat", labels="kinds", **alone)
    assert found["capacity"].is_known
