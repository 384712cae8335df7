"""The local fit beside exact geometry and simulation."""

import numpy as np
import pytest
import torch

from manifoldscale.curvature.forms import KAPPA, SCALAR, TRACE, forms_of, packed_frame
from manifoldscale.curvature.local_fit import (
    LocalFit,
    Products,
    design,
    fit,
    n_unknowns,
)
from manifoldscale.manifolds import random_quadric

RNG = np.random.default_rng(0)


def quadric_cloud(dim: int, codim: int, n: int, noise: float, draws: int) -> torch.Tensor:
    """`draws` samples of (u, f(u)) for u uniform in the unit ball, f of random forms."""
    graph = random_quadric(dim, codim, rng=5)
    forms = np.array(graph.function.matrices)
    u = RNG.standard_normal((draws, n, dim))
    u *= RNG.random((draws, n, 1)) ** (1 / dim) / np.linalg.norm(u, axis=2, keepdims=True)
    height = np.einsum("aij,zni,znj->zna", forms, u, u) / 2
    height = height + noise * RNG.standard_normal(height.shape)
    return torch.from_numpy(np.concatenate([u, height], axis=2))


def invariants(matrices: np.ndarray) -> np.ndarray:
    """S, |tr h|^2 and kappa_rms^2 of forms (codim, d, d) in an orthonormal frame."""
    dim = matrices.shape[1]
    trace = (np.einsum("aii->a", matrices) ** 2).sum()
    square = (matrices**2).sum()
    return np.array([trace - square, trace, (trace + 2 * square) / (dim * (dim + 2))])


@pytest.mark.parametrize(("dim", "codim"), [(1, 1), (2, 1), (2, 3), (3, 2), (5, 2)])
def test_a_quadric_is_found_exactly(dim: int, codim: int) -> None:
    points = quadric_cloud(dim, codim, 150, 0.0, 2)
    truth = invariants(np.array(random_quadric(dim, codim, rng=5).function.matrices))
    for order in (0, 1, 2):
        found = fit(points[:, :, :dim], Products(points), order, forms_of(dim))
        np.testing.assert_allclose(
            found.values, np.tile(truth, (2, 1)), rtol=1e-8, atol=1e-9
        )
        assert found.is_solved.all()


def test_kappa_rms_is_the_mean_over_directions() -> None:
    """By a million random directions: E |II(u, u)|^2."""
    matrices = np.array(random_quadric(3, 2, rng=1).function.matrices)
    u = RNG.standard_normal((1_000_000, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    bends = np.einsum("aij,ni,nj->na", matrices, u, u)
    assert (bends**2).sum(1).mean() == pytest.approx(invariants(matrices)[2], rel=3e-3)


def test_principal_curvatures_of_a_hypersurface() -> None:
    points = quadric_cloud(3, 1, 150, 0.0, 1)
    matrix = np.array(random_quadric(3, 1, rng=5).function.matrices)[0]
    values = np.linalg.eigvalsh(matrix)[::-1]
    values = values if values.sum() > 0 else -values[::-1]
    found = fit(points[:, :, :3], Products(points), 0, forms_of(3)).principal[0]
    np.testing.assert_allclose(found, values, atol=1e-9)


def test_a_tilted_frame_changes_nothing_at_the_query() -> None:
    """The same paraboloid over a plane that is not tangent: the metric repairs it, but for
    what truncation does at r = 0.05.
    """
    points = 0.05 * quadric_cloud(2, 1, 200, 0.0, 1)
    u = points[:, :, :2]
    points[:, :, 2] *= 0.05  # heights are of the order of r^2
    tilt = np.radians(20)
    frame = torch.tensor([[np.cos(tilt), 0.0], [0.0, 1.0], [np.sin(tilt), 0.0]])
    truth = fit(u, Products(points), 2, forms_of(2)).values
    tilted = fit(points @ frame, Products(points), 2, forms_of(2)).values
    np.testing.assert_allclose(tilted, truth, rtol=2e-3)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_design_has_as_many_columns_as_unknowns(dim: int, order: int) -> None:
    u = torch.from_numpy(RNG.standard_normal((1, 4, dim)))
    assert design(u, order).shape[2] == n_unknowns(dim, order)


def test_change_of_frame() -> None:
    """h -> E^-1 h E^-T, packed, beside the matrices themselves."""
    matrix = RNG.standard_normal((3, 3))
    metric = matrix @ matrix.T + np.eye(3)
    inverse = np.linalg.inv(np.linalg.cholesky(metric))
    form = RNG.standard_normal((3, 3))
    form = form + form.T
    i, j = np.triu_indices(3)
    packed = packed_frame(torch.from_numpy(metric)[None])[0].numpy() @ form[i, j]
    np.testing.assert_allclose(packed, (inverse @ form @ inverse.T)[i, j])


def noisy(dim: int, codim: int, noise: float, draws: int, n: int = 120) -> LocalFit:
    points = quadric_cloud(dim, codim, n, noise, draws)
    return fit(points[:, :, :dim], Products(points), 0, forms_of(dim))


def test_noise_is_taken_off_and_its_errors_are_known() -> None:
    """1,500 draws: no bias beyond three standard errors of the mean, variances to 10 %.
    Without the correction kappa_rms^2 would be 3 c v too large, v = sigma^2 (d + 2)
    (d + 4) / n (the fourth moments of the ball).
    """
    dim, codim, sigma, draws, n = 2, 10, 0.1, 1500, 120
    found = noisy(dim, codim, sigma, draws, n)
    truth = invariants(np.array(random_quadric(dim, codim, rng=5).function.matrices))
    values = found.values.numpy()
    for form in (SCALAR, TRACE, KAPPA):
        error = values[:, form].std() / np.sqrt(draws)
        assert abs(values[:, form].mean() - truth[form]) < 3.5 * error
        predicted = found.variances[:, form].mean().item()
        assert predicted == pytest.approx(values[:, form].var(), rel=0.1)
    inflation = 3 * codim * sigma**2 * (dim + 2) * (dim + 4) / n
    assert abs(values[:, KAPPA].mean() - truth[KAPPA]) < inflation / 4


def test_the_standard_error_does_not_collapse_at_flat_points() -> None:
    """A plane: the linear part of the variance vanishes, the quadratic does not."""
    draws, n = 1500, 100
    points = torch.from_numpy(RNG.uniform(-1, 1, (draws, n, 7)))
    points[:, :, 2:] = torch.from_numpy(0.2 * RNG.standard_normal((draws, n, 5)))
    found = fit(points[:, :, :2], Products(points), 0, forms_of(2))
    ratio = found.variances[:, SCALAR].mean() / found.values[:, SCALAR].var()
    assert 1.0 < ratio.item() < 1.5  # what is not negative has a positive mean
    assert (
        abs(found.values[:, KAPPA].mean()) < 4 * found.values[:, KAPPA].std() / draws**0.5
    )


def test_influences_sum_to_the_linear_part_of_the_variance() -> None:
    """The sandwich and the homoscedastic variance agree on average."""
    found = noisy(2, 1, 0.05, 2000)
    sandwich = (found.influence[:, :, SCALAR] ** 2).sum(1).mean().item()
    assert sandwich == pytest.approx(found.variances[:, SCALAR].mean().item(), rel=0.1)


def test_points_on_a_line_are_not_solved() -> None:
    u = torch.linspace(-1, 1, 30, dtype=torch.float64)[None, :, None] * torch.ones(2)
    assert not fit(u.double(), Products(u.double()), 0, forms_of(2)).is_solved.any()
