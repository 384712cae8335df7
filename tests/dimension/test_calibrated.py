"""Calibration: what was read at this N on known dimensions, undone."""

import dataclasses as dc

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.core.interval import Interval
from manifoldscale.dimension import MLE, Auto, Calibrated, TwoNN
from manifoldscale.dimension.calibrated import calibrate, load_table


def test_a_reading_on_a_family_inverts_to_its_dimension() -> None:
    table = load_table(TwoNN())
    for n in (300, 2500, 9000):
        for dim in (2, 8, 25):
            for i, curve in enumerate(table.curves(n)):
                reading = np.interp(dim, table.dims, curve)
                assert table.invert(reading, n)[i] == pytest.approx(dim, rel=0.01)


def test_the_table_is_plausible() -> None:
    """Low dimension is read right on the edgeless sphere. High dimension is read low, by
    less with more points; on the torus, whose circles are folded, it is read high.
    """
    table = load_table(TwoNN())
    sphere = table.readings[table.families.index("sphere")]
    np.testing.assert_allclose(sphere[:, 1], 2.0, rtol=0.02)
    high = table.readings[:, :, list(table.dims).index(30)]
    assert (high[table.is_central] < 27).all() and (high[~table.is_central] > 30).all()
    assert (np.diff(high[table.is_central], axis=1) > 0).all()


# Neither family nor size is in the table.
CASES = [
    (ms.manifolds.Sphere(11), 2500),
    (ms.manifolds.Affine(9), 6000),
    (ms.manifolds.Ball(18), 2500),
    (ms.manifolds.Affine(22, density="normal"), 3000),
]


@pytest.mark.parametrize(("manifold", "n"), CASES, ids=str)
def test_the_calibrated_interval_holds_the_truth(
    manifold: ms.manifolds.Manifold, n: int
) -> None:
    dim = ms.estimate(manifold.sample(n, ambient=50, rng=7), Auto())
    assert manifold.dim in dim.interval
    assert dim.value == pytest.approx(manifold.dim, rel=0.1)
    assert dim.raw < dim.value or manifold.dim <= 6
    assert dim.systematic > 0 and dim.stderr > 0


@pytest.mark.parametrize("dim", [6, 12, 20])
def test_folding_is_told_from_dimension(dim: int) -> None:
    """Circles of radius 1 with neighbours at 1.2 and more: TwoNN reads high. The interval
    holds the truth, and up to d = 12 the value is nearer than that of simple shapes.
    """
    cloud = ms.manifolds.FlatTorus(dim).sample(3000, rng=7)
    found = ms.estimate(cloud, Auto())
    assert found.raw > 1.04 * dim and dim in found.interval
    simple = ms.estimate(cloud, Calibrated(TwoNN())).value
    assert dim == 20 or abs(found.value - dim) < abs(simple - dim)


def test_anchors_change_the_error_bar_and_hardly_the_value() -> None:
    cloud = ms.manifolds.Sphere(6).sample(4000, rng=8)
    full = ms.estimate(cloud, Auto(anchors=4000))
    few = ms.estimate(cloud, Auto(anchors=400), rng=9)
    assert few.n_queries == 400 and few.n_points == 4000
    assert few.stderr > 2 * full.stderr
    assert abs(few.value - full.value) < 3 * few.stderr


def test_beyond_the_table_only_a_bound_is_given() -> None:
    cloud = ms.Cloud(np.random.default_rng(0).standard_normal((400, 500)))
    dim = ms.estimate(cloud, Auto())
    assert dim.interval.high == 500  # the number of features bounds it from above
    assert Caveat.BEYOND_CALIBRATION in {note.caveat for note in dim.caveats}


def test_the_calibrated_value_rises_with_the_reading_up_to_the_table() -> None:
    raw = ms.estimate(ms.manifolds.Sphere(30).sample(1500), TwoNN())
    table = load_table(TwoNN())
    readings = np.linspace(5, 60, 200)
    found = [
        calibrate(
            dc.replace(raw, value=r, raw=r, interval=Interval(0.97 * r, 1.03 * r)), table, 0
        )
        for r in readings
    ]
    assert (np.diff([dim.value for dim in found]) >= 0).all()
    assert (np.diff([dim.interval.low for dim in found]) >= 0).all()
    for dim in found:
        named = Caveat.BEYOND_CALIBRATION in {note.caveat for note in dim.caveats}
        assert named == dim.interval.is_open
        assert dim.value <= 70


def test_more_points_than_the_table_are_named() -> None:
    raw = ms.estimate(ms.manifolds.Sphere(3).sample(300), TwoNN())
    dim = calibrate(dc.replace(raw, n_points=10**6), load_table(TwoNN()), 0)
    assert Caveat.CALIBRATED_BELOW_SIZE in {note.caveat for note in dim.caveats}


def test_an_estimate_near_the_number_of_features_says_so() -> None:
    """The raw value is not near enough; what is printed is."""
    dim = ms.estimate(ms.manifolds.Ball(10).sample(1500, rng=1), Auto())
    assert dim.raw < 9 < dim.value
    assert Caveat.NEAR_AMBIENT in {note.caveat for note in dim.caveats}


@pytest.mark.parametrize("n", [60, 190])
def test_below_the_table_auto_gives_the_raw_estimate_with_a_caveat(n: int) -> None:
    cloud = ms.manifolds.Sphere(2).sample(n)
    dim = ms.estimate(cloud, Auto())
    assert dim.value == dim.raw
    found = {note.caveat for note in dim.caveats}
    assert Caveat.UNCALIBRATED in found and (Caveat.FEW_POINTS in found) == (n < 100)
    with pytest.raises(ms.ManifoldScaleError, match="begins at 250 points"):
        ms.estimate(cloud, Calibrated(TwoNN()))


def test_a_method_without_a_table_is_named() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="no calibration table for MLE"):
        ms.estimate(ms.manifolds.Sphere(2).sample(300), Calibrated(MLE()))


def test_raw_estimates_in_high_dimension_warn() -> None:
    dim = ms.estimate(ms.manifolds.Sphere(15).sample(1000), TwoNN())
    assert Caveat.FINITE_SAMPLE_BIAS in {note.caveat for note in dim.caveats}
    auto = ms.estimate(ms.manifolds.Sphere(15).sample(1000), Auto())
    assert Caveat.FINITE_SAMPLE_BIAS not in {note.caveat for note in auto.caveats}


def test_a_lattice_is_called_discrete() -> None:
    counts = np.random.default_rng(1).poisson(3, (500, 6))
    dim = ms.estimate(counts, TwoNN())
    assert Caveat.DISCRETE in {note.caveat for note in dim.caveats}
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3), -1).reshape(-1, 3)
    with pytest.raises(ms.ManifoldScaleError, match="not identifiable"):
        ms.estimate(grid, MLE(k=3))
