"""The spectrum of a kernel from the covariance of its inputs."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

import manifoldscale as ms
from manifoldscale.theory import (
    NNGP,
    NTK,
    Gaussian,
    Laplace,
    hermite_spectrum,
    kernel_regression_curve,
)
from manifoldscale.theory.hermite_modes import largest_modes

GAMMA = np.arange(1.0, 41) ** -0.7


def gaussian_points(n: int, gamma: np.ndarray = GAMMA, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, len(gamma))) * np.sqrt(gamma)


def measured(kernel: ms.theory.Kernel, points: np.ndarray, targets: np.ndarray,
             sizes: list[int], ridge: float) -> np.ndarray:  # fmt: skip
    gram = kernel(points - points.mean(0)).numpy()
    curve = kernel_regression_curve(gram, targets, sizes, ridge, permutations=6)
    return np.array([curve.at(dataset_size=size).losses.mean() for size in sizes])


def test_modes_are_those_of_a_search_of_all() -> None:
    b, shares = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.5, 0.25, 0.15, 0.1])
    every = [
        (math.factorial(level) * b[level] * math.prod(shares[list(factors)]), factors)
        for level in range(4)
        for factors in itertools.combinations_with_replacement(range(4), level)
    ]
    every.sort(reverse=True)
    found = largest_modes(b, shares, 1000)
    assert_allclose(found.eigenvalues, [value for value, _ in every], rtol=1e-12)
    assert sorted(found.factors) == sorted(factors for _, factors in every)
    few = largest_modes(b, shares, 7)
    assert_allclose(few.eigenvalues, found.eigenvalues[:7])
    assert max(found.degrees) == 3


def test_products_are_orthonormal_under_a_gaussian() -> None:
    """By exact quadrature in two dimensions."""
    modes = largest_modes(np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.6, 0.4]), 10)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    grid = np.array(list(itertools.product(nodes, nodes))).T
    weight = np.outer(weights, weights).ravel() / weights.sum() ** 2
    values = modes.products(grid)
    assert_allclose((values * weight) @ values.T, np.eye(10), atol=1e-10)


@pytest.mark.parametrize(("width", "error"), [(3.0, 0.1), (10.0, 0.01), (30.0, 0.001)])
def test_mehler(width: float, error: float) -> None:
    """Eigenvalues of a Gaussian kernel under a Gaussian are known in closed form; the
    formula is their limit of a wide kernel, with an error of the square of its width.
    """
    found = hermite_spectrum(
        Gaussian(width * math.sqrt(GAMMA.sum())), covariance=GAMMA, rank=300
    )
    a, b = 1 / (4 * GAMMA), 1 / (2 * width**2 * GAMMA.sum())
    total = a + b + np.sqrt(a**2 + 2 * a * b)
    exact = [
        np.sqrt(2 * a / total).prod() * math.prod((b / total)[list(factors)])
        for factors in found.modes.factors
    ]
    assert_allclose(found.eigenvalues, exact, rtol=error)


@pytest.mark.parametrize(
    "kernel", [Laplace(10.0), NTK(depth=2), NNGP(depth=2, bias_variance=0.2)], ids=str
)
def test_the_quadratic_forms_of_random_pairs(kernel: ms.theory.Kernel) -> None:
    """E[h(x) k(x, x') h(x')] over independent pairs, summed over levels 0, 1 and 2; the
    errors of the formula are of the order of 1 / 80 here.
    """
    gamma = np.ones(80)
    x = gaussian_points(4000, gamma)
    first, second = x[:2000], x[2000:]
    k = kernel(first, second).numpy()
    found = hermite_spectrum(kernel, covariance=gamma, rank=3000)
    inner = first @ second.T
    squares = (first**2 - 1) @ (second**2 - 1).T / 2
    products = (inner**2 - (first**2) @ (second**2).T) / 2
    by_level = [k.mean(), (k * inner).mean(), (k * (squares + products)).mean()]
    for level, value in enumerate(by_level):
        expected = found.eigenvalues[found.modes.degrees == level].sum()
        assert value == pytest.approx(expected, rel=[0.01, 0.04, 0.12][level])


def test_points_give_the_eigenvalues_of_their_covariance() -> None:
    """Gaussian ones; to the noise of N points."""
    kernel, x = NTK(depth=2), gaussian_points(10_000)
    exact = hermite_spectrum(kernel, covariance=np.diag(GAMMA), rank=100)
    found = hermite_spectrum(kernel, x, rank=100)
    assert_allclose(found.eigenvalues, exact.eigenvalues, rtol=0.1)
    assert_allclose(found.modes.eigenvalues, exact.eigenvalues, rtol=0.05)
    assert found.trace == pytest.approx(exact.trace, rel=0.01)
    assert found.independent_to == 100
    assert "gaussian inputs: only a covariance" in str(exact)


def test_eigenvalues_on_points_are_those_of_the_gram_matrix_of_the_modes() -> None:
    """However far from Gaussian: the two matrices have the same nonzero eigenvalues, and
    the squared coefficients are those of the targets in its eigenvectors.
    """
    rng = np.random.default_rng(0)
    x = rng.exponential(size=(300, 6)) @ rng.standard_normal((6, 6))
    y = np.tanh(x[:, :2])
    found = hermite_spectrum(Laplace(8.0), x, y, rank=40)
    centred = x - x.mean(0)
    variances, axes = np.linalg.eigh(centred.T @ centred / 300)
    z = (centred @ axes / np.sqrt(variances))[:, ::-1]
    features = np.ones((300, 40))
    powers = [np.polynomial.hermite_e.HermiteE.basis(k) for k in range(26)]
    for column, factors in zip(features.T, found.modes.factors, strict=True):
        for axis, k in Counter(factors).items():
            column *= powers[k](z[:, axis]) / math.sqrt(math.factorial(k))
    gram = (features * found.modes.eigenvalues) @ features.T / 300
    values, vectors = np.linalg.eigh(gram)
    assert_allclose(found.eigenvalues, values[::-1][:40], rtol=1e-6, atol=1e-12)
    power = ((vectors.T[::-1][:40] @ y) ** 2).sum(1) / 300
    assert found.coefficients is not None
    assert_allclose((found.coefficients**2).sum(1)[:20], power[:20], rtol=1e-4)


def test_a_linear_kernel_has_the_eigenvalues_of_the_covariance() -> None:
    """Exactly, whatever the distribution, and no others: x.x' / n times 2^2."""
    x = np.random.default_rng(0).exponential(size=(200, 5)) * np.arange(1, 6)
    found = hermite_spectrum(NNGP(depth=1, activation="linear"), x, x[:, 0], rank=50)
    exact = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1] * 4 / 5
    assert_allclose(found.eigenvalues, exact, rtol=1e-9)
    assert found.tail == pytest.approx(0, abs=1e-9)
    curve = found.learning_curve([20, 50], ridge=1e-6)
    assert np.all(np.isfinite(curve.error))


