"""Curvature of the representation that a kernel defines, exact at infinite width."""

import dataclasses as dc
import math
from typing import TYPE_CHECKING

import numpy as np

from ..core.caveat import Remark
from ..core.errors import require
from ..core.interval import Interval, number
from ..core.result import Result
from ..core.settings import whole
from ..core.style import drawing
from .kernel import Kernel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dc.dataclass(frozen=True)
class KernelGeometry(Result):
    """The image of a sphere under Phi with <Phi(x), Phi(x')> = k(x, x').

    Lengths are in units of the representation, whose points have the norm sqrt(k(x, x)).

    Parameters
    ----------
    dim, radius : of the sphere of inputs.
    stretch : lengths on the image over lengths on the unit sphere, sqrt(k'(1)).
    sectional_curvature : equal in every plane; scalar_curvature is d (d - 1) times it.
    kappa_rms : root mean squared curvature of unit-speed geodesics, all equal here.
    mean_norm : |H|, H the trace of the second fundamental form over d.
    second_form_norm : |II|.
    """

    kernel: Kernel
    dim: int
    radius: float
    stretch: float
    sectional_curvature: float
    scalar_curvature: float
    kappa_rms: float
    mean_norm: float
    second_form_norm: float
    caveats: tuple[Remark, ...] = ()

    main = "kappa_rms"
    columns = (
        "kernel",
        "dim",
        "radius",
        "stretch",
        "sectional_curvature",
        "scalar_curvature",
        "kappa_rms",
        "mean_norm",
        "second_form_norm",
    )
    method = "kernel geometry"
    n_points = 0

    @property
    def interval(self) -> Interval:
        """Of kappa_rms, which is exact."""
        return Interval(self.kappa_rms, self.kappa_rms)

    @drawing
    def plot(self, ax: "Axes") -> None:
        """The distance of two points of the image against the way between them along a
        geodesic; and on a circle of curvature kappa_rms, which has the same start.
        """
        angle = np.linspace(0, np.pi, 181)
        circle = self.radius * np.eye(self.dim + 1)[:2].T @ [np.cos(angle), np.sin(angle)]
        gram = self.kernel(circle.T).numpy()
        image = np.sqrt(np.maximum(gram[0, 0] + np.diag(gram) - 2 * gram[0], 0.0))
        way = self.stretch * angle
        ax.plot(way, image, label=str(self.kernel))
        bent = 2 / self.kappa_rms * np.sin(np.minimum(self.kappa_rms * way / 2, np.pi / 2))
        ax.plot(way, bent, "--", label=f"circle of curvature {number(self.kappa_rms)}")
        ax.set(xlabel="way along the geodesic", ylabel="distance")
        ax.legend()

    def headline(self) -> str:
        return (
            f"geometry of {self.kernel} on the sphere of dimension {self.dim}: kappa_rms "
            f"{number(self.kappa_rms)}, |H| {number(self.mean_norm)}, scalar curvature "
            f"{number(self.scalar_curvature)}"
        )


def kernel_geometry(kernel: Kernel, dim: int, *, radius: float = 1.0) -> KernelGeometry:
    """Intrinsic and extrinsic curvature of a sphere as a kernel represents it.

    >>> from manifoldscale.theory import NNGP, kernel_geometry
    >>> flat = kernel_geometry(NNGP(activation="linear", weight_variance=1.0), dim=2)
    >>> round(flat.kappa_rms / flat.mean_norm, 12)  # a round sphere: all curvature is H
    1.0

    With k as a function of the cosine t, a geodesic at angle s from its start has
    <Phi(0), Phi(s)> = k(cos s). Its squared speed is k'(1) everywhere: the metric is k'(1)
    times that of the unit sphere, and the sectional curvature is 1 / k'(1). Its squared
    acceleration is k'(1) + 3 k''(1), all of it normal by symmetry. Invariance under
    rotations leaves two numbers for the second fundamental form in an orthonormal frame,

        <h_ij, h_kl> = a delta_ij delta_kl + b (delta_ik delta_jl + delta_il delta_jk),

    and a + 2 b = (k' + 3 k'') / k'^2 with Gauss's equation a - b = 1 / k' gives
    b = k'' / k'^2 and a = b + 1 / k'. Then |H|^2 = a + 2 b / d,
    |II|^2 = a d + b d (d + 1), and kappa_rms^2 = a + 2 b.

    Parameters
    ----------
    kernel : a kernel that is twice differentiable at t = 1: of a smooth activation,
        Gaussian, or Matern with nu > 2.
    dim : of the sphere.
    radius : of the sphere.

    Raises
    ------
    ManifoldScaleError : a kernel with a kink, such as that of ReLU, whose curvature depends
        on scale; or a dimension or radius that makes no sense.
    """
    require(
        isinstance(kernel, Kernel),
        "`kernel` must be a kernel value, such as `NNGP(activation='erf')`; not "
        f"{kernel!r}.",
    )
    dim = whole("dim", dim)
    require(0 < radius < math.inf, f"`radius` must be positive and finite; not {radius!r}.")
    first, second = kernel.derivatives(n_features=dim + 1, radius=radius)
    b = second / first**2
    a = b + 1 / first
    return KernelGeometry(
        kernel=kernel,
        dim=dim,
        radius=radius,
        stretch=math.sqrt(first),
        sectional_curvature=1 / first if dim > 1 else 0.0,
        scalar_curvature=dim * (dim - 1) / first,
        kappa_rms=math.sqrt(a + 2 * b),
        mean_norm=math.sqrt(a + 2 * b / dim),
        second_form_norm=math.sqrt(a * dim + b * dim * (dim + 1)),
    )
