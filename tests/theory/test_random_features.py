"""Linear random features: the closed form, its limits, its regimes, and simulation."""

import numpy as np
import pytest
from scipy.optimize import brentq

import manifoldscale as ms
from manifoldscale.theory import (
    PowerLawSpectrum,
    RandomFeatureCurve,
    kernel_learning_curve,
    linear_random_features,
    power_law_asymptote,
    power_law_spectrum,
    simulate_linear_random_features,
)

EIGENVALUES = np.arange(1.0, 2001) ** -1.6
INFINITE = power_law_spectrum(0.6)


def infinite(
    features: object,
    samples: object,
    spectrum: PowerLawSpectrum = INFINITE,
    **options: float,
) -> RandomFeatureCurve:
    """The loss of an infinite power-law spectrum."""
    return linear_random_features(
        spectrum.eigenvalues,
        features,
        samples,
        degeneracies=spectrum.degeneracies,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("ridge", "noise"), [(0.0, 0.0), (0.05, 0.1)])
def test_simulation_agrees_on_twelve_points(ridge: float, noise: float) -> None:
    """Six pairs of sizes, with and without ridge and noise; each of 40 draws has its own
    inputs, features, teacher and noise.
    """
    for features, samples in (
        (50, 100), (100, 50), (50, 200), (200, 50), (100, 200), (200, 100)
    ):  # fmt: skip
        args = (EIGENVALUES, features, samples, ridge, noise)
        losses = simulate_linear_random_features(
            *args, draws=40, average_teachers=False
        ).losses
        stderr = losses.std(ddof=1) / np.sqrt(40)
        exact = float(linear_random_features(*args))
        assert abs(losses.mean() - exact) < 3 * stderr, (features, samples)
        assert stderr < 0.06 * exact


@pytest.mark.parametrize(
    ("features", "samples", "ridge"),
    [(20, 40, 0.0), (40, 20, 0.0), (30, 30, 0.1), (40, 20, 1.0), (20, 80, 0.1)],
)
def test_corrections_of_finite_size_are_below_two_over_m(
    features: int, samples: int, ridge: float
) -> None:
    args = (EIGENVALUES[:400], features, samples, ridge, 0.1)
    losses = simulate_linear_random_features(*args, draws=200).losses
    exact = float(linear_random_features(*args))
    assert losses.mean() == pytest.approx(exact, rel=2 / min(features, samples))


def test_a_simulated_loss_is_an_average_over_teachers() -> None:
    """The trace formula against 20,000 teachers with noise, for one draw of inputs and
    features.
    """
    eigenvalues, ridge, noise = np.arange(1.0, 31) ** -1.5, 0.1, 0.2
    stream = np.random.default_rng(0).spawn(1)[0]
    X = stream.standard_normal((20, 30)) * np.sqrt(eigenvalues)
    F = stream.standard_normal((10, 30))
    rng = np.random.default_rng(1)
    teachers = rng.standard_normal((30, 20_000))
    labels = X @ teachers + np.sqrt(noise) * rng.standard_normal((20, 20_000))
    design = X @ F.T / np.sqrt(10)
    theta = np.linalg.solve(design.T @ design + ridge * np.eye(10), design.T @ labels)
    wrong = F.T @ theta / np.sqrt(10) - teachers
    expected = (eigenvalues[:, None] * wrong**2).sum(0)
    (run,) = simulate_linear_random_features(
        eigenvalues, 10, 20, ridge, noise, draws=1, rng=0
    ).runs
    stderr = expected.std() / np.sqrt(20_000)
    assert abs(run.loss - expected.mean()) < 4 * stderr


def test_resolution_limited_exponents_are_those_of_the_spectrum() -> None:
    """alpha_D = alpha_P = alpha_K, from slopes over two decades."""
    sizes = np.array([100, 300, 1000, 3000, 10_000])
    for alpha in (0.25, 0.6, 1.0, 2.0):
        spectrum = power_law_spectrum(alpha)
        curves = {
            "data": infinite(np.inf, sizes, spectrum),
            "parameters": infinite(sizes, np.inf, spectrum),
        }
        for axis, curve in curves.items():
            fit = ms.fit_power_law(curve.to_curve(), axis=axis, floor="zero")
            assert fit.alpha == pytest.approx(alpha, abs=0.03)
        np.testing.assert_allclose(
            curves["data"].error.ravel(), curves["parameters"].error.ravel(), rtol=1e-12
        )
        np.testing.assert_allclose(
            curves["data"].error[0, -1], power_law_asymptote(alpha)(1e4), rtol=1e-3
        )


@pytest.mark.parametrize("axis", ["data", "parameters"])
def test_variance_limited_exponents_are_one(axis: str) -> None:
    """Above the measured limit, 20 times the fixed size and beyond; with ridge and noise
    as well.
    """
    sizes = 30 * np.geomspace(20, 2000, 7).round()
    for options in ({}, {"ridge": 0.01, "noise": 0.1}):
        grid = (30, [*sizes, np.inf]) if axis == "data" else ([*sizes, np.inf], 30)
        error = infinite(*grid, **options).error.ravel()
        slopes = np.diff(np.log(error[:-1] - error[-1])) / np.diff(np.log(sizes))
        np.testing.assert_allclose(slopes, -1, atol=0.05)


