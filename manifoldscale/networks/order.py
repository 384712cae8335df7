"""Which site of a network is a function of which, found by exchanging activations.

The activation of site A for one example is put into the pass of another example. If site B
then gives its value for the first example, B is a function of A alone: everything that
leads to B goes through A. With a skip connection around A, a branch beside it, a mask or
any other input that differs between the two examples, B gives something else.

A deterministic network of layers that are smooth, or piecewise smooth, cannot raise a
dimension: the dimension of the cloud at B is at most that of the cloud at A.

The points of the sites are compared, so the mean over the tokens of a mask counts as a
function of tokens and mask. Each activation is put back at its place in the batch: products
round as before, and a small contribution of a skip connection is not taken for rounding.

The examples may not show everything: an input that is the same for all examples of the
first batch, or a branch that none of the exchanged examples takes.
"""

import dataclasses as dc
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Floats
from ..core.errors import require
from .batches import FEWEST_ROWS, Batch, filled
from .capture import ONE_AT_A_TIME, Capture, hooked, places_of
from .containers import named_tensors, tensors
from .forward_pass import ForwardPass
from .points import Flatten, plain
from .sites import Site

# Fewer than the rows of a pass, which is filled with the last example. This filling changes
# in the exchange, which shows whether the network mixes the examples of a batch.
MOST = FEWEST_ROWS - 2
# Shares of the distance between two examples. A change below SAME is far below the distance
# of neighbours in any cloud. ALIKE is for one example at two places of a batch, where
# products round differently.
SAME, ALIKE = 1e-5, 1e-3
ROUNDINGS = 8  # a point that changes by fewer roundings of its size is constant


def bounded_by(forward: ForwardPass, batch: Batch) -> dict[str, tuple[str, ...]]:
    """Site to the sites, in the order of the network, that each alone determine it, and
    whose clouds keep their whole tensor: its dimension is at most theirs.

    Two sites with the same tensor bound each other. Sites with several points per example,
    and constant sites, neither bound nor are bounded. The mean over tokens, or one token,
    is bounded but bounds nothing; nor do whole numbers, which may be names of tokens.
    Nothing is known about a network that draws random numbers, about sites that mix the
    examples of a batch, or if a pass fails.

    Parameters
    ----------
    batch : at least two examples; a few are chosen that differ in every input, if possible.
        Their passes, two for each site that may bound, run on copies.
    """
    sure = [site.name for site in forward.sites if _keeps_all(site, forward)]
    if len(forward.sites) < 2 or not sure or len(batch) < 2 or forward.is_random:
        return {}
    try:
        trial = _trial(forward, batch)
    except Exception:  # the extraction itself will tell
        return {}
    sure = [name for name in sure if name in trial.moved]
    origins = {name: forward.origins.get(name, name) for name in sure}
    behind = {origin: trial.behind(origin) for origin in dict.fromkeys(origins.values())}
    found: dict[str, tuple[str, ...]] = {}
    for name in (site.name for site in forward.sites):
        bounds = tuple(by for by in sure if by != name and name in behind[origins[by]])
        found |= {name: bounds} if bounds else {}
    return found


def _keeps_all(site: Site, forward: ForwardPass) -> bool:
    """Whether the cloud of a site holds all numbers of its tensor."""
    is_float = getattr(torch, site.dtype).is_floating_point
    return is_float and isinstance(plain(forward.policies[site.name]), Flatten)


