"""Trees: their edges are the bars of degree 0, their length grows with a known power."""

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

import manifoldscale as ms
from manifoldscale.dimension import PersistentHomology
from manifoldscale.dimension.persistent_homology import tree_edges


def test_edges_are_those_of_scipy_and_of_scikit_dimension() -> None:
    from skdim.id._PH import _total_persistence

    points = np.random.default_rng(0).random((150, 3))
    matrix = squareform(pdist(points))
    theirs = np.sort(minimum_spanning_tree(matrix).data)
    np.testing.assert_allclose(np.sort(tree_edges(points)), theirs, rtol=1e-12)
    for alpha in (0.5, 1.0):
        ours = (tree_edges(points) ** alpha).sum()
        assert ours == pytest.approx(_total_persistence(matrix, np.asarray(alpha)))


def test_edges_are_the_bars_of_degree_zero() -> None:
    ripser = pytest.importorskip("ripser")
    points = np.random.default_rng(1).random((100, 2))
    bars = ripser.ripser(points, maxdim=0)["dgms"][0][:-1, 1]
    np.testing.assert_allclose(np.sort(tree_edges(points)), np.sort(bars), rtol=1e-5)


@pytest.mark.parametrize(("dim", "alpha"), [(1, 0.5), (2, 1.0)])
def test_the_power_on_a_flat_torus(dim: int, alpha: float) -> None:
    found = ms.estimate(ms.manifolds.FlatTorus(dim).sample(2000), PersistentHomology(alpha))
    assert abs(found.value - dim) < 3 * found.stderr + 0.01 * dim


def test_a_slope_near_one_leaves_the_interval_open() -> None:
    cloud = ms.manifolds.Ball(25).sample(200, rng=2)
    method = PersistentHomology(blocks=2)
    try:
        found = ms.estimate(cloud, method)
    except ms.ManifoldScaleError as error:
        assert "not bounded" in str(error)
    else:
        assert found.interval.is_open
        assert "OPEN_INTERVAL" in {note.caveat.name for note in found.caveats}


def test_settings_that_cannot_work() -> None:
    for settings in ({"alpha": 0}, {"blocks": 1}):
        with pytest.raises(ms.ManifoldScaleError):
            PersistentHomology(**settings)
    with pytest.raises(ms.ManifoldScaleError, match="too few"):
        ms.estimate(ms.manifolds.Ball(2).sample(100), PersistentHomology())
