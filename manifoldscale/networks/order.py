"""Which site of a network is a function of which, found by exchanging activations.

The activation of site A of one example is put into the pass of another. Where site B then
gives what it gives for that example, B is a function of A alone: everything that leads to
B goes through A. A skip connection around A, a branch beside it, a mask or any other input
that differs between the two examples makes B something else.

A deterministic network of layers that are smooth, or smooth in pieces, cannot raise a
dimension: that of the cloud at B is at most that of the cloud at A.

What is compared is what is read, the points of the sites, so that the mean over the tokens
of a mask is a function of tokens and mask. Each activation is given back at the place in
the batch where it came about, so that products round as they did and a small share of a
skip connection is not taken for rounding.

What the examples do not show stays unseen: an input that is the same for all examples of
the first batch, and a branch that none of those that are exchanged takes.
"""

import dataclasses as dc
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Floats
from ..core.errors import require
from .batches import FEWEST_ROWS, Batch, filled
from .capture import ONE_AT_A_TIME, Capture, hook
from .containers import named_tensors, tensors
from .points import Flatten, Rows, plain
from .reading import Reading
from .sites import Site, module_name
from .wrappers import modules_by_name

# Fewer than the rows of a pass, which is filled with the last example: that is another one
# after the exchange, and a network that mixes the examples of a batch shows it.
MOST = FEWEST_ROWS - 2
# Shares of the distance between two examples. What moves a point by less than SAME is far
# below the distance of neighbors in any cloud. ALIKE is for the same example at two places
# of a batch, where products round differently.
SAME, ALIKE = 1e-5, 1e-3
ROUNDINGS = 8  # of the size of a point: what differs by less is constant


def bounded_by(reading: Reading, batch: Batch) -> dict[str, tuple[str, ...]]:
    """Site to the sites, in the order of the network, of each of which it is a function
    alone, and whose clouds keep all of their tensor: its dimension is at most theirs.

    Two sites that hold the same tensor bound each other. Sites that give several points an
    example, and constant ones, neither bound nor are bounded; the mean over tokens, or one
    token, is bounded and bounds nothing; nor do whole numbers, which may be names of
    tokens. Nothing is said of a network that draws random numbers, and of sites at which
    it mixes the examples of a batch. Where a pass fails, nothing is established.

    Parameters
    ----------
    batch : at least two examples; a few are chosen that differ in every input, where any
        do. Their passes, two for each site that may bound, run on copies.
    """
    sure = [site.name for site in reading.sites if _keeps_all(site, reading)]
    if len(reading.sites) < 2 or not sure or len(batch) < 2 or reading.is_random:
        return {}
    try:
        trial = _trial(reading, batch)
    except Exception:  # the extraction itself will tell
        return {}
    sure = [name for name in sure if name in trial.moved]
    origins = {name: reading.origins.get(name, name) for name in sure}
    behind = {origin: trial.behind(origin) for origin in dict.fromkeys(origins.values())}
    found: dict[str, tuple[str, ...]] = {}
    for name in (site.name for site in reading.sites):
        bounds = tuple(by for by in sure if by != name and name in behind[origins[by]])
        found |= {name: bounds} if bounds else {}
    return found


def _keeps_all(site: Site, reading: Reading) -> bool:
    """Whether the cloud of a site holds all numbers of its tensor."""
    is_float = getattr(torch, site.dtype).is_floating_point
    return is_float and isinstance(plain(reading.policies[site.name]), Flatten)


@dc.dataclass(frozen=True, eq=False)
class _Trial:
    """A few examples, and what the sites give for them.

    Attributes
    ----------
    here, there : the examples, and with each at the place of the one before it.
    points : site to (examples x features) of those there.
    moved : site to the distance between an example and the one at its place there; sites
        that are constant or no function of an example are left out.
    """

    reading: Reading
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
            with ONE_AT_A_TIME, ExitStack() as undo:
                keep = partial(_exchange, origin, self._values(origin))
                modules = modules_by_name(self.reading.network)
                mine = {k: v for k, v in modules.items() if k == module_name(origin)}
                hook(self.reading.network, keep, undo, mine)
                found = _points(self.reading, sites, self.here)
        except Exception:  # of a network that is given what it never was
            return frozenset()
        return frozenset(name for name in found if self._same(name, found[name]))

    def _from(self, origin: str) -> Sequence[Site]:
        """The sites from a tensor on."""
        sites = self.reading.sites
        first = next(i for i, site in enumerate(sites) if self._origin(site) == origin)
        return sites[first:]

    def _origin(self, site: Site) -> str:
        return self.reading.origins.get(site.name, site.name)

    def _values(self, origin: str) -> Tensor:
        """What is given back: the tensor, of the examples there."""
        network = self.reading.network
        with Capture(network, {origin}, stop=self.reading.may_stop) as captured:
            captured.run(filled(self.there.inputs))
        return captured[origin]

    def _same(self, name: str, points: Array) -> bool:
        apart = _distances(points, self.points[name])
        return bool((apart <= SAME * self.moved[name]).all())


def _trial(reading: Reading, batch: Batch) -> _Trial:
    rows = _differing(batch)
    here, there = _taken(batch, rows), _taken(batch, [*rows[1:], rows[0]])
    before, after = (_points(reading, reading.sites, one) for one in (here, there))
    moved = {
        site.name: _moved(site, before[site.name], after[site.name])
        for site in reading.sites
        if site.name in before and site.name not in reading.mixing
    }
    known = {name: distance for name, distance in moved.items() if distance > 0}
    return _Trial(reading, here, there, after, known)


def _moved(site: Site, before: Array, after: Array) -> float:
    """How far the example at a place is from the one that was there; 0 for a constant, and
    where an example gives another point at another place or in other company.
    """
    distance = _mean(_distances(before, after))
    size = _mean(_distances(before, np.zeros_like(before)))
    dtype: torch.dtype = getattr(torch, site.dtype)
    rounding = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    alike = _distances(after, np.roll(before, -1, axis=0)) <= ALIKE * distance
    return distance if distance > ROUNDINGS * rounding * size and alike.all() else 0.0


def _distances(one: Array, other: Array) -> Floats:
    """Row by row; NaN where either is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.linalg.norm(one.astype(np.float64) - other, axis=1))


def _mean(distances: Floats) -> float:
    """The root of the mean square."""
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(distances**2)))


def _points(reading: Reading, sites: Sequence[Site], batch: Batch) -> Mapping[str, Array]:
    """The points of one pass; none where an example gives several."""
    part = dc.replace(reading, sites=tuple(sites))
    block = next(part.blocks([batch], padding_is_known=True))
    return {} if block.grouped else block.arrays


def _exchange(
    origin: str, values: Tensor, site: str, module: nn.Module, value: Any
) -> None:
    """Put values into the tensor of one name, when a pass comes to it.

    They go into its memory, so that all goes on from them that does from the tensor: the
    skip connection beside a module too, of which its hooks see nothing. It is no part of
    the network, for it differs from example to example.
    """
    tensor = named_tensors(site, value).get(origin)
    if tensor is not None:
        require(tensor.shape == values.shape, f"{origin!r} has another shape.")
        tensor.copy_(values)


def _differing(batch: Batch) -> list[int]:
    """Rows of a few examples of a batch, not all the same in any input that varies."""
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
    old = batch.rows
    masks = [None if mask is None else mask[list(rows)] for mask in (old.mask, old.other)]
    return Batch(_at(batch.inputs, rows), Rows(old.ids[list(rows)], *masks))


def _at(inputs: Any, rows: Sequence[int]) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _at(value, rows) for key, value in inputs.items()}
    return inputs[list(rows)]
