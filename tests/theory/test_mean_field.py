"""Order and chaos: critical points, fixed points, and a circle through finite networks."""

import math

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.theory import NNGP, critical_weight_variance, mean_field
from manifoldscale.theory.activations import as_activation

from .networks import draw, forward


@pytest.mark.parametrize(
    ("name", "weight"),
    [("relu", 2.0), ("tanh", 1.0), ("erf", math.pi / 4), ("linear", 1.0)],
)
def test_critical_points_without_bias(name: str, weight: float) -> None:
    assert critical_weight_variance(name) == pytest.approx(weight, abs=1e-12)
    # Above, chi_1 - 1 may be of second order: the variance grows from zero and damps.
    phases = [mean_field(name, w, 0.0).phase for w in (weight - 1e-6, weight + 1e-3)]
    assert phases == ["ordered", "chaotic"]
    assert mean_field(name, weight, 0.0).phase == "critical"


@pytest.mark.parametrize(("name", "bias"), [("tanh", 0.05), ("erf", 0.3), ("gelu", 0.3)])
def test_critical_points_with_bias_divide_order_from_chaos(name, bias) -> None:
    weight = critical_weight_variance(name, bias)
    phases = [mean_field(name, weight + h, bias).phase for h in (-1e-6, 1e-6)]
    assert phases == ["ordered", "chaotic"]


def test_the_half_stable_point_of_gelu_is_where_it_was_published() -> None:
    """Roberts, Yaida & Hanin 2022, section 5.3: GELU is critical at bias variance 0.173 and
    weight variance 1.983; below that bias no critical fixed point attracts.
    """
    assert critical_weight_variance("gelu", 0.1735) == pytest.approx(1.983, abs=2e-3)
    with pytest.raises(ms.ManifoldScaleError, match="no stable critical point"):
        critical_weight_variance("gelu", 0.1)


@pytest.mark.parametrize(
    ("name", "weight", "bias"),
    [("tanh", 2.25, 0.1), ("erf", 4.0, 0.3), ("gelu", 1.5, 0.1), ("relu", 1.5, 0.2)],
)
def test_depth_drives_to_the_fixed_point(name, weight, bias) -> None:
    field = mean_field(name, weight, bias)
    layers = field.layers(300, variance=2.0, correlation=0.3)
    assert layers.variance[-1] == pytest.approx(field.variance, rel=1e-9)
    assert layers.correlation[-1] == pytest.approx(field.correlation, abs=1e-6)
    assert layers.chi_1[-1] == pytest.approx(field.chi_1, rel=1e-9)
    # The decay towards c* is geometric with the correlation length.
    late = layers.variance.size - 1
    first = np.argmax(np.abs(layers.variance - field.variance) < 1e-12)
    away = np.abs(layers.correlation - field.correlation)[first:late]
    away = away[(away > 1e-11) & (away < 1e-3)]
    if len(away) > 3:
        ratio = away[-1] / away[-2]
        assert -1 / math.log(ratio) == pytest.approx(field.correlation_length, rel=0.01)


def test_layers_are_the_kernel() -> None:
    field = mean_field("tanh", 1.7, 0.2)
    layers = field.layers(3, variance=1.7 + 0.2, correlation=(0.2 + 1.7 * 0.4) / 1.9)
    kernel = NNGP(3, "tanh", 1.7, 0.2)
    values = kernel.of_cosine(torch.tensor([1.0, 0.4], dtype=torch.float64))
    assert layers.variance[-1] == pytest.approx(float(values[0]), rel=1e-13)
    assert layers.correlation[-1] == pytest.approx(float(values[1] / values[0]), rel=1e-12)


def test_variances_that_die_or_grow() -> None:
    dying, growing = mean_field("tanh", 0.5, 0.0), mean_field("relu", 2.5, 0.0)
    assert (dying.variance, dying.phase) == (0.0, "ordered")
    assert dying.chi_1 == pytest.approx(0.5, rel=1e-14)
    assert (growing.variance, growing.phase) == (math.inf, "chaotic")
    assert mean_field("relu", 2.0, 0.0, start=3.0).variance == 3.0
    assert math.isinf(mean_field("relu", 1.5, 0.1).chi_2)


