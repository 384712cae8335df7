"""Exponents of spectra: of pure power laws, of Gram matrices, of what is none."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.theory import NNGP, NTK, Spectrum, gram_spectrum, sphere_spectrum
from manifoldscale.theory.kernel_spectrum import fit_exponent


def power_law(alpha: float, n: int = 2000) -> Spectrum:
    ranks = np.arange(1.0, n + 1)
    values = ranks ** -(1 + alpha)
    return Spectrum(values, np.ones(n), ranks, np.ones(n, dtype=bool), "a power law")


@pytest.mark.parametrize("alpha", [0.1, 0.5, 2.0])
def test_a_pure_power_law(alpha: float) -> None:
    exponent = power_law(alpha).exponent()
    assert exponent.value == pytest.approx(alpha, rel=1e-10)
    assert exponent.interval.width < 1e-9 and not exponent.caveats


def test_degenerate_levels_stand_at_the_middle_of_their_ranks() -> None:
    plain = power_law(0.5, 6)
    paired = Spectrum(
        plain.eigenvalues[::2], np.full(3, 2.0), np.arange(3), np.ones(3, bool), "pairs"
    )
    np.testing.assert_array_equal(paired.ranked()[0], [1.5, 3.5, 5.5])


def test_ranks_stop_at_the_first_that_is_not_trusted() -> None:
    spectrum = power_law(1.0, 10)
    trusted = np.arange(10) != 4
    cut = Spectrum(spectrum.eigenvalues, np.ones(10), np.arange(10), trusted, "cut")
    assert len(cut.ranked()[0]) == 4


def test_intervals_cover_where_neighbours_err_together() -> None:
    """Noise with a correlation over ranks, shorter than the blocks."""
    rng, covered, n = np.random.default_rng(0), 0, 300
    for _ in range(200):
        noise = rng.standard_normal(n + 8)
        smooth = np.convolve(noise, np.ones(9) / 3, mode="valid")
        ranks = np.arange(20.0, 20 + n)
        values = ranks**-1.5 * np.exp(0.03 * smooth)
        covered += 0.5 in fit_exponent(ranks, values, 0.95).interval
    assert covered >= 176  # 0.95 less four standard errors of 200 draws


def test_a_bend_is_in_the_interval_and_said() -> None:
    """A local slope from 1.5 to 1.75: the end of the range is the better asymptote."""
    x = np.linspace(np.log(20), np.log(2000), 300)
    y = -1.5 * x - 0.25 * (x - x[0]) ** 2 / (2 * (x[-1] - x[0]))
    exponent = fit_exponent(np.exp(x), np.exp(y), 0.95)
    assert exponent.interval.low < 0.625 < 0.75 < exponent.interval.high
    assert "bent spectrum (local slope -1.50 to -1.75)" in str(exponent)


def one_by_one(spectrum: Spectrum) -> Spectrum:
    """Each eigenvalue as often as it occurs, which is how a Gram matrix has them."""
    values = np.repeat(spectrum.eigenvalues, spectrum.degeneracies.astype(int))
    n = len(values)
    return Spectrum(values, np.ones(n), np.arange(n), np.ones(n, bool), spectrum.source)


@pytest.mark.parametrize("kernel", [NTK(), NNGP()], ids=["ntk", "nngp"])
def test_a_gram_matrix_has_the_exponent_that_the_sphere_has_at_its_ranks(kernel) -> None:
    points = ms.manifolds.Sphere(2).sample(1500).points
    exact = one_by_one(sphere_spectrum(kernel, 2, 40)).exponent(first=10, last=150)
    found = gram_spectrum(kernel(points)).exponent(first=10, last=150)
    assert found.value == pytest.approx(exact.value, abs=0.05)
    assert exact.value in found.interval


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "alpha", "tolerance"), [(NTK, 0.5, 0.1), (NNGP, 1.5, 0.2)]
)
def test_larger_gram_matrices_of_the_sphere(kernel, alpha, tolerance) -> None:
    """The value is near the asymptote; the interval is that of these ranks, where the
    exact NNGP spectrum itself has 1.55 and not yet 1.5.
    """
    points = ms.manifolds.Sphere(2).sample(4000).points
    exact = one_by_one(sphere_spectrum(kernel(depth=2), 2, 60)).exponent(30, 400)
    found = gram_spectrum(kernel(depth=2)(points)).exponent(first=30, last=400)
    assert found.value == pytest.approx(alpha, abs=tolerance)
    assert exact.value in found.interval


def test_the_trace_of_a_gram_matrix_is_the_mean_of_its_diagonal() -> None:
    gram = NTK()(np.random.default_rng(0).standard_normal((50, 4)))
    assert gram_spectrum(gram).trace == pytest.approx(float(gram.diagonal().mean()))


def test_a_spectrum_prints_tabulates_saves_and_plots(tmp_path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    spectrum = power_law(0.5, 100)
    assert str(spectrum) == "Spectrum of a power law: 100 levels, 100 trustworthy"
    assert spectrum.to_frame()["levels"][0] == 100
    assert '"eigenvalues"' in spectrum.to_json(tmp_path / "spectrum.json")
    assert spectrum.plot().get_xscale() == "log"
    assert str(spectrum.exponent()).startswith("alpha_K 0.500 [0.500, 0.500]")


@pytest.mark.parametrize(
    ("gram", "message"),
    [
        (np.ones((3, 2)), "must be square"),
        (np.triu(np.ones((3, 3))), "not symmetric"),
        (np.diag([1.0, -0.1]), "not positive semidefinite"),
        (np.full((2, 2), np.nan), "holds 4 NaN"),
    ],
)
def test_what_is_no_gram_matrix(gram: np.ndarray, message: str) -> None:
    with pytest.raises(ms.ManifoldScaleError, match=message):
        gram_spectrum(gram)
