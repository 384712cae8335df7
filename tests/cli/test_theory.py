"""`manifoldscale theory`: every command prints a table, draws a figure and gives JSON."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from manifoldscale.cli.main import main

COMMANDS = [
    ["nngp"],
    ["ntk", "--depth", "1"],
    ["spectrum", "--degrees", "30"],
    ["spectrum", "--kernel", "matern", "--degrees", "30"],
    ["learning-curve", "--sizes", "10..1000/3"],
    ["learning-curve", "digits", "--points", "300", "--sizes", "20,100", "--ridge", "0.1"],
    ["random-features", "--features", "10,100", "--samples", "20..2000/5"],
    ["dynamics", "--steps", "1,10", "--width", "32", "--train", "30", "--test", "50"],
    ["phase", "--count", "4", "--activation", "relu"],
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["theory", *arguments])


def rows_of(*arguments: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads(call(*arguments, "--json").stdout)["rows"]
    return found


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_table_figure_and_files(arguments: list[str]) -> None:
    found = call(*arguments, "--csv", "table.csv", "--figure", "figure.png")
    assert found.exit_code == 0, found.output
    assert max(len(line) for line in found.stdout.splitlines()) <= 80
    assert Path("figure.png").stat().st_size > 5_000
    rows = rows_of(*arguments)
    table = list(csv.DictReader(Path("table.csv").read_text().splitlines()))
    assert [row.keys() for row in table] == [row.keys() for row in rows]


def test_figures_are_named_after_the_command() -> None:
    assert call("phase", "--activation", "erf").exit_code == 0
    assert Path("theory-phase.png").is_file()
    assert call("phase", "--activation", "erf", "--json").exit_code == 0
    assert len(list(Path().glob("*.png"))) == 1


def test_the_relu_kernel_of_orthogonal_inputs() -> None:
    """1/2 weight_variance J_0(90 degrees) / pi = weight_variance / (2 pi) at depth one."""
    row = rows_of("nngp", "--depth", "1", "--weight-variance", "1")[6]
    assert row["angle"] == 90 and row["cosine"] == 0
    assert row["kernel"] == pytest.approx(1 / (2 * np.pi))


def test_random_features_are_dual() -> None:
    features, samples = "10,40,160", "10,40,160"
    rows = rows_of("random-features", "--features", features, "--samples", samples)
    losses = np.array([[row[f"N = {n}"] for n in (10, 40, 160)] for row in rows], float)
    np.testing.assert_allclose(losses, losses.T, rtol=1e-9)


def test_wide_networks_follow_the_closed_form() -> None:
    options = ("--depth", "1", "--width", "1024", "--networks", "4", "--steps", "1,10")
    for row in rows_of("dynamics", *options):
        measured, theory = row["test, width 1024"], row["test, theory"]
        assert abs(measured - theory) < 4 * row["stderr"] + 0.05 * theory


def test_sizes_that_leave_nothing_to_test_on_are_told() -> None:
    on_data = ("learning-curve", "digits", "--points", "300", "--ridge", "0.1")
    found = call(*on_data, "--sizes", "20,240,250,1000")
    said = " ".join(found.stdout.split())
    assert "250, 1,000 training examples were left out: of 300 points at most 240" in said
    assert "most of the points (0.80 of 300 points)" in said
    assert [row["dataset_size"] for row in rows_of(*on_data, "--sizes", "20,250")] == [20]
    none = call(*on_data, "--sizes", "250,1000")
    assert none.exit_code == 1 and "No size is left of --sizes" in none.stderr
    assert "whole numbers" in call(*on_data, "--sizes", "20.5").stderr


def test_noise_is_in_the_prediction_as_in_the_measurement() -> None:
    """It was in the measured errors only: three times the predicted ones here."""
    on_data = ("learning-curve", "digits", "--points", "1000", "--sizes", "100,300")
    clean, noisy = (rows_of(*on_data, "--noise", noise) for noise in ("0", "1"))
    for before, after in zip(clean, noisy, strict=True):
        assert after["measured"] > 1.5 * before["measured"]
        assert after["predicted"] == pytest.approx(after["measured"], rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nngp", "--weight-variance", "-1"], "--weight-variance"),
        (["learning-curve", "--sizes", "ten"], "'ten' is neither a list"),
        (["learning-curve", "--sizes", "9..1/3"], "neither a list"),
        (["learning-curve", "nowhere"], "nowhere"),
        (["random-features", "--samples", "inf"], "--samples"),
        (["dynamics", "--train", "2000"], "1,797"),
        (["dynamics", "--steps", "0.5"], "whole numbers"),
        (["phase", "--low", "3", "--high", "2"], "--high"),
        (["learning-curve", "--kernel", "laplace"], "--kernel: needs DATA"),
        (["learning-curve", "digits", "--alpha", "2"], "without DATA"),
        (["spectrum", "--kernel", "laplace", "--depth", "2"], "--kernel nngp and ntk only"),
        (["spectrum", "--nu", "2.5"], "--nu: of --kernel matern only"),
        (["phase", "--figure", "no/where.png"], "folder does not exist"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str) -> None:
    found = call(*arguments)
    assert found.exit_code in (1, 2)
    assert message in found.stderr and "Traceback" not in found.stderr
