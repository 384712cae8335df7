"""Infinite power-law spectra: sums to float64, and the laws that follow."""

import numpy as np
import pytest
from scipy.special import zeta

import manifoldscale as ms
from manifoldscale.theory import (
    kernel_learning_curve,
    power_law_asymptote,
    power_law_spectrum,
)


@pytest.mark.parametrize("alpha", [0.05, 0.25, 1.0, 3.0])
def test_sums_are_those_of_the_infinite_spectrum(alpha: float) -> None:
    spectrum = power_law_spectrum(alpha)
    for power in (1, 2, 3):
        found = (spectrum.degeneracies * spectrum.eigenvalues**power).sum()
        found += spectrum.tail if power == 1 else 0
        assert found == pytest.approx(zeta(power * (1 + alpha)), rel=1e-14)


@pytest.mark.parametrize("kappa", [1e-2, 1e-8, 1e-30])
def test_a_sum_with_a_closed_form(kappa: float) -> None:
    """sum_i 1 / (1 + kappa i^2) = (pi x / tanh(pi x) - 1) / 2 with x = kappa^-1/2."""
    spectrum = power_law_spectrum(1.0)
    learned = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    x = kappa**-0.5
    expected = (np.pi * x / np.tanh(np.pi * x) - 1) / 2
    assert spectrum.degeneracies @ learned == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("alpha", "target"), [(1.0, None), (0.25, None), (0.5, 1.2), (1.0, 3.0), (1.0, 7.0)]
)
def test_the_closed_form_is_the_limit_of_the_learning_curve(
    alpha: float, target: float | None
) -> None:
    """Corrections fall like 1 / P, because sums start at 1 where integrals start at 0."""
    spectrum, sizes = power_law_spectrum(alpha), np.array([1e3, 1e4, 1e5])
    decay = 1 + alpha if target is None else target
    curve = kernel_learning_curve(
        spectrum.eigenvalues,
        spectrum.ranks ** (-decay / 2),
        sizes,
        degeneracies=spectrum.degeneracies,
        tail=spectrum.tail,
    )
    law = power_law_asymptote(alpha, target)
    assert law.alpha == pytest.approx(min(decay - 1, 2 * (1 + alpha)))
    relative = curve.error / law(sizes) - 1
    np.testing.assert_allclose(relative * sizes, relative[0] * sizes[0], rtol=0.02)
    assert abs(relative[-1]) < 1e-4


def test_a_cut_spectrum_is_the_trap() -> None:
    """3,000 modes at 1,000 examples lose almost half of the loss."""
    cut = np.arange(1.0, 3001) ** -1.6
    truncated = kernel_learning_curve(cut, cut**0.5, 1000).error[0]
    assert truncated / power_law_asymptote(0.6)(1000.0) == pytest.approx(0.55, abs=0.03)


@pytest.mark.parametrize("alpha", [0, -1, np.inf, "1"])
def test_exponents_that_are_not_positive_are_refused(alpha: object) -> None:
    with pytest.raises(ms.ManifoldScaleError, match="`alpha_K` must be a positive number"):
        power_law_spectrum(alpha)


def test_targets_without_a_norm_or_a_pure_law_are_refused() -> None:
    with pytest.raises(ms.ManifoldScaleError, match="no norm"):
        power_law_asymptote(1.0, 1.0)
    with pytest.raises(ms.ManifoldScaleError, match="no pure power law"):
        power_law_asymptote(1.0, 5.0)
