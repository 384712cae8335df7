"""Passes through a network: batches in, rows of clouds out."""

import dataclasses as dc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.random import hashed
from .batches import FEWEST_ROWS, Batch, filled
from .capture import ONE_AT_A_TIME, Capture, Take, shares
from .collate import NO_LABEL
from .draws import DrawsFrom
from .padding import check_left
from .points import Points
from .sites import Site


@dc.dataclass(frozen=True, eq=False)
class Block:
    """Rows of all sites.

    Attributes
    ----------
    arrays : site to (rows x features), float32 or float64.
    ids : (rows,) the example of each.
    labels : (rows, ...), or None.
    grouped : an example gives several rows.
    """

    arrays: Mapping[str, Array]
    ids: Ints
    labels: Array | None
    grouped: bool

    def __len__(self) -> int:
        return len(self.ids)


@dc.dataclass(frozen=True, eq=False)
class ForwardPass:
    """What is read: a network, the sites, and what a point is at each of them.

    Attributes
    ----------
    sites : the sites to read.
    policies : site to policy.
    seed : of random numbers that a network draws in eval mode.
    is_random : whether it draws any.
    origins : site to the first name of its tensor in a pass, if that is different.
    mixing : sites whose rows depend on the other examples of their batch.
    """

    network: nn.Module
    sites: tuple[Site, ...]
    policies: Mapping[str, Points]
    seed: int = 0
    is_random: bool = False
    origins: Mapping[str, str] = dc.field(default_factory=dict)
    mixing: tuple[str, ...] = ()

    @property
    def may_stop(self) -> bool:
        """Whether a pass may end early: hooks of accelerate must see its end."""
        return not any(hasattr(module, "_hf_hook") for module in self.network.modules())

    def blocks(
        self, batches: Iterable[Batch], padding_is_known: bool = False
    ) -> Iterator[Block]:
        """The rows of each batch. Between two batches the model is as it was.

        padding_is_known : it is known that padding on the left, if any, changes nothing.
        """
        for (block,) in blocks_of((self,), batches, padding_is_known):
            yield block


def blocks_of(
    forwards: Sequence[ForwardPass],
    batches: Iterable[Batch],
    padding_is_known: bool = False,
    total: int | None = None,
) -> Iterator[tuple[Block, ...]]:
    """The rows of each batch for several choices of points of one network, each block in
    one pass.

    total : the examples of all batches, if all blocks are kept: they are parts of one
        array, which `joined` gives without a copy.
    """
    first = forwards[0]
    currents = [_Current(forward, total) for forward in forwards]
    names = {site.name for forward in forwards for site in forward.sites}
    takes = {name: _take_for(currents, name) for name in names}
    capture = Capture(first.network, takes, stop=first.may_stop)
    for batch in batches:
        for current in currents:
            current.begin(batch)
        with ONE_AT_A_TIME:
            if not padding_is_known and batch.is_left_padded:
                check_left(first.network, batch.inputs)
                padding_is_known = True
            if first.is_random:
                with DrawsFrom(int(hashed(first.seed, batch.rows.ids[0])) >> 1):
                    _run(capture, batch)
            else:
                _run(capture, batch)
        yield tuple(current.block() for current in currents)


def _take_for(currents: Sequence["_Current"], name: str) -> Take:
    """Each takes its points of a tensor at once, and the tensor is not kept."""
    takes = [partial(one.take, name) for one in currents if name in one.reads]

    def take(tensor: Tensor) -> None:
        for one in takes:
            one(tensor)

    return takes[0] if len(takes) == 1 else take


def _run(capture: Capture, batch: Batch) -> None:
    try:
        capture.run(filled(batch.inputs))
    except ManifoldScaleError:
        raise
    except (Exception, SystemExit) as error:
        raise ManifoldScaleError(
            f"The network raised {type(error).__name__} ({error}) at the examples with ids "
            f"{batch.rows.ids[0]} to {batch.rows.ids[-1]}, although it accepted others."
        ) from error


