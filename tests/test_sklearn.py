"""The adapter is a scikit-learn estimator, with every method."""

import functools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import manifoldscale as ms
from manifoldscale.core.method import Method
from manifoldscale.dimension import (
    ABIDE,
    BIDE,
    I3D,
    MLE,
    AcrossScales,
    Auto,
    Calibrated,
    CorrelationDimension,
    Gride,
    Hamming,
    Local,
    LocalPCA,
    NearestNeighborScaling,
    ParticipationRatio,
    PersistentHomology,
    Skdim,
    TwoNN,
)

Estimator = ms.sklearn.DimensionEstimator
METHODS = [
    None,
    Auto(),
    TwoNN(),
    TwoNN(algorithm="linear"),
    MLE(k=5),
    MLE(k=5, convention="levina-bickel"),
    MLE(k=5, convention="sharma-kaplan"),
    MLE(k=5, convention="pope"),
    Gride(),
    BIDE(k=5),
    ABIDE(k_max=5),
    LocalPCA(k=5),
    LocalPCA(k=5, rule="fo"),
    LocalPCA(k=5, rule="ca"),
    LocalPCA(k=5, rule="fan"),
    ParticipationRatio(),
    CorrelationDimension(k_low=2, k_high=5),
    CorrelationDimension(k_low=2, k_high=5, algorithm="takens"),
    NearestNeighborScaling(halvings=1),
    PersistentHomology(blocks=2),
    Skdim("TwoNN", blocks=2),
    Calibrated(TwoNN()),
    AcrossScales(Gride(), octaves=2),
    AcrossScales(TwoNN(), octaves=1, fewest=5),
    Local(MLE(k=5)),
    Local(LocalPCA(k=5)),
    I3D(),
    Hamming(),
]
# How many points the checks fit that fit at all, and how many a method needs, with the
# words of its refusal: the check fails where they are too few, and only there.
SIZES = {
    "check_fit2d_1feature": 10,
    "check_estimators_nan_inf": 10,
    "check_n_features_in_after_fitting": 15,
    "check_dont_overwrite_parameters": 20,
    "check_estimators_dtypes": 20,
    "check_f_contiguous_array_estimator": 20,
    "check_methods_sample_order_invariance": 20,
    "check_methods_subset_invariance": 20,
    "check_dict_unchanged": 20,
    "check_fit2d_predict1d": 20,
    "check_estimators_overwrite_params": 21,
    "check_estimators_fit_returns_self": 21,
    "check_readonly_memmap_input": 21,
    "check_fit_score_takes_y": 30,
    "check_pipeline_consistency": 30,
    "check_estimators_pickle": 30,
    "check_dtype_object": 56,
    "check_fit_idempotent": 80,
    "check_fit_check_is_fitted": 100,
    "check_n_features_in": 100,
    "check_positive_only_tag_during_fit": 100,
}
REFUSALS = {
    NearestNeighborScaling(halvings=1): (40, "points are too few"),
    PersistentHomology(blocks=2): (96, "points are too few"),
    Calibrated(TwoNN()): (250, "The calibration begins at 250 points"),
    I3D(): (np.inf, "is for integer data"),
    Hamming(): (np.inf, "is for integer data"),
}


def chain(error: BaseException | None) -> str:
    """The text of an error and of those that it was raised from."""
    return (
        "" if error is None else f"{error}\n{chain(error.__cause__ or error.__context__)}"
    )


def name_of(check: object) -> str:
    while isinstance(check, functools.partial):
        check = check.func
    return check.__name__


@parametrize_with_checks([Estimator(method) for method in METHODS])
def test_check_estimator(estimator: Estimator, check: object) -> None:
    least, words = REFUSALS.get(estimator.method, (0, ""))
    if SIZES.get(name_of(check), np.inf) >= least:
        check(estimator)
        return
    with pytest.raises((ValueError, AssertionError)) as caught:
        check(estimator)
    assert words in chain(caught.value)


def test_every_method_is_checked() -> None:
    exported = {
        value
        for value in vars(ms.dimension).values()
        if isinstance(value, type) and issubclass(value, Method)
    }
    exported.remove(ms.dimension.AboveNoise)  # an array has no repeated trials
    assert exported == {type(method) for method in METHODS if method is not None}


def test_it_gives_what_estimate_gives() -> None:
    points = ms.manifolds.Sphere(3).sample(500).points
    fitted = Estimator(method=TwoNN()).fit(points)
    direct = ms.estimate(points, TwoNN())
    assert fitted.dimension_ == direct.value
    assert fitted.interval_ == (direct.interval.low, direct.interval.high)


def test_local_gives_a_dimension_a_row_and_nan_for_a_repeated_one() -> None:
    points = ms.manifolds.Sphere(2).sample(300).points
    points = np.vstack([points[:100], points[:7], points[100:]])
    fitted = Estimator(method=Local(MLE(k=10))).fit(points)
    direct = ms.estimate(points, Local(MLE(k=10)))
    assert fitted.dimension_pw_.shape == (307,)
    repeated = np.flatnonzero(np.isnan(fitted.dimension_pw_))
    np.testing.assert_array_equal(repeated, range(100, 107))
    np.testing.assert_array_equal(fitted.dimension_pw_[direct.rows], direct.values)
    assert fitted.dimension_ == direct.pooled.value
    assert fitted.interval_ == tuple(direct.pooled.interval)
    assert not hasattr(fitted.set_params(method=TwoNN()).fit(points), "dimension_pw_")


def test_in_a_pipeline() -> None:
    points = np.random.default_rng(0).standard_normal((300, 2)) * [1, 100]
    pipeline = make_pipeline(StandardScaler(), Estimator())
    assert pipeline.fit(points)[-1].dimension_ == pytest.approx(2, rel=0.15)


def test_a_search_over_methods_in_a_pipeline() -> None:
    """What a grid search does: clone, set, fit; the original is left as it is."""
    points = np.random.default_rng(0).standard_normal((300, 2)) * [1, 100]
    pipeline = make_pipeline(StandardScaler(), Estimator(TwoNN()))
    grid = ParameterGrid({"dimensionestimator__method": [MLE(k=5), MLE(k=20), Gride()]})
    scaled = StandardScaler().fit_transform(points)
    for setting in grid:
        fitted = clone(pipeline).set_params(**setting).fit(points)
        method = setting["dimensionestimator__method"]
        assert fitted[-1].method == method
        assert fitted[-1].dimension_ == ms.estimate(scaled, method).value
    assert pipeline[-1].method == TwoNN()


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_clones_and_pickles_are_equal(method: Method | None) -> None:
    estimator = Estimator(method)
    assert clone(estimator).method == method
    assert pickle.loads(pickle.dumps(estimator)).method == method


@pytest.mark.parametrize(("method", "top"), [(I3D(), 20), (Hamming(), 2)], ids=str)
def test_methods_for_integers_after_a_step_that_makes_them(
    method: Method, top: int
) -> None:
    points = np.random.default_rng(0).random((400, 6)) * top
    pipeline = make_pipeline(FunctionTransformer(np.floor), Estimator(method))
    integers = np.floor(points).astype(int)
    assert pipeline.fit(points)[-1].dimension_ == ms.estimate(integers, method).value
    assert Estimator(method).fit(integers).dimension_ == pipeline[-1].dimension_


def test_what_is_no_method_is_named() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="must be a method value"):
        Estimator("TwoNN").fit(np.random.default_rng(0).random((50, 3)))
