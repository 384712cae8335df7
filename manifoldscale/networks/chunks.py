"""Extraction in chunks of the order of examples: on disk, by many workers, in any order."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.arrays import Array, Ints
from ..core.errors import is_whole, require
from ..core.random import hashed
from ..core.workers import check_executor, results
from . import fingerprint
from .batches import Batch
from .by_length import in_order
from .forward_pass import Block, ForwardPass, blocks_of, joined
from .points import Several, plain
from .policies import columns_of
from .sources import Source, source_of
from .store import (
    Column,
    Store,
    check_room,
    check_same,
    create,
    is_begun,
    read_store,
    refused,
    stored_labels,
)

FIRST = 4  # rows that show whether a network still gives the same values
AGREES = 1e-3  # of the size of a row: rounding in other batches and machines is far below
CHUNK_BYTES = 1 << 25  # of all sites together, which is what a killed process loses

Shard = tuple[int, int]
Progress = Callable[[int], None]


@dc.dataclass(frozen=True, eq=False)
class Work:
    """What to read, in chunks; it can be sent to another process.

    Attributes
    ----------
    forwards : a choice of points each, all of one network and read in one pass.
    rows : numbers of the examples, in the order of the result.
    batch_size : examples per pass. Chunks hold whole batches, so the rounding of a chunk
        does not depend on who reads it.
    examples : examples per chunk.
    bounded_by : for each choice, what a new store says about its sites; see
        `Representations`.
    by_length : batches of examples of similar length, see `networks.by_length`.
    """

    forwards: Sequence[ForwardPass]
    data: Any
    rows: Ints
    batch_size: int
    device: str | None
    examples: int
    bounded_by: Sequence[Mapping[str, Sequence[str]]] = ({},)
    by_length: bool = False

    @cached_property
    def source(self) -> Source:
        found = source_of(self.data)
        assert found is not None
        return found

    def chunk(self, number: int) -> Ints:
        return self.rows[number * self.examples : (number + 1) * self.examples]

    def batches(self, number: int) -> Iterator[Batch]:
        rows, network = self.chunk(number), self.forwards[0].network
        return self.source.batches(
            rows, self.batch_size, network, self.device, self.by_length
        )

    def read(self, number: int, progress: "Progress | None" = None) -> tuple[Block, ...]:
        """The rows of a chunk, for each choice of points."""
        batches = counted(self.batches(number), progress)
        parts = list(blocks_of(self.forwards, batches, total=len(self.chunk(number))))
        found = tuple(joined(list(blocks)) for blocks in zip(*parts, strict=True))
        return tuple(map(in_order, found)) if self.by_length else found

    def write(self, number: int, stores: Sequence[Store]) -> list[dict[str, Any]]:
        """Write the rows of a chunk to disk; the caller commits the journals' entries."""
        entries = []
        for block, store in zip(self.read(number), stores, strict=True):
            with refused(store.path):
                entries.append(store.write(number, _columns(block)))
        return entries


def counted(batches: Iterator[Batch], progress: "Progress | None") -> Iterator[Batch]:
    """The batches; each is reported when the next one is asked for."""
    for batch in batches:
        yield batch
        if progress is not None:
            progress(len(batch))


