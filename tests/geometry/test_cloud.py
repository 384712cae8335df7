"""Clouds take what users have, and keep it aligned."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import manifoldscale as ms

POINTS = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    "points",
    [
        POINTS,
        POINTS.tolist(),
        torch.tensor(POINTS),
        pd.DataFrame(POINTS),
        POINTS.astype(int),
        torch.tensor(POINTS, requires_grad=True),
        torch.tensor(POINTS).bfloat16(),
        POINTS.astype(np.float16),
    ],
)
def test_array_likes(points: object) -> None:
    np.testing.assert_array_equal(ms.Cloud(points).points, POINTS)


def test_precision_is_kept() -> None:
    assert ms.Cloud(POINTS.astype(np.float32)).points.dtype == np.float32
    assert ms.Cloud(POINTS > 5).points.dtype == np.float64


def test_the_callers_array_stays_writable_and_the_view_is_not() -> None:
    mine = POINTS.copy()
    cloud = ms.Cloud(mine)
    mine[0, 0] = 7
    with pytest.raises(ValueError, match="read-only"):
        cloud.points[0, 0] = 1


def test_take_keeps_labels_and_ids_aligned() -> None:
    cloud = ms.Cloud(POINTS, labels=[10, 11, 12, 13])
    part = cloud.take(np.array([2, 0]))
    np.testing.assert_array_equal(part.labels, [12, 10])
    np.testing.assert_array_equal(part.ids, [2, 0])


def test_misaligned_labels() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="one entry for each of the 4 points"):
        ms.Cloud(POINTS, labels=[1, 2])


def test_a_sparse_matrix_is_named() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="sparse matrix"):
        ms.Cloud(sparse.csr_array(POINTS))


@pytest.mark.parametrize("name", ["groups", "ids"])
def test_groups_and_ids_that_are_missing_are_refused(name: str) -> None:
    values = np.array([0.0, np.nan, 1.0])
    for gone in (values, values.astype("M8[s]"), [None, 1, 2]):
        with pytest.raises(ms.ManifoldScaleError, match=f"`{name}` holds 1 missing"):
            ms.Cloud(np.eye(3), **{name: gone})
