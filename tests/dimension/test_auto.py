"""The default estimate: what it says, and where it holds."""

import dataclasses as dc
import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.core.caveat import Caveat
from manifoldscale.dimension import MLE, Auto, Calibrated, TwoNN
from manifoldscale.dimension.correction import load_correction
from manifoldscale.dimension.signature import READINGS, signature
from manifoldscale.geometry.neighbors import Neighbors

CLOUD = ms.manifolds.Ball(4).sample(300, ambient=9, rng=5)


def test_the_gradient_is_the_change_of_the_prediction() -> None:
    model = load_correction(True)
    at = signature(CLOUD.neighbors(64)).values
    gradient = model.gradient(at, 300)
    middle, _, _ = model.predict(at[None], np.array([300.0]))
    for column in range(len(READINGS)):
        moved = at + 0.01 * np.eye(len(READINGS))[column]
        after, _, _ = model.predict(moved[None], np.array([300.0]))
        assert (after - middle)[0] / 0.01 == pytest.approx(gradient[column], abs=0.05)


def test_it_says_what_it_did() -> None:
    dim = ms.estimate(CLOUD, Auto())
    assert "corrected by its readings of distances and angles" in str(dim)
    assert dim.systematic > 0 and dim.stderr > 0
    resolved = dim.resolved
    assert resolved.value == dim.raw == ms.estimate(CLOUD, TwoNN()).value
    assert resolved.interval == ms.estimate(CLOUD, TwoNN()).interval
    few = ms.estimate(CLOUD.neighbors(10), Auto())
    assert few.value == ms.estimate(CLOUD, Calibrated(TwoNN())).value
    assert "corrected for 300 points" in few.basis


@pytest.mark.parametrize(
    "method", [TwoNN(), MLE(k=8), Calibrated(TwoNN()), Auto()], ids=str
)
def test_what_the_points_resolve_is_never_corrected(method: object) -> None:
    dim = ms.estimate(CLOUD, method)
    plain = method.method if isinstance(method, Calibrated) else method
    plain = TwoNN() if isinstance(method, Auto) else plain
    assert dim.resolved.value == ms.estimate(CLOUD, plain).value


def test_a_cloud_unlike_any_reference_says_so() -> None:
    """A plane, and far from it a cloud of eight dimensions in one file."""
    rng = np.random.default_rng(3)
    plane = np.pad(rng.standard_normal((1500, 1)), [(0, 0), (0, 29)])
    full = np.pad(rng.standard_normal((500, 25)), [(0, 0), (0, 5)]) * 50 + 3000
    dim = ms.estimate(np.vstack([plane, full]), Auto())
    assert Caveat.UNLIKE_REFERENCES in {note.caveat for note in dim.caveats}
    low, high = dim.interval
    assert high / low > 2


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
    assert "angles" not in dim.basis
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
    model = load_correction(True)
    two, three = (
        signature(ms.manifolds.Ball(d).sample(4000, rng=1).neighbors(64)).values
        for d in (2, 3)
    )
    shares = np.linspace(0, 1, 11)[:, None]
    middle, _, _ = model.predict(two + shares * (three - two), np.full(11, 4000.0))
    assert (np.diff(middle) > 0).all()
    assert 2.2 < np.exp(middle[5]) < 2.8


def test_beyond_the_references_it_is_a_bound() -> None:
    dim = ms.estimate(np.random.default_rng(0).standard_normal((400, 300)), Auto())
    assert dim.interval.high == 300 and dim.interval.low > 30
    assert str(dim).startswith(f"dimension > {dim.interval.low:.1f} (Auto()")
    assert Caveat.BEYOND_CALIBRATION in {note.caveat for note in dim.caveats}


def topics(count: int, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Clusters of d dimensions that lie apart, under a smooth map to 384 features."""
    centres = 3 * rng.standard_normal((count, d + 10))
    frames = np.linalg.qr(rng.standard_normal((count, d + 10, d)))[0]
    which = rng.integers(0, count, n)
    inside = rng.standard_normal((n, d))
    points = centres[which] + np.einsum("nij,nj->ni", frames[which], inside)
    return np.tanh(points @ rng.standard_normal((d + 10, 384)) / np.sqrt(d + 10) / 3)


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, 100])
def test_clusters_of_twenty_dimensions(count: int) -> None:
    held = []
    for n, seed in itertools.product((500, 1000, 3000), range(4)):
        cloud = topics(count, n, 20, np.random.default_rng([count, n, seed]))
        held.append(20 in ms.estimate(cloud, Auto()).interval)
    assert np.mean(held) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("d", [3, 12, 20])
def test_disjoint_subsets_of_one_cloud_agree(d: int) -> None:
    """Their intervals meet, and they scatter no more than twice as much as TwoNN."""
    scatter, plain = [], []
    for draw in range(8):
        whole = ms.manifolds.Sphere(d).sample(2400, ambient=d + 20, noise=0.01, rng=draw)
        points = np.tanh(whole.points * 1.5)
        dims = [ms.estimate(points[i::4], Auto()) for i in range(4)]
        assert max(dim.interval.low for dim in dims) < min(d.interval.high for d in dims)
        scatter.append(np.var([np.log(dim.value) for dim in dims]))
        plain.append(np.var([np.log(dim.raw) for dim in dims]))
    assert np.mean(scatter) < 4 * np.mean(plain)


def test_scaling_and_padding_change_nothing() -> None:
    one = ms.estimate(CLOUD, Auto())
    points = np.pad(CLOUD.points * 37.0 + 5, [(0, 0), (0, 7)])
    other = ms.estimate(points, Auto())
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert tuple(other.interval) == pytest.approx(tuple(one.interval), rel=1e-6)


def test_fewer_points_than_any_reference() -> None:
    dim = ms.estimate(ms.manifolds.Ball(3).sample(150, ambient=6, rng=1), Auto())
    assert Caveat.UNCALIBRATED in {note.caveat for note in dim.caveats}
    assert dc.replace(dim, method=TwoNN()).value == dim.raw
