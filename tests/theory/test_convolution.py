"""Convolutional kernels against finite networks, dense kernels and plain recursion."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

import manifoldscale as ms
from manifoldscale.theory import NNGP, NTK, ConvNNGP, ConvNTK, convolution
from manifoldscale.theory.activations import as_activation

KERNELS = [ConvNNGP, ConvNTK]
CASES = list(itertools.product(["circular", "zero"], ["flatten", "pool"], [1, 2]))


def images(n: int, channels: int, *shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, channels, *shape, generator=generator, dtype=torch.float64)


def network(x, weights, setting) -> tuple[torch.Tensor, torch.Tensor]:
    """The output and the last hidden activations of a finite convolutional network."""
    w, b = setting["weight_variance"], setting["bias_variance"]
    phi = as_activation(setting["activation"])
    convolve = functional.conv1d if x.ndim == 3 else functional.conv2d
    for weight, bias in weights[:-1]:
        if setting["padding"] == "circular":
            x = functional.pad(x, (1, 1) * (x.ndim - 2), mode="circular")
        scale = math.sqrt(w / weight[0].numel())
        x = convolve(
            x,
            scale * weight,
            math.sqrt(b) * bias,
            padding=0 if setting["padding"] == "circular" else 1,
        )
        x = phi(x)
    hidden = x.flatten(2).mean(2) if setting["readout"] == "pool" else x.flatten(1)
    weight, bias = weights[-1]
    scale = math.sqrt(w / weight.numel())
    return scale * (hidden @ weight) + math.sqrt(b) * bias, hidden


def drawn(shape: tuple[int, ...], channels: int, depth: int, readout: str, seed: int):
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64, "requires_grad": True}
    before, *space = shape
    weights = []
    for _ in range(depth):
        weights.append(
            (
                torch.randn(channels, before, *[3] * len(space), **options),
                torch.randn(channels, **options),
            )
        )
        before = channels
    size = channels if readout == "pool" else channels * math.prod(space)
    return [*weights, (torch.randn(size, **options), torch.randn(1, **options))]


@pytest.mark.parametrize(("padding", "readout", "dims"), CASES)
def test_finite_networks_have_these_kernels_on_average(padding, readout, dims) -> None:
    """The mean over 100 networks of 64 channels, within 4 standard errors and 1 / 64."""
    setting = {
        "depth": 2,
        "padding": padding,
        "readout": readout,
        "activation": "relu",
        "weight_variance": 1.8,
        "bias_variance": 0.1,
    }
    x = images(3, 2, *[4] * dims)
    found = []
    for seed in range(100):
        weights = drawn(x.shape[1:], 64, 2, readout, seed)
        outputs, hidden = network(x, weights, setting)
        nngp = 0.1 + 1.8 * hidden @ hidden.T / hidden.shape[1]
        flat = [tensor for layer in weights for tensor in layer]
        rows = [torch.autograd.grad(y, flat, retain_graph=True) for y in outputs]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
        found.append([nngp.detach().numpy(), (jacobian @ jacobian.T).numpy()])
    mean = np.mean(found, axis=0)
    stderr = np.std(found, axis=0) / math.sqrt(len(found))
    for i, kernel in enumerate(KERNELS):
        matrix = kernel(**setting)(x).numpy()
        finite = matrix.diagonal().mean() / 64
        assert np.all(np.abs(mean[i] - matrix) < 4 * stderr[i] + finite)


@pytest.mark.parametrize("dense", [(NNGP, ConvNNGP), (NTK, ConvNTK)])
@pytest.mark.parametrize("readout", ["flatten", "pool"])
@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "tanh"])
def test_an_image_of_one_place_is_a_vector(dense, readout, activation) -> None:
    x = images(12, 5, 1)
    x = torch.cat([x, x[:2] + 1e-9])
    setting = {
        "activation": activation,
        "weight_variance": 1.7,
        "bias_variance": 0.2,
        "depth": 2,
    }
    plain, convolutional = dense
    found = convolutional(filter_size=1, readout=readout, **setting)(x)
    torch.testing.assert_close(found, plain(**setting)(x[:, :, 0]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_black_borders_and_small_images_are_linear(kernel, readout) -> None:
    """tanh(x) tends to x, and a layer that sees no ink has variance zero."""
    x = torch.zeros(3, 1, 6, 6, dtype=torch.float64)
    x[:, :, 2:4, 2:4] = images(3, 1, 2, 2)
    setting = {"depth": 2, "readout": readout, "weight_variance": 1.7}
    for batch in (x, torch.roll(x[:1], (2, 2), (2, 3))):
        small = kernel(activation="tanh", **setting)(1e-5 * x, 1e-5 * batch) / 1e-10
        linear = kernel(activation="linear", **setting)(x, batch)
        torch.testing.assert_close(small, linear, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_flattening_is_the_part_of_equal_places(kernel) -> None:
    """With circular padding and a filter of 1 the places do not meet: a mean of kernels."""
    x = images(6, 3, 5)
    plain = NNGP if kernel is ConvNNGP else NTK
    found = kernel(filter_size=1, padding="circular", bias_variance=0.1)(x)
    each = torch.stack([plain(bias_variance=0.1)(x[:, :, p]) for p in range(5)])
    torch.testing.assert_close(found, each.mean(0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("padding", "readout", "dims"), CASES)
def test_symmetric_positive_and_with_the_diagonal(kernel, padding, readout, dims) -> None:
    x = images(14, 1, *[5] * dims)
    x = torch.cat([x, x[:2], x[:2] + 1e-9])
    value = kernel(2, padding=padding, readout=readout)
    matrix = value(x)
    assert torch.equal(matrix, matrix.T)
    torch.testing.assert_close(matrix.diagonal(), value.diagonal(x), rtol=1e-14, atol=0)
    torch.testing.assert_close(matrix[:3], value(x[:3], x), rtol=1e-13, atol=1e-14)
    eigenvalues = torch.linalg.eigvalsh(matrix)
    assert float(eigenvalues[0]) > -1e-13 * float(eigenvalues[-1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_pooling_over_circular_images_forgets_where(kernel) -> None:
    x = images(4, 2, 6, 6)
    moved = x.roll((2, 1), (2, 3))
    value = kernel(2, padding="circular", readout="pool")
    torch.testing.assert_close(value(x, moved), value(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("readout", ["flatten", "pool"])
def test_block_size_changes_nothing(monkeypatch, readout: str) -> None:
    x = images(9, 1, 4, 4)
    before = ConvNTK(2, readout=readout)(x)
    monkeypatch.setattr(convolution, "CHUNK", 4 * 256)
    after = ConvNTK(2, readout=readout)(x)
    torch.testing.assert_close(after, before, rtol=1e-14, atol=0)


def test_digits() -> None:
    from sklearn.datasets import load_digits
    from sklearn.kernel_ridge import KernelRidge

    digits, labels = load_digits(return_X_y=True)
    x = digits[:400].reshape(-1, 1, 8, 8) / 16
    targets = np.eye(10)[labels[:400]] - 0.1
    gram = ConvNTK(2, readout="flatten")(x).numpy()
    fitted = KernelRidge(alpha=1e-4, kernel="precomputed").fit(
        gram[:300, :300], targets[:300]
    )
    predicted = fitted.predict(gram[300:, :300]).argmax(1)
    assert (predicted == labels[300:400]).mean() > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ConvNTK(filter_size=2), "`filter_size` must be a positive odd"),
        (lambda x: ConvNTK(padding="same"), "`padding` must be one of"),
        (lambda x: ConvNTK(readout="mean"), "`readout` must be one of"),
        (lambda x: ConvNTK(weight_variance=0.0), "`weight_variance` must be positive"),
        (lambda x: ConvNTK(filter_size=7)(x), "is larger than the images"),
        (lambda x: ConvNTK()(x[:, 0, 0]), "Grey images need a channel axis"),
        (lambda x: ConvNTK()(x, x[..., :3]), "images of one shape"),
        (lambda x: ConvNTK()(x * math.nan), "`x1` holds 32 NaN"),
    ],
)
def test_errors_name_what_was_found(call, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        call(images(2, 1, 4, 4))
