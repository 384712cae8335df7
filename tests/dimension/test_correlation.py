"""Pairs of points: slope, maximum likelihood, and the error of dependent pairs."""

import numpy as np
import pytest
import skdim
from scipy.spatial.distance import pdist

import manifoldscale as ms
from manifoldscale.dimension import CorrelationDimension, u_statistics
from manifoldscale.dimension.u_statistics import pair_variance


@pytest.mark.parametrize("n", [300, 500])
def test_two_radii_are_scikit_dimensions_corr_int(n: int) -> None:
    """For an odd n the median is the distance of a pair, and theirs counts it or not by
    rounding; ours never does.
    """
    cloud = ms.manifolds.Sphere(3).sample(n, rng=3)
    theirs = skdim.id.CorrInt(k1=10, k2=20).fit(cloud.points).dimension_
    ours = ms.estimate(cloud, CorrelationDimension()).value
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_takens_against_all_pairs() -> None:
    cloud = ms.manifolds.Ball(2).sample(200, rng=4)
    reach = np.median(cloud.neighbors(20).distances[:, -1])
    distances = pdist(cloud.points)
    inside = distances[distances < reach]
    ours = ms.estimate(cloud, CorrelationDimension(algorithm="takens"))
    assert ours.value == pytest.approx(1 / np.log(reach / inside).mean())
    assert ours.stderr > ours.value / np.sqrt(len(inside))


def test_more_radii_are_a_line_through_the_counts() -> None:
    cloud = ms.manifolds.Ball(2).sample(200, rng=5)
    ends = np.median(cloud.neighbors(20).distances[:, [4, 19]], axis=0)
    radii = np.geomspace(*ends, 5)
    counts = [(pdist(cloud.points) < r).sum() for r in radii]
    slope = np.polyfit(np.log(radii), np.log(counts), 1)[0]
    method = CorrelationDimension(k_low=5, k_high=20, n_radii=5)
    assert ms.estimate(cloud, method).value == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("n_queries", [60, 20])
def test_the_variance_of_an_average_over_pairs(n_queries: int) -> None:
    """For g = 1{|x - y| < 0.2} on an interval, against the variance of 3,000 averages."""
    rng = np.random.default_rng(6)
    averages, stated = [], []
    for _ in range(3000):
        x = rng.random(60)
        g = (abs(x[:n_queries, None] - x) < 0.2).astype(float)
        g[np.arange(n_queries), np.arange(n_queries)] = 0
        means = g.sum(axis=1) / 59
        averages.append(means.mean())
        centred = means - means.mean()
        square = g.sum() / (n_queries * 59) - means.mean() ** 2
        stated.append(pair_variance(centred, square, 60))
    assert np.mean(stated) == pytest.approx(np.var(averages), rel=0.1)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = ms.manifolds.Sphere(2).sample(200, rng=7)
    methods = [CorrelationDimension(), CorrelationDimension(algorithm="takens")]
    whole = [ms.estimate(cloud, method) for method in methods]
    monkeypatch.setattr(u_statistics, "BLOCK_BYTES", 1 << 12)
    for method, before in zip(methods, whole, strict=True):
        after = ms.estimate(cloud, method)
        assert after.value == pytest.approx(before.value, rel=1e-12)
        assert after.stderr == pytest.approx(before.stderr, rel=1e-9)


def test_settings_that_cannot_work() -> None:
    for settings in ({"k_low": 20}, {"n_radii": 1}, {"algorithm": "line"}, {"k_low": 0}):
        with pytest.raises(ms.ManifoldScaleError):
            CorrelationDimension(**settings)
    grid = np.stack(np.meshgrid(*[np.arange(12)] * 2), -1).reshape(-1, 2)
    with pytest.raises(ms.ManifoldScaleError, match="I3D"):
        ms.estimate(grid, CorrelationDimension(k_low=1, k_high=3))
