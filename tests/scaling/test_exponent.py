"""Predictions and comparisons."""

import math

import numpy as np
import pytest
from scipy import stats

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.core.learning_curve import LearningCurve, Run
from manifoldscale.core.result import Quantity
from manifoldscale.scaling.exponent import ladder
from manifoldscale.scaling.laws import CONDITIONS

ALL_MET = tuple(CONDITIONS)
NOISE = {"label_noise": 0.1}


@pytest.mark.parametrize(
    ("law", "arguments", "alpha"),
    [
        ("1/d", {}, 1 / 8),
        ("2/d", {}, 2 / 8),
        ("4/d", {}, 4 / 8),
        ("4/d", {"loss": "cross_entropy"}, 4 / 8),
        ("2p/d", {"loss": "abs^1"}, 2 / 8),
        ("2p/d", {"loss": "abs^3"}, 6 / 8),
        ("1/d", {"loss": "abs^3"}, 1 / 8),
        ("4/d", {"label_noise": 0.1}, 4 / 12),
        ("2/d", {"label_noise": 0.1}, 2 / 10),
    ],
)
def test_the_ladder(law: str, arguments: dict, alpha: float) -> None:
    assert ms.predict_exponent(8, law, **arguments).alpha == pytest.approx(alpha)


def test_conditions_do_not_name_the_order_of_another_law() -> None:
    """2/d is an equality where the target varies at first order, 2s/d at the s-th."""
    for law, smoothness in (("2/d", None), ("4/d", None), ("2s/d", 3.0)):
        unmet = ms.predict_exponent(8, law, smoothness=smoothness).unmet
        assert not any("second order" in condition for condition in unmet)


def test_bounds_become_equalities_only_when_every_condition_is_declared() -> None:
    bound = ms.predict_exponent(8.0)
    assert bound.kind == "bound" and len(bound.unmet) == 5
    equality = ms.predict_exponent(8.0, met=ALL_MET)
    assert equality.kind == "equality" and not equality.unmet
    assert ms.predict_exponent(8.0, "1/d", met=ALL_MET).kind == "bound"
    partly = ms.predict_exponent(8.0, met=["noiseless"])
    assert CONDITIONS["noiseless"] not in partly.unmet and len(partly.unmet) == 4


def test_the_interval_of_the_dimension_is_carried_through() -> None:
    dim = Quantity(8.0, Interval(7.0, 10.0), "method", 100)
    prediction = ms.predict_exponent(dim)
    assert tuple(prediction.interval) == pytest.approx((0.4, 4 / 7))
    open_ended = Quantity(8.0, Interval(7.0, math.inf), "method", 100)
    assert ms.predict_exponent(open_ended).interval.low == 0


def test_with_label_noise_the_prediction_is_a_rate_and_no_bound() -> None:
    noisy = ms.predict_exponent(8.0, **NOISE)
    assert noisy.kind == "rate" and str(noisy).startswith("alpha ~ 0.333")
    low = ms.compare(ms.predict_exponent(dimension(8, 0.05), **NOISE), fitted(0.15))
    assert low.verdict == "below" and not {n.caveat.name for n in low.caveats} & {
        "BELOW_BOUND"
    }


def test_caveats_of_the_dimension_and_of_the_fit_reach_the_comparison() -> None:
    dim = Quantity(8.0, Interval(7.0, 9.0), "m", 50, (Caveat.FEW_POINTS("n = 50"),))
    found = ms.compare(ms.predict_exponent(dim), fitted(0.5)).caveats
    assert {note.caveat.name for note in found} == {"FEW_POINTS", "NO_REPLICATES"}


def test_comparisons_that_make_no_sense() -> None:
    prediction = ms.predict_exponent(8.0)
    runs = [Run(loss=w**-0.5, width=w) for w in (10, 30, 100, 300, 1000)]
    by_width = ms.fit_power_law(LearningCurve(tuple(runs)), axis="width")
    with pytest.raises(ms.ManifoldScaleError, match="axis='parameters'"):
        ms.compare(prediction, by_width)
    with pytest.raises(ms.ManifoldScaleError, match="levels differ"):
        ms.compare(prediction, ms.fit_power_law(X, X**-0.5, level=0.68))
    with pytest.raises(ms.ManifoldScaleError, match="in this order"):
        ms.compare(fitted(0.5), prediction)


