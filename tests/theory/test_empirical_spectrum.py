"""From a Gram matrix to the learning curve that it predicts."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.theory import empirical_spectrum, kernel_regression_curve


def laplace_mnist(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Laplace kernel and centred one-hot labels of the first images."""
    dataset = ms.data.load("mnist5k")
    points = dataset.inputs[:n].astype(float)
    width = np.sqrt(points.var(0).sum())
    return np.exp(-cdist(points, points) / width), np.eye(10)[dataset.labels[:n]] - 0.1


def measured(
    gram: np.ndarray, targets: np.ndarray, sizes: list[int], **options: float
) -> np.ndarray:
    curve = kernel_regression_curve(gram, targets, sizes, permutations=4, **options)
    return np.array([curve.at(dataset_size=size).losses.mean() for size in sizes])


@pytest.mark.slow
@pytest.mark.parametrize("ridge", [0, 0.5])
def test_the_prediction_on_mnist(ridge: float) -> None:
    """Within 15 % up to 0.4 of the points: there is no fitted number in it."""
    gram, targets = laplace_mnist(2000)
    sizes = [100, 200, 400, 800]
    predicted = empirical_spectrum(gram, targets).learning_curve(sizes, ridge).error
    np.testing.assert_allclose(
        predicted, measured(gram, targets, sizes, ridge=ridge), rtol=0.15
    )


@pytest.mark.slow
@pytest.mark.parametrize("ridge", [0, 0.5])
def test_the_prediction_on_all_of_mnist5k(ridge: float) -> None:
    gram, targets = laplace_mnist(5000)
    sizes = [100, 200, 400, 800, 1400, 2000]
    predicted = empirical_spectrum(gram, targets).learning_curve(sizes, ridge).error
    np.testing.assert_allclose(
        predicted, measured(gram, targets, sizes, ridge=ridge), rtol=0.15
    )


@pytest.mark.parametrize(("ridge", "noise"), [(0, 0), (0.5, 0), (0, 9), (0.5, 9)])
def test_a_finite_population_of_gaussian_features(ridge: float, noise: float) -> None:
    """Where the theory is exact, up to 90 % of the points: independent draws would be off
    by a factor of 10 there.
    """
    rng, n = np.random.default_rng(0), 800
    features = rng.standard_normal((n, 2 * n)) * np.arange(1.0, 2 * n + 1) ** -0.75
    gram = features @ features.T
    targets = features @ rng.standard_normal((2 * n, 20))
    sizes = [80, 200, 400, 600, 720]
    found = empirical_spectrum(gram, targets).learning_curve(sizes, ridge, noise)
    np.testing.assert_allclose(
        found.error, measured(gram, targets, sizes, ridge=ridge, noise=noise), rtol=0.06
    )
    assert "most of the points (0.90 of 800 points)" in str(found)


def test_a_large_population_gives_the_curve_of_independent_draws() -> None:
    gram, targets = laplace_mnist(1000)
    spectrum = empirical_spectrum(gram, targets)
    whole = spectrum.head(1000)
    assert whole["tail"] == whole["target_tail"] == 0
    for size in (2, 5):
        free = ms.theory.kernel_learning_curve(**whole, sizes=size).error[0]
        pool = spectrum.learning_curve(size).error[0]
        assert pool == pytest.approx(free / (1 - size / 1000), rel=1e-10)


def test_noise_is_seen_in_the_last_modes() -> None:
    rng, n = np.random.default_rng(1), 600
    x = np.sort(rng.random(n))[:, None]
    spectrum = empirical_spectrum(
        np.exp(-cdist(x, x)), np.sin(6 * x[:, 0]) + 0.3 * rng.standard_normal(n)
    )
    assert spectrum.noise == pytest.approx(0.09, rel=0.25)
    # Laplace in one dimension.
    assert spectrum.spectrum.exponent(10, 100).value == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("gram", "targets", "message"),
    [
        (np.eye(3)[:2], np.ones(2), "must be square"),
        (np.triu(np.ones((3, 3))), np.ones(3), "not symmetric"),
        (np.diag([1.0, -1.0]), np.ones(2), "not positive semidefinite"),
        (np.eye(3), np.ones(2), r"\(3,\) or \(3 x outputs\)"),
    ],
)
def test_bad_grams_are_refused(gram: np.ndarray, targets: np.ndarray, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        empirical_spectrum(gram, targets)


def test_some_points_must_be_left_to_test_on() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="below the 3 points at hand"):
        empirical_spectrum(np.eye(3), np.ones(3)).learning_curve([3])
