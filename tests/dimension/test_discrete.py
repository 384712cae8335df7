"""Integers and bits: lattice volumes, histograms of distances, repeats."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

import manifoldscale as ms
from manifoldscale.dimension import I3D, Hamming
from manifoldscale.dimension.discrete import distance_counts
from manifoldscale.dimension.hamming import log_shares
from manifoldscale.dimension.i3d import lattice_volumes


def names(dim: ms.dimension.Dimension) -> set[str]:
    return {note.caveat.name for note in dim.caveats}


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_volumes_are_numbers_of_lattice_points(dim: int) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(-6, 7)] * dim), -1).reshape(-1, dim)
    lengths = np.abs(grid).sum(axis=1)
    counted = np.array([(lengths <= r).sum() for r in range(7)])
    np.testing.assert_allclose(lattice_volumes(dim, 6), counted / counted[-1], rtol=1e-12)


def test_volumes_between_whole_dimensions_and_at_large_radii() -> None:
    """V(2, d) = 2 d^2 + 2 d + 1 for real d; V(r) ~ (2 r)^d / d! far out."""
    volumes = lattice_volumes(2.5, 2)
    assert volumes[1] / volumes[0] == pytest.approx(6)
    assert volumes[2] / volumes[0] == pytest.approx(2 * 2.5**2 + 5 + 1)
    far = lattice_volumes(2.5, 2000)
    assert far[1000] == pytest.approx(0.5**2.5, rel=2e-3)
    assert np.isfinite(lattice_volumes(1e4, 200)).all()


def test_histograms_count_every_pair_of_rows() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (60, 3))
    pairs = distance_counts(rows, 6)
    distances = cdist(rows, rows, "cityblock")[~np.eye(60, dtype=bool)]
    np.testing.assert_array_equal(
        pairs.total, np.bincount(distances.astype(int), minlength=7)
    )
    assert pairs.n_rows == 60 and len(pairs.times) <= 27


def test_counts_of_constant_density() -> None:
    """Poisson counts of mean 2,000: flat over a radius of 4. 60 draws: unbiased within
    four standard errors, with the error that is stated.
    """
    rng = np.random.default_rng(1)
    found = [ms.estimate(rng.poisson(2000, (1500, 2)), I3D(outer=8)) for _ in range(60)]
    values = np.array([dim.value for dim in found])
    assert abs(values.mean() - 2) < 4 * values.std() / np.sqrt(60) + 0.01
    assert np.mean([dim.stderr for dim in found]) == pytest.approx(values.std(), rel=0.35)
    assert np.mean([2 in dim.interval for dim in found]) > 0.84


def test_spike_counts_say_that_they_have_no_single_scale() -> None:
    spikes = np.random.default_rng(2).poisson(3, (1000, 6))
    dim = ms.estimate(spikes, I3D())
    assert 4 < dim.value < 6 and "SCALE_DEPENDENT" in names(dim)


def test_few_states_of_many_rows() -> None:
    """10,000 rows of 8 fair bits: 256 states, almost every row a repeat. Their number of
    independent bits is known very well; a lattice dimension is not there, and it says so.
    """
    bits = np.random.default_rng(3).integers(0, 2, (10_000, 8))
    dim = ms.estimate(bits, Hamming())
    assert dim.value == pytest.approx(8, abs=0.02) and dim.n_points == 10_000
    assert {"REPEATED_ROWS", "NEAR_AMBIENT"} <= names(dim)
    assert "9,744 of 10,000 rows" in str(dim)
    assert "SCALE_DEPENDENT" in names(ms.estimate(bits, I3D()))


@pytest.mark.slow
@pytest.mark.parametrize("quantile", [0.3, 1.0])
def test_independent_fair_bits_are_counted(quantile: float) -> None:
    """60 draws of 300 rows of 30 bits: unbiased, covering, for any share of the pairs."""
    rng = np.random.default_rng(4)
    draws = [
        ms.estimate(rng.integers(0, 2, (300, 30)), Hamming(quantile=quantile))
        for _ in range(60)
    ]
    values = np.array([dim.value for dim in draws])
    assert abs(values.mean() - 30) < 4 * values.std() / np.sqrt(60)
    assert np.mean([30 in dim.interval for dim in draws]) > 0.84


def test_the_model_of_constant_dimension_is_binomial() -> None:
    r = np.arange(13)
    np.testing.assert_allclose(
        log_shares(np.array([12.0, 0.0]), r), stats.binom.logpmf(r, 12, 0.5), atol=1e-12
    )


def test_which_two_values_does_not_matter() -> None:
    bits = np.random.default_rng(5).integers(0, 2, (200, 12))
    value = ms.estimate(bits, Hamming()).value
    assert ms.estimate(2 * bits - 1, Hamming()).value == value
    assert ms.estimate(bits.astype(bool), Hamming()).value == value


@pytest.mark.parametrize(
    ("points", "method", "message"),
    [
        (np.random.default_rng(0).random((50, 3)), I3D(), "integer data"),
        (np.random.default_rng(0).integers(0, 3, (50, 3)), Hamming(), "I3D"),
        (np.random.default_rng(0).integers(0, 2, (50, 1)), Hamming(), "at least 3"),
        (np.random.default_rng(0).integers(0, 10**6, (50, 6)), I3D(), "TwoNN"),
        (np.random.default_rng(0).integers(0, 10**6, (50, 6)), I3D(outer=4), "radii"),
    ],
)
def test_data_that_they_are_not_for(
    points: np.ndarray, method: object, message: str
) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        ms.estimate(points, method)


def test_settings_that_cannot_work() -> None:
    for make in (
        lambda: I3D(outer=-1),
        lambda: I3D(outer=2, inner=2),
        lambda: I3D(inner=0.5),
        lambda: Hamming(quantile=0),
    ):
        with pytest.raises(ms.ManifoldScaleError):
            make()
