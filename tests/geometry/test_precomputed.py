"""Tables from distances and graphs that were computed elsewhere."""

import numpy as np
import pytest
import torch
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


def by_products(points: np.ndarray) -> np.ndarray:
    """Distances as the root of |x|^2 + |y|^2 - 2 x.y, in the precision of the points.

    The sums run in two orders, as they may in a library of linear algebra: which one it
    takes depends on its version and on the processor.
    """
    squares = np.square(points).sum(1)
    products = np.zeros((len(points), len(points)), points.dtype)
    for column in points.T[::-1]:
        products += np.multiply.outer(column, column)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))


@pytest.mark.parametrize("cast", [np.float32, np.float64])
def test_what_rounding_leaves_on_the_diagonal_is_no_similarity(cast: type) -> None:
    """Whether the matrix is kept in single precision, or turned to double afterwards."""
    points = (POINTS + 3).astype(np.float32)
    matrix = by_products(points).astype(cast)
    assert np.diag(matrix).max() > 1e-4  # as of every library that multiplies matrices
    near = FROM.from_distances(matrix, 10)
    np.testing.assert_allclose(near.distances, NEAR.distances, rtol=2e-3)
    turned = torch.cdist(torch.from_numpy(points), torch.from_numpy(points)).numpy()
    assert FROM.from_distances(turned.astype(cast), 10).k == 10
    skewed = matrix.copy()
    skewed[0, 0] = -np.diag(matrix).max()
    assert FROM.from_distances(skewed, 10).k == 10


def test_rounding_that_moves_the_distances_is_told() -> None:
    far = by_products((POINTS + 2000).astype(np.float32))
    with pytest.raises(ms.ManifoldScaleError, match=r"compute them in float64|float64"):
        FROM.from_distances(far, 10)
    with pytest.raises(ms.ManifoldScaleError, match="If these are similarities"):
        FROM.from_distances(np.exp(-MATRIX), 10)


DIRECTIONS = POINTS / np.linalg.norm(POINTS, axis=1)[:, None]
COSINE = np.clip(1 - DIRECTIONS @ DIRECTIONS.T, 0, None) * (1 - np.eye(300))
GRAPH = kneighbors_graph(POINTS, 12, mode="distance")
BITS = np.random.default_rng(1).random((200, 40)) < 0.3
NO_DISTANCES = {
    "squares": MATRIX**2,
    "squares in twenty dimensions": cdist(*[np.random.default_rng(2).random((400, 20))] * 2)
    ** 2,
    "1 - cosine": COSINE,
    "1 - cosine, scipy": cdist(POINTS, POINTS, "cosine"),
    "squares of a line": np.subtract.outer(POINTS[:, 0], POINTS[:, 0]) ** 2,
}
DISTANCES = {
    "cityblock": cdist(POINTS, POINTS, "cityblock"),
    "chebyshev": cdist(POINTS, POINTS, "chebyshev"),
    "angle": np.arccos(np.clip(1 - COSINE, -1, 1)) * (1 - np.eye(300)),
    "chord": np.sqrt(2 * COSINE),
    "root": np.sqrt(MATRIX),
    "line": np.abs(np.subtract.outer(POINTS[:, 0], POINTS[:, 0])),
    "jaccard": cdist(BITS, BITS, "jaccard"),
    "hamming": cdist(BITS, BITS, "hamming"),
    "geodesic": sparse.csgraph.shortest_path(GRAPH, directed=False),
    "tree": np.where(np.eye(80) > 0, 0, np.maximum.outer(range(80), range(80)) + 1.0),
}


@pytest.mark.parametrize("name", NO_DISTANCES)
def test_squares_and_cosines_are_no_distances(name: str) -> None:
    matrix = NO_DISTANCES[name]
    with pytest.raises(ms.ManifoldScaleError, match=r"pass `np\.sqrt\(matrix\)`"):
        FROM.from_distances(matrix, 5)
    assert FROM.from_distances(np.sqrt(matrix), 5).k == 5


@pytest.mark.parametrize("name", DISTANCES)
def test_no_metric_is_refused(name: str) -> None:
    matrix = np.maximum(DISTANCES[name], DISTANCES[name].T)
    assert FROM.from_distances(matrix, 5).k == 5
    order = np.argsort(matrix, axis=1, kind="stable")[:, :8]
    graph = order, np.take_along_axis(matrix, order, 1)
    assert FROM.from_graph(graph).k >= 5


def test_what_is_no_metric_even_in_its_roots_is_left_to_the_user() -> None:
    noise = np.random.default_rng(3).random((100, 100)) ** 8
    np.fill_diagonal(noise, 0)
    assert FROM.from_distances((noise + noise.T) / 2, 5).k == 5


@pytest.mark.parametrize("metric", ["sqeuclidean", "cosine"])
def test_a_graph_of_squares_shows_them_too(metric: str) -> None:
    search = NearestNeighbors(n_neighbors=30, metric=metric).fit(POINTS[:, :3])
    distances, indices = search.kneighbors()
    with pytest.raises(ms.ManifoldScaleError, match=r"pass `np\.sqrt\(graph\)`"):
        FROM.from_graph((indices, distances))
    assert FROM.from_graph((indices, np.sqrt(distances))).k == 30


@pytest.mark.parametrize("index", [None, object(), []])
def test_the_triple_of_umap(index: object) -> None:
    distances, indices = SEARCH.kneighbors(POINTS)
    for triple in ((indices, distances, index), (distances, indices, index)):
        near = FROM.from_graph(triple)
        np.testing.assert_array_equal(near.indices, NEAR.indices)
    with pytest.raises(ms.ManifoldScaleError, match="got tuple of 3"):
        FROM.from_graph((indices, distances, distances))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_umap_itself() -> None:
    umap = pytest.importorskip("umap.umap_")
    triple = umap.nearest_neighbors(POINTS, 11, "euclidean", {}, False, 0)
    assert len(triple) == 3
    near = FROM.from_graph(triple)
    np.testing.assert_allclose(near.distances, NEAR.distances, rtol=1e-5)


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


def _as_graph(values: np.ndarray, indices: np.ndarray) -> sparse.csr_array:
    n, k = indices.shape
    ends = np.repeat(np.arange(n), k), indices.ravel()
    return sparse.csr_array((values.ravel(), ends), shape=(n, n))


def _fuzzy(distances: np.ndarray, indices: np.ndarray) -> sparse.csr_array:
    """As UMAP makes it, but for the width of each row: exp(-(d - nearest) / width), and
    a + b - a b of the two directions.
    """
    beyond = distances - distances[:, :1]
    one = _as_graph(np.exp(-beyond / beyond.mean(1, keepdims=True)), indices)
    return one + one.T - one.multiply(one.T)


@pytest.mark.parametrize("dim", [1, 3, 10])
def test_a_graph_of_similarities_is_refused_and_scaled_distances_are_not(dim: int) -> None:
    points = np.random.default_rng(dim).standard_normal((500, dim))
    found = NearestNeighbors(n_neighbors=15).fit(points).kneighbors()
    distances, indices = found
    scale = np.median(distances)
    for similar in (
        _fuzzy(distances, indices),
        _as_graph(np.exp(-((distances / scale) ** 2)), indices),
    ):
        with pytest.raises(ms.ManifoldScaleError, match="hold similarities"):
            ms.Neighbors.from_graph(similar)
    plain = _as_graph(distances / distances.max(), indices)
    for apart in (plain, plain.maximum(plain.T)):
        assert ms.Neighbors.from_graph(apart).distances.max() <= 1
