"""Forecasts of a curve in one resource, and the roll-out that checks them."""

from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import integrate

import manifoldscale as ms
from manifoldscale.scaling.best_so_far import ties, uncensored
from manifoldscale.scaling.departure import Observed, covariance, departing, law
from manifoldscale.scaling.extrapolation import MOST, thinned

matplotlib.use("Agg")
X = np.geomspace(1e4, 1e6, 30)
LAW = 0.2 + (X / 1e4) ** -0.5


def noisy(spread: float = 0.01, seed: int = 0) -> np.ndarray:
    return LAW * (1 + spread * np.random.default_rng(seed).standard_normal(len(X)))


def observed(y: np.ndarray) -> Observed:
    return Observed(np.log(X / X[-1]), np.log(y), np.ones(len(X)))


@pytest.mark.parametrize(("order", "rate"), [(1, 0.0), (2, 0.0), (2, 2.0)])
def test_the_covariance_is_its_integral(order: int, rate: float) -> None:
    for s, other in [(-2.0, -0.7), (-0.3, -0.3), (0.5, 1.5)]:
        growth = rate if s < 0 else 0.0

        def part(u: float, s: float = s, other: float = other, g: float = growth) -> float:
            return (abs(s) - u) ** order * (abs(other) - u) ** order * np.exp(g * u)

        truth = integrate.quad(part, 0, min(abs(s), abs(other)))[0]
        found = covariance(np.array([s]), np.array([other]), order, rate)[0]
        assert found == pytest.approx(truth, rel=1e-9)
    across = covariance(np.array([-1.0]), np.array([1.0]), order, rate)
    assert across[0] == 0


def test_departures_are_those_of_a_gaussian_process() -> None:
    """Mean and variance inside and beyond the sizes, against the textbook's formulas for
    one law, one strength and a known scale.
    """
    found = departing(observed(noisy()))
    i = int(found.weights.max(axis=1).argmax())
    j = int(found.weights[i].argmax())
    kind = found.kinds[i]
    at, new = found.observed, np.array([-1.5, -0.2, 0.8])
    shape = kind.strength**2 * covariance(at.s[:, None], at.s, kind.order, kind.rate)
    whole = np.linalg.inv(shape + np.eye(len(at.s)))
    cross = kind.strength**2 * covariance(at.s[:, None], new, kind.order, kind.rate)
    own = law(found.log_alpha[[j]], found.share[[j]], at.s)[0]
    rest = at.logs - own
    level = whole.sum(0) @ rest / whole.sum()
    assert found.levels[i, j] == pytest.approx(level, abs=1e-6)
    expected = cross.T @ whole @ (rest - level)
    change, left = found._departure(kind, i, new)
    np.testing.assert_allclose(np.broadcast_to(change, (len(found.share), 3))[j], expected,
                               atol=1e-6)  # fmt: skip
    prior = kind.strength**2 * covariance(new, new, kind.order, kind.rate)
    np.testing.assert_allclose(left, prior - np.sum(cross * (whole @ cross), 0), atol=1e-6)


def test_an_exact_law_is_forecast_exactly() -> None:
    fit = ms.fit_power_law(X, LAW)
    new = np.array([2e6, 1e7])
    forecast = fit.forecast(new)
    truth = 0.2 + (new / 1e4) ** -0.5
    np.testing.assert_allclose(forecast.median, truth, rtol=0.01)
    assert ((forecast.low <= truth) & (truth <= forecast.high)).all()


def test_a_forecast_is_wider_than_the_band_and_widens_with_distance() -> None:
    fit = ms.fit_power_law(X, noisy())
    new = X[-1] * np.array([1.5, 3, 10, 100])
    forecast = fit.forecast(new)
    width = np.log(forecast.high / forecast.low)
    assert (np.diff(width) > 0).all()
    assert forecast.high[0] - forecast.low[0] > 2 * 1.5 * 0.01 * forecast.median[0]
    assert fit.forecast(new, level=0.5).high[0] < forecast.high[0]
    assert fit.forecast(2e6).median.shape == ()
    assert fit.forecast(new.reshape(2, 2)).low.shape == (2, 2)
    np.testing.assert_array_equal(fit.forecast(new).low, forecast.low)


