"""Curvature of kernels against random features, spectra and round spheres."""

import math

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.theory import (
    NNGP,
    NTK,
    Gaussian,
    Laplace,
    Matern,
    kernel_geometry,
    sphere_spectrum,
)

SMOOTH = [
    NNGP(2, "tanh"),
    NNGP(3, "erf", bias_variance=0.2),
    NTK(2, "gelu"),
    NTK(3, "erf"),
    Gaussian(0.7),
]


@pytest.mark.parametrize("kernel", SMOOTH, ids=str)
def test_derivatives_are_those_of_the_spectral_sum(kernel) -> None:
    """k(t) = sum of mu_k N_k P_k(t), and P' and P'' at 1 are known."""
    d, radius = 3, 1.4
    spectrum = sphere_spectrum(kernel, d, 60, radius=radius)
    k, weight = spectrum.degrees, spectrum.eigenvalues * spectrum.degeneracies
    first = k * (k + d - 1) / d
    second = first * (k - 1) * (k + d) / (d + 2)
    expected = float(weight @ first), float(weight @ second)
    assert kernel.derivatives(d + 1, radius) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("nu", [2.5, 3.7])
def test_matern_by_differences(nu: float) -> None:
    kernel, h = Matern(0.8, nu=nu), 1e-3
    t = 1 - h * torch.arange(4, dtype=torch.float64)
    values = kernel.of_cosine(t, radius=1.2).tolist()
    first, second = kernel.derivatives(radius=1.2)
    slope = (values[0] - values[1]) / h
    assert slope == pytest.approx(first, rel=0.01)
    bend = (values[0] - 2 * values[1] + values[2]) / h**2
    assert bend == pytest.approx(second, rel=0.35 if nu < 3 else 0.02)


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_linear_kernel_is_a_round_sphere(dim: int, scale: float) -> None:
    """Norm r: kappa_rms = |H| = 1/r, |II|^2 = d / r^2, scalar curvature d (d - 1) / r^2."""
    kernel = NNGP(1, "linear", weight_variance=1.0)
    r = scale / math.sqrt(dim + 1)
    found = kernel_geometry(kernel, dim, radius=scale)
    assert found.stretch == pytest.approx(r)
    assert found.kappa_rms == pytest.approx(1 / r)
    assert found.mean_norm == pytest.approx(1 / r)
    assert found.second_form_norm == pytest.approx(math.sqrt(dim) / r)
    assert found.scalar_curvature == pytest.approx(dim * (dim - 1) / r**2)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_many_random_features_have_this_curvature() -> None:
    """Second derivatives of 40,000 erf features along geodesics of S^2, projected off the
    tangent plane: the whole second fundamental form in an orthonormal frame.
    """
    n, weight, bias = 40_000, 6.0, 0.3
    kernel = NNGP(1, "erf", weight, bias)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    b = torch.randn(n, generator=generator, dtype=torch.float64)

    def feature(x: torch.Tensor) -> torch.Tensor:
        inner = torch.erf(math.sqrt(weight / 3) * (w @ x) + math.sqrt(bias) * b)
        return math.sqrt(weight / n) * inner

    x, e1, e2 = torch.eye(3, dtype=torch.float64)
    jacobian = torch.func.jacfwd(feature)(x)
    tangent = torch.stack([jacobian @ e1, jacobian @ e2])
    hessian = torch.func.jacfwd(torch.func.jacfwd(feature))(x)
    frame = torch.linalg.qr(tangent.T)[0]
    stretch = tangent.norm(dim=1).mean()

    def form(u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        second = torch.einsum("nij,i,j->n", hessian, u, v) - (u @ v) * (jacobian @ x)
        return (second - frame @ (frame.T @ second)) / stretch**2

    h11, h22, h12 = form(e1, e1), form(e2, e2), form(e1, e2)
    found = kernel_geometry(kernel, 2)
    squared = (h11 @ h11 + h22 @ h22 + 2 * h12 @ h12).item()
    assert stretch.item() == pytest.approx(found.stretch, rel=0.02)
    assert h11.norm().item() == pytest.approx(found.kappa_rms, rel=0.03)
    assert ((h11 + h22) / 2).norm().item() == pytest.approx(found.mean_norm, rel=0.03)
    assert squared == pytest.approx(found.second_form_norm**2, rel=0.06)
    gauss = (h11 @ h22 - h12 @ h12).item()
    assert gauss == pytest.approx(found.sectional_curvature, rel=0.06)


@pytest.mark.parametrize("kernel", SMOOTH, ids=str)
def test_chords_have_the_curvature(kernel) -> None:
    """|Phi(s) - Phi(0)|^2 = l^2 - kappa^2 l^4 / 12 + ... at length l."""
    found = kernel_geometry(kernel, 2)
    angle = torch.tensor([0.0, 0.02], dtype=torch.float64)
    same, apart = kernel.of_angle(angle, n_features=3).tolist()
    length = found.stretch * 0.02
    deficit = length**2 - 2 * (same - apart)
    assert 12 * deficit / length**4 == pytest.approx(found.kappa_rms**2, rel=0.02)


@pytest.mark.parametrize(
    ("kernel", "power"), [(NTK(), "0.5"), (NNGP(), "1.5"), (Laplace(), "0.5")]
)
def test_kinks_have_no_curvature_and_the_error_says_why(kernel, power: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=rf"\(1 - t\)\^{power}.*Use a smooth"):
        kernel_geometry(kernel, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernel_geometry("erf", 2), "`kernel` must be a kernel value"),
        (
            lambda: kernel_geometry(Gaussian(), 0),
            "`dim` must be a whole number of at least 1",
        ),
        (lambda: kernel_geometry(Gaussian(), 2, radius=-1.0), "`radius` must be"),
    ],
)
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call()


def test_it_prints_and_tabulates() -> None:
    found = kernel_geometry(Gaussian(), 2)
    assert str(found).startswith("geometry of Gaussian(length_scale=1.0)")
    assert np.isclose(found.to_frame()["kappa_rms"][0], 2.0)
