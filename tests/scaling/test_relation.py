"""The relation of exponent to dimension over data sets, and the duality of exponents."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

import manifoldscale as ms
from manifoldscale.core.interval import Interval, number
from manifoldscale.core.result import Quantity
from manifoldscale.scaling.data_vs_parameters import test_duality
from manifoldscale.scaling.exponent_vs_dimension import holm, test_relation
from manifoldscale.scaling.meta_analysis import pool

TRUE = np.geomspace(2, 14, 7)


def pairs(
    seed: int, constant: float = 4.0, power: float = 1.0, tau: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Seven data sets, 10 % error of the dimension and 6 % of the exponent."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((3, len(TRUE)))
    d = TRUE * np.exp(0.1 * noise[0])
    alpha = constant * TRUE**-power * np.exp(0.06 * noise[1] + tau * noise[2])
    return np.column_stack([d, 0.1 * d]), np.column_stack([alpha, 0.06 * alpha])


def test_exact_data_give_the_exact_law() -> None:
    found = test_relation(TRUE, 4 / TRUE)
    assert found.ratio == pytest.approx(1) and found.gamma == pytest.approx(1, abs=1e-4)
    assert found.tau == pytest.approx(0, abs=1e-6) and not found.below
    assert "alpha >= 4/d: not tested, as no error is stated" in str(found)
    assert "taken as exact (7 of 7 dimensions, 7 of 7 exponents)" in str(found)
    steeper = test_relation(TRUE, 5 * TRUE**-1.5)
    assert steeper.gamma == pytest.approx(1.5, abs=1e-3) and steeper.p_equality < 1e-6


@pytest.mark.parametrize("dims", [TRUE, [2, 4, 6, 8, 12], [3.3, 5.7, 11.1]], ids=len)
@pytest.mark.parametrize("ratio", [1.0, 1.1])
def test_exact_data_are_tested_without_contradiction(dims: list, ratio: float) -> None:
    """r is the same at every dimension, so that the power is 1; only r = 1 may be wrong."""
    found = test_relation(dims, [4 * ratio / d for d in dims])
    assert found.ratio == pytest.approx(ratio, rel=1e-12)
    assert 1 in found.gamma_interval and found.p_gamma > 0.9
    holds = ratio == 1
    assert (1 in found.ratio_interval) == holds
    assert (found.p_ratio > 0.9) == (found.p_equality > 0.9) == holds
    assert holds or max(found.p_ratio, found.p_equality) < 1e-6
    # The only p of the printed line beside r is that of r = 1, with its own interval.
    beside, power, both = str(found).split(";")[:3]
    assert beside.endswith(f", r = 1: p = {number(found.p_ratio, 2)}")
    assert power.endswith(f", power 1: p = {number(found.p_gamma, 2)}")
    assert both == f" both, alpha = 4/d: p = {number(found.p_equality, 2)}"


def test_a_power_that_is_not_one_is_seen_where_the_mean_ratio_is_one() -> None:
    """r = 1 in the geometric mean by construction: only tests of the power can tell."""
    middle = math.exp(np.log(TRUE).mean())
    found = test_relation(TRUE, 4 / TRUE * (TRUE / middle) ** -0.5)
    assert found.ratio == pytest.approx(1) and found.p_ratio > 0.9
    assert 1 not in found.gamma_interval and max(found.p_gamma, found.p_equality) < 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_p_values_and_intervals_say_the_same(seed: int) -> None:
    """At any level: 1 lies at the end of the interval whose level is 1 - p."""
    data = pairs(seed, constant=4.4, power=1.1, tau=0.1)
    found = test_relation(*data)
    ratio = test_relation(*data, level=1 - found.p_ratio).ratio_interval
    gamma = test_relation(*data, level=1 - found.p_gamma).gamma_interval
    for interval in (ratio, gamma):
        assert min(abs(interval.low - 1), abs(interval.high - 1)) < 1e-3


def test_results_with_intervals_are_taken_as_they_are() -> None:
    d, alpha = pairs(0)

    def quantity(value: float, error: float) -> Quantity:
        factor = math.exp(1.959964 * error / value)
        return Quantity(value, Interval(value / factor, value * factor), "m", 10)

    named = test_relation([quantity(*p) for p in d], [quantity(*p) for p in alpha])
    plain = test_relation(d, alpha)
    assert tuple(named.ratio_interval) == pytest.approx(tuple(plain.ratio_interval))


def test_the_line_is_that_of_a_weighted_regression_where_dimensions_are_exact() -> None:
    _, alpha = pairs(1)
    found = test_relation(TRUE, alpha)
    slope = np.polyfit(np.log(TRUE), np.log(alpha[:, 0]), 1)[0]  # equal relative errors
    assert found.gamma == pytest.approx(-slope, rel=1e-4)


def test_size_and_power_in_few_draws() -> None:
    null = [test_relation(*pairs(seed)).p_equality < 0.05 for seed in range(40)]
    half = [test_relation(*pairs(seed, 2.0)) for seed in range(5)]
    assert np.mean(null) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 40)
    assert all(found.p_equality < 0.05 and found.below for found in half)


@pytest.mark.slow
def test_size_and_power() -> None:
    """Size 3-7 % at 5 %, of equality and of the bound; power against 2/d above 80 %."""
    null = [test_relation(*pairs(seed)) for seed in range(1000)]
    assert 0.03 <= np.mean([found.p_equality < 0.05 for found in null]) <= 0.07
    assert 0.03 <= np.mean([bool(found.below) for found in null]) <= 0.07
    assert np.mean([1 in found.ratio_interval for found in null]) >= 0.93
    assert np.mean([1 in found.gamma_interval for found in null]) >= 0.93
    half = [test_relation(*pairs(seed, 2.0)) for seed in range(100)]
    assert np.mean([found.p_equality < 0.05 for found in half]) > 0.8
    assert np.mean([bool(found.below) for found in half]) > 0.8
    spread = [test_relation(*pairs(seed, tau=0.2)) for seed in range(300)]
    assert np.mean([0.2 in found.tau_interval for found in spread]) >= 0.92
    assert np.mean([1 in found.ratio_interval for found in spread]) >= 0.92


def grouped(seed: int, factor: float) -> dict:
    """Two architectures on the same seven data sets, which share each dimension's error."""
    rng = np.random.default_rng(seed)
    d = TRUE * np.exp(0.2 * rng.standard_normal(7))
    scale = np.repeat([1.0, factor], 7)
    alpha = scale * np.tile(4 / TRUE, 2) * np.exp(0.05 * rng.standard_normal(14))
    return {
        "dims": np.tile(np.column_stack([d, 0.2 * d]), (2, 1)),
        "fits": np.column_stack([alpha, 0.05 * alpha]),
        "groups": ["relu"] * 7 + ["erf"] * 7,
        "datasets": list(range(7)) * 2,
    }


