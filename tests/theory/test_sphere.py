"""Sphere spectra against analytic coefficients, identities and theory's exponents."""

import math

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln

import manifoldscale as ms
from manifoldscale.theory import (
    NNGP,
    NTK,
    Gaussian,
    Laplace,
    Matern,
    sphere_spectrum,
)
from manifoldscale.theory.on_sphere import degeneracy


def arc_cosine(t: np.ndarray) -> np.ndarray:
    return (t * (math.pi - np.arccos(t)) + np.sqrt(1 - t**2)) / math.pi


def arc_cosine_eigenvalue(dim: int, degree: int) -> float:
    """2 (d + 1) a_k^2 for even k >= 2, a_k the coefficient of max(0, t), which is one
    boundary term of Rodrigues' formula integrated by parts:

        c Gamma(d/2) (k - 2)! / (2^k (k/2 - 1)! Gamma((k + d)/2 + 1)).
    """
    k, d = degree, dim
    log_c = gammaln((d + 1) / 2) - math.log(math.pi) / 2
    log_a = (
        log_c + gammaln(k - 1) - k * math.log(2) - gammaln(k / 2) - gammaln((k + d) / 2 + 1)
    )
    return 2 * (d + 1) * math.exp(2 * log_a)


def test_arc_cosine_on_the_sphere() -> None:
    spectrum = sphere_spectrum(arc_cosine, 2, 10)
    assert spectrum.eigenvalues[1] == pytest.approx(1 / 6, rel=1e-14)
    assert spectrum.eigenvalues[0] == pytest.approx(3 / 8, rel=1e-14)
    assert np.all(spectrum.eigenvalues[3::2] == 0) and np.all(spectrum.trustworthy)


@pytest.mark.parametrize("dim", range(1, 11))
def test_trustworthy_eigenvalues_are_right_up_to_high_degree(dim: int) -> None:
    spectrum = sphere_spectrum(arc_cosine, dim, 200)
    even = np.arange(2, 201, 2)
    exact = np.array([arc_cosine_eigenvalue(dim, int(k)) for k in even])
    error = np.abs(spectrum.eigenvalues[even] / exact - 1)
    trusted = spectrum.trustworthy[even]
    assert np.all(error[trusted] < 0.01)
    assert np.all(trusted[even <= (200 if dim <= 7 else 100)])
    assert np.all(error[even <= 40] < 1e-5)


@pytest.mark.parametrize("dim", [1, 4])
def test_laplace_to_thirty_digits(dim: int) -> None:
    """mpmath's own quadrature and Gegenbauer functions at a few degrees."""
    spectrum = sphere_spectrum(Laplace(), dim, 30)
    with mpmath.workdps(30):
        c = mpmath.gamma((dim + 1) / mpmath.mpf(2)) / (
            mpmath.sqrt(mpmath.pi) * mpmath.gamma(dim / mpmath.mpf(2))
        )
        for k in (0, 7, 30):

            def integrand(theta, k=k):
                t = mpmath.cos(theta)
                if dim == 1:
                    polynomial = mpmath.cos(k * theta)
                else:
                    order = mpmath.mpf(dim - 1) / 2
                    polynomial = mpmath.gegenbauer(k, order, t) / mpmath.gegenbauer(
                        k, order, 1
                    )
                weight = mpmath.sin(theta) ** (dim - 1)
                return mpmath.exp(-2 * mpmath.sin(theta / 2)) * polynomial * weight

            pieces = mpmath.linspace(0, mpmath.pi, 9)
            exact = float(c * mpmath.quad(integrand, pieces))
            assert spectrum.eigenvalues[k] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("kernel", [NNGP(depth=2), NTK(depth=2), Laplace(0.5)])
def test_the_trace_is_the_diagonal(kernel) -> None:
    """With the power-law tail of the degrees beyond, by its first term."""
    spectrum = sphere_spectrum(kernel, 2, 400, radius=1.3)
    last = spectrum.eigenvalues[-2:].mean() * spectrum.degeneracies[-2:].mean()
    falls = 2 * kernel.smoothness + 1  # of eigenvalue times degeneracy in degree
    tail = last * 400.0 / (falls - 1)
    diagonal = kernel.diagonal(ms.manifolds.Sphere(2, radius=1.3).sample(2).points)[0]
    assert spectrum.trace + tail == pytest.approx(float(diagonal), rel=2e-5)


def test_a_smooth_trace_is_the_diagonal_to_rounding() -> None:
    spectrum = sphere_spectrum(NTK(activation="erf"), 3, 60, radius=2.0)
    kernel = NTK(activation="erf").of_cosine(1.0, n_features=4, radius=2.0)
    assert spectrum.trace == pytest.approx(float(kernel), rel=1e-13)


