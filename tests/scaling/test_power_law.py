"""Power-law fits: exact on exact laws, honest about the rest."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import least_squares, nnls

import manifoldscale as ms
from manifoldscale.core.learning_curve import Axis, LearningCurve, Run
from manifoldscale.scaling.projection import GRID, Profile

X = np.geomspace(100, 10_000, 10)


def names(fit: object) -> set[str]:
    return {note.caveat.name for note in fit.caveats}


def noisy(
    alpha: float, floor: float, seed: int, spread: float = 0.02, repeats: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and losses of E + (x / 100)^-alpha with relative noise."""
    x = np.repeat(X, repeats)
    rng = np.random.default_rng(seed)
    mean = floor + (x / 100) ** -alpha
    return x, mean * (1 + spread * rng.standard_normal(len(x)))


@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("floor", [0.0, 0.03])
def test_exact_laws_are_recovered(alpha: float, floor: float) -> None:
    fit = ms.fit_power_law(X, floor + 3 * X**-alpha)
    assert fit.alpha == pytest.approx(alpha, rel=1e-4)
    assert fit.floor == pytest.approx(floor, abs=1e-3 * fit.predict(X[-1]))
    np.testing.assert_allclose(fit.predict(X), floor + 3 * X**-alpha, rtol=1e-3)


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3), st.permutations(range(10)))
@settings(max_examples=25, deadline=None)
def test_units_and_order_change_nothing(
    loss_unit: float, size_unit: float, order: list[int]
) -> None:
    x, y = noisy(0.5, 0.05, seed=1)
    plain = ms.fit_power_law(x, y)
    moved = ms.fit_power_law(x[order] * size_unit, y[order] * loss_unit)
    assert moved.alpha == pytest.approx(plain.alpha, rel=1e-6)
    assert tuple(moved.interval) == pytest.approx(tuple(plain.interval), rel=1e-6)
    assert moved.floor == pytest.approx(plain.floor * loss_unit, rel=1e-4, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_minimum_is_that_of_a_general_optimiser(seed: int) -> None:
    """scipy's bounded least squares from the truth, with the same weights."""
    x, y = noisy(0.4, 0.1, seed)
    fit = ms.fit_power_law(x, y)
    weights = 1 / fit.predict(x)

    def residuals(p: np.ndarray) -> np.ndarray:
        return weights * (p[0] + p[1] * (x / 100) ** -p[2] - y)

    theirs = least_squares(
        residuals, [0.1, 1, 0.4], bounds=(0, np.inf), xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    assert fit.alpha == pytest.approx(theirs.x[2], rel=1e-4)


def test_the_projection_is_non_negative_least_squares() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, weights = rng.standard_normal(10) + 0.3, rng.random(10) + 0.1
        profile = Profile(X, y, weights, None)
        alphas = GRID[::100]
        fitted = profile.at(alphas)
        for i, z in enumerate(profile.powers(alphas)):
            root = np.sqrt(weights)
            design = np.column_stack([np.ones(10), z]) * root[:, None]
            (floor, amplitude), norm = nnls(design, y * root)
            assert fitted.cost[i] == pytest.approx(norm**2, rel=1e-8)
            assert fitted.floor[i] == pytest.approx(floor, abs=1e-8)
            assert fitted.amplitude[i] == pytest.approx(amplitude, abs=1e-8)


def test_a_floor_that_is_too_low_is_flagged() -> None:
    x, y = noisy(0.5, 0.1, seed=3)
    forced = ms.fit_power_law(x, y, floor="zero")
    assert "FLOOR_FORCED" in names(forced) and forced.alpha < 0.45
    assert "FLOOR_EXCEEDED" in names(ms.fit_power_law(x, y, floor=0.02))


@pytest.mark.parametrize(("true", "given_as"), [(0.0, "zero"), (0.0, 0.0), (0.1, 0.1)])
@pytest.mark.slow
def test_a_true_floor_is_flagged_no_more_often_than_the_level(
    true: float, given_as: object
) -> None:
    """5 % of 100 draws, four standard errors above at most."""
    fits = [ms.fit_power_law(*noisy(0.5, true, i), floor=given_as) for i in range(100)]
    flagged = [bool({"FLOOR_FORCED", "FLOOR_EXCEEDED"} & names(fit)) for fit in fits]
    assert np.mean(flagged) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)


def test_knowing_the_floor_narrows_the_interval() -> None:
    x, y = noisy(0.35, 0.2, seed=4)
    free, known = (ms.fit_power_law(x, y, floor=f) for f in ("free", 0.2))
    anchored = ms.fit_power_law(x, y, floor=ms.Reference(np.inf, 0.2, 0.001))
    assert known.interval.width < free.interval.width / 3
    assert anchored.interval.width < free.interval.width / 2
    assert 0.35 in known.interval and 0.35 in anchored.interval


def test_a_finite_reference_is_not_taken_for_the_limit() -> None:
    """The loss at 16 times the range is above the floor by 16^-0.35 / 5: a third of the
    last loss's distance. Subtracted as if it were the limit it would bend the curve.
    """
    reference = ms.Reference(160_000, 0.2 + 1600**-0.35, 1e-4)
    fit = ms.fit_power_law(X, 0.2 + (X / 100) ** -0.35, floor=reference)
    assert fit.alpha == pytest.approx(0.35, rel=1e-3)
    taken = ms.fit_power_law(X, 0.2 + (X / 100) ** -0.35, floor=reference.loss)
    assert taken.alpha > 0.4


@pytest.mark.parametrize(
    "fields", [("1e9", 0.1, 0.01), (1e9, None, 0.01), (1e9, 0.1, 0), (np.nan, 0.1, 0.01)]
)
def test_a_reference_that_is_none_is_refused(fields: tuple) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="of a Reference must be positive"):
        ms.Reference(*fields)