def test_groups_on_the_same_data_are_compared_within_them() -> None:
    """15 % are seen against 5 % errors, though each dimension is 20 % uncertain."""
    found = test_relation(**grouped(0, 1.15))
    assert found.p_universal < 0.01
    ratio = found.group_ratios["erf"] / found.group_ratios["relu"]
    assert ratio == pytest.approx(1.15, rel=0.08)
    alone = test_relation(**(grouped(0, 1.15) | {"datasets": None}))
    assert alone.p_universal > 0.05


@pytest.mark.slow
def test_the_size_of_universality() -> None:
    p = [test_relation(**grouped(seed, 1.0)).p_universal < 0.05 for seed in range(300)]
    assert abs(np.mean(p) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 300)


def test_holm_is_that_of_the_textbook() -> None:
    np.testing.assert_allclose(
        holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02]
    )


def test_pooling_equal_errors_is_the_t_interval() -> None:
    values = np.array([0.1, 0.5, -0.2, 0.3])
    found = pool(values, np.full(4, 0.01), 0.95)
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert tuple(found.interval(0.95)) == pytest.approx(expected, rel=1e-4)
    assert found.tau == pytest.approx(math.sqrt(values.var(ddof=1) - 0.01**2), rel=1e-3)


def test_the_two_exponents_are_compared_in_pairs() -> None:
    rng = np.random.default_rng(0)
    alpha_D = np.array([0.3, 0.5, 0.8, 1.1, 0.6])
    other = alpha_D * np.exp(0.02 * rng.standard_normal(5))
    same = test_duality(alpha_D, other)
    assert same.p_value > 0.05 and 1 in same.interval
    apart = test_duality(alpha_D, 1.3 * other)
    assert apart.p_value < 0.01 and apart.ratio == pytest.approx(1 / 1.3, rel=0.03)
    assert "over 5 pairs" in str(apart) and apart.row()["n"] == 5


