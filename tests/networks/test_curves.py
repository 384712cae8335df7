"""Curves through networks: exact curves, the mean field, and networks with kinks."""

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.networks.curves import Curve, great_circle, segment, through_layers


def wide(
    activation: type[nn.Module], width: int, depth: int, variance: float, seed: int
) -> nn.Sequential:
    """Weights N(0, variance / fan-in), no bias, on 4 inputs."""
    generator = torch.Generator().manual_seed(seed)
    layers, inputs = [], 4
    for _ in range(depth):
        linear = nn.Linear(inputs, width, bias=False)
        with torch.no_grad():
            linear.weight.normal_(0, math.sqrt(variance / inputs), generator=generator)
        layers += [linear, activation()]
        inputs = width
    return nn.Sequential(*layers)


CIRCLE = great_circle([2.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])  # |x|^2 = n_features


def test_an_ellipse_has_its_exact_length_and_turning() -> None:
    """A linear map makes an ellipse with half-axes 3 and 1, over sqrt(2): its length is
    13.3649 (complete elliptic integral), it turns by 2 pi, and its mean squared curvature
    over the parameter is that of a b / (a^2 sin^2 + b^2 cos^2)^(3/2).
    """
    net = nn.Sequential(nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    found = through_layers(net, great_circle([1.0, 0.0], [0.0, 1.0]), initial=False)
    assert found.length[0] * math.sqrt(2) == pytest.approx(13.3649, abs=1e-4)
    assert found.turning[0] == pytest.approx(2 * math.pi)
    t = np.linspace(0, 2 * np.pi, 100_001)[:-1]
    kappa = 3 / (9 * np.sin(t) ** 2 + np.cos(t) ** 2) ** 1.5
    expected = math.sqrt(2) * np.sqrt((kappa**2).mean())
    assert found.curvature[0] == pytest.approx(expected, rel=1e-9)
    assert found.kappa_of_step[0, 0] == pytest.approx(expected, rel=1e-2)


@pytest.mark.slow
def test_a_circle_follows_the_mean_field() -> None:
    """tanh, width 1,000, 8 layers, weight variance 1.5^2: within 5 %."""
    layers = ms.theory.mean_field("tanh", 2.25, 0.0).layers(7, variance=2.25)
    found = [
        through_layers(
            wide(nn.Tanh, 1000, 8, 2.25, seed),
            CIRCLE,
            n=128,
            initial=False,
            expected=layers,
            sites=[str(2 * i) for i in range(8)],
        )
        for seed in range(3)
    ]
    length = np.mean([one.length for one in found], axis=0)
    curvature = np.mean([one.curvature for one in found], axis=0)
    np.testing.assert_allclose(length, layers.length, rtol=0.05)
    np.testing.assert_allclose(curvature, layers.curvature, rtol=0.05)
    np.testing.assert_array_equal(found[0].expected_length, layers.length)


def test_a_segment_stays_straight_through_linear_layers() -> None:
    net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4))
    found = through_layers(net, segment([0.0, 0.0, 1.0], [1.0, 2.0, 0.0]), initial=False)
    assert np.abs(found.curvature).max() < 1e-6
    assert not found.caveats


def test_networks_with_kinks_have_a_curvature_of_scale() -> None:
    """kappa grows like step^(-1/2), and derivatives do not see it."""
    found = through_layers(wide(nn.ReLU, 500, 2, 2.0, 0), CIRCLE, initial=False)
    assert np.isfinite(found.curvature[0]) and np.isnan(found.curvature[1:]).all()
    assert Caveat.KINKS in {note.caveat for note in found.caveats}
    slope = np.polyfit(np.log(found.steps), np.log(found.kappa_of_step[1]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)
    assert np.isfinite(found.length).all()


def test_the_network_is_left_as_it_was_and_beside_it_the_initial_one() -> None:
    net = nn.Sequential(nn.Linear(4, 20), nn.BatchNorm1d(20), nn.GELU(), nn.Linear(20, 3))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = through_layers(net.train(), CIRCLE, n=64, rng=3)
    again = through_layers(net, CIRCLE, n=64, rng=3)
    assert net.training and net[0].weight.dtype is torch.float32
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert found.sites == ("0", "1", "2", "3")
    assert found.initial is not None
    np.testing.assert_array_equal(found.initial.length, again.initial.length)
    assert not np.allclose(found.initial.length, found.length)
    assert set(found.rows()[0]) >= {"site", "turning", "turning_initial"}
    assert str(found).startswith("curve through 4 sites")


def test_convolutions_take_curves_of_images() -> None:
    draws = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 2))
    found = through_layers(net, great_circle(*draws), sites=["1", "3"], n=64)
    assert found.sites == ("1", "3") and found.features.tolist() == [48, 2]


