"""The powers of the cosine in a kernel, against the kernel and closed forms."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import manifoldscale as ms
from manifoldscale.theory import (
    NNGP,
    NTK,
    ConvNTK,
    Gaussian,
    Laplace,
    LeakyReLU,
    Matern,
    level_coefficients,
)
from manifoldscale.theory.level_coefficients import hermite_coefficients

KERNELS = [
    Gaussian(0.8),
    Laplace(0.3),
    Matern(2.0, nu=1.5),
    Matern(1.0, nu=0.8),
    NNGP(depth=1),
    NNGP(depth=3, activation="erf", bias_variance=0.3),
    NTK(depth=3),
    NTK(depth=4, activation=LeakyReLU(0.2), bias_variance=0.1),
    NTK(depth=2, activation="tanh", weight_variance=1.5),
    NTK(depth=2, activation="gelu", bias_variance=0.1),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_the_powers_add_up_to_the_kernel(kernel: ms.theory.Kernel) -> None:
    radius, n = 1.3, 4
    b = level_coefficients(kernel, radius, 60, n_features=n)
    t = torch.linspace(-0.6, 0.6, 25, dtype=torch.float64)
    values = kernel.of_cosine(t, n_features=n, radius=radius).numpy()
    assert_allclose(np.polynomial.polynomial.polyval(t.numpy(), b), values, 1e-10, 1e-14)
    assert np.all(b >= 0)


@pytest.mark.parametrize("length", [0.02, 0.5, 30.0])
def test_the_first_two_of_laplace(length: float) -> None:
    """exp(-(r / length) sqrt(2 - 2 t)) and its derivative, tiny ones included."""
    first, second = level_coefficients(Laplace(length), 1.0, 1)
    value = math.exp(-math.sqrt(2) / length)
    assert_allclose([first, second], [value, value / (math.sqrt(2) * length)], rtol=1e-9)


def test_the_arc_cosine_kernel() -> None:
    """2 (sin + (pi - theta) cos) = 2 + pi t + t^2 + t^4 / 12 + t^6 / 40 + ..., over pi."""
    b = level_coefficients(NNGP(depth=1), 1.0, 6)
    expected = np.array([2, math.pi, 1, 0, 1 / 12, 0, 1 / 40]) / math.pi
    assert_allclose(b, expected, rtol=1e-9, atol=1e-14)


def test_coefficients_of_an_activation_hold_its_second_moment() -> None:
    """Parseval; erf is odd."""
    for phi in (LeakyReLU(0.3), ms.theory.Erf(), ms.theory.Tanh()):
        found = hermite_coefficients(phi, 1.7)
        moment = float(phi.second_moment(torch.tensor(1.7, dtype=torch.float64)))
        assert_allclose((found**2).sum(), moment, rtol=1e-4)
    assert np.all(np.abs(hermite_coefficients(ms.theory.Erf(), 1.0)[::2]) < 1e-12)


def test_what_is_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="Gaussian, Laplace, Matern, NNGP or"):
        level_coefficients(ConvNTK(depth=1), 1.0)
    with pytest.raises(ms.ManifoldScaleError, match="`radius`"):
        level_coefficients(Gaussian(), 0.0)
    with pytest.raises(ms.ManifoldScaleError, match="`levels`"):
        level_coefficients(Gaussian(), 1.0, 0)