def chunk_examples(example_bytes: int, batch_size: int) -> int:
    """Examples per chunk: as many whole batches as fit in `CHUNK_BYTES`, at least one."""
    return max(CHUNK_BYTES // max(example_bytes * batch_size, 1), 1) * batch_size


def read_all(
    work: Work, executor: Executor | None, progress: Progress | None = None
) -> tuple[Block, ...]:
    """Everything in memory, chunks read by the workers of an executor."""
    numbers = range(-(-len(work.rows) // work.examples))
    parts: dict[int, tuple[Block, ...]] = {}
    for number, blocks in results(executor, work.read, numbers):
        parts[number] = blocks
        if progress is not None:
            progress(len(work.chunk(number)))
    ordered = [parts.pop(number) for number in numbers]
    return tuple(joined(list(blocks)) for blocks in zip(*ordered, strict=True))


def write_all(
    work: Work,
    paths: Sequence[Path],
    first: Sequence[Block],
    shard: Shard | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> None:
    """Write what is missing in a store for each choice of points, all of it or the chunks
    of one shard.

    Parameters
    ----------
    first : rows of a few examples, which give the columns.
    shard : (i, n) for chunks i, i + n, ...; None for all.
    """
    check_executor(executor)  # before anything is written
    index, count = _shard(shard)
    work, stores = _stores_for(work, paths, first)
    with ExitStack() as open_journals:
        journals = [
            open_journals.enter_context(store.journal(f"{index}-of-{count}"))
            for store in stores
        ]
        lacking = [set(store.missing()) for store in stores]
        mine = [chunk for chunk in stores[0].chunks if chunk % count == index]
        for store, chunks in zip(stores, lacking, strict=True):
            check_room(store, chunks & set(mine))
        missing = set().union(*lacking)
        if progress is not None:
            progress(sum(len(work.chunk(c)) for c in mine if c not in missing))
        todo = [chunk for chunk in mine if chunk in missing]
        for number, entries in results(executor, work.write, todo, stores):
            for commit, entry in zip(journals, entries, strict=True):
                commit(entry)
            if progress is not None:
                progress(len(work.chunk(number)))


def _shard(shard: Shard | None) -> Shard:
    pair = (0, 1) if shard is None else shard
    good = isinstance(pair, tuple | list) and len(pair) == 2 and all(map(is_whole, pair))
    require(
        good and 0 <= pair[0] < pair[1],
        f"`shard` must be (i, n) with 0 <= i < n; not {shard!r}.",
    )
    return int(pair[0]), int(pair[1])


def _stores_for(
    work: Work, paths: Sequence[Path], first: Sequence[Block]
) -> tuple[Work, list[Store]]:
    """The stores to continue, or new ones; and the work in their chunks and batches."""
    forward = work.forwards[0]
    common = {
        "examples": len(work.rows),
        "order": fingerprint.of(work.rows),
        "seed": forward.seed,
        "weights": fingerprint.of_weights(forward.network),
        "code": fingerprint.of_code(forward.network),
        "data": fingerprint.of_data(work.source, work.rows),
    }
    beside = fingerprint.beside_data(work.source, work.rows)
    settings = [common | _of_points(one, beside) for one in work.forwards]
    begun = next((read_store(path) for path in paths if is_begun(path)), None)
    if begun is not None:  # a resumed run keeps its chunks and its batches: other products
        # round differently
        size, examples = (int(begun.about[k]) for k in ("batch_size", "chunk_examples"))
        work = dc.replace(work, batch_size=size, examples=examples)
    else:
        work = dc.replace(work, examples=_examples_each(work, first))
    stores = []
    for place, path in enumerate(paths):
        if not is_begun(path):
            create(_new_store(work, place, path, first[place], settings[place]))
        stores.append(read_store(path))
        check_same(stores[-1], settings[place])
        _check_outputs(stores[-1], first[place])
    return work, stores


def _of_points(forward: ForwardPass, beside: Mapping[str, str]) -> dict[str, Any]:
    """What the points of a store depend on, beside inputs and network."""
    policies = forward.policies
    read = {column for policy in policies.values() for column in columns_of(policy)}
    marks = {column: beside[column] for column in sorted(read & beside.keys())}
    found = {"sites": {site.name: str(policies[site.name]) for site in forward.sites}}
    return {**found, "tokens": marks} if marks else found


def _example_bytes(forward: ForwardPass, first: Block) -> int:
    columns = _columns(first).values()
    rows = sum(Column(str(one.dtype), one.shape[1:]).row_bytes for one in columns)
    return _points_each(forward) * rows


def _examples_each(work: Work, first: Sequence[Block]) -> int:
    """The examples of a chunk, which are the same for all choices of points."""
    pairs = zip(work.forwards, first, strict=True)
    most = max(_example_bytes(forward, block) for forward, block in pairs)
    return min(chunk_examples(most, work.batch_size), len(work.rows))


def _new_store(
    work: Work, place: int, path: Path, first: Block, settings: dict[str, Any]
) -> Store:
    forward = work.forwards[place]
    each = _points_each(forward)
    columns = {
        name: Column(str(array.dtype), array.shape[1:])
        for name, array in _columns(first).items()
    }
    about = {
        "batch_size": work.batch_size,
        "chunk_examples": work.examples,
        "grouped": first.grouped,
        "sites": [dc.asdict(site) for site in forward.sites],
        "bounded_by": work.bounded_by[place],
        "torch": torch.__version__,
        "first_rows": _sketch(first),
    }
    rows = each * len(work.rows), each * work.examples
    return Store(path, settings, columns, *rows, about)


def _sketch(first: Block) -> dict[str, list[list[float]]]:
    """A few numbers of the first rows at each site: a sum with random signs, the size."""
    found = {}
    for name, array in first.arrays.items():
        rows = np.asarray(array[:FIRST], dtype=np.float64)
        rows = np.where(np.isfinite(rows), rows, 0.0)
        signs = 1.0 - 2.0 * (hashed(0, np.arange(rows.shape[1])) >> np.uint64(63))
        sizes = np.linalg.norm(rows, axis=1)
        found[name] = np.column_stack([rows @ signs, sizes]).tolist()
    return found


def _check_outputs(store: Store, first: Block) -> None:
    """Refuse to continue if the network gives other values than before: they depend on more
    than weights and code, for example on attributes, hooks, and files that it reads.
    """
    kept = store.about.get("first_rows", {})
    for name, now in _sketch(first).items():
        # Of the first batch, which another call may have made of another size.
        then, here = np.array(kept.get(name, now)), np.array(now)
        n = min(len(then), len(here))
        apart = np.abs(here[:n] - then[:n]) > AGREES * (then[:n, 1:] + 1e-30)
        require(
            not apart.any(),
            f"`store`: {str(store.path)!r} was begun with a network that gives other "
            f"values at {name!r}. Weights and code are the same, so an attribute, a hook "
            "or a file that it reads has changed, or its outputs depend on chance or on "
            "the batch. Name another folder.",
        )


def _points_each(forward: ForwardPass) -> int:
    """Points per example, which a store must know before it begins."""
    policy = plain(next(iter(forward.policies.values())))
    if not isinstance(policy, Several):
        return 1
    require(
        policy.k is not None,
        f"`store` needs the number of points per example: points='{policy.what}:8'.",
    )
    return int(policy.k or 0)


def _columns(block: Block) -> dict[str, Array]:
    """Every array of a block under its name in a store."""
    require(
        not {"ids", "labels"} & set(block.arrays),
        "`store` keeps ids and labels under these names, which sites have too; leave these "
        "sites out ('!ids').",
    )
    columns: dict[str, Array] = {**block.arrays, "ids": block.ids}
    if block.labels is not None:
        columns["labels"] = stored_labels(block.labels)
    return columns
