"""`fit` and `predict`, as a user types them."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from manifoldscale.cli.main import main
from manifoldscale.core.interval import number


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    sizes = np.geomspace(100, 20_000, 8).round().repeat(3)
    losses = 0.05 + (sizes / 100) ** -0.5
    noisy = losses * (1 + 0.02 * rng.standard_normal(len(sizes)))
    pd.DataFrame({"n_train": sizes, "test_loss": noisy}).to_csv("one.csv", index=False)
    grid = [
        {"D": d, "P": p, "loss": 1.1 * min(d, p) ** -0.5 / (1 - min(d, p) / max(d, p))}
        for d in (100, 300, 1000, 3000, 11_000)
        for p in (200, 2000, 20_000)
    ]
    pd.DataFrame(grid).to_csv("grid.csv", index=False)
    d = np.array([2, 4, 6, 8, 12.0])
    pairs = pd.DataFrame({"dim": d, "dim_stderr": 0.1 * d, "alpha": 4 / d})
    pairs.to_csv("pairs.csv", index=False)
    pairs.assign(group=list("ababa")).to_csv("groups.csv", index=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_fit_prints_exponent_regime_and_caveats() -> None:
    found = call("fit", "one.csv")
    assert found.exit_code == 0, found.output
    assert "alpha_D" in found.output and "Regime: undetermined" in found.output
    assert "would settle it" in found.output
    assert max(len(line) for line in found.stdout.splitlines()) <= 80


def test_fit_prints_a_fitted_floor_with_its_interval(here: Path) -> None:
    """0.05 by construction; a floor that was given is known, and has none."""
    found = call("fit", "one.csv", "--out", "results")
    law = json.loads((here / "results/results.json").read_text())["fits"][0]["fit"]
    low, high = law["floor_interval"]["low"], law["floor_interval"]["high"]
    assert 0 < low < 0.05 < high and law["floor_interval"]["level"] == 0.95
    said = f"{number(law['floor'])} [{number(low)}, {number(high)}]"
    assert "floor, 95 %" in found.stdout and "floor fitted" in found.stdout
    table = found.stdout.partition("!")[0]
    assert all(word in table for word in said.split())  # a cell may take two lines
    assert said in (here / "results/report.html").read_text()
    given = call("fit", "one.csv", "--floor", "0.05").stdout.partition("!")[0]
    assert "floor given" in given and "fitted" not in given and " 0.0500 " in given


def test_fit_writes_its_results(here: Path) -> None:
    found = call("fit", "one.csv", "--floor", "0.05", "--out", "results")
    assert found.exit_code == 0, found.output
    names = {path.name for path in (here / "results").iterdir()}
    assert names == {"fit.png", "fit.pdf", "fit.csv", "results.json", "report.html"}
    saved = json.loads((here / "results/results.json").read_text())
    assert saved["fits"][0]["fit"]["alpha"] == pytest.approx(0.5, abs=0.03)
    assert saved["joint"] is None


def test_fit_as_json_with_a_reference() -> None:
    found = call("fit", "one.csv", "--reference", "inf,0.05,0.001", "--json")
    fit = json.loads(found.stdout)["fits"][0]["fit"]
    assert fit["interval"]["low"] < 0.5 < fit["interval"]["high"]


def test_fit_takes_a_grid_slice_by_slice_and_together() -> None:
    found = call("fit", "grid.csv", "--axis", "data", "--floor", "zero")
    assert found.exit_code == 0, found.output
    for text in ("P = 200", "P = 20000", "Together: alpha_D 0.5"):
        assert text in found.output
    assert "hierarchy: D / P" in found.output


def test_folders_that_cannot_be_written_are_one_line() -> None:
    saved = call("fit", "one.csv", "--out", "results")
    assert saved.exit_code == 0, saved.output
    for arguments in (
        ("fit", "one.csv", "--out", "/proc/folder"),
        ("report", "results", "--out", "/proc/page.html"),
    ):
        found = call(*arguments)
        assert found.exit_code == 1 and found.stderr.startswith("Error: '/proc/")
        assert found.exception is None or isinstance(found.exception, SystemExit)


def test_a_misspelt_command_is_told_what_was_meant() -> None:
    found = call("prob")
    assert found.exit_code == 2 and "Did you mean 'probe'" in found.stderr


def write_losses(losses: np.ndarray) -> None:
    sizes = 100 * 2 ** np.arange(len(losses))
    pd.DataFrame({"dataset_size": sizes, "loss": losses}).to_csv("these.csv", index=False)


def test_fit_says_why_it_calls_a_peak_a_crossover(here: Path) -> None:
    """A verdict without its reason: the caveats of the regime were on no page."""
    write_losses(np.array([1, 0.7, 0.5, 0.9, 0.3, 0.2, 0.14]))
    found = call("fit", "these.csv", "--out", "peak")
    assert "Regime: crossover" in found.stdout and "! descent peak" in found.stdout
    assert "descent peak (near dataset_size = 800)" in (
        here / "peak/report.html"
    ).read_text(encoding="utf-8")


def test_sizes_that_were_varied_together_are_told_from_few_sizes() -> None:
    d = 1000 * 2 ** np.arange(6)
    pd.DataFrame({"D": d, "P": 20 * d, "loss": d**-0.5}).to_csv("both.csv", index=False)
    found = call("fit", "both.csv")
    assert found.exit_code == 1
    assert "leave the column 'parameters' out" in " ".join(found.stderr.split())


def test_fit_says_what_is_wrong_with_the_joint_law(here: Path) -> None:
    d, p = map(np.ravel, np.meshgrid(10.0 ** np.arange(6, 11), 10.0 ** np.arange(5, 9)))
    table = {"D": d, "P": p, "loss": 1.7 + 400 * p**-0.34 + 400 * d**-0.28}
    pd.DataFrame(table).to_csv("sum.csv", index=False)
    found = call("fit", "sum.csv", "--out", "together")
    assert "! sum fits better" in found.stdout
    assert "sum fits better" in (here / "together/report.html").read_text(encoding="utf-8")
    saved = json.loads((here / "together/results.json").read_text())["joint"]
    assert saved["headline"].startswith("alpha_D") and "sum fits" in saved["caveats"][0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fit", "no.csv"], 1, "There is no file"),
        (["fit", "pairs.csv"], 1, "needs a column 'loss'"),
        (["fit", "one.csv", "--axis", "width"], 1, "No run says its width"),
        (["fit", "one.csv", "--floor", "low"], 2, "neither free, zero nor a number"),
        (["fit", "one.csv", "--reference", "1,2"], 2, "not three numbers"),
        (["fit", "one.csv", "--floor", "5"], 1, "below the smallest mean loss"),
        (
            ["fit", "one.csv", "--floor", "zero", "--reference", "inf,1,1"],
            1,
            "not both of them",
        ),
        (["predict"], 2, "Give one of --dimension and --table"),
        (["predict", "--dimension", "3", "--figure", "x.png"], 2, "--figure needs --table"),
        (["predict", "--dimension", "3", "--law", "2s/d"], 1, "positive `smoothness`"),
        (["predict", "--dimension", "3", "--smoothness", "2"], 1, "needs --law"),
        (["predict", "--dimension", "1", "--stderr", "3"], 1, "may be zero"),
        (["predict", "--table", "one.csv"], 1, "needs a column 'dimension'"),
    ],
)
def test_input_that_cannot_be_used(arguments: list[str], code: int, message: str) -> None:
    found = call(*arguments)
    assert found.exit_code == code and message in found.output
    assert "Traceback" not in found.output


def test_predict_prints_the_ladder() -> None:
    found = call("predict", "--dimension", "8", "--stderr", "0.5")
    assert found.exit_code == 0
    for text in ("1/d", "2/d", "4/d", "0.500", "needs, not declared"):
        assert text in found.output
    rows = json.loads(call("predict", "--dimension", "8", "--law", "4/d", "--json").stdout)
    assert rows[0]["alpha"] == 0.5 and rows[0]["kind"] == "bound"


def test_predict_says_each_condition_once_and_which_laws_rest_on_it() -> None:
    """The theory: all interpolate without noise, 2/d and 4/d have a target that varies
    along every direction, and only 4/d has linear pieces.
    """
    printed = call("predict", "--dimension", "8").stdout
    _, _, table = printed.partition("needs, not declared")
    lines = " ".join(table.split())
    for condition, laws in {
        "labels carry no noise": "1/d, 2/d, 4/d",
        "training reaches the interpolating solution": "1/d, 2/d, 4/d",
        "the target varies along all d directions": "2/d, 4/d",
        "the network is piecewise linear": "4/d",
    }.items():
        assert printed.count(condition) == 1
        assert re.search(rf"{condition}[^/]* {laws}(?!,)", lines), (condition, lines)
    one = call("predict", "--dimension", "8", "--law", "1/d").stdout
    assert one.count("1/d") == 2 + 3  # the table, the statement, a condition each
    assert max(map(len, printed.splitlines())) <= 80


def test_predict_tests_the_relation(here: Path) -> None:
    found = call("predict", "--table", "groups.csv", "--figure", "relation.png")
    assert found.exit_code == 0, found.output
    assert "power of d" in found.output and "the same in all groups" in found.output
    assert (here / "relation.png").stat().st_size > 5000
    row = json.loads(call("predict", "--table", "pairs.csv", "--json").stdout)
    assert row["ratio"] == pytest.approx(1) and row["n_below"] == 0