def test_inside_the_sizes_it_follows_the_losses() -> None:
    """Of a curve that is no power law, too."""
    y = 0.3 + 0.7 / (1 + (X / 1e5) ** 1.5)
    middle = ms.fit_power_law(X, y).forecast(X[10:20]).median
    np.testing.assert_allclose(middle, y[10:20], rtol=0.06)


def test_repeats_tell_the_scatter_of_a_run() -> None:
    rng = np.random.default_rng(0)
    x, mean = np.repeat(X, 4), np.repeat(LAW, 4)
    fit = ms.fit_power_law(x, mean * (1 + 0.1 * rng.standard_normal(len(x))))
    forecast = fit.forecast(1.2e6)
    assert 0.15 < np.log(forecast.high / forecast.low) / 2 < 0.4


@pytest.mark.parametrize("power", [0.0, 0.5], ids=["even", "growing"])
def test_the_runs_themselves_tell_how_a_new_one_scatters(power: float) -> None:
    """Means without any error, of runs that lie 2 % above and below; or ever further, with
    size. An interval holds 1.96 times the scatter of the size that it is asked about.
    """
    sizes = np.repeat(np.geomspace(1e3, 1e5, 6), 20)
    signs = np.resize([-1, 1], len(sizes))

    def scatter(x: np.ndarray) -> np.ndarray:
        return np.asarray(0.02 * (x / 1e3) ** (power / 2))

    loss = (0.2 + (sizes / 1e3) ** -0.5) * (1 + scatter(sizes) * signs)
    new = np.array([1.1e5, 4e5])
    forecast = ms.fit_power_law(sizes, loss).forecast(new)
    assert (np.log(forecast.high / forecast.low) / 2 > 1.9 * scatter(new)).all()


def test_seven_sizes_are_enough_to_check_oneself() -> None:
    """The first five and six of a curve that falls ever faster miss the others."""
    x = np.geomspace(1e3, 64e3, 7)
    law, bent = 3 * x**-0.3, np.exp(-((x / 2e4) ** 0.8))
    assert ms.fit_power_law(x, law).extrapolation.stretch == 1
    assert ms.fit_power_law(x, bent).extrapolation.stretch > 1.5


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, [1e6, np.inf]])
def test_sizes_must_be_positive(wrong: object) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="positive"):
        ms.fit_power_law(X, noisy()).forecast(wrong)


