"""Exponents of time, parameters, examples and compute, each against its model."""

import functools

import numpy as np
import pytest
from scipy import special
from scipy.integrate import solve_ivp

import manifoldscale as ms
from manifoldscale.theory import (
    power_law_asymptote,
    power_law_spectrum as exact_spectrum,
    solvable_exponents,
)
from manifoldscale.theory.modes import solve_kappa

power_law_spectrum = functools.partial(exact_spectrum, n=50)

NETWORKS = [(1.5, 2.0), (2.2, 2.0), (1.75, 1.5)]  # a, b
CASES = [(0.5, 1.5), (0.5, 2.0), (1.0, 1.5), (0.3, 3.0), (0.5, 3.5)]  # alpha_K, a


def floor_of(alpha_K: float, a: float, features: float) -> float:
    """The loss of N features after infinite time."""
    modes = power_law_spectrum(alpha_K)
    kappa = windowed_kappa(alpha_K, features, 0.0)
    left = kappa / (modes.eigenvalues + kappa)
    return float(np.sum(modes.degeneracies * modes.ranks**-a * left))


def slope(x: np.ndarray, y: np.ndarray) -> float:
    return -float(np.polyfit(np.log(x), np.log(y), 1)[0])


def test_the_deterministic_loss_is_the_mean_of_random_features() -> None:
    rng, ranks, features = np.random.default_rng(0), np.arange(1.0, 1501), 150
    values, power = ranks**-1.5, ranks**-2.0
    z = np.array([0.1, 0.01, 0.001])
    drawn = []
    for _ in range(12):
        mixed = rng.standard_normal((features, 1500)) * np.sqrt(values / features)
        target = np.sqrt(power) * rng.choice([-1.0, 1.0], 1500)
        seen = mixed @ target
        inner = [np.linalg.solve(mixed @ mixed.T + one * np.eye(150), seen) for one in z]
        drawn.append([(power.sum() - seen @ part) for part in inner])
    found = []
    for one in z:
        kappa = solve_kappa(
            np.append(values, 0.0), np.append(values, features * one), np.array([150.0])
        )[0]
        found.append(np.sum(power * kappa / (values + kappa)))
    np.testing.assert_allclose(np.mean(drawn, 0), found, rtol=0.05)


@pytest.mark.parametrize(("alpha_K", "a"), CASES)
def test_time_and_parameters(alpha_K: float, a: float) -> None:
    expected = solvable_exponents(alpha_K, a)
    modes = power_law_spectrum(alpha_K)
    t = np.geomspace(1e4, 1e6, 9)
    decay = np.exp(-2 * np.outer(t, modes.eigenvalues))
    loss = decay @ (modes.degeneracies * modes.ranks**-a)
    assert slope(t, loss) == pytest.approx(expected.alpha_t, rel=0.03)
    features = np.geomspace(1e3, 1e5, 7)
    floors = [floor_of(alpha_K, a, n) for n in features]
    assert slope(features, np.array(floors)) == pytest.approx(expected.alpha_P, rel=0.03)


@pytest.mark.parametrize(("alpha_K", "a"), CASES)
def test_examples(alpha_K: float, a: float) -> None:
    expected = solvable_exponents(alpha_K, a).alpha_D
    assert power_law_asymptote(alpha_K, a).alpha == pytest.approx(expected)


def loss_at(alpha_K: float, a: float, features: float, time: float) -> float:
    """The mean of the loss over a gamma distribution of times around `time`: the third
    derivative of its Laplace transform, by Cauchy's formula on a circle.
    """
    modes = power_law_spectrum(alpha_K)
    values, counts = modes.eigenvalues[:, None], modes.degeneracies
    unit = np.exp(2j * np.pi * np.arange(16) / 16)
    z = 4 / time * (1 + 0.5 * unit)
    kappa = z + windowed_kappa(alpha_K, features, 4 / time)
    for _ in range(30):  # Newton
        filled = counts @ (values / (values + kappa)) / features
        slope_ = counts @ (values / (values + kappa) ** 2) / features
        kappa = kappa - (kappa * (1 - filled) - z) / (1 - filled + kappa * slope_)
    assert np.allclose(kappa * (1 - counts @ (values / (values + kappa)) / features), z)
    transform = (counts * modes.ranks**-a) @ (kappa / (values + kappa)) / z
    return float(((4 / time) * np.mean(transform * unit**-3) / -(0.5**3)).real)


def windowed_kappa(alpha_K: float, features: float, z: float) -> float:
    modes = power_law_spectrum(alpha_K)
    poles = np.append(modes.eigenvalues, 0.0)
    filled = modes.eigenvalues * modes.degeneracies
    residues = np.append(filled, features * z + modes.tail)
    return float(solve_kappa(poles, residues, np.array([features]))[0])


