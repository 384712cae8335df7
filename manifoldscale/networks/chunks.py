"""Extraction in chunks of the order of examples: on disk, by many workers, in any order."""

import dataclasses as dc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
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
from .points import Several, plain
from .reading import Block, Reading, joined
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

FIRST = 4  # rows that tell whether a network gives what it gave
AGREES = 1e-3  # of the size of a row: what other batches and machines round is far below
CHUNK_BYTES = 1 << 25  # of all sites together: what a process that is killed loses

Shard = tuple[int, int]
Progress = Callable[[int], None]


@dc.dataclass(frozen=True, eq=False)
class Work:
    """What is to be read, divided: it can be sent to another process.

    Attributes
    ----------
    rows : numbers of the examples, in the order of the result.
    batch_size : examples a pass. Chunks hold whole batches, so that the batches of a
        chunk, and with them its rounding, do not depend on who reads it.
    examples : of a chunk.
    bounded_by : what a new store says about its sites; see `Representations`.
    """

    reading: Reading
    data: Any
    rows: Ints
    batch_size: int
    device: str | None
    examples: int
    bounded_by: Mapping[str, Sequence[str]] = dc.field(default_factory=dict)

    @cached_property
    def source(self) -> Source:
        found = source_of(self.data)
        assert found is not None
        return found

    def chunk(self, number: int) -> Ints:
        return self.rows[number * self.examples : (number + 1) * self.examples]

    def blocks(self, number: int) -> Iterator[Block]:
        rows, network = self.chunk(number), self.reading.network
        batches = self.source.batches(rows, self.batch_size, network, self.device)
        return self.reading.blocks(batches)

    def read(self, number: int) -> Block:
        """The rows of a chunk."""
        return joined(list(self.blocks(number)))

    def write(self, number: int, store: Store) -> dict[str, Any]:
        """Put the rows of a chunk on disk; the journal's entry is still to be committed."""
        block = self.read(number)
        with refused(store.path):
            return store.write(number, _columns(block))


def chunk_examples(example_bytes: int, batch_size: int) -> int:
    """Examples of a chunk: as many whole batches as `CHUNK_BYTES` hold, at least one."""
    return max(CHUNK_BYTES // max(example_bytes * batch_size, 1), 1) * batch_size


def read_all(
    work: Work, executor: Executor | None, progress: Progress | None = None
) -> Block:
    """Everything in memory, chunks read by the workers of an executor."""
    numbers = range(-(-len(work.rows) // work.examples))
    blocks: list[Block | None] = [None] * len(numbers)
    for number, block in results(executor, work.read, numbers):
        blocks[number] = block
        if progress is not None:
            progress(len(work.chunk(number)))
    return joined([block for block in blocks if block is not None])


def write_all(
    work: Work,
    path: str | Path,
    first: Block,
    shard: Shard | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Store:
    """Write what is missing of a store, all of it or the chunks of one shard.

    Parameters
    ----------
    first : rows of a few examples, which tell the columns.
    shard : (i, n) for chunks i, i + n, ...; None for all.
    """
    check_executor(executor)  # before anything is written
    index, count = _shard(shard)
    work, store = _store_for(work, Path(path), first)
    with store.journal(f"{index}-of-{count}") as commit:
        missing = set(store.missing())
        mine = [chunk for chunk in store.chunks if chunk % count == index]
        check_room(store, missing & set(mine))
        if progress is not None:
            progress(sum(len(work.chunk(c)) for c in mine if c not in missing))
        todo = [chunk for chunk in mine if chunk in missing]
        for number, entry in results(executor, work.write, todo, store):
            commit(entry)
            if progress is not None:
                progress(len(work.chunk(number)))
    return store


def _shard(shard: Shard | None) -> Shard:
    pair = (0, 1) if shard is None else shard
    good = isinstance(pair, tuple | list) and len(pair) == 2 and all(map(is_whole, pair))
    require(
        good and 0 <= pair[0] < pair[1],
        f"`shard` must be (i, n) with 0 <= i < n; not {shard!r}.",
    )
    return int(pair[0]), int(pair[1])


def _store_for(work: Work, path: Path, first: Block) -> tuple[Work, Store]:
    """The store to go on with, or a new one; and the work in its chunks and batches."""
    settings = {
        "sites": {s.name: str(work.reading.policies[s.name]) for s in work.reading.sites},
        "examples": len(work.rows),
        "order": fingerprint.of(work.rows),
        "seed": work.reading.seed,
        "weights": fingerprint.of_weights(work.reading.network),
        "code": fingerprint.of_code(work.reading.network),
        "data": fingerprint.of_data(work.source, work.rows),
    }
    if not is_begun(path):
        create(_new_store(work, path, first, settings))
    store = read_store(path)
    check_same(store, settings)
    _check_outputs(store, first)
    size, examples = int(store.about["batch_size"]), int(store.about["chunk_examples"])
    # Products of other sizes round differently: a run that resumes keeps its batches.
    return dc.replace(work, batch_size=size, examples=examples), store


def _new_store(work: Work, path: Path, first: Block, settings: dict[str, Any]) -> Store:
    each = _points_each(work.reading)
    columns = {
        name: Column(str(array.dtype), array.shape[1:])
        for name, array in _columns(first).items()
    }
    example_bytes = each * sum(column.row_bytes for column in columns.values())
    examples = min(chunk_examples(example_bytes, work.batch_size), len(work.rows))
    about = {
        "batch_size": work.batch_size,
        "chunk_examples": examples,
        "grouped": first.grouped,
        "sites": [dc.asdict(site) for site in work.reading.sites],
        "bounded_by": work.bounded_by,
        "torch": torch.__version__,
        "first_rows": _sketch(first),
    }
    return Store(path, settings, columns, each * len(work.rows), each * examples, about)


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
    """Refuse to go on where the network gives other values than it did: what it computes
    depends on more than weights and code, on attributes, hooks, and files that it reads.
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
            "or a file that it reads has changed, or what it gives depends on chance or on "
            "the batch. Name another folder.",
        )


def _points_each(reading: Reading) -> int:
    """Points that an example gives, which a store must know before it begins."""
    policy = plain(next(iter(reading.policies.values())))
    if not isinstance(policy, Several):
        return 1
    require(
        policy.k is not None,
        f"`store` needs the number of points an example: points='{policy.what}:8'.",
    )
    return int(policy.k or 0)


def _columns(block: Block) -> dict[str, Array]:
    """Every array of a block under its name in a store."""
    require(
        not {"ids", "labels"} & set(block.arrays),
        "`store` keeps ids and labels under these names, which sites have too; leave those "
        "out ('!ids').",
    )
    columns: dict[str, Array] = {**block.arrays, "ids": block.ids}
    if block.labels is not None:
        columns["labels"] = stored_labels(block.labels)
    return columns
