"""The signature, reading by reading, and what reference clouds make of it."""

import dataclasses as dc
import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.dimension import MLE, Auto, Calibrated, Gride, TwoNN
from manifoldscale.dimension.references import FILE, References, load_references
from manifoldscale.dimension.signature import READINGS, signature
from manifoldscale.geometry.neighbors import Neighbors

CLOUD = ms.manifolds.Ball(4).sample(300, ambient=9, rng=5)
NEAR = CLOUD.neighbors(64)


def without(near: Neighbors, i: int) -> Neighbors:
    keep = np.delete(np.arange(near.n_queries), i)
    return dc.replace(
        near,
        queries=near.queries[keep],
        indices=near.indices[keep],
        distances=near.distances[keep],
    )


def test_readings_against_their_definitions() -> None:
    found = dict(zip(READINGS, signature(NEAR).values, strict=True))
    assert found["nearest"] == pytest.approx(np.log(ms.estimate(NEAR, TwoNN()).value))
    assert found["middle"] == pytest.approx(np.log(ms.estimate(NEAR, Gride(8)).value))
    assert found["far"] == pytest.approx(np.log(ms.estimate(NEAR, Gride(32)).value))
    logs = np.log(NEAR.distances[:, :32])
    local = np.log(1 / (logs[:, -1:] - logs).sum(axis=1))
    assert found["scatter"] == pytest.approx(local.std())
    assert found["tilt"] == pytest.approx(np.corrcoef(local, logs[:, -1])[0, 1])
    cosines, spreads = [], []
    for i in range(len(CLOUD)):
        around = CLOUD.points[NEAR.indices[i]] - CLOUD.points[i]
        units = around / np.linalg.norm(around, axis=1, keepdims=True)
        cosines += [[a @ b for a, b in itertools.combinations(units[:8], 2)]]
        eigenvalues = np.linalg.eigvalsh(np.cov(around[:32].T))
        spreads.append(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum())
    assert found["angle"] == pytest.approx(-np.log(np.square(cosines).mean()))
    assert found["lean"] == pytest.approx(np.mean(cosines))
    assert found["spread"] == pytest.approx(np.log(np.mean(spreads)))
    apart = np.linalg.norm(CLOUD.points[:, None] - CLOUD.points, axis=2)
    pairs = apart[~np.eye(len(CLOUD), dtype=bool)]
    assert found["extent"] == pytest.approx(np.log(pairs.mean() ** 2 / (2 * pairs.var())))


@pytest.mark.parametrize("reading", READINGS)
def test_influence_is_the_jackknife(reading: str) -> None:
    """Leaving one query out moves a reading by its influence. `extent` is of pairs: there
    the neighbour table is left alone, and the point is left out of the pairs.
    """
    column = READINGS.index(reading)
    whole = signature(NEAR)
    chosen = range(0, 300, 6)
    moved = [
        whole.values[column] - signature(without(NEAR, i)).values[column] for i in chosen
    ]
    influence = whole.influence[list(chosen), column]
    assert abs(whole.influence[:, column].sum()) < 2 / len(CLOUD)
    assert np.corrcoef(moved, influence)[0, 1] > 0.97
    assert np.std(moved) == pytest.approx(np.std(influence), rel=0.1)


def test_similarity_changes_no_reading() -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 9)))
    moved = ms.Cloud(CLOUD.points @ rotation * 1e6 + 3).neighbors(64)
    np.testing.assert_allclose(
        signature(moved).values, signature(NEAR).values, rtol=1e-6, atol=1e-9
    )


def test_the_shipped_table_predicts_itself() -> None:
    """Leave one out: the mean error is little more than half of TwoNN's, which is small
    where networks' folds and their few points cancel, and 95 % intervals hold the truth
    about as often.
    """
    table = load_references(READINGS)
    with np.load(FILE) as stored:
        readings, sizes, dims = (stored[name] for name in ("readings", "sizes", "dims"))
    errors, raw, held = [], [], []
    for i in range(0, len(dims), 13):
        if dims[i] > 70:
            continue
        values, log_dim = readings[i].astype(float), np.log(dims[i])
        match = table.match(values, int(sizes[i]), leave_out=i)
        off = log_dim - match.log_dim
        low, high = match.quantiles(0.025, 0.975)
        errors.append(abs(np.expm1(-off)))
        raw.append(abs(np.exp(values[0] - log_dim) - 1))
        held.append(low <= off <= high)
    assert len(errors) > 100
    assert np.mean(errors) < 0.6 * np.mean(raw)
    assert 0.90 <= np.mean(held) <= 0.99


