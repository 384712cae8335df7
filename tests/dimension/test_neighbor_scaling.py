"""Nearest distances over decimations."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.interval import Interval
from manifoldscale.dimension import NearestNeighborScaling
from manifoldscale.dimension.neighbor_scaling import _inverted


def test_the_exponent_is_minus_one_over_the_dimension() -> None:
    found = ms.estimate(ms.manifolds.FlatTorus(2).sample(3000), NearestNeighborScaling())
    assert found.exponent == pytest.approx(-1 / found.value)
    assert abs(found.exponent + 0.5) < 3 * found.exponent_stderr
    assert found.sizes == (3000, 1500, 750, 375)
    steps = np.diff(np.log(found.mean_distances)) / np.log(2)
    np.testing.assert_allclose(steps, 0.5, atol=0.05)
    assert found.row()["exponent"] == found.exponent
    assert list(found.row())[-1] == "caveats"


def test_the_first_size_is_the_table_and_every_query_counts_at_each() -> None:
    cloud = ms.manifolds.Sphere(2).sample(400, rng=1)
    near = cloud.neighbors(3, anchors=50, rng=2)
    found = ms.estimate(near, NearestNeighborScaling(k=3, halvings=2))
    assert found.mean_distances[0] == pytest.approx(near.distances[:, 2].mean())
    assert found.n_queries == 50
    assert found.mean_distances[0] < found.mean_distances[1] < found.mean_distances[2]


def test_duplicates_take_no_part_in_the_blocks() -> None:
    points = ms.manifolds.Ball(2).sample(300, rng=3).points
    doubled = np.vstack([points, points[:100]])
    found = ms.estimate(doubled, NearestNeighborScaling())
    assert found.value == ms.estimate(points, NearestNeighborScaling()).value
    assert "DUPLICATES" in {note.caveat.name for note in found.caveats}


def test_a_slope_that_may_be_zero_leaves_the_interval_open() -> None:
    interval, notes = _inverted(Interval(-0.5, 0.1))
    assert (interval.low, interval.high) == (2, np.inf)
    assert [note.caveat.name for note in notes] == ["OPEN_INTERVAL"]
    closed, notes = _inverted(Interval(-0.5, -0.25))
    assert (closed.low, closed.high) == (2, 4) and not notes


def test_settings_that_cannot_work() -> None:
    for settings in ({"k": 0}, {"halvings": 0}):
        with pytest.raises(ms.ManifoldScaleError):
            NearestNeighborScaling(**settings)
    with pytest.raises(ms.ManifoldScaleError, match="halvings"):
        ms.estimate(ms.manifolds.Ball(2).sample(100), NearestNeighborScaling())
