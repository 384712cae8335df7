"""Wide-network kernels inside scikit-learn."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge

import manifoldscale as ms

KERNELS = [ms.sklearn.NNGPKernel, ms.sklearn.NTKKernel]
X = np.random.default_rng(0).standard_normal((30, 3))
Y = np.random.default_rng(1).standard_normal((10, 3))


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_the_kernel(kernel) -> None:
    value = ms.theory.NNGP if kernel is ms.sklearn.NNGPKernel else ms.theory.NTK
    ours, theirs = value(2, "erf", 1.5, 0.2), kernel(2, "erf", 1.5, 0.2)
    np.testing.assert_array_equal(theirs(X), ours(X))
    np.testing.assert_array_equal(theirs(X, Y), ours(X, Y))
    np.testing.assert_array_equal(theirs.diag(X), np.diag(theirs(X)))
    assert not theirs.is_stationary()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "tanh"])
def test_the_gradient_is_that_in_the_logarithms(kernel, activation) -> None:
    value = kernel(2, activation, 1.3, 0.2)
    repeated = np.vstack([X[:8], X[:2]])
    _, gradient = value(repeated, eval_gradient=True)
    for i, step in enumerate(1e-5 * np.eye(2)):
        above, below = (
            value.clone_with_theta(value.theta + sign * step)(repeated) for sign in (1, -1)
        )
        quotient = (above - below) / 2e-5
        np.testing.assert_allclose(gradient[:, :, i], quotient, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_clones_pickles_and_composes(kernel) -> None:
    value = kernel(depth=2, activation="tanh", bias_variance=0.3)
    assert clone(value) == value and pickle.loads(pickle.dumps(value)) == value
    assert value.theta == pytest.approx(np.log([0.3, 2.0]))
    total = ConstantKernel(2.0) * value + WhiteKernel(0.1)
    np.testing.assert_allclose(total(X), 2 * value(X) + 0.1 * np.eye(30))


def test_what_is_fixed_is_not_searched() -> None:
    unbiased = ms.sklearn.NNGPKernel(bias_variance=0.0)
    assert unbiased.theta == pytest.approx([np.log(2.0)])
    assert unbiased(X, eval_gradient=True)[1].shape == (30, 30, 1)
    fixed = ms.sklearn.NNGPKernel(
        weight_variance_bounds="fixed", bias_variance_bounds="fixed"
    )
    assert fixed.n_dims == 0


def test_a_gaussian_process_finds_better_variances() -> None:
    start = ms.sklearn.NNGPKernel(2, "erf", 1.0, 0.01)
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    process = GaussianProcessRegressor(start, alpha=1e-4).fit(X, y)
    fixed = process.log_marginal_likelihood(start.theta)
    assert process.log_marginal_likelihood_value_ > fixed + 1
    mean, std = process.predict(X, return_std=True)
    np.testing.assert_allclose(mean, y, atol=0.1)
    assert np.all(std < 0.1)


def test_kernel_ridge_takes_values_and_matrices() -> None:
    y = X[:, 0] * X[:, 1]
    kernel = ms.theory.NTK(depth=2, bias_variance=0.1)
    given = KernelRidge(alpha=1e-3, kernel="precomputed").fit(kernel(X).numpy(), y)
    called = KernelRidge(
        alpha=1e-3, kernel=lambda a, b: kernel(a[None], b[None]).item()
    ).fit(X, y)
    there = kernel(Y, X).numpy()
    np.testing.assert_allclose(given.predict(there), called.predict(Y), rtol=1e-6)


def test_a_gradient_between_two_sets_is_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`eval_gradient` needs `Y`"):
        ms.sklearn.NTKKernel()(X, Y, eval_gradient=True)
    with pytest.raises(ms.ManifoldScaleError, match="`weight_variance` must be positive"):
        ms.sklearn.NTKKernel(weight_variance=-1.0)(X)
