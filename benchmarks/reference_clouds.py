"""Make the reference clouds that calibrate `dimension.Auto`.

    python benchmarks/reference_clouds.py --workers 2                 # 40 minutes
    python benchmarks/reference_clouds.py --check                     # the table on itself

Every cloud has a random dimension, number of points, density and shape, and its signature
is stored beside its dimension in manifoldscale/dimension/reference_clouds.npz. The
ingredients are general: edges, falling and singular densities, stretched axes, curved
graphs, folds, rolled sheets. Readings, weights and the number of neighbours were chosen by
the error on held-out reference clouds. The manifolds of `benchmarks/accuracy.py` were
looked at once in between: a first version without rolled sheets failed on their spirals,
whose kind was then added, with more densities. Images under networks came last:
without them intervals held the dimension of random ReLU layers in 30 to 90 % of the draws.

Each cloud depends on its own number alone, so that a longer run extends a shorter one.
"""

import concurrent.futures
import os
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread a worker

import manifoldscale as ms
from manifoldscale.core.random import keyed
from manifoldscale.dimension.references import FILE, References
from manifoldscale.dimension.signature import N_NEIGHBORS, READINGS, signature

Array = np.ndarray
Random = np.random.Generator

DIMS = (1, 150)
SIZES = (200, 32_000)
ANCHORS = 2500
CHUNK = 100
RECTIFIED = 4100  # from this number on the clouds are images under ReLU networks,
SATURATED = 4600  # and from this one on under tanh networks of any gain
WIDEST = 600
WHOLE = 10  # every tenth cloud is a product of whole circles, the extreme of folding


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


# Shapes: smooth maps that keep the dimension.


def stretched(x: Array, rng: Random) -> Array:
    """Axes of different lengths."""
    return x * np.exp(rng.uniform(0, 0.7) * rng.standard_normal(x.shape[1]))


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


def whole_circles(n: int, d: int, rng: Random) -> Array:
    """Uniform on a product of circles, of one radius or of several; a part of the
    coordinates may be flat.
    """
    angles = rng.uniform(-np.pi, np.pi, (n, d))
    radii = np.exp(rng.uniform(0, 0.7) * rng.standard_normal(d) * rng.integers(0, 2))
    flat = rng.random(d) < rng.uniform(0, 0.6) * rng.integers(0, 2)
    wound = np.hstack([np.cos(angles[:, ~flat]), np.sin(angles[:, ~flat])])
    return np.hstack([wound * np.tile(radii[~flat], 2), radii[flat] * angles[:, flat]])


def waves(x: Array, rng: Random) -> Array:
    """Random Fourier features: a kernel's feature space."""
    m = x.shape[1]
    count = int(m * rng.uniform(2, 6)) + 1
    phases = x @ rng.standard_normal((m, count)) / np.sqrt(m) / x.std()
    phases *= log_uniform(rng, 0.3, 2)
    return np.hstack([np.cos(phases), np.sin(phases)])


def network(x: Array, rng: Random) -> Array:
    """A random tanh network, at least twice as wide as its input."""
    y = x / x.std()
    width = int(x.shape[1] * rng.uniform(2, 5)) + 2
    for _ in range(rng.integers(1, 4)):
        fan_in = y.shape[1]
        weights = rng.standard_normal((fan_in, width)) / np.sqrt(fan_in)
        y = np.tanh(rng.uniform(0.5, 1.5) * y @ weights)
    return y


def rectified(x: Array, rng: Random) -> Array:
    """A ReLU network of one to four layers: flat pieces, each stretched otherwise."""
    return layers(x, rng, lambda y: np.maximum(y, 0))


def saturated(x: Array, rng: Random) -> Array:
    """A tanh network of one to four layers, many of its units near their ends."""
    gain = log_uniform(rng, 0.7, 4)
    return layers(x, rng, lambda y: np.tanh(gain * y))


def layers(x: Array, rng: Random, activation: Callable[[Array], Array]) -> Array:
    y = (x - x.mean(axis=0)) / x.std()
    width = min(int(x.shape[1] * log_uniform(rng, 2.5, 40)) + 8, WIDEST)
    scale = rng.uniform(0, 0.5)
    for _ in range(rng.integers(1, 5)):
        fan_in = y.shape[1]
        weights = rng.standard_normal((fan_in, width)) * np.sqrt(2 / fan_in)
        y = activation(y @ weights + scale * rng.standard_normal(width))
    return y


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