def test_a_rotation_and_a_shift_of_the_inputs_change_nothing() -> None:
    x, y = gaussian_points(300), gaussian_points(300, seed=1)[:, 0]
    turn = np.linalg.qr(gaussian_points(40, seed=2))[0]
    kernel = Laplace(8.0)
    first = hermite_spectrum(kernel, x, y, rank=60)
    second = hermite_spectrum(kernel, x @ turn + 7, y, rank=60)
    assert_allclose(first.eigenvalues, second.eigenvalues, rtol=1e-8)
    assert_allclose(first.target_power, second.target_power, atol=1e-10)


def test_a_kernel_that_sees_the_origin_says_that_inputs_are_centred() -> None:
    x = gaussian_points(60) + 3
    assert "centred (their mean has" in str(hermite_spectrum(NTK(depth=1), x))
    assert "centred" not in str(hermite_spectrum(NTK(depth=1), x - x.mean(0)))
    assert "centred" not in str(hermite_spectrum(Laplace(8.0), x))


def test_labels_of_noise_have_no_power_in_the_modes() -> None:
    x, y = gaussian_points(2000), np.random.default_rng(3).standard_normal(2000)
    found = hermite_spectrum(Laplace(8.0), x, y, rank=900)
    assert found.target_tail == pytest.approx(found.power, rel=0.1)
    assert found.coefficients is not None
    assert (found.coefficients**2).sum() > 0.4 * found.power  # what chance gives to modes