def test_parity_zeros_are_exact_and_end_with_a_bias_or_depth() -> None:
    for kernel in (NNGP(depth=1), NTK(depth=1)):
        values = sphere_spectrum(kernel, 3, 41).eigenvalues
        assert np.all(values[3::2] == 0) and np.all(values[::2] > 0) and values[1] > 0
    for kernel in (NTK(depth=1, bias_variance=0.1), NTK(depth=2)):
        assert np.all(sphere_spectrum(kernel, 3, 41).eigenvalues > 0)
    linear = sphere_spectrum(NNGP(depth=2, activation="linear"), 3, 10).eigenvalues
    assert np.count_nonzero(linear) == 1 and linear[1] > 0


def test_recorded_values_of_three_hidden_layers() -> None:
    """NTK of depth 3 with K0 = 2 t, in units of K0's diagonal: 1.19e-4 and 9.27e-5, by
    an independent Gauss rule of another program.
    """
    values = sphere_spectrum(NTK(depth=3), 2, 21, radius=math.sqrt(3)).eigenvalues / 2
    assert values[20] == pytest.approx(1.19e-4, rel=0.005)
    assert values[21] == pytest.approx(9.27e-5, rel=0.005)


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("depth", [1, 3])
def test_slopes_of_networks_and_laplace(dim: int, depth: int) -> None:
    """mu_k falls like k^-(d + 3) (ReLU NNGP) and k^-(d + 1) (ReLU NTK, Laplace)."""
    for kernel, power in ((NNGP(depth), 3), (NTK(depth), 1), (Laplace(), 1)):
        spectrum = sphere_spectrum(kernel, dim, 120)
        k = np.arange(40, 121, 2)
        k = k[spectrum.trustworthy[k]]
        slope = np.polyfit(np.log(k), np.log(spectrum.eigenvalues[k]), 1)[0]
        assert slope == pytest.approx(-(dim + power), rel=0.05)
        exponent = spectrum.exponent()
        assert exponent.value == pytest.approx(kernel.exponent(dim), rel=0.05)
        assert kernel.exponent(dim) in exponent.interval


@pytest.mark.parametrize("nu", [0.3, 0.5, 1.0, 2.2])
def test_matern(nu: float) -> None:
    exponent = sphere_spectrum(Matern(nu=nu), 3, 150).exponent()
    assert exponent.value == pytest.approx(2 * nu / 3, rel=0.01)


@pytest.mark.parametrize("kernel", [Gaussian(), NNGP(activation="erf")])
def test_smooth_kernels_have_no_exponent(kernel) -> None:
    exponent = sphere_spectrum(kernel, 2, 60).exponent()
    assert math.isnan(exponent.value) and math.isinf(exponent.interval.high)
    assert "faster than any power" in str(exponent)


def test_degrees_and_degeneracies() -> None:
    picked = sphere_spectrum(Laplace(), 3, np.array([2, 50, 7]))
    every = sphere_spectrum(Laplace(), 3, 50)
    np.testing.assert_allclose(
        picked.eigenvalues, every.eigenvalues[[2, 50, 7]], rtol=1e-12
    )
    assert [degeneracy(2, k) for k in range(4)] == [1, 3, 5, 7]
    assert [degeneracy(1, k) for k in range(4)] == [1, 2, 2, 2]
    assert [degeneracy(3, k) for k in range(4)] == [1, 4, 9, 16]


def test_high_dimensions_neither_overflow_nor_underflow() -> None:
    spectrum = sphere_spectrum(NTK(depth=2), 784, 20)
    assert np.all(np.isfinite(spectrum.degeneracies)) and np.all(
        spectrum.eigenvalues[:4] > 0
    )
    assert np.all(spectrum.trustworthy[:3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: sphere_spectrum(Laplace(), 0, 5),
            "`dim` must be a whole number of at least 1",
        ),
        (lambda: sphere_spectrum(Laplace(), 2, -1), "`degrees` must be the largest"),
        (lambda: sphere_spectrum(Laplace(), 2, 2.5), "`degrees` must be the largest"),
        (lambda: sphere_spectrum(Laplace(), 2, 5, radius=0.0), "`radius` must be"),
        (lambda: sphere_spectrum(lambda t: t / 0.0, 2, 5), "must give a finite number"),
        (lambda: sphere_spectrum(Laplace(), 2, 6).exponent(), "a slope needs 8"),
        (lambda: sphere_spectrum(Laplace(), 2, 50).exponent(level=2.0), "`level`"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call()
