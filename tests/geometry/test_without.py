"""A table without some rows is that of a search without them."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import manifoldscale as ms


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), gone=st.integers(0, 60), grouped=st.booleans())
def test_it_is_the_table_of_a_search(seed: int, gone: int, grouped: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((150, 3))
    groups = rng.integers(0, 40, 150) if grouped else None
    cloud = ms.Cloud(points, groups=groups)
    rows = rng.permutation(150)[:gone]
    stays = np.setdiff1d(np.arange(150), rows)
    near = cloud.neighbors(12).without(rows)
    again = cloud.take(stays).neighbors(near.k)
    np.testing.assert_array_equal(near.indices, again.indices)
    np.testing.assert_array_equal(near.distances, again.distances)
    np.testing.assert_array_equal(near.queries, again.queries)
    np.testing.assert_array_equal(near.rows, again.rows)
    assert near.cloud is not None and len(near.cloud) == 150 - gone


def test_duplicates_would_come_in() -> None:
    points = np.random.default_rng(0).standard_normal((30, 2))
    near = ms.Cloud(points[[*range(30), 0]]).neighbors(4)
    with pytest.raises(ms.ManifoldScaleError, match="duplicates"):
        near.without(np.array([0]))
