"""The sites of a network together: a dimension cannot rise along it.

A site of a deterministic network is a function of the sites that it is computed from, and
a Lipschitz map cannot raise the dimension of its argument: d_b <= d_a wherever b is a
function of a alone. So the sites are estimated together, from the estimate of each site
alone (a `Belief`) and a prior that knows their order. At each step the dimension stays the
same, with probability 1 - `FALLS`, because a generic layer that is wide enough is an
embedding; or it falls to any lower value, evenly in log d. The sites form a forest: the
parent of a site is the nearest site that bounds it. Messages up and down the trees give the
exact posterior on a grid of log d.

The errors of the sites are not independent, because all sites share one draw of examples
and one kind of manifold. Most of each error, `COMMON`, is the same multiple of its size at
all sites of a tree, and is integrated over. With independent errors the intervals would
shrink with the number of sites, which would be wrong. The rest, `LEFT` to each site alone,
is larger below than above: a network makes its input rougher layer by layer, so an estimate
is more easily too high than too low, and the lower of two tells more. The constants were
chosen on simulated networks, `benchmarks/chains.py`.
"""

import dataclasses as dc
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from ..core.arrays import Floats
from ..core.caveat import Caveat, Remark
from ..core.interval import Interval, number
from ..core.settings import NOTHING
from .belief import FREEDOM, Belief
from .dimension import Dimension

FALLS = 0.1  # prior probability that a step lowers the dimension
COMMON = 0.9  # of the error of each site, in units of its size
LEFT = (1.0, 0.5)  # of the error of each site alone, below and above, in the same units
# Of the common error, which reaches no further than the interval of a single site. Where
# dimensions fall along several networks, an error of seven sizes would else be cheaper than
# so many falls, and all sites agree on a dimension that none allows (3.1 for 8 to 24).
NODES: Floats = np.linspace(-3, 3, 25)
CHANCES: Floats = stats.t.pdf(NODES, FREEDOM)  # it has the tails of the errors
CLEARLY = 0.9  # an upper end is lowered, where it is by more than this
STEP = 0.005  # of the grid of log d
ENDS = (np.log(0.3), np.log(500.0))
GRID: Floats = np.arange(ENDS[0], ENDS[1], STEP)
REACH = GRID - ENDS[0] + STEP


@dc.dataclass(frozen=True, eq=False)
class Posterior:
    """The dimension of one site given all sites, on the grid."""

    weights: Floats

    def quantile(self, share: float) -> float:
        total = np.cumsum(self.weights)
        return float(np.exp(np.interp(share, total / total[-1], GRID)))

    @property
    def median(self) -> float:
        return self.quantile(0.5)

    def interval(self, level: float = 0.95) -> Interval:
        return Interval(
            self.quantile((1 - level) / 2), self.quantile((1 + level) / 2), level
        )


def along_network(
    results: Mapping[str, Any],
    bounded_by: Mapping[str, Sequence[str]],
    shares: Mapping[str, float] = NOTHING,
) -> dict[str, Any]:
    """The dimensions of the sites of a network, estimated together.

    Parameters
    ----------
    results : site to its own `Dimension`; results without a value are left as they are.
    bounded_by : site to the sites, in the order of the network, of which it is a function.
    shares : how much the evidence of a site counts at sites of several networks: 1 / m at
        the sites of each of m networks that were shown one input; 1 where nothing is said.

    Returns
    -------
    The results. Sites that bound others or are bounded have the joint value and interval, a
    caveat that names the tightest bound, and the estimate of the site alone as `.alone`.
    """
    known = {
        site: dim
        for site, dim in results.items()
        if isinstance(dim, Dimension) and math.isfinite(dim.value)
    }
    above = parents(bounded_by, list(known))
    related = {*above, *above.values()}
    beliefs = {
        site: Belief.of(dim.value, dim.interval, dim.top)
        for site, dim in known.items()
        if site in related
    }
    equal = frozenset(b for b, a in above.items() if b in bounded_by.get(a, ()))
    found = joint(beliefs, above, equal, shares)
    return {
        site: _given_others(known, site, found[site], above) if site in found else dim
        for site, dim in results.items()
    }


def _given_others(
    alone: Mapping[str, Dimension],
    site: str,
    posterior: Posterior,
    above: Mapping[str, str],
) -> Dimension:
    own = alone[site]
    told = own.in_short
    higher = {one: alone[one] for one in ancestors(site, above)}
    top = min([own.top, *(dim.top for dim in higher.values())])
    ends = posterior.interval(own.interval.level).map(lambda end: min(end, top))
    return dc.replace(
        own,
        value=min(posterior.median, top, own.cap),
        interval=ends,
        top=top,
        alone=own,
        basis=f"{own.basis}; {told} alone, here given the other sites",
        caveats=(*own.caveats, *_bounds(own, higher)),
    )


