"""The probe: the geometry of what each site of a trained network has learned."""

import dataclasses as dc
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import nn

from .core.caveat import Caveat, Remark
from .core.errors import ManifoldScaleError, require
from .core.interval import Interval, number
from .core.method import Method
from .core.random import Rng
from .core.reading import Reading, SiteReadings
from .core.result import Quantity, Result, Table
from .curvature.curvature import Curvature
from .curvature.quadric import Quadric, whole_dim
from .curvature.status import Status
from .dimension import Auto, Dimension
from .geometry.cloud import Cloud
from .geometry.estimate import estimate, neighbors_for, site_seed
from .geometry.neighbors import Neighbors
from .networks.extract import extract
from .networks.sites import INPUT

NAN = float("nan")
DEFAULT = Auto()
CURVED_AT = 500  # points at which the curvature is fitted
TOP_DIM = 10  # above, the fewest points that determine a fit reach across any cloud


@dc.dataclass(frozen=True)
class Probing:
    """What is measured at a site: the dimension first, then, at that dimension, the
    curvature.

    Parameters
    ----------
    dimension : the method for it.
    curvature : whether it is fitted too, up to ten dimensions.
    curved_at : at how many points at most.
    """

    dimension: Method[Dimension] = DEFAULT
    curvature: bool = False
    curved_at: int = CURVED_AT

    def look(self, clouds: Mapping[str, Cloud], site: str, seed: int) -> "Look":
        """The dimension of a site for itself; where it cannot be made, NaN and why."""
        features, n = None, 0
        try:
            cloud = clouds[site]
            features, n = cloud.ambient_dim, len(cloud)
            near = neighbors_for(cloud, [self.dimension], seed)
            return Look(estimate(near, self.dimension), features, near)
        except ManifoldScaleError as error:
            reason = Caveat.NOT_ESTIMATED(str(error))
            dim = Dimension(NAN, Interval(NAN, NAN), self.dimension, n, (reason,))
            return Look(dim, features)

    def together(
        self, looks: Mapping[str, "Look"], bounded_by: Mapping[str, Sequence[str]]
    ) -> dict[str, Dimension]:
        """The dimensions of the sites of one network, given each other."""
        alone = {site: look.dimension for site, look in looks.items()}
        return dict(self.dimension.along(alone, bounded_by))

    def bend(
        self,
        clouds: Mapping[str, Cloud],
        site: str,
        dim: Dimension,
        seed: int,
        near: Neighbors | None = None,
    ) -> "SiteGeometry":
        """The curvature of a site at its dimension, in the table of `look` or a new one."""
        if not self.curvature:
            return SiteGeometry(dim)
        if not math.isfinite(dim.value):
            failed = [note for note in dim.caveats if note.caveat is Caveat.NOT_ESTIMATED]
            unfit = Caveat.NOT_ESTIMATED("no dimension to fit at")
            return SiteGeometry(dim, reason=next(iter(failed), unfit))
        try:
            cloud = clouds[site]
            near = near or neighbors_for(cloud, [self.dimension], seed)
            return SiteGeometry(dim, self._curvature(cloud, near, dim, seed))
        except ManifoldScaleError as error:
            return SiteGeometry(dim, reason=Caveat.NOT_ESTIMATED(str(error)))

    def _curvature(
        self, cloud: Cloud, near: Neighbors, dim: Dimension, seed: int
    ) -> Curvature:
        """Above five dimensions a fit needs more neighbours than the table of the dimension
        holds: a few of the points are searched again, for no more than it needs: a table as
        wide at all points costs five times the search.
        """
        least = Quadric(dim).min_neighbors
        require(
            whole_dim(dim) <= TOP_DIM,
            f"curvature: above {TOP_DIM} dimensions the neighbours that a fit needs reach "
            "across the cloud",
        )
        if least > near.k:
            near = cloud.neighbors(least, anchors=self.curved_at, rng=seed)
        return estimate(near.thinned(self.curved_at), Quadric(dim, k=near.k))


@dc.dataclass(frozen=True, eq=False)
class Look:
    """The dimension of a site for itself, its number of features, None where the cloud
    itself cannot be made, and the table that it was made from.
    """

    dimension: Dimension
    features: int | None = None
    near: Neighbors | None = None


@dc.dataclass(frozen=True)
class SiteGeometry(Result):
    """What was measured at one site.

    Attributes
    ----------
    dimension : of the representation.
    curvature : at that dimension; None where it was not asked for or not possible.
    reason : why it was not possible; None where it was, or was not asked for.
    """

    dimension: Dimension
    curvature: Curvature | None = None
    reason: Remark | None = None

    @property
    def caveats(self) -> tuple[Remark, ...]:  # type: ignore[override]
        bent = () if self.curvature is None else self.curvature.caveats
        return (*self.dimension.caveats, *bent, *((self.reason,) if self.reason else ()))

    def headline(self) -> str:
        if self.curvature is None:
            return self.dimension.headline()
        kappa = self.kappa_extent
        return (
            f"{self.dimension.headline()}; curvature in units of the cloud "
            f"{number(kappa.value)} {kappa.interval}"
        )

    def row(self) -> dict[str, Any]:
        kept = (reading.row() for reading in self.readings()[1:])
        return self.dimension.row() | {k: v for row in kept for k, v in row.items()}

    @property
    def kappa_rms(self) -> Quantity:
        """In units of the representation."""
        if self.curvature is None:
            notes = () if self.reason is None else (self.reason,)
            ends, n = Interval(NAN, NAN), self.dimension.n_points
            return Quantity(NAN, ends, Quadric(1), n, notes)
        # The method by the whole dimension: that it came from an estimate stands above.
        method = Quadric(self.curvature.dim, k=self.curvature.method.k)
        kappa = self.curvature.pooled.kappa_rms
        return dc.replace(kappa, method=method, caveats=_shortened(self.curvature))

    @property
    def kappa_extent(self) -> Quantity:
        """Times the rms radius of the cloud: 1 for a sphere, the same at any scale."""
        kappa = self.kappa_rms
        extent = NAN if self.curvature is None else self.curvature.extent
        low, high = (end * extent for end in kappa.interval)
        ends = Interval(low, high, kappa.interval.level)
        return dc.replace(kappa, value=kappa.value * extent, interval=ends)

    def readings(self) -> tuple[Reading, ...]:
        """The dimension, and the curvature where it was asked for."""
        dim = self.dimension
        first = Reading.of(dim, **beside(dim))
        if self.curvature is None and self.reason is None:
            return (first,)
        told = {}
        if self.curvature is not None:
            told = {
                "dim": self.curvature.dim,
                "queries": len(self.curvature.rows),
                "knowable": self.curvature.knowable,
            }
        return (
            first,
            Reading.of(self.kappa_rms, "kappa_rms", **told),
            Reading.of(self.kappa_extent, "kappa_extent", **told),
        )


