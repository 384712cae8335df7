"""Network kernels against finite networks, and against what they must be."""

import dataclasses as dc
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale.theory import NNGP, NTK, kernel as kernel_module
from manifoldscale.theory.activations import ACTIVATIONS, as_activation
from manifoldscale.theory.kernels import Sensitivity

from .networks import autograd_ntk, draw, forward

KERNELS = [ms.theory.nngp, ms.theory.ntk]
SETTINGS = [
    {"activation": "relu"},
    {"activation": "leaky_relu", "bias_variance": 0.3, "depth": 2},
    {"activation": "erf", "weight_variance": 1.5, "bias_variance": 0.1},
    {"activation": "gelu", "bias_variance": 0.1, "depth": 2},
    {"activation": "tanh", "weight_variance": 1.3, "bias_variance": 0.2, "depth": 2},
    {"activation": "linear", "weight_variance": 1.0},
]


def points(n: int, n_features: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, n_features, generator=generator, dtype=torch.float64)


def by_covariance(x: torch.Tensor, depth, activation, weight, bias) -> tuple:
    """(NNGP, NTK) by the plain textbook recursion on covariance matrices."""
    phi = as_activation(activation)
    k = bias + weight * x @ x.T / x.shape[1]
    theta = k
    for _ in range(depth):
        q = k.diagonal()
        value, slope = phi.dual(k, q[:, None], q[None, :])
        k = bias + weight * value
        theta = k + weight * slope * theta
    return k, theta


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s["activation"])
def test_the_recursion_on_angles_is_the_recursion_on_covariances(setting) -> None:
    x = points(40, 5)
    full = {"depth": 3, "weight_variance": 2.0, "bias_variance": 0.0, **setting}
    expected = by_covariance(
        x,
        full["depth"],
        full["activation"],
        full["weight_variance"],
        full["bias_variance"],
    )
    for kernel, matrix in zip(KERNELS, expected, strict=True):
        found = kernel(x, **setting)
        off = ~torch.eye(len(x), dtype=torch.bool)
        torch.testing.assert_close(found[off], matrix[off], rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(found.diagonal(), matrix.diagonal(), rtol=1e-7, atol=0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s["activation"])
def test_symmetric_exact_on_the_diagonal_positive_semidefinite(kernel, setting) -> None:
    x = points(300, 3)
    x = torch.cat([x, x[:5], x[:5] + 1e-9, -x[:5], 1e-9 - x[5:10], 0 * x[:1]])
    matrix = kernel(x, **setting)
    assert torch.equal(matrix, matrix.T)
    value = (NNGP if kernel is ms.theory.nngp else NTK)(**setting)
    assert torch.equal(matrix.diagonal(), value.diagonal(x))
    eigenvalues = torch.linalg.eigvalsh(matrix)
    assert float(eigenvalues[0]) >= -1e-13 * float(eigenvalues[-1])


def test_rectangular_agrees_with_the_gram_matrix() -> None:
    x = points(70, 4)
    for kernel in KERNELS:
        torch.testing.assert_close(
            kernel(x[:30], x, bias_variance=0.2),
            kernel(x, bias_variance=0.2)[:30],
            rtol=1e-13,
            atol=1e-13,
        )


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize("sign", [1, -1])
def test_near_duplicates_and_near_antipodes(distance, bias, sign) -> None:
    """Against mpmath with the inputs that float64 really holds."""
    x = points(1, 6)
    y = sign * x + distance * points(1, 6, seed=1)
    with mpmath.workdps(60):
        a, b = ([mpmath.mpf(float(v)) for v in p[0]] for p in (x, y))
        q1, q2, k = (bias + mpmath.fdot(*pq) / 3 for pq in ((a, a), (b, b), (a, b)))
        theta = k
        for _ in range(3):
            c = k / mpmath.sqrt(q1 * q2)
            angle = mpmath.acos(c)
            root = mpmath.sqrt(q1 * q2)
            k = bias + root * (mpmath.sin(angle) + (mpmath.pi - angle) * c) / mpmath.pi
            theta = k + (mpmath.pi - angle) / mpmath.pi * theta
            q1, q2 = bias + q1, bias + q2
    # Among others, so that the product of matrices is not that of a pair alone.
    z = torch.cat([x, y, points(40, 6, seed=2)])
    for kernel, exact in zip(KERNELS, (k, theta), strict=True):
        found = kernel(z, bias_variance=bias)[0, 1].item()
        assert found == pytest.approx(float(exact), rel=1e-13, abs=1e-14)


def test_inputs_that_saturate_cost_no_digits() -> None:
    """erf of inputs as large as 10^4, which differ by 10^-4: the determinant of their
    covariance is what decides, and it is eleven digits below its terms.
    """
    x = 1e4 * points(1, 3)
    y = x + 1e-4 * points(1, 3, seed=1)
    with mpmath.workdps(60):
        a, b = ([mpmath.mpf(float(v)) for v in p[0]] for p in (x, y))
        q1, q2, k = (mpmath.fdot(*pq) / 3 for pq in ((a, a), (b, b), (a, b)))
        root = mpmath.sqrt((1 + 2 * q1) * (1 + 2 * q2) - 4 * k**2)
        value = 2 / mpmath.pi * mpmath.atan2(2 * k, root)
        slope = 4 / mpmath.pi / root
    setting = {"depth": 1, "activation": "erf", "weight_variance": 1.0}
    assert ms.theory.nngp(x, y, **setting).item() == pytest.approx(float(value), rel=1e-14)
    found = ms.theory.ntk(x, y, **setting).item()
    assert found == pytest.approx(float(value + slope * k), rel=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_offsets_and_outliers_cost_no_digits(kernel) -> None:
    """Directions that all but agree, and a norm far above the others."""
    x = points(30, 4) + 1e5
    x[0] *= 1e6
    exact = by_long_arithmetic(x)
    found = kernel(x)
    matrix = exact[0] if kernel is ms.theory.nngp else exact[1]
    torch.testing.assert_close(found, matrix, rtol=1e-12, atol=0)


def by_long_arithmetic(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Depth 3 ReLU kernels of the first angle, which is taken by explicit differences."""
    unit = x / x.norm(dim=1, keepdim=True)
    chord = (unit[:, None] - unit[None]).norm(dim=-1)
    together = (unit[:, None] + unit[None]).norm(dim=-1)
    theta = 2 * torch.atan2(chord, together)
    product = 2 * x.norm(dim=1)[:, None] * x.norm(dim=1) / x.shape[1]
    k, ntk = theta.cos(), theta.cos()
    for _ in range(3):
        slope = 1 - theta / math.pi
        k = (theta.sin() + (math.pi - theta) * theta.cos()) / math.pi
        ntk = k + slope * ntk
        gap = 1 - theta.cos()
        small = theta**2 / 2 - theta**3 / (3 * math.pi) - theta**4 / 24
        gap = torch.where(theta > 1e-2, 1 - k, small + theta**5 / (30 * math.pi))
        theta = 2 * torch.asin((gap / 2).sqrt())
    return product * k, product * ntk


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), setting=st.sampled_from(SETTINGS))
def test_rotations_and_order_change_nothing(seed: int, setting: dict) -> None:
    x = points(12, 5, seed)
    rotation = torch.linalg.qr(points(5, 5, seed + 1))[0]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    for kernel in KERNELS:
        matrix = kernel(x, **setting)
        torch.testing.assert_close(
            kernel(x @ rotation, **setting), matrix, rtol=1e-11, atol=1e-13
        )
        torch.testing.assert_close(
            kernel(x[order], **setting), matrix[order][:, order], rtol=1e-12, atol=1e-13
        )


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), first=st.floats(1e-3, 1e3), second=st.floats(1e-3, 1e3))
def test_relu_without_bias_is_homogeneous(seed, first, second) -> None:
    x, y = points(6, 4, seed), points(5, 4, seed + 1)
    for kernel in KERNELS:
        torch.testing.assert_close(
            kernel(first * x, second * y),
            first * second * kernel(x, y),
            rtol=1e-12,
            atol=1e-12 * first * second,
        )


@pytest.mark.parametrize("scale", [1e-120, 1e-80, 1e80, 1e120])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "linear"])
def test_no_size_of_the_inputs_is_beyond_the_squares(activation, scale) -> None:
    x = points(6, 4)
    for kernel in KERNELS:
        found = kernel(scale * x, activation=activation) / scale / scale
        torch.testing.assert_close(
            found, kernel(x, activation=activation), rtol=1e-12, atol=0
        )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("activation", ["erf", "tanh"])
def test_saturated_units_are_signs_at_any_size(kernel, activation) -> None:
    """The kernels no longer depend on the size of the inputs, but for equal ones."""
    x = points(6, 4)
    setting = {"activation": activation, "depth": 2}
    matrices = [kernel(s * x, **setting) for s in (1e12, 1e80, 1e140)]
    away = ~torch.eye(6, dtype=torch.bool)
    for matrix in matrices[1:]:
        torch.testing.assert_close(matrix[away], matrices[0][away], rtol=1e-10, atol=0)


@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1e8, 1e12, 1e20, 1e60])
def test_gelu_far_from_the_origin_is_relu(kernel, scale, bias) -> None:
    """x Phi(x) is max(x, 0) there, at duplicates and antipodes too."""
    x = points(6, 4)
    x[1], x[2], x[3] = x[0], -x[0], 1.001 * x[0]
    found, expected = (
        kernel(scale * x, activation=name, bias_variance=bias) / scale**2
        for name in ("gelu", "relu")
    )
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1e160, 1e200, 1e307])
@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "tanh"])
def test_points_whose_squares_are_no_floats_are_refused_by_name(activation, scale) -> None:
    x, images = points(6, 4), torch.randn(2, 1, 5, 5, dtype=torch.float64)
    for call in (
        lambda: ms.theory.nngp_and_ntk(scale * x, activation=activation),
        lambda: NNGP(activation=activation).diagonal(scale * x),
        lambda: ms.theory.ConvNTK(activation=activation)(scale * images),
        lambda: ms.theory.Laplace()(scale * x),
    ):
        with pytest.raises(ms.ManifoldScaleError, match=r"`x1?` reaches .*flow"):
            call()
    with pytest.raises(ms.ManifoldScaleError, match="`x2` reaches"):
        ms.theory.ntk(x, scale * x, activation=activation)
    zero = torch.zeros(2, 4)
    assert NNGP(activation=activation)(zero).max() < 1e-290  # as for any pair of zeros


@pytest.mark.parametrize("activation", ["relu", "gelu", "erf"])
def test_a_kernel_beyond_the_largest_float_is_an_error(activation) -> None:
    x = 1e140 * points(6, 4)
    for call in (NTK(60, activation, 1e9, 1e300), NTK(60, activation, 1e9, 1e300).diagonal):
        try:
            assert call(x).isfinite().all()
        except ms.ManifoldScaleError as error:
            assert "`weight_variance`" in str(error)
    with pytest.raises(ms.ManifoldScaleError, match="not finite"):
        NNGP(60, "relu", 1e9)(x)


def test_variances_that_die_out_through_depth_keep_their_angles() -> None:
    """Without bias the weight variance is a factor of each layer."""
    x, depth = points(6, 4), 150
    small, usual = (NNGP(depth, weight_variance=w)(x) for w in (0.04, 2.0))
    expected = torch.log(usual) + (depth + 1) * math.log(0.02)
    torch.testing.assert_close(torch.log(small), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [7, 64, 300])
def test_block_size_changes_nothing(monkeypatch, size: int) -> None:
    x = points(150, 3)
    before = [kernel(x) for kernel in KERNELS]
    monkeypatch.setattr(kernel_module, "BLOCK", size)
    for kernel, matrix in zip(KERNELS, before, strict=True):
        torch.testing.assert_close(kernel(x), matrix, rtol=1e-13, atol=1e-14)


def test_arrays_tensors_and_clouds_are_the_same_points() -> None:
    cloud = ms.manifolds.Sphere(2).sample(20)
    matrix = ms.theory.ntk(cloud)
    assert torch.equal(matrix, ms.theory.ntk(cloud.points))
    assert torch.equal(matrix, ms.theory.ntk(torch.tensor(cloud.points)))


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s["activation"])
def test_of_cosine_is_the_kernel_on_a_sphere(setting) -> None:
    x = ms.manifolds.Sphere(3, radius=1.7).sample(20).points
    t = torch.tensor(np.clip(x @ x.T / 1.7**2, -1, 1))
    for kernel in (NNGP(**setting), NTK(**setting)):
        found = kernel.of_cosine(t, n_features=4, radius=1.7)
        torch.testing.assert_close(found, kernel(x), rtol=1e-6, atol=1e-12)


def deviations(width: int, setting: dict, networks: int) -> np.ndarray:
    """Finite networks' two kernels less the limits, in units of the diagonal:
    (networks, 2, n, n).
    """
    kernel = NNGP(**setting)
    phi, w, b = kernel.phi, kernel.weight_variance, kernel.bias_variance
    x = points(4, 3)
    limits = kernel(x), NTK(**setting)(x)
    drawn = []
    for seed in range(networks):
        parameters = draw(3, width, kernel.depth, 1, seed)
        hidden = phi(forward(x, parameters[:-1], phi, w, b))
        found = b + w * hidden @ hidden.T / width, autograd_ntk(x, parameters, phi, w, b)
        drawn.append(
            [
                ((matrix - limit) / limit.diagonal().mean()).numpy()
                for matrix, limit in zip(found, limits, strict=True)
            ]
        )
    return np.array(drawn)


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"activation": "relu", "depth": 2, "bias_variance": 0.1},
        {"activation": "erf", "depth": 2, "weight_variance": 1.5, "bias_variance": 0.1},
    ],
    ids=lambda s: s["activation"],
)
def test_finite_networks_approach_like_one_over_width(setting) -> None:
    """The variance of both kernels falls like 1 / width, about the limit as their mean."""
    widths, networks = [32, 128, 512], 150
    errors = [deviations(width, setting, networks) for width in widths]
    squares = np.array([(error**2).mean(axis=(0, 2, 3)) for error in errors])
    slopes = np.polyfit(np.log(widths), np.log(squares), 1)[0]
    assert np.all(np.abs(slopes + 1) < 0.15)
    stderr = errors[-1].std(axis=0) / math.sqrt(networks)
    assert np.all(np.abs(errors[-1].mean(axis=0)) < 4 * stderr)


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_one_wide_network_by_automatic_differentiation(name: str) -> None:
    """Width 4,096, depth 2: each kernel within 5 % of its diagonal."""
    setting = {"activation": name, "depth": 2, "weight_variance": 1.5, "bias_variance": 0.1}
    errors = deviations(4096, setting, networks=3)
    assert np.sqrt((errors**2).mean()) < 0.05


@pytest.mark.parametrize("parameter", ["weight_variance", "bias_variance"])
@pytest.mark.parametrize("kernel", [NNGP, NTK])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s["activation"])
def test_sensitivity_is_the_difference_quotient(parameter, kernel, setting) -> None:
    value = dc.replace(kernel(**setting), bias_variance=0.2)
    x = points(12, 3)
    x = torch.cat([x, x[:2], -x[:2]])
    h, base = 1e-5, getattr(value, parameter)
    above, below = (dc.replace(value, **{parameter: v})(x) for v in (base + h, base - h))
    quotient = (above - below) / (2 * h)
    found = Sensitivity(value, parameter)(x)
    scale = float(quotient.abs().max())
    torch.testing.assert_close(found, quotient, rtol=1e-6, atol=1e-7 * scale)


def test_sensitivity_where_the_bias_is_zero_is_one_sided() -> None:
    x, h = points(8, 3), 1e-6
    quotient = (NTK(bias_variance=h)(x) - NTK()(x)) / h
    found = Sensitivity(NTK(), "bias_variance")(x)
    torch.testing.assert_close(found, quotient, rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ms.theory.nngp(x, weight_variance=-1.0), "`weight_variance` must be"),
        (lambda x: ms.theory.nngp(x, bias_variance=-0.1), "`bias_variance` must be"),
        (lambda x: ms.theory.nngp(x, depth=0), "`depth` must be a positive integer"),
        (lambda x: ms.theory.nngp(x, depth=2.0), "`depth` must be a whole number; not 2.0"),
        (lambda x: ms.theory.ntk(x[0]), "`x1` must be 2-D"),
        (lambda x: ms.theory.ntk(x, x[:, :2]), "same number of features"),
        (lambda x: ms.theory.ntk(x * math.nan), "`x1` holds 12 NaN"),
        (lambda x: ms.theory.ntk(x, activation="rele"), "unknown. Nearest: 'relu'"),
        (lambda x: ms.theory.Laplace(0.0), "`length_scale` must be positive"),
        (lambda x: ms.theory.Matern(nu=0), "`nu` must be positive"),
        (lambda x: NNGP().of_cosine(torch.tensor(1.5)), "`t` must hold cosines"),
        (lambda x: Sensitivity(NNGP(), "depth"), "`parameter` must be one of"),
    ],
)
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call(points(4, 3))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_both_kernels_at_once_are_each_by_itself(activation: str) -> None:
    first, second = (np.random.default_rng(s).standard_normal((300, 7)) for s in (0, 1))
    for points in ((first,), (first, second[:40])):
        settings = {"depth": 2, "activation": activation, "bias_variance": 0.1}
        both = ms.theory.nngp_and_ntk(*points, **settings)
        for found, alone in zip(both, (ms.theory.nngp, ms.theory.ntk), strict=True):
            np.testing.assert_array_equal(found, alone(*points, **settings))
