"""The local fit: the second fundamental form of every neighbourhood in a block.

In tangent coordinates u, every ambient coordinate is regressed on

    1, u_i, u_i u_j        and, at order q >= 1, on terms that change the form away from the
                           query: |u|^2 u_i, |u|^2 u_i u_j, .., |u|^(2q) u_i u_j.

A quartic is a sum of |u|^4, |u|^2 times a harmonic quadratic, and a harmonic quartic, which
on a ball is orthogonal to all quadratics. So the terms |u|^2 u_i u_j, as many as the
u_i u_j, take up the whole effect of truncation on the second fundamental form at the first
order in r^2, and |u|^4 u_i u_j at the second: what remains is of the order
(kappa r)^(2q + 2). On a finite sample the harmonic cubics and quartics act as noise; up to
d = 3, where they are few, all cubics and quartics are fitted instead.

With A the (n x p) design, M = (A'A)^-1, W = M A' and G the Gram matrix of the points, all
inner products of coefficients are W G W'. The ambient dimension enters only through G.
"""

import dataclasses as dc
import functools
import itertools

import torch
from torch import Tensor

from .forms import Forms, packed_frame
from .hoods import Hoods

REFITS = 2
FULL = 3  # the dimension up to which all cubics and quartics are few enough to fit
SINGULAR = 1e-5  # sine of the angle between a column and the others below which they agree


@dc.dataclass(frozen=True, eq=False)
class LocalFit:
    """Quadratic invariants of the second fundamental form at b points, with their errors.

    All in units of the radius that the points were divided by.

    Parameters
    ----------
    values : (b, 3) debiased scalar curvature S, |tr II|^2 and kappa_rms^2.
    variances : (b, 3) of the noise of the values.
    influence : (b, n, 3) of each point of the neighbourhood on the values, mean zero.
    quadratic : (b, 3) the part of the variances that does not vanish at flat points.
    principal : (b, d) curvatures along the first principal normal, falling.
    noise : (b,) mean squared distance of the points from the fit.
    tilt : (b,) mean squared error of the tangent directions, in radians.
    is_solved : (b,) whether the design has full rank.
    """

    values: Tensor
    variances: Tensor
    influence: Tensor
    quadratic: Tensor
    principal: Tensor
    noise: Tensor
    tilt: Tensor
    is_solved: Tensor


def n_unknowns(dim: int, order: int) -> int:
    """Columns of the design: the unknowns for each ambient coordinate."""
    pairs = dim * (dim + 1) // 2
    if order == 0:
        return 1 + dim + pairs
    return (
        1
        + dim
        + pairs
        + sum(len(m) for m in _higher(dim))
        + (order - 1 + (dim > FULL)) * pairs
    )


def design(u: Tensor, order: int) -> Tensor:
    """(b, n, p): the linear terms, then u_i u_j (half the square on the diagonal, which
    makes the coefficient II(e_i, e_j)), then the rest.
    """
    dim = u.shape[2]
    i, j = torch.triu_indices(dim, dim)
    pairs = u[:, :, i] * u[:, :, j] * torch.where(i == j, 0.5, 1.0).to(u)
    squared = (u**2).sum(2, keepdim=True)
    columns = [u, pairs, torch.ones_like(squared)]
    if order:
        columns += (
            [squared * u]
            if dim > FULL
            else [
                u[:, :, list(places)].prod(2, keepdim=True)
                for monomials in _higher(dim)
                for places in monomials
            ]
        )
        first = 1 if dim > FULL else 2
        columns += [squared**q * pairs for q in range(first, order + 1)]
    return torch.cat(columns, 2)


@functools.cache
def _higher(dim: int) -> tuple[list[tuple[int, ...]], ...]:
    """The monomials of degree 3 and 4; in high dimension only |u|^2 u_i."""
    if dim > FULL:
        return ([(i,) for i in range(dim)],)
    return tuple(
        list(itertools.combinations_with_replacement(range(dim), degree))
        for degree in (3, 4)
    )


@dc.dataclass(frozen=True, eq=False)
class LocalSolution:
    """Least squares on one design: A (b, n, p), M = (A'A)^-1 (b, p, p), W = M A' (b, p, n),
    and whether A has full rank, (b,).
    """

    design: Tensor
    inverse: Tensor
    smoother: Tensor
    is_solved: Tensor


