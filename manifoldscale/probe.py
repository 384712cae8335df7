"""The probe: the dimension of what each site of a trained network has learned."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from .core.caveat import Caveat
from .core.errors import ManifoldScaleError
from .core.interval import Interval
from .core.method import Method
from .core.random import Rng, generator
from .core.result import Table
from .dimension import Auto, Dimension
from .geometry.cloud import Cloud
from .geometry.estimate import estimate
from .networks.extract import extract

NAN = float("nan")


def probe(
    model: nn.Module,
    data: Any,
    sites: str | Sequence[str] = "*",
    *,
    method: Method[Dimension] | None = None,
    batch_size: int = 256,
    rng: Rng = 0,
    progress: Callable[[str], None] | None = None,
) -> Table:
    """The dimension of the representation at every site, a row each.

    A site at which no estimate can be made (a dead layer, say) has NaN and the reason;
    the others are not lost.

    Parameters
    ----------
    model, data, sites, batch_size : as in `extract`.
    method : `dimension.Auto()` where none is given.
    progress : called with the name of each site when it is done.
    """
    clouds = extract(model, data, sites, batch_size=batch_size)
    return probe_clouds(clouds, method or Auto(), rng=rng, progress=progress)


def probe_clouds(
    clouds: Mapping[str, Cloud],
    method: Method[Dimension],
    *,
    rng: Rng = 0,
    progress: Callable[[str], None] | None = None,
    on_result: Callable[[str, Dimension], None] | None = None,
) -> Table:
    """The dimension of each cloud, one row each. Every site has the same anchors.

    `on_result` is called with each site and its dimension as they are done.
    """
    seed = int(generator(rng).integers(2**31))
    results, labels = [], []
    for site in clouds:
        dim, features = _dimension(clouds, site, method, seed)
        results.append(dim)
        labels.append({"site": site, "features": features})
        if progress is not None:
            progress(site)
        if on_result is not None:
            on_result(site, dim)
    return Table(tuple(results), tuple(labels))


def _dimension(
    clouds: Mapping[str, Cloud], site: str, method: Method[Dimension], seed: int
) -> tuple[Dimension, int | None]:
    """The dimension at a site and its number of features, None where the cloud itself
    cannot be made.
    """
    features, n = None, 0
    try:
        cloud = clouds[site]
        features, n = cloud.ambient_dim, len(cloud)
        return estimate(cloud, method, rng=seed), features
    except ManifoldScaleError as error:
        reason = Caveat.NOT_ESTIMATED(str(error))
        return Dimension(NAN, Interval(NAN, NAN), method, n, (reason,)), features


def dimensions(table: Table) -> Iterable[tuple[str, Dimension]]:
    """(site, dimension) of each row of a probe's table."""
    for label, result in zip(table.labels or (), table.results, strict=True):
        assert isinstance(result, Dimension)
        yield str(label["site"]), result
