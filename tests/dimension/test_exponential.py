"""The pooled exponential likelihood, on spacings whose law is exact."""

import itertools

import numpy as np
import pytest
import skdim
from scipy import stats

import manifoldscale as ms
from manifoldscale.dimension import MLE, Gride, TwoNN
from manifoldscale.dimension.exponential import shared_variance
from manifoldscale.geometry.neighbors import Neighbors


def independent_table(dim: float, n: int, k: int, rng: np.random.Generator) -> Neighbors:
    """Neighbour distances of n independent Poisson processes of dimension `dim`: the
    volumes r^dim of the k nearest are cumulative sums of exponentials. No two points
    share a neighbour.
    """
    volumes = rng.exponential(size=(n, k)).cumsum(axis=1)
    cloud = ms.Cloud(np.arange(n * (k + 1), dtype=float)[:, None])
    indices = n + np.arange(n * k).reshape(n, k)
    return Neighbors(cloud, np.arange(n), indices, volumes ** (1 / dim), np.arange(n))


METHODS = [
    TwoNN(),
    TwoNN(trim=0.0),
    TwoNN(trim=0.5),
    MLE(k=5),
    MLE(k=20),
    Gride(),
    Gride(2, 4),
    Gride(8, 16),
]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("dim", [2.5, 30.0])
def test_unbiased_and_covering_on_the_exact_law(method: object, dim: float) -> None:
    """200 tables of 100 points: the mean is within 4 standard errors of the truth, and
    the share of intervals that hold it within 4 of 95 %.
    """
    rng = np.random.default_rng(0)
    results = [
        ms.estimate(independent_table(dim, 100, method.n_neighbors, rng), method)
        for _ in range(200)
    ]
    values = np.array([result.value for result in results])
    assert abs(values.mean() - dim) < 4 * values.std() / np.sqrt(200)
    covered = np.mean([dim in result.interval for result in results])
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)


def test_the_normalisation_is_that_of_pooling() -> None:
    """At k = 3 the k - 2 convention would read half of the dimension."""
    near = independent_table(6.0, 20_000, 3, np.random.default_rng(1))
    assert ms.estimate(near, MLE(k=3)).value == pytest.approx(6.0, rel=0.03)


def test_independent_points_have_the_independent_variance() -> None:
    near = independent_table(2.0, 500, 5, np.random.default_rng(2))
    scores = np.random.default_rng(3).standard_normal(500)
    variance, linked = shared_variance(scores, near)
    assert linked == 1 / 500
    caution = 0.5 * np.sqrt(2 * (scores**4).sum())
    assert variance == pytest.approx(((scores**2).sum() + caution) / (1 - 1 / 500))


def test_far_points_are_not_linked() -> None:
    """Points on a line: those within k steps, and those that share a close neighbour."""
    near = ms.Cloud(np.arange(200.0)[:, None] + 1e-3).neighbors(10)
    _, linked = shared_variance(np.ones(200), near)
    assert linked == pytest.approx(11 / 200, rel=0.15)


def test_shared_variance_against_a_double_loop() -> None:
    near = ms.manifolds.Ball(2).sample(80).neighbors(3, anchors=50, rng=1)
    scores = np.random.default_rng(4).standard_normal(50)
    hoods = [{q, *row} for q, row in zip(near.queries, near.indices.tolist(), strict=True)]
    pairs = [
        (i, j)
        for i, j in itertools.product(range(50), repeat=2)
        if hoods[i] & hoods[j]  # k = 3: a shared one is among the four nearest
    ]
    products = np.array([scores[i] * scores[j] for i, j in pairs])
    caution = 0.5 * np.sqrt(2 * np.square(products).sum())
    expected = (products.sum() + caution) / (1 - len(pairs) / 50**2)
    variance, linked = shared_variance(scores, near)
    assert linked == len(pairs) / 50**2
    assert variance == pytest.approx(expected)


def test_crowded_neighbourhoods_are_flagged() -> None:
    cloud = ms.manifolds.FlatTorus(2).sample(150)
    found = {note.caveat.name for note in ms.estimate(cloud, MLE(k=60)).caveats}
    assert "CROWDED" in found
    calm = {note.caveat.name for note in ms.estimate(cloud, MLE(k=5)).caveats}
    assert "CROWDED" not in calm


def test_mle_agrees_with_scikit_dimension() -> None:
    """skdim pools with k - 1 too; it does not take one off the number of spacings."""
    cloud = ms.manifolds.Sphere(5).sample(800, rng=5)
    theirs = skdim.id.MLE().fit(cloud.points, n_neighbors=10, comb="mle")
    ours = ms.estimate(cloud, MLE(k=10)).value
    assert ours == pytest.approx(theirs.dimension_ * (1 - 1 / (800 * 9)), rel=1e-6)


def test_two_nn_agrees_with_the_published_linear_fit() -> None:
    """The line and the censored likelihood are two estimates of one rate: they agree
    within twice the standard error.
    """
    cloud = ms.manifolds.Sphere(4).sample(2000, rng=6)
    line = skdim.id.TwoNN(discard_fraction=0.1).fit(cloud.points).dimension_
    ours = ms.estimate(cloud, TwoNN())
    assert abs(ours.value - line) < 2 * ours.stderr


def test_the_law_of_the_ratio() -> None:
    """log(r2 / r1) of a uniform cloud is exponential with rate d (Kolmogorov-Smirnov)."""
    near = ms.manifolds.FlatTorus(3).sample(4000).neighbors(2, anchors=800)
    logs = np.log(near.distances[:, 1] / near.distances[:, 0])
    assert stats.kstest(logs, "expon", args=(0, 1 / 3)).pvalue > 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoNN(trim=1.0), "`trim`"),
        (lambda: TwoNN(trim=-0.1), "`trim`"),
        (lambda: MLE(k=1), "`k`"),
        (lambda: MLE(k=2.5), "`k`"),
        (lambda: ms.dimension.Auto(anchors=0), "`anchors`"),
    ],
)
def test_settings_that_cannot_work(make: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        make()


def test_a_method_is_no_estimator_and_says_so() -> None:
    with pytest.raises(AttributeError, match=r"ms.estimate\(X, TwoNN\(\)\)"):
        TwoNN().fit(np.zeros((3, 2)))


def test_a_list_of_methods_gives_a_table() -> None:
    table = ms.estimate(ms.manifolds.Sphere(2).sample(500), [TwoNN(), MLE(k=5)])
    frame = table.to_frame()
    assert list(frame["method"]) == ["TwoNN()", "MLE(k=5)"]
    assert {"dimension", "low", "high", "stderr", "n_points"} <= set(frame.columns)
    with pytest.raises(ms.ManifoldScaleError, match="method value"):
        ms.estimate(np.eye(5), "TwoNN")
