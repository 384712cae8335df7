"""How a search is done: by a tree, by products or approximately; here or by workers."""

import dataclasses as dc
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.devices import device_of
from ..core.errors import one_of
from ..core.workers import results
from . import approximate, brute, tree
from .rows import Rows
from .searched import Search

KINDS = ("exact", "tree", "brute", "approximate")
TASKS = 64  # at most so many blocks of queries, which workers share evenly
MIN_TASK = 256  # at least so many queries per task, to be worth a sweep over the points


@dc.dataclass(frozen=True, eq=False)
class SearchRequest:
    """A search as it is sent to a worker.

    Attributes
    ----------
    points : the points, or the place of their file.
    rows : row numbers that take part, None for all; `own` are positions among them.
    groups : a code for each of these rows.
    """

    points: "Array | MapFile"
    rows: Ints | None
    own: Ints
    k: int
    kind: str
    device: str | None
    groups: Ints | None = None
    tile_bytes: int | None = None
    brain: bool | None = None

    def search(self) -> Search:
        points = self.points.open() if isinstance(self.points, MapFile) else self.points
        rows = Rows.of(points, self.rows, self.device)
        return Search.among(rows, self.own, self.k, self.groups, self.tile_bytes)


@dc.dataclass(frozen=True)
class MapFile:
    """A memory map by its place on disk, because a pickled memory map would be a copy."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    is_c: bool

    @classmethod
    def of(cls, points: np.memmap) -> "MapFile | None":
        """None if the file cannot be named, as for views of a part and anonymous maps."""
        owner = points.base if isinstance(points.base, np.memmap) else points
        whole = owner.shape == points.shape and owner.strides == points.strides
        path = points.filename
        if path is None or not whole or owner.ctypes.data != points.ctypes.data:
            return None
        is_c = points.flags.c_contiguous
        return cls(Path(path), points.dtype.str, points.shape, points.offset, is_c)

    def open(self) -> Array:
        return np.memmap(
            self.path,
            dtype=np.dtype(self.dtype),
            mode="r",
            offset=self.offset,
            shape=self.shape,
            order="C" if self.is_c else "F",
        )


def chosen(kind: str, points: Array, k: int, device: str | None) -> str:
    """The search that `kind` stands for: the quicker exact one for "exact"."""
    one_of("search", kind, KINDS)
    if kind != "exact":
        return kind
    on_cpu = device_of(device).type == "cpu"
    return "tree" if on_cpu and tree.pays(points, k) else "brute"


def nearest(
    request: SearchRequest, executor: Executor | None, rng: np.random.Generator
) -> tuple[Ints, Floats, float]:
    """Positions and distances (M x k) of the neighbours, and their recall."""
    if request.kind == "approximate":
        return approximate.nearest(request.search(), rng)
    if executor is None:
        return (*_nearest(request), 1.0)
    if isinstance(request.points, np.memmap):
        named = MapFile.of(request.points)
        points = np.asarray(request.points) if named is None else named
        request = dc.replace(request, points=points)
    n_tasks = min(TASKS, max(1, len(request.own) // MIN_TASK))
    parts = np.array_split(request.own, n_tasks)
    tasks = [(place, dc.replace(request, own=part)) for place, part in enumerate(parts)]
    found = results(executor, _of_task, tasks)
    in_order = sorted(found, key=lambda one: one[0][0])
    indices, distances = zip(*(tables for _, tables in in_order), strict=True)
    return np.concatenate(indices), np.concatenate(distances), 1.0


def _nearest(request: SearchRequest) -> tuple[Ints, Floats]:
    if request.kind == "tree":
        return tree.nearest(request.search())
    return brute.nearest(request.search(), request.brain)


def _of_task(task: tuple[int, SearchRequest]) -> tuple[Ints, Floats]:
    _, request = task
    return _nearest(request)
