"""References that pass by in batches; points that stay on disk."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import manifoldscale as ms
from manifoldscale.geometry import brute
from manifoldscale.geometry.stream import stream_neighbors

POINTS = np.random.default_rng(0).standard_normal((500, 12)).astype(np.float32) + 1e3
CLOUD = ms.Cloud(POINTS)


def test_batches_as_a_loader_yields_them() -> None:
    loader = torch.utils.data.DataLoader(torch.from_numpy(POINTS), batch_size=64)
    near = stream_neighbors(loader, POINTS[40:90], k=7, rows=range(40, 90))
    whole = CLOUD.neighbors(7, anchors=np.arange(40, 90))
    np.testing.assert_array_equal(near.indices, whole.indices)
    np.testing.assert_array_equal(near.distances, whole.distances)
    assert (near.n_rows, near.n_points, near.ambient_dim) == (500, 500, 12)
    assert near.search == "stream" and near.cloud is None
    estimates = (ms.estimate(n, ms.dimension.TwoNN()).value for n in (near, whole))
    assert len(set(estimates)) == 1


def test_equal_points_count_once_across_batches() -> None:
    doubled = np.concatenate([POINTS, POINTS[::-1]])
    near = stream_neighbors(np.split(doubled, 5), POINTS[:50], k=7, rows=range(50))
    whole = ms.Cloud(doubled).neighbors(7, anchors=np.arange(50))
    np.testing.assert_array_equal(near.indices, whole.indices)
    np.testing.assert_array_equal(near.rows, whole.rows)
    assert near.n_duplicates == whole.n_duplicates == 500


def test_queries_from_elsewhere() -> None:
    queries = POINTS[:20] + np.float32(0.5)
    near = stream_neighbors([POINTS], ms.Cloud(queries), k=3)
    np.testing.assert_array_equal(near.queries, np.arange(500, 520))
    apart = np.linalg.norm(queries[:, None].astype(float) - POINTS, axis=2)
    np.testing.assert_allclose(near.distances, np.sort(apart, 1)[:, :3], rtol=1e-12)
    assert near.n_rows == 520
    assert ms.estimate(near, ms.dimension.MLE(k=3)).value > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([POINTS[:, :5]], POINTS, 3), "Batch 0 has 5 features; the queries have 12"),
        (
            ([POINTS[:4]], POINTS, 5),
            "5 neighbours per query were asked for; the stream of 4",
        ),
        (([], POINTS, 1), "the stream of 0 rows"),
        (([POINTS], POINTS, 0), "`k` must be a positive integer"),
        (([POINTS, POINTS * np.nan], POINTS, 3), "`batch 1` holds 6,000 NaN"),
    ],
)
def test_streams_that_cannot_be_used(arguments: tuple, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        stream_neighbors(*arguments)


def test_rows_must_name_the_queries() -> None:
    for rows in ([1], [0] * 500):
        with pytest.raises(ms.ManifoldScaleError, match="`rows` must name a different"):
            stream_neighbors([POINTS], POINTS, 3, rows=rows)


def saved(path: Path, points: np.ndarray) -> np.memmap:
    np.save(path, points)
    return np.load(path, mmap_mode="r")


def test_a_memory_map_stays_one_and_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brute, "SWEEP_BYTES", 4096)
    monkeypatch.setattr(brute, "RESIDENT_BYTES", 0)
    doubled = np.concatenate([POINTS, POINTS[:7]])
    cloud = ms.Cloud(saved(tmp_path / "points.npy", doubled))
    assert isinstance(cloud.points, np.memmap)
    for anchors in (None, 100):
        near, there = (one.neighbors(5, anchors=anchors) for one in (CLOUD, cloud))
        if anchors is None:
            np.testing.assert_array_equal(near.indices, there.indices)
        assert there.n_duplicates == 7 and len(there.queries) == len(near.queries)


def test_workers_open_the_file_themselves(tmp_path: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor

    near = CLOUD.neighbors(5)
    whole = saved(tmp_path / "points.npy", np.concatenate([POINTS, POINTS[:1]]))
    with ProcessPoolExecutor(1) as executor:
        for points in (whole, whole[:500], np.asfortranarray(whole)):
            there = ms.Cloud(points).neighbors(5, executor=executor)
            np.testing.assert_array_equal(there.indices, near.indices)


def test_nan_in_a_memory_map_is_found(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[499, 11] = np.nan
    with pytest.raises(ms.ManifoldScaleError, match=r"first at index \(499, 11\)"):
        ms.Cloud(saved(tmp_path / "points.npy", points))


MEASURED = """
import resource, sys
import numpy as np, torch
import manifoldscale as ms
from manifoldscale.geometry.neighbors import find_neighbors

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

small = ms.Cloud(np.random.default_rng(0).standard_normal((5000, 64)).astype("f4"))
find_neighbors(small, 10, anchors=50)  # libraries and thread buffers are in memory
before = peak()
points = np.load(sys.argv[1], mmap_mode="r")
near = ms.Cloud(points).neighbors(10, anchors=100)
print(peak() - before)
"""


@pytest.mark.slow
def test_the_memory_of_a_search_on_disk(tmp_path: Path) -> None:
    """60,000 x 256 float32 are 61 MB in the map, which count when touched; one copy in
    float64 would add 123 MB.
    """
    rng = np.random.default_rng(1)
    np.save(tmp_path / "points.npy", rng.standard_normal((60_000, 256), dtype=np.float32))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path / "points.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 61 + 100


@pytest.mark.parametrize("extent", [1e-30, 1e20])
def test_a_batch_far_smaller_than_the_distances_to_it_is_searched(extent: float) -> None:
    """Its own scale would make the squares of such distances infinite."""
    draw = np.random.default_rng(0)
    points = draw.standard_normal((60, 3))
    points[:30] *= extent
    near = ms.stream_neighbors([points[:30], points[30:]], points, 40, rows=range(60))
    table = ms.Cloud(points).neighbors(40, search="brute")
    np.testing.assert_array_equal(near.indices, table.indices)
    np.testing.assert_allclose(near.distances, table.distances, rtol=1e-14)