def test_a_reference_within_the_range_is_refused() -> None:
    """It would be one more datum, and the floor it anchors none that was measured."""
    with pytest.raises(ms.ManifoldScaleError, match="beyond the sizes"):
        ms.fit_power_law(X, X**-0.5, floor=ms.Reference(float(X[-2]), 0.1, 0.01))


def test_losses_that_hardly_fall_bound_nothing() -> None:
    rng = np.random.default_rng(5)
    fit = ms.fit_power_law(X, 1 + 0.01 * rng.standard_normal(10))
    assert fit.interval.low < 0.2 and fit.interval.high == np.inf
    assert {"OPEN_INTERVAL", "NOT_ESTIMATED"} & names(fit)


@pytest.mark.parametrize("losses", [np.ones(10), X], ids=["flat", "rising"])
def test_losses_that_do_not_fall_have_no_exponent(losses: np.ndarray) -> None:
    fit = ms.fit_power_law(X, losses)
    assert np.isnan(fit.alpha) and tuple(fit.interval) == (0, np.inf)
    assert "NOT_ESTIMATED" in names(fit)
    assert np.isfinite(fit.predict(X)).all()
    comparison = ms.compare(ms.predict_exponent(4.0), fit)
    assert comparison.verdict == "undetermined" and "NOT_ESTIMATED" in names(comparison)


@pytest.mark.slow
@pytest.mark.parametrize("spread", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize(("floor", "given"), [(0.0, "zero"), (0.15, "free"), (0.15, 0.15)])
def test_precise_losses_have_intervals_that_cover(
    spread: float, floor: float, given: object
) -> None:
    """Errors of the exponent far below the steps of any grid. 40 draws, four standard
    errors below 95 % at most; the band contains the curve.
    """
    fits = [ms.fit_power_law(*noisy(0.5, floor, i, spread), floor=given) for i in range(40)]
    least = 0.95 - 4 * np.sqrt(0.95 * 0.05 / 40)
    assert np.mean([0.5 in fit.interval for fit in fits]) > least
    if given == "free":
        assert np.mean([floor in fit.floor_interval for fit in fits]) > least
    low, high = fits[0].band(X)
    assert ((low <= fits[0].predict(X)) & (fits[0].predict(X) <= high)).all()


def test_a_precise_floor_has_an_interval() -> None:
    """Also where neighbouring errors are alike, and their likelihood is taken on a grid."""
    fits = [ms.fit_power_law(*noisy(0.5, 0.15, i, 1e-4), floor="free") for i in range(12)]
    assert any(fit.correlation > 0 for fit in fits)
    assert all(fit.floor_interval.width > 1e-4 for fit in fits)
    assert np.mean([0.15 in fit.floor_interval for fit in fits]) >= 10 / 12


def test_a_noise_free_law_is_not_flagged() -> None:
    assert names(ms.fit_power_law(X, X**-0.5, floor="zero")) == {"NO_REPLICATES"}


def test_identical_replicates_do_not_silence_a_reference() -> None:
    x = np.repeat(X, 2)
    y = 0.1 + (x / 100) ** -0.5 * np.repeat(1 + 0.01 * np.sin(np.arange(10)), 2)
    tight, loose = (
        ms.fit_power_law(x, y, floor=ms.Reference(np.inf, 0.1, stderr))
        for stderr in (1e-5, 0.1)
    )
    assert tight.interval.width < 0.7 * loose.interval.width


def test_a_floor_may_lie_above_an_uncertain_reference() -> None:
    fit = ms.fit_power_law(*noisy(0.5, 0.2, 7), floor=ms.Reference(np.inf, 0.15, 0.05))
    assert fit.floor_interval.high > 0.15 and 0.2 in fit.floor_interval


def test_a_bend_is_called_lack_of_fit() -> None:
    x = np.repeat(X, 5)
    bend = (x / 1000) ** -0.2 / (1 + (x / 1000) ** 2) ** 0.4
    noise = 1 + 0.01 * np.random.default_rng(6).standard_normal(len(x))
    assert "LACK_OF_FIT" in names(ms.fit_power_law(x, bend * noise))


def test_short_and_sparse_designs_are_flagged() -> None:
    x = np.array([100.0, 150, 200, 300])
    found = names(ms.fit_power_law(x, x**-0.5 * [1.01, 0.99, 1, 1.01]))
    assert {"SHORT_RANGE", "FEW_SIZES", "NO_REPLICATES"} <= found


@pytest.mark.slow
def test_the_band_covers_the_curve() -> None:
    """At each end and the middle, over 100 draws, within 4 Monte-Carlo errors below."""
    ends = np.array([100.0, 1000.0, 10_000.0])
    truth = 0.05 + (ends / 100) ** -0.5
    held = []
    for seed in range(100):
        low, high = ms.fit_power_law(*noisy(0.5, 0.05, seed)).band(ends)
        held.append((low <= truth) & (truth <= high))
    assert (np.mean(held, axis=0) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 100)).all()


