"""Local covariance: the rules against their definitions, and what they read."""

import numpy as np
import pytest
import skdim

import manifoldscale as ms
from manifoldscale.dimension import LocalPCA, local_pca
from manifoldscale.geometry.neighbors import Neighbors


@pytest.mark.parametrize(("rule", "theirs"), [("fo", "FO"), ("fan", "Fan")])
@pytest.mark.parametrize("ambient", [8, 40])
def test_votes_are_those_of_scikit_dimension(rule: str, theirs: str, ambient: int) -> None:
    cloud = ms.manifolds.Sphere(3).sample(200, ambient=ambient, noise=0.05, rng=1)
    near = cloud.neighbors(20)
    votes = [
        skdim.id.lPCA(ver=theirs).fit(cloud.points[i]).dimension_ for i in near.indices
    ]
    np.testing.assert_array_equal(LocalPCA(rule=rule).local(near), votes)


def test_the_curvature_adjusted_rule_against_a_loop() -> None:
    cloud = ms.manifolds.Sphere(3).sample(120, ambient=6, noise=0.02, rng=2)
    near = cloud.neighbors(16)
    votes = []
    for indices, distances in zip(near.indices, near.distances, strict=True):
        squared = ((distances[14] + distances[15]) / 2) ** 2
        values = np.linalg.eigvalsh(np.cov(cloud.points[indices[:15]].T))[::-1] / squared
        errors = []
        for q in range(1, 7):
            tail = values[q:].sum()
            adjusted = values[:q] + (3 * q + 4) / (q * (q + 4)) * tail
            errors.append(np.sqrt(((1 / (q + 2) - adjusted) ** 2).sum()) + 2 * tail)
        votes.append(1 + int(np.argmin(errors)))
    np.testing.assert_array_equal(LocalPCA(k=15, rule="ca").local(near), votes)


def test_the_pooled_ratio_is_exact_in_a_flat_ball_at_any_k() -> None:
    """Uniform neighbours of the centre of a ball: d within four standard errors."""
    rng = np.random.default_rng(3)
    for k in (5, 20):
        directions = rng.standard_normal((2000, k, 4))
        directions /= np.linalg.norm(directions, axis=2, keepdims=True)
        radii = np.sort(rng.random((2000, k)) ** (1 / 4), axis=1)
        centre = np.zeros((2000, 1, 4))
        hoods = np.concatenate([centre, directions * radii[..., None]], axis=1)
        rows = np.arange(2000 * (k + 1)).reshape(2000, k + 1)
        cloud = ms.Cloud(hoods.reshape(-1, 4))
        near = Neighbors(cloud, rows[:, 0], rows[:, 1:], radii, rows.ravel())
        dim = ms.estimate(near, LocalPCA(k=k))
        assert abs(dim.value - 4) < 4 * dim.stderr
        assert dim.stderr < 0.08


@pytest.mark.parametrize("features", [6, 300])
def test_small_blocks_and_either_scatter_give_the_same(
    features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """k x k for many features, features x features for few; in one block or in many."""
    near = ms.manifolds.Sphere(4).sample(300, ambient=features, rng=4).neighbors(20)
    few = ms.manifolds.Sphere(4).sample(300, ambient=6, rng=4).neighbors(20)
    methods = [LocalPCA(), LocalPCA(rule="fo"), LocalPCA(k=19, rule="ca")]
    whole = [ms.estimate(near, method).value for method in methods]
    same = [ms.estimate(few, method).value for method in methods]
    np.testing.assert_allclose(whole, same, rtol=1e-6)
    monkeypatch.setattr(local_pca, "BLOCK_BYTES", 1 << 16)
    again = [ms.estimate(near, method).value for method in methods]
    np.testing.assert_allclose(again, whole, rtol=1e-12)


def test_curvature_within_reach_is_named() -> None:
    folded = ms.manifolds.FlatTorus(4).sample(1500)
    flat = ms.manifolds.FlatTorus(1).sample(1500)
    for cloud, scales in ((folded, True), (flat, False)):
        notes = {note.caveat.name for note in ms.estimate(cloud, LocalPCA()).caveats}
        assert ("SCALE_DEPENDENT" in notes) == scales


def test_votes_that_agree_are_not_certain() -> None:
    dim = ms.estimate(ms.manifolds.Sphere(2).sample(2000), LocalPCA(rule="ca"))
    assert dim.value == pytest.approx(2, abs=0.01)
    assert dim.stderr > 0 and dim.interval.low <= 1.5 and dim.interval.high >= 2.5


def test_high_dimension_is_read_better_than_by_distances() -> None:
    near = ms.manifolds.Sphere(10).sample(3000, ambient=30).neighbors(20)
    assert ms.estimate(near, LocalPCA()).value == pytest.approx(10, rel=0.03)
    assert ms.estimate(near, ms.dimension.MLE(k=20)).value < 9.4


def test_settings_that_cannot_work() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`rule`"):
        LocalPCA(rule="kaiser")
    with pytest.raises(ms.ManifoldScaleError, match="`k`"):
        LocalPCA(k=4)


@pytest.mark.parametrize("rule", ["participation", "fo", "fan", "ca"])
def test_one_feature_has_one_dimension(rule: str) -> None:
    points = np.random.default_rng(0).random((60, 1))
    assert ms.estimate(points, LocalPCA(k=5, rule=rule)).value == pytest.approx(1)