@pytest.mark.parametrize(
    ("name", "weight", "bias"),
    [("tanh", 0.5, 0.0), ("tanh", 1.0, 0.0), ("gelu", 2.0, 0.0), ("linear", 1.5, 0.2)],
)
def test_correlations_that_depth_keeps_have_no_limit(name, weight, bias) -> None:
    field = mean_field(name, weight, bias)
    assert math.isnan(field.correlation)
    assert math.isinf(field.correlation_length)
    ends = [field.layers(200, correlation=c).correlation[[100, 200]] for c in (0.2, 0.6)]
    for middle, end in ends:
        assert middle == pytest.approx(end, abs=1e-3)
    assert ends[1][1] - ends[0][1] > 0.1


@pytest.mark.parametrize("weight", [1.5, 2.0, 2.5])
def test_relu_without_bias_reaches_its_correlation_by_a_power(weight: float) -> None:
    """1 - c falls like depth^-2 at any weight variance: there is no length."""
    field = mean_field("relu", weight, 0.0)
    assert (field.correlation, field.correlation_length) == (1.0, math.inf)
    away = 1 - field.layers(400, correlation=0.3).correlation
    assert math.log2(away[200] / away[400]) == pytest.approx(2, abs=0.1)


def test_chi_1_is_the_growth_of_a_small_difference() -> None:
    field = mean_field("tanh", 2.25, 0.1)
    q, gap = field.variance, 1e-7
    value, _ = as_activation("tanh").dual(
        *torch.tensor([q - gap, q, q], dtype=torch.float64)
    )
    grown = q - (0.1 + 2.25 * float(value))
    assert grown / gap == pytest.approx(field.chi_1, rel=1e-5)


def circle(name: str, weight: float, bias: float, width: int, depth: int, seed: int):
    """Squared speed and curvature, averaged over the circle, of the last pre-activations
    of a finite network, over width.
    """
    phi = as_activation(name)
    parameters = draw(width, width, depth - 1, width, seed)
    generator = torch.Generator().manual_seed(1000 + seed)
    plane = torch.randn(2, width, generator=generator, dtype=torch.float64)

    def network(angle: torch.Tensor) -> torch.Tensor:
        first = angle.cos()[:, None] * plane[0] + angle.sin()[:, None] * plane[1]
        return forward(phi(first), parameters, phi, weight, bias)

    def velocity(angle: torch.Tensor) -> torch.Tensor:
        return torch.func.jvp(network, (angle,), (torch.ones_like(angle),))[1]

    angle = torch.linspace(0, 2 * math.pi, 25, dtype=torch.float64)[:-1]
    v, a = torch.func.jvp(velocity, (angle,), (torch.ones_like(angle),))
    speed = (v**2).sum(1)
    bend = (a**2).sum(1) / speed**2 - (v * a).sum(1) ** 2 / speed**3
    return speed.mean().item() / width, bend.mean().item() * width


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
@pytest.mark.parametrize("setting", [("tanh", 2.5, 0.1), ("erf", 1.2, 0.1)])
def test_a_circle_through_networks_of_width_1000(setting) -> None:
    """Length and curvature through three layers within 5 % (Poole et al. 2016)."""
    depth = 3
    drawn = np.array([circle(*setting, 1000, depth, seed) for seed in range(2)])
    layers = mean_field(*setting).layers(depth)
    speed = (layers.length[-1] / (2 * math.pi)) ** 2
    assert drawn[:, 0].mean() == pytest.approx(speed, rel=0.05)
    assert drawn[:, 1].mean() == pytest.approx(layers.curvature[-1] ** 2, rel=0.05)


def test_chaos_stretches_a_circle_and_its_curvature_settles() -> None:
    field = mean_field("tanh", 4.0, 0.1)
    layers = field.layers(60)
    growth = layers.length[1:] / layers.length[:-1]
    assert growth[-1] == pytest.approx(math.sqrt(field.chi_1), rel=1e-9)
    limit = 3 * field.chi_2 / (field.chi_1 * (field.chi_1 - 1))
    assert layers.curvature[-1] ** 2 == pytest.approx(limit, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_field("tanh", -1.0, 0.0), "`weight_variance` must be positive"),
        (lambda: mean_field("tanh", 1.0, -0.1), "`bias_variance` must be at least 0"),
        (lambda: mean_field("tahn", 1.0, 0.1), "Nearest: 'tanh'"),
        (lambda: mean_field("tanh", 1.0, 0.1, start=0.0), "`start` must be positive"),
        (
            lambda: mean_field("tanh", 1.0, 0.1).layers(-1),
            "`depth` must be a whole number of at least 0",
        ),
        (lambda: mean_field("tanh", 1.0, 0.1).layers(1, variance=0.0), "`variance` must"),
        (lambda: mean_field("tanh", 1.0, 0.1).layers(1, correlation=2.0), "`correlation`"),
    ],
)
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call()
