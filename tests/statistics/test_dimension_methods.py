"""Do the 95 % intervals of the dimension methods hold the truth? Run with -m slow.

On a flat torus, where the methods have no edges and, at these sizes, a bias by curvature of
a small part of the error; on data whose law is exact where there is such a law. 300 draws:
90 to 98 % must hold, and no more than all where an error is conservative by design.
"""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.dimension import (
    ABIDE,
    BIDE,
    I3D,
    MLE,
    CorrelationDimension,
    Hamming,
    Local,
    LocalPCA,
    NearestNeighborScaling,
    ParticipationRatio,
    PersistentHomology,
    TwoNN,
)

pytestmark = pytest.mark.slow
DRAWS = 300


def share_held(draw: object, method: object, truth: float) -> float:
    """How often the interval holds the truth; `draw(i)` gives data."""
    held = [truth in ms.estimate(draw(i), method).interval for i in range(DRAWS)]
    return float(np.mean(held))


@pytest.mark.parametrize("anchors", [None, 150])
@pytest.mark.parametrize(
    ("method", "dim"),
    [
        (TwoNN(algorithm="linear"), 2),
        (MLE(k=10, convention="levina-bickel"), 2),
        (BIDE(k=10), 2),
        (CorrelationDimension(), 1),
        (CorrelationDimension(algorithm="takens"), 1),
        (CorrelationDimension(k_low=5, n_radii=4), 1),
        (NearestNeighborScaling(halvings=2), 1),
    ],
    ids=str,
)
def test_on_the_flat_torus(method: object, dim: int, anchors: int | None) -> None:
    torus = ms.manifolds.FlatTorus(dim)
    n = 3000 if dim == 2 else 1000

    def draw(i: int) -> ms.Neighbors:
        return torus.sample(n, rng=i).neighbors(method.n_neighbors, anchors=anchors)

    assert 0.90 <= share_held(draw, method, dim) <= 0.99


def test_abide_on_a_circle() -> None:
    circle = ms.manifolds.FlatTorus(1)
    held = share_held(lambda i: circle.sample(1000, rng=i), ABIDE(k_max=20), 1)
    assert 0.90 <= held <= 0.98


def test_trees_on_a_line() -> None:
    line = ms.manifolds.Affine(1)
    method = PersistentHomology(alpha=0.5)
    held = share_held(lambda i: line.sample(800, rng=i), method, 1)
    assert 0.90 <= held <= 0.98


@pytest.mark.parametrize("method", [LocalPCA(k=10), LocalPCA(k=20)], ids=str)
@pytest.mark.parametrize("anchors", [None, 100])
def test_local_covariance_inside_a_square(method: LocalPCA, anchors: int | None) -> None:
    """Queries away from the edges: there the cloud is flat and uniform."""

    def draw(i: int) -> ms.Neighbors:
        square = ms.manifolds.Affine(2).sample(3000, rng=i)
        inside = np.flatnonzero((np.abs(square.points) < 0.35).all(axis=1))[:anchors]
        return square.neighbors(method.n_neighbors, anchors=inside)

    assert 0.90 <= share_held(draw, method, 2) <= 0.98


@pytest.mark.parametrize(
    ("n", "spectrum"),
    [(60, 1 / np.arange(1, 101)), (200, np.array([3.0, 2, 1, 1, 0.5]))],
    ids=["N < D", "N > D"],
)
def test_participation_of_gaussian_spectra(n: int, spectrum: np.ndarray) -> None:
    truth = spectrum.sum() ** 2 / np.square(spectrum).sum()

    def draw(i: int) -> np.ndarray:
        normal = np.random.default_rng(i).standard_normal((n, len(spectrum)))
        return normal * np.sqrt(spectrum)

    assert 0.90 <= share_held(draw, ParticipationRatio(), truth) <= 0.98


def test_counts_on_a_lattice() -> None:
    def draw(i: int) -> np.ndarray:
        return np.random.default_rng(i).poisson(2000, (2000, 2))

    assert 0.90 <= share_held(draw, I3D(outer=8), 2) <= 0.98


@pytest.mark.parametrize("quantile", [0.3, 1.0])
def test_fair_bits(quantile: float) -> None:
    def draw(i: int) -> np.ndarray:
        return np.random.default_rng(i).integers(0, 2, (300, 30))

    assert 0.90 <= share_held(draw, Hamming(quantile), 30) <= 0.98


@pytest.mark.parametrize("method", [MLE(k=10), MLE(k=20), ABIDE(k_max=40)], ids=str)
def test_mixtures_are_rarely_seen_where_there_are_none(method: object) -> None:
    """4 families x 5 dimensions x 15 draws: at most 5 %."""
    flagged = [
        bool(ms.estimate(family(dim).sample(600, rng=draw), Local(method)).modes)
        for family in (
            ms.manifolds.Ball,
            ms.manifolds.Affine,
            ms.manifolds.Sphere,
            ms.manifolds.FlatTorus,
        )
        for dim in (2, 3, 5, 7, 10)
        for draw in range(15)
    ]
    assert np.mean(flagged) <= 0.05
