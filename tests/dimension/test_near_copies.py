"""Near-copies are told by every estimator that reads them, and by none where there are
none.
"""

from collections.abc import Callable

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.dimension import (
    ABIDE,
    BIDE,
    MLE,
    AcrossScales,
    Auto,
    Calibrated,
    CorrelationDimension,
    Gride,
    Local,
    NearestNeighborScaling,
    Skdim,
    TwoNN,
)
from manifoldscale.dimension.near_copies import near_copies

METHODS = [
    TwoNN(), TwoNN(algorithm="linear"), MLE(), MLE(k=5), Gride(), BIDE(), ABIDE(), Auto(),
    Calibrated(TwoNN()), AcrossScales(Gride()), AcrossScales(TwoNN()), Local(MLE()),
    CorrelationDimension(), NearestNeighborScaling(), Skdim("MLE"),
]  # fmt: skip


def copied(dim: int, n: int, share: float, apart: float, seed: int = 0) -> np.ndarray:
    """A uniform cube, and some of its points again, moved a little."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, dim))
    again = points[rng.choice(n, int(share * n), replace=False)]
    return np.concatenate([points, again + apart * rng.standard_normal(again.shape)])


def codes(result: object) -> set[str]:
    return {note.caveat.name for note in result.caveats}  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_every_estimator_at_small_ranks_tells(method: object) -> None:
    assert "NEAR_COPIES" in codes(ms.estimate(copied(8, 1500, 0.03, 1e-6), method))
    assert "NEAR_COPIES" not in codes(ms.estimate(copied(8, 1500, 0.0, 0.0), method))


@pytest.mark.parametrize(
    ("dim", "n", "share", "apart"),
    [
        (8, 2000, 0.03, 1e-2), (8, 2000, 0.01, 1e-3), (8, 300, 0.02, 1e-6),
        (4, 2000, 0.03, 1e-3), (4, 300, 0.03, 1e-4), (2, 2000, 0.03, 1e-4),
        (1, 2000, 0.03, 1e-7), (15, 300, 0.02, 1e-3), (3, 20_000, 0.003, 1e-5),
    ],
)  # fmt: skip
def test_they_are_found(dim: int, n: int, share: float, apart: float) -> None:
    """With the share of the points that have one: both of a pair."""
    for seed in range(5):
        found = near_copies(ms.Cloud(copied(dim, n, share, apart, seed)).neighbors(2))
        assert found is not None
        assert found.share == pytest.approx(2 * share / (1 + share), rel=0.4)
        if dim > 2:  # where no point comes as near to another by chance
            assert found.farthest < 3 * apart * (dim**0.5 + 3)


def test_the_advice_is_right() -> None:
    """Merged at the tolerance that the caveat names, the estimate is that without them."""
    points = copied(8, 2000, 0.03, 1e-6)
    clean, misled = (ms.estimate(p, Gride()) for p in (points[:2000], points))
    assert misled.value < 0.25 * clean.value
    (note,) = (n for n in misled.caveats if n.caveat.name == "NEAR_COPIES")
    tolerance = float(note.detail.split("tolerance=")[1].split()[0])
    near = ms.Cloud(points).neighbors(2, duplicates="merge", tolerance=tolerance)
    assert near.n_merged == 60
    mended = ms.estimate(near, Gride())
    assert mended.value == pytest.approx(clean.value, rel=1e-3)
    assert not codes(mended) & {"NEAR_COPIES", "POOR_FIT"}
    local = ms.estimate(points, Local(MLE()))  # what a poor fit advises
    assert {"NEAR_COPIES", "MIXTURE"} <= codes(local)


def test_a_poor_fit_is_a_caveat() -> None:
    rng = np.random.default_rng(0)
    line = np.pad(rng.random((800, 1)), ((0, 0), (0, 7)))
    both = np.concatenate([line, 9 + rng.random((800, 8))])
    found = ms.estimate(both, Gride())
    assert found.gof_p < 0.01 and codes(found) >= {"POOR_FIT"}
    assert "POOR_FIT" in codes(ms.estimate(both, AcrossScales(Gride())))
    clean = ms.estimate(both[800:], Gride())
    assert clean.gof_p > 0.01 and "POOR_FIT" not in codes(clean)


def mixture(rng: np.random.Generator) -> np.ndarray:
    line = np.pad(3 * rng.random((400, 1)), ((0, 0), (0, 7)))
    return np.concatenate([line, 5 + rng.standard_normal((1600, 8))])


def clusters(rng: np.random.Generator) -> np.ndarray:
    centres = rng.standard_normal((30, 5))[rng.integers(30, size=1500)]
    sizes = 0.01 * np.exp(rng.standard_normal(1500))
    return centres + sizes[:, None] * rng.standard_normal((1500, 5))


HARD: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "a line beside eight dimensions": mixture,
    "clusters": clusters,
    "Cauchy": lambda rng: rng.standard_cauchy((1500, 4)),
    "lognormal": lambda rng: np.exp(2 * rng.standard_normal((1500, 3))),
    "Student": lambda rng: rng.standard_t(2, (1500, 10)),
    "a power law spectrum": lambda rng: rng.standard_normal((1500, 40)) / np.arange(1, 41),
    "half precision": lambda rng: rng.standard_normal((1500, 4)).astype("f2").astype("f4"),
    "integers": lambda rng: rng.integers(0, 30, (1500, 6)).astype(float),
    "rectified": lambda rng: np.maximum(
        rng.standard_normal((1500, 6)) @ np.random.default_rng(1).standard_normal((6, 20)),
        0,
    ),
    "scales over four decades": lambda rng: (
        rng.standard_normal((1500, 2)) * 10 ** rng.uniform(-4, 0, (1500, 1))
    ),
}


@pytest.mark.parametrize("kind", HARD)
def test_no_density_raises_an_alarm(kind: str) -> None:
    for seed in range(5):
        points = HARD[kind](np.random.default_rng(seed))
        assert near_copies(ms.Cloud(points).neighbors(2)) is None


@pytest.mark.parametrize("name", ["digits", "mnist5k"])
def test_real_data_raise_no_alarm(name: str) -> None:
    found = ms.estimate(ms.data.load(name).cloud(), [TwoNN(), Gride()])
    for result in found:
        assert not codes(result) & {"NEAR_COPIES", "POOR_FIT"}


@pytest.mark.slow
def test_rates_of_false_alarms_on_clean_manifolds() -> None:
    """Of near-copies, none in 600 samples; of a poor fit, about its level of 1 %."""
    kinds = [
        getattr(ms.manifolds, name)(dim)
        for name in ("Sphere", "Ball", "FlatTorus", "Hemisphere", "Affine")
        for dim in (1, 2, 3, 5, 10)
        if (name, dim) != ("Hemisphere", 1)
    ]
    results = [
        ms.estimate(kind.sample(n, rng=seed), Gride())
        for kind in kinds
        for n in (300, 2000)
        for seed in range(13)
    ]
    assert len(results) > 600
    assert not any("NEAR_COPIES" in codes(result) for result in results)
    assert np.mean(["POOR_FIT" in codes(result) for result in results]) < 0.025
