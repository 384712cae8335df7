"""Methods that need the points themselves: how they get them, and their result."""

from collections.abc import Sequence

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.errors import require
from ..core.interval import Interval
from ..geometry.neighbors import Neighbors
from ..geometry.scaled import raw_points as raw_points, scaled_points, unit as unit
from . import near_copies
from .dimension import Dimension, checked

FEW = 100


def distinct_points(method: object, near: Neighbors) -> Floats:
    """The distinct points in float64, centred, the largest coordinate near 1.

    The scale is a power of two, which changes no digit and keeps squares from overflowing
    or vanishing. `unit(near.cloud.points)` is that scale.
    """
    points = scaled_points(method, near)
    return points if near.n_points == near.n_rows else points[near.rows]


def full_table(method: object, near: Neighbors) -> None:
    """Raise unless every distinct point is a query."""
    require(
        near.n_queries == near.n_points,
        f"{method} compares the neighbourhood of each point with those of its neighbours, "
        f"so every point must be a query; only {near.n_queries:,} are. Build the table "
        "without `anchors`.",
    )


def dimension_of_points(
    method: object,
    near: Neighbors,
    value: float,
    stderr: float,
    interval: Interval,
    *,
    raw: float | None = None,
    scale: float = float("nan"),
    n_points: int | None = None,
    remarks: Sequence[Remark] = (),
) -> Dimension:
    """A `Dimension` of a method that uses points instead of neighbour distances."""
    n = near.n_points if n_points is None else n_points
    notes = [Caveat.FEW_POINTS(f"{n} points")] if n < FEW else []
    notes += near_copies.remarks(near)
    notes += near.remarks() if n == near.n_points else []
    dim = Dimension(
        value=value,
        interval=interval,
        method=method,
        n_points=n,
        caveats=(*notes, *remarks),
        stderr=stderr,
        raw=value if raw is None else raw,
        scale=scale,
        n_queries=n,
    )
    return checked(dim, near)