def test_it_is_public_in_the_room_of_curvature() -> None:
    assert ms.curvature.through_layers is through_layers
    assert ms.curvature.great_circle is great_circle


def test_errors() -> None:
    net = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(ms.ManifoldScaleError, match="`curve` must be"):
        through_layers(net, [1.0, 2.0])
    with pytest.raises(ms.ManifoldScaleError, match="cannot take a point"):
        through_layers(net, great_circle([1.0, 0.0], [0.0, 1.0]))
    with pytest.raises(ms.ManifoldScaleError, match="one line"):
        great_circle([1.0, 0.0], [2.0, 0.0])
    with pytest.raises(ms.ManifoldScaleError, match="No site matches"):
        through_layers(net, CIRCLE, sites="conv*")
    with pytest.raises(ms.ManifoldScaleError, match="`n` must be"):
        through_layers(net, Curve(lambda s: s[:, None]), n=10)


def test_an_orthogonal_layer_keeps_length_and_turning_at_every_step() -> None:
    """A circle of radius 2 in 6 dimensions is one after it: the polygon of its chords has
    length 4 pi sinc over the root of the features, and turns by 2 pi.
    """
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    net = nn.Sequential(nn.Linear(6, 6, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(turn)
    circle = great_circle(2 * torch.eye(6)[0], torch.ones(6))
    found = through_layers(net, circle, n=256, initial=False)
    np.testing.assert_allclose(found.turning_of_step, 2 * math.pi, rtol=1e-6)
    half = found.steps / 2
    expected = 4 * math.pi * np.sin(half) / half / math.sqrt(6)
    np.testing.assert_allclose(found.length_of_step[0], expected, rtol=1e-6)


def test_polygons_of_a_smooth_network_tend_to_what_derivatives_give() -> None:
    net = wide(nn.Tanh, 60, 3, 2.25, 1)
    found = through_layers(net, CIRCLE, n=1024, initial=False)
    np.testing.assert_allclose(found.turning_of_step[:, 0], found.turning, rtol=5e-4)
    np.testing.assert_allclose(found.length_of_step[:, 0], found.length, rtol=5e-4)
    straight = through_layers(
        nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4)),
        segment([0.0, 0.0, 1.0], [1.0, 2.0, 0.0]),
        initial=False,
    )
    assert straight.turning_of_step.max() < 1e-6


def test_a_wide_relu_layer_turns_as_its_kernel_says() -> None:
    """Of a circle at radius sqrt(n), a layer of weight variance 2 makes points with the
    inner products of the arc-cosine kernel (Cho and Saul 2009); those of chords follow.
    """
    net = wide(nn.ReLU, 40_000, 1, 2.0, 0)
    found = through_layers(net, CIRCLE, n=64, sites="1", initial=False)

    def kernel(angle: np.ndarray) -> np.ndarray:
        return (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi

    step = found.steps
    chord2 = 2 * (kernel(0 * step) - kernel(step))
    along = 2 * kernel(step) - kernel(0 * step) - kernel(np.minimum(2 * step, np.pi))
    expected = 2 * np.pi / step * np.arccos(along / chord2)
    np.testing.assert_allclose(found.turning_of_step[0], expected, rtol=0.02)


def test_nothing_of_a_network_with_kinks_is_blank() -> None:
    """One kink: a path through the corner of ReLU(x), ReLU(-x) turns by a right angle, at
    every step.
    """
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    found = through_layers(net, segment([-1.0], [1.0]), sites="1", n=100, initial=False)
    assert found.turning_of_step[0, 0] == pytest.approx(math.pi / 2 * 100 / 98)
    relu = through_layers(wide(nn.ReLU, 300, 2, 2.0, 0), CIRCLE, n=64)
    frame = relu.to_frame()
    assert len(frame) == 4 * 5 and list(frame["site"].unique()) == ["0", "1", "2", "3"]
    assert np.isfinite(frame[["length_of_step", "turning_of_step", "kappa_of_step"]]).all(
        axis=None
    )
    for quantity in ("turning", "length", "kappa"):
        for against in (None, "site", "step"):
            ax = relu.plot(Figure().add_subplot(), quantity, against)
            drawn = np.concatenate([line.get_ydata() for line in ax.lines])
            assert len(drawn) and np.isfinite(drawn).all(), (quantity, against)
    with pytest.raises(ms.ManifoldScaleError, match="`quantity` must be one of"):
        relu.plot(Figure().add_subplot(), "speed")
    assert "at step" in relu.headline() and "nan" not in relu.headline()
