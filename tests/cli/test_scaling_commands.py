"""`fit` and `predict`, as a user types them."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import number
from manifoldscale.core.learning_curve import Axis, LearningCurve, Run
from manifoldscale.runs.sweep import fits_of


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


def test_fit_forecasts_new_runs() -> None:
    found = call("fit", "one.csv", "--forecast", "40000", "--forecast", "1e6")
    assert found.exit_code == 0, found.output
    assert "Forecasts" in found.output and "1e+06" in found.output
    rows = json.loads(call("fit", "one.csv", "--forecast", "40000", "--json").stdout)
    (row,) = rows["forecasts"]
    truth = 0.05 + 400**-0.5
    assert row["size"] == 40_000 and row["low"] < truth < row["high"]
    law = ms.fit_power_law(LearningCurve.from_frame("one.csv"))
    assert row["median"] == pytest.approx(float(law.forecast(40_000).median))
    assert call("fit", "one.csv", "--forecast", "0").exit_code == 2
    assert call("fit", "one.csv", "--forecast", "4e4", "--out", "there").exit_code == 0
    page = Path("there/report.html").read_text(encoding="utf-8")
    assert f"at 40000: {number(row['median'])} [{number(row['low'])}" in page


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
    assert names == {
        *("fit.png", "fit.pdf", "fit.csv", "fit.tex", "regime.csv", "regime.tex"),
        *("results.json", "report.html"),
    }
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
    for text in ("P = 200", "P = 20000", "one law with a peak: alpha_D 0.5"):
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
    worse = "as one law with a peak, of random features, they are worse (AICc higher by"
    assert worse in " ".join(found.stdout.split())
    assert worse in (here / "together/report.html").read_text(encoding="utf-8")
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
        (["predict", "--table", "pairs.csv", "--stderr", "1"], 2, "needs --dimension"),
        (["predict", "--table", "pairs.csv", "--law", "2s/d"], 2, "tests 1/d, 2/d, 4/d"),
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


def test_predict_counts_data_sets_and_not_rows(here: Path) -> None:
    names = ["a", "a", "b", "b", "c"]
    rows = [(n, 4 + i, 1 / (1 + i / 4)) for i, n in enumerate(names)]
    table = pd.DataFrame(rows, columns=["dataset", "dimension", "alpha"])
    table.to_csv("shared.csv", index=False)
    found = call("predict", "--table", "shared.csv")
    assert "Relation over 5 entries of 3 data sets" in found.output
    table.rename(columns={"dataset": "name"}).to_csv("named.csv", index=False)
    found = call("predict", "--table", "named.csv")
    assert "Relation over 5 rows" in found.output


# Which columns are read, and which rows count.


def said_by(*arguments: str) -> str:
    found = call(*arguments)
    assert found.exit_code == 0, found.output
    return " ".join(found.stdout.split())


def test_fit_says_what_it_read_and_keeps_it(here: Path) -> None:
    table = pd.read_csv("one.csv").assign(note="x", lr=0.1)
    table.to_csv("more.csv", index=False)
    said = said_by("fit", "more.csv", "--out", "read")
    line = "read: n_train as dataset_size, test_loss as loss; not read: note, lr"
    assert said.startswith(line)
    saved = json.loads((here / "read/results.json").read_text())
    assert saved["columns"]["not_read"] == ["note", "lr"]
    assert ["n_train", "dataset_size"] in saved["columns"]["read"]
    assert line in (here / "read/report.html").read_text(encoding="utf-8")


def test_fit_takes_the_row_and_the_columns_that_are_named() -> None:
    rows = [
        {"N": d, "seed": s, "step": t, "loss": 0.1, "val_loss": d**-0.5 * (2 - t / 9)}
        for d in 100 * 2 ** np.arange(6)
        for s in range(2)
        for t in range(10)
    ]
    pd.DataFrame(rows).to_csv("log.csv", index=False)
    refused = call("fit", "log.csv")
    assert (
        refused.exit_code == 1 and "'loss', 'val_loss' may all be 'loss'" in refused.stderr
    )
    refused = call("fit", "log.csv", "--loss-column", "val_loss")
    assert refused.exit_code == 1 and "--size-column data=N" in refused.stderr
    chosen = ("--loss-column", "val_loss", "--size-column", "data=N", "--floor", "zero")
    said = said_by("fit", "log.csv", *chosen)
    assert "120 rows are 12 networks, which differ in step: the last row" in said
    first = call("fit", "log.csv", *chosen).stdout.splitlines()[0]
    assert first.startswith("read: ") and first.endswith("best or all")  # one line
    best = json.loads(call("fit", "log.csv", *chosen, "--row", "best", "--json").stdout)
    assert best["columns"]["logged"] == "step"
    assert best["fits"][0]["fit"]["alpha"] == pytest.approx(0.5)
    bare = ("--loss-column", "val_loss", "--size-column", "N", "--axis", "parameters")
    assert "N as parameters" in said_by("fit", "log.csv", *bare)
    both = call("fit", "log.csv", "--size-column", "N", "--size-column", "step")
    assert both.exit_code == 2 and "each needs its axis" in both.stderr


def test_fit_along_the_steps_of_a_log(here: Path) -> None:
    rows = [
        {"params": p, "seed": s, "step": t, "loss": (1 + s / 50) * t**-0.5}
        for p in (100, 1000)
        for s in range(2)
        for t in 2 ** np.arange(9)
    ]
    pd.DataFrame(rows).to_csv("log.csv", index=False)
    along = ("--axis", "steps", "--floor", "zero")
    said = said_by("fit", "log.csv", *along, "--out", "steps")
    assert "36 rows are steps (step) of 4 networks" in said and "step as steps" in said
    assert "alpha_t" in said and "P = 1000" in said and "there are no regimes" in said
    assert "training steps t" in (here / "steps/report.html").read_text(encoding="utf-8")
    one = call("fit", "log.csv", *along, "--where", "params=100", "--json")
    (law,) = json.loads(one.stdout)["fits"]
    assert law["fit"]["alpha"] == pytest.approx(0.5)
    wrong = call("fit", "log.csv", "--where", "params")
    assert wrong.exit_code == 2 and "is no COLUMN=VALUE" in wrong.stderr


def test_a_slice_that_cannot_be_fitted_costs_that_slice_alone(here: Path) -> None:
    sizes = 100 * 2 ** np.arange(6)
    rows = [
        {"D": d, "P": p, "loss": p**-0.1 * d**-0.5} for p in (10**5, 10**6) for d in sizes
    ]
    rows += [{"D": d, "P": 50, "loss": np.nan} for d in sizes]  # all failed
    rows += [{"D": d, "P": 60, "loss": 0.0} for d in sizes]
    rows += [{"D": d, "P": 70, "loss": 1.0} for d in sizes[:3]]
    rows += [{"D": 100, "loss": 0.3}]
    pd.DataFrame(rows).to_csv("gaps.csv", index=False)
    said = said_by("fit", "gaps.csv", "--axis", "data", "--out", "gaps")
    for reason in (
        "P = 50: There are no losses to fit",
        "P = 60: Losses must be positive; all 1 at dataset_size = 100 are zero",
        "P = 70: a fit needs four sizes; there are 3",
        "1 runs: they do not say their parameters",
    ):
        assert f"not fitted: {reason}" in said, reason
    assert "Regime: resolution-limited" in said
    saved = json.loads((here / "gaps/results.json").read_text())
    assert [one["slice"] for one in saved["fits"]] == ["P = 100000", "P = 1e+06"]
    assert len(saved["left_out"]) == 4
    page = (here / "gaps/report.html").read_text(encoding="utf-8")
    assert "Not fitted" in page and "P = 70: a fit needs four sizes; there are 3" in page


RATIO = np.array([1.0, 1.03, 0.96, 1.05, 0.94])
DIMS = np.array([2, 4, 6, 8, 12.0])
PAIRS = pd.DataFrame({"d": DIMS, "alpha": 4 / DIMS * RATIO})
OF_THE_DIMENSION = ("d_err", "sigma_d", "dim_std", "d_low", "d_high", "dimension_stderr")


@pytest.mark.parametrize(
    "errors",
    [
        {"d_err": 0.1, "alpha_err": 0.05},
        {"sigma_d": 0.1, "alpha_D_se": 0.05},
        {"dim_std": 0.1, "exponent_error": 0.05},
        {"d_low": (-0.1,), "d_high": (0.1,), "alpha_low": (-0.05,), "alpha_high": (0.05,)},
        {"dimension_stderr": 0.1, "low": (-0.05,), "high": (0.05,)},
    ],
    ids=lambda errors: " ".join(errors),
)
def test_predict_reads_errors_under_their_usual_names(errors: dict) -> None:
    """Taken as exact, two of five lie below the bound by the noise of their estimates."""
    table = PAIRS.copy()
    for name, error in errors.items():
        base = (
            table["d"]
            if set(name.split("_")) & {"d", "dim", "dimension"}
            else table["alpha"]
        )
        base = table["alpha"] if "alpha" in name or name in ("low", "high") else base
        relative = error if isinstance(error, float) else error[0] * 1.96
        table[name] = base * (abs(relative) if isinstance(error, float) else 1 + relative)
    table.to_csv("errors.csv", index=False)
    found = json.loads(call("predict", "--table", "errors.csv", "--json").stdout)
    assert found["n_below"] == 0 and min(found["p_bound"]) > 0.05
    assert found["columns"]["not_read"] == [] and found["caveats"] == []


def test_predict_tests_the_law_that_is_asked_for() -> None:
    """It was always 4/d, whatever was asked; r = alpha d / c."""
    for law, ratio in (("1/d", 4), ("2/d", 2), ("4/d", 1)):
        printed = call("predict", "--table", "pairs.csv", "--law", law, "--json").stdout
        assert json.loads(printed)["ratio"] == pytest.approx(ratio)


def test_predict_reads_the_tables_that_this_package_writes() -> None:
    """Fits have their ends as low and high, dimensions as well: side by side they are
    low_x and low_y.
    """
    dims = pd.DataFrame({"k": range(5), "dimension": DIMS})
    dims = dims.assign(low=DIMS * 0.8, high=DIMS * 1.25, level=0.95)
    fits = pd.DataFrame({"k": range(5), "exponent": "alpha_D", "alpha": PAIRS["alpha"]})
    fits = fits.assign(low=PAIRS["alpha"] * 0.9, high=PAIRS["alpha"] * 1.1, floor=0.0)
    dims.merge(fits, on="k").to_csv("both.csv", index=False)
    fits.assign(dimension=DIMS, dimension_stderr=0.1 * DIMS).to_csv("one.csv", index=False)
    for table in ("both.csv", "one.csv"):
        found = json.loads(call("predict", "--table", table, "--json").stdout)
        assert found["n_below"] == 0 and found["caveats"] == []
    read = dict(found["columns"]["read"])
    assert read["low"] == "alpha_low" and "exponent" in found["columns"]["not_read"]


def test_predict_without_errors_says_so_and_nothing_of_the_bound() -> None:
    PAIRS.assign(width=3).to_csv("bare.csv", index=False)
    said = said_by("predict", "--table", "bare.csv")
    assert said.startswith("read: d as dimension, alpha; not read: width")
    assert "alpha >= 4/d, at 5 %, by Holm: not tested, as no error is stated" in said
    assert "! taken as exact (5 of 5 dimensions, 5 of 5 exponents)" in said
    row = json.loads(call("predict", "--table", "bare.csv", "--json").stdout)
    assert row["n_below"] == 0 and row["p_bound"] == [None] * 5


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"stderr": 0.1}, "'stderr' may be the error of the dimension or of the exponent"),
        ({"low": 0.1, "high": 20.0}, "'low' and 'high' may be the ends of either interval"),
        ({"low": 90.0, "high": 91.0}, "may be the ends of either interval"),
        ({"alpha_low": 5.0, "alpha_high": 9.0}, "lies outside its interval"),
        ({"alpha_stderr": "wide"}, "'alpha_stderr' must hold numbers"),
        ({"alpha_P": 1.0, "alpha": np.nan, "alpha_D": 1.0}, "No row of the table"),
        ({"dim": 3.0}, "'d', 'dim' may all be 'dimension'"),
        ({"alpha_low": 0.01, "alpha_high": 9.0, "level": 95}, "`level` must be between"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_predict_refuses_what_may_be_either(columns: dict, message: str) -> None:
    PAIRS.assign(**columns).to_csv("either.csv", index=False)
    found = call("predict", "--table", "either.csv")
    assert found.exit_code == 1 and message in " ".join(found.stderr.split()), found.output


def test_a_sweep_keeps_the_fits_of_the_slices_that_can_be_fitted() -> None:
    """As a width at which every network failed, and one with too few sizes."""
    runs = [
        Run(math.nan if w == 8 else d**-0.5, dataset_size=d, width=w)
        for w in (8, 16, 32, 64)
        for d in (100 * 2 ** np.arange(3 if w == 16 else 6)).tolist()
    ]
    found = fits_of(LearningCurve(tuple(runs)), Axis.data)
    assert [one["slice"] for one in found["fits"]] == ["w = 32", "w = 64"]
    assert "w = 8: There are no losses" in found["reason"]
    assert "w = 16: This floor needs 4 distinct sizes" in found["reason"]


def test_what_many_slices_share_is_said_once() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"parameters": p, "dataset_size": d, "rate": r, "loss": d**-0.4 + 1 / p + r / 1e3}
        for p in 100 * 2 ** np.arange(6)
        for d in np.geomspace(100, 3000, 6).round()
        for r in rng.permutation(3)
    ]
    found = ms.fit(rows, row="all")
    (mixed,) = (note for note in found.notes if note.caveat is Caveat.MIXED_RUNS)
    assert mixed.detail == "P = 100 to P = 3200, 6 of 6: 'rate'"
