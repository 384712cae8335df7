"""Gaussian expectations against quadrature of the activation itself."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale.theory.activations import (
    ACTIVATIONS,
    MOST_TERMS,
    Tanh,
    _double_sum,
    _series,
    _series_length,
    as_activation,
    erf_mixture,
)
from manifoldscale.theory.pair import Pair

SMOOTH = ["erf", "gelu", "tanh", "linear"]
KINKED = ["relu", "leaky_relu"]
float64 = torch.float64


def tensor(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=float64)


def by_polar_quadrature(phi, k: float, q1: float, q2: float) -> float:
    """E[phi(u) phi(v)] in polar coordinates, where the kinks of phi lie on rays: Gauss
    rules between them are exact to rounding.
    """
    c = k / math.sqrt(q1 * q2)
    shift = math.asin(c)  # u = r cos(a), v = r sin(a + shift), from independent normals
    kinks = sorted(
        {a % (2 * math.pi) for a in (0, math.pi / 2, 3 * math.pi / 2)}
        | {(m * math.pi - shift) % (2 * math.pi) for m in (0, 1)}
    )
    edges = np.array([*kinks, kinks[0] + 2 * math.pi])
    x, w = np.polynomial.legendre.leggauss(60)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    angle = (middle[:, None] + half[:, None] * x).ravel()
    weight = (half[:, None] * w).ravel()
    r, wr = np.polynomial.legendre.leggauss(200)
    r, wr = 6.5 * (r + 1), 6.5 * wr
    density = wr * r * np.exp(-(r**2) / 2) / (2 * math.pi)
    u = torch.from_numpy(math.sqrt(q1) * np.outer(r, np.cos(angle)))
    v = torch.from_numpy(math.sqrt(q2) * np.outer(r, np.sin(angle + shift)))
    return float(density @ (phi(u) * phi(v)).numpy() @ weight)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(
    "case", [(0.3, 0.7, 1.2), (-0.5, 0.7, 0.9), (0.0, 2.0, 0.1), (1.999, 2.0, 2.0)]
)
def test_value_is_the_integral(name: str, case: tuple[float, float, float]) -> None:
    phi = as_activation(name)
    value, _ = phi.dual(*map(tensor, case))
    assert float(value) == pytest.approx(by_polar_quadrature(phi, *case), abs=2e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("case", [(0.3, 0.7, 1.2), (-0.5, 0.7, 0.9), (0.0, 2.0, 0.1)])
def test_derivative_is_that_of_the_value_in_the_covariance(name, case) -> None:
    k, q1, q2 = map(tensor, case)
    phi = as_activation(name)
    k.requires_grad_()
    value, slope = phi.dual(k, q1, q2)
    (gradient,) = torch.autograd.grad(value, k)
    assert slope.item() == pytest.approx(gradient.item(), rel=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("q", [0.01, 1.0, 30.0, 1e4])
def test_moments_are_the_dual_at_equal_arguments(name: str, q: float) -> None:
    phi, q = as_activation(name), tensor(q)
    value, slope = phi.dual(q, q, q)
    torch.testing.assert_close(value, phi.second_moment(q), rtol=1e-14, atol=0)
    torch.testing.assert_close(slope, phi.derivative_moment(q), rtol=1e-13, atol=0)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("q", [0.1, 1.0, 5.0])
def test_curvature_moment_is_the_integral_of_the_second_derivative(name, q) -> None:
    phi = as_activation(name)
    z, w = np.polynomial.legendre.leggauss(400)
    z, w = 9 * z, 9 * w * np.exp(-((9 * z) ** 2) / 2) / math.sqrt(2 * math.pi)
    x = torch.tensor(math.sqrt(q) * z, dtype=float64, requires_grad=True)
    (first,) = torch.autograd.grad(phi(x).sum(), x, create_graph=True)
    second = torch.zeros_like(x)
    if first.requires_grad:
        (second,) = torch.autograd.grad(first.sum(), x)
    expected = w @ second.numpy() ** 2
    found = float(phi.curvature_moment(tensor(q)))
    assert found == pytest.approx(expected, rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("name", KINKED)
def test_a_kink_has_no_second_derivative(name: str) -> None:
    phi = as_activation(name)
    assert math.isinf(float(phi.curvature_moment(tensor(1.0)))) and not phi.is_smooth


def test_arc_cosine_values() -> None:
    one, zero = tensor(1.0), tensor(0.0)
    value, slope = ms.theory.ReLU().dual(torch.stack([one, zero, -one]), one, one)
    torch.testing.assert_close(2 * value, torch.tensor([1, 1 / math.pi, 0], dtype=float64))
    torch.testing.assert_close(2 * slope, torch.tensor([1, 0.5, 0], dtype=float64))


def test_tanh_is_its_mixture_of_error_functions() -> None:
    x = torch.logspace(-8, 2, 500, dtype=float64)
    weights, scales = erf_mixture()
    mixed = (weights * torch.erf(scales * x[:, None])).sum(-1)
    torch.testing.assert_close(mixed, torch.tanh(x), rtol=1e-15, atol=0)
    assert bool((weights > 0).all())


@pytest.mark.parametrize("q", [0.0, 0.3, 3.0, 40.0])
@pytest.mark.parametrize("c", [0.3, -0.99, 1 - 1e-9, 1.0])
def test_the_series_of_tanh_is_its_double_sum(q: float, c: float) -> None:
    pair = Pair.of_covariance(tensor(c * q), tensor(q), tensor(q))
    terms = _series_length(q)
    assert terms <= 8 * MOST_TERMS
    for ours, other in zip(_series(pair, terms), _double_sum(pair), strict=True):
        torch.testing.assert_close(ours, other, rtol=2e-14, atol=0)


def test_tanh_of_a_large_variance_is_a_sign() -> None:
    """tanh(sqrt(q) z) tends to sign(z), whose dual is the arcsine law."""
    q, c = tensor(1e14), torch.tensor([-1.0, -0.3, 0.2, 0.9999], dtype=float64)
    value, _ = Tanh().dual(c * q, q, q)
    torch.testing.assert_close(value, 2 / math.pi * torch.asin(c), rtol=0, atol=1e-6)


def test_tanh_to_thirty_digits() -> None:
    with mpmath.workdps(30):
        exact = mpmath.quad(
            lambda z: mpmath.tanh(mpmath.sqrt(3) * z) ** 2 * mpmath.npdf(z),
            [-12, -3, 0, 3, 12],
        )
    assert float(Tanh().second_moment(tensor(3.0))) == pytest.approx(
        float(exact), rel=1e-15
    )


@settings(deadline=None, max_examples=40)
@given(
    angle=st.floats(1e-12, math.pi - 1e-12),
    scale=st.floats(1e-3, 1e3),
    slope=st.floats(-1, 1),
)
def test_leaky_relu_is_homogeneous(angle: float, scale: float, slope: float) -> None:
    phi, one = ms.theory.LeakyReLU(slope), tensor(1.0)
    c = tensor(math.cos(angle))
    value, derivative = phi.dual(c, one, one)
    larger, same = phi.dual(scale**2 * c, one, tensor(scale**4))
    torch.testing.assert_close(larger, scale**2 * value, rtol=0, atol=1e-14 * scale**2)
    torch.testing.assert_close(same, derivative, rtol=0, atol=1e-7)


def test_unknown_names_say_what_is_near() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="Nearest: 'relu'"):
        as_activation("rleu")
    with pytest.raises(ms.ManifoldScaleError, match="`slope` must be a finite number"):
        ms.theory.LeakyReLU(math.nan)
