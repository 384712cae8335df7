"""Families of clouds of known dimension, from flat boxes to the layers of trained networks.

A family maps (number of points, dimension, random generator) to points; the dimensions that
it can have are its own. The first half is made of densities under smooth maps. The second
half are spaces and signals that appear in practice (rotations, images, tones, tuning
curves, clusters), and random or trained networks behind them. The input of a network is a
cloud of another family, its base: to leave a family out, leave out the clouds based on it
too.
"""

import dataclasses as dc
from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from scipy.spatial.distance import cdist
from torch import nn

import manifoldscale as ms

Array = np.ndarray
Random = np.random.Generator
WIDEST = 400  # units of a random layer
KEPT = 200  # features; wider maps are projected at random


def log_uniform(rng: Random, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


# Densities: n points in d coordinates (d + 1 where the manifold is a closed surface).


def cube_surface(n: int, d: int, rng: Random) -> Array:
    points = rng.uniform(-1, 1, (n, d + 1))
    points[np.arange(n), rng.integers(0, d + 1, n)] = rng.choice([-1.0, 1.0], n)
    return points


def student(n: int, d: int, rng: Random) -> Array:
    freedom = rng.uniform(3, 12)
    return rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(freedom, (n, 1)) / freedom)


def beta(n: int, d: int, rng: Random) -> Array:
    a, b = log_uniform(rng, 0.5, 8), log_uniform(rng, 0.5, 8)
    return rng.beta(a, b, (n, d)) * 2 - 1


def radial(n: int, d: int, rng: Random) -> Array:
    """A ball whose density is a power of the radius."""
    ball = ms.manifolds.Ball(d).sample(n, rng=rng).points
    radii = np.linalg.norm(ball, axis=1, keepdims=True)
    return ball * radii ** (log_uniform(rng, 0.4, 2.5) - 1)


def blobs(n: int, d: int, rng: Random) -> Array:
    """Overlapping normal clusters of different widths."""
    count = int(rng.integers(2, 8))
    which = rng.integers(0, count, n)
    centres = rng.standard_normal((count, d)) * log_uniform(rng, 0.3, 2)
    widths = np.exp(0.5 * rng.standard_normal(count))
    return centres[which] + widths[which, None] * rng.standard_normal((n, d))


DENSITIES: dict[str, Callable[[int, int, Random], Array]] = {
    "cube": lambda n, d, rng: rng.uniform(-1, 1, (n, d)),
    "ball": lambda n, d, rng: ms.manifolds.Ball(d).sample(n, rng=rng).points,
    "sphere": lambda n, d, rng: ms.manifolds.Sphere(d).sample(n, rng=rng).points,
    "cube surface": cube_surface,
    "normal": lambda n, d, rng: rng.standard_normal((n, d)),
    "student": student,
    "laplace": lambda n, d, rng: rng.laplace(size=(n, d)),
    "exponential": lambda n, d, rng: rng.exponential(size=(n, d)),
    "lognormal": lambda n, d, rng: np.exp(
        rng.uniform(0.3, 1) * rng.standard_normal((n, d))
    ),
    "beta": beta,
    "radial": radial,
    "blobs": blobs,
}


def density(n: int, d: int, rng: Random) -> Array:
    """Any of them, a quarter of them stretched."""
    names = [name for name in DENSITIES if d > 1 or name != "cube surface"]
    points = DENSITIES[str(rng.choice(names))](n, d, rng)
    return stretched(points, rng) if rng.random() < 0.25 else points


def box(n: int, d: int, rng: Random) -> Array:
    """Parameters in [-1, 1], denser in the middle or at the ends in some."""
    return rng.uniform(-1, 1, (n, d)) if rng.random() < 0.7 else beta(n, d, rng)


# Smooth maps of a density.


def stretched(x: Array, rng: Random) -> Array:
    """Axes of different lengths."""
    return x * np.exp(rng.uniform(0, 0.7) * rng.standard_normal(x.shape[1]))


def needles(x: Array, rng: Random) -> Array:
    """Axes whose lengths fall as a power of their number."""
    return x * np.arange(1, x.shape[1] + 1) ** -rng.uniform(0.2, 1.2)