def test_the_ridgeless_loss_in_one_line() -> None:
    """m gamma / (1 - m / M), with gamma from an independent root finder."""
    for features, samples in ((30, 200), (200, 30), (100, 101), (7, 1000)):
        m, many = min(features, samples), max(features, samples)

        def excess(t: float, m: int = m) -> float:
            return (EIGENVALUES / (EIGENVALUES + np.exp(t))).sum() - m

        log_gamma = brentq(excess, -40, 5, xtol=1e-14)
        expected = m * np.exp(log_gamma) / (1 - m / many)
        found = float(linear_random_features(EIGENVALUES, features, samples))
        assert found == pytest.approx(expected, rel=1e-11)


def test_duality() -> None:
    """Exact without ridge and noise; with a ridge where ridge x features is unchanged."""
    sizes = [10, 37, 100, 1000, np.inf]
    error = infinite(sizes, sizes).error
    np.testing.assert_array_equal(error, error.T)
    one, other = infinite(40, 90, ridge=0.3), infinite(90, 40, ridge=0.3 * 40 / 90)
    assert float(one) == pytest.approx(float(other), rel=1e-13)


def test_infinitely_many_features_are_kernel_regression() -> None:
    """Also as the limit of many, so that nothing is lost at large size."""
    spectrum, sizes = INFINITE, [30, 100, 1000]
    kernel = kernel_learning_curve(
        spectrum.eigenvalues,
        spectrum.eigenvalues**0.5,
        sizes,
        0.01,
        0.2,
        degeneracies=spectrum.degeneracies,
    )
    limit = infinite(np.inf, sizes, ridge=0.01, noise=0.2).error[0]
    np.testing.assert_allclose(limit, kernel.error, rtol=1e-12)
    many = infinite(1e15, sizes, ridge=0.01, noise=0.2).error[0]
    np.testing.assert_allclose(many, limit, rtol=1e-10)


def test_infinitely_many_samples_are_the_best_fit() -> None:
    """Neither ridge nor noise matters there."""
    best = infinite([30, 100], np.inf).error
    np.testing.assert_allclose(
        infinite([30, 100], np.inf, ridge=1.0, noise=1.0).error, best
    )
    many = infinite([30, 100], 1e15, ridge=1.0, noise=1.0).error
    np.testing.assert_allclose(many, best, rtol=1e-10)


def test_the_peak_of_double_descent() -> None:
    curve = infinite(100, [50, 100, 200])
    assert np.isinf(curve.error).ravel().tolist() == [False, True, False]
    assert [note.caveat.name for note in curve.caveats] == ["INTERPOLATION_PEAK"]
    tamed = infinite(100, [50, 100, 200], ridge=1e-12).error.ravel()
    np.testing.assert_allclose(tamed[[0, 2]], curve.error.ravel()[[0, 2]], rtol=1e-9)
    # There a b = ridge N / gamma with a = b, and the loss is n N gamma / 2 a.
    gamma = infinite(100, 100, ridge=1e-12).gamma[0, 0]
    expected = 100**2 * gamma / 2 / np.sqrt(1e-12 * 100 / gamma)
    assert tamed[1] == pytest.approx(expected, rel=1e-4)


def test_ordinary_least_squares_where_all_modes_are_learned() -> None:
    curve = linear_random_features([3, 2, 1], [3, 10], [2, 3, 9, np.inf], noise=0.5)
    assert np.all(curve.error[:, 0] > 0)
    for row in curve.error:
        np.testing.assert_allclose(row[1:], [np.inf, 0.5 * 3 / 6, 0])
    exact = linear_random_features([3, 2, 1], [3, 10], [3, 9])
    np.testing.assert_array_equal(exact.error, 0)


def test_how_it_prints_and_tabulates() -> None:
    curve = infinite([10, np.inf], 20)
    assert str(curve).startswith("linear random features: error 1.55 to 0.532 over")
    frame = curve.to_frame()
    assert frame.columns.tolist() == ["parameters", "dataset_size", "error", "gamma"]
    limit = curve.to_curve().at(parameters=None)
    assert limit.losses.tolist() == [curve.error[1, 0]]
    with pytest.raises(ms.ManifoldScaleError, match=r"several errors: use `.error`"):
        float(curve)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"eigenvalues": [-1.0]}, "must not be negative"),
        ({"features": 0}, "`features` must be positive numbers or np.inf"),
        ({"samples": [np.nan]}, "`samples`"),
        ({"ridge": -0.1}, "`ridge`"),
        ({"noise": np.inf}, "`noise`"),
        ({"degeneracies": [2, 3]}, "`degeneracies`"),
    ],
)
def test_bad_calls_are_refused(changed: dict[str, object], message: str) -> None:
    good = {"eigenvalues": [1.0], "features": 1, "samples": 1}
    with pytest.raises(ms.ManifoldScaleError, match=message):
        linear_random_features(**{**good, **changed})


def test_simulations_need_finite_whole_sizes() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`features` must be positive numbers"):
        simulate_linear_random_features([1.0], np.inf, 2)
    with pytest.raises(ms.ManifoldScaleError, match="whole numbers"):
        simulate_linear_random_features([1.0], 1.5, 2)
