"""Exact curvature of an immersion or a level set, by automatic differentiation."""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.arrays import Array, Floats

if TYPE_CHECKING:
    from torch import Tensor

    Map = Callable[[Tensor], Tensor]


class PointCurvature(NamedTuple):
    """Curvature at each point, (n,) each: the scalar curvature S (sum of the Ricci
    eigenvalues), the length of the mean curvature vector |H| (trace over d), and
    kappa_rms.
    """

    scalar: Floats
    mean_norm: Floats
    kappa_rms: Floats


def kappa_rms(scalar: Floats, mean_norm: Floats, dim: int) -> Floats:
    """Root mean squared curvature of unit-speed geodesics.

    The mean of |II(u, u)|^2 over unit vectors u is (d^2 |H|^2 + 2 |II|^2) / (d (d + 2)),
    since E[u_i u_j u_k u_l] = (sum of the three pairings) / (d (d + 2)); and Gauss's
    equation, S = d^2 |H|^2 - |II|^2, leaves (3 d^2 |H|^2 - 2 S) / (d (d + 2)).
    """
    squared = (3 * dim**2 * mean_norm**2 - 2 * scalar) / (dim * (dim + 2))
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def immersion_curvature(immersion: "Map", coordinates: Array) -> PointCurvature:
    """Curvature of the image of a smooth map.

    >>> import torch
    >>> circle = lambda t: 2.0 * torch.cat([torch.cos(t), torch.sin(t)])
    >>> immersion_curvature(circle, np.array([[0.3]])).kappa_rms.round(12)
    array([0.5])

    Parameters
    ----------
    immersion : takes a tensor of d coordinates and gives a point, (features,).
    coordinates : (n x d), where to evaluate.

    Second derivatives come from forward mode over forward mode. With g the metric, II is
    their part normal to the tangent vectors, and all traces use g^-1.
    """
    from torch.func import jacfwd

    tangents = evaluated(jacfwd(immersion), coordinates)  # (n, D, d)
    second = evaluated(jacfwd(jacfwd(immersion)), coordinates)  # (n, D, d, d)
    metric = np.einsum("nDi,nDj->nij", tangents, tangents)
    # An orthonormal frame e = E^-1 d, where g = E E'.
    frame = np.linalg.inv(np.linalg.cholesky(metric))
    basis = np.einsum("nij,nDj->nDi", frame, tangents)
    form = np.einsum("nik,njl,nDkl->nDij", frame, frame, second)
    form = form - np.einsum("nDa,nEa,nEij->nDij", basis, basis, form)
    trace = np.einsum("nDii->nD", form)
    return _from_traces((trace**2).sum(1), (form**2).sum((1, 2, 3)), coordinates.shape[1])


def volume_element(immersion: "Map", coordinates: Array) -> Floats:
    """sqrt(det g) of a smooth map at each row of the coordinates."""
    from torch.func import jacfwd

    tangents = evaluated(jacfwd(immersion), coordinates)
    return np.asarray(np.sqrt(np.linalg.det(tangents.transpose(0, 2, 1) @ tangents)))


def level_set_curvature(function: "Map", points: Array) -> PointCurvature:
    """Curvature of the hypersurface F = const through each point, (n x (d + 1)).

    The shape operator is A = P (Hess F) P / |grad F| with P the projection on the tangent
    space; S = (tr A)^2 - tr(A^2), and |H| = |tr A| / d. Its sign is left out: it depends on
    which side is called inside.
    """
    from torch.func import hessian, jacfwd

    def value(x: "Tensor") -> "Tensor":
        return function(x).reshape(())

    gradient = evaluated(jacfwd(value), points)
    length = np.linalg.norm(gradient, axis=1, keepdims=True)
    normal = gradient / length
    tangential = np.eye(points.shape[1]) - normal[:, :, None] * normal[:, None, :]
    second = evaluated(hessian(value), points) / length[:, :, None]
    shape = tangential @ second @ tangential
    trace = np.trace(shape, axis1=1, axis2=2)
    return _from_traces(trace**2, (shape**2).sum((1, 2)), points.shape[1] - 1)


def _from_traces(squared_trace: Floats, squared_form: Floats, dim: int) -> PointCurvature:
    """The curvature from |tr II|^2 and |II|^2."""
    scalar = squared_trace - squared_form
    mean_norm = np.sqrt(squared_trace) / dim
    return PointCurvature(scalar, mean_norm, kappa_rms(scalar, mean_norm, dim))


def evaluated(function: Any, rows: Array) -> Floats:
    """A function of one tensor at each row."""
    import torch

    at = torch.as_tensor(np.array(rows, dtype=np.float64))
    with warnings.catch_warnings():
        # On first use torch compiles its own rules with functions that it deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(torch.func.vmap(function, chunk_size=4096)(at).numpy())
