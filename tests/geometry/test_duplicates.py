"""Equal and nearly equal points are counted, and never give a distance of zero."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.geometry.duplicates import distinct, hashes, kept_rows


def test_equal_rows_hash_alike_wherever_they_stand() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for features in (1, 3, 1000):
            points = rng.standard_normal((500, features)).astype(dtype)
            points[-1] = points[0] = -0.0
            points[0] = 0.0
            found = hashes(np.concatenate([points, points]))
            np.testing.assert_array_equal(found[:500], found[500:])
            assert found[0] == found[499] and len(np.unique(found)) == 499


def test_discrete_rows_do_not_collide() -> None:
    """Their words end in many zeros, which a hash by multiplication could lose."""
    bits = np.unique(np.random.default_rng(1).random((5000, 40)) < 0.5, axis=0)
    for dtype in (np.float32, np.float64):
        assert len(np.unique(hashes(bits.astype(dtype)))) > 0.999 * len(bits)


def test_the_first_of_equal_rows_is_kept() -> None:
    points = np.random.default_rng(2).integers(0, 3, (300, 4)).astype(float)
    _, first = np.unique(points, axis=0, return_index=True)
    np.testing.assert_array_equal(distinct(points), np.sort(first))


def test_near_duplicates_are_merged_into_their_first_row() -> None:
    rng = np.random.default_rng(3)
    points = rng.standard_normal((400, 50)) + 100
    spread = np.sqrt(np.square(points - points.mean(0)).sum(1).mean())
    step = np.zeros(50)
    step[7] = 1e-6 * spread
    extra = np.concatenate(
        [
            points[10:20] + 0.9 * step,  # near
            points[30:40] + 1.1 * step,  # not near
            points[10:11] + 1.7 * step,  # linked through another
            points[50:55],  # equal
        ]
    )
    cloud = ms.Cloud(np.concatenate([points, extra]))
    near = cloud.neighbors(3, duplicates="merge")
    assert (near.n_duplicates, near.n_merged, near.n_points) == (5, 11, 410)
    np.testing.assert_array_equal(near.rows, [*range(400), *range(410, 420)])
    dropped = cloud.neighbors(3)
    assert (dropped.n_duplicates, dropped.n_merged) == (5, 0)
    assert cloud.neighbors(3, duplicates="merge", tolerance=1.2e-6).n_merged == 21
    assert cloud.neighbors(3, duplicates="merge", tolerance=0).n_merged == 0
    assert "merged=11" in repr(near)


def test_what_is_merged_does_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(4)
    points = np.repeat(rng.standard_normal((60, 3)), 3, axis=0)
    points += 3e-4 * rng.standard_normal(points.shape)
    label = np.arange(180) // 3
    sizes = set()
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(180)
        kept = kept_rows(points[order], "merge", 1e-2)
        sizes.add(len(kept.rows))
        first = np.unique(label[order], return_index=True)[1]
        assert set(kept.rows) <= set(first)
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"duplicates": "keep"}, "`duplicates` must be one of 'drop', 'merge', 'error'"),
        ({"duplicates": "merge", "tolerance": -1}, "`tolerance` must be a share"),
        ({"duplicates": "merge", "tolerance": np.nan}, "`tolerance` must be a share"),
        ({"duplicates": "merge", "tolerance": 0.9}, "distinct points"),
    ],
)
def test_policies_that_cannot_work(arguments: dict, message: str) -> None:
    cloud = ms.manifolds.Ball(2).sample(50)
    with pytest.raises(ms.ManifoldScaleError, match=message):
        cloud.neighbors(3, **arguments)
