"""Kernels of the distance, against scikit-learn and their own special cases."""

import mpmath
import numpy as np
import pytest
import torch
from sklearn.gaussian_process import kernels as sklearn

from manifoldscale.theory import Gaussian, Laplace, Matern

X = np.random.default_rng(0).standard_normal((40, 3))
Y = np.random.default_rng(1).standard_normal((30, 3))


@pytest.mark.parametrize("nu", [0.5, 0.7, 1.0, 1.5, 2.2, 2.5])
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_matern_is_that_of_scikit_learn(nu: float, scale: float) -> None:
    ours = Matern(length_scale=scale, nu=nu)(X, Y).numpy()
    theirs = sklearn.Matern(length_scale=scale, nu=nu)(X, Y)
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)


@pytest.mark.parametrize("nu", [30.0, 100.0, 300.0, 1000.0])
def test_matern_of_large_nu_to_thirty_digits(nu: float) -> None:
    """Where the Bessel function overflows: at every distance here, for nu = 1,000."""
    distances = [0.0, 1e-3, 0.1, 0.5, 1.0, 2.0, 5.0]
    with mpmath.workdps(30):
        s = [mpmath.sqrt(2 * nu) * r for r in distances[1:]]
        front = mpmath.mpf(2) ** (1 - nu) / mpmath.gamma(nu)
        exact = [1.0, *(float(front * x**nu * mpmath.besselk(nu, x)) for x in s)]
    found = Matern(nu=nu).of_distance(torch.tensor(distances, dtype=torch.float64))
    np.testing.assert_allclose(found, exact, rtol=1e-11)


def test_gaussian_and_laplace() -> None:
    theirs = sklearn.RBF(length_scale=0.7)(X, Y)
    np.testing.assert_allclose(Gaussian(0.7)(X, Y), theirs, rtol=1e-12)
    torch.testing.assert_close(Laplace(0.7)(X, Y), Matern(0.7, nu=0.5)(X, Y))


@pytest.mark.parametrize("kernel", [Laplace(), Gaussian(), Matern(nu=0.8)])
def test_near_duplicates_and_the_diagonal(kernel) -> None:
    x = np.vstack([X, X[:3], X[:3] + 1e-9])
    matrix = kernel(x)
    assert torch.equal(matrix, matrix.T)
    assert bool((matrix.diagonal() == 1).all())
    assert float(matrix[0, 40]) == 1
    distance = torch.as_tensor(np.linalg.norm(x[0] - x[43]))
    assert float(matrix[0, 43]) == pytest.approx(
        float(kernel.of_distance(distance)), rel=1e-14
    )
    assert float(torch.linalg.eigvalsh(matrix)[0]) > -1e-13


def test_exponents_of_theory() -> None:
    assert Laplace().exponent(2) == 0.5
    assert Matern(nu=2.5).exponent(5) == 1.0
    assert np.isinf(Gaussian().exponent(3))
