"""The verb: `estimate(on, method)`."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from ..core.caveat import Caveat
from ..core.errors import ManifoldScaleError, require
from ..core.interval import Interval
from ..core.method import Method
from ..core.random import Rng, generator
from ..core.result import Quantity, Result, Table
from .cloud import as_cloud
from .neighbors import Neighbors

R = TypeVar("R", bound=Result)


@overload
def estimate(on: Mapping[str, Any], method: Method[Any], *, rng: Rng = 0) -> Table: ...
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
        methods; a cloud is searched once per call. Or the representations of a network, a
        mapping of sites to clouds: the sites are then estimated together, if the method can
        do so (`dimension.Auto`).
    method : a method value, or several.
    rng : int or Generator, for anchors if the method draws some.

    Returns
    -------
    The result of the method, or a `Table` of results for several. For a mapping, a `Table`
    with a row per site (and method), also found by the site's name; a site without an
    estimate has NaN and the reason.

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
    if isinstance(on, Mapping):
        return _along(on, methods, rng)
    near = on if isinstance(on, Neighbors) else neighbors_for(on, methods, rng)
    results = tuple(one(_share(near, one)) for one in methods)
    return results[0] if isinstance(method, Method) else Table(results)


def _along(clouds: Mapping[str, Any], methods: Sequence[Method[Any]], rng: Rng) -> Table:
    """Each site of a network by itself, then together."""
    require(
        len(clouds) > 0, "`on` is a mapping without a site: there is nothing to estimate."
    )
    seed = site_seed(rng)
    alone: list[dict[str, Result]] = [{} for _ in methods]
    for site in clouds:
        for place, result in enumerate(_at_site(clouds, site, methods, seed)):
            alone[place][site] = result
    order = getattr(clouds, "bounded_by", {})
    found = [m.along(own, order) for m, own in zip(methods, alone, strict=True)]
    several = [{} if len(methods) == 1 else {"method": str(one)} for one in methods]
    rows = [(site, place) for site in clouds for place in range(len(methods))]
    return Table(
        tuple(found[place][site] for site, place in rows),
        tuple({"site": site, **several[place]} for site, place in rows),
    )


def site_seed(rng: Rng) -> int:
    """The seed of the anchors, the same at all sites."""
    return int(generator(rng).integers(2**31))


def _at_site(
    clouds: Mapping[str, Any], site: str, methods: Sequence[Method[Any]], seed: int
) -> list[Result]:
    """The results of the methods at a site. A failure is a result too, with its reason, and
    does not lose the others.
    """
    try:
        near = neighbors_for(clouds[site], methods, seed)
    except ManifoldScaleError as error:
        return [_no_estimate(one, 0, error) for one in methods]
    results = []
    for one in methods:
        try:
            results.append(one(_share(near, one)))
        except ManifoldScaleError as error:
            results.append(_no_estimate(one, near.n_points, error))
    return results


def _no_estimate(method: Method[Any], n: int, error: ManifoldScaleError) -> Result:
    nan = float("nan")
    return Quantity(nan, Interval(nan, nan), method, n, (Caveat.NOT_ESTIMATED(str(error)),))


def neighbors_for(on: Any, methods: Sequence[Method[Any]], rng: Rng = 0) -> Neighbors:
    """The table that serves all of these methods, or the least that they can work with."""
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
    """The columns of the table that the method wants, or as many as it can work with."""
    return near.first(min(method.n_neighbors, max(near.k, method.min_neighbors)))