@given(scale=st.floats(1e-6, 1e6), units=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_units_do_not_matter(scale: float, units: float, seed: int) -> None:
    y = noisy(seed=seed)
    new = np.array([3e6])
    plain = ms.fit_power_law(X, y).forecast(new)
    other = ms.fit_power_law(X * units, y * scale).forecast(new * units)
    for name in ("median", "low", "high"):
        np.testing.assert_allclose(
            getattr(other, name), scale * getattr(plain, name), rtol=2e-3
        )


def test_the_order_of_runs_does_not_matter() -> None:
    y = noisy()
    order = np.random.default_rng(1).permutation(len(X))
    a, b = (ms.fit_power_law(X[i], y[i]).forecast(2e6) for i in (slice(None), order))
    assert a.low == pytest.approx(b.low) and a.high == pytest.approx(b.high)


def test_a_known_floor_is_used() -> None:
    y = noisy(0.02)
    free, known = (ms.fit_power_law(X, y, floor=f).forecast(1e8) for f in ("free", 0.2))
    assert known.low > free.low
    assert known.median > 0.2


@pytest.mark.slow
def test_many_sizes_are_thinned_and_keep_their_scatter() -> None:
    x = np.geomspace(1e3, 1e6, 2000)
    rng = np.random.default_rng(0)
    y = (0.2 + (x / 1e3) ** -0.5) * (1 + 0.05 * rng.standard_normal(len(x)))
    few = thinned(Observed(np.log(x / x[-1]), np.log(y), np.ones(len(x))))
    assert len(few.s) <= MOST and few.runs.sum() == len(x)
    assert np.sqrt(few.within / few.freedom) == pytest.approx(0.05, rel=0.1)
    forecast = ms.fit_power_law(x, y).forecast(2e6)
    assert np.log(forecast.high / forecast.low) / 2 == pytest.approx(0.1, rel=0.25)


def test_ties_of_a_running_minimum_are_told_from_chance() -> None:
    rng = np.random.default_rng(0)
    best = np.minimum.accumulate(LAW * (1 + 0.05 * rng.standard_normal(len(X))))
    assert ties(best).sum() == (np.diff(best) == 0).sum() > 3
    assert not ties(noisy()).any()
    rounded = np.round(noisy(0.05), 2)
    assert not ties(rounded).any()  # it rises somewhere
    assert not ties(np.ones(10)).any()
    fit = ms.fit_power_law(X, best)
    assert "BEST_SO_FAR" in {note.caveat.name for note in fit.caveats}


def test_censored_losses_are_where_they_were() -> None:
    """The level and the scatter of a curve whose running minimum is seen."""
    shifts, scatters = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        loss = LAW * np.exp(0.05 * rng.standard_normal(len(X)))
        best = np.minimum.accumulate(loss)
        seen, filled = observed(best), uncensored(observed(best))
        shifts.append([np.mean(o.logs - np.log(LAW)) for o in (seen, filled)])
        parts = [departing(o, shapes=((2, 0.0),)).predict(o.s)[2] for o in (seen, filled)]
        scatters.append(np.sqrt(parts))
    seen, filled = np.abs(np.mean(shifts, axis=0))
    assert filled < 0.5 * seen
    raw, mended = np.median(scatters, axis=0)
    assert abs(mended - 0.05) < abs(raw - 0.05)


def test_a_rollout_shows_error_and_coverage() -> None:
    done = ms.rollout(X, noisy())
    assert [part.factor for part in done.parts] == pytest.approx([2, 10**0.5, 10])
    assert all(row["error"] < 0.05 for row in done.rows())
    assert all(row["inside"] > 0.5 for row in done.rows())
    first = done.parts[0]
    assert first.fitted + len(first.x) == len(X) and first.x[0] > X[-1] / 2
    alone = ms.fit_power_law(X[: first.fitted], noisy()[: first.fitted])
    np.testing.assert_array_equal(first.forecast.median, alone.forecast(first.x).median)
    assert done.value == first.error
    assert done.to_frame()["factor"].tolist() == [part.factor for part in done.parts]
    assert "factor 2.0 held back: off by" in done.headline()
    figure = done.plot()
    assert figure is not None


def test_a_rollout_that_leaves_too_little_says_so() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="no factor of"):
        ms.rollout(X[:6], noisy()[:6], factors=[10])
    with pytest.raises(ms.ManifoldScaleError, match=r"`factors` must be above 1; not 0.5"):
        ms.rollout(X, noisy(), factors=[0.5])


def test_forecasts_that_failed_before_are_stretched() -> None:
    """An exponential fall, which no power law foresees; a law is not stretched."""
    u = np.geomspace(0.02, 1, 60)
    noise = 1 + 0.003 * np.random.default_rng(0).standard_normal(60)
    law, fall = 0.2 + u**-0.3, 0.3 + 0.7 * np.exp(-u / 1.5)
    stretches = [
        ms.fit_power_law(1e6 * u, y * noise).extrapolation.stretch for y in (law, fall)
    ]
    assert stretches[0] < 1.6 < stretches[1]
    after = ms.fit_power_law(1e6 * u, fall * noise).forecast(2e6)
    assert after.low <= 0.3 + 0.7 * np.exp(-2 / 1.5) <= after.high


@pytest.mark.parametrize("size", [0, -5.0, np.nan, "a", [100, 0]])
def test_laws_are_asked_about_positive_sizes(size: Any) -> None:
    x = np.geomspace(100, 1e5, 6)
    law = ms.fit_power_law(x, x**-0.3)
    rows = [
        {"n_train": d, "params": p, "loss": d**-0.3 + p**-0.4} for d in x for p in 3 * x
    ]
    grid = ms.fit_sum(ms.LearningCurve.from_frame(rows))
    for ask in (
        law.predict,
        law.band,
        law.forecast,
        grid.compute_optimal,
        lambda s: grid.predict(s, 1e4),
        lambda s: grid.forecast(1e4, s),
    ):
        with pytest.raises(ms.ManifoldScaleError, match="must be positive"):
            ask(size)
    assert law.predict(np.inf) == law.floor
