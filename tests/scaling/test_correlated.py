"""Errors of neighbouring sizes that go together, tails, and bends."""

import math

import numpy as np
import pytest
from scipy import optimize

import manifoldscale as ms
from manifoldscale.core.interval import Interval
from manifoldscale.core.learning_curve import Axis, LearningCurve, Run
from manifoldscale.scaling.correlated import (
    Series,
    autoregressive,
    correlated,
    serial_p,
)
from manifoldscale.scaling.losses import losses_of
from manifoldscale.scaling.profile_fit import Problem, solve
from manifoldscale.scaling.projection import geometric_mean

X = np.geomspace(100, 10_000, 40)
LAW = 0.2 + (X / 100) ** -0.5


def names(fit: object) -> set[str]:
    return {note.caveat.name for note in fit.caveats}


def errors(r: float, seed: int, n: int = len(X)) -> np.ndarray:
    shocks = np.random.default_rng(seed).standard_normal(n)
    return autoregressive(shocks, r)


def test_autoregressive_errors_have_their_correlation_and_variance() -> None:
    e = autoregressive(np.random.default_rng(0).standard_normal((2000, 30)), 0.8)
    np.testing.assert_allclose(e.var(0), 1, atol=0.15)
    np.testing.assert_allclose((e[:, 1:] * e[:, :-1]).mean(0), 0.8, atol=0.1)


@pytest.mark.parametrize("r", [0.0, 0.6, 0.96])
@pytest.mark.parametrize("floor", [None, 0.1])
def test_whitened_squares_are_those_of_generalised_least_squares(
    r: float, floor: float | None
) -> None:
    """Against the inverse of the covariance, r^|i - j|, and scipy's nnls."""
    from manifoldscale.scaling.correlated import _Whitened

    y, deviation = LAW * (1 + 0.02 * errors(r, 1)), LAW
    series = Series(X, y, deviation, floor)
    found = _Whitened.of(series, np.array([0.4]), r).cost()[0]
    apart = np.abs(np.subtract.outer(np.arange(len(X)), np.arange(len(X))))
    root = np.linalg.cholesky(np.linalg.inv(r**apart) * (1 - r * r)).T
    power = (X / geometric_mean(X)) ** -0.4
    columns = [power] if floor is not None else [power, np.ones(len(X))]
    design = root @ (np.array(columns) / deviation).T
    target = root @ ((y - (floor or 0)) / deviation)
    assert found == pytest.approx(optimize.nnls(design, target)[1] ** 2, rel=1e-6)


def test_without_correlation_the_region_is_about_that_of_independent_errors() -> None:
    """Repeats, which show that errors are independent, against one run a size."""
    noise = 0.02 * np.random.default_rng(5).standard_normal(len(X))
    y = LAW * (1 + noise)
    hidden = ms.fit_power_law(X, y)
    shown = ms.fit_power_law(np.tile(X, 2), np.append(y * 1.001, y * 0.999))
    assert hidden.correlation < 0.4
    assert 0.9 < hidden.interval.width / shown.interval.width < 1.8


def test_a_floor_may_lie_above_the_smallest_loss() -> None:
    """Losses that hardly fall scatter to both sides of their floor."""
    for seed in range(4):
        noise = 0.05 * np.random.default_rng(seed).standard_normal(len(X))
        y = (1 + 0.01 * (X / X[-1]) ** -0.5) * (1 + noise)
        assert 1 in ms.fit_power_law(X, y).floor_interval and y.min() < 1


def test_errors_along_a_run_widen_the_intervals_and_are_said() -> None:
    y = LAW * (1 + 0.02 * errors(0.9, 3))
    fit = ms.fit_power_law(X, y)
    shown = ms.fit_power_law(np.tile(X, 2), np.append(y * 1.001, y * 0.999))
    assert fit.correlation > 0.7 and fit.effective_sizes < 8
    assert "CORRELATED_ERRORS" in names(fit)
    assert fit.interval.width > 2 * shown.interval.width
    assert fit.floor_interval.width > shown.floor_interval.width
    assert fit.alpha in fit.interval and fit.floor in fit.floor_interval
    low, high = fit.band(X)
    narrow, wide = shown.band(X)
    assert np.median((high - low) / (wide - narrow)) > 1.5


@pytest.mark.slow
@pytest.mark.parametrize("r", [0.5, 0.9])
def test_the_band_holds_the_law_along_a_run(r: float) -> None:
    held = []
    for seed in range(60):
        low, high = ms.fit_power_law(X, LAW * (1 + 0.02 * errors(r, seed))).band(X)
        held.append(((low <= LAW) & (high >= LAW)).mean())
    assert np.mean(held) > 0.88
    assert np.median(high / low) < 1.3  # a scale a draw, not one a size


