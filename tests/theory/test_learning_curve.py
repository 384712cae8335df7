"""Kernel learning curves: against simulation, exact limits, and each other."""

import numpy as np
import pytest

import manifoldscale as ms
from manifoldscale.theory import (
    KernelLearningCurve,
    kernel_learning_curve,
    kernel_regression_curve,
    power_law_spectrum,
)

RANKS = np.arange(1.0, 1001)
EIGENVALUES, COEFFICIENTS = RANKS**-1.5, RANKS**-1.0
SIZES = np.array([40, 60, 80, 110, 150, 200, 280, 400, 500, 600])


def names(curve: KernelLearningCurve) -> set[str]:
    return {note.caveat.name for note in curve.caveats}


@pytest.mark.slow
@pytest.mark.parametrize(("ridge", "noise"), [(0, 0), (0, 0.1), (0.1, 0), (0.1, 0.1)])
def test_simulated_kernel_regression_agrees(ridge: float, noise: float) -> None:
    """Gaussian eigenfunctions, 40 independent data sets, ten sizes. What the theory leaves
    out, about 0.3 / P of the error, is below the standard errors of 2 to 4 %.
    """
    losses = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        features = rng.standard_normal((800, len(RANKS)))
        signs = rng.choice([-1, 1], len(RANKS))
        losses.append(
            kernel_regression_curve(
                (features * EIGENVALUES) @ features.T,
                features @ (signs * COEFFICIENTS),
                SIZES,
                ridge,
                noise=noise,
                permutations=1,
                rng=rng,
            ).losses
        )
    stderr = np.std(losses, 0, ddof=1) / np.sqrt(len(losses))
    curve = kernel_learning_curve(EIGENVALUES, COEFFICIENTS, SIZES, ridge, noise)
    assert np.all(np.abs(np.mean(losses, 0) - curve.error) < 3 * stderr)
    assert np.all(stderr < 0.05 * curve.error)


@pytest.mark.parametrize(("ridge", "noise"), [(0, 0.1), (0.1, 0)])
def test_finite_size_corrections_are_below_one_over_p(ridge: float, noise: float) -> None:
    """The average over targets, labels' noise and test points done analytically."""
    rng = np.random.default_rng(0)
    for P in (50, 200):
        simulated = [_expected_error(P, ridge, noise, rng) for _ in range(10)]
        theory = kernel_learning_curve(EIGENVALUES, COEFFICIENTS, P, ridge, noise).error
        assert np.mean(simulated) == pytest.approx(theory[0], rel=1 / P)


def _expected_error(P: int, ridge: float, noise: float, rng: np.random.Generator) -> float:
    """Error of one training set, averaged over signs of the coefficients and noise."""
    features, power = rng.standard_normal((P, len(RANKS))), COEFFICIENTS**2

    def gram(weights: np.ndarray) -> np.ndarray:
        return (features * weights) @ features.T

    inverse = np.linalg.inv(gram(EIGENVALUES) + ridge * np.eye(P))
    spread = inverse @ gram(EIGENVALUES**2) @ inverse
    bias = power.sum() - 2 * np.sum(inverse * gram(power * EIGENVALUES))
    return bias + np.sum(spread * gram(power)) + noise * np.trace(spread)


def test_the_error_is_the_sum_of_its_modes() -> None:
    curve = kernel_learning_curve(
        EIGENVALUES, COEFFICIENTS, SIZES, 0.1, 0.2, target_tail=0.05
    )
    rest = (0.05 + curve.gamma * 0.2) / curve.slack
    np.testing.assert_allclose(curve.by_mode().sum(1) + rest, curve.error, rtol=1e-12)
    np.testing.assert_allclose(curve.gamma, 1 - curve.slack, rtol=1e-10)


def test_near_interpolation_nothing_cancels() -> None:
    """With n equal eigenvalues, kappa = n / P - 1 and the error (1 - P / n) n v^2 [the
    projection of a random vector], here to within 1e-9 of the peak.
    """
    n, gap = 100, 1e-9
    curve = kernel_learning_curve(np.ones(n), np.ones(n), n * (1 - gap))
    assert curve.error[0] == pytest.approx(n * gap, rel=1e-6)
    assert curve.slack[0] == pytest.approx(gap, rel=1e-6)


def test_ordinary_least_squares_beyond_the_rank() -> None:
    """kappa = 0: the noise of least squares is rank / (P - rank) noise."""
    curve = kernel_learning_curve([3, 2, 1, 0], [1, 1, 1, 0], [3, 4, 9], noise=0.5)
    assert curve.kappa.tolist() == [0, 0, 0]
    np.testing.assert_allclose(curve.error, [np.inf, 3 * 0.5, 3 / 6 * 0.5])
    assert names(curve) == {"FINITE_RANK", "INTERPOLATION_PEAK"}


