"""Points that are equal, or nearly equal, and what to do about them."""

import dataclasses as dc

import numpy as np
from scipy import sparse, spatial

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError, one_of, require

POLICIES = ("drop", "merge", "error")
TOLERANCE = 1e-6  # of the rms distance from the mean
BLOCK = 1 << 20  # numbers read together
DIRECTIONS = 6  # of the projection that proposes near pairs


@dc.dataclass(frozen=True, eq=False)
class Distinct:
    """The rows that take part in a search.

    Attributes
    ----------
    rows : their numbers, rising.
    n_duplicates : rows left out because they equal an earlier row.
    n_merged : rows left out because they nearly equal one.
    """

    rows: Ints
    n_duplicates: int
    n_merged: int = 0


def kept_rows(points: Array, policy: str, tolerance: float = TOLERANCE) -> Distinct:
    """The rows that remain under a policy on duplicates; see `Cloud.neighbors`.

    Raises
    ------
    ManifoldScaleError : duplicates under "error"; an unknown policy or tolerance.
    """
    one_of("duplicates", policy, POLICIES)
    require(
        0 <= tolerance < 1,
        f"`tolerance` must be a share of the spread, from 0 to below 1; not {tolerance!r}.",
    )
    rows = distinct(points)
    n_duplicates = len(points) - len(rows)
    if n_duplicates and policy == "error":
        raise ManifoldScaleError(
            f"{n_duplicates:,} of {len(points):,} points equal an earlier one; remove "
            "them, or use duplicates='drop'."
        )
    merged = rows if policy != "merge" else rows[_merged(points, rows, tolerance)]
    return Distinct(merged, n_duplicates, len(rows) - len(merged))


def distinct(points: Array) -> Ints:
    """Row numbers of the first occurrence of each distinct point, in order.

    Rows are compared exactly. Equal rows have equal hashes, so only rows whose hash occurs
    twice are sorted.
    """
    found = hashes(points)
    in_order = np.sort(found)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if not len(twice):
        return np.arange(len(points))
    suspects = np.flatnonzero(np.isin(found, twice))
    rows = np.ascontiguousarray(points[suspects] + 0.0)  # + 0.0: -0.0 equals 0.0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first = np.unique(keys, return_index=True)
    repeated = np.ones(len(suspects), dtype=bool)
    repeated[first] = False
    return np.delete(np.arange(len(points)), suspects[repeated])


def hashes(points: Array, seed: int = 0) -> Ints:
    """A 64-bit number for each row (rows,), equal for equal rows; read in blocks.

    A multilinear hash of the 32-bit words of a row. Integer arithmetic does not depend on
    the order of summation, as a sum of floats would.
    """
    from .measuring import hash_rows

    words = points.shape[1] * points.dtype.itemsize // 4
    odd = np.random.default_rng(seed).integers(2**63, size=words, dtype=np.uint64)
    factors = 2 * odd + np.uint64(1)
    found = np.empty(len(points), dtype=np.uint64)
    step = max(1, BLOCK // points.shape[1])
    for start in range(0, len(points), step):
        block = np.ascontiguousarray(points[start : start + step] + 0.0)
        hash_rows(block.view(np.uint32), factors, found[start : start + step])
    return found.view(np.int64)


def _merged(points: Array, rows: Ints, tolerance: float) -> Ints:
    """Positions within `rows` of the first row of each set of rows linked by distances
    below `tolerance` x rms distance from the mean.

    A projection on orthonormal directions shortens every distance, so a tree in a few
    dimensions finds all pairs that may be near; these are measured.
    """
    low, spread = _projection(points, rows)
    radius = tolerance * spread
    pairs = spatial.cKDTree(low).query_pairs(radius * (1 + 1e-6), output_type="ndarray")
    near = np.empty(len(pairs), dtype=bool)
    step = max(1, BLOCK // points.shape[1])
    for start in range(0, len(pairs), step):
        one, other = (points[rows[part]] for part in pairs[start : start + step].T)
        apart = np.linalg.norm(one.astype(np.float64) - other, axis=1)
        near[start : start + step] = apart < radius
    one, other = pairs[near].T
    links = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(len(rows),) * 2)
    _, label = sparse.csgraph.connected_components(links, directed=False)
    _, first = np.unique(label, return_index=True)
    return np.sort(first)


def _projection(points: Array, rows: Ints) -> tuple[Floats, float]:
    """Coordinates about the mean along a few fixed orthonormal directions, and the rms
    distance from the mean; the points are read in blocks.
    """
    n, features = len(rows), points.shape[1]
    step = max(1, BLOCK // features)
    parts = [rows[start : start + step] for start in range(0, n, step)]
    mean = sum((points[part] / n).sum(0, dtype=np.float64) for part in parts)
    draws = np.random.default_rng(0).standard_normal((features, min(features, DIRECTIONS)))
    directions = np.linalg.qr(draws)[0]
    low = np.empty((n, directions.shape[1]))
    total = 0.0
    for start, part in zip(range(0, n, step), parts, strict=True):
        centred = points[part] - mean
        low[start : start + step] = centred @ directions
        total += float(np.square(centred).sum() / n)
    return low, float(np.sqrt(total))
