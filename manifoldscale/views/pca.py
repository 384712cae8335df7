"""The plane of largest variance."""

import dataclasses as dc

import numpy as np

from ..core.caveat import Caveat
from ..core.method import Method
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import scaled_points
from .view import View, made_view, unit_size


@dc.dataclass(frozen=True)
class PCA(Method[View]):
    """The two directions of largest variance; a caveat says how much of it they hold."""

    @property
    def n_neighbors(self) -> int:
        return 0

    def __call__(self, near: Neighbors, /) -> View:
        points = scaled_points(self, near)[near.rows]
        points = points - points.mean(axis=0)
        u, s, _ = np.linalg.svd(points, full_matrices=False)
        plane = np.zeros((len(points), 2))
        plane[:, : len(s[:2])] = u[:, :2] * s[:2]
        share = float(np.square(s[:2]).sum() / np.square(s).sum())
        plane = unit_size(plane * np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]]))
        notes = [Caveat.FOR_THE_EYE(f"{share:.0%} of the variance")]
        return made_view(self, near, points, plane, 0.0, notes)
