"""Gride against its likelihood, its Beta law, and scikit-dimension."""

import numpy as np
import pytest
import skdim
from scipy import optimize, stats

import manifoldscale as ms
from manifoldscale.dimension import Gride, TwoNN
from manifoldscale.dimension.gride import fit_beta, goodness_of_fit, log_ratios, separate

RANKS = [(1, 2), (2, 4), (3, 10), (16, 32)]


def ratios(dim: float, n: int, n1: int, n2: int, seed: int) -> np.ndarray:
    """log(r_n2 / r_n1) of n Poisson processes: volumes are sums of exponentials."""
    volumes = np.random.default_rng(seed).exponential(size=(n, n2)).cumsum(axis=1)
    return np.log(volumes[:, n2 - 1] / volumes[:, n1 - 1]) / dim


@pytest.mark.parametrize(("n1", "n2"), RANKS)
def test_the_pivot_is_beta(n1: int, n2: int) -> None:
    u = np.exp(-3.5 * ratios(3.5, 4000, n1, n2, seed=n1))
    assert stats.kstest(u, stats.beta(n1, n2 - n1).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("n1", "n2"), RANKS)
def test_the_fit_is_the_maximum_of_the_published_likelihood(n1: int, n2: int) -> None:
    logs = ratios(4.2, 300, n1, n2, seed=7)

    def minus(d: float) -> float:
        return -float(
            np.sum(
                np.log(d)
                + (n2 - n1 - 1) * np.log(np.expm1(d * logs))
                - ((n2 - 1) * d + 1) * logs
            )
        )

    best = optimize.minimize_scalar(minus, bounds=(1, 20), options={"xatol": 1e-9})
    fit = fit_beta(logs, n1, n2)
    assert fit.value / (1 - 1 / fit.information) == pytest.approx(best.x, rel=1e-5)
    h = 1e-3  # the information is the curvature in log d
    d = float(best.x)
    curvature = (minus(d * np.exp(h)) - 2 * minus(d) + minus(d * np.exp(-h))) / h**2
    assert fit.information == pytest.approx(curvature, rel=1e-3)
    assert fit.influence.sum() == pytest.approx(0, abs=1e-8)


def test_ranks_one_and_two_are_two_nn() -> None:
    near = ms.manifolds.Ball(3).sample(500).neighbors(2)
    ours, two_nn = ms.estimate(near, [Gride(), TwoNN(trim=0.0)])
    assert ours.value == pytest.approx(two_nn.value, rel=1e-9)
    assert ours.stderr == pytest.approx(two_nn.stderr, rel=0.01)


@pytest.mark.parametrize(("n1", "n2"), [(2, 4), (8, 16)])
def test_agrees_with_scikit_dimension(n1: int, n2: int) -> None:
    points = ms.manifolds.Sphere(4).sample(800, rng=3).points
    theirs = skdim.id.GRIDE(n1=n1, n2=n2).fit(points).dimension_
    ours = ms.estimate(points, Gride(n1, n2))
    information = (ours.value / ours.stderr) ** 2
    assert ours.value == pytest.approx(theirs, rel=2 / information + 1e-6)


def test_p_values_are_uniform_where_the_law_holds_and_small_where_it_does_not() -> None:
    torus = ms.manifolds.FlatTorus(2)
    held = []
    for seed in range(60):
        near = torus.sample(1500, rng=seed).neighbors(2)
        held.append(goodness_of_fit(near, log_ratios(near, 1, 2), 1, 2))
    assert stats.kstest(held, "uniform").pvalue > 1e-3
    rng = np.random.default_rng(0)
    line, ball = np.zeros((1000, 9)), np.zeros((1000, 9))
    line[:, 0] = rng.random(1000)
    ball[:, 1:] = rng.random((1000, 8)) + 2
    assert ms.estimate(np.vstack([line, ball]), Gride()).gof_p < 0.01


def test_separate_queries_share_no_point() -> None:
    near = ms.manifolds.Ball(2).sample(400).neighbors(4)
    apart = separate(near, 30)
    members = np.column_stack([near.queries[apart], near.indices[apart]]).ravel()
    assert len(apart) == 30 and len(np.unique(members)) == len(members)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "`n1`"), ((3, 3), "below `n2`"), ((2.5, 5), "`n1`"), ((4, 2), "below `n2`")],
)
def test_ranks_that_make_no_sense(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        Gride(*arguments)
