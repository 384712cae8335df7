"""The whole chain, small and quick, on real digits and on a teacher."""

import csv
import dataclasses as dc
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.interval import number
from manifoldscale.networks.loading import load_model
from manifoldscale.runs.steps.planned import spaced
from manifoldscale.runs.study import StudyResult, teacher_study


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def result(place: Path) -> StudyResult:
    return ms.study("digits", quick=True, out=place)


def test_the_chain_on_real_digits(result: StudyResult) -> None:
    """Loss falls; every layer has a dimension below its width; r is alpha d / 4."""
    assert 0.1 < result.fit.interval.low < result.fit.alpha < result.fit.interval.high
    sites = dict(result.dimensions.items())
    assert list(sites) == [
        *("@input", "hidden1", "act1", "hidden2", "act2", "hidden3", "act3", "readout")
    ]
    assert all(
        2 < dim.interval.low <= dim.value <= dim.interval.high for dim in sites.values()
    )
    assert sites["@input"].raw == pytest.approx(8.9, abs=0.5)  # reference value of TwoNN
    headline = result.headline
    assert headline is not None and result.headline_site == "hidden3"
    expected = result.fit.alpha * sites["hidden3"].value / 4
    assert headline.ratio == pytest.approx(expected)
    assert [p.law for p in result.predictions] == ["1/d", "2/d", "4/d"]


def without_timings(path: Path) -> dict:
    stored = json.loads(path.read_text())
    assert set(stored.pop("timings")) == {"sweep", "fit", "probe", "theory"}
    return stored


def test_the_infinitely_wide_network_is_beside(place: Path, result: StudyResult) -> None:
    """On the examples of every network; exact losses are those that theory predicts."""
    limit = result.infinite_width
    assert limit.beside is not None and set(limit.fits) == {"NTK", "NNGP"}
    for curve in limit.beside.curves.values():
        assert curve.column("data").tolist() == result.curve.column("data").tolist()
    assert limit.beside.off < 0.2  # of three runs a size, and 600 examples
    ratio = limit.ratios["NTK"]
    paired = result.curve.losses / limit.beside.curves["NTK"].losses
    last = result.curve.column("data") == 1348
    assert ratio.ratio == pytest.approx(np.exp(np.log(paired[last]).mean()))
    said = "\n".join(result.headlines())
    assert "infinitely wide network on the same examples" in said
    assert "NTK sees a dimension of" in said and "bound of the geometry" in said
    page = (place / "report.html").read_text()
    assert "Beside the exactly solvable model" in page and "predicted by theory" in page
    rows = result.to_frame("infinite_width")
    assert len(rows) == 10 and (rows.low < rows.network_over_kernel).all()
    assert ms.load(place).headlines() == result.headlines()


def test_the_kernel_sees_at_least_the_dimension_of_the_inputs(result: StudyResult) -> None:
    """The tangent kernel of ReLU networks is rough: up to twice d; the NNGP sees d."""
    seen = {name: 2 / law.alpha for name, law in result.infinite_width.seen.items()}
    assert seen["NTK"] > 1.3 * seen["NNGP"] > 6


@pytest.mark.slow
def test_the_same_seed_gives_the_same_results(
    place: Path, result: StudyResult, tmp_path: Path
) -> None:
    ms.study("digits", quick=True, out=tmp_path)
    again = without_timings(tmp_path / "results.json")
    assert again == without_timings(place / "results.json")


def test_results_have_intervals_methods_seeds_and_versions(
    place: Path, result: StudyResult
) -> None:
    stored = json.loads((place / "results.json").read_text())
    assert set(stored["alpha_D"]["interval"]) >= {"low", "high", "level"}
    assert stored["kind"] == "study" and len(stored["sites"]) == 8
    for dim in (site["readings"][0] for site in stored["sites"]):
        assert dim["method"] == {"type": "Auto", "anchors": 5000}
        assert {"low", "high"} <= set(dim["interval"])
    assert stored["provenance"]["seed"] == 0
    assert {"torch", "numpy", "manifoldscale"} <= set(stored["provenance"]["versions"])
    task = stored["study"]["plan"]["task"]
    assert (task["type"], task["dataset"], task["input_noise"]) == ("DataSet", "digits", 0)


