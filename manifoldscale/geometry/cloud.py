"""A cloud: points of one representation, with what is known about them."""

import dataclasses as dc
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ..core.arrays import Array, as_numpy, as_points, frozen, is_absent, refuse_missing
from ..core.errors import ManifoldScaleError, require
from ..core.random import Rng
from .duplicates import TOLERANCE
from .neighbors import Neighbors, find_neighbors


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
    labels : one value a point, or None.
    groups : one value a point, or None. Points of the same group are never neighbours of
        each other: tokens of one sequence, frames of a video, augmentations of one image.
    ids : one identifier a point; its row number where none is given.
    name : how the cloud is called in tables.
    manifold : the manifold that the points were drawn from, where it is known.

    Raises
    ------
    ManifoldScaleError : the points are not 2-D, empty, or not finite; or an aligned
        array has another length.
    """

    points: Array
    labels: Array | None = None
    groups: Array | None = None
    _: dc.KW_ONLY
    ids: Array | None = None
    name: str | None = None
    manifold: Any = None

    def __post_init__(self) -> None:
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
        """The `k` nearest neighbours of every point, or of some anchors.

        Parameters and errors are those of `find_neighbors`, in `geometry/neighbors.py`:

        anchors : None, a number of queries to draw, or an array of row numbers.
        search : "exact", "tree", "brute" or "approximate".
        duplicates : "drop", "merge" or "error"; `tolerance` is that of "merge".
        device : where torch computes; executor : whose workers share the queries.
        rng : int or Generator, used where anchors are drawn.
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
