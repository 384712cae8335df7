"""The adapter is a scikit-learn estimator."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import manifoldscale as ms

Estimator = ms.sklearn.DimensionEstimator
METHODS = [None, ms.dimension.TwoNN(), ms.dimension.MLE(k=5)]


@parametrize_with_checks([Estimator(method) for method in METHODS])
def test_check_estimator(estimator: object, check: object) -> None:
    check(estimator)


def test_it_gives_what_estimate_gives() -> None:
    points = ms.manifolds.Sphere(3).sample(500).points
    fitted = Estimator(method=ms.dimension.TwoNN()).fit(points)
    direct = ms.estimate(points, ms.dimension.TwoNN())
    assert fitted.dimension_ == direct.value
    assert fitted.interval_ == (direct.interval.low, direct.interval.high)


def test_in_a_pipeline() -> None:
    points = np.random.default_rng(0).standard_normal((300, 2)) * [1, 100]
    pipeline = make_pipeline(StandardScaler(), Estimator())
    assert pipeline.fit(points)[-1].dimension_ == pytest.approx(2, rel=0.15)
