"""Shape distance: what remains between two layers after the best rotation."""

import dataclasses as dc

import numpy as np

from ..core.arrays import Floats
from .aligned import Aligned, Estimate

FOLDS = 5
WIDE = 300  # features of both layers above which it is left out unless asked for


@dc.dataclass(frozen=True, eq=False)
class Cosine:
    """Two estimates of the cosine of the shape distance, one too large, one too small.

    The nuclear norm of a sample is too large on average, because a maximum is convex; the
    rotation of other points, found without them, is at most as good as the best one. To
    first order the errors are opposite, and `value` has neither.
    """

    fitted: float
    held_out: Estimate

    @property
    def value(self) -> float:
        weight = FOLDS / (FOLDS - 1)  # the rotation of a part has that much more variance
        return (weight * self.fitted + self.held_out.value) / (weight + 1)

    @property
    def ends(self) -> tuple[float, float]:
        """A 95 % interval that holds both estimates."""
        half = self.held_out.half
        # For unrelated layers every pair of points of two folds is used twice, once to
        # rotate and once to judge.
        return self.held_out.value - 2**0.5 * half, self.fitted + half


def shape_cosine(points: Aligned, x: Floats, y: Floats) -> Cosine:
    """The largest correlation tr(Q' X' Y) / (|X| |Y|) over rotations Q, of centred layers;
    its angle is the Procrustes distance of Williams et al. 2021.
    """
    fold, whole = points.group * FOLDS // len(points.sizes), x.T @ y
    parts = np.empty((3, len(x)))
    for f in range(FOLDS):
        here, others = fold == f, fold != f
        # Means that a point is part of would make it resemble the other points.
        means = x[others].mean(axis=0), y[others].mean(axis=0)
        cross = whole - x[here].T @ y[here] - others.sum() * np.outer(*means)
        left, right = x[here] - means[0], y[here] - means[1]
        products = ((left @ _rotation(cross), right), (left, left), (right, right))
        parts[:, here] = [np.einsum("ij,ij->i", *pair) for pair in products]
    fitted = float(np.linalg.svd(whole, compute_uv=False).sum())
    by_group = np.add.reduceat(parts, points.starts, axis=1)
    total = parts.sum(axis=1)
    without = total[:, None] - by_group
    held_out = Estimate(float(_correlation(total)), _correlation(without))
    fitted /= float(np.linalg.norm(x) * np.linalg.norm(y))
    return Cosine(min(fitted, 1.0), held_out)


def _correlation(sums: Floats) -> Floats:
    return np.asarray(sums[0] / np.sqrt(sums[1] * sums[2]))


def _rotation(cross: Floats) -> Floats:
    """The rotation Q that makes tr(Q' cross) largest; partial where one side is wider."""
    u, s, v = np.linalg.svd(cross, full_matrices=False)
    known = s > 1e-10 * s[0]  # the sample says nothing about other directions
    return np.asarray(u[:, known] @ v[known])


def is_wide(x: Floats, y: Floats) -> bool:
    return bool(min(x.shape[1], y.shape[1]) > WIDE)
