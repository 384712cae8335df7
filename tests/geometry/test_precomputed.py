"""Tables from distances and graphs that were computed elsewhere."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

import manifoldscale as ms

POINTS = np.random.default_rng(0).standard_normal((300, 4))
MATRIX = cdist(POINTS, POINTS)
NEAR = ms.Cloud(POINTS).neighbors(10)
FROM = ms.Neighbors


def test_a_matrix_gives_the_table_of_its_points_and_is_left_alone() -> None:
    mine = MATRIX.copy()
    near = FROM.from_distances(mine, k=10)
    np.testing.assert_array_equal(near.indices, NEAR.indices)
    np.testing.assert_allclose(near.distances, NEAR.distances, rtol=1e-12)
    np.testing.assert_array_equal(mine, MATRIX)
    assert mine.flags.writeable
    assert (near.n_rows, near.ambient_dim, near.search) == (300, None, "precomputed")
    assert near.first(3).k == 3 and FROM.from_distances(mine).k == 64
    assert FROM.from_distances(mine.astype(np.float32), 10).distances.dtype == np.float64


def test_estimates_from_distances_are_those_from_points() -> None:
    near = FROM.from_distances(MATRIX, k=10)
    for method in (ms.dimension.TwoNN(), ms.dimension.MLE(k=10)):
        ours, theirs = ms.estimate(near, method), ms.estimate(NEAR, method)
        assert ours.value == pytest.approx(theirs.value, rel=1e-12)


def test_a_method_that_needs_points_says_so() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="needs the points"):
        FROM.from_distances(MATRIX).points  # noqa: B018 - the access is the test
    np.testing.assert_array_equal(NEAR.points, POINTS)


def test_ties_are_in_order_of_row_number() -> None:
    steps = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    near = FROM.from_distances(steps, k=3)
    np.testing.assert_array_equal(near.indices[4], [3, 5, 2])


def test_points_at_distance_zero_are_duplicates() -> None:
    rows = np.array([0, 1, 2, 0, 3, 1, *range(4, 40)])
    matrix = MATRIX[np.ix_(rows, rows)]
    near = FROM.from_distances(matrix, k=5)
    assert near.n_duplicates == 2 and (near.distances > 0).all()
    np.testing.assert_array_equal(near.rows, np.delete(np.arange(42), [3, 5]))
    assert np.isin(near.indices, near.rows).all()
    with pytest.raises(ms.ManifoldScaleError, match="2 of 42 points are at distance zero"):
        FROM.from_distances(matrix, duplicates="error")
    points = POINTS[rows]
    points[3] += 1e-7
    cloud = ms.Cloud(points).neighbors(5, duplicates="merge")
    merged = FROM.from_distances(cdist(points, points), k=5, duplicates="merge")
    assert (merged.n_duplicates, merged.n_merged) == (cloud.n_duplicates, 1) == (1, 1)
    np.testing.assert_array_equal(merged.indices, cloud.indices)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (POINTS, "all pairs, points x points; its shape is"),
        (MATRIX[0], "all pairs"),
        (-MATRIX, "negative"),
        (np.exp(-MATRIX), "diagonal of `matrix` must be zero"),
        (MATRIX * np.linspace(1, 2, 300), "not symmetric"),
        (MATRIX + np.diag(np.full(300, np.nan)), "NaN"),
        (np.zeros((20, 20)), "for 1 distinct points"),
    ],
)
def test_matrices_that_are_not_distances(matrix: np.ndarray, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        FROM.from_distances(matrix)


def test_more_neighbours_than_points() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="integer from 1 to 299"):
        FROM.from_distances(MATRIX, k=300)


SEARCH = NearestNeighbors(n_neighbors=11).fit(POINTS)
WITHOUT = NearestNeighbors(n_neighbors=10).fit(POINTS)
GRAPHS = {
    "kneighbors_graph": kneighbors_graph(POINTS, 10, mode="distance"),
    "with itself": SEARCH.kneighbors_graph(POINTS, mode="distance"),
    "coo": kneighbors_graph(POINTS, 10, mode="distance").tocoo(),
    "array": sparse.csr_array(kneighbors_graph(POINTS, 10, mode="distance")),
    "kneighbors": SEARCH.kneighbors(POINTS),
    "kneighbors without itself": WITHOUT.kneighbors(),
    "the other way round": SEARCH.kneighbors(POINTS)[::-1],
    "float32": (SEARCH.kneighbors()[1].astype("i4"), SEARCH.kneighbors()[0].astype("f4")),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_others(name: str) -> None:
    near = FROM.from_graph(GRAPHS[name])
    assert near.k == (11 if name == "float32" else 10) and np.isnan(near.recall)
    np.testing.assert_array_equal(near.indices[:, :10], NEAR.indices)
    np.testing.assert_allclose(near.distances[:, :10], NEAR.distances, rtol=1e-6)
    assert near.n_rows == near.n_points == 300


def test_uneven_rows_repetitions_and_gaps() -> None:
    indices = np.array([[0, 1, 2, 3], [0, 0, 2, 3], [1, 0, 3, -1], [2, 1, 0, 3]])
    distances = np.array([[0, 1, 2, 3], [1, 1, 1, 2], [1, 2, 1, np.inf], [1, 2, 3, 0.0]])
    near = FROM.from_graph((indices, distances))
    assert near.k == 3
    np.testing.assert_array_equal(
        near.indices, [[1, 2, 3], [0, 2, 3], [1, 3, 0], [2, 1, 0]]
    )


def test_duplicates_in_a_graph() -> None:
    points = np.concatenate([POINTS, POINTS[:20]])
    graph = NearestNeighbors(n_neighbors=12).fit(points).kneighbors()
    near = FROM.from_graph(graph)
    assert near.n_duplicates == 20 and near.n_points == 300 and near.n_rows == 320
    assert (near.distances > 0).all() and near.k >= 5
    k = near.k
    np.testing.assert_allclose(near.distances, NEAR.distances[:, :k], rtol=1e-9)
    np.testing.assert_array_equal(near.indices, NEAR.indices[:, :k])
    with pytest.raises(ms.ManifoldScaleError, match="20 of 320"):
        FROM.from_graph(graph, duplicates="error")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (POINTS, "must be a sparse matrix of distances, or"),
        ((NEAR.distances, NEAR.distances), "integer row numbers"),
        ((NEAR.indices, NEAR.distances[:, :4]), "same shape"),
        ((NEAR.indices + 5, NEAR.distances), "names row 304"),
        ((NEAR.indices, -NEAR.distances), "negative"),
        ((NEAR.indices, NEAR.distances * np.nan), "without NaN"),
        (sparse.csr_array(MATRIX[:5]), "must be square"),
        (sparse.csr_array((50, 50)), "no neighbour but itself"),
    ],
)
def test_graphs_that_cannot_be_used(graph: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        FROM.from_graph(graph)
