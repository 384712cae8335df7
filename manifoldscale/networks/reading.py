"""Passes through a network: batches in, rows of clouds out."""

import dataclasses as dc
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core.arrays import Array, Ints
from ..core.errors import ManifoldScaleError, require
from ..core.random import hashed
from .batches import FEWEST_ROWS, Batch, filled
from .capture import ONE_AT_A_TIME, Capture, Reduce
from .collate import NO_LABEL
from .draws import DrawsFrom
from .dry_run import EXAMPLES, DryRun, dry_run
from .padding import check_left
from .patterns import Patterns, matches, select
from .points import Named, Points, automatic, points_from
from .sites import Site
from .wrappers import unwrapped

LOG = logging.getLogger(__name__)
PointsChoice = str | Points | Mapping[str, str | Points]


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
class Reading:
    """What is read: a network, the sites and what a point is at each of them.

    Attributes
    ----------
    sites : those that are read.
    policies : site to policy.
    seed : of what a network draws in eval mode.
    is_random : whether it draws anything.
    origins : site to the first name of its tensor in a pass, where that is another.
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

        padding_is_known : that padding on the left, if any, changes nothing.
        """
        current = _Current(self)
        reduces = current.reduces()
        capture = Capture(self.network, reduces, stop=self.may_stop)
        for batch in batches:
            current.begin(batch)
            with ExitStack() as undo:
                undo.enter_context(ONE_AT_A_TIME)
                if not padding_is_known and batch.is_left_padded:
                    check_left(self.network, batch.inputs)
                    padding_is_known = True
                undo.enter_context(capture)
                if self.is_random:
                    seed = int(hashed(self.seed, batch.rows.ids[0])) >> 1
                    undo.enter_context(DrawsFrom(seed))
                _run(capture, batch)
            yield current.block(capture.tensors)


def _run(capture: Capture, batch: Batch) -> None:
    try:
        capture.run(filled(batch.inputs))
    except ManifoldScaleError:
        raise
    except (Exception, SystemExit) as error:
        raise ManifoldScaleError(
            f"The network raised {type(error).__name__} ({error}) at the examples with ids "
            f"{batch.rows.ids[0]} to {batch.rows.ids[-1]}, after it had taken others."
        ) from error


@dc.dataclass(eq=False)
class _Current:
    """The batch that the hooks of a pass belong to."""

    reading: Reading
    batch: Batch | None = None
    examples: dict[str, Tensor | None] = dc.field(default_factory=dict)

    def begin(self, batch: Batch) -> None:
        self.batch = batch
        self.examples.clear()

    def reduces(self) -> dict[str, Reduce | None]:
        return {site.name: self._reduce(site) for site in self.reading.sites}

    def _reduce(self, site: Site) -> Reduce:
        axis = site.axes.index("N")
        policy = self.reading.policies[site.name]

        def reduce(tensor: Tensor) -> Tensor:
            assert self.batch is not None
            n, passed = len(self.batch), max(len(self.batch), FEWEST_ROWS)
            _check_rows(tensor, site.name, axis, passed)
            values = tensor.movedim(axis, 0)[:n]
            axes = site.axes.replace("N", "")
            try:
                drawn = policy(values, f"N{axes}", self.batch.rows.of(site.name))
            except ManifoldScaleError as error:
                raise ManifoldScaleError(f"Site {site.name!r}: {error}") from error
            self.examples[site.name] = drawn.examples
            return drawn.points

        return reduce

    def block(self, tensors: Mapping[str, Tensor]) -> Block:
        """What the pass gave, on the CPU."""
        assert self.batch is not None
        arrays = {}
        for site in self.reading.sites:
            if site.name not in tensors:
                _check_rows(None, site.name, 0, len(self.batch))
            arrays[site.name] = _array(tensors[site.name])
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
            f"an example. Leave it out with the pattern '!{site}'."
        )


def _array(tensor: Tensor) -> Array:
    """float32 or float64, on the CPU."""
    kept = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    return np.ascontiguousarray(kept.cpu().numpy())


