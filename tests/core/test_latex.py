"""Tables for papers."""

import math

import pytest

import manifoldscale as ms
from manifoldscale.core.interval import Interval
from manifoldscale.core.latex import latex_table, with_errors
from manifoldscale.core.result import Quantity, Table


def test_a_number_has_the_distances_to_its_ends() -> None:
    """0.34 [0.17, 0.60] is 0.34, plus 0.26, minus 0.17."""
    assert with_errors(0.34, 0.17, 0.60) == "$0.34^{+0.26}_{-0.17}$"
    assert with_errors(1234.0, 1200.0, 1300.0) == "$1234^{+66}_{-34}$"
    assert with_errors(0.001234, 0.0012, 0.0013) == "$0.001234^{+0.000066}_{-0.000034}$"


def test_what_is_open_or_unknown_is_said() -> None:
    assert with_errors(2.0, 1.0, math.inf) == r"$2.0^{+\infty}_{-1.0}$"
    assert with_errors(math.nan, math.nan, math.nan) == "--"
    assert "--" in latex_table([{"site": "a", "value": math.nan, "n": 3}])


def test_columns_are_chosen_and_escaped() -> None:
    rows = [{"site": "fc_1 & 50 %", "d": 8.0, "low": 7.0, "high": 9.5, "extra": "x"}]
    found = latex_table(rows, ["d", "site"])
    assert found.splitlines()[2] == r"d & site \\"
    assert r"$8.0^{+1.5}_{-1.0}$ & fc\_1 \& 50 \% \\" in found and "extra" not in found
    with pytest.raises(ms.ManifoldScaleError, match="no column 'nothing'; columns are"):
        latex_table(rows, ["nothing"])


def test_every_result_and_table_gives_one() -> None:
    dim = Quantity(8.0, Interval(7.0, 9.5), "TwoNN()", 1000)
    assert "$8.0^{+1.5}_{-1.0}$" in dim.to_latex()
    table = Table((dim, dim), ({"site": "a"}, {"site": "b"}))
    assert table.to_latex(["site", "quantity"]).count("$8.0") == 2


def test_of_a_run_with_several_numbers_in_a_row() -> None:
    """`ratio`, `ratio_low`, `ratio_high` are one cell, as are exponent and floor."""
    losses = [{"n_train": n, "loss": 3 * n**-0.5} for n in (100, 200, 400, 800, 1600)]
    found = ms.fit(losses).to_latex(["alpha", "floor"])
    assert found.count("^{+") == 2


def test_a_count_of_one_is_no_truth_value() -> None:
    row = {"site": "a", "n_sizes": 1, "n_runs": 0, "good": True, "alpha": 0.5}
    table = latex_table([row | {"low": 0.4, "high": 0.6}])
    assert table.splitlines()[2] == r"site & n sizes & n runs & $\alpha$ \\"