def beside(dim: Dimension) -> dict[str, Any]:
    """What stands beside a dimension in a reading."""
    names = ("stderr", "systematic", "raw", "scale", "gof_p", "basis")
    more = {name: getattr(dim, name) for name in names}
    for name, other in (("resolved", dim.resolved), ("alone", dim.alone)):
        if other is not None:
            low, high = other.interval
            more |= {name: other.value, f"{name}_low": low, f"{name}_high": high}
    return more


def _shortened(curvature: Curvature) -> tuple[Remark, ...]:
    """Its caveats, without the advice for each status."""
    shares = ", ".join(
        f"{curvature.share(status):.0%} {status.value}"
        for status in Status
        if curvature.share(status) > 0
    )
    unsure = Caveat.CURVATURE_UNSURE
    return tuple(
        unsure(shares) if note.caveat is unsure else note for note in curvature.caveats
    )


def probe(
    model: nn.Module,
    data: Any,
    sites: str | Sequence[str] = "*",
    *,
    method: Method[Dimension] | None = None,
    curvature: bool = False,
    batch_size: int = 256,
    rng: Rng = 0,
    progress: Callable[[str], None] | None = None,
) -> Table:
    """The geometry of the representation at every site, a `SiteGeometry` each.

    A site at which no estimate can be made (a dead layer, say) has NaN and the reason;
    the others are not lost.

    Parameters
    ----------
    model, data, sites, batch_size : as in `extract`.
    method : of the dimension; `dimension.Auto()` where none is given.
    curvature : whether to fit the curvature too.
    progress : called with the name of each site when it is done.
    """
    clouds = extract(model, data, sites, batch_size=batch_size)
    probing = Probing(method or DEFAULT, curvature)
    return probe_clouds(clouds, probing, rng=rng, progress=progress)


def probe_clouds(
    clouds: Mapping[str, Cloud],
    probing: Probing,
    *,
    rng: Rng = 0,
    progress: Callable[[str], None] | None = None,
) -> Table:
    """The geometry of each cloud, one row each. Every site has the same anchors.

    Where `clouds` know which site is a function of which (`Representations.bounded_by`),
    the dimensions are joint.
    """
    seed = site_seed(rng)
    looks = {site: probing.look(clouds, site, seed) for site in clouds}
    together = probing.together(looks, getattr(clouds, "bounded_by", {}))
    results, labels = [], []
    for site, look in looks.items():
        results.append(probing.bend(clouds, site, together[site], seed, look.near))
        labels.append({"site": site, "features": look.features})
        if progress is not None:
            progress(site)
    return Table(tuple(results), tuple(labels))


def over_networks(
    method: Method[Dimension],
    networks: Mapping[str, tuple[Mapping[str, Look], Mapping[str, Sequence[str]]]],
) -> dict[str, dict[str, Dimension]]:
    """The dimensions of the sites of several networks, given each other.

    Networks that were shown the same input, along training or against initialisation, are
    branches of one tree: the dimension of the input is the same for all of them.

    Parameters
    ----------
    method : of the dimensions.
    networks : by name, the looks at its sites, and which site bounds which.
    """
    alone: dict[str, Dimension] = {}
    order: dict[str, list[str]] = {}
    names: dict[tuple[str, str], str] = {}
    for network, (looks, bounded_by) in networks.items():
        for site, look in looks.items():
            shared = site.startswith(INPUT) and _is_one(alone.get(site), look.dimension)
            taken = site in alone and not shared
            names[network, site] = f"{site} of {network}" if taken else site
            alone[names[network, site]] = look.dimension
        for site, higher in bounded_by.items():
            known = [names[network, one] for one in higher if (network, one) in names]
            order[names[network, site]] = known
    together = method.along(alone, order)
    return {
        network: {site: together[names[network, site]] for site in looks}
        for network, (looks, _) in networks.items()
    }


def _is_one(one: Dimension | None, other: Dimension) -> bool:
    """Whether two estimates are of one cloud."""
    return one is not None and (one.value, one.interval) == (other.value, other.interval)


def dimensions(table: Table) -> Iterable[tuple[str, Dimension]]:
    """(site, dimension) of each row of a probe's table."""
    for label, result in zip(table.labels or (), table.results, strict=True):
        assert isinstance(result, SiteGeometry)
        yield str(label["site"]), result.dimension


def readings(table: Table) -> tuple[SiteReadings, ...]:
    """What is kept of a probe's table, a site each."""
    pairs = zip(table.labels or (), table.results, strict=True)
    return tuple(
        SiteReadings(str(label["site"]), label["features"], result.readings())
        for label, result in pairs
        if isinstance(result, SiteGeometry)
    )
