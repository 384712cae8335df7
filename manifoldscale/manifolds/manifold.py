"""Manifolds of known truth: samples, and what is known about them."""

import abc
import dataclasses as dc

import numpy as np

from ..core.arrays import Array, Floats
from ..core.errors import ManifoldScaleError
from ..core.random import Rng, generator
from ..core.settings import Count, Settings, real, whole
from ..geometry.cloud import Cloud
from .second_form import kappa_rms


@dc.dataclass(frozen=True)
class Manifold(Settings, abc.ABC):
    """A manifold with a sampler and exact invariants.

    A concrete manifold gives `dim`, `natural_ambient_dim`, `betti`, `scalar_curvature`,
    `mean_curvature` and `_draw`, and `reach` if it is known; everything else is here.
    """

    dim: Count

    @property
    @abc.abstractmethod
    def natural_ambient_dim(self) -> int:
        """Dimension of the space of the standard embedding."""

    @property
    @abc.abstractmethod
    def betti(self) -> tuple[int, ...]:
        """Betti numbers b_0 .. b_dim over the field of two elements, the default of
        persistent homology.
        """

    @property
    def rational_betti(self) -> tuple[int, ...]:
        """Betti numbers over the rationals; smaller if the manifold has torsion."""
        return self.betti

    @property
    def reach(self) -> float:
        """The distance within which every point has one nearest point on the manifold; NaN
        if it is not known.
        """
        return float("nan")

    @abc.abstractmethod
    def scalar_curvature(self, points: Array) -> Floats:
        """Scalar curvature (sum of the Ricci eigenvalues, 2K on a surface) at each
        noise-free point, in 1 / length^2.
        """

    @abc.abstractmethod
    def mean_curvature(self, points: Array) -> Floats:
        """|H| at each noise-free point, H the trace of the second fundamental form over
        d, in 1 / length.
        """

    def kappa_rms(self, points: Array) -> Floats:
        """Root mean squared curvature of the geodesics through each noise-free point."""
        return kappa_rms(
            self.scalar_curvature(points), self.mean_curvature(points), self.dim
        )

    @abc.abstractmethod
    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        """`n` points of the standard embedding, (n x natural_ambient_dim)."""

    def sample(
        self, n: int, ambient: int | None = None, noise: float = 0.0, rng: Rng = 0
    ) -> Cloud:
        """A cloud of `n` independent points.

        The same int `rng` gives the same points of the manifold for any `ambient` and
        `noise`: the points of `sample(n, ambient=50, noise=0.1, rng=7)` have the curvature
        of `sample(n, rng=7).points`.

        Parameters
        ----------
        n : number of points.
        ambient : embed isometrically, by a random rotation, in this many dimensions;
            None keeps the standard embedding.
        noise : standard deviation of Gaussian noise on each ambient coordinate.
        rng : int or Generator.

        Returns
        -------
        Cloud whose `.manifold` is this manifold.

        Raises
        ------
        ManifoldScaleError : `n` or `ambient` is too small, or `noise` negative.
        """
        n, noise, random = whole("n", n), real("noise", noise, 0), generator(rng)
        ambient = None if ambient is None else whole("ambient", ambient)
        points = self._draw(n, random)
        if ambient is not None:
            points = points @ isometry(self.natural_ambient_dim, ambient, random)
        if noise:
            points = points + noise * random.standard_normal(points.shape)
        return Cloud(points, name=type(self).__name__, manifold=self)


@dc.dataclass(frozen=True)
class FlatPiece(Manifold):
    """A manifold that is flat and contractible; a concrete class says how to sample it."""

    @property
    def betti(self) -> tuple[int, ...]:
        return (1,) + (0,) * self.dim

    def scalar_curvature(self, points: Array) -> Floats:
        """Zero everywhere."""
        return np.zeros(len(points))

    def mean_curvature(self, points: Array) -> Floats:
        """Zero everywhere, unless the piece is bent."""
        return np.zeros(len(points))


def sphere_betti(dim: int) -> tuple[int, ...]:
    """The Betti numbers of a sphere: the coefficients of 1 + t^dim."""
    return (1,) + (0,) * (dim - 1) + (1,)


def isometry(inner: int, outer: int, rng: np.random.Generator) -> Floats:
    """A random (inner x outer) matrix with orthonormal rows, uniform by Haar measure."""
    if outer < inner:
        raise ManifoldScaleError(
            f"`ambient` must be at least {inner}, the dimension of the standard "
            f"embedding; not {outer}."
        )
    q, r = np.linalg.qr(rng.standard_normal((outer, inner)))
    return np.ascontiguousarray((q * np.sign(np.diag(r))).T)