@dc.dataclass(frozen=True, eq=False)
class _Trial:
    """A few examples, and the values of the sites for them.

    Attributes
    ----------
    here, there : the examples, and the same moved up by one place.
    points : site to (examples x features) of `there`.
    moved : site to the distance between the two examples at one place; sites that are
        constant or not a function of an example are left out.
    """

    forward: ForwardPass
    here: Batch
    there: Batch
    points: Mapping[str, Array]
    moved: Mapping[str, float]

    def behind(self, origin: str) -> frozenset[str]:
        """The sites that are functions of the tensor of this name alone."""
        sites = [site for site in self._from(origin) if site.name in self.moved]
        if len(sites) <= 1:
            return frozenset()
        try:
            with ONE_AT_A_TIME:
                network = self.forward.network
                keep = partial(_exchange, origin, self._values(origin))
                with hooked(keep, places_of(network, {origin})):
                    found = _points(self.forward, sites, self.here)
        except Exception:  # the network may fail on activations that it never saw
            return frozenset()
        return frozenset(name for name in found if self._same(name, found[name]))

    def _from(self, origin: str) -> Sequence[Site]:
        """The sites from a tensor on."""
        sites = self.forward.sites
        first = next(i for i, site in enumerate(sites) if self._origin(site) == origin)
        return sites[first:]

    def _origin(self, site: Site) -> str:
        return self.forward.origins.get(site.name, site.name)

    def _values(self, origin: str) -> Tensor:
        """The tensor to put in, for the examples of `there`."""
        network = self.forward.network
        captured = Capture(network, {origin}, stop=self.forward.may_stop)
        captured.run(filled(self.there.inputs))
        return captured[origin]

    def _same(self, name: str, points: Array) -> bool:
        apart = _distances(points, self.points[name])
        return bool((apart <= SAME * self.moved[name]).all())


def _trial(forward: ForwardPass, batch: Batch) -> _Trial:
    rows = _differing(batch)
    here, there = _taken(batch, rows), _taken(batch, [*rows[1:], rows[0]])
    before, after = (_points(forward, forward.sites, one) for one in (here, there))
    moved = {
        site.name: _moved(site, before[site.name], after[site.name])
        for site in forward.sites
        if site.name in before and site.name not in forward.mixing
    }
    known = {name: distance for name, distance in moved.items() if distance > 0}
    return _Trial(forward, here, there, after, known)


def _moved(site: Site, before: Array, after: Array) -> float:
    """The distance between the two examples at one place; 0 for a constant, and if the
    point of an example depends on its place or on the other examples.
    """
    distance = _mean(_distances(before, after))
    size = _mean(_distances(before, np.zeros_like(before)))
    dtype: torch.dtype = getattr(torch, site.dtype)
    rounding = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    alike = _distances(after, np.roll(before, -1, axis=0)) <= ALIKE * distance
    return distance if distance > ROUNDINGS * rounding * size and alike.all() else 0.0


def _distances(one: Array, other: Array) -> Floats:
    """Distances row by row; NaN if either is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.linalg.norm(one.astype(np.float64) - other, axis=1))


def _mean(distances: Floats) -> float:
    """The root of the mean square."""
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(distances**2)))


def _points(
    forward: ForwardPass, sites: Sequence[Site], batch: Batch
) -> Mapping[str, Array]:
    """The points of one pass; empty if an example gives several."""
    part = dc.replace(forward, sites=tuple(sites))
    block = next(part.blocks([batch], padding_is_known=True))
    return {} if block.grouped else block.arrays


def _exchange(
    origin: str, values: Tensor, site: str, module: nn.Module, value: Any
) -> None:
    """Put values into the tensor of one name, when a pass comes to it.

    They go into its memory, so everything that uses the tensor uses them: also a skip
    connection beside a module, which its hooks do not see.
    """
    tensor = named_tensors(site, value).get(origin)
    if tensor is not None:
        require(tensor.shape == values.shape, f"{origin!r} has another shape.")
        tensor.copy_(values)


def _differing(batch: Batch) -> list[int]:
    """Rows of a few examples of a batch that differ in every input that varies."""
    rows = [0]
    for _, tensor in tensors(batch.inputs):
        first = tensor[0]
        if all(torch.equal(tensor[row], first) for row in rows):
            others = range(1, len(batch))
            rows += [row for row in others if not torch.equal(tensor[row], first)][:1]
    spread = np.linspace(0, len(batch) - 1, MOST).astype(int).tolist()
    return list(dict.fromkeys([*rows, *spread]))[:MOST]


def _taken(batch: Batch, rows: Sequence[int]) -> Batch:
    """Copies of some examples, in this order."""
    return Batch(_at(batch.inputs, rows), batch.rows.taken(list(rows)))


def _at(inputs: Any, rows: Sequence[int]) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _at(value, rows) for key, value in inputs.items()}
    return inputs[list(rows)]
