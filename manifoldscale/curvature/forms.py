"""Invariants of the second fundamental form, as quadratic forms of its entries."""

import dataclasses as dc
import functools

import torch
from torch import Tensor

SCALAR, TRACE, KAPPA = range(3)  # S, |tr II|^2, kappa_rms^2


@dc.dataclass(frozen=True, eq=False)
class Forms:
    """Matrices K over the entries h_ij, i <= j; an invariant is the sum of K_ab <h_a, h_b>.

    Gauss's equation gives S = |tr h|^2 - |h|^2; the mean squared curvature of unit-speed
    geodesics is (|tr h|^2 + 2 |h|^2) / (d (d + 2)).

    Parameters
    ----------
    matrices : (3, pairs, pairs) of S, |tr h|^2 and kappa_rms^2.
    """

    dim: int
    matrices: Tensor

    def paired(self, left: Tensor, right: Tensor) -> Tensor:
        """(b, n, 3) the sums of K_ab left_a right_b, for (b, pairs, n) both."""
        i, j = torch.triu_indices(self.dim, self.dim)
        twice = torch.where(i == j, 1.0, 2.0).to(left)[:, None]
        square = (twice * left * right).sum(1)
        trace = left[:, i == j].sum(1) * right[:, i == j].sum(1)
        kappa = (trace + 2 * square) / (self.dim * (self.dim + 2))
        return torch.stack([trace - square, trace, kappa], 2)

    def principal(self, shape: Tensor) -> Tensor:
        """(b, d) eigenvalues of the form along the normal with the largest part of |h|^2,
        falling, with a positive sum; for a hypersurface, its principal curvatures.

        Parameters
        ----------
        shape : (b, pairs, pairs) inner products of the entries.
        """
        i, j = torch.triu_indices(self.dim, self.dim)
        root = torch.where(i == j, 1.0, 2.0).to(shape).sqrt()
        weighted = root[:, None] * shape * root
        finite = torch.isfinite(weighted).all(2).all(1)
        weighted = torch.where(finite[:, None, None], weighted, torch.zeros_like(weighted))
        values, vectors = torch.linalg.eigh(weighted)
        entries = values[:, -1:].clamp(min=0).sqrt() * vectors[:, :, -1] / root
        matrix = torch.zeros(len(shape), self.dim, self.dim, dtype=shape.dtype)
        matrix[:, i, j] = entries
        matrix[:, j, i] = entries
        trace = torch.diagonal(matrix, dim1=1, dim2=2).sum(1)
        matrix = matrix * torch.where(trace < 0, -1.0, 1.0)[:, None, None]
        principal: Tensor = torch.linalg.eigvalsh(matrix).flip(1)
        return principal


@functools.cache
def forms_of(dim: int) -> Forms:
    """The invariants in dimension `dim`."""
    i, j = torch.triu_indices(dim, dim)
    diagonal = (i == j).double()
    trace = diagonal[:, None] * diagonal
    square = torch.diag(torch.where(i == j, 1.0, 2.0).double())
    matrices = [trace - square, trace, (trace + 2 * square) / (dim * (dim + 2))]
    return Forms(dim, torch.stack(matrices))


def packed_frame(metric: Tensor) -> Tensor:
    """(b, pairs, pairs): the map of the entries of a form to the orthonormal frame of the
    metric g = E E', h -> E^-1 h E^-T.
    """
    dim = metric.shape[1]
    i, j = torch.triu_indices(dim, dim)
    factor, info = torch.linalg.cholesky_ex(metric)
    eye = torch.eye(dim, dtype=metric.dtype).expand_as(metric)
    factor = torch.where((info == 0)[:, None, None], factor, eye)
    change = torch.linalg.solve_triangular(factor, eye, upper=False)
    first = change[:, i][:, :, i] * change[:, j][:, :, j]
    second = change[:, i][:, :, j] * change[:, j][:, :, i]
    packed: Tensor = first + torch.where(i == j, 0.0, 1.0).to(metric) * second
    return packed
