"""The mean absolute principal curvature of the literature, for reproduction."""

import dataclasses as dc
import math

import numpy as np
import torch

from ..core.caveat import Caveat
from ..core.interval import Interval
from ..core.method import Method
from ..core.result import Quantity
from ..geometry.neighbors import Neighbors
from ..geometry.within_noise import despite_noise
from .hoods import blocks_of_hoods, points_of
from .local_fit import n_unknowns, solve
from .quadric import dim_within, dims_of


@dc.dataclass(frozen=True)
class MeanAbsolutePrincipal(Quantity):
    """The published MAPC, in 1 / length."""

    name = "MAPC"


@dc.dataclass(frozen=True)
class MAPC(Method[MeanAbsolutePrincipal]):
    """Mean absolute principal curvature, as in Kaufman & Azencot (ICML 2023).

    The mean of |eigenvalues of h^a| over all normal directions a, of a local quadric fit.
    Use it to compare with published profiles only. Codimension makes it too small: for a
    sphere of radius r in codimension c it is 1 / (r c), so a wider layer looks flatter. It
    depends on the basis of the normal space, here the principal components of the
    neighbours, and noise makes it larger. `Quadric(dim).pooled.kappa_rms` has none of these
    faults. Without normal directions there is no value.

    Parameters
    ----------
    dim : the dimension of the manifold.
    k : neighbours; None takes twice the unknowns.
    """

    dim: int | Quantity
    k: int | None = None

    @property
    def n_neighbors(self) -> int:
        return self.k or 2 * n_unknowns(max(dims_of(self.dim)), 0)

    def __call__(self, near: Neighbors, /) -> MeanAbsolutePrincipal:
        dim, parts = dim_within(self.dim, near), []
        normal = min(points_of(near).shape[1], self.n_neighbors) - dim
        if normal < 1:
            return self._unknown(near, dim)
        for hoods in blocks_of_hoods(near, self.n_neighbors):
            # All directions that the neighbours span: d are tangent, the rest normal.
            kept = min(hoods.points.shape[2], hoods.points.shape[1] - 1)
            centred = hoods.points - hoods.points.mean(1, keepdim=True)
            basis = torch.linalg.svd(centred, full_matrices=False).Vh[:, :kept]
            coordinates = hoods.points @ basis.transpose(1, 2)
            fit = solve(coordinates[:, :, :dim], 0).smoother @ coordinates[:, :, dim:]
            i, j = torch.triu_indices(dim, dim)
            forms = torch.zeros(len(fit), kept - dim, dim, dim, dtype=fit.dtype)
            entries = fit[:, dim : dim + len(i)].transpose(1, 2)
            forms[:, :, i, j] = entries
            forms[:, :, j, i] = entries
            bent = torch.linalg.eigvalsh(forms).abs().mean((1, 2))
            parts.append((bent / hoods.radius).numpy())
        each = np.concatenate(parts)
        value, half = float(each.mean()), 1.96 * float(each.std()) / math.sqrt(len(each))
        interval, noisy = despite_noise(near, Interval(value - half, value + half))
        notes = (Caveat.BIASED_CURVATURE(f"{kept - dim} normal directions"), *noisy)
        return MeanAbsolutePrincipal(value, interval, self, near.n_points, notes)

    def _unknown(self, near: Neighbors, dim: int) -> MeanAbsolutePrincipal:
        """No value: a mean over no directions does not say that the manifold is flat."""
        reason = (
            f"{near.ambient_dim} features and {self.n_neighbors} neighbours span no "
            f"direction normal to {dim} dimensions"
        )
        return MeanAbsolutePrincipal(
            math.nan,
            Interval(0.0, math.inf),
            self,
            near.n_points,
            (Caveat.NOT_ESTIMATED(reason),),
        )