def test_it_prints_and_plots() -> None:
    found = test_relation(*pairs(3))
    assert str(found).startswith("r = alpha d / 4 = ") and found.row()["n"] == 7
    assert found.plot(Figure().add_subplot()).get_xlabel() == "dimension $d$"
    assert '"ratio"' in found.to_frame().to_json()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2, 3], [1, 2]), "3 dimensions and 2 exponents"),
        (([1, 2], [1, 2]), "at least three"),
        (([1, 2, -3], [1, 2, 3]), "must be positive"),
        (([1, 2, "x"], [1, 2, 3]), "it holds 'x'"),
        (("abc", [1, 2, 3]), "`dims` must be a list"),
        (([1, 2, 3], [1, 2, 3], ["a"]), "label for each"),
        (([1, 2, 3], [1, 2, 3], ["a", "b", "c"]), "fewer than the entries"),
    ],
)
def test_lists_that_cannot_be_tested(arguments: tuple, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        test_relation(*arguments)


def test_open_intervals_are_refused_by_name() -> None:
    open_ended = Quantity(3.0, Interval(2.0, math.inf), "m", 10)
    with pytest.raises(ms.ManifoldScaleError, match="leave that data set out"):
        test_relation([open_ended] * 3, [1, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "alpha"),
    [
        ({"dim": 8, "law": "2s/d", "smoothness": 3}, 6 / 8),
        ({"dim": 8, "law": "2s/d", "smoothness": 3, "label_noise": 0.1}, 6 / 14),
        ({"dim": 8, "law": "2nu/d", "smoothness": 0.5}, 1 / 8),
        ({"dim": 8, "law": "2nu/d", "smoothness": 1.5}, 3 / 8),
        ({"dim": [3, 3, 3]}, 4 / 3),
        ({"dim": [3, Quantity(5.0, Interval(4.0, 6.0), "m", 10)]}, 4 / 5),
    ],
)
def test_mechanisms(arguments: dict, alpha: float) -> None:
    assert ms.predict_exponent(**arguments).alpha == pytest.approx(alpha)


@pytest.mark.parametrize("nu", [0.5, 1.5])
def test_the_kernel_law_is_that_of_the_spectrum(nu: float) -> None:
    """alpha_K = 2 nu / d of eigenvalues i^-(1 + alpha_K): the exact curve's exponent."""
    alpha = ms.predict_exponent(4, "2nu/d", smoothness=nu).alpha
    assert ms.theory.power_law_asymptote(alpha).alpha == pytest.approx(alpha)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 3, "law": "2s/d"}, "needs a positive `smoothness`"),
        ({"dim": 3, "smoothness": 2}, "`smoothness` belongs to"),
        ({"dim": []}, "empty list"),
        ({"dim": 3, "law": "2nu/d", "smoothness": 1, "loss": "abs^3"}, "quadratic"),
    ],
)
def test_mechanisms_that_make_no_sense(arguments: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.predict_exponent(**arguments)


def test_values_that_happen_to_agree_are_not_known_better() -> None:
    alphas = [(0.5, 0.04), (0.7, 0.05), (0.4, 0.03), (0.6, 0.05), (0.8, 0.06)]
    found = ms.test_duality(alphas, alphas)
    assert found.ratio == pytest.approx(1)
    # Relative errors of 8 % in both of five pairs: 5 % of their mean, times Student's t.
    assert 0.2 < found.interval.width < 0.4


def test_entries_that_share_a_data_set_are_no_further_data_sets() -> None:
    dims, alphas = [(4, 0.4), (4.2, 0.4), (8, 0.8)], [(1, 0.1), (0.9, 0.1), (0.5, 0.05)]
    shared = ms.test_relation(dims, alphas, datasets=["a", "a", "b"])
    assert "over 3 entries of 2 data sets, " in shared.headline()
    assert "over 3 data sets, " in ms.test_relation(dims, alphas).headline()


def test_the_names_of_verbs_are_no_names_of_tests() -> None:
    assert ms.relation is ms.test_relation and ms.duality is ms.test_duality
    assert ms.scaling.relation is ms.relation and ms.scaling.duality is ms.duality
    assert not ms.relation.__test__ and not ms.duality.__test__
