"""The law of noise, and how often noise is called a hole."""

from collections.abc import Callable

import numpy as np
import pytest
from ripser import ripser

import manifoldscale as ms
from manifoldscale.topology.landmarks import farthest_points
from manifoldscale.topology.null_model import (
    COMPONENTS,
    EULER_GAMMA,
    NOISE_MEAN,
    Noise,
    detectable,
    gap_p_values,
    noise_of,
    universal_p_values,
)
from manifoldscale.topology.rips import _components, _tests, falling

LEVEL = 0.05


def cube(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.random((n, dim))


def gaussian(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, dim))


def ball(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return ms.manifolds.Ball(dim).sample(n, rng=rng).points


def sphere(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return ms.manifolds.Sphere(dim).sample(n, rng=rng).points


def test_the_mean_of_a_log_exponential_is_minus_gamma() -> None:
    """What turns log log pi into a mean: E log x = -gamma for exponential x of mean 1."""
    drawn = np.random.default_rng(0).exponential(size=400_000)
    assert np.log(drawn).mean() == pytest.approx(-EULER_GAMMA, abs=4 * 1.29 / 632)


def test_universal_p_values_are_uniform_on_their_law() -> None:
    p = universal_p_values(np.random.default_rng(1).exponential(0.13, size=20_000))
    for level in (0.01, 0.05, 0.5):
        assert (p < level).mean() == pytest.approx(level, abs=4 * (level / 20_000) ** 0.5)


def test_gap_p_values_keep_their_level_on_exponential_noise() -> None:
    noise, rng = Noise(1.0, 1.0, 0), np.random.default_rng(2)
    least = [
        gap_p_values(-np.sort(-rng.exponential(3.0, 60)), noise).min() for _ in range(4000)
    ]
    assert np.mean(np.array(least) <= LEVEL) <= LEVEL + 3 * (LEVEL / 4000) ** 0.5


@pytest.mark.parametrize("holes", [0, 1, 3])
def test_holes_are_counted(holes: int) -> None:
    rng = np.random.default_rng(3)
    sizes = np.append(rng.uniform(20, 22, holes), rng.exponential(1.0, 50))
    p = gap_p_values(-np.sort(-sizes), Noise(1.0, 1.0, 8))
    assert (p <= LEVEL).sum() == holes
    assert (np.diff(p) >= 0).all()


@pytest.mark.parametrize("law", [noise_of(1, 1.0), noise_of(2, 10.0), COMPONENTS])
def test_detectable_is_where_a_bar_becomes_a_hole(law: Noise) -> None:
    sizes = -np.sort(-np.random.default_rng(4).exponential(0.1, 40))
    edge = law.sizes(np.array(detectable(sizes, law, LEVEL)))
    for factor, found in ((0.999, 0), (1.001, 1)):
        p = gap_p_values(np.append(factor * edge, sizes), law)
        assert (p <= LEVEL).sum() == found


def test_no_bars_and_one_bar() -> None:
    assert len(gap_p_values(np.empty(0), noise_of(1, 1.0))) == 0
    assert len(universal_p_values(np.empty(0))) == 0
    assert gap_p_values(np.array([3.0]), noise_of(1, 1.0))[0] < 0.001
    assert gap_p_values(np.array([0.3]), noise_of(1, 1.0))[0] > LEVEL
    assert gap_p_values(np.array([3.0]), COMPONENTS)[0] == 1.0  # nothing to compare with


Shape = Callable[[int, int, np.random.Generator], np.ndarray]


def false_holes(
    shape: Shape,
    dim: int,
    degree: int,
    landmarks: int,
    ratio: float,
    draws: int,
    of: str = "count",
) -> tuple[np.ndarray, float, float]:
    """Diagrams in which a bar of degree 0 ... `degree` is called a hole, as a share; the
    share of universal p-values below 5 %; and the mean of log pi.
    """
    found, universal, logs = np.zeros(degree + 1), [], []
    for seed in range(draws):
        points = shape(int(ratio * landmarks), dim, np.random.default_rng(seed))
        chosen = points[farthest_points(points, landmarks).rows]
        bars = ripser(chosen, maxdim=degree)["dgms"]
        parts = [falling(one, np.inf) for one in bars[1:]]
        tests = _tests([_components(points, 0), *parts], ratio, np.inf, of)
        found += [(p <= LEVEL).sum() > (k == 0) for k, (p, _) in enumerate(tests)]
        universal.extend(tests[degree][1] < LEVEL)
        logs.extend(np.log(parts[-1][:, 1] / parts[-1][:, 0]))
    return found / draws, float(np.mean(universal)), float(np.mean(logs))


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0, 10.0])
@pytest.mark.parametrize("dim", [2, 3, 5, 10])
@pytest.mark.parametrize("shape", [ball, cube, gaussian])
def test_noise_has_no_loops(shape: Shape, dim: int, ratio: float) -> None:
    """False positives of at most 5 % a diagram, at three standard errors of 200 draws."""
    share, universal, mean = false_holes(shape, dim, 1, 100, ratio, 200)
    assert (share <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 200) ** 0.5).all(), share
    assert universal <= LEVEL
    assert mean <= 1.05 * NOISE_MEAN[1]


def swiss_roll(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """A rolled sheet of `dim` dimensions; its sheets touch before the hole is filled."""
    turn = 1.5 * np.pi * (1 + 2 * rng.random(n))
    flat = 21 * rng.random((n, dim - 1))
    return np.column_stack([turn * np.cos(turn), turn * np.sin(turn), flat])


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 1.7, 4.0, 12.0])
@pytest.mark.parametrize("dim, landmarks, draws", [(2, 100, 200), (3, 200, 60)])
def test_no_loop_of_a_swiss_roll_is_sure(
    dim: int, landmarks: int, draws: int, ratio: float
) -> None:
    share, _, _ = false_holes(swiss_roll, dim, 1, landmarks, ratio, draws, "least")
    assert share[1] <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / draws) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 4.0, 10.0])
@pytest.mark.parametrize("shape, dim", [(ball, 3), (gaussian, 3), (cube, 6), (sphere, 5)])
def test_noise_has_no_voids(shape: Shape, dim: int, ratio: float) -> None:
    share, _, mean = false_holes(shape, dim, 2, 60, ratio, 100)
    assert (share <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 100) ** 0.5).all(), share
    assert mean <= 1.05 * NOISE_MEAN[2]


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 4.0, 13.0])
def test_a_sphere_has_no_loops_on_more_landmarks(ratio: float) -> None:
    share, _, _ = false_holes(sphere, 2, 1, 300, ratio, 100)
    assert (share <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 100) ** 0.5).all(), share


def laplacian(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.laplace(size=(n, dim))


@pytest.mark.slow
@pytest.mark.parametrize("dim", [1, 2, 3, 10, 30])
@pytest.mark.parametrize("shape", [cube, gaussian, laplacian, sphere])
def test_connected_clouds_have_one_component(shape: Shape, dim: int) -> None:
    called = 0
    for seed in range(200):
        points = shape(300, dim, np.random.default_rng(seed))
        (p, _), *_ = _tests([_components(points, 0)], 1.0, np.inf)
        called += (p <= LEVEL).sum() > 1
    assert called / 200 <= LEVEL + 3 * (LEVEL * (1 - LEVEL) / 200) ** 0.5
