"""The same formula gives the same number as in DADApy 0.3.4.

DADApy compiles for minutes and pins an old NumPy, so that its numbers are written here,
as it printed them on the clouds below (`Data(X, maxk=200)`, `IdDiscrete(Z)`).
"""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.dimension import BIDE, I3D, Gride, TwoNN
from manifoldscale.dimension.abide import constant_density


@pytest.fixture(scope="module")
def near() -> ms.Neighbors:
    """A folded and unevenly sampled cloud of three parameters in five features."""
    u = np.random.default_rng(20).random((1000, 3))
    folded = [
        np.sin(2 * u[:, 0]),
        u[:, 0] * u[:, 1],
        u[:, 1] + u[:, 2] ** 2,
        np.cos(u[:, 1] - u[:, 2]),
        u[:, 2],
    ]
    return ms.Cloud(np.column_stack(folded)).neighbors(199)


def test_two_nearest_neighbors(near: ms.Neighbors) -> None:
    """compute_id_2NN("base", mu_fraction=0.9) and ("ml", mu_fraction=1)."""
    line = ms.estimate(near, TwoNN(algorithm="linear")).value
    np.testing.assert_allclose(line, 2.9157509752211057, rtol=1e-9)
    np.testing.assert_allclose(
        ms.estimate(near, TwoNN(trim=0)).value, 2.872618145013661, rtol=1e-9
    )


@pytest.mark.parametrize(
    ("n1", "theirs"),
    [
        (1, 2.8726181501470567),
        (2, 2.9515123274012875),
        (4, 2.7716777269527952),
        (8, 2.733093886177608),
        (16, 2.618600404769328),
        (32, 2.5344089282156492),
        (64, 2.4053193665604633),
    ],
)
def test_gride(near: ms.Neighbors, n1: int, theirs: float) -> None:
    """return_id_scaling_gride(range_max=128), whose root is found to about 1e-7."""
    np.testing.assert_allclose(ms.estimate(near, Gride(n1)).value, theirs, rtol=1e-7)


@pytest.mark.parametrize(
    ("k", "ratio", "theirs"),
    [(20, 0.5, 2.762500686273344), (50, 0.7, 2.5931148854953747)],
)
def test_bide(near: ms.Neighbors, k: int, ratio: float, theirs: float) -> None:
    """compute_id_binomial_k(k, ratio, bayes=False)."""
    ours = ms.estimate(near, BIDE(k=k, ratio=ratio)).value
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_constant_density(near: ms.Neighbors) -> None:
    """compute_kstar(alpha=1e-6) at dimension 3: sum and largest of k*."""
    ranks = constant_density(near, 3.0, 1e-6)
    assert (ranks.sum(), ranks.max()) == (68600, 170)


@pytest.mark.parametrize(
    ("outer", "theirs"), [(4, 2.661574909531165), (5, 2.6386180283027643)]
)
def test_lattice(outer: int, theirs: float) -> None:
    """compute_id_binomial_lk(outer, 2, method="mle"), whose minimiser stops at 1e-5."""
    counts = np.random.default_rng(21).integers(0, 12, (1500, 3))
    ours = ms.estimate(counts, I3D(outer=outer, inner=2)).value
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