def test_steps_of_runs_are_never_independent() -> None:
    """Trajectories, though several networks were trained."""
    runs = tuple(
        Run(
            float(loss * (1 + offset)),
            steps=int(step),
            network=str(network),
        )
        for network, offset in enumerate([0.03, -0.03, 0.01])
        for step, loss in zip(X, LAW * (1 + 0.001 * errors(0.9, network)), strict=True)
    )
    fit = ms.fit_power_law(LearningCurve(runs), axis="steps")
    assert fit.correlation > 0.5 and "TRAJECTORIES" in names(fit)


@pytest.mark.slow
def test_serial_p_is_uniform_where_errors_are_independent() -> None:
    ps = []
    for seed in range(120):
        y = LAW * (1 + 0.02 * errors(0.0, seed))
        losses, _ = losses_of(X, y, Axis.data)
        fit = solve(Problem.of(losses, None), losses, 0.95)
        ps.append(serial_p(Series(X, y, LAW, None), y / fit.mean - 1, fit.alpha))
    assert np.mean(np.array(ps) < 0.1) < 0.17
    assert 0.35 < np.mean(np.array(ps) < 0.5) < 0.65


def test_tails_are_fitted_to_the_bulk_and_said() -> None:
    noise = 0.01 * np.random.default_rng(2).standard_normal(len(X))
    noise[[7, 22, 31]] += 0.25
    fit = ms.fit_power_law(X, LAW * (1 + noise))
    least = ms.fit_power_law(X, LAW * (1 + noise), errors="normal")
    assert "HEAVY_TAILS" in names(fit) and "HEAVY_TAILS" not in names(least)
    assert abs(fit.alpha - 0.5) < abs(least.alpha - 0.5)
    assert 0.5 in fit.interval and fit.interval.width < least.interval.width
    assert fit.row()["errors"].startswith("Student")


def test_huber_is_taken_as_it_is_asked_for() -> None:
    y = LAW * (1 + 0.02 * errors(0.0, 4))
    fit = ms.fit_power_law(X, y, errors=ms.scaling.Huber(1e-3))
    rest = np.abs(np.log(y / fit.predict(X)))

    def cost(theta: np.ndarray) -> float:
        left = np.abs(np.log(y / (theta[0] + theta[1] * (X / 100) ** -theta[2])))
        return float(np.where(left < 1e-3, left**2 / 2, 1e-3 * (left - 5e-4)).sum())

    own = float(np.where(rest < 1e-3, rest**2 / 2, 1e-3 * (rest - 5e-4)).sum())
    best = min(
        optimize.minimize(cost, start, method="Nelder-Mead", options={"maxiter": 4000}).fun
        for start in ([0.2, 1, 0.5], [0.1, 1, 0.4])
    )
    assert own < 1.1 * best


@pytest.mark.parametrize(
    "curve",
    [
        lambda u: 0.3 + 0.7 * np.exp(-u / 0.3),
        lambda u: 0.1 + 0.9 / (1 + (u / 0.05) ** 1.2),
        lambda u: u**-0.6 * (1 + (u / 0.1) ** 3) ** 0.15,
    ],
    ids=["exponential", "two-sided", "broken"],
)
def test_a_bend_without_replicates_is_found(curve: object) -> None:
    u = np.geomspace(0.01, 1, 50)
    noise = 0.003 * np.random.default_rng(1).standard_normal(50)
    fit = ms.fit_power_law(1e6 * u, curve(u) * (1 + noise))
    assert "NOT_A_POWER_LAW" in names(fit) and fit.is_local
    assert fit.headline().startswith("local slope alpha_D")
    assert "over D = 1e+04 to 1e+06" in fit.headline()


@pytest.mark.slow
def test_a_law_has_no_bend_whatever_the_correlation() -> None:
    bent = [
        ms.fit_power_law(X, LAW * (1 + 0.02 * errors(r, seed))).is_local
        for r in (0.0, 0.5, 0.9)
        for seed in range(10)
    ]
    assert np.mean(bent) < 0.07


def test_a_region_is_open_where_the_data_bound_one_side_only() -> None:
    x = np.geomspace(100, 300, 12)
    y = (0.5 + 0.5 * (x / 100) ** -1.0) * (1 + 0.3 * errors(0.9, 7, 12))
    series = Series(x, y, y, None)
    found = correlated(series, 1.0, 0.5, 0.95, 1.0)
    assert found.interval.low == 0 or math.isinf(found.interval.high)
    assert isinstance(found.floor_interval, Interval)