def warped(x: Array, rng: Random) -> Array:
    """A power of each coordinate: the density changes along it."""
    return np.sign(x) * np.abs(x) ** rng.uniform(0.6, 1.8)


def graph(x: Array, rng: Random) -> Array:
    """The graph of random quadratic functions."""
    m = x.shape[1]
    forms = rng.standard_normal((int(rng.integers(1, min(m, 20) + 1)), m, m)) / m
    heights = np.stack([((x @ form) * x).sum(axis=1) for form in forms], axis=1)
    return np.hstack([x, rng.uniform(0.2, 2) / x.std() * heights])


def circles(x: Array, rng: Random) -> Array:
    """Every coordinate wound on an arc of a circle, up to whole circles."""
    spans = np.pi * rng.uniform(0.1, 1) * np.exp(0.3 * rng.standard_normal(x.shape[1]))
    angles = spans * x / np.abs(x).max()
    return np.hstack([np.cos(angles), np.sin(angles)])


def helices(x: Array, rng: Random) -> Array:
    """Every coordinate wound on a helix, of up to six turns."""
    y = x / np.abs(x).max()
    turns = np.pi * np.exp(rng.uniform(0, np.log(6), x.shape[1]))
    pitch = log_uniform(rng, 0.2, 3)
    return np.hstack([np.cos(turns * y), np.sin(turns * y), pitch * y])


def waves(x: Array, rng: Random) -> Array:
    """Random Fourier features: a kernel's feature space."""
    m = x.shape[1]
    count = int(m * rng.uniform(2, 6)) + 1
    phases = x @ rng.standard_normal((m, count)) / np.sqrt(m) / x.std()
    phases *= log_uniform(rng, 0.3, 2)
    return np.hstack([np.cos(phases), np.sin(phases)])


def swirled(x: Array, rng: Random) -> Array:
    """Every coordinate turned by an angle that another one gives."""
    y = x / np.abs(x).max()
    angles = np.pi * rng.uniform(0.3, 1) * y[:, rng.permutation(y.shape[1])]
    return np.hstack([y * np.cos(angles), y * np.sin(angles)])


def rolled(x: Array, rng: Random) -> Array:
    """The first axis rolled up: sheets that pass each other at the pitch of a spiral."""
    along = (x[:, 0] - x[:, 0].min()) / np.ptp(x[:, 0])
    turns, pitch = rng.uniform(0.7, 8), log_uniform(rng, 0.02, 1)
    radius = 1 + pitch * turns * along
    angle = 2 * np.pi * turns * along
    height = log_uniform(rng, 0.3, 5) / np.abs(x).max()
    spiral = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return np.hstack([spiral, height * x[:, 1:]])


def polynomial(x: Array, rng: Random) -> Array:
    """The coordinates beside random products of two and three linear forms."""
    y = standard(x)
    m, count = y.shape[1], int(rng.integers(y.shape[1] + 1, 2 * y.shape[1] + 20))
    forms = [y @ rng.standard_normal((m, count)) / np.sqrt(m) for _ in range(3)]
    second, third = rng.uniform(0.1, 1, 2)
    return np.hstack([y, second * forms[0] * forms[1], third * np.prod(forms, axis=0)])


def normalised(x: Array, rng: Random) -> Array:
    """A layer with a bias, then layer normalisation or unit length."""
    y = dense(standard(x), rng, width=int(rng.integers(2 * x.shape[1] + 8, WIDEST)))
    y = np.tanh(y) if rng.random() < 0.5 else y
    if rng.random() < 0.5:
        y = y - y.mean(axis=1, keepdims=True)
    return y / np.linalg.norm(y, axis=1, keepdims=True)


