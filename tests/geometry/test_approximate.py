"""An approximate search says how approximate it is."""

import sys
import types

import numpy as np
import pytest

import manifoldscale as ms

CLOUD = ms.manifolds.Sphere(4).sample(800, ambient=10)
EXACT = CLOUD.neighbors(6)


class Graph:
    """Stands for pynndescent: compiling the real one takes a minute. It misses a share of
    the neighbours, and finds too few for some points.
    """

    missed = 0.0

    def __init__(self, data: np.ndarray, n_neighbors: int, **_: object) -> None:
        rng = np.random.default_rng(0)
        squared = ((data[:, None] - data) ** 2).sum(2)
        squared[rng.random(squared.shape) < self.missed] = np.inf
        squared[np.arange(len(data)), np.arange(len(data))] = 0
        indices = np.argsort(squared, axis=1)[:, :n_neighbors]
        indices[5, 3:] = -1
        self.neighbor_graph = indices.astype(np.int32), squared


@pytest.fixture
def descent(monkeypatch: pytest.MonkeyPatch) -> type[Graph]:
    fake = types.ModuleType("pynndescent")
    fake.NNDescent = type("NNDescent", (Graph,), {})
    monkeypatch.setitem(sys.modules, "pynndescent", fake)
    return fake.NNDescent


def test_a_perfect_graph_gives_the_exact_table(descent: type[Graph]) -> None:
    near = CLOUD.neighbors(6, search="approximate")
    np.testing.assert_array_equal(near.indices, EXACT.indices)
    np.testing.assert_array_equal(near.distances, EXACT.distances)
    assert (near.recall, near.search) == (1.0, "approximate")


def test_recall_is_measured(descent: type[Graph]) -> None:
    descent.missed = 0.2
    near = CLOUD.neighbors(6, search="approximate")
    hits = near.distances <= EXACT.distances[:, -1:]
    assert near.recall == pytest.approx(hits.mean(), abs=0.05)
    assert near.recall < 0.9 and f"recall={near.recall:.3f}" in repr(near)
    again = CLOUD.neighbors(6, search="approximate")
    assert again.recall == near.recall
    assert CLOUD.neighbors(6, search="approximate", anchors=50).n_queries == 50


def test_groups_are_kept_apart(descent: type[Graph]) -> None:
    cloud = ms.Cloud(CLOUD.points, groups=np.arange(800) // 8)
    near = cloud.neighbors(6, search="approximate")
    np.testing.assert_array_equal(near.indices, cloud.neighbors(6).indices)


def test_without_the_package_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynndescent", None)
    with pytest.raises(
        ms.ManifoldScaleError, match=r"pip install manifoldscale\[approximate\]"
    ):
        CLOUD.neighbors(6, search="approximate")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_real_package() -> None:
    pytest.importorskip("pynndescent")
    near = CLOUD.neighbors(6, search="approximate")
    assert 0.9 < near.recall <= 1 and (near.distances > 0).all()