@pytest.mark.slow
def test_p_values_are_uniform_where_the_bound_holds_with_equality() -> None:
    """Five sizes only: tails of Student's t. P(p < 0.05) within 4 errors over 200."""
    x = np.geomspace(100, 10_000, 5)
    p_values = []
    for seed in range(200):
        noise = 1 + 0.05 * np.random.default_rng(seed).standard_normal(5)
        fit = ms.fit_power_law(x, x**-0.5 * noise, floor="zero")
        p_values.append(ms.compare(ms.predict_exponent(8.0), fit).p_below)
    assert abs(np.mean(np.array(p_values) < 0.05) - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(p_values) < 0.001) < 0.01


def test_ladders_rise() -> None:
    assert [p.law for p in ladder(5.0)] == ["1/d", "2/d", "4/d"]
    alphas = [p.alpha for p in ladder(5.0)]
    assert alphas == sorted(alphas)
    assert len(ladder(5.0, label_noise=0.5)) == 2
    assert [p.law for p in ladder(5.0, loss="abs^3")] == ["1/d", "2p/d"]
    assert [p.law for p in ladder(5.0, loss="abs^0.5")] == ["2p/d"]


@pytest.mark.parametrize(("p", "above"), [(1.0, True), (0.5, False)])
def test_one_over_d_holds_for_lipschitz_losses_only(p: float, above: bool) -> None:
    """The nearest neighbour's label for y = x on the line: |x - x'|^p falls as D^-p."""
    rng = np.random.default_rng(0)
    means = [
        np.mean(
            [np.abs(rng.random((50, 1)) - rng.random(n)).min(1) ** p for _ in range(50)]
        )
        for n in (100, 1600)
    ]
    alpha = math.log(means[0] / means[1]) / math.log(16)
    assert alpha == pytest.approx(p, abs=0.1)
    assert (alpha > 0.9) is above


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 0.0}, "`dim`"),
        ({"dim": float("nan")}, "`dim`"),
        ({"dim": 3, "law": "3/d"}, "`law` must be one of"),
        ({"dim": 3, "loss": "hinge"}, "`loss` must be"),
        ({"dim": 3, "loss": "abs^-1"}, "`loss` must be"),
        ({"dim": 3, "loss": "abs^0.5", "law": "1/d"}, "Lipschitz"),
        ({"dim": 3, "label_noise": -1}, "`label_noise`"),
        ({"dim": 3, "met": ["luck"]}, "`met` must be one of"),
        ({"dim": 3, "loss": "abs^3", "law": "2p/d", "label_noise": 1}, "label noise"),
        ({"dim": 3, "loss": "abs^3", "law": "4/d"}, "use '2p/d'"),
        ({"dim": 3, "loss": "abs^inf"}, "`loss` must be"),
        ({"dim": 3, "loss": None}, "`loss` must be"),
        ({"dim": 3, "law": "1/d", "label_noise": 0.1}, "assumes interpolation"),
        ({"dim": 3, "met": ["noiseless"], "label_noise": 0.1}, "`met` says 'noiseless'"),
        ({"dim": "8x"}, "`dim` must be"),
        ({"dim": None}, "`dim` must be"),
    ],
)
def test_predictions_that_cannot_be_made(arguments: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.predict_exponent(**arguments)


X = np.geomspace(100, 10_000, 10)


def fitted(alpha: float, seed: int = 0, spread: float = 0.03) -> object:
    rng = np.random.default_rng(seed)
    losses = X**-alpha * (1 + spread * rng.standard_normal(10))
    return ms.fit_power_law(X, losses, floor="zero")


def dimension(value: float, relative: float) -> Quantity:
    factor = math.exp(1.96 * relative)
    return Quantity(value, Interval(value / factor, value * factor), "method", 100)


def test_the_ratio_is_alpha_d_over_4() -> None:
    fit, dim = fitted(0.5), dimension(8, 0.02)
    comparison = ms.compare(ms.predict_exponent(dim), fit)
    assert comparison.ratio == pytest.approx(fit.alpha * 8 / 4)
    assert comparison.verdict == "agrees" and 1 in comparison.interval
    assert comparison.interval.width > fit.interval.width * 2  # both errors are in it


@pytest.mark.parametrize(("alpha", "verdict"), [(0.25, "below"), (1.0, "above")])
def test_verdicts_are_one_sided(alpha: float, verdict: str) -> None:
    comparison = ms.compare(ms.predict_exponent(dimension(8, 0.05)), fitted(alpha))
    assert comparison.verdict == verdict
    assert (comparison.p_below < 0.01) == (verdict == "below")
    assert {n.caveat.name for n in comparison.caveats} & {
        "BELOW_BOUND",
        "STEEPER_THAN_BOUND",
    }


@pytest.mark.slow
def test_the_interval_of_the_ratio_covers() -> None:
    """Dimension with 5 % error, exponent with its fit's: 95 % within 4 errors of 200."""
    rng = np.random.default_rng(1)
    held = []
    for seed in range(200):
        dim = dimension(8 * math.exp(0.05 * rng.standard_normal()), 0.05)
        comparison = ms.compare(ms.predict_exponent(dim), fitted(0.5, seed))
        held.append(1.0 in comparison.interval)
    spread = math.sqrt(0.95 * 0.05 / 200)
    assert abs(np.mean(held) - 0.95) < 4 * spread


def test_open_intervals_stay_open() -> None:
    open_dim = Quantity(8.0, Interval(7.0, math.inf), "method", 100)
    comparison = ms.compare(ms.predict_exponent(open_dim), fitted(0.5))
    assert comparison.interval.high == math.inf and comparison.verdict == "agrees"
    assert comparison.p_below == pytest.approx(0.5)
    assert stats.norm.cdf(0) == 0.5


def test_what_is_no_dimension_is_not_taken_for_one() -> None:
    near = ms.manifolds.Sphere(2).sample(400).neighbors(30)
    bend = ms.estimate(near, ms.curvature.Quadric(2)).pooled
    for wrong in (bend.kappa_rms, bend.scalar):
        with pytest.raises(ms.ManifoldScaleError, match="must be a dimension"):
            ms.predict_exponent(wrong)
        with pytest.raises(ms.ManifoldScaleError, match="must be a dimension"):
            ms.estimate(near, ms.curvature.Quadric(wrong))
        with pytest.raises(ms.ManifoldScaleError, match="`dims` must hold dimensions"):
            ms.test_relation([wrong] * 3, [0.5, 0.6, 0.7])
    for wrong in ("4", None, True, [True]):
        with pytest.raises(ms.ManifoldScaleError, match="`dim`"):
            ms.predict_exponent(wrong)
    assert (
        ms.predict_exponent(np.int64(8)).alpha == ms.predict_exponent(np.float32(8)).alpha
    )
    fits = [fitted(0.5)] * 3
    dims = [dimension(8, 0.05)] * 3
    with pytest.raises(ms.ManifoldScaleError, match="holds a PowerLaw"):
        ms.test_relation(fits, dims)
    dim = ms.estimate(near, ms.dimension.TwoNN())
    with pytest.raises(ms.ManifoldScaleError, match="`fits` must hold exponents"):
        ms.test_relation(dims, [dim] * 3)


def test_exponents_of_other_axes_have_no_relation() -> None:
    runs = [Run(loss=w**-0.5, width=w, parameters=w) for w in (10, 30, 100, 300, 1000)]
    by = {axis: ms.fit_power_law(LearningCurve(tuple(runs)), axis=axis, floor="zero")
          for axis in ("width", "parameters")}  # fmt: skip
    noisy = [fitted(0.5), fitted(0.6)]
    with pytest.raises(ms.ManifoldScaleError, match="holds alpha_W"):
        ms.test_duality(noisy, [by["width"]] * 2)
    with pytest.raises(ms.ManifoldScaleError, match="`data_fits` holds alpha_P"):
        ms.test_duality([by["parameters"]] * 2, noisy)


@pytest.mark.parametrize("level", [95, 0, 1, -0.1, "0.95", None, True, math.nan])
def test_a_level_is_a_share_in_every_verb(level: object) -> None:
    """95 gave an interval from nothing to infinity, without a word."""
    rng = np.random.default_rng(0)
    rows = [
        {"D": d, "P": p, "loss": (d**-0.5 + p**-0.4) * (1 + 0.01 * rng.standard_normal())}
        for d in (100, 200, 400, 800, 1600)
        for p in (100, 200, 400, 800)
        for _ in range(2)
    ]
    grid = ms.LearningCurve.from_frame(rows)
    x, pairs = np.repeat(X, 2), [(1.0, 0.1), (0.5, 0.1), (0.4, 0.1)]
    fit = ms.fit_power_law(X, X**-0.5)
    spectrum = ms.theory.sphere_spectrum(ms.theory.Laplace(), 3, 20)
    calls = [
        lambda: ms.fit_power_law(X, X**-0.5, level=level),
        lambda: ms.fit_joint(grid, level=level),
        lambda: ms.fit_sum(grid, level=level),
        lambda: ms.select_range(x, x**-0.5 * rng.lognormal(0, 0.01, len(x)), level=level),
        lambda: ms.test_relation([4, 8, 10], pairs, level=level),
        lambda: ms.test_duality(pairs, pairs, level=level),
        lambda: fit.band(X, level=level),
        lambda: Interval(0.1, 0.2, level),
        lambda: spectrum.exponent(level=level),
    ]
    for call in calls:
        with pytest.raises(ms.ManifoldScaleError, match="`level` must be between 0 and 1"):
            call()


def test_how_much_an_agreement_is_worth() -> None:
    """An interval from 0.67 to 5 holds 1, and agrees with nearly everything."""
    rough = ms.compare(ms.predict_exponent(dimension(8, 0.5)), fitted(0.6))
    assert rough.verdict == "agrees" and rough.factor > 2
    assert "cannot be told from 4/d" in str(rough)
    assert f"r is known within a factor of {rough.factor:.1f}" in str(rough)
    close = ms.compare(ms.predict_exponent(dimension(8, 0.02)), fitted(0.5))
    assert "agrees with 4/d = 0.500: r is known within a factor of 1.1" in str(close)


def test_a_dimension_that_was_given_has_no_interval() -> None:
    assert str(ms.predict_exponent(11.8)) == "alpha >= 0.339 (law 4/d, d = 11.8, given)"


@pytest.mark.parametrize("wrong", [None, "0.1", math.nan, -1.0, [0.1]])
def test_settings_that_are_no_numbers(wrong: object) -> None:
    pairs = [(1.0, 0.1), (0.5, 0.1), (0.4, 0.1)]
    grid = LearningCurve.from_frame(
        [{"D": d, "P": p, "loss": 1 / d + 1 / p} for d in range(1, 5) for p in range(1, 5)]
    )
    calls = {
        "label_noise": lambda: ms.predict_exponent(8, label_noise=wrong),
        "smoothness": lambda: ms.predict_exponent(8, "2s/d", smoothness=wrong),
        "constant": lambda: ms.test_relation([4, 8, 10], pairs, constant=wrong),
        "floor": lambda: ms.fit_power_law(X, X**-0.5, floor=wrong),
        "loss": lambda: ms.Reference(math.inf, wrong, 0.1),
    }
    if wrong is not None:
        calls["kappa"] = lambda: ms.fit_joint(grid, kappa=wrong)
    for name, call in calls.items():
        with pytest.raises(ms.ManifoldScaleError, match=f"`{name}`"):
            call()


def test_every_result_says_a_level_that_is_not_the_usual_one() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"D": d, "P": p, "loss": (d**-0.5 + p**-0.4) * (1 + 0.01 * rng.standard_normal())}
        for d in (100, 200, 400, 800, 1600)
        for p in (100, 200, 400, 800)
    ]
    grid = LearningCurve.from_frame(rows)
    x, pairs = np.repeat(X, 2), [(1.0, 0.1), (0.5, 0.1), (0.4, 0.1)]
    y = x**-0.5 * rng.lognormal(0, 0.01, len(x))
    dim = Quantity(8.0, Interval(7.0, 9.0, 0.9), "m", 50)
    found = [
        ms.fit_power_law(x, y, level=0.9),
        ms.fit_joint(grid, level=0.9),
        ms.fit_sum(grid, level=0.9),
        ms.select_range(x, y, level=0.9),
        ms.test_relation([4, 8, 10], pairs, level=0.9),
        ms.test_duality(pairs, pairs, level=0.9),
        ms.predict_exponent(dim),
        ms.compare(ms.predict_exponent(dim), ms.fit_power_law(x, y, level=0.9)),
        dim,
    ]
    for one in found:
        assert "(90 %)" in one.headline() and one.row()["level"] == 0.9, one


def test_an_error_does_not_print_a_whole_result() -> None:
    points = np.random.default_rng(0).standard_normal((300, 3))
    local = ms.estimate(points, ms.dimension.Local(ms.dimension.MLE()))
    with pytest.raises(ms.ManifoldScaleError, match=r"a number; not a \w+\.$"):
        ms.predict_exponent(local)
