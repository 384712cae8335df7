"""Every dimension method on every manifold: the truth is inside, and what must not
matter does not.

The checks themselves are `manifoldscale.testing`. A method is added by one row of METHODS.
Where it cannot do what a check asks, a row of OFF (by manifold) or EXCEPTIONS says why, and
the test then demands that it indeed cannot: an exception that is no longer needed fails.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

import manifoldscale as ms
from manifoldscale import testing
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
    LocalPCA,
    NearestNeighborScaling,
    ParticipationRatio,
    PersistentHomology,
    Skdim,
    TwoNN,
)

METHODS = [
    TwoNN(),
    TwoNN(trim=0.0),
    TwoNN(algorithm="linear"),
    MLE(k=5),
    MLE(k=20),
    MLE(k=10, convention="levina-bickel"),
    MLE(k=20, convention="sharma-kaplan"),
    MLE(k=20, convention="pope"),
    BIDE(),
    ABIDE(k_max=20),
    CorrelationDimension(),
    CorrelationDimension(algorithm="takens"),
    LocalPCA(),
    LocalPCA(rule="fo"),
    LocalPCA(k=19, rule="ca"),
    LocalPCA(rule="fan"),
    NearestNeighborScaling(),
    ParticipationRatio(),
    PersistentHomology(blocks=4, n_max=2000),
    Skdim("TwoNN", blocks=4),
    Calibrated(TwoNN()),
    Gride(),
    Gride(4, 8),
    AcrossScales(Gride(), octaves=2),
    AcrossScales(TwoNN(), octaves=1, fewest=200),
    Auto(),
]
methods = pytest.mark.parametrize("method", METHODS, ids=str)

CURVED = ["Sphere(dim=2", "Sphere(dim=5", "FlatTorus(dim=2", "FlatTorus(dim=4", "SwissRoll"]
SHORT = ["Sphere(dim=5", "Ball(dim=3", "SwissRoll", "Affine(dim=3"]
OFF = [
    (ParticipationRatio(), CURVED, "linear: it counts the directions that a curve fills"),
    (
        LocalPCA(rule="fan"),
        [str(manifold) for manifold in testing.MANIFOLDS],
        "80 % of the variance is reached before the last equal direction; and where there "
        "is one, its gaps are of rounding",
    ),
    (LocalPCA(), ["FlatTorus(dim=4"], "folded: the normal directions hold variance"),
    (LocalPCA(rule="fo"), ["FlatTorus(dim=4"], "folded, likewise"),
    (MLE(k=20, convention="pope"), SHORT, "its normalisation reads 5 % low"),
    (
        MLE(k=20, convention="sharma-kaplan"),
        ["FlatTorus(dim=4"],
        "its normalisation reads 6 % high, on top of folding",
    ),
]
# The checks of `manifoldscale.testing` that a method cannot pass, and why.
ORDER = "its random parts depend on the order of the rows"
EXCEPTIONS = {
    NearestNeighborScaling(): {"check_order": ORDER},
    PersistentHomology(blocks=4, n_max=2000): {
        "check_order": ORDER,
        "check_few_queries": "a tree is of all points",
    },
    LocalPCA(rule="fan"): {
        "check_padding": "its noise is a mean over the features, zeros included"
    },
    ParticipationRatio(): {
        "check_few_queries": "a covariance is of all points, whichever are queries",
        "check_ties": "a covariance does not mind a lattice",
    },
    Skdim("TwoNN", blocks=4): {
        "check_few_queries": "scikit-dimension gets all points",
        "check_ties": "it sees points only, and not what is done with them",
    },
}
LOOSE = 1e-2  # how far padding moves what it may move
NOT_ALONE = {"check_truth"}  # by manifold, below
CHECKS = [check for check in testing.CHECKS if check.__name__ not in NOT_ALONE]


def reason(method: object, manifold: object) -> str | None:
    """Why the method is off on this manifold, where it is known to be."""
    for one, cases, why in OFF:
        if method == one and str(manifold).startswith(tuple(cases)):
            return why
    return None


def excepted(method: object, check: str) -> bool:
    return check in EXCEPTIONS.get(method, {})


@methods
@pytest.mark.parametrize("manifold", testing.MANIFOLDS, ids=str)
def test_the_truth_is_found(method: object, manifold: ms.manifolds.Manifold) -> None:
    if reason(method, manifold) is None:
        testing.check_truth(method, [manifold])
    else:
        with pytest.raises(AssertionError, match=f"whose dimension is {manifold.dim}"):
            testing.check_truth(method, [manifold])


@methods
@pytest.mark.parametrize("manifold", testing.MANIFOLDS, ids=str)
def test_the_value_lies_in_its_interval(
    method: object, manifold: ms.manifolds.Manifold
) -> None:
    dim = ms.estimate(testing.table_of(manifold), method)
    low, high = dim.interval
    assert low < dim.value < high
    assert dim.n_points == 4000 and dim.method == method


@methods
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_must_not_matter_does_not(method: object, check: Callable) -> None:
    """An exception that is no longer needed fails."""
    if excepted(method, check.__name__):
        with pytest.raises(AssertionError):
            check(method)
    else:
        check(method)


@methods
@given(scale=st.floats(1e-100, 1e100), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_similarities_and_order_change_nothing(
    method: object, scale: float, shift: float, seed: int
) -> None:
    testing.check_similarity(method, scale=scale, shift=shift, seed=seed)
    testing.check_order(method, seed=seed, random=excepted(method, "check_order"))


@methods
def test_padding_changes_little_where_it_may_change_something(method: object) -> None:
    testing.check_padding(method, rel=LOOSE)


@pytest.mark.parametrize("method", [I3D(), Hamming()], ids=str)
def test_methods_for_discrete_data_refuse_other_data(method: object) -> None:
    points = ms.manifolds.Sphere(3).sample(600, ambient=8)
    with pytest.raises(ms.ManifoldScaleError, match=r"Use|use"):
        ms.estimate(points, method)