def test_a_noiseless_target_is_learned_exactly_beyond_the_rank() -> None:
    curve = kernel_learning_curve([3, 2, 1], [1, 1, 1], [2, 3, 4])
    assert curve.error[0] > 0 and curve.error[1:].tolist() == [0, 0]
    assert names(curve) == {"FINITE_RANK"}


def test_a_vanishing_ridge_is_no_ridge() -> None:
    sizes = np.array([2.0, 5.0, 8.0])
    args = (np.arange(5.0, 0, -1), np.ones(5), sizes)
    small = kernel_learning_curve(*args, ridge=1e-13, noise=0.1).error
    none = kernel_learning_curve(*args, ridge=0, noise=0.1).error
    np.testing.assert_allclose(small[[0, 2]], none[[0, 2]], rtol=1e-10)
    assert none[1] == np.inf and small[1] > 1e4


def test_zero_eigenvalues_are_never_learned() -> None:
    """As power of the target outside the kernel, which `target_tail` also is."""
    with_zero = kernel_learning_curve([2, 1, 0], [1, 1, 0.5], [1, 5], 0.1)
    as_tail = kernel_learning_curve([2, 1], [1, 1], [1, 5], 0.1, target_tail=0.25)
    np.testing.assert_allclose(with_zero.error, as_tail.error, rtol=1e-14)


def test_a_cut_spectrum_with_its_tail_is_the_whole() -> None:
    """50 examples, spectrum cut after 1,000 modes, against the infinite one."""
    whole = power_law_spectrum(0.5)
    args = {"degeneracies": whole.degeneracies, "sizes": 50}
    full = kernel_learning_curve(whole.eigenvalues, whole.eigenvalues**0.5, **args)
    tail = float((whole.degeneracies * whole.eigenvalues).sum() - EIGENVALUES.sum())
    cut = (EIGENVALUES, EIGENVALUES**0.5, 50)
    mended = kernel_learning_curve(*cut, tail=tail, target_tail=tail)
    assert mended.error[0] == pytest.approx(full.error[0], rel=1e-2)
    assert kernel_learning_curve(*cut).error[0] < 0.9 * full.error[0]


def test_units_of_kernel_and_target() -> None:
    plain = kernel_learning_curve(EIGENVALUES, COEFFICIENTS, SIZES, 0.1, 0.1)
    scaled = kernel_learning_curve(7 * EIGENVALUES, 3 * COEFFICIENTS, SIZES, 0.7, 0.9)
    np.testing.assert_allclose(scaled.error, 9 * plain.error, rtol=1e-12)
    np.testing.assert_allclose(scaled.kappa, 7 * plain.kappa, rtol=1e-12)


def test_outputs_add_up() -> None:
    both = np.stack([COEFFICIENTS, 2 * COEFFICIENTS], 1)
    one = kernel_learning_curve(EIGENVALUES, COEFFICIENTS, SIZES)
    two = kernel_learning_curve(EIGENVALUES, both, SIZES)
    np.testing.assert_allclose(two.error, 5 * one.error)


def test_how_it_prints_and_tabulates() -> None:
    curve = kernel_learning_curve(EIGENVALUES, COEFFICIENTS, [10, 100], 0.1)
    assert str(curve) == (
        "kernel learning curve: error 0.267 at P = 10 to 0.0289 at 100 (1,000 "
        "eigenvalues, ridge 0.1, noise 0)"
    )
    assert curve.to_frame().columns.tolist() == ["dataset_size", "error", "kappa", "gamma"]
    np.testing.assert_array_equal(curve.to_curve().losses, curve.error)
    assert ms.fit_power_law(kernel_learning_curve(
        EIGENVALUES, EIGENVALUES**0.5, [10, 20, 40, 80]
    ).to_curve(), floor="zero").alpha == pytest.approx(0.55, abs=0.1)  # fmt: skip


def test_a_learning_curve_counts_in_whole_numbers() -> None:
    with pytest.raises(ms.ManifoldScaleError, match=r"whole numbers.*10.5"):
        kernel_learning_curve([1.0], [1.0], [10.5]).to_curve()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"eigenvalues": [1, 2]}, "falling order"),
        ({"coefficients": [1.0]}, "one entry for each of the 2 eigenvalues"),
        ({"coefficients": 1.0}, "modes x outputs"),
        ({"ridge": -1}, "`ridge` must be a number of at least 0; not -1"),
        ({"noise": -1}, "`noise`"),
        ({"tail": np.nan}, "`tail`"),
        ({"target_tail": "x"}, "`target_tail`"),
        ({"sizes": [0]}, "`sizes` must be positive"),
        ({"sizes": []}, "`sizes`"),
        ({"sizes": "ten"}, "`sizes`"),
    ],
)
def test_bad_calls_are_refused(changed: dict[str, object], message: str) -> None:
    good = {"eigenvalues": [2.0, 1.0], "coefficients": [1.0, 1.0], "sizes": [1]}
    with pytest.raises(ms.ManifoldScaleError, match=message):
        kernel_learning_curve(**{**good, **changed})
