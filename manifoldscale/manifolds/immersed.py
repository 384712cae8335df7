"""Manifolds given by coordinates: sampled by rejection, curvature by differentiation."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..core.arrays import Array, Floats
from .manifold import Manifold
from .second_form import PointCurvature, evaluated, immersion_curvature, volume_element

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 1.2  # the bound for rejection over the largest volume element seen


class Immersed(Manifold):
    """A manifold that is the image of a box under a smooth map.

    A concrete class gives `box`, `immersion` and `coordinates`. Samples are uniform by
    volume: coordinates uniform in the box are kept with a probability proportional to
    sqrt(det g).
    """

    @property
    @abc.abstractmethod
    def box(self) -> Floats:
        """(dim x 2) lower and upper ends of the coordinates."""

    @abc.abstractmethod
    def immersion(self, at: "Tensor") -> "Tensor":
        """The point at the coordinates `at`, (dim,) to (natural_ambient_dim,)."""

    @abc.abstractmethod
    def coordinates(self, points: Array) -> Floats:
        """The coordinates (n x dim) of noise-free points."""

    def curvature(self, points: Array) -> PointCurvature:
        """Scalar and mean curvature at each noise-free point, exactly."""
        return immersion_curvature(self.immersion, self.coordinates(points))

    def scalar_curvature(self, points: Array) -> Floats:
        """S at each noise-free point, by differentiating the immersion."""
        return self.curvature(points).scalar

    def mean_curvature(self, points: Array) -> Floats:
        """|H| at each noise-free point, by differentiating the immersion."""
        return self.curvature(points).mean_norm

    def _draw(self, n: int, rng: np.random.Generator) -> Floats:
        low, high = self.box.T

        def propose(count: int) -> Floats:
            return rng.uniform(low, high, (count, self.dim))

        def weight(at: Floats) -> Floats:
            return volume_element(self.immersion, at)

        return evaluated(self.immersion, by_rejection(n, propose, weight, rng))


def by_rejection(
    n: int,
    propose: Callable[[int], Floats],
    weight: Callable[[Floats], Floats],
    rng: np.random.Generator,
) -> Floats:
    """`n` rows of the proposal, kept with a probability proportional to the weight.

    The bound on the weight is a margin above the largest seen. A larger weight raises the
    bound and discards all rows kept so far, because they were kept by another rule.
    """
    bound, kept = MARGIN * float(weight(propose(2048)).max()), [np.empty((0, 0))]
    while sum(map(len, kept)) < n:
        rows = propose(max(2 * n, 1024))
        weights = weight(rows)
        if weights.max() > bound:
            bound, kept = MARGIN * float(weights.max()), []
        accepted = rows[rng.random(len(rows)) * bound < weights]
        kept = [part for part in (*kept, accepted) if len(part)]
    return np.concatenate(kept)[:n]
