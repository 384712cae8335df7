"""Measured curves of kernel regression: nested sizes from one factorisation."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.theory import kernel_regression_curve

RNG = np.random.default_rng(0)
POINTS = RNG.standard_normal((120, 3))
GRAM = np.exp(-cdist(POINTS, POINTS))
TARGETS = np.stack([np.sin(POINTS[:, 0]), POINTS[:, 1] * POINTS[:, 2]], 1)


@pytest.mark.parametrize("ridge", [0, 0.3])
def test_every_size_is_a_regression_of_its_own(ridge: float) -> None:
    curve = kernel_regression_curve(
        GRAM, TARGETS, [10, 50, 90], ridge, permutations=2, n_test=20, rng=5
    )
    for seed, stream in enumerate(np.random.default_rng(5).spawn(2)):
        order = stream.permutation(120)
        test = order[-20:]
        for n in (10, 50, 90):
            train = order[:n]
            inner = GRAM[np.ix_(train, train)] + ridge * np.eye(n)
            predicted = GRAM[np.ix_(test, train)] @ np.linalg.solve(inner, TARGETS[train])
            loss = ((predicted - TARGETS[test]) ** 2).sum(1).mean()
            (run,) = curve.at(dataset_size=n, seed=seed).runs
            assert run.loss == pytest.approx(loss, rel=1e-9)


def test_noise_is_on_training_labels_only() -> None:
    """With an infinite ridge nothing is learned, and noise changes nothing."""
    quiet = kernel_regression_curve(GRAM, TARGETS, [50], 1e12)
    loud = kernel_regression_curve(GRAM, TARGETS, [50], 1e12, noise=1.0)
    np.testing.assert_allclose(quiet.losses, loud.losses, rtol=1e-6)
    assert kernel_regression_curve(GRAM, TARGETS, [50], noise=1.0).losses.mean() > 0.5


def test_the_gram_matrix_is_left_as_it_was() -> None:
    before = GRAM.copy()
    kernel_regression_curve(GRAM, TARGETS, [50], 1.0)
    np.testing.assert_array_equal(GRAM, before)


def test_a_singular_gram_asks_for_a_ridge() -> None:
    linear = POINTS @ POINTS.T
    with pytest.raises(ms.ManifoldScaleError, match=r"singular at ridge 0.*Use a ridge"):
        kernel_regression_curve(linear, TARGETS, [50])
    assert np.isfinite(kernel_regression_curve(linear, TARGETS, [50], 1e-6).losses).all()


@pytest.mark.parametrize("options", [{"sizes": [120]}, {"sizes": [100], "n_test": 21}])
def test_training_and_test_points_must_fit(options: dict[str, object]) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="there are 120 in all"):
        kernel_regression_curve(GRAM, TARGETS, **options)
