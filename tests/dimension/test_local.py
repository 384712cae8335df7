"""Local dimensions, and when they are a mixture."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.dimension import ABIDE, MLE, Local, LocalPCA, TwoNN


def mixture(low: int, high: int, n: int) -> np.ndarray:
    """A ball of each dimension, apart."""
    points = np.zeros((2 * n, 12))
    points[:n, :low] = ms.manifolds.Ball(low).sample(n, rng=1).points
    points[n:, :high] = ms.manifolds.Ball(high).sample(n, rng=2).points
    points[:n, 11] = 5
    return points


@pytest.mark.parametrize("method", [MLE(k=20), ABIDE(k_max=40)], ids=str)
@pytest.mark.parametrize(("low", "high"), [(1, 5), (2, 4)])
def test_both_parts_of_a_mixture_are_found(method: object, low: int, high: int) -> None:
    """Each mode is where the method reads the part alone, and each half is a half."""
    points = mixture(low, high, 600)
    found = ms.estimate(points, Local(method))
    alone = [ms.estimate(part, method).value for part in np.split(points, 2)]
    assert [mode for mode, _ in found.modes] == pytest.approx(alone, rel=0.1)
    assert [share for _, share in found.modes] == pytest.approx([0.5, 0.5], abs=0.06)
    assert "MIXTURE" in {note.caveat.name for note in found.caveats}
    assert f"{low}" in str(found)


@pytest.mark.parametrize("family", ["Ball", "Affine", "Sphere", "FlatTorus"])
@pytest.mark.parametrize("method", [MLE(k=20), ABIDE(k_max=30)], ids=str)
def test_one_dimension_is_no_mixture(family: str, method: object) -> None:
    """Edges, curvature and high dimension scatter the local values; that is no mixture."""
    for dim in (2, 4, 10):
        manifold = getattr(ms.manifolds, family)(dim)
        for draw in range(2):
            local = ms.estimate(manifold.sample(500, rng=draw), Local(method))
            assert local.modes == ()
            assert "MIXTURE" not in {note.caveat.name for note in local.caveats}


def test_local_values_and_their_errors() -> None:
    """On a flat torus (m - 1) / S is unbiased, and scatters as it says."""
    near = ms.manifolds.FlatTorus(2).sample(3000).neighbors(20, anchors=500, rng=1)
    local = ms.estimate(near, Local(MLE(k=20)))
    np.testing.assert_array_equal(local.rows, near.queries)
    assert local.values.mean() == pytest.approx(2, rel=0.04)
    assert local.values.std() == pytest.approx(local.stderr.mean(), rel=0.15)
    assert local.pooled == ms.estimate(near, MLE(k=20))
    counts, edges = local.histogram(bins=10)
    assert counts.sum() == 500 and len(edges) == 11
    with pytest.raises(ValueError, match="read-only"):
        local.values[0] = 1


def test_local_votes_have_no_law_and_say_so() -> None:
    local = ms.estimate(mixture(1, 5, 300), Local(LocalPCA()))
    assert np.median(local.values[:300]) == pytest.approx(1, abs=1e-6)
    assert np.median(local.values[300:]) == pytest.approx(5, rel=0.12)
    assert np.isnan(local.stderr).all() and np.isnan(local.heterogeneity)
    assert "NOT_ESTIMATED" in {note.caveat.name for note in local.caveats}


def test_results_print_tabulate_and_save() -> None:
    local = ms.estimate(ms.manifolds.Sphere(2).sample(300), Local(MLE(k=10)))
    assert str(local).startswith("local dimension ")
    assert local.to_frame().loc[0, "n_points"] == 300
    assert '"heterogeneity"' in local.to_json()


def test_a_method_without_local_estimates_is_named() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"TwoNN\(\) has no local estimates"):
        Local(TwoNN())