@pytest.mark.parametrize("kernel", [Laplace(8.0), Gaussian(10.0), NTK(depth=2)], ids=str)
def test_the_learning_curve_of_gaussian_inputs(kernel: ms.theory.Kernel) -> None:
    """Against kernel regression on new points, to 10 %."""
    x, sizes = gaussian_points(2000), [30, 100, 300]
    rng = np.random.default_rng(5)
    y = np.maximum(x @ rng.standard_normal((40, 30)), 0) @ rng.standard_normal((30, 3))
    y -= y.mean(0)
    found = hermite_spectrum(kernel, x[:1200], y[:1200], rank=600)
    ridge = 1e-3 * found.trace
    curve = found.learning_curve(sizes, ridge)
    assert_allclose(
        curve.error, measured(kernel, x[1200:], y[1200:], sizes, ridge), rtol=0.1
    )
    assert found.check(ridge).reach >= 300


def test_mnist_as_far_as_it_is_trusted() -> None:
    """The wide Gaussian kernel is right at all sizes; the narrower NTK says where it stops
    being right.
    """
    data = ms.data.load_examples("mnist5k")
    order = np.random.default_rng(0).permutation(len(data.labels))[:2000]
    x, y = data.inputs[order], np.eye(10)[data.labels[order]] - 0.1
    radius = math.sqrt(x.var(0).sum())
    sizes = [50, 200, 500, 1000]
    wide = Gaussian(2 * radius)
    found = hermite_spectrum(wide, x[:1000], y[:1000], rank=500)
    curve = found.learning_curve(sizes[:3], 1e-3)
    assert_allclose(
        curve.error, measured(wide, x[1000:], y[1000:], sizes[:3], 1e-3), rtol=0.12
    )
    narrow = hermite_spectrum(Gaussian(0.5 * radius), x, y, rank=800)
    reach = narrow.check(1e-3).reach
    late = narrow.learning_curve(sizes, 1e-3)
    assert reach < 200
    assert narrow.independent_to < 200
    assert "beyond reach" in str(late)


def test_a_far_target_is_cut_off() -> None:
    x = gaussian_points(1000)
    found = hermite_spectrum(Laplace(8.0), x, x[:, -1], rank=25)
    assert "modes cut off (from P = " in str(found.learning_curve([20, 400]))


def test_what_is_refused() -> None:
    x, kernel = gaussian_points(60), Laplace(8.0)
    for match, call in {
        "either `points` or": lambda: hermite_spectrum(kernel),
        "one of them": lambda: hermite_spectrum(kernel, x, covariance=GAMMA),
        "`targets` need": lambda: hermite_spectrum(kernel, targets=x, covariance=GAMMA),
        "half of the 60": lambda: hermite_spectrum(kernel, x, rank=31),
        "all the same": lambda: hermite_spectrum(kernel, np.ones((30, 2))),
        "at least 20": lambda: hermite_spectrum(kernel, x[:9]),
        "not symmetric": lambda: hermite_spectrum(kernel, covariance=[[1, 2], [0, 1]]),
        "may be negative": lambda: hermite_spectrum(kernel, covariance=[1, -1]),
        "features x features": lambda: hermite_spectrum(kernel, covariance=x),
        "too narrow": lambda: hermite_spectrum(Gaussian(0.1), x),
        "there are no targets": lambda: hermite_spectrum(kernel, x).target_power,
        "no targets": lambda: hermite_spectrum(kernel, x).learning_curve([9]),
        "Gaussian, Laplace": lambda: hermite_spectrum(ms.theory.ConvNTK(), x),
    }.items():
        with pytest.raises(ms.ManifoldScaleError, match=match):
            call()


def test_what_no_float_holds_is_refused() -> None:
    points = np.random.default_rng(0).standard_normal((100, 5))
    with pytest.raises(ms.ManifoldScaleError, match="too narrow"):
        ms.theory.hermite_spectrum(ms.theory.Gaussian(0.01), points, points[:, 0])
    for far in (1e160, 1e200):
        with pytest.raises(ms.ManifoldScaleError, match="`points` are so large"):
            ms.theory.hermite_spectrum(ms.theory.Gaussian(1e200), far * points)
    with pytest.raises(ms.ManifoldScaleError, match="all zero"):
        ms.theory.hermite_spectrum(ms.theory.Gaussian(5.0), points, 0 * points[:, 0])
    found = ms.theory.hermite_spectrum(ms.theory.Gaussian(5.0), points, points[:, 0])
    with pytest.raises(ms.ManifoldScaleError, match="ridge"):
        found.check(ridge="a")  # type: ignore[arg-type]
