"""Points of one group are never neighbours of each other."""

import numpy as np
import pytest

import manifoldscale as ms

RNG = np.random.default_rng(0)
WALKS = np.cumsum(RNG.standard_normal((40, 30, 5)), axis=1).reshape(1200, 5)
WALK = np.repeat(np.arange(40), 30)


@pytest.mark.parametrize("search", ["tree", "brute"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_no_neighbour_is_of_the_same_group(search: str, shuffled: bool) -> None:
    order = RNG.permutation(1200) if shuffled else np.arange(1200)
    cloud = ms.Cloud(WALKS[order], groups=[f"walk {i}" for i in WALK[order]])
    near = cloud.neighbors(8, search=search)
    groups = WALK[order]
    assert (groups[near.indices] != groups[:, None]).all()
    assert (WALK[ms.Cloud(WALKS).neighbors(8).indices] == WALK[:, None]).any()
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