@pytest.mark.slow
@pytest.mark.parametrize(("alpha_K", "a"), CASES)
def test_compute(alpha_K: float, a: float) -> None:
    """The lowest loss at equal compute N t, over N."""
    expected = solvable_exponents(alpha_K, a)
    compute = np.geomspace(1e8, 1e10, 3)
    best, chosen = [], []
    for total in compute:
        middle = total**expected.parameters_per_compute
        features = middle * np.geomspace(1 / 30, 30, 24)
        losses = [loss_at(alpha_K, a, n, total / n) for n in features]
        best.append(min(losses))
        chosen.append(features[int(np.argmin(losses))])
    assert slope(compute, np.array(best)) == pytest.approx(expected.alpha_C, rel=0.05)
    power = -slope(compute, np.array(chosen))
    assert power == pytest.approx(expected.parameters_per_compute, abs=0.07)


def rich_loss(alpha_K: float, a: float, times: np.ndarray) -> np.ndarray:
    """Gradient flow of f = s q.psi, two linear layers of one unit, from a small start."""
    modes = power_law_spectrum(alpha_K)
    kept = modes.eigenvalues > 1e-10
    values, counts = modes.eigenvalues[kept], modes.degeneracies[kept]
    target = modes.ranks[kept] ** ((1 + alpha_K - a) / 2)

    def flow(_: float, state: np.ndarray) -> np.ndarray:
        s, q = state[0], state[1:]
        pull = values * (target - s * q)
        return np.append(counts @ (q * pull), s * pull)

    start = np.append(0.1, np.zeros_like(values))
    ends = (0.0, float(times[-1]))
    path = solve_ivp(flow, ends, start, "LSODA", times, rtol=1e-6, atol=1e-9)
    error = target[:, None] - path.y[0] * path.y[1:]
    return np.asarray((counts * values) @ error**2)


@pytest.mark.parametrize(("alpha_K", "a"), [(0.5, 1.75), (1.0, 1.8), (1.0, 2.2)])
def test_features_that_grow(alpha_K: float, a: float) -> None:
    expected = solvable_exponents(alpha_K, a)
    times = np.geomspace(1e2, 1e4, 7)
    found = slope(times, rich_loss(alpha_K, a, times))
    assert expected.is_hard
    assert found == pytest.approx(expected.rich_alpha_t, rel=0.06)
    assert found > 1.15 * expected.alpha_t


def descend(a: float, b: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A two-layer linear network of 8 units on Fourier features of the circle, of variances
    k^-b, by gradient descent from a small start. Times count from the end of the first
    plateau, where half of the loss is gone; the power beyond 2,000 features is not learned.
    """
    ranks = np.arange(1.0, 2001)
    root, target = ranks ** (-b / 2), ranks ** (-a / 2) * rng.choice([-1.0, 1.0], 2000)
    first, second = rng.standard_normal((8, 2000)) / 450, rng.standard_normal(8) / 28
    times, losses, now, left = (
        np.geomspace(100, 1000, 9),
        [],
        -np.inf,
        special.zeta(a, 2001),
    )
    while len(losses) < len(times):
        error = target - root * (second @ first)
        if now < 0 and error @ error < target @ target / 2:
            now = 0.0
        pull = root * error
        seen = first @ pull
        step = 0.4 / (second @ second + seen @ seen / (pull @ pull) + 1e-3)
        step = min(step, times[len(losses)] - now)
        first += step * np.outer(second, pull)
        second += step * seen
        now += step
        if now >= times[len(losses)] - 1e-9:
            losses.append(error @ error + left)
    return times, np.array(losses)


@pytest.mark.parametrize(
    ("a", "b"),
    [(1.8, 2.0), *(pytest.param(*case, marks=pytest.mark.slow) for case in NETWORKS)],
)
def test_a_trained_network(a: float, b: float) -> None:
    """Its features grow: far from the lazy exponent, and within 10 % of the rich one."""
    expected = solvable_exponents(b - 1, a)
    rng = np.random.default_rng(0)
    found = np.mean([slope(*descend(a, b, rng)) for _ in range(2)])
    assert found == pytest.approx(expected.rich_alpha_t, rel=0.1)
    assert found > 1.25 * expected.alpha_t


def test_what_is_refused() -> None:
    for match, values in {"`alpha_K`": (0.0, 2.0), "`target_decay`": (1.0, 1.0)}.items():
        with pytest.raises(ms.ManifoldScaleError, match=match):
            solvable_exponents(*values)
