"""The verb: `estimate(on, method)`."""

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from ..core.errors import ManifoldScaleError, require
from ..core.method import Method
from ..core.random import Rng
from ..core.result import Result, Table
from .cloud import as_cloud
from .neighbors import Neighbors

R = TypeVar("R", bound=Result)


@overload
def estimate(on: Any, method: Method[R], *, rng: Rng = 0) -> R: ...
@overload
def estimate(on: Any, method: Sequence[Method[Any]], *, rng: Rng = 0) -> Table: ...
def estimate(on: Any, method: Method[Any] | Sequence[Method[Any]], *, rng: Rng = 0) -> Any:
    """Estimate a geometric quantity of a cloud.

    >>> import manifoldscale as ms
    >>> sphere = ms.manifolds.Sphere(2).sample(1000)
    >>> 2.0 in ms.estimate(sphere, ms.dimension.TwoNN()).interval
    True

    Parameters
    ----------
    on : `Neighbors`, `Cloud` or an array of points. One `Neighbors` serves any number of
        methods; a cloud is searched once a call.
    method : a method value, or several.
    rng : int or Generator, for the anchors where the method draws some.

    Returns
    -------
    The result of the method; a `Table` of them where several were given.

    Raises
    ------
    ManifoldScaleError : the table holds too few neighbours, or the points cannot be used.
    """
    methods: list[Any] = list(method) if isinstance(method, list | tuple) else [method]
    require(bool(methods), "`method` is empty: pass a method value or several.")
    for one in methods:
        require(
            isinstance(one, Method),
            f"`method` must be a method value such as `ms.dimension.TwoNN()`; not {one!r}.",
        )
    near = on if isinstance(on, Neighbors) else neighbors_for(on, methods, rng)
    results = tuple(one(_share(near, one)) for one in methods)
    return results[0] if isinstance(method, Method) else Table(results)


def neighbors_for(on: Any, methods: Sequence[Method[Any]], rng: Rng = 0) -> Neighbors:
    """The table that serves all of these methods, or what they can work with."""
    wanted = [method.n_anchors for method in methods]
    anchors = None if None in wanted else max(n for n in wanted if n is not None)
    cloud = as_cloud(on)
    k = max(method.n_neighbors for method in methods)
    fewest = max(method.min_neighbors for method in methods)
    try:
        return cloud.neighbors(k, anchors=anchors, rng=rng)
    except ManifoldScaleError:
        if fewest == k:
            raise
        return cloud.neighbors(fewest, anchors=anchors, rng=rng)


def _share(near: Neighbors, method: Method[Any]) -> Neighbors:
    """The columns of the table that the method wants, or as many as it can do with."""
    return near.first(min(method.n_neighbors, max(near.k, method.min_neighbors)))