def test_tables_are_complete(place: Path, result: StudyResult) -> None:
    def rows(name: str) -> list[dict[str, str]]:
        with (place / name).open() as stream:
            return list(csv.DictReader(stream))

    assert len(rows("runs.csv")) == 15 and float(rows("runs.csv")[0]["loss"]) > 0
    table = rows("dimensions.csv")
    assert table[0]["site"] == "@input"
    assert float(table[0]["dimension"]) == dict(result.dimensions.items())["@input"].value
    assert len(rows("comparisons.csv")) == 8


def test_the_checkpoint_can_be_probed_again(place: Path, result: StudyResult) -> None:
    model = load_model(str(place / "probe.safetensors"))
    inputs, labels = result.study.plan.task.points(10_000, 0)
    found = ms.probe(model, (inputs, labels), sites="hidden3", curvature=False)
    assert found.keys() == ["hidden3"]
    alone = result.dimensions["hidden3"].alone
    assert alone is not None and found["hidden3"]["dimension"].value == alone.value


def test_figures_are_written(place: Path, result: StudyResult) -> None:
    names = {path.name for path in (place / "figures").iterdir()}
    assert names == {
        f"{name}.{kind}"
        for name in ("loss", "dimension", "exponent", "study")
        for kind in ("png", "pdf")
    }
    assert (place / "figures" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_is_self_contained(place: Path, result: StudyResult) -> None:
    html = (place / "report.html").read_text()
    page = re.sub(r"<script>.*?</script>", "", html, flags=re.S)  # Plotly's own source
    assert not re.findall(r"""(?:src|href)=["']?(?!#)[a-z/]""", page)
    assert number(result.fit.alpha) in page and "hidden3" in page
    assert page.count("<caption>") == page.count("<table")
    assert page.count('role="img"') == len(re.findall("<figure[ >]", page)) == 3


@pytest.mark.slow
def test_a_study_of_known_dimension(tmp_path: Path) -> None:
    """Smaller still: the input manifold of a teacher has the dimension that is known."""
    study = teacher_study(3, quick=True)
    plan = dc.replace(
        study.plan,
        dataset_sizes=(64, 128, 256, 512),
        seeds=2,
        training=dc.replace(study.plan.training, steps=200),
    )
    small = dc.replace(study, plan=plan, n_points=3000)
    result = ms.study(small, out=tmp_path)
    dim = dict(result.dimensions.items())["@input"]
    assert dim.value == pytest.approx(3, rel=0.1) and 3 in dim.interval
    assert result.fit.floor_rule == "given" and result.fit.floor == 0
    assert result.provenance["known_dimension"] == 3
    assert "labels carry no noise" not in result.predictions[-1].unmet
    assert "input manifold, d = 3" in (tmp_path / "report.html").read_text()


def test_a_dead_layer_does_not_lose_the_others() -> None:
    from torch import nn

    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    nn.init.constant_(net[0].bias, -1e6)  # every unit is off
    inputs = np.random.default_rng(0).standard_normal((300, 3)).astype("float32")
    found = ms.probe(net, inputs)
    assert found["@input"]["dimension"].is_known
    dead = found["1"]["dimension"]
    assert math.isnan(dead.value) and "distinct points" in dead.caveats[0]
    assert '"value": null' in found.to_json()


def test_a_layer_with_nan_does_not_lose_the_others() -> None:
    from torch import nn

    net = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2))
    nn.init.constant_(net[1].bias, math.nan)
    inputs = np.random.default_rng(0).standard_normal((300, 3)).astype("float32")
    found = ms.probe(net, inputs)
    assert found["0"]["dimension"].is_known and not found["1"]["dimension"].is_known
    assert "Site '1'" in found["1"]["dimension"].caveats[0]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ms.ManifoldScaleError, match="cannot be written"):
        ms.study("digits", quick=True, out=tmp_path / "file")


def test_sizes_are_at_equal_ratios() -> None:
    assert spaced(100, 10_000, 3) == (100, 1000, 10_000)


def test_a_study_without_an_exponent_is_still_shown(
    result: StudyResult, tmp_path: Path
) -> None:
    """Losses that do not fall: the figures and the page have no number, and no crash."""
    x = result.fit.losses.x
    fit = ms.fit_power_law(x, np.ones(len(x)))
    flat = dc.replace(result, fit=fit)
    assert len(flat.save_figures(tmp_path)) == 8
    flat.page(tmp_path / "report.html")
    assert "not estimated" in (tmp_path / "report.html").read_text()
