"""The equation for kappa: every root is a root, however small."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.theory.modes import Modes, solve_kappa


def random_set(seed: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Eigenvalues that fall to between 1e-5 and 1e-300, a ridge or none, and sizes."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 2000))
    depth = 10 ** rng.uniform(0.7, np.log10(300))
    spectra = [
        np.logspace(0, -depth, n),
        np.arange(1.0, n + 1) ** -(depth / np.log10(n)),
        np.sort(10 ** (-depth * rng.random(n)))[::-1],
    ]
    eigenvalues = spectra[seed % 3] * 10 ** rng.uniform(-3, 3)
    eigenvalues = eigenvalues[eigenvalues > 1e-300]
    ridge = [0.0, 10 ** rng.uniform(-12, 2), 10 ** rng.uniform(-280, -12)][seed // 3 % 3]
    return eigenvalues, ridge, np.geomspace(0.5, 0.999 * len(eigenvalues), 12)


@pytest.mark.parametrize("seed", range(90))
def test_every_root_is_a_root(seed: int) -> None:
    """A published Newton iteration with an absolute tolerance fails 3 sets of 90."""
    eigenvalues, ridge, sizes = random_set(seed)
    kappa = solve_kappa(np.append(eigenvalues, 0), np.append(eigenvalues, ridge), sizes)
    found = (eigenvalues / (eigenvalues + kappa[:, None])).sum(1) + ridge / kappa
    np.testing.assert_allclose(found, sizes, rtol=1e-12)
    assert np.all(np.diff(kappa) < 0)


def test_sizes_beyond_the_rank_have_no_root_without_ridge() -> None:
    kappa = solve_kappa(np.array([2.0, 1.0]), np.array([2.0, 1.0]), np.array([1.0, 2, 3]))
    assert kappa[0] == pytest.approx(np.sqrt(2.0)) and kappa[1:].tolist() == [0, 0]


def test_many_sizes_are_solved_in_blocks() -> None:
    eigenvalues = np.arange(1.0, 200_001) ** -1.5
    sizes = np.array([10.0, 100, 1000] * 5)
    together = solve_kappa(eigenvalues, eigenvalues, sizes)
    alone = [solve_kappa(eigenvalues, eigenvalues, sizes[[i]])[0] for i in range(3)]
    np.testing.assert_allclose(together, alone * 5, rtol=1e-12)


def test_degeneracies_are_repetitions() -> None:
    few = Modes.of([4.0, 1.0, 0.25], [1, 3, 5])
    residues = few.eigenvalues * few.degeneracies
    many = np.repeat(few.eigenvalues, [1, 3, 5])
    np.testing.assert_allclose(
        solve_kappa(few.eigenvalues, residues, np.array([2.0, 6])),
        solve_kappa(many, many, np.array([2.0, 6])),
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("eigenvalues", "degeneracies", "message"),
    [
        ([1.0, -1e-3], None, r"must not be negative; number 1 is -0.001.*clip"),
        ([1.0, 2.0], None, r"falling order.*argsort"),
        ([0.0, 0.0], None, "all zero"),
        ([], None, "list of numbers"),
        ([[1.0]], None, "list of numbers"),
        ([1.0, np.nan], None, "NaN"),
        ([1.0, 0.5], [1.0], "one entry for each of the 2 eigenvalues; it has 1"),
        ([1.0, 0.5], [1.0, 0.0], "must be positive"),
    ],
)
def test_bad_spectra_are_refused(
    eigenvalues: object, degeneracies: object, message: str
) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        Modes.of(eigenvalues, degeneracies)