def test_the_gradient_is_the_change_of_the_prediction() -> None:
    """With the same clouds and weights, the prediction is linear in the readings."""
    rng = np.random.default_rng(1)
    n = 4000
    dims = np.exp(rng.uniform(0, 3, n))
    shifts = rng.standard_normal((n, len(READINGS))) * 0.1
    readings = 0.9 * np.log(dims)[:, None] + shifts
    table = References.of(READINGS, readings, rng.integers(1000, 1010, n), dims)
    at = np.full(len(READINGS), 0.9 * np.log(6.0))
    match = table.match(at, 1005)
    for column in range(len(READINGS)):
        step = np.zeros(len(READINGS))
        step[column] = 1e-4
        up, down = (table.match(at + sign * step, 1005).log_dim for sign in (1, -1))
        slope = (up - down) / 2e-4
        assert match.gradient[column] == pytest.approx(slope, abs=0.15)
    assert np.exp(match.log_dim) == pytest.approx(6, rel=0.05)


def test_auto_says_what_it_did() -> None:
    dim = ms.estimate(CLOUD, Auto())
    assert "corrected by reference clouds that read alike" in str(dim)
    assert dim.systematic > 0 and dim.stderr > 0 and dim.raw < dim.interval.high
    few = ms.estimate(CLOUD.neighbors(10), Auto())
    assert few.value == ms.estimate(CLOUD, Calibrated(TwoNN())).value
    assert "corrected for 300 points" in few.basis


def test_a_cloud_unlike_any_reference_is_corrected_for_its_size_only() -> None:
    """A plane, and far from it a cloud of eight dimensions."""
    rng = np.random.default_rng(3)
    plane = np.pad(rng.standard_normal((1000, 2)), [(0, 0), (0, 18)])
    full = np.pad(rng.standard_normal((1000, 8)), [(0, 0), (0, 12)]) + 30
    both = np.vstack([plane, full])
    dim = ms.estimate(both, Auto())
    assert Caveat.UNLIKE_REFERENCES in {note.caveat for note in dim.caveats}
    assert dim.value == ms.estimate(both, Calibrated(TwoNN())).value


def test_fewer_queries_widen_the_interval() -> None:
    cloud = ms.manifolds.Ball(3).sample(3000, rng=2)
    many, few = (ms.estimate(cloud, Auto(anchors=n)) for n in (3000, 200))
    assert few.interval.width > 1.1 * many.interval.width
    assert few.stderr > 2 * many.stderr


def test_distances_alone_are_enough() -> None:
    """A periodic square: no embedding, so no angles; the distance readings remain."""
    points = np.random.default_rng(4).random((600, 2))
    steps = np.abs(points[:, None] - points)
    distances = np.linalg.norm(np.minimum(steps, 1 - steps), axis=2)
    near = Neighbors.from_distances(distances, k=64)
    dim = ms.estimate(near, Auto())
    assert 2 in dim.interval and dim.value == pytest.approx(2, rel=0.1)
    assert ms.estimate(near, MLE(k=10)).value == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("method", [Auto(), Calibrated(TwoNN())], ids=str)
def test_no_more_dimensions_than_features(method: object) -> None:
    for dim in (1, 8):
        found = ms.estimate(ms.manifolds.Affine(dim).sample(800, rng=dim), method)
        assert found.value <= dim and found.interval.high == dim >= found.interval.low


def test_dimensions_between_whole_numbers_are_not_rounded() -> None:
    """A reading half-way between those of 2 and 3 is half-way, not either of them, and
    the estimate rises steadily.
    """
    table = load_references(READINGS)
    two, three = (
        signature(ms.manifolds.Ball(d).sample(4000, rng=1).neighbors(64)).values
        for d in (2, 3)
    )
    found = [
        np.exp(table.match(two + share * (three - two), 4000).log_dim)
        for share in np.linspace(0, 1, 11)
    ]
    assert (np.diff(found) > 0).all()
    assert 2.2 < found[5] < 2.8