SHAPES: dict[str, Callable[[Array, Random], Array]] = {
    "flat": lambda x, rng: x,
    "stretched": stretched,
    "warped": warped,
    "graph": graph,
    "circles": circles,
    "waves": waves,
    "network": network,
    "swirled": swirled,
    "rolled": rolled,
}
CHANCES = {"flat": 3, "stretched": 2, "rolled": 1.5}  # the others 1; relative


def cloud(number: int) -> tuple[Array, int, str, str]:
    """The points of a reference cloud, its dimension, density and shape."""
    rng = keyed(0, "reference cloud", number)
    dim, n = (round(log_uniform(rng, *ends)) for ends in (DIMS, SIZES))
    if number >= RECTIFIED:
        density = str(rng.choice([name for name in DENSITIES if name != "cube surface"]))
        network = saturated if number >= SATURATED else rectified
        return network(DENSITIES[density](n, dim, rng), rng), dim, density, network.__name__
    if number % WHOLE == 0:
        return whole_circles(n, dim, rng), dim, "uniform", "whole circles"
    density = str(rng.choice([*DENSITIES]))
    if dim == 1 and density == "cube surface":
        density = "cube"
    chances = np.array([CHANCES.get(shape, 1.0) for shape in SHAPES])
    shape = str(rng.choice([*SHAPES], p=chances / chances.sum()))
    points = DENSITIES[density](n, dim, rng)
    if rng.random() < 0.25:
        points = stretched(points, rng)
    return SHAPES[shape](points, rng), dim, density, shape


def read(number: int) -> dict[str, object] | None:
    """The signature of a reference cloud beside its truth."""
    points, dim, density, shape = cloud(number)
    near = ms.Cloud(points).neighbors(N_NEIGHBORS, anchors=ANCHORS, rng=number)
    if near.n_duplicates:  # a float could not hold the map
        return None
    found = signature(near)
    return {
        "readings": found.values,
        "dims": dim,
        "sizes": near.n_points,
        "densities": density,
        "shapes": shape,
    }


def save(rows: list[dict[str, object]]) -> None:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    columns["readings"] = columns["readings"].astype(np.float32)
    partial = Path(FILE).with_suffix(".partial.npz")
    np.savez_compressed(partial, **columns)
    partial.replace(FILE)


def check(stride: int) -> None:
    """Predict every `stride`-th reference cloud from the others: error and coverage."""
    with np.load(FILE, allow_pickle=False) as stored:
        table = {name: stored[name] for name in stored}
    references = References.of(
        READINGS, table["readings"].astype(float), table["sizes"], table["dims"]
    )
    chosen = np.arange(0, len(table["dims"]), stride)
    rows = []
    for i in chosen:
        match = references.match(
            table["readings"][i].astype(float), int(table["sizes"][i]), i
        )
        truth = np.log(table["dims"][i]) - match.log_dim
        low, high = match.quantiles(0.025, 0.975)
        raw = abs(np.exp(table["readings"][i, 0]) / table["dims"][i] - 1)
        rows.append((abs(np.expm1(-truth)), raw, low <= truth <= high, match.is_like))
    error, raw, held, like = np.array(rows, dtype=float).T
    dims, shapes = table["dims"][chosen], table["shapes"][chosen]
    groups = {
        "all, d <= 70": dims <= 70,
        "d <= 6": dims <= 6,
        "7 to 30": (dims > 6) & (dims <= 30),
        "31 to 70": (dims > 30) & (dims <= 70),
        **{
            shape: (shapes == shape) & (dims <= 70)
            for shape in (*SHAPES, "whole circles", "rectified", "saturated")
        },
    }
    print(f"{'':14s}     n   error   TwoNN   covered   like a reference")
    for name, own in groups.items():
        print(
            f"{name:14s} {own.sum():5d} {error[own].mean():7.1%} {raw[own].mean():7.1%}"
            f" {held[own].mean():9.1%} {like[own].mean():8.1%}"
        )


@click.command()
@click.option("--count", default=4800, help="Clouds to make.")
@click.option("--workers", default=2, help="Processes of one thread each.")
@click.option("--check", "only_check", is_flag=True, help="Check the table instead.")
def main(count: int, workers: int, only_check: bool) -> None:
    """Make the reference clouds."""
    if only_check:
        check(stride=3)
        return
    rows: list[dict[str, object]] = []
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        for start in range(0, count, CHUNK):
            found = pool.map(read, range(start, min(start + CHUNK, count)))
            rows += [row for row in found if row is not None]
            save(rows)
            print(f"{start + CHUNK:,} of {count:,}", flush=True)


if __name__ == "__main__":
    main()
