"""Tables of distances only: methods on distances work, the others say what they need."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

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
    Skdim,
    TwoNN,
)

CLOUD = ms.manifolds.Sphere(2).sample(300, rng=1)
NEAR = ms.Neighbors.from_distances(cdist(CLOUD.points, CLOUD.points), 40)
ON_DISTANCES = [
    TwoNN(algorithm="linear"),
    MLE(k=10, convention="pope"),
    BIDE(),
    ABIDE(k_max=40),
    Local(MLE(k=20)),
]
ON_POINTS = [
    CorrelationDimension(),
    LocalPCA(),
    LocalPCA(rule="ca"),
    NearestNeighborScaling(),
    ParticipationRatio(),
    PersistentHomology(),
    Skdim("MOM"),
    I3D(),
    Hamming(),
]


@pytest.mark.parametrize("method", ON_DISTANCES, ids=str)
def test_distances_are_enough(method: object) -> None:
    from_distances, from_points = ms.estimate(NEAR, method), ms.estimate(CLOUD, method)
    if isinstance(method, Local):
        np.testing.assert_allclose(from_distances.values, from_points.values, rtol=1e-8)
    else:
        assert from_distances.value == pytest.approx(from_points.value, rel=1e-8)
        assert from_distances.stderr == pytest.approx(from_points.stderr, rel=1e-6)


@pytest.mark.parametrize("method", ON_POINTS, ids=str)
def test_points_are_asked_for(method: object) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"needs? (the|its) points"):
        ms.estimate(NEAR, method)
