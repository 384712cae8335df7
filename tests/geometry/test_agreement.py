"""Every way of searching gives the same table, to the last index and tie."""

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale.geometry import brute, searched
from manifoldscale.geometry.bounds import Brain, Plain
from manifoldscale.geometry.brute import Search
from manifoldscale.geometry.neighbors import find_neighbors
from manifoldscale.geometry.rows import Frame, Rows
from manifoldscale.geometry.stream import stream_neighbors

from .exact import by_brute_force, clouds

CLOUDS = clouds()
hard_clouds = pytest.mark.parametrize("name", CLOUDS)
WAYS = {
    "exact": {},
    "tree": {"search": "tree"},
    "brute": {"search": "brute", "brain": False},
    "small tiles": {"search": "brute", "block_bytes": 1 << 10},
    "bfloat16": {"search": "brute", "brain": True},
}


@pytest.fixture(params=["halved", "swept", "halved, torch", "swept, torch"], scope="module")
def product(request: pytest.FixtureRequest) -> Iterator[None]:
    """All pairs at once, as if they fitted in memory or not; by compiled loops or by the
    operations of torch that other devices run.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "swept" in request.param:
            patch.setattr(brute, "RESIDENT_BYTES", 0)
        if "torch" in request.param:
            patch.setattr(searched.Search, "on_cpu", False)
        yield


@pytest.mark.usefixtures("product")
@hard_clouds
@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_brute_force(name: str, way: str) -> None:
    cloud = ms.Cloud(CLOUDS[name])
    near = find_neighbors(cloud, 7, **WAYS[way])
    indices, distances = by_brute_force(cloud.points, 8)
    np.testing.assert_allclose(near.distances, distances[:, :7], rtol=1e-12)
    reference = find_neighbors(cloud, 7, search="tree")
    np.testing.assert_array_equal(near.indices, reference.indices)
    np.testing.assert_array_equal(near.distances, reference.distances)
    apart = ~np.isclose(distances[:, 1:], distances[:, :-1], rtol=1e-12).any(1)
    np.testing.assert_array_equal(near.indices[apart], indices[apart, :7])


@pytest.mark.usefixtures("product")
@given(
    n=st.integers(12, 400),
    features=st.integers(1, 40),
    k=st.integers(1, 10),
    levels=st.sampled_from([3, 20, 10**6]),
    grouped=st.booleans(),
    single=st.booleans(),
    offset=st.sampled_from([0.0, 1e3, 1e6]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40, deadline=None)
def test_random_clouds_with_ties_duplicates_and_groups(
    n: int,
    features: int,
    k: int,
    levels: int,
    grouped: bool,
    single: bool,
    offset: float,
    seed: int,
) -> None:
    """Numbers on a grid: distances are exact in float64, so that ties are known."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, levels, (n, features)) + offset
    points = points.astype(np.float32 if single else np.float64)
    groups = rng.integers(0, 4, n) if grouped else None
    cloud = ms.Cloud(points, groups=groups)
    _, rows = np.unique(points, axis=0, return_index=True)
    rows = np.sort(rows)
    codes = None if groups is None else groups[rows]
    sizes = np.zeros(1) if codes is None else np.bincount(codes)
    if len(rows) < k + 2 or (codes is not None and len(rows) - sizes.max() < k):
        with pytest.raises(ms.ManifoldScaleError, match="neighbours"):
            cloud.neighbors(k)
        return
    indices, distances = by_brute_force(points[rows], k, codes)
    for way in WAYS.values():
        near = find_neighbors(cloud, k, **way)
        np.testing.assert_array_equal(near.queries, rows)
        np.testing.assert_array_equal(near.indices, rows[indices])
        np.testing.assert_allclose(near.distances, distances, rtol=1e-15)
        assert near.n_duplicates == n - len(rows)
    some = rows[: len(rows) // 2 + 1]
    near = cloud.neighbors(k, anchors=some, search="brute")
    np.testing.assert_array_equal(near.indices, rows[indices[: len(some)]])
    cut = np.sort(rng.integers(0, n, 3))
    batches = np.split(np.arange(n), cut)
    passing = (
        (points[part], groups[part]) if grouped else points[part]
        for part in batches
        if len(part)
    )
    asked = None if groups is None else groups[rows]
    stream = stream_neighbors(passing, points[rows], k, rows=rows, groups=asked)
    np.testing.assert_array_equal(stream.indices, rows[indices])
    np.testing.assert_array_equal(stream.rows, rows)


@pytest.mark.usefixtures("product")
@pytest.mark.parametrize("form", ["float32", "float64", "bfloat16"])
@hard_clouds
def test_the_bounds_lie_below_the_distances_and_not_far(name: str, form: str) -> None:
    points = CLOUDS[name]
    rows = Rows.of(points, None, None)
    frame = Frame.of(rows)
    ready = (
        Brain.of(frame, rows)
        if form == "bfloat16"
        else Plain.of(frame, rows, getattr(torch, form))
    )
    tile = torch.empty((len(points), len(points)), dtype=ready.dtype)
    ready.tile(ready.left(slice(0, len(points))), 0, len(points), tile)
    wide = points.astype(np.float64) / frame.scale
    exact = np.stack([np.square(wide - row).sum(1) for row in wide])
    low = tile.double().numpy()
    vanishing = torch.finfo(ready.dtype).tiny * 2.0**24
    assert (low <= exact * (1 + 1e-9) + vanishing).all()
    norms = np.linalg.norm(wide - wide.mean(0), axis=1)
    widest = np.square(norms[:, None] + norms).max()
    share = {"float32": 1e-4, "float64": 1e-12, "bfloat16": 3e-2}[form]
    assert (low >= exact - share * widest).all()


def test_bfloat16_alone_would_be_wrong_and_most_certificates_fail() -> None:
    points = CLOUDS["tight clusters"]
    search = Search.among(Rows.of(points, None, None), np.arange(len(points)), 5)
    found = torch.empty((240, 5), dtype=torch.int64), torch.empty((240, 5)).double()
    failed = brute._propose(search, torch.arange(240), found, True)
    assert len(failed) > 200
    indices, _ = by_brute_force(points, 5)
    assert (found[0].numpy() != indices).any()
    np.testing.assert_array_equal(brute.nearest(search, True)[0], indices)


@pytest.mark.usefixtures("product")
@pytest.mark.usefixtures("product")
def test_bfloat16_certifies_most_queries_of_a_smooth_cloud() -> None:
    points = ms.manifolds.Sphere(4).sample(3000, ambient=256).points
    search = Search.among(Rows.of(points, None, None), np.arange(3000), 10)
    found = torch.empty((3000, 10), dtype=torch.int64), torch.empty((3000, 10)).double()
    assert len(brute._propose(search, torch.arange(3000), found, True)) < 300


def test_a_small_k_and_a_large_one() -> None:
    points = CLOUDS["gaussian"]
    indices, distances = by_brute_force(points, 248)
    for k in (1, 100, 248):
        for way in ("exact", "tree", "brute"):
            near = ms.Cloud(points).neighbors(k, search=way)
            np.testing.assert_array_equal(near.indices, indices[:, :k])
            np.testing.assert_allclose(near.distances, distances[:, :k], rtol=1e-13)


def test_the_search_that_was_used_is_recorded() -> None:
    few, many = ms.manifolds.Ball(3).sample(100), ms.manifolds.Ball(3).sample(100, 30)
    assert few.neighbors(3).search == "tree" and many.neighbors(3).search == "brute"
    assert few.neighbors(3, search="brute").search == "brute"
    assert few.neighbors(3).recall == 1.0


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
@pytest.mark.parametrize("features", [3, 40])
def test_workers_change_nothing(pool: type[Executor], features: int) -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(0, 4, (1500, features)).astype(np.float32)
    cloud = ms.Cloud(points, groups=np.arange(1500) // 5)
    alone = cloud.neighbors(6)
    for workers in (1, 2):
        with pool(workers) as executor:
            shared = cloud.neighbors(6, executor=executor)
        np.testing.assert_array_equal(shared.indices, alone.indices)
        np.testing.assert_array_equal(shared.distances, alone.distances)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@hard_clouds
@pytest.mark.parametrize("brain", [False, True])
def test_cuda_gives_the_same_table(name: str, brain: bool) -> None:
    cloud = ms.Cloud(CLOUDS[name])
    here = find_neighbors(cloud, 7, search="brute")
    there = find_neighbors(cloud, 7, search="brute", device="cuda", brain=brain)
    np.testing.assert_allclose(there.distances, here.distances, rtol=1e-12)
