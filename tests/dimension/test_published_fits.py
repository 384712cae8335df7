"""The published fits of TwoNN and normalisations of MLE, with their known bias."""

import numpy as np
import pytest
import skdim
from test_exponential import independent_table

import manifoldscale as ms
from manifoldscale.dimension import BIDE, MLE, TwoNN
from manifoldscale.dimension.two_nn import line

# What each convention reads, over the dimension.
READS = [
    (TwoNN(algorithm="linear"), 1.0),
    (MLE(k=5), 1.0),
    (MLE(k=5, convention="levina-bickel"), 1.0),
    (MLE(k=5, convention="sharma-kaplan"), 4 / 3),
    (MLE(k=5, convention="pope"), 3 / 4),
    (MLE(k=10, convention="sharma-kaplan"), 9 / 8),
    (MLE(k=10, convention="pope"), 8 / 9),
    (BIDE(k=10), 1.0),
    (BIDE(k=10, ratio=0.5), 1.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "reads"), READS, ids=str)
def test_reads_and_covers_on_the_exact_law(method: object, reads: float) -> None:
    """200 tables of 300 points in dimension 3: the mean reading is as derived within four
    of its standard errors (and a ratio's bias of 1/n), the mean of the stated error is
    that of the readings, and the interval holds the dimension, whatever the convention.
    """
    rng = np.random.default_rng(0)
    tables = (independent_table(3.0, 300, method.n_neighbors, rng) for _ in range(200))
    results = [ms.estimate(table, method) for table in tables]
    values = np.array([result.value for result in results])
    spread = values.std(ddof=1)
    assert abs(values.mean() - 3 * reads) < 4 * spread / np.sqrt(200) + 3 * 1.5 / 300
    # The standard deviation of 200 draws is itself known to 5 %.
    assert np.mean([result.stderr for result in results]) == pytest.approx(spread, rel=0.2)
    covered = np.mean([3.0 in result.interval for result in results])
    assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)
    noted = {note.caveat.name for note in results[0].caveats}
    assert ("BIASED_CONVENTION" in noted) == (reads != 1.0)


@pytest.mark.parametrize("n", [500, 1005])
def test_the_line_is_that_of_scikit_dimension(n: int) -> None:
    cloud = ms.manifolds.Sphere(4).sample(n, rng=6)
    theirs = skdim.id.TwoNN(discard_fraction=0.1).fit(cloud.points).dimension_
    assert ms.estimate(cloud, TwoNN(algorithm="linear")).value == pytest.approx(
        theirs, rel=1e-12
    )


def test_the_two_readings_of_scikit_dimension() -> None:
    """`fit` pools, without our - 1; `fit_transform` averages local estimates."""
    cloud = ms.manifolds.Sphere(3).sample(500, rng=6)
    pooled = ms.estimate(cloud, MLE(k=20)).value * (500 * 19) / (500 * 19 - 1)
    averaged = ms.estimate(cloud, MLE(k=20, convention="sharma-kaplan")).value
    theirs = skdim.id.MLE()
    assert theirs.fit(cloud.points).dimension_ == pytest.approx(pooled, rel=1e-12)
    assert theirs.fit_transform(cloud.points) == pytest.approx(averaged, rel=1e-12)


def test_the_influence_on_the_line_against_added_observations() -> None:
    """Adding a little weight at x moves the log-slope by the influence of x: checked by
    doubling each of a few observations among many.
    """
    x = np.random.default_rng(1).exponential(size=4000)
    fitted = line(x, 0.1)
    assert abs(fitted.influence.sum()) < 1e-10
    for i in (0, 7, int(x.argmax()), int(x.argmin())):
        more = line(np.append(x, [x[i]] * 10), 0.1)
        moved = np.log(more.value / fitted.value)
        assert moved == pytest.approx(10 * fitted.influence[i], abs=3e-4)


def test_pope_grows_with_k_where_the_dimension_does_not() -> None:
    """On a flat torus of dimension 5 the artefact alone makes half at k = 3."""
    near = ms.manifolds.FlatTorus(2).sample(3000).neighbors(20)
    read = [ms.estimate(near, MLE(k=k, convention="pope")).value for k in (3, 5, 20)]
    expected = [2 * (k - 2) / (k - 1) for k in (3, 5, 20)]
    np.testing.assert_allclose(read, expected, rtol=0.03)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoNN(trim=0.0, algorithm="linear"), "`trim` above 0"),
        (lambda: TwoNN(algorithm="mle"), "`algorithm`"),
        (lambda: MLE(k=3, convention="levina-bickel"), "at least 4"),
        (lambda: MLE(k=2, convention="pope"), "at least 3"),
        (lambda: MLE(convention="mackay"), "`convention`"),
    ],
)
def test_settings_that_cannot_work(make: object, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        make()
