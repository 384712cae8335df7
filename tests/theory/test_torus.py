"""Torus spectra against sphere spectra, Gram matrices and closed forms."""

import math

import numpy as np
import pytest
from scipy import special

import manifoldscale as ms
from manifoldscale.theory import (
    NTK,
    Gaussian,
    Laplace,
    Matern,
    gram_spectrum,
    sphere_spectrum,
    torus_spectrum,
)


@pytest.mark.parametrize("kernel", [Laplace(0.5), Matern(nu=1.2), NTK(depth=2)])
def test_the_circle_is_the_sphere_of_dimension_one(kernel) -> None:
    circle = torus_spectrum(kernel, 1, 40, radius=1.4)
    sphere = sphere_spectrum(kernel, 1, 40, radius=1.4)
    by_degree = circle.eigenvalues[np.argsort(circle.degrees)]
    np.testing.assert_allclose(by_degree, sphere.eigenvalues, rtol=1e-8)
    assert np.all(circle.trustworthy)


def test_gaussian_on_a_torus_is_a_product_of_bessel_functions() -> None:
    """exp(-(2 - 2 cos) / 2 l^2) has the coefficients exp(-z) I_m(z), z = 1 / l^2."""
    spectrum = torus_spectrum(Gaussian(0.8), 2, 20)
    one = special.ive(np.arange(21), 1 / 0.8**2)
    product = np.sort(np.unique(np.round(np.outer(one, one), 18)))[::-1][:20]
    np.testing.assert_allclose(spectrum.eigenvalues[:20], product, rtol=1e-13)
    assert spectrum.trace == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("dim", "degree"), [(1, 4000), (2, 200), (3, 30)])
def test_exponents(dim: int, degree: int) -> None:
    """The box of frequencies is full up to `degree`: beyond that rank it has corners."""
    volume = {1: 2, 2: math.pi, 3: 4 * math.pi / 3}[dim]
    exponent = torus_spectrum(Laplace(), dim, degree).exponent(last=volume * degree**dim)
    assert exponent.value == pytest.approx(1 / dim, rel=0.06)
    assert 1 / dim in exponent.interval


@pytest.mark.slow
def test_it_is_what_a_gram_matrix_estimates() -> None:
    kernel = NTK(depth=2)
    points = ms.manifolds.FlatTorus(2).sample(1500).points
    estimate = gram_spectrum(kernel(points)).eigenvalues[:20]
    theory = torus_spectrum(kernel, 2, 20)
    exact = np.repeat(theory.eigenvalues, theory.degeneracies.astype(int))[:20]
    np.testing.assert_allclose(estimate, exact, rtol=0.2)


def test_the_smoothest_matern_kernels_are_gaussian() -> None:
    """For nu to infinity, and off by about 1 / nu."""
    near = torus_spectrum(Matern(nu=5000.0), 1, 4).eigenvalues
    np.testing.assert_allclose(
        near, torus_spectrum(Gaussian(), 1, 4).eigenvalues, rtol=0.01
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: torus_spectrum(Laplace(), 5, 5), "`dim` must be an integer from 1 to 4"),
        (lambda: torus_spectrum(Laplace(), 3, 10_000), "`degree` must be an integer"),
        (lambda: torus_spectrum(Laplace(), 1, 5, radius=math.inf), "`radius` must be"),
        (lambda: torus_spectrum(np.cos, 1, 5), "`kernel` must be a kernel value"),
    ],
)
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call()
