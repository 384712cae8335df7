"""The signature, reading by reading."""

import dataclasses as dc
import itertools

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.dimension import Gride, TwoNN
from manifoldscale.dimension.signature import RANKS, READINGS, signature
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
    for rank in RANKS:  # by the mean of the log-ratios, where Gride takes the likelihood
        likely = ms.estimate(NEAR, Gride(rank))
        assert found[f"rank {rank}"] == pytest.approx(np.log(likely.value), abs=0.05)
    near, next_ = NEAR.distances[:, 0], NEAR.distances[:, 1]
    logs = np.log(next_ / near)
    assert found["unlike"] == pytest.approx(np.log(logs.std() / logs.mean()))
    logs = np.log(NEAR.distances[:, :32])
    local = np.log(1 / (logs[:, -1:] - logs).sum(axis=1))
    assert found["scatter"] == pytest.approx(local.std())
    assert found["tilt"] == pytest.approx(np.corrcoef(local, logs[:, -1])[0, 1])
    cosines, wide, spreads, narrow = [], [], [], []
    for i in range(len(CLOUD)):
        around = CLOUD.points[NEAR.indices[i]] - CLOUD.points[i]
        units = around / np.linalg.norm(around, axis=1, keepdims=True)
        cosines += [[a @ b for a, b in itertools.combinations(units[:8], 2)]]
        wide += [[a @ b for a, b in itertools.combinations(units[24:32], 2)]]
        spreads.append(participation(around[:32]))
        narrow.append(participation(around[:16]))
    assert found["angle"] == pytest.approx(-np.log(np.square(cosines).mean()))
    assert found["lean"] == pytest.approx(np.mean(cosines))
    assert found["wide"] == pytest.approx(-np.log(np.square(wide).mean()))
    assert found["spread"] == pytest.approx(np.log(np.mean(spreads)))
    assert found["narrow"] == pytest.approx(np.log(np.mean(narrow)))
    assert found["linear"] == pytest.approx(np.log(participation(CLOUD.points)))
    apart = np.linalg.norm(CLOUD.points[:, None] - CLOUD.points, axis=2)
    pairs = apart[~np.eye(len(CLOUD), dtype=bool)]
    assert found["extent"] == pytest.approx(np.log(pairs.mean() ** 2 / (2 * pairs.var())))
    order = np.sort(apart, axis=1)
    for name, rank in (("coarse 1", 2), ("coarse 2", 7), ("coarse 3", 30)):
        logs = np.log(order[:, 2 * rank] / order[:, rank])
        harmonic = sum(1 / k for k in range(rank, 2 * rank))
        assert found[name] == pytest.approx(np.log(harmonic / logs.mean()))


def participation(points: np.ndarray) -> float:
    eigenvalues = np.linalg.eigvalsh(np.cov(points.T))
    return float(eigenvalues.sum() ** 2 / np.square(eigenvalues).sum())


# Without a query the ranks of the others among the few hundred change too, at once.
@pytest.mark.parametrize("reading", [r for r in READINGS if not r.startswith("coarse")])
def test_influence_is_the_jackknife(reading: str) -> None:
    """Leaving one query out moves a reading by its influence. Those of all pairs are of a
    cloud without it: the neighbour table is left alone.
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