class _Current:
    """The points of the current batch.

    Parameters
    ----------
    total : the examples of all batches, if their points go into one array; None if each
        batch has arrays of its own.
    """

    def __init__(self, forward: ForwardPass, total: int | None) -> None:
        self.total = total
        self.reads = {
            site.name: (
                site.axes.index("N"),
                "N" + site.axes.replace("N", ""),
                forward.policies[site.name],
            )
            for site in forward.sites
        }
        self.start = 0
        self.batch: Batch | None = None
        self.examples: dict[str, Tensor | None] = {}
        self.arrays: dict[str, Array] = {}
        self.waiting: dict[str, Tensor] = {}
        self.wholes: dict[str, Array] = {}

    def begin(self, batch: Batch) -> None:
        self.start += len(self.batch or ())
        self.batch = batch
        self.arrays = {}
        self.waiting.clear()

    def take(self, name: str, tensor: Tensor) -> None:
        """Keep the points of a site, in memory of their own."""
        assert self.batch is not None
        axis, axes, policy = self.reads[name]
        rows = self.batch.rows
        n = len(rows.ids)
        passed = max(n, FEWEST_ROWS)
        if tensor.ndim <= axis or tensor.shape[axis] != passed:
            raise _no_rows(f"shape {tuple(tensor.shape)}", name, passed)
        values = tensor if axis == 0 else tensor.movedim(axis, 0)
        values = values if n == passed else values[:n]
        try:
            drawn = policy(values, axes, rows.of(name))
        except ManifoldScaleError as error:
            raise ManifoldScaleError(f"Site {name!r}: {error}") from error
        self.examples[name] = drawn.examples
        if drawn.points.is_cpu:
            self.keep(name, drawn.points)
        else:  # the host would wait for the device before it gives it more to do
            apart = not shares(drawn.points, tensor)
            self.waiting[name] = drawn.points if apart else drawn.points.clone()

    def keep(self, name: str, points: Tensor) -> None:
        """Copy points to their place on the CPU, as float32 or float64."""
        dtype = np.float64 if points.dtype == torch.float64 else np.float32
        place = None
        if self.total is not None and self.examples[name] is None:
            if name not in self.wholes:
                self.wholes[name] = _empty(name, (self.total, points.shape[1]), dtype)
            place = self.wholes[name][self.start : self.start + points.shape[0]]
        if place is None or place.shape != points.shape or place.dtype != dtype:
            place = np.empty(points.shape, dtype)
        torch.from_numpy(place).copy_(points)
        self.arrays[name] = place

    def block(self) -> Block:
        """The result of the pass, on the CPU."""
        assert self.batch is not None
        for name, points in self.waiting.items():
            self.keep(name, points)
        arrays = {}
        for name in self.reads:
            if name not in self.arrays:
                raise _no_rows("nothing", name, len(self.batch))
            arrays[name] = self.arrays[name]
        rows = self._places(arrays)
        labels, ids = self.batch.labels, self.batch.rows.ids
        if rows is not None:
            ids, labels = ids[rows], None if labels is None else labels[rows]
        return Block(arrays, ids, labels, rows is not None)

    def _places(self, arrays: Mapping[str, Array]) -> Ints | None:
        """The place in the batch of each row; sites must agree."""
        first: Tensor | None = None
        for place, (site, array) in enumerate(arrays.items()):
            mine = self.examples[site]
            first = mine if place == 0 else first
            same = (mine is None) == (first is None) and (
                mine is None or first is None or torch.equal(mine.cpu(), first.cpu())
            )
            if not same:
                other = next(iter(arrays))
                raise ManifoldScaleError(
                    f"Site {site!r} gives {len(array)} points for a batch of "
                    f"{len(self.batch or ())} examples, site {other!r} "
                    f"{len(arrays[other])}: extract them in two calls, so that the rows of "
                    "each call belong together."
                )
        return None if first is None else first.cpu().numpy()


def _empty(site: str, shape: tuple[int, int], dtype: Any) -> Array:
    try:
        return np.empty(shape, dtype)
    except MemoryError as error:
        raise ManifoldScaleError(
            f"The points of site {site!r} do not fit into memory ({error}): give `store`, "
            "a folder for them, or fewer of them by `n` or `points`."
        ) from error


def _no_rows(gave: str, site: str, n: int) -> ManifoldScaleError:
    return ManifoldScaleError(
        f"Site {site!r} gave {gave} for a batch of {n} examples: it is not one point per "
        f"example. Leave it out with the pattern '!{site}'."
    )


def joined(blocks: Sequence[Block]) -> Block:
    """All rows in one block, joined site by site so that little is held twice."""
    names = list(blocks[0].arrays)
    parts = {name: [block.arrays[name] for block in blocks] for name in names}
    arrays = {}
    for name in names:
        mine = parts.pop(name)
        widths = {part.shape[1] for part in mine}
        require(
            len(widths) == 1,
            f"Site {name!r} has points of {', '.join(map(str, sorted(widths)))} features: "
            "inputs differ in size. Use points='mean' or 'tokens'.",
        )
        arrays[name] = _together(mine)
    labels = [block.labels for block in blocks]
    known = [part for part in labels if part is not None]
    return Block(
        arrays=arrays,
        ids=np.concatenate([block.ids for block in blocks]),
        labels=_all_labels(known) if known and len(known) == len(labels) else None,
        grouped=blocks[0].grouped,
    )


def _together(parts: Sequence[Array]) -> Array:
    """All rows; without a copy, if they were written into one array."""
    whole = parts[0].base
    if whole is not None and _are_all_of(whole, parts):
        return whole
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _are_all_of(whole: Array, parts: Sequence[Array]) -> bool:
    return all(p.base is whole for p in parts) and sum(map(len, parts)) == len(whole)


def _all_labels(parts: Sequence[Array]) -> Array:
    """The labels of all batches. Labels of tokens, which each batch pads separately, are
    padded to one length.
    """
    widths = {part.shape[1:] for part in parts}
    if len(widths) == 1:
        return np.concatenate(parts)
    require(
        all(part.ndim == 2 and part.dtype.kind in "iu" for part in parts),
        f"Labels have several shapes, as {sorted(widths)[:2]}: leave them out, or give one "
        "per example.",
    )
    longest = max(part.shape[1] for part in parts)
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (0, longest - part.shape[1])), constant_values=NO_LABEL)
            for part in parts
        ]
    )
