"""Passes through a network: batches in, rows of clouds out."""

import dataclasses as dc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.random import hashed
from .batches import FEWEST_ROWS, Batch, filled
from .capture import ONE_AT_A_TIME, Capture, Reduce, shares
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
) -> Iterator[tuple[Block, ...]]:
    """The rows of each batch for several choices of points of one network, each block in
    one pass.
    """
    first = forwards[0]
    currents = [_Current(forward) for forward in forwards]
    sites = {site.name: site for forward in forwards for site in forward.sites}
    reduces = {name: _for_all(currents, site) for name, site in sites.items()}
    capture = Capture(first.network, reduces, stop=first.may_stop)
    for batch in batches:
        for current in currents:
            current.begin(batch)
        with ExitStack() as undo:
            undo.enter_context(ONE_AT_A_TIME)
            if not padding_is_known and batch.is_left_padded:
                check_left(first.network, batch.inputs)
                padding_is_known = True
            undo.enter_context(capture)
            if first.is_random:
                seed = int(hashed(first.seed, batch.rows.ids[0])) >> 1
                undo.enter_context(DrawsFrom(seed))
            _run(capture, batch)
        yield tuple(current.block() for current in currents)


def _for_all(currents: Sequence["_Current"], site: Site) -> Reduce:
    """Each takes its points of a tensor at once, and the tensor is not kept."""

    def reduce(tensor: Tensor) -> Tensor:
        for current in currents:
            current.take(site, tensor)
        return tensor.new_empty(0)

    return reduce


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


@dc.dataclass(eq=False)
class _Current:
    """The batch of the current pass, for its hooks."""

    forward: ForwardPass
    batch: Batch | None = None
    points: dict[str, Tensor] = dc.field(default_factory=dict)
    examples: dict[str, Tensor | None] = dc.field(default_factory=dict)

    def begin(self, batch: Batch) -> None:
        self.batch = batch
        self.points.clear()
        self.examples.clear()

    def take(self, site: Site, tensor: Tensor) -> None:
        """Keep the points of a site, in memory of their own."""
        assert self.batch is not None
        axis = site.axes.index("N")
        n, passed = len(self.batch), max(len(self.batch), FEWEST_ROWS)
        _check_rows(tensor, site.name, axis, passed)
        values = tensor.movedim(axis, 0)[:n]
        axes = site.axes.replace("N", "")
        policy = self.forward.policies[site.name]
        try:
            drawn = policy(values, f"N{axes}", self.batch.rows.of(site.name))
        except ManifoldScaleError as error:
            raise ManifoldScaleError(f"Site {site.name!r}: {error}") from error
        points = drawn.points
        self.points[site.name] = points.clone() if shares(points, tensor) else points
        self.examples[site.name] = drawn.examples

    def block(self) -> Block:
        """The result of the pass, on the CPU."""
        assert self.batch is not None
        arrays = {}
        for site in self.forward.sites:
            if site.name not in self.points:
                _check_rows(None, site.name, 0, len(self.batch))
            arrays[site.name] = _array(self.points[site.name])
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


def _check_rows(tensor: Tensor | None, site: str, axis: int, n: int) -> None:
    if tensor is None or tensor.ndim <= axis or tensor.shape[axis] != n:
        gave = "nothing" if tensor is None else f"shape {tuple(tensor.shape)}"
        raise ManifoldScaleError(
            f"Site {site!r} gave {gave} for a batch of {n} examples: it is not one point "
            f"per example. Leave it out with the pattern '!{site}'."
        )


def _array(tensor: Tensor) -> Array:
    """float32 or float64, on the CPU."""
    kept = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    return np.ascontiguousarray(kept.cpu().numpy())


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
        arrays[name] = mine[0] if len(mine) == 1 else np.concatenate(mine)
    labels = [block.labels for block in blocks]
    known = [part for part in labels if part is not None]
    return Block(
        arrays=arrays,
        ids=np.concatenate([block.ids for block in blocks]),
        labels=_all_labels(known) if known and len(known) == len(labels) else None,
        grouped=blocks[0].grouped,
    )


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
