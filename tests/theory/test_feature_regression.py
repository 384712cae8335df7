"""Random ReLU features on MNIST: the four regimes of a real data set."""

import dataclasses as dc
import functools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.theory import kernel_regression_curve, nngp, random_feature_regression


@functools.cache
def mnist() -> tuple[np.ndarray, np.ndarray]:
    """Centred images of unit mean square, and centred one-hot labels."""
    dataset = ms.data.load("mnist5k")
    points = dataset.inputs.astype(float)
    points -= points.mean(0)
    return points / np.sqrt((points**2).mean()), np.eye(10)[dataset.labels] - 0.1


def means(curve: ms.LearningCurve, axis: str, sizes: list[int]) -> np.ndarray:
    return np.array([curve.at(**{axis: size}).losses.mean() for size in sizes])


def slope(x: object, y: np.ndarray) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def test_variance_limited_in_data() -> None:
    """30 features; the largest training set is the finite reference."""
    sizes = [600, 900, 1300, 2000]
    curve = random_feature_regression(*mnist(), [30], [*sizes, 4000], draws=20)
    limit = curve.at(dataset_size=4000).losses
    rest = tuple(run for run in curve.runs if run.dataset_size < 4000)
    reference = ms.Reference(4000, limit.mean(), limit.std() / 20**0.5)
    fit = ms.fit_power_law(dc.replace(curve, runs=rest), axis="data", floor=reference)
    excess = means(curve, "dataset_size", sizes) - limit.mean()
    assert slope(1 / np.array(sizes) - 1 / 4000, excess) == pytest.approx(1, abs=0.1)
    assert 1.0 in fit.interval


@pytest.mark.slow
def test_variance_limited_in_features() -> None:
    """50 examples; the limit is the kernel."""
    widths = [1000, 2000, 4000]
    curve = random_feature_regression(
        *mnist(), [*widths, np.inf], [50], n_test=500, draws=20
    )
    excess = means(curve, "width", widths) - curve.at(width=None).losses.mean()
    assert slope(widths, excess) == pytest.approx(-1, abs=0.2)


def test_resolution_limited_in_data_and_features() -> None:
    """Both fall with exponents of the data set, far from 1."""
    sizes = [50, 100, 200, 400]
    data = random_feature_regression(*mnist(), np.inf, sizes, n_test=1000, draws=2)
    width = random_feature_regression(*mnist(), sizes, 3000, n_test=1000, draws=2)
    assert 0.2 < -slope(sizes, means(data, "dataset_size", sizes)) < 0.5
    assert 0.15 < -slope(sizes, means(width, "width", sizes)) < 0.45


def test_the_peak_between_them() -> None:
    points, targets = mnist()
    curve = random_feature_regression(
        points[:600], targets[:600], [20, 100, 500], [100], draws=2
    )
    low, peak, high = means(curve, "width", [20, 100, 500])
    assert peak > 5 * max(low, high)
    ridged = random_feature_regression(
        points[:600], targets[:600], [20, 100, 500], [100], ridge=0.5, draws=2
    )
    assert means(ridged, "width", [100])[0] < low


@pytest.mark.parametrize(("activation", "bias"), [("relu", 0.0), ("erf", 0.3)])
def test_many_features_converge_to_the_nngp(activation: str, bias: float) -> None:
    """And the limit is kernel regression with it."""
    rng = np.random.default_rng(0)
    points, targets = rng.standard_normal((80, 3)), rng.standard_normal((80, 2))
    options = {"ridge": 0.1, "n_test": 30, "draws": 3}
    curve = random_feature_regression(
        points,
        targets,
        [100, 10_000, np.inf],
        [20, 50],
        activation,
        bias_variance=bias,
        **options,
    )
    limit = curve.at(width=None).losses
    far, near = (abs(curve.at(width=w).losses - limit).mean() for w in (100, 10_000))
    assert near < 0.2 * far
    kernel = nngp(points, None, 1, activation, 2.0, bias)
    alone = kernel_regression_curve(
        kernel, targets, [20, 50], 0.1, n_test=30, permutations=3
    )
    np.testing.assert_allclose(alone.losses, limit, rtol=1e-9)
    parameters = {run.parameters for run in curve.runs}
    assert parameters == {200, 20_000, None}


def test_draws_are_reproducible_and_nested() -> None:
    points, targets = (array[:200] for array in mnist())
    one = random_feature_regression(points, targets, [10], [20, 40], n_test=50, rng=3)
    again = random_feature_regression(points, targets, [10], [20, 40], n_test=50, rng=3)
    np.testing.assert_array_equal(one.losses, again.losses)


def test_bad_calls_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="there are 10 in all"):
        random_feature_regression(np.ones((10, 2)), np.ones(10), [3], [10])
    with pytest.raises(ms.ManifoldScaleError, match="a row for each point"):
        random_feature_regression(np.ones((10, 2)), np.ones(9), [3], [5])
