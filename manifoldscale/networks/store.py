"""Representations on disk: a Zarr group whose chunks are blocks of rows.

    zarr.json           the group: settings and fingerprints are its attributes
    SITE/zarr.json      an array (points x features), uncompressed
    SITE/c/17/0         rows of chunk 17, a file written whole
    ids, labels         separate arrays, in the same chunks
    @journal/NAME.jsonl one line per finished chunk, without which it does not count

A chunk is written under another name, synchronised and renamed; its line comes last. A
process that is killed at any moment loses only its current chunk. Which process writes a
chunk does not matter, because all write the same bytes.
"""

import dataclasses as dc
import json
import math
import os
import shutil
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from filelock import FileLock, SoftFileLock, Timeout

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require
from ..core.locks import knows_locks
from ..core.serialize import plain

FORMAT = 1
JOURNAL = "@journal"  # no module can have this name
DTYPES = ("float32", "float64", "int64", "uint8")
TEXT_BYTES = 64  # of a label


@dc.dataclass(frozen=True)
class Column:
    """One array of a store: its shape is (rows of the store, *shape)."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dc.dataclass(frozen=True, eq=False)
class Store:
    """An extraction on disk, finished or not.

    Attributes
    ----------
    path : its folder.
    settings : what must be equal for a run to resume.
    columns : array to its type and the shape of a row.
    rows, chunk_rows : of the whole, and of a chunk; the last chunk may be shorter.
    about : other facts: sites, policies, batch size, versions.
    """

    path: Path
    settings: Mapping[str, Any]
    columns: Mapping[str, Column]
    rows: int
    chunk_rows: int
    about: Mapping[str, Any]

    @property
    def chunks(self) -> range:
        return range(-(-self.rows // self.chunk_rows))

    @property
    def row_bytes(self) -> int:
        return sum(column.row_bytes for column in self.columns.values())

    def rows_of(self, chunk: int) -> int:
        return min(self.chunk_rows, self.rows - chunk * self.chunk_rows)

    def file(self, name: str, chunk: int) -> Path:
        ends = "/0" * len(self.columns[name].shape)
        return self.path / folder_name(name) / "c" / f"{chunk}{ends}"

    def done(self) -> dict[int, dict[str, int]]:
        """Finished chunks, with the CRC-32 of each file. Incomplete lines are ignored."""
        found = {}
        for journal in sorted((self.path / JOURNAL).glob("*.jsonl")):
            for line in journal.read_bytes().split(b"\n"):
                try:
                    entry = json.loads(line)
                    found[int(entry["chunk"])] = dict(entry["crc"])
                except (ValueError, KeyError, TypeError):
                    continue
        return {chunk: crcs for chunk, crcs in found.items() if chunk in self.chunks}

    def missing(self) -> list[int]:
        """Chunks to write: without a line, or with incomplete files."""
        done = self.done()
        return [c for c in self.chunks if c not in done or not self._is_whole(c)]

    def _is_whole(self, chunk: int) -> bool:
        return all(
            _size(self.file(name, chunk)) == self.chunk_rows * column.row_bytes
            for name, column in self.columns.items()
        )

    def write(self, chunk: int, arrays: Mapping[str, Array]) -> dict[str, Any]:
        """Write the files of a chunk; returns the journal's entry."""
        crcs = {}
        for name, column in self.columns.items():
            dtype = np.dtype(column.dtype).newbyteorder("<")
            rows = np.ascontiguousarray(arrays[name], dtype)
            expected = (self.rows_of(chunk), *column.shape)
            require(
                rows.shape == expected,
                f"Site {name!r} gave an array of shape {rows.shape} for chunk {chunk} of "
                f"the store, which holds {expected}: inputs differ in size, or an example "
                "has too few tokens. Use points='mean', or fewer tokens per example.",
            )
            if len(rows) < self.chunk_rows:  # Zarr's last chunk is as large as the others
                blank = np.zeros((self.chunk_rows - len(rows), *column.shape), rows.dtype)
                rows = np.concatenate([rows, blank])
            _write_whole(self.file(name, chunk), rows)
            crcs[name] = zlib.crc32(rows.data)
        return {"chunk": chunk, "crc": crcs}

    @contextmanager
    def journal(self, writer: str) -> Iterator[Any]:
        """A function that commits entries; one process at a time under a writer's name."""
        place = self.path / JOURNAL / f"{writer}.jsonl"
        with refused(self.path):
            place.parent.mkdir(exist_ok=True)
            soft = not knows_locks(place.parent)
            lock = SoftFileLock(f"{place}.in-use") if soft else FileLock(f"{place}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                left = f" If none is, one was killed: remove {lock.lock_file!r}." * soft
                raise ManifoldScaleError(
                    f"`store`: another process is writing to {str(self.path)!r} as "
                    f"{writer!r}; wait for it, or divide the work by `shard`.{left}"
                ) from None
        try:
            with refused(self.path), place.open("ab") as file:

                def commit(entry: Mapping[str, Any]) -> None:
                    # The first line feed ends a line that a killed process left incomplete.
                    file.write(b"\n" + json.dumps(entry).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())

                yield commit
        finally:
            lock.release()

    def verify(self) -> None:
        """Read every chunk and compare its checksum with the journal's.

        Raises
        ------
        ManifoldScaleError : chunks are missing, shortened or changed; it names them.
        """
        done = self.done()
        for chunk in self.chunks:
            for name in self.columns:
                self.read_chunk(name, chunk, done)
                contents = self.file(name, chunk).read_bytes()
                if zlib.crc32(contents) != done[chunk].get(name):
                    raise self._broken(name, chunk, "is not what was written there")

    def read_chunk(self, name: str, chunk: int, done: Mapping[int, Any]) -> Array:
        """The rows of a chunk, mapped into memory."""
        if chunk not in done:
            raise ManifoldScaleError(
                f"{str(self.path)!r} is not finished: chunk {chunk} of {len(self.chunks)} "
                "is not there yet. Call `extract` with the same arguments to continue."
            )
        path, column = self.file(name, chunk), self.columns[name]
        shape = (self.chunk_rows, *column.shape)
        expected = math.prod(shape) * np.dtype(column.dtype).itemsize
        size = _size(path)
        if size is None:
            raise self._broken(name, chunk, "is missing")
        if size != expected:
            raise self._broken(name, chunk, f"has {size:,} bytes instead of {expected:,}")
        dtype = np.dtype(column.dtype).newbyteorder("<")
        return np.memmap(path, dtype, "r", shape=shape)[: self.rows_of(chunk)]

    def _broken(self, name: str, chunk: int, what: str) -> ManifoldScaleError:
        return ManifoldScaleError(
            f"Chunk {chunk} of {name!r} {what}: {self.file(name, chunk)}. Call `extract` "
            "with the same arguments: it writes missing or shortened files again. If a "
            "file was changed, delete it first."
        )


@dc.dataclass(frozen=True, eq=False)
class StoredArray:
    """An array of a store, read from the disk when it is indexed."""

    store: Store
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.store.rows, *self.store.columns[self.name].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.store.columns[self.name].dtype)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.store.rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        out = np.empty(self.shape, self.dtype)
        start = 0
        for block in self.blocks():
            out[start : start + len(block)] = block
            start += len(block)
        return out if dtype is None else out.astype(dtype, copy=False)

    def blocks(self) -> Iterator[Array]:
        """Chunk after chunk, mapped into memory."""
        done = self.store.done()
        yield from (self.store.read_chunk(self.name, c, done) for c in self.store.chunks)

    def __getitem__(self, index: Any) -> Array:
        """Rows by number, slice, mask or list; only their chunks are read."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        wanted = np.arange(len(self))[first]
        rows = np.atleast_1d(wanted)
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        done = self.store.done()
        chunk_of = rows // self.store.chunk_rows
        for chunk in np.unique(chunk_of):
            mine = chunk_of == chunk
            block = self.store.read_chunk(self.name, int(chunk), done)
            out[mine] = block[rows[mine] - chunk * self.store.chunk_rows]
        found: Array = out if np.ndim(wanted) else out[0]
        return found[(slice(None), *rest)] if rest else found


def is_begun(path: str | Path) -> bool:
    """Whether a folder holds an extraction, finished or not."""
    return (Path(path) / "zarr.json").is_file()


def create(store: Store) -> None:
    """Write the metadata of a store; the group's own file, written last, makes it valid.

    Raises
    ------
    ManifoldScaleError : the folder cannot be written, or its disk has too little room.
    """
    with refused(store.path):
        store.path.mkdir(parents=True, exist_ok=True)
        require(
            not any(p.is_file() for p in store.path.iterdir()),
            f"`store`: {str(store.path)!r} holds files that are not an extraction; name a "
            "folder that does not exist yet.",
        )
        for name, column in store.columns.items():
            about_array = _array(store, column, name)
            _write_json(store.path / folder_name(name) / "zarr.json", about_array)
        about = {
            "format": FORMAT,
            "settings": store.settings,
            "columns": {name: dc.asdict(column) for name, column in store.columns.items()},
            "rows": store.rows,
            "chunk_rows": store.chunk_rows,
            "about": store.about,
        }
        group: dict[str, Any] = {"zarr_format": 3, "node_type": "group", "attributes": {}}
        _write_json(store.path / JOURNAL / "zarr.json", group)
        _write_json(
            store.path / "zarr.json", {**group, "attributes": {"manifoldscale": about}}
        )


def check_room(store: Store, chunks: Iterable[int]) -> None:
    """Refuse to begin if the disk has too little room."""
    needed = sum(store.rows_of(chunk) for chunk in chunks) * store.row_bytes
    free = shutil.disk_usage(store.path).free
    require(
        needed <= free,
        f"`store`: {needed / 2**30:.2f} GiB are needed and {free / 2**30:.2f} GiB free at "
        f"{str(store.path)!r}. Choose fewer sites, fewer examples (`n`), or a projection "
        "(points='flatten+project:1024').",
    )


def read_store(path: str | Path) -> Store:
    """The store in a folder; its files are data, and nothing in them is run.

    Raises
    ------
    ManifoldScaleError : there is none, or its description is damaged.
    """
    path = Path(path)
    try:
        about = json.loads((path / "zarr.json").read_text())["attributes"]["manifoldscale"]
        columns = {
            str(name): Column(str(c["dtype"]), tuple(int(size) for size in c["shape"]))
            for name, c in about["columns"].items()
        }
        store = Store(
            path=path,
            settings=dict(about["settings"]),
            columns=columns,
            rows=int(about["rows"]),
            chunk_rows=int(about["chunk_rows"]),
            about=dict(about["about"]),
        )
    except OSError as error:
        raise ManifoldScaleError(f"{str(path)!r} holds no extraction ({error}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifoldScaleError(
            f"{str(path / 'zarr.json')!r} does not describe an extraction ({error!r})."
        ) from error
    sound = about["format"] == FORMAT and store.rows > 0 and store.chunk_rows > 0
    sound &= all(
        c.dtype in DTYPES and min(c.shape, default=1) > 0 for c in columns.values()
    )
    require(sound, f"{str(path)!r} was written by another version, or is damaged.")
    return store


def check_same(store: Store, settings: Mapping[str, Any]) -> None:
    """Refuse to continue with another network, other data or other settings."""
    now = plain(settings)
    different = [
        f"{key} was {store.settings.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*store.settings, *now})
        if store.settings.get(key) != now.get(key)
    ]
    require(
        not different,
        f"`store`: {str(store.path)!r} was begun differently: {'; '.join(different)}. Use "
        "the same settings, or name another folder.",
    )


def folder_name(name: str) -> str:
    """The name of a site for a file system and Zarr; readable parts stay."""
    if set(name) == {"."}:  # the folder itself, and the one above
        return "%2E" * len(name)
    return quote(name, safe="@#+")


def stored_labels(labels: Array) -> Array:
    """Labels as a store keeps them: numbers, or one row of UTF-8 bytes per text.

    Raises
    ------
    ManifoldScaleError : a text is too long, or labels are neither numbers nor texts.
    """
    kind = labels.dtype.kind
    if kind in "biuf":
        return labels.astype(np.float64 if kind == "f" else np.int64)
    texts = all(isinstance(label, str) for label in labels.ravel().tolist())
    require(
        texts and labels.ndim == 1,
        f"`store` keeps labels that are numbers, or one text per point; these are of "
        f"{labels.dtype} and shape {labels.shape}.",
    )
    rows = [label.encode() for label in labels.tolist()]
    longest = max(map(len, rows), default=0)
    require(
        longest <= TEXT_BYTES,
        f"`store` keeps labels of at most {TEXT_BYTES} bytes; one has {longest}.",
    )
    padded = b"".join(row.ljust(TEXT_BYTES, b"\0") for row in rows)
    return np.frombuffer(padded, np.uint8).reshape(len(rows), TEXT_BYTES)


def read_labels(stored: Array) -> Array:
    """The labels from what `stored_labels` made."""
    if stored.dtype != np.uint8:
        return stored
    return np.array([row.tobytes().rstrip(b"\0").decode() for row in stored], dtype=np.str_)


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Errors of the file system as ours, which say where and what would work."""
    try:
        yield
    except OSError as error:
        raise ManifoldScaleError(
            f"`store`: {str(path)!r} cannot be written ({error}). Chunks that are finished "
            "are kept: make room or make it writable, and call again."
        ) from error


def _array(store: Store, column: Column, name: str) -> dict[str, Any]:
    """Zarr's description of an array: raw little-endian bytes, one file per chunk."""
    features = [f"{name}_{axis}" for axis in range(1, len(column.shape) + 1)]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [store.rows, *column.shape],
        "data_type": column.dtype,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [store.chunk_rows, *column.shape]},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "NaN" if column.dtype.startswith("float") else 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": ["point", *features],
        "attributes": {},
    }


def _write_json(path: Path, value: Any) -> None:
    _write_whole(path, json.dumps(plain(value), indent=1).encode())


def _write_whole(path: Path, contents: Any) -> None:
    """Write a file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Threads of one process write too, and each needs its own file.
    writer = f"{os.getpid()}-{threading.get_ident()}"
    partial = path.with_name(f".{path.name}.{writer}.partial")
    try:
        with partial.open("wb") as file:
            file.write(memoryview(contents).cast("B") if len(contents) else b"")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
