"""Points of one group are never neighbours of each other."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.geometry.stream import stream_neighbors

RNG = np.random.default_rng(0)
WALKS = np.cumsum(RNG.standard_normal((40, 30, 5)), axis=1).reshape(1200, 5)
WALK = np.repeat(np.arange(40), 30)


@pytest.mark.parametrize("search", ["tree", "brute"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_no_neighbour_is_of_the_same_group(search: str, shuffled: bool) -> None:
    """Of walks with long steps, which are no companions."""
    order = RNG.permutation(1200) if shuffled else np.arange(1200)
    points = 3 * WALKS + 30 * RNG.standard_normal(WALKS.shape)
    cloud = ms.Cloud(points[order], groups=[f"walk {i}" for i in WALK[order]])
    near = cloud.neighbors(8, search=search)
    groups = WALK[order]
    assert (groups[near.indices] != groups[:, None]).all()
    assert (WALK[ms.Cloud(points).neighbors(8).indices] == WALK[:, None]).any()
    some = cloud.neighbors(8, anchors=100, search=search)
    np.testing.assert_array_equal(some.indices, near.indices[some.queries])


def test_frames_of_one_video_hide_its_dimension() -> None:
    """Without groups the nearest points are the next steps of the same walk."""
    alone = ms.estimate(ms.Cloud(WALKS), ms.dimension.TwoNN())
    apart = ms.estimate(ms.Cloud(WALKS, groups=WALK), ms.dimension.TwoNN())
    assert apart.value > alone.value


def test_groups_are_aligned_and_carried() -> None:
    cloud = ms.Cloud(WALKS, None, WALK)
    np.testing.assert_array_equal(cloud.take(np.array([31, 2])).groups, [1, 0])
    with pytest.raises(ms.ManifoldScaleError, match="`groups` must have one entry"):
        ms.Cloud(WALKS, groups=WALK[:-1])
    with pytest.raises(ms.ManifoldScaleError, match="`groups` must be 1-D"):
        ms.Cloud(WALKS, groups=WALKS).neighbors(3)


def test_too_few_points_outside_a_group() -> None:
    groups = np.where(np.arange(1200) < 1195, "most", "rest")
    cloud = ms.Cloud(WALKS, groups=groups)
    with pytest.raises(ms.ManifoldScaleError, match=r"point 0 has 5: its group .*'most'"):
        cloud.neighbors(6)
    assert cloud.neighbors(5).k == 5
    assert cloud.neighbors(100, anchors=np.array([1199])).k == 100


def films(
    dimension: int, n_films: int, frames: int, step: float, seed: int = 0
) -> ms.Cloud:
    """Short walks on a flat torus of this dimension, each from a place of its own."""
    rng = np.random.default_rng(seed)
    steps = step * rng.standard_normal((n_films, frames, dimension))
    angles = 2 * np.pi * (rng.random((n_films, 1, dimension)) + np.cumsum(steps, axis=1))
    points = np.concatenate([np.cos(angles), np.sin(angles)], axis=2).reshape(
        -1, 2 * dimension
    )
    return ms.Cloud(points, groups=np.repeat(np.arange(n_films), frames))


@pytest.mark.parametrize("dimension", [2, 4])
@pytest.mark.parametrize(("n_films", "frames", "step"), [(300, 10, 0.003), (600, 4, 0.02)])
def test_frames_of_another_film_count_once(
    dimension: int, n_films: int, frames: int, step: float
) -> None:
    """The two nearest frames are of one film: their ratio says nothing of the torus."""
    cloud = films(dimension, n_films, frames, step)
    near = cloud.neighbors(20)
    assert n_films <= near.n_points < len(cloud) and near.n_siblings > 0
    companions = cloud.groups[near.indices[:, 0]] == cloud.groups[near.indices[:, 1]]
    assert companions.mean() < 0.2
    found = ms.estimate(cloud, ms.dimension.TwoNN())
    assert dimension in found.interval and found.value < 1.25 * dimension
    assert "SIBLINGS" in {note.caveat.name for note in found.caveats}


def test_groups_of_independent_points_all_count() -> None:
    """Four groups share a nearest pair by chance; walks that go far are no companions."""
    points = ms.manifolds.Sphere(3).sample(1200, rng=1).points
    for groups in (np.arange(1200) % 4, np.arange(1200) % 300):
        assert ms.Cloud(points, groups=groups).neighbors(10).n_siblings == 0
    assert films(2, 200, 5, 0.2).neighbors(10).n_siblings == 0


def test_anchors_are_first_among_their_group() -> None:
    cloud = films(2, 300, 10, 0.003)
    anchors = np.arange(5, 3000, 10)
    near = cloud.neighbors(5, anchors=anchors)
    np.testing.assert_array_equal(near.queries, anchors)


def test_too_few_groups_of_near_copies_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="frames of a film"):
        films(2, 20, 20, 0.001).neighbors(30)


def test_a_stream_of_films_is_refused() -> None:
    cloud = films(2, 300, 10, 0.003)
    batches = [(cloud.points, cloud.groups)]
    rows = np.arange(0, 3000, 10)
    with pytest.raises(ms.ManifoldScaleError, match="one point of each group"):
        stream_neighbors(
            batches, cloud.points[rows], 5, rows=rows, groups=cloud.groups[rows]
        )
    alone = [(cloud.points[rows], cloud.groups[rows])]
    near = stream_neighbors(
        alone, cloud.points[rows], 5, rows=np.arange(300), groups=cloud.groups[rows]
    )
    assert near.n_points == 300
