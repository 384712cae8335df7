"""The neighbour table is exact, whatever the data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.geometry import brute
from manifoldscale.geometry.brute import Search
from manifoldscale.geometry.neighbors import find_neighbors
from manifoldscale.geometry.rows import Rows


def brute_force(points: np.ndarray, k: int) -> np.ndarray:
    """Distances to the k nearest others, by float64 differences."""
    distances = cdist(points.astype(np.float64), points.astype(np.float64))
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, :k]


@pytest.mark.parametrize("features", [1, 2, 30, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_are_those_of_brute_force(features: int, dtype: type) -> None:
    points = np.random.default_rng(0).standard_normal((300, features)).astype(dtype)
    near = ms.Cloud(points).neighbors(12)
    np.testing.assert_allclose(near.distances, brute_force(points, 12), rtol=1e-12)
    rows = np.arange(300)[:, None]
    measured = np.linalg.norm(
        points[rows].astype(float) - points[near.indices].astype(float), axis=2
    )
    np.testing.assert_allclose(measured, near.distances, rtol=1e-12)
    assert (near.indices != rows).all()


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
def test_an_offset_does_not_cancel(offset: float) -> None:
    """A float32 Gram matrix gives NaN here from an offset of 100 on."""
    rng = np.random.default_rng(1)
    points = rng.standard_normal((400, 64)) @ np.diag(np.linspace(1, 0.1, 64)) + offset
    near = ms.Cloud(points).neighbors(5)
    np.testing.assert_allclose(near.distances, brute_force(points, 5), rtol=1e-9)


def test_tight_clusters_far_apart_need_the_float64_pass() -> None:
    """Collapsed classes: centring cannot help, so certificates fail and rows fall back."""
    rng = np.random.default_rng(2)
    centres = 1e4 * rng.standard_normal((10, 32))
    points = np.repeat(centres, 40, axis=0) + 1e-3 * rng.standard_normal((400, 32))
    one = Search.among(Rows.of(points, None, None), np.arange(400), 5)
    found = torch.empty((400, 5), dtype=torch.int64), torch.empty((400, 5)).double()
    assert len(brute._propose(one, torch.arange(400), found, False)) == 400
    near = ms.Cloud(points).neighbors(5)
    np.testing.assert_allclose(near.distances, brute_force(points, 5), rtol=1e-9)


def test_what_no_product_separates_is_found_by_differences() -> None:
    """A point 1e14 times farther away than the others are apart."""
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.standard_normal((60, 3)) * 1e-6, [[1e8, 0, 0]]])
    near = ms.Cloud(points).neighbors(4)
    np.testing.assert_allclose(near.distances, brute_force(points, 4), rtol=1e-9)


def test_lattices_have_tied_distances_and_are_exact() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3), -1).reshape(-1, 3)
    near = ms.Cloud(grid).neighbors(6)
    np.testing.assert_array_equal(near.distances, brute_force(grid, 6))


@given(
    scale=st.floats(1e-150, 1e150),
    seed=st.integers(0, 2**16),
    block_bytes=st.sampled_from([1 << 12, 1 << 16, 1 << 23]),
)
@settings(max_examples=25, deadline=None)
def test_scale_and_block_size_change_nothing(
    scale: float, seed: int, block_bytes: int
) -> None:
    points = np.random.default_rng(seed).standard_normal((150, 7))
    plain = ms.Cloud(points).neighbors(6)
    scaled = find_neighbors(ms.Cloud(points * scale), 6, block_bytes=block_bytes)
    np.testing.assert_array_equal(plain.indices, scaled.indices)
    np.testing.assert_allclose(plain.distances * scale, scaled.distances, rtol=1e-9)


def test_anchors_are_queries_among_all_points() -> None:
    cloud = ms.manifolds.Sphere(3).sample(500)
    full = cloud.neighbors(8)
    some = cloud.neighbors(8, anchors=100, rng=4)
    np.testing.assert_array_equal(some.indices, full.indices[some.queries])
    named = cloud.neighbors(8, anchors=np.array([7, 3]))
    np.testing.assert_array_equal(named.queries, [3, 7])
    assert len(cloud.neighbors(8, anchors=10_000).queries) == 500


def test_duplicates_are_dropped_counted_and_keep_the_order() -> None:
    points = np.random.default_rng(5).standard_normal((100, 4)).astype(np.float32)
    doubled = np.concatenate([points, points[:20], -0.0 * points[:1]])
    doubled = np.concatenate([doubled, np.zeros((1, 4), np.float32)])  # 0.0 == -0.0
    near = ms.Cloud(doubled).neighbors(3)
    assert (near.n_points, near.n_duplicates) == (101, 21)
    np.testing.assert_array_equal(near.queries[:100], np.arange(100))
    assert (near.distances > 0).all()
    with pytest.raises(ms.ManifoldScaleError, match="21 of 122 points equal"):
        ms.Cloud(doubled).neighbors(3, duplicates="error")


def test_the_precision_setting_of_the_process_is_left_alone() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        points = np.random.default_rng(6).standard_normal((300, 64))
        near = ms.Cloud(points).neighbors(4)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_allclose(near.distances, brute_force(points, 4), rtol=1e-12)


def test_a_table_serves_fewer_neighbours_but_not_more() -> None:
    near = ms.manifolds.Ball(2).sample(100).neighbors(5)
    assert near.first(3).k == 3
    with pytest.raises(ms.ManifoldScaleError, match=r"cloud.neighbors\(20\)"):
        ms.estimate(near, ms.dimension.MLE(k=20))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 3)), "is empty"),
        (np.zeros((3, 0)), "is empty"),
        (np.zeros(5), r"reshape\(-1, 1\)"),
        (np.float64(3), "2-D"),
        (np.zeros((2, 3, 4)), r"reshape\(len"),
        ([[1.0, np.nan]], r"1 NaN or infinite values, the first at index \(0, 1\)"),
        ([[1.0, np.inf]], "NaN or infinite"),
        ([["a", "b"]], "real numbers"),
        ([[1j, 2j]], "real numbers"),
        ([[1.0], [1.0, 2.0]], "cannot be read as a numeric array"),
    ],
)
def test_points_that_cannot_be_used(points: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.Cloud(points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": -1}, "`k` must be a non-negative integer"),
        ({"k": 2.5}, "`k` must be a non-negative integer"),
        ({"k": 99}, "99 neighbours need at least 101 distinct points; the cloud has 50"),
        ({"k": 3, "anchors": 0}, "`anchors` must be a whole number of at least 1"),
        ({"k": 3, "anchors": np.array([50])}, "row numbers from 0 to 49"),
        ({"k": 3, "anchors": np.array([0.5])}, "row numbers"),
        ({"k": 3, "duplicates": "merge?"}, "`duplicates` must be one of"),
        ({"k": 3, "anchors": 10, "rng": -1}, "`rng` must be"),
        ({"k": 3, "device": "abacus"}, "`device` 'abacus' cannot be used"),
    ],
)
def test_searches_that_cannot_work(arguments: dict, message: str) -> None:
    cloud = ms.manifolds.Ball(2).sample(50)
    with pytest.raises(ms.ManifoldScaleError, match=message):
        cloud.neighbors(**arguments)


def test_anchors_that_are_all_dropped_duplicates() -> None:
    doubled = np.tile(np.random.default_rng(0).random((30, 2)), (2, 1))
    with pytest.raises(ms.ManifoldScaleError, match="Every anchor equals"):
        ms.Cloud(doubled).neighbors(3, anchors=np.array([40, 41]))


def test_distances_that_vanish_against_the_extent_are_named() -> None:
    points = np.zeros((20, 2))
    points[:, 0] = np.arange(20) * 1e-200
    points[-1] = 1.0
    with pytest.raises(ms.ManifoldScaleError, match="nearer to each other than float64"):
        ms.Cloud(points).neighbors(2)


@pytest.mark.parametrize("search", ["tree", "brute"])
def test_distances_of_the_least_numbers_are_finite(search: str) -> None:
    """The reciprocal of a scale below 2^-1023 would be no float."""
    least = np.nextafter(0.0, 1.0)
    steps = np.random.default_rng(0).integers(0, 10**4, (200, 3)).astype(np.float64)
    near = ms.Cloud(steps * least).neighbors(5, search=search)
    expected = np.round(brute_force(steps, 5)) * least
    np.testing.assert_allclose(near.distances, expected, atol=least, rtol=0)


@pytest.mark.parametrize("search", ["tree", "brute"])
def test_squares_that_lose_digits_are_refused(search: str) -> None:
    """Between exact distances and none, squares are subnormal and lose digits."""
    cloud = np.random.default_rng(0).standard_normal((100, 3))
    for exponent in range(150, 185):
        points = np.vstack([cloud, np.full((1, 3), 10.0**exponent)])
        try:
            near = ms.Cloud(points).neighbors(5, search=search)
        except ms.ManifoldScaleError as error:
            assert "nearer to each other than float64" in str(error)
        else:
            expected = brute_force(cloud, 5)
            np.testing.assert_allclose(near.distances[:100], expected, rtol=1e-14)


def test_a_method_must_be_a_value() -> None:
    cloud = ms.manifolds.Ball(2).sample(50)
    for wrong in (ms.dimension.TwoNN, None, "TwoNN", 3):
        with pytest.raises(ms.ManifoldScaleError, match="method value"):
            ms.estimate(cloud, wrong)
    with pytest.raises(ms.ManifoldScaleError, match="empty"):
        ms.estimate(cloud, [])


def test_a_cloud_of_one_point_repeated() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"the cloud has 1 \(99 duplicates\)"):
        ms.estimate(np.ones((100, 3)), ms.dimension.TwoNN())