def softmax(x: Array, rng: Random) -> Array:
    """Mixtures of random vectors, with weights that are a softmax."""
    count = int(rng.integers(2 * x.shape[1] + 4, WIDEST))
    logits = log_uniform(rng, 0.5, 4) * dense(standard(x), rng, width=count)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights @ rng.standard_normal((count, max(count // 2, 2 * x.shape[1] + 2)))


def sparse(x: Array, rng: Random) -> Array:
    """Rectified units, most of them silent at a time."""
    width = int(min(20 * x.shape[1] + 60, WIDEST) * rng.uniform(0.7, 1))
    y = dense(standard(x), rng, width=width)
    return np.maximum(y - np.quantile(y, rng.uniform(0.5, 0.85)), 0)


# Networks of random weights.


def standard(x: Array) -> Array:
    return (x - x.mean(axis=0)) / x.std()


def dense(x: Array, rng: Random, width: int, gain: float = 1.0, bias: float = 0.5) -> Array:
    weights = rng.standard_normal((x.shape[1], width)) * gain / np.sqrt(x.shape[1])
    return x @ weights + bias * rng.standard_normal(width)


def width_of(x: Array, rng: Random, rank: int) -> int:
    return min(int(rank * log_uniform(rng, 2.5, 40)) + 8, WIDEST)


def network(x: Array, rng: Random, rank: int) -> Array:
    """A tanh network of one to three layers, at least twice as wide as its input."""
    y = x / x.std()
    width = max(int(rank * rng.uniform(2, 5)) + 2, 8)
    for _ in range(rng.integers(1, 4)):
        y = np.tanh(dense(y, rng, width, gain=rng.uniform(0.5, 1.5), bias=0))
    return y


def rectified(x: Array, rng: Random, rank: int) -> Array:
    """A ReLU network of one to four layers: flat pieces, each stretched differently."""
    return layers(x, rng, rank, int(rng.integers(1, 5)), lambda y: np.maximum(y, 0))


def deep_rectified(x: Array, rng: Random, rank: int) -> Array:
    """A ReLU network of four to ten layers, with or without biases."""
    return layers(x, rng, rank, int(rng.integers(4, 11)), lambda y: np.maximum(y, 0))


def saturated(x: Array, rng: Random, rank: int) -> Array:
    """A tanh network of one to four layers, many of its units near their ends."""
    gain = log_uniform(rng, 0.7, 4)
    return layers(x, rng, rank, int(rng.integers(1, 5)), lambda y: np.tanh(gain * y))


def layers(
    x: Array, rng: Random, rank: int, depth: int, activation: Callable[[Array], Array]
) -> Array:
    y, width = standard(x), width_of(x, rng, rank)
    bias = rng.uniform(0, 0.5)
    for _ in range(depth):
        y = activation(dense(y, rng, width, gain=np.sqrt(2), bias=bias))
    return y


def residual(x: Array, rng: Random, rank: int) -> Array:
    """Blocks that add to their input."""
    width = max(width_of(x, rng, rank), 16)
    y = dense(standard(x), rng, width)
    strength = rng.uniform(0.3, 1.2)
    for _ in range(rng.integers(2, 9)):
        z = y - y.mean(axis=1, keepdims=True)
        z /= z.std(axis=1, keepdims=True) + 1e-6
        z = np.maximum(dense(z, rng, width, gain=np.sqrt(2), bias=0.2), 0)
        y = y + strength * dense(z, rng, width, bias=0)
    return y


def recurrent(x: Array, rng: Random, rank: int) -> Array:
    """States of a tanh network that is shown the input over several steps."""
    width, steps = max(width_of(x, rng, rank), 16), int(rng.integers(3, 12))
    y, gain = standard(x), rng.uniform(0.7, 1.6)
    weights = gain * rng.standard_normal((width, width)) / np.sqrt(width)
    inputs = [dense(y, rng, width, bias=0.3) for _ in range(int(rng.integers(1, 4)))]
    state, states = np.zeros((len(y), width)), []
    for step in range(steps):
        shown = inputs[step] if step < len(inputs) else 0.0
        state = np.tanh(state @ weights + shown)
        states.append(state)
    if rng.random() < 0.5:
        return states[int(rng.integers(min(len(inputs), steps - 1), steps))]
    return projected(np.hstack(states), rng)


def attention(x: Array, rng: Random, rank: int) -> Array:
    """Tokens that are linear in the input, through layers of self-attention; all tokens,
    or one of them.
    """
    tokens, width = int(rng.integers(3, 9)), int(max(16, min(2 * rank, 64)))
    y = dense(standard(x), rng, tokens * width).reshape(len(x), tokens, width)
    sharpness = log_uniform(rng, 0.5, 3)
    for _ in range(rng.integers(1, 4)):
        z = y - y.mean(axis=2, keepdims=True)
        z /= z.std(axis=2, keepdims=True) + 1e-6
        q, k, v = (z @ rng.standard_normal((width, width)) / np.sqrt(width) for _ in "qkv")
        scores = sharpness * np.einsum("ntc,nsc->nts", q, k) / np.sqrt(width)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        y = y + (scores / scores.sum(axis=2, keepdims=True)) @ v
        z = np.maximum(y @ rng.standard_normal((width, width)) / np.sqrt(width), 0)
        y = y + z @ rng.standard_normal((width, width)) / np.sqrt(width)
    return y[:, -1] if rng.random() < 0.4 else projected(y.reshape(len(x), -1), rng)


def convolutional(x: Array, rng: Random, rank: int) -> Array:
    """One to four convolutions over a signal or a square image, pooled or not."""
    side = int(np.sqrt(x.shape[1]))
    flat = side**2 != x.shape[1]
    shape = (1, x.shape[1]) if flat else (side, side)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    y = torch.from_numpy(standard(x)).float().reshape(len(x), 1, *shape)
    kind = int(rng.integers(3))
    act = (torch.relu, torch.tanh, nn.functional.gelu)[kind]
    size = (1, int(rng.integers(3, 10))) if flat else (3, 3)
    channels = int(rng.integers(8, 33))
    stride = (1, 2) if flat else (2, 2)
    for layer in range(rng.integers(1, 5)):
        fan_in = y.shape[1] * size[0] * size[1]
        weights = torch.randn(channels, y.shape[1], *size, generator=generator)
        step = stride if rng.random() < 0.7 and y.shape[3] > 6 else 1
        y = nn.functional.conv2d(
            y,
            weights * np.sqrt(2 / fan_in),
            0.1 * torch.randn(channels, generator=generator),
            padding=(size[0] // 2, size[1] // 2),
            stride=step,
        )
        y = act(y)
        if layer == 0 and rng.random() < 0.3 and y.shape[3] > 6:
            y = nn.functional.max_pool2d(y, stride if flat else 2)
    return projected(y.reshape(len(x), -1).double().numpy(), rng)


def trained(x: Array, rng: Random, rank: int) -> Array:
    """A hidden layer of a network that was trained to tell classes apart."""
    y = torch.from_numpy(standard(x)).float()
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    classes, width = int(rng.integers(2, 21)), max(width_of(x, rng, rank), 24)
    teacher = torch.randn(y.shape[1], 64, generator=generator) / np.sqrt(y.shape[1])
    heads = torch.randn(64, classes, generator=generator)
    labels = (torch.tanh(2 * y @ teacher) @ heads).argmax(dim=1)
    torch.manual_seed(int(rng.integers(2**31)))
    act = nn.ReLU if rng.random() < 0.6 else nn.Tanh
    depth = int(rng.integers(1, 4))
    parts: list[nn.Module] = []
    for layer in range(depth):
        parts += [nn.Linear(width if layer else y.shape[1], width), act()]
    body, head = nn.Sequential(*parts), nn.Linear(width, classes)
    some = slice(0, 800)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(int(log_uniform(rng, 20, 200))):
        optimiser.zero_grad()
        nn.functional.cross_entropy(head(body(y[some])), labels[some]).backward()
        optimiser.step()
    with torch.no_grad():
        return body(y).double().numpy()


def projected(y: Array, rng: Random, features: int = KEPT) -> Array:
    """At random to fewer features, where there are more."""
    if y.shape[1] <= features:
        return y
    return y @ rng.standard_normal((y.shape[1], features)) / np.sqrt(features)


# Spaces and signals with coordinates of their own: (n, d, rng) to points.


def whole_circles(n: int, d: int, rng: Random) -> Array:
    """Uniform on a product of circles, of one radius or of several; a part of the
    coordinates may be flat.
    """
    angles = rng.uniform(-np.pi, np.pi, (n, d))
    radii = np.exp(rng.uniform(0, 0.7) * rng.standard_normal(d) * rng.integers(0, 2))
    flat = rng.random(d) < rng.uniform(0, 0.6) * rng.integers(0, 2)
    wound = np.hstack([np.cos(angles[:, ~flat]), np.sin(angles[:, ~flat])])
    return np.hstack([wound * np.tile(radii[~flat], 2), radii[flat] * angles[:, flat]])


def parts_of(d: int, rng: Random, least: int, most: int) -> list[int]:
    """Random whole numbers that sum to d, between `least` and `most` but for the last."""
    parts = []
    while d:
        part = min(d, int(rng.integers(least, most + 1)))
        parts.append(part)
        d -= part
    return parts


def spheres(n: int, d: int, rng: Random) -> Array:
    """A product of spheres of unequal dimensions and radii."""
    spread = rng.uniform(0, 1)
    return np.hstack(
        [
            np.exp(spread * rng.standard_normal())
            * ms.manifolds.Sphere(part).sample(n, rng=rng).points
            for part in parts_of(d, rng, 1, 5)
        ]
    )


def annuli(n: int, d: int, rng: Random) -> Array:
    """A product of annuli and shells: directions, times radii that are even in [a, 1]."""
    inner, spread = rng.uniform(0.2, 0.9), rng.uniform(0, 0.6)
    found = []
    for part in parts_of(d, rng, 2, 4):
        if part == 1:
            found.append(rng.uniform(-1, 1, (n, 1)))
            continue
        directions = ms.manifolds.Sphere(part - 1).sample(n, rng=rng).points
        radii = rng.uniform(inner, 1, (n, 1))
        found.append(np.exp(spread * rng.standard_normal()) * radii * directions)
    return np.hstack(found)


def orthonormal(n: int, rows: int, columns: int, rng: Random) -> Array:
    """Random frames (n x rows x columns), uniform."""
    q, r = np.linalg.qr(rng.standard_normal((n, rows, columns)))
    return q * np.sign(np.einsum("nii->ni", r))[:, None, :]


def rotations(n: int, d: int, rng: Random) -> tuple[Array, int]:
    """Rotations and frames of fewer vectors (Stiefel manifolds), or two of them."""
    found, dim = [], 0
    while not found or (rng.random() < 0.4 and dim < d):
        rows = int(rng.integers(3, max(4, min(9, int(np.sqrt(2 * d)) + 3))))
        columns = int(rng.integers(1, rows))
        frames = orthonormal(n, rows, columns, rng).reshape(n, -1)
        found.append(np.exp(0.4 * rng.standard_normal()) * frames)
        dim += rows * columns - columns * (columns + 1) // 2
    return np.hstack(found), dim


def subspaces(n: int, d: int, rng: Random) -> tuple[Array, int]:
    """Projectors on random subspaces: Grassmann manifolds, projective spaces."""
    rows = int(rng.integers(2, max(3, min(11, d + 2))))
    columns = int(rng.integers(1, max(2, rows // 2 + 1)))
    frames = orthonormal(n, rows, columns, rng)
    projectors = np.einsum("nij,nkj->nik", frames, frames).reshape(n, -1)
    return projectors, columns * (rows - columns)


def random_fields(n: int, d: int, rng: Random) -> Array:
    """A Gaussian process of d coordinates, of Matern smoothness .3 to 5 with a cut-off."""
    x, smoothness = box(n, d, rng), log_uniform(rng, 0.3, 5)
    count, features = 300, int(rng.integers(2 * d + 8, max(KEPT, 3 * d)))
    length = log_uniform(rng, 0.5, 4) * np.sqrt(d)
    steps = rng.standard_normal((d, count)) / np.sqrt(rng.gamma(smoothness, 1, count))
    cut = log_uniform(rng, 3, 40)
    size = np.linalg.norm(steps, axis=0) / np.sqrt(d)
    steps *= np.minimum(1, cut / size) * np.sqrt(smoothness) / length
    basis = np.cos(x @ steps + rng.uniform(0, 2 * np.pi, count))
    return basis @ rng.standard_normal((count, features)) / np.sqrt(count)


def additive(n: int, d: int, rng: Random) -> Array:
    """A sum of smooth maps of one to three coordinates each."""
    x, features = box(n, d, rng), int(rng.integers(2 * d + 8, max(KEPT, 3 * d)))
    total, start = np.zeros((n, features)), 0
    for part in parts_of(d, rng, 1, 3):
        steps = log_uniform(rng, 0.5, 4) * rng.standard_normal((part, 30))
        basis = np.cos(x[:, start : start + part] @ steps + rng.uniform(0, 6.3, 30))
        total += np.exp(0.3 * rng.standard_normal()) * (
            basis @ rng.standard_normal((30, features))
        )
        start += part
    return total


def tones(n: int, d: int, rng: Random) -> Array:
    """Harmonic sounds: fundamental, phase, strengths and phases of partials."""
    x, time = box(n, d, rng), np.linspace(0, 1, 225)
    partials = max(2, d // 2 + 1)
    free = list(rng.permutation(2 * partials)[:d])
    cycles, octaves = log_uniform(rng, 2, 20), log_uniform(rng, 0.05, 0.5)
    fundamental = np.full(n, cycles)
    if 0 in free:
        fundamental = cycles * 2 ** (octaves * x[:, free.index(0)])
    wave = np.zeros((n, len(time)))
    for k in range(partials):
        strength, phase = np.full(n, 0.5 / np.sqrt(k + 1)), np.zeros(n)
        if k > 0 and k in free:
            strength = strength * (1 + 0.6 * x[:, free.index(k)])
        if k + partials in free:
            phase = np.pi * rng.uniform(0.2, 1) * x[:, free.index(k + partials)]
        turns = 2 * np.pi * (k + 1) * fundamental[:, None] * time
        wave += strength[:, None] * np.sin(turns + phase[:, None])
    return wave / wave.std(axis=1, keepdims=True) if rng.random() < 0.5 else wave


SIDE = 14


def grid() -> tuple[Array, Array]:
    return np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2, indexing="ij")


def rendered(n: int, d: int, rng: Random) -> Array:
    """Images of soft ellipses: places, sizes, angles and brightness are the coordinates."""
    x, (rows, columns) = box(n, d, rng), grid()
    each = int(rng.integers(2, 7))
    reach, image, start = rng.uniform(0.3, 0.8), np.zeros((n, SIDE, SIDE)), 0
    for part in parts_of(d, rng, each, each):
        own = np.zeros((n, 6))
        own[:, rng.permutation(6)[:part]] = x[:, start : start + part]
        start += part
        at = reach * own[:, :2] + 0.4 * rng.standard_normal(2)
        width = log_uniform(rng, 0.12, 0.5) * np.exp(0.4 * own[:, 2])
        ratio, angle = np.exp(0.3 + 0.5 * own[:, 3]), 1.2 * own[:, 4]
        u = rows[None] - at[:, 0, None, None]
        v = columns[None] - at[:, 1, None, None]
        cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
        square = (cos * u + sin * v) ** 2 * ratio[:, None, None]
        square += (cos * v - sin * u) ** 2 / ratio[:, None, None]
        bright = 1 + 0.6 * own[:, 5]
        image += bright[:, None, None] * np.exp(-square / (2 * width**2)[:, None, None])
    return image.reshape(n, -1)


def warped_images(n: int, d: int, rng: Random) -> Array:
    """One image, whose spectrum falls as a power, under shifts, turns, zooms, waves."""
    x, (rows, columns) = box(n, d, rng), grid()
    size = 48
    k = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size) * size] * 2))
    k[0, 0] = np.inf
    noise = np.fft.fft2(rng.standard_normal((size, size)))
    field = np.real(np.fft.ifft2(noise * k ** -rng.uniform(0.7, 2.5)))
    field /= field.std()
    moves: list[tuple[Array, Array]] = [
        (np.ones_like(rows), np.zeros_like(rows)),
        (np.zeros_like(rows), np.ones_like(rows)),
        (columns, -rows),
        (rows, columns),
        (columns, rows),
        (rows, -columns),
    ]
    for _ in range(d):
        a, b, phase = rng.uniform(1, 4), rng.uniform(1, 4), rng.uniform(0, 6.3)
        wave = np.sin(a * rows + b * columns + phase)
        angle = rng.uniform(0, 6.3)
        moves.append((np.cos(angle) * wave, np.sin(angle) * wave))
    chosen = rng.permutation(6)[:d] if d <= 6 else np.arange(d)
    strength = log_uniform(rng, 0.05, 0.5) / np.sqrt(max(1, d / 4))
    where = np.stack(
        [
            plain[None]
            + strength * np.einsum("nd,dij->nij", x, [moves[j][i] for j in chosen])
            for i, plain in enumerate((rows, columns))
        ]
    )
    image = map_coordinates(field, (where + 2) * size / 4, order=3, mode="grid-wrap")
    return image.reshape(n, -1)


def tuning(n: int, d: int, rng: Random) -> Array:
    """A population of neurons, each with a bump where it prefers the stimulus to be."""
    x, count = box(n, d, rng), int(rng.integers(max(40, 3 * d), WIDEST))
    centres = rng.uniform(-1.1, 1.1, (count, d))
    squared = cdist(x, centres, "sqeuclidean")
    width = log_uniform(rng, 0.25, 1.2) * np.sqrt(d)
    return np.exp(-squared / (2 * width**2)) * np.exp(0.3 * rng.standard_normal(count))


def topics(n: int, d: int, rng: Random) -> Array:
    """Clusters that lie apart, each a piece of d dimensions of its own, under a map."""
    count = int(log_uniform(rng, 3, 120))
    count = min(count, max(2, n // 10))
    width, features = (
        d + int(rng.integers(1, 30)),
        int(rng.integers(2 * d + 10, max(KEPT, 3 * d))),
    )
    centres = log_uniform(rng, 0.7, 6) * rng.standard_normal((count, width))
    which = rng.integers(0, count, n)
    x = rng.standard_normal((n, d)) if rng.random() < 0.6 else rng.uniform(-1, 1, (n, d))
    pieces = np.zeros((n, width))
    shared = rng.random() < 0.4
    frames = orthonormal(1 if shared else count, width, d, rng)
    for c in range(count):
        own = which == c
        pieces[own] = centres[c] + x[own] @ frames[0 if shared else c].T
    y = dense(standard(pieces), rng, features, bias=0.3)
    return y if rng.random() < 0.4 else np.tanh(log_uniform(rng, 0.3, 1.5) * y)


def clumps(n: int, d: int, rng: Random) -> Array:
    """Clusters of unequal sizes in one space of d dimensions, or on a graph over it."""
    count = min(int(log_uniform(rng, 2, 60)), max(2, n // 8))
    shares = rng.dirichlet(np.full(count, log_uniform(rng, 1, 10)))
    which = rng.choice(count, n, p=shares)
    centres = rng.standard_normal((count, d)) * log_uniform(rng, 2, 30)
    widths = np.exp(rng.uniform(0, 0.8) * rng.standard_normal(count))
    within = (
        rng.standard_normal((n, d)) if rng.random() < 0.5 else rng.uniform(-1, 1, (n, d))
    )
    points = centres[which] + widths[which, None] * within
    return points if rng.random() < 0.5 else graph(standard(points), rng)


def mixtures(n: int, d: int, rng: Random) -> Array:
    """Two to five manifolds of one dimension, of different kinds, apart or across."""
    count, found = int(rng.integers(2, 6)), []
    features = 3 * d + 6
    for share in rng.dirichlet(np.full(count, 3.0)):
        m = max(int(share * n), 2)
        shape = MAPS[str(rng.choice(["flat", "graph", "circles", "waves", "polynomial"]))]
        own = standard(shape(density(m, d, rng), rng))
        frame = rng.standard_normal((own.shape[1], features)) / np.sqrt(features)
        offset = log_uniform(rng, 0.2, 4) * rng.standard_normal(features)
        found.append(log_uniform(rng, 0.5, 2) * own @ frame + offset)
    return np.vstack(found)


MAPS: dict[str, Callable[[Array, Random], Array]] = {
    "flat": lambda x, rng: x,
    "stretched": stretched,
    "needles": needles,
    "warped": warped,
    "graph": graph,
    "circles": circles,
    "helices": helices,
    "waves": waves,
    "swirled": swirled,
    "rolled": rolled,
    "polynomial": polynomial,
    "normalised": normalised,
    "softmax": softmax,
    "sparse": sparse,
}
SPACES: dict[str, Callable[[int, int, Random], Array | tuple[Array, int]]] = {
    "whole circles": whole_circles,
    "spheres": spheres,
    "annuli": annuli,
    "rotations": rotations,
    "subspaces": subspaces,
    "random fields": random_fields,
    "additive": additive,
    "tones": tones,
    "rendered": rendered,
    "warped images": warped_images,
    "tuning": tuning,
    "topics": topics,
    "clumps": clumps,
    "mixtures": mixtures,
}
NETWORKS: dict[str, Callable[[Array, Random, int], Array]] = {
    "network": network,
    "rectified": rectified,
    "deep rectified": deep_rectified,
    "saturated": saturated,
    "residual": residual,
    "recurrent": recurrent,
    "attention": attention,
    "convolutional": convolutional,
    "trained": trained,
}
FAMILIES = (*MAPS, *SPACES, *NETWORKS, "noisy")
FLAT = ("flat", "stretched", "warped", "graph", "annuli")  # without folds
PICTURES = ("tones", "rendered", "warped images")
BASES = (*PICTURES, "random fields", "spheres", "rotations", "tuning", "waves", "graph")
HIGHEST: Mapping[str, int] = {  # dimensions; the others go up to 120
    "rotations": 40,
    "subspaces": 40,
    "tones": 12,
    "rendered": 24,
    "warped images": 12,
    "tuning": 12,
    "attention": 40,
    "convolutional": 12,
    "recurrent": 30,
    "deep rectified": 40,
    "trained": 40,
    "softmax": 40,
    "sparse": 20,
}
MOST = {
    "warped images": 8000,
    "rendered": 12_000,
    "convolutional": 8000,
    "attention": 12_000,
}


@dc.dataclass(frozen=True, eq=False)
class Sample:
    """A cloud of a family.

    Attributes
    ----------
    points : (n x features).
    dim : its dimension.
    family, base : what made it, and what that was fed with, "" for a density.
    """

    points: Array
    dim: int
    family: str
    base: str = ""


def sample(family: str, n: int, d: int, rng: Random) -> Sample:
    """A cloud of a family, of d dimensions or, where there are only some, near that."""
    if family in MAPS:
        return Sample(MAPS[family](density(n, d, rng), rng), d, family)
    if family in SPACES:
        made = SPACES[family](n, d, rng)
        points, dim = made if isinstance(made, tuple) else (made, d)
        return Sample(points, dim, family)
    base = ""
    if family == "convolutional":
        base = str(rng.choice(PICTURES))
    elif rng.random() < 0.45:
        base = str(rng.choice(BASES))
    dim = min(d, HIGHEST.get(base, d))
    fed = sample(base, n, dim, rng) if base else Sample(density(n, d, rng), d, "")
    if family == "noisy":
        return Sample(noisy(fed.points, rng), fed.dim, family, base)
    inputs = fed.points if family == "convolutional" else projected(fed.points, rng, 120)
    return Sample(NETWORKS[family](inputs, rng, fed.dim), fed.dim, family, base)


def noisy(points: Array, rng: Random) -> Array:
    """With noise in all features, a small part of the distance to the nearest point."""
    some = ms.Cloud(points).neighbors(2, anchors=200, rng=0).distances[:, 0]
    features = points.shape[1] + int(rng.integers(0, 20))
    moved = np.pad(points, [(0, 0), (0, features - points.shape[1])])
    size = log_uniform(rng, 0.01, 0.3) * np.median(some) / np.sqrt(features)
    return moved + size * rng.standard_normal(moved.shape)