def curve(**columns: list) -> LearningCurve:
    rows = [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    return LearningCurve(tuple(Run(**row) for row in rows))


def test_a_learning_curve_is_fitted_along_each_axis() -> None:
    sizes = [int(x) for x in X]
    losses = list(0.05 + X**-0.5)
    data = curve(loss=losses, dataset_size=sizes, width=[64] * 10)
    width = curve(
        loss=losses, width=sizes, parameters=[s**2 for s in sizes], dataset_size=[1000] * 10
    )
    assert ms.fit_power_law(data).axis is Axis.data
    assert ms.fit_power_law(width, axis="width").alpha == pytest.approx(0.5, rel=0.01)
    by_parameters = ms.fit_power_law(width, axis="parameters")
    assert by_parameters.alpha == pytest.approx(0.25, rel=0.01)
    assert by_parameters.headline().startswith("alpha_P")


def test_runs_that_failed_are_left_out_and_counted() -> None:
    sizes, losses = [int(x) for x in X] * 2, list(X**-0.5) * 2
    losses[3] = float("nan")
    fit = ms.fit_power_law(curve(loss=losses, dataset_size=sizes, seed=[0] * 20))
    assert "FAILED_RUNS" in names(fit) and fit.losses.runs.sum() == 19


def test_from_frame_reads_what_others_measured() -> None:
    frame = pd.DataFrame({"dataset_size": X, "loss": X**-0.5, "extra": "ignored"})
    assert len(LearningCurve.from_frame(frame)) == 10
    for columns, message in [
        (["loss"], "'width' or 'parameters'"),
        (["dataset_size"], "column 'loss'"),
    ]:
        with pytest.raises(ms.ManifoldScaleError, match=message):
            LearningCurve.from_frame(frame[columns])
    with pytest.raises(ms.ManifoldScaleError, match="'loss' must hold numbers"):
        LearningCurve.from_frame(frame.assign(loss="low"))
    again = LearningCurve.from_frame(LearningCurve.from_frame(frame).to_frame())
    np.testing.assert_array_equal(again.losses, frame["loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axis": "depth"}, "`axis` must be one of"),
        ({"floor": "none"}, "`floor` must be"),
        ({"floor": 1.0}, "below the smallest mean loss"),
        ({"floor": -0.1}, "at least 0"),
        ({"level": 1.5}, "`level`"),
        ({"level": "high"}, "`level`"),
        ({"floor": None}, "`floor` must be"),
        ({"floor": [0.1]}, "`floor` must be"),
    ],
)
def test_settings_that_cannot_work(arguments: dict, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.fit_power_law(X, X**-0.5, **arguments)


@pytest.mark.parametrize(
    ("x", "loss", "message"),
    [
        (X, -X, "Losses must be positive"),
        (-X, X, "Sizes must be positive"),
        (X[:3], X[:3] ** -0.5, "needs 4 distinct sizes; there are 3"),
        (np.ones(9), np.ones(9), "there are 1"),
        ([], [], "no losses"),
        (X, X[:4], "one length"),
        (X, np.full(10, np.nan), "NaN"),
        (X, None, "sizes and the losses"),
        (X * 1e100, X, "below 1e100"),
    ],
)
def test_losses_that_cannot_be_fitted(x: object, loss: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.fit_power_law(x, loss)


def test_runs_that_differ_in_another_resource() -> None:
    rows = list(itertools.product([100, 1000, 10_000, 50_000], [32, 64]))
    mixed = curve(
        loss=[s**-0.5 for s, _ in rows],
        dataset_size=[s for s, _ in rows],
        width=[w for _, w in rows],
    )
    with pytest.raises(ms.ManifoldScaleError, match=r"curve.at\(width=64\)"):
        ms.fit_power_law(mixed)
    assert ms.fit_power_law(mixed.at(width=64)).alpha == pytest.approx(0.5, rel=0.01)
    mixed = curve(
        loss=[s**-0.5 for s, _ in rows],
        dataset_size=[s for s, _ in rows],
        parameters=[w for _, w in rows],
    )
    with pytest.raises(ms.ManifoldScaleError, match="differ in parameters too"):
        ms.fit_power_law(mixed)


def test_it_plots() -> None:
    from matplotlib.figure import Figure

    axes = ms.fit_power_law(*noisy(0.5, 0.1, 0)).plot(Figure().add_subplot())
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "training examples $D$"


@pytest.mark.slow
def test_errors_that_move_together_are_in_the_interval() -> None:
    """Each seed has an exponent of its own, at all sizes: the means lie on a smooth curve,
    so that residuals say nothing of how far it is off.
    """
    sizes, seeds = np.array([32, 64, 128, 256, 512, 1024]), 20
    rng = np.random.default_rng(0)
    held = {True: 0, False: 0}
    for _ in range(30):
        exponents = 1 + 0.03 * rng.standard_normal(seeds)
        runs = tuple(
            Run(float(8 * n**-exponent), dataset_size=int(n), seed=seed)
            for n in sizes
            for seed, exponent in enumerate(exponents)
        )
        for shared in held:
            curve = LearningCurve(runs, floor=0.0, shared_data=shared)
            held[shared] += 1.0 in ms.fit_power_law(curve, floor="zero").interval
    assert held[True] >= 27 and held[False] < 24


def test_a_run_without_an_error_is_in_its_mean() -> None:
    """0/1 errors of small test sets: counts of Poisson; to leave the zero out would raise
    the mean at that size by a quarter.
    """
    rng = np.random.default_rng(0)
    sizes = (100 * 2 ** np.arange(8)).tolist()
    losses = {d: rng.poisson(2000 * 3 * d**-0.75, 5) / 2000 for d in sizes}
    losses[sizes[-1]][:] = [0.0, 2 / 2000, 3 / 2000, 2 / 2000, 3 / 2000]
    rows = [
        {"n_train": d, "seed": s, "loss": loss, "train_loss": 0.0, "loss_stderr": 1e-4}
        for d, at in losses.items()
        for s, loss in enumerate(at)
    ]
    table = LearningCurve.from_frame(rows)
    fit = ms.fit_power_law(table, floor="zero")
    assert 0.75 in fit.interval and fit.losses.y[-1] == pytest.approx(1e-3)
    assert "zero losses (1 of 40 runs)" in str(fit)
    ms.classify_regime(table), ms.compare_models(table), table.plot()
    for row in rows[-5:]:
        row["loss"] = 0.0
    message = "all 5 at dataset_size = 12800 are zero. A larger test set"
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.fit_power_law(LearningCurve.from_frame(rows))


def test_negative_losses_are_told_what_to_subtract() -> None:
    rows = [
        {"D": d, "P": p, "loss": -1.2 + d**-0.3 + p**-0.3}
        for d in 100 * 2 ** np.arange(6)
        for p in 100 * 2 ** np.arange(6)
    ]
    grid = LearningCurve.from_frame(rows)
    verbs = (ms.fit_power_law, ms.compare_models, ms.classify_regime, ms.select_range)
    for verb, on in ((ms.fit_joint, grid), (ms.fit_sum, grid)):
        with pytest.raises(
            ms.ManifoldScaleError, match="at dataset_size = 3200, parameters"
        ):
            verb(on)
    for verb in verbs:
        with pytest.raises(
            ms.ManifoldScaleError, match=r"subtract the entropy.*exp\(loss\)"
        ):
            verb(grid.at(parameters=3200))


def test_scatter_is_that_between_runs_or_about_the_fit() -> None:
    """Without repeats the errors of local exponents were zero: exact knowledge."""
    rng = np.random.default_rng(0)
    noise = 1 + 0.05 * rng.standard_normal(len(X))
    fit = ms.fit_power_law(X, X**-0.5 * noise, floor="zero")
    rest = X**-0.5 * noise / fit.predict(X) - 1
    assert fit.scatter == (pytest.approx(math.sqrt((rest**2).sum() / (len(X) - 2))), 8)
    _, _, error = fit.local_exponents()
    steps = np.diff(np.log(X))
    # By hand: the two ends of a step scatter alike, and the floor is zero.
    np.testing.assert_allclose(error, fit.scatter[0] * math.sqrt(2) / steps)
    both = ms.fit_power_law(np.tile(X, 2), np.concatenate([X**-0.5 * 0.9, X**-0.5 * 1.1]))
    assert both.scatter == (both.losses.spread, 10)
    few = ms.fit_power_law(X[:4], X[:4] ** -0.5, floor=ms.Reference(np.inf, 1e-3, 1e-4))
    assert few.scatter[1] == few.freedom == 2


@pytest.mark.slow
def test_local_exponents_cover_over_draws() -> None:
    """1.96 errors: a difference of residuals over their own scatter has no heavy tails."""
    held = []
    for seed in range(100):
        noise = 1 + 0.05 * np.random.default_rng(seed).standard_normal(len(X))
        _, at, error = ms.fit_power_law(X, X**-0.5 * noise, floor="zero").local_exponents()
        held += (abs(at - 0.5) < 1.96 * error).tolist()
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_stated_errors_are_told() -> None:
    """A mean with its standard error over seeds, as papers give it."""
    rows = [{"n_train": int(d), "loss": d**-0.5, "loss_stderr": 0.02 * d**-0.5} for d in X]
    said = str(ms.fit_power_law(LearningCurve.from_frame(rows), floor="zero"))
    assert "stated errors (2.0 % of the loss; about the fit it scatters by" in said


def uneven(seed: int, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """Three runs at each of 8 sizes, whose scatter follows a power of size."""
    x = np.repeat(np.geomspace(100, 100_000, 8), 3)
    scatter = first * (x / 100) ** (np.log(last / first) / np.log(1000))
    noise = np.random.default_rng(seed).standard_normal(24)
    return x, (0.03 + (x / 100) ** -0.5) * (1 + scatter * noise)


def test_a_scatter_that_changes_with_size_weights_the_sizes() -> None:
    fit = ms.fit_power_law(*uneven(1, 0.1, 0.01))
    assert "UNEVEN_SCATTER" in {note.caveat.name for note in fit.caveats}
    ratio = np.sqrt(fit.losses.variance[0] / fit.losses.variance[-1])
    assert 3 < ratio < 30  # 10 is true
    assert np.average(fit.losses.variance, weights=fit.losses.runs - 1) == pytest.approx(1)
    assert fit.lack_of_fit > 0.01
    alone = ms.fit_power_law(*(part[::3] for part in uneven(1, 0.1, 0.01)))
    assert (alone.losses.variance == 1).all()  # one run a size does not show it


def test_an_even_scatter_is_taken_as_even_19_times_of_20() -> None:
    found = [ms.fit_power_law(*uneven(seed, 0.05, 0.05)) for seed in range(60)]
    assert sum(np.ptp(fit.losses.variance) > 0 for fit in found) <= 8  # 3 expected
    copies = np.repeat(np.geomspace(100, 1e5, 8), 3)
    same = ms.fit_power_law(copies, copies**-0.5)
    assert (same.losses.variance == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize(("first", "last"), [(0.1, 0.01), (0.01, 0.1), (0.02, 0.06)])
def test_intervals_hold_where_scatter_changes_with_size(first: float, last: float) -> None:
    """150 draws: 90 % at least of the exponents and of the floors."""
    fits = [ms.fit_power_law(*uneven(seed, first, last)) for seed in range(150)]
    held = [(0.5 in fit.interval, 0.03 in fit.floor_interval) for fit in fits]
    assert (np.mean(held, axis=0) >= 0.9).all(), np.mean(held, axis=0)
