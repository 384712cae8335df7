"""The participation ratio without its finite-sample bias."""

import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.covariance_moments import (
    _without_each,
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
