"""The participation ratio without its finite-sample bias."""

import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.covariance_moments import (
    _without_each,
    participation_of_groups,
    scatter_sums,
    unbiased_moments,
)
from manifoldscale.dimension import ParticipationRatio


def centred(points: np.ndarray) -> np.ndarray:
    return points - points.mean(axis=0)


def test_the_closed_form_is_the_average_over_quadruples() -> None:
    x = np.random.default_rng(0).standard_normal((7, 4)) * [1, 2, 3, 1]
    kernels = []
    for i, j, k, m in itertools.permutations(range(7), 4):
        u, v = x[i] - x[j], x[k] - x[m]
        kernels.append([(u @ u) * (v @ v) / 4, (u @ v) ** 2 / 4])
    found = unbiased_moments(scatter_sums(centred(x)), 7)
    np.testing.assert_allclose(found, np.mean(kernels, axis=0), rtol=1e-12)


@pytest.mark.parametrize("features", [4, 20])
def test_leaving_each_out_in_closed_form(features: int) -> None:
    x = centred(np.random.default_rng(1).standard_normal((9, features)))
    found = np.array(_without_each(x, scatter_sums(x)))
    for i in range(9):
        rest = scatter_sums(centred(np.delete(x, i, axis=0)))
        np.testing.assert_allclose(found[:, i], rest, rtol=1e-10)


@pytest.mark.parametrize(
    ("n", "spectrum"),
    [(30, np.ones(60)), (40, 1 / np.arange(1, 101)), (200, np.array([3.0, 2, 1, 1, 0.5]))],
    ids=["equal, N < D", "harmonic, N < D", "N > D"],
)
def test_unbiased_and_covering_for_gaussian_spectra(n: int, spectrum: np.ndarray) -> None:
    """Both parts are unbiased within four standard errors of 300 draws. A ratio of
    unbiased parts has a bias of order 1/n: it is within 10 %, where the naive one is off by
    up to a factor of four. Intervals hold the truth in 90 % or more (for equal eigenvalues
    the jackknife is conservative).
    """
    rng = np.random.default_rng(2)
    truth = np.array([spectrum.sum() ** 2, (spectrum**2).sum()])
    parts, held, values = [], [], []
    for _ in range(300):
        x = rng.standard_normal((n, len(spectrum))) * np.sqrt(spectrum)
        parts.append(unbiased_moments(scatter_sums(centred(x)), n))
        dim = ms.estimate(x, ParticipationRatio())
        values.append(dim.value)
        held.append(truth[0] / truth[1] in dim.interval)
        assert dim.raw < dim.value
    parts = np.array(parts)
    assert (abs(parts.mean(0) - truth) < 4 * parts.std(0) / np.sqrt(300)).all()
    assert np.mean(values) == pytest.approx(truth[0] / truth[1], rel=0.1)
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300)


def test_a_repeated_row_is_an_observation() -> None:
    x = np.random.default_rng(3).standard_normal((40, 3))
    twice = ms.estimate(np.vstack([x, x[:10]]), ParticipationRatio())
    assert twice.n_points == 50
    assert twice.value != ms.estimate(x, ParticipationRatio()).value


def test_it_says_that_it_is_linear() -> None:
    circle = ms.manifolds.Sphere(1).sample(500)
    dim = ms.estimate(circle, ParticipationRatio())
    assert dim.value == pytest.approx(2.0, abs=0.02)
    assert "LINEAR" in {note.caveat.name for note in dim.caveats}


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="at least 5 points"):
        ms.estimate(np.eye(4), ParticipationRatio())
    with pytest.raises(ms.ManifoldScaleError, match="too few for this spectrum"):
        ms.estimate(np.eye(6), ParticipationRatio())


def autoregressive(n: int, length: int, memory: float, seed: int) -> np.ndarray:
    """Independent sequences of standard normal rows, (n, length, 20)."""
    steps = np.random.default_rng(seed).standard_normal((n, length, 20))
    for now in range(1, length):
        fresh = np.sqrt(1 - memory**2) * steps[:, now]
        steps[:, now] = memory * steps[:, now - 1] + fresh
    return steps.reshape(n * length, 20)


@pytest.mark.parametrize("memory", [0.8, 0.99])
def test_rows_of_one_sequence_are_not_independent(memory: float) -> None:
    """Twenty equal eigenvalues: without groups the ratio is as low as few independent rows
    make it, and its error as small as for many.
    """
    plain, grouped = [], []
    for seed in range(20):
        points = autoregressive(50, 10, memory, seed)
        cloud = ms.Cloud(points, groups=np.repeat(np.arange(50), 10))
        plain.append(20 in ms.estimate(points, ParticipationRatio()).interval)
        found = ms.estimate(cloud, ParticipationRatio())
        grouped.append(20 in found.interval)
        assert found.interval.width < 12
    assert np.mean(plain) < 0.5 and np.mean(grouped) >= 0.85


def test_pairs_of_different_groups_only() -> None:
    """By the definition: a loop over all pairs, and groups left out one by one."""
    rng = np.random.default_rng(0)
    points, groups = rng.standard_normal((24, 3)), rng.permutation(np.arange(24) % 7)

    def ratio(rows: np.ndarray) -> float:
        x = points[rows] - points[rows].mean(0)
        apart = groups[rows][:, None] != groups[rows]
        norms = (x**2).sum(1)
        return float((norms[:, None] * norms)[apart].sum() / ((x @ x.T) ** 2)[apart].sum())

    everything = np.arange(24)
    found = participation_of_groups(points, groups)
    left = [ratio(everything[groups != group]) for group in range(7)]
    expected = 7 * np.log(ratio(everything)) - 6 * np.mean(np.log(left))
    assert found.value == pytest.approx(np.exp(expected), rel=1e-12)
    assert found.stderr / found.value == pytest.approx(np.sqrt(6 * np.var(np.log(left))))


def test_few_groups_are_refused() -> None:
    points = np.random.default_rng(0).standard_normal((40, 3))
    with pytest.raises(ms.ManifoldScaleError, match="at least 5 `groups`; there are 4"):
        ms.estimate(ms.Cloud(points, groups=np.arange(40) % 4), ParticipationRatio())
