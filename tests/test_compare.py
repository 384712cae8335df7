"""Measured exponents against dimensions, site by site, and what follows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import manifoldscale as ms
from manifoldscale.cli.main import main
from manifoldscale.core.interval import Interval
from manifoldscale.core.result import Quantity


def curve(alpha: float, floor: float = 0.0, noise: float = 0.01) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {"n_train": int(n), "seed": seed, "loss": float((floor + 3 * n**-alpha) * e)}
        for n in np.geomspace(100, 30_000, 9).round()
        for seed, e in enumerate(1 + noise * rng.standard_normal(4))
    ]


def dim(value: float, low: float, high: float) -> Quantity:
    return Quantity(value, Interval(low, high), "TwoNN()", 1000)


SITES = {"input": dim(9, 8.5, 9.5), "hidden": dim(8, 7.5, 8.6), "output": dim(4, 3.8, 4.2)}


def test_the_ratio_is_that_of_every_site() -> None:
    """r = alpha d / 4 at each, its interval that of `compare` of a prediction."""
    found = ms.compare(curve(0.5), SITES)
    law = ms.fit(curve(0.5)).fits[""]
    for row in found.rows:
        alone = ms.compare(ms.predict_exponent(SITES[row.site]), law)
        assert row.comparison.ratio == pytest.approx(law.alpha * SITES[row.site].value / 4)
        assert (row.comparison.ratio, row.comparison.interval) == (
            alone.ratio,
            alone.interval,
        )
    assert list(found.to_frame()["site"]) == list(SITES)


def test_the_last_site_before_the_read_out_comes_first() -> None:
    found = ms.compare(curve(0.5), SITES)
    assert found.site == "hidden" and "(hidden)" in str(found)
    assert ms.compare(curve(0.5), SITES, site="input").site == "input"
    with pytest.raises(ms.ManifoldScaleError, match="input, hidden, output"):
        str(ms.compare(curve(0.5), SITES, site="nowhere"))


def test_what_follows_is_said() -> None:
    """The other sites, the other floor, the regime, the shares of the uncertainty."""
    said = str(ms.compare(curve(0.5, floor=0.02, noise=0.03), SITES))
    assert "Taking another site moves r to between" in said and "differs at some" in said
    assert "With the floor forced to zero r is" in said
    assert "was not established" in said and "An equality also needs" in said


def test_a_wide_dimension_is_what_limits() -> None:
    wide = {"input": dim(8, 4, 16), "hidden": dim(8, 4, 16), "output": dim(8, 4, 16)}
    said = str(ms.compare(curve(0.5), wide))
    assert "cannot be told from" in said and "the dimension's" in said
    assert "interval of the dimension is what limits this" in said


def test_a_known_floor_would_narrow_it() -> None:
    """Five noisy sizes leave floor and exponent to trade off."""
    few = [row for row in curve(0.4, floor=0.05, noise=0.03) if row["n_train"] < 2000]
    said = str(ms.compare(few, {"given": dim(10, 9.9, 10.1)}))
    assert "If the floor were known" in said


def test_losses_and_dimensions_come_from_anywhere(tmp_path: Path) -> None:
    rows = curve(0.5)
    whole = ms.LearningCurve.from_frame(rows)
    fit = ms.fit(rows, out=tmp_path / "fit")
    first = ms.compare(whole, 8.0)
    for losses in (rows, fit, tmp_path / "fit", tmp_path / "fit" / "results.json"):
        again = ms.compare(losses, 8.0)
        assert again.rows[0].comparison.ratio == first.rows[0].comparison.ratio
    with pytest.raises(ms.ManifoldScaleError, match="holds a fit; dimensions are those"):
        ms.compare(rows, tmp_path / "fit")
    with pytest.raises(ms.ManifoldScaleError, match="`geometry` must be"):
        ms.compare(rows, None)


def test_a_prediction_and_a_fit_are_compared_as_before() -> None:
    law = ms.fit(curve(0.5)).fits[""]
    prediction = ms.predict_exponent(8.0)
    assert ms.compare(prediction, law) == ms.scaling.compare(prediction, law)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    import pandas as pd

    pd.DataFrame(curve(0.5)).to_csv("losses.csv", index=False)
    call = CliRunner().invoke(main, ["compare", "losses.csv", "8.2", "--out", "cmp"])
    assert call.exit_code == 0, call.output
    assert "r = 1.0" in call.stdout and "given" in call.stdout
    names = {p.name for p in Path("cmp").iterdir()}
    assert names == {
        *("results.json", "comparison.csv", "comparison.tex"),
        *("report.html", "figures"),
    }
    page = Path("cmp/report.html").read_text()
    assert "losses.csv against 8.2" in page and "r at given" in page
    stored = json.loads(Path("cmp/results.json").read_text())
    assert stored["rows"][0]["law"] == "4/d"
    wrong = CliRunner().invoke(main, ["compare", "losses.csv", "nowhere"])
    assert wrong.exit_code == 1 and "nowhere" in wrong.stderr