def solve(u: Tensor, order: int) -> LocalSolution:
    """Least squares on the design of these coordinates, of size about 1."""
    columns = design(u, order)
    gram = columns.transpose(1, 2) @ columns
    # Columns of equal length, so the condition depends on their angles only.
    size = torch.diagonal(gram, dim1=1, dim2=2).clamp(min=1e-300).rsqrt()
    factor, info = torch.linalg.cholesky_ex(gram * size[:, :, None] * size[:, None, :])
    is_solved = (info == 0) & (torch.diagonal(factor, dim1=1, dim2=2).amin(1) > SINGULAR)
    eye = torch.eye(factor.shape[1], dtype=factor.dtype)
    factor = torch.where(is_solved[:, None, None], factor, eye)
    inverse = torch.cholesky_inverse(factor) * size[:, :, None] * size[:, None, :]
    return LocalSolution(columns, inverse, inverse @ columns.transpose(1, 2), is_solved)


def in_tangent_ball(
    hoods: Hoods, u: Tensor, n: int, cap: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The places, (b, n), of the `n` points of each neighbourhood that are nearest to the
    query along the tangent space (at most `cap` of them, evenly), their tangent
    coordinates, and those of all points.

    The frame is turned twice to the linear terms of a fit, because density and edges tilt
    the principal components from which it may start, with coordinates `u`. Points are
    chosen by |u| and not by distance: a choice by distance keeps the points that noise
    brings near, and flattens the rim. Given |u|, tangential noise shifts a point without a
    preferred direction, and does not affect second derivatives.
    """
    dim = u.shape[2]
    for _ in range(REFITS):
        nearest = (u**2).sum(2).argsort(dim=1, stable=True)[:, :n, None]
        nearest = nearest.expand(-1, -1, dim)
        inner = u.gather(1, nearest)
        smoother = solve(inner / inner.abs().amax((1, 2), keepdim=True), 0).smoother
        weights = torch.zeros_like(u).scatter(1, nearest, smoother[:, :dim].transpose(1, 2))
        u = hoods.along(weights)
    order = (u**2).sum(2).argsort(dim=1, stable=True)[:, :n]
    if n > cap:
        order = order[:, torch.linspace(0, n - 1, cap).round().long()]
    return order, u.gather(1, order[:, :, None].expand(-1, -1, dim)), u


@dc.dataclass(frozen=True, eq=False)
class Products:
    """Inner products of the points of each neighbourhood, for fits of several orders.

    With fewer features than points they come from the points themselves, else from their
    Gram matrix, (b, n, n), and then nothing else grows with the features.
    """

    points: Tensor

    @classmethod
    def of(cls, hoods: Hoods, places: Tensor) -> "Products":
        """Of the points at these places, (b, n), of each neighbourhood."""
        n, (m, features) = places.shape[1], hoods.points.shape[1:]
        if hoods.gram is None:
            return cls(hoods.points.gather(1, places[:, :, None].expand(-1, -1, features)))
        rows = hoods.gram.gather(1, places[:, :, None].expand(-1, -1, m))
        found = cls(hoods.points)
        found.__dict__["gram"] = rows.gather(2, places[:, None, :].expand(-1, n, -1))
        return found

    @functools.cached_property
    def gram(self) -> Tensor | None:
        n, features = self.points.shape[1:]
        return self.points @ self.points.transpose(1, 2) if features > n else None

    def combined(self, smoother: Tensor) -> Tensor:
        """(b, p, .) coordinates of the coefficients, or their products with the points."""
        return smoother @ (self.points if self.gram is None else self.gram)

    def with_points(self, combined: Tensor) -> Tensor:
        """(b, p, n) inner products of the coefficients and the points."""
        return combined @ self.points.transpose(1, 2) if self.gram is None else combined

    def of_residuals(
        self, columns: Tensor, smoother: Tensor, combined: Tensor
    ) -> tuple[Tensor, Tensor]:
        """tr R and tr R^2 of the Gram matrix R of the residuals, (b,) each."""
        rest = self.points if self.gram is None else self.gram
        rest = torch.baddbmm(rest, columns, combined, alpha=-1)
        if self.gram is None:
            return (rest**2).sum((1, 2)), (rest.transpose(1, 2) @ rest).pow(2).sum((1, 2))
        rest = torch.baddbmm(rest, rest @ columns, smoother, alpha=-1)
        trace = torch.diagonal(rest, dim1=1, dim2=2).sum(1).clamp(min=0)
        return trace, torch.linalg.vector_norm(rest, dim=(1, 2)) ** 2


def fit(u: Tensor, products: Products, order: int, forms: Forms) -> LocalFit:
    """The fit at one scale.

    Parameters
    ----------
    u : (b, n, d) tangent coordinates.
    """
    dim = u.shape[2]
    pairs = dim * (dim + 1) // 2
    scale = u.norm(dim=2).amax(1)[:, None, None]
    solution = solve(u / scale, order)
    columns, inverse, smoother = solution.design, solution.inverse, solution.smoother
    n, p = columns.shape[1:]
    form = slice(dim, dim + pairs)
    combined = products.combined(smoother)
    through = products.with_points(combined)  # (b, p, n)
    inner = through @ smoother.transpose(1, 2)  # (b, p, p) inner products of coefficients
    onto = (through @ columns) @ smoother
    residual = through - onto  # (b, p, n): coefficients times residuals
    traces = products.of_residuals(columns, smoother, combined)
    noise, noise_squared = _noise_moments(*traces, n - p)
    # An orthonormal frame of the fitted tangent space, and the part normal to it.
    metric = inner[:, :dim, :dim] - noise[:, None, None] * inverse[:, :dim, :dim]
    mixed, turned = inner[:, form, :dim], packed_frame(metric / scale**2)
    eye = torch.eye(dim, dtype=u.dtype).expand(len(u), -1, -1)
    tangent = torch.where(solution.is_solved[:, None, None], inner[:, :dim, :dim], eye)
    raised, _ = torch.linalg.solve_ex(tangent, mixed.transpose(1, 2))
    normal = inner[:, form, form] - mixed @ raised
    to_unit = turned / scale**2
    covariance = to_unit @ inverse[:, form, form] @ to_unit.transpose(1, 2)
    shape = to_unit @ normal @ to_unit.transpose(1, 2) - noise[:, None, None] * covariance
    mixed_noise = to_unit @ residual[:, form]  # (b, pairs, n)
    weights = to_unit @ smoother[:, form]
    values = torch.einsum("fab,zab->zf", forms.matrices, shape)
    influence = 2 * forms.paired(mixed_noise, weights)  # (b, n, 3)
    spread = mixed_noise @ mixed_noise.transpose(1, 2) / (n - p)
    seen = forms.matrices @ covariance[:, None]  # (b, 3, pairs, pairs)
    squares = (seen * seen.transpose(2, 3)).sum((2, 3)) * noise_squared[:, None]
    linear = (forms.matrices @ spread[:, None]) * seen.transpose(2, 3)
    # The fitted form is noisy itself, which adds 4 `squares` to the linear variance.
    variances = (4 * linear.sum((2, 3)) - 4 * squares).clamp(min=0) + 2 * squares
    loose = torch.diagonal(inverse, dim1=1, dim2=2)[:, :dim].mean(1)
    return LocalFit(
        values=values,
        variances=variances,
        influence=influence * (n / (n - p)) ** 0.5,
        quadratic=2 * squares,
        principal=forms.principal(shape),
        noise=noise,
        tilt=noise * loose / scale[:, 0, 0] ** 2,
        is_solved=solution.is_solved,
    )


def _noise_moments(trace: Tensor, squares: Tensor, free: int) -> tuple[Tensor, Tensor]:
    """Unbiased tr C and tr C^2 of the covariance C of the residuals.

    With R the Gram matrix of the residuals and f degrees of freedom, for normal noise
    E (tr R)^2 = f^2 (tr C)^2 + 2 f tr C^2 and E tr R^2 = f (f + 1) tr C^2 + f (tr C)^2.
    """
    determinant = free * (free + 1) * free**2 - 2 * free * free
    unbiased = (free**2 * squares - free * trace**2) / determinant
    # At least the value for noise that fills as many directions as degrees of freedom.
    return trace / free, torch.maximum(unbiased, (trace / free) ** 2 / free)