def joined(blocks: Sequence[Block]) -> Block:
    """All rows in one block; one site after the other, so that little is held twice."""
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
    """The labels of all batches; those of tokens, which each batch pads for itself, are
    padded to one length.
    """
    widths = {part.shape[1:] for part in parts}
    if len(widths) == 1:
        return np.concatenate(parts)
    require(
        all(part.ndim == 2 and part.dtype.kind in "iu" for part in parts),
        f"Labels of several shapes, as {sorted(widths)[:2]}, do not belong together: leave "
        "them out, or give one an example.",
    )
    longest = max(part.shape[1] for part in parts)
    return np.concatenate(
        [
            np.pad(part, ((0, 0), (0, longest - part.shape[1])), constant_values=NO_LABEL)
            for part in parts
        ]
    )


def look(model: nn.Module, first: Batch) -> DryRun:
    """What there is to read, on the first examples of a batch."""
    return dry_run(model, _some(filled(first.inputs, EXAMPLES)))


def _some(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {key: _some(value) for key, value in inputs.items()}
    return inputs[:EXAMPLES]


def plan_reading(
    model: nn.Module,
    first: Batch,
    patterns: Patterns,
    points: PointsChoice = "auto",
    seed: int = 0,
) -> Reading:
    """Choose sites and policies by what a pass on the first examples shows."""
    run = look(model, first)
    names = select(patterns, run)
    mixing = tuple(name for name in names if run.aliases.get(name, name) in run.mixing)
    _tell_chance(run, mixing)
    return Reading(
        network=unwrapped(model),
        sites=tuple(run.site(name) for name in names),
        policies=_policies(run, names, points, seed),
        seed=seed,
        is_random=run.is_random,
        mixing=mixing,
        origins={name: run.aliases[name] for name in names if name in run.aliases},
    )


def _tell_chance(run: DryRun, mixing: Sequence[str]) -> None:
    """Say that rows are no function of their example alone."""
    if run.is_random:
        LOG.warning(
            "The network draws random numbers in eval mode, as dropout does that is always "
            "on: its noise is part of every representation, and of their dimension."
        )
    elif mixing:
        LOG.warning(
            "What the network gives at %s depends on the other examples of a batch, as "
            "batch normalisation without running statistics does: another `batch_size` "
            "gives other points.",
            ", ".join(mixing[:3]) + (" and more" if len(mixing) > 3 else ""),
        )


def _policies(
    run: DryRun, names: Sequence[str], points: PointsChoice, seed: int
) -> dict[str, Points]:
    """One policy for all sites, or by pattern, the last that matches; "auto" otherwise."""
    choices = points if isinstance(points, Mapping) else {"*": points}
    found = {name: automatic(run.site(name)) for name in names}
    for pattern, choice in choices.items():
        policy = points_from(choice, seed) if isinstance(choice, str) else choice
        require(
            policy is None or isinstance(policy, Points),
            f"`points` must be a word, a policy, or a mapping of patterns to these; not "
            f"{choice!r}.",
        )
        meant = set(names) if pattern == "*" else set(matches(pattern, run)) & set(names)
        for name in meant:
            site = run.site(name)
            found[name] = policy or automatic(site)
            require(
                found[name].fits(site.axes),
                _misfit(site, policy),
            )
    return found


def _misfit(site: Site, policy: Points | None) -> str:
    """Why a site has no points of a policy, and what would work."""
    if isinstance(policy, Named):
        return (
            f"Site {site.name!r} has axes {site.axes}, the examples (N) among them: "
            f"points={str(policy)!r} names {len(policy.axes)}."
        )
    tokens = policy is not None and policy.fits("NTC") and not policy.fits("NCHW")
    patches = policy is not None and policy.fits("NCHW") and not policy.fits("NTC")
    needed = "tokens (T)" if tokens else "places" if patches else "tokens (T) or places"
    if "?" in site.axes:
        return (
            f"Site {site.name!r} has shape {site.shape}, and which axis holds the features "
            f"is not known: name them all, as in points={{{site.name!r}: 'CHW:{policy}'}} "
            "for channels first, 'HWC' for channels last, 'TC' for tokens."
        )
    return (
        f"Site {site.name!r} has axes {site.axes}: points={str(policy)!r} needs {needed}. "
        f"Give it to other sites only, as in points={{'blocks.*': {str(policy)!r}}}, or "
        "name fewer sites."
    )
