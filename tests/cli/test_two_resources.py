"""Tables over both resources at the command line, with known truth."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import manifoldscale as ms
from manifoldscale.cli.main import main

TRUE = {"E": 1.69, "A": 406.4, "alpha_P": 0.34, "B": 410.7, "alpha_D": 0.28}


def loss(n: float, d: float) -> float:
    return TRUE["E"] + TRUE["A"] * n ** -TRUE["alpha_P"] + TRUE["B"] * d ** -TRUE["alpha_D"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An isoflop table: 8 budgets of 9 sizes each, every size once."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for c in np.geomspace(1e18, 1e21, 8):
        for factor in np.geomspace(0.2, 5, 9):
            n = 0.1 * np.sqrt(c / 6) * factor
            d = c / 6 / n
            noisy = loss(n, d) * np.exp(0.003 * rng.standard_normal())
            rows.append({"N": round(n), "D": round(d), "C": c, "loss": noisy})
    pd.DataFrame(rows).to_csv("iso.csv", index=False)
    pd.DataFrame(rows).drop(columns="C").to_csv("plain.csv", index=False)
    return tmp_path


def call(*arguments: str) -> Result:
    found = CliRunner().invoke(main, list(arguments))
    assert found.exit_code == 0, found.output
    return found


def test_an_isoflop_table_gives_the_sum_and_the_frontier(here: Path) -> None:
    said = " ".join(call("fit", "iso.csv", "--out", "run").stdout.split())
    assert "C = 6.00 P D, by the column of the compute" in said
    assert "72 slices, from" in said and "a fit needs four sizes" in said
    stored = json.loads(Path("run/results.json").read_text())["resources"]
    assert stored["low_D"] < TRUE["alpha_D"] < stored["high_D"]
    assert stored["low_P"] < TRUE["alpha_P"] < stored["high_P"]
    assert stored["floor_low"] < TRUE["E"] < stored["floor_high"]
    names = {path.name for path in Path("run").iterdir()}
    assert {"isoflop.png", "frontier.pdf", "best_sizes.csv", "report.html"} <= names


def test_the_best_sizes_hold_the_true_ones(here: Path) -> None:
    """P of the smallest loss at 6 P D = C, by a fine search; a decade beyond as well."""
    found = ms.fit("iso.csv")
    assert not isinstance(found.resources, str)
    rows = found.tables()["best_sizes"]
    assert [row["beyond"] for row in rows] == [False] * 4 + [True]
    for row in rows:
        n = np.geomspace(1e6, 1e11, 200_001)
        losses = [loss(one, row["compute"] / 6 / one) for one in n]
        best = int(np.argmin(losses))
        assert row["P_low"] < n[best] < row["P_high"]
        assert row["loss_low"] < losses[best] < row["loss_high"]
        assert row["per_parameter"] == row["D"] / row["P"]


def test_what_an_example_costs_is_assumed_where_the_table_does_not_say_it(
    here: Path,
) -> None:
    assert "C = 6 P D is assumed" in " ".join(call("fit", "plain.csv").stdout.split())


def test_what_was_saved_opens_again(here: Path) -> None:
    made = ms.fit("iso.csv", out="run")
    again = ms.load("run")
    assert again.to_json() == made.to_json()
    with pytest.raises(ms.ManifoldScaleError, match="No power law along one resource"):
        str(ms.compare("run", 8.0))


def test_the_frontier_shows_both_sizes_and_the_loss_with_what_was_measured(
    here: Path,
) -> None:
    figures = ms.fit("iso.csv").record.section.figures
    frontier, losses = figures["frontier"], figures["frontier_loss"]
    assert {"best P", "best D"} <= {line.label for line in frontier.lines}
    for figure, series in ((frontier, 2), (losses, 1)):
        kinds = [line.kind for line in figure.lines]
        assert [kinds.count(k) for k in ("line", "dashed", "points")] == [series] * 3
        assert all(line.band is not None for line in figure.lines if line.kind != "points")
    # The minima of the eight budgets, which do not use the law, lie on the true frontier.
    (measured,) = (line for line in losses.lines if line.kind == "points")
    n = np.geomspace(1e6, 1e11, 20_001)
    best = [min(loss(one, c / 6 / one) for one in n) for c in measured.x]
    assert len(best) == 8 and measured.y == pytest.approx(best, rel=0.01)
