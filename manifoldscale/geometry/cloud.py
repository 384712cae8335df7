"""A cloud: points of one representation, with what is known about them."""

import dataclasses as dc
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ..core.arrays import (
    Array,
    as_numpy,
    as_points,
    check_same_rows,
    frozen,
    is_absent,
    refuse_missing,
)
from ..core.errors import ManifoldScaleError, require
from ..core.random import Rng
from .duplicates import TOLERANCE
from .neighbors import Neighbors, find_neighbors
from .noise import Noise


@dc.dataclass(frozen=True, eq=False)
class Cloud:
    """Points in a feature space, aligned with labels and ids.

    >>> cloud = Cloud([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], labels=[0, 1, 1])
    >>> len(cloud), cloud.ambient_dim
    (3, 2)

    Parameters
    ----------
    points : (points x features) array, tensor, data frame or memory map. float32 and
        float64 are kept as they are; integers and booleans become float64. A memory map
        is read in blocks, never whole.
    labels : one value per point, or None.
    groups : one value per point, or None. Points of the same group are never neighbours of
        each other: tokens of one sequence, frames of a video, augmentations of one image.
        Where they lie so close together that they are neighbours of others in company, as
        frames do, only some of each group take part, down to one (`SIBLINGS`).
    ids : one identifier per point; its row number if None.
    name : the name of the cloud in tables.
    manifold : the manifold from which the points were drawn, if it is known.
    noise : how far the points are from those of ever more trials, if they are means of
        repeated trials (`ms.population` knows it); else None.
    one_trial : each point is one trial of a stimulus, whose noise is therefore not known.

    Raises
    ------
    ManifoldScaleError : the points are not 2-D, empty, or not finite; or an aligned
        array has another length, or the same rows in another order by its index.
    """

    points: Array
    labels: Array | None = None
    groups: Array | None = None
    _: dc.KW_ONLY
    ids: Array | None = None
    name: str | None = None
    manifold: Any = None
    noise: Noise | None = None
    one_trial: bool = False

    def __post_init__(self) -> None:
        sides = ("points", "labels", "groups", "ids")
        check_same_rows((name, getattr(self, name)) for name in sides)
        points = frozen(as_points(self.points, "points"))
        object.__setattr__(self, "points", points)
        for name in ("labels", "groups", "ids"):
            values = getattr(self, name)
            values = np.arange(len(points)) if values is None and name == "ids" else values
            if values is not None:
                object.__setattr__(self, name, frozen(self._aligned(values, name)))

    def _aligned(self, values: Any, name: str) -> Array:
        array = as_numpy(values, name)
        require(
            array.ndim >= 1 and len(array) == len(self.points),
            f"`{name}` must have one entry for each of the {len(self.points)} points; "
            f"its shape is {array.shape}.",
        )
        gone = np.zeros(array.shape, bool)
        if array.dtype.kind == "O":
            flat = [is_absent(value) for value in array.ravel()]
            gone = np.array(flat).reshape(array.shape)
        elif name != "labels" and array.dtype.kind in "fmM":  # a label may be a quantity
            gone = np.isnan(array) if array.dtype.kind == "f" else np.isnat(array)
        if gone.any():
            refuse_missing(gone, name, "missing")
        return array

    def __len__(self) -> int:
        return len(self.points)

    def __str__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"Cloud{name} of {len(self):,} points in {self.ambient_dim:,} dimensions"

    __repr__ = __str__

    @property
    def ambient_dim(self) -> int:
        """Number of features."""
        return int(self.points.shape[1])

    def take(self, rows: Array) -> "Cloud":
        """The cloud of these rows, with their labels, groups and ids."""
        return dc.replace(
            self,
            points=self.points[rows],
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            ids=None if self.ids is None else self.ids[rows],
            noise=None if self.noise is None else self.noise.take(rows),
        )

    def neighbors(
        self,
        k: int = 64,
        *,
        anchors: int | Array | None = None,
        search: str = "exact",
        duplicates: str = "drop",
        tolerance: float = TOLERANCE,
        device: str | None = None,
        executor: Executor | None = None,
        rng: Rng = 0,
    ) -> Neighbors:
        """The `k` nearest Euclidean neighbours of every point, or of some anchors.

        Parameters
        ----------
        k : neighbours per query; 0 makes no search, for methods that need only the points.
        anchors : None, every point is a query; a number, so many are drawn without
            replacement; an array of row numbers (dropped duplicates are left out).
        search : "exact", the quicker of "tree" (a k-d tree) and "brute" (matrix products),
            which give the same table; or "approximate" (pynndescent), with measured
            `recall`: missed neighbours make distances too large and estimates wrong.
        duplicates : "drop", of equal points only the first counts, and their number is
            recorded; "merge", the same for points linked by distances below `tolerance`;
            "error", equal points are an error.
        tolerance : for "merge", in units of the rms distance from the mean.
        device : where torch computes, "cpu" or "cuda".
        executor : None, or a concurrent.futures executor whose workers share the queries.
        rng : int or Generator, for drawn anchors and approximate search.

        Raises
        ------
        ManifoldScaleError : fewer than k + 2 distinct points, or k outside a query's group;
            duplicates under "error"; anchors that are not rows; no such device or package.
        """
        return find_neighbors(
            self,
            k,
            anchors=anchors,
            search=search,
            duplicates=duplicates,
            tolerance=tolerance,
            device=device,
            executor=executor,
            rng=rng,
        )


def as_cloud(on: Any) -> Cloud:
    """A cloud as it is; anything array-like as the points of one."""
    if isinstance(on, Cloud):
        return on
    if isinstance(on, Neighbors):
        raise ManifoldScaleError("A Cloud or an array is needed here; got Neighbors.")
    return Cloud(as_points(on))