def _bounds(own: Dimension, higher: Mapping[str, Dimension]) -> list[Remark]:
    """Caveats: what bounds a site, and whether it contradicts a site that bounds it."""
    remarks = []
    tightest = min(higher, key=lambda site: higher[site].interval.high, default=None)
    if tightest and higher[tightest].interval.high < CLEARLY * own.interval.high:
        bound = higher[tightest]
        told = bound.in_short
        remarks.append(Caveat.BOUNDED(f"by {tightest!r}, {told}"))
    low = own.resolved.interval.low
    below = [site for site, dim in higher.items() if dim.resolved.interval.high < low]
    if below:
        there = number(higher[below[0]].resolved.value)
        here = number(own.resolved.value)
        remarks.append(Caveat.RISES(f"{here} here, {there} at {below[0]!r}"))
    return remarks


def ancestors(site: str, above: Mapping[str, str]) -> Iterator[str]:
    """The sites that bound a site, the nearest first."""
    while site in above:
        site = above[site]
        yield site


def parents(order: Mapping[str, Sequence[str]], sites: Sequence[str]) -> dict[str, str]:
    """The nearest earlier site that bounds each site, if there is one."""
    place = {site: i for i, site in enumerate(sites)}
    found = {}
    for site in sites:
        earlier = [a for a in order.get(site, ()) if a in place and place[a] < place[site]]
        if earlier:
            found[site] = max(earlier, key=place.__getitem__)
    return found


def joint(
    beliefs: Mapping[str, Belief],
    above: Mapping[str, str],
    equal: frozenset[str],
    shares: Mapping[str, float] = NOTHING,
) -> dict[str, Posterior]:
    """The posterior of every site.

    Parameters
    ----------
    beliefs : by site, in the order of the network.
    above : site to the site that bounds it, an earlier one.
    equal : sites that bound their parent too, so both dimensions are the same.
    shares : see `along_network`.
    """
    trees: dict[str, list[str]] = {}
    root: dict[str, str] = {}
    for site in beliefs:
        root[site] = root[above[site]] if site in above else site
        trees.setdefault(root[site], []).append(site)
    found = {}
    for tree in trees.values():
        part = {site: beliefs[site] for site in tree}
        found.update(_tree(part, above, equal, shares))
    return {site: found[site] for site in beliefs}


def _tree(
    beliefs: Mapping[str, Belief],
    above: Mapping[str, str],
    equal: frozenset[str],
    shares: Mapping[str, float],
) -> dict[str, Posterior]:
    """Messages to the root and back, for each value of the common error at once.

    A message from one of m networks to the input that they share counts to the power 1 / m:
    their errors are those of one draw of examples, and copies of a network tell no more
    than the network. What a network says of its own sites, given its input, counts whole.
    """
    shift = COMMON * NODES[:, None]
    log_total = np.zeros(len(NODES))
    inward = {}
    share = {site: shares.get(site, 1.0) for site in beliefs}
    for site, belief in beliefs.items():
        inward[site], log_size = _scaled(belief.log_density(GRID, shift, LEFT))
        log_total += share[site] * log_size
    sent: dict[str, Floats] = {}
    for site in reversed(list(beliefs)):
        if site in above:
            parent = above[site]
            sent[site] = _upward(inward[site], site in equal)
            told = sent[site] ** (share[site] / share[parent])
            inward[parent] = inward[parent] * told
            size = inward[parent].max(axis=1)
            inward[parent] /= size[:, None]
            log_total += share[parent] * np.log(size)
    whole = {}
    for site, density in inward.items():
        if site not in above:
            whole[site] = density
            continue
        given = whole[above[site]]
        without = np.divide(given, sent[site], out=np.zeros_like(given), where=given > 0)
        whole[site] = density * _downward(without, site in equal)
        whole[site] /= whole[site].max(axis=1, keepdims=True)
    first = next(iter(beliefs))
    evidence = log_total + np.log(whole[first].sum(axis=1))
    weights = CHANCES * np.exp(evidence - evidence.max())
    return {
        site: Posterior(weights @ (density / density.sum(axis=1, keepdims=True)))
        for site, density in whole.items()
    }


def _scaled(log_density: Floats) -> tuple[Floats, Floats]:
    """A density scaled to a largest value of one, and the logarithm of the scale."""
    top = log_density.max(axis=1)
    return np.exp(log_density - top[:, None]), top


def _upward(density: Floats, equal: bool) -> Floats:
    """What a site says about the site that bounds it: the dimension of this site is the
    same, or any lower value, evenly in log d.
    """
    if equal:
        return density
    below = np.cumsum(density, axis=1) * STEP / REACH
    return np.asarray((1 - FALLS) * density + FALLS * below)


def _downward(density: Floats, equal: bool) -> Floats:
    """The same step from the bounding site to the bounded one."""
    if equal:
        return density
    higher = np.cumsum((density / REACH)[:, ::-1], axis=1)[:, ::-1] * STEP
    return np.asarray((1 - FALLS) * density + FALLS * higher)
