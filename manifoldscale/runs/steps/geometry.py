"""The geometry of what one site of a network has learned, and of all sites together."""

import dataclasses as dc
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.caveat import Caveat, Remark
from ...core.errors import ManifoldScaleError, require
from ...core.interval import Interval
from ...core.measurement import Measurement
from ...core.method import Method
from ...core.result import Quantity
from ...curvature.curvature import Curvature
from ...curvature.quadric import Quadric, whole_dim
from ...curvature.status import Status
from ...dimension import Auto, Dimension
from ...geometry.cloud import Cloud
from ...geometry.estimate import estimate, neighbors_for
from ...geometry.neighbors import Neighbors
from ...networks.sites import INPUT

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
class SiteGeometry:
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

    def measurements(self) -> tuple[Measurement, ...]:
        """The dimension, and the curvature where it was asked for."""
        first = measured(self.dimension)
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
            Measurement.of(self.kappa_rms, "kappa_rms", **told),
            Measurement.of(self.kappa_extent, "kappa_extent", **told),
        )


def measured(dim: Dimension, **more: Any) -> Measurement:
    """A dimension as it is kept, with what stands beside it and `more`."""
    names = ("stderr", "systematic", "raw", "scale", "gof_p", "basis")
    more = {name: getattr(dim, name) for name in names} | more
    for name, other in (("resolved", dim.resolved), ("alone", dim.alone)):
        if other is not None:
            low, high = other.interval
            more |= {name: other.value, f"{name}_low": low, f"{name}_high": high}
            more |= {f"{name}_bound": "below"} if other.is_bound else {}
    if not dim.is_bound:
        return Measurement.of(dim, **more)
    # Where only a bound is known, the number of features is no end of an interval.
    ends = Interval(dim.interval.low, math.inf, dim.interval.level)
    return Measurement.of(dc.replace(dim, interval=ends), bound="below", **more)


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


def over_networks(
    method: Method[Dimension],
    networks: Mapping[str, tuple[Mapping[str, Look], Mapping[str, Sequence[str]]]],
) -> dict[str, dict[str, Dimension]]:
    """The dimensions of the sites of several networks, given each other.

    Networks that were shown the same input, along training or against initialisation, are
    branches of one tree: the dimension of the input is the same for all of them. What each
    says of it counts as a share, because their errors are those of one draw of examples.

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
    together = method.along(alone, order, _shares(names))
    return {
        network: {site: together[names[network, site]] for site in looks}
        for network, (looks, _) in networks.items()
    }


def _shares(names: Mapping[tuple[str, str], str]) -> dict[str, float]:
    """By site, one over the number of networks with the same input; of sites that several
    networks have nothing is said.
    """
    inputs: dict[str, list[str]] = {}
    for (network, site), name in names.items():
        if site.startswith(INPUT):
            inputs.setdefault(name, []).append(network)
    alike = {network: len(own) for own in inputs.values() for network in own}
    common = {name for name, own in inputs.items() if len(own) > 1}
    return {
        name: 1 / alike[network]
        for (network, _), name in names.items()
        if network in alike and name not in common
    }


def _is_one(one: Dimension | None, other: Dimension) -> bool:
    """Whether two estimates are of one cloud."""
    return one is not None and (one.value, one.interval) == (other.value, other.interval)
