"""The registry: finished runs in one SQLite file."""

import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from ..core.errors import ManifoldScaleError, require
from ..core.locks import knows_locks

TABLES = (
    "CREATE TABLE IF NOT EXISTS runs (key TEXT PRIMARY KEY, record TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
ASKED = 500  # keys in one query
# The answers of SQLite where its log cannot be shared.
NO_SHARED_MEMORY = ("locking protocol", "disk I/O error", "unable to open database file")
LOG = logging.getLogger(__name__)


def _checked(path: Any) -> Path:
    """The path of the registry, checked before a lock file is made beside it."""
    require(
        isinstance(path, str | os.PathLike) and bool(str(path)),
        f"`registry` must be the path of a file, or None to keep nothing; not {path!r}.",
    )
    require(
        not str(path).startswith((":", "file:")),
        f"`registry`: {str(path)!r} is not a file. For a sweep that is kept in memory "
        "only, pass `registry=None`.",
    )
    require(
        not Path(path).is_dir(),
        f"`registry`: {str(path)!r} is a folder; name a file in it, as "
        f"{str(Path(str(path)) / 'runs.sqlite')!r}.",
    )
    return Path(path)


class Registry:
    """Records of finished runs by key.

    A pack is written in one transaction when it is done, so a sweep that is killed loses
    only the packs in flight. Only the process that drives the sweep writes. It holds a lock
    that the system releases when it dies. On disks without locks or shared memory, as on
    many networks, a file stands for the lock, and SQLite keeps its older kind of journal;
    this is logged.

    Raises
    ------
    ManifoldScaleError : the file is not a registry, is damaged, cannot be written, its disk
        is full, or another process is writing to it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _checked(path)
        if not self.path.parent.is_dir():
            raise ManifoldScaleError(
                f"`registry`: there is no folder {str(self.path.parent)!r}."
            )
        self._lock = self._locked()
        try:
            with self._refused():
                self._file = self._opened()
                for table in TABLES:
                    self._file.execute(table)
        except ManifoldScaleError:
            self._lock.release()
            raise

    def _locked(self) -> BaseFileLock:
        """The lock, acquired: of the system, or a file where the disk has no locks."""
        try:
            if knows_locks(self.path.parent):
                return self._held(FileLock(f"{self.path}.lock"))
        except OSError as error:
            raise self._unusable(error) from error
        file = f"{self.path}.in-use"
        LOG.warning(
            "The disk of the registry %s knows no locks: while a sweep runs, the file %s "
            "says so. Should it be left behind by a sweep that was killed, remove it.",
            self.path, file,
        )  # fmt: skip
        try:
            return self._held(SoftFileLock(file))
        except OSError as error:
            raise self._unusable(error) from error

    def _held(self, lock: BaseFileLock) -> BaseFileLock:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a disk without locks is logged above
                lock.acquire(timeout=0)
        except Timeout:
            left = ""
            if isinstance(lock, SoftFileLock):
                left = f" If none is, one was killed: remove {str(lock.lock_file)!r}."
            raise ManifoldScaleError(
                f"`registry`: another process is running a sweep on {str(self.path)!r}; "
                f"wait for it, or give this sweep a file of its own.{left}"
            ) from None
        return lock

    def _opened(self) -> sqlite3.Connection:
        """The open file, with a kind of journal that its disk supports."""
        file = sqlite3.connect(self.path, timeout=30)
        try:
            (mode,) = file.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            file.close()
            if not any(words in str(error) for words in NO_SHARED_MEMORY):
                raise
            mode = ""
        if mode == "wal":
            return file
        if not mode:
            # Without SQLite's own locks. In exclusive mode it reads what is left of a WAL
            # journal without shared memory.
            how = "vfs=unix-none" if os.name == "posix" else "nolock=1"
            name = f"{self.path.absolute().as_uri()}?{how}"
            file = sqlite3.connect(name, timeout=30, uri=True)
            file.execute("PRAGMA locking_mode=EXCLUSIVE")
        file.execute("PRAGMA journal_mode=DELETE")
        LOG.warning(
            "The disk of the registry %s has no shared memory for a write-ahead log, and "
            "SQLite keeps a rollback journal. Do not read the file while a sweep runs.",
            self.path,
        )
        return file

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._lock.release()

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The records of the runs that are finished."""
        wanted, found = list(keys), {}
        with self._refused():
            for at in range(0, len(wanted), ASKED):
                part = wanted[at : at + ASKED]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, record FROM runs WHERE key IN ({marks})"
                for key, record in self._file.execute(query, part):
                    found[key] = json.loads(record)
        return found

    def add(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the records of a pack, all or none; they replace earlier failures."""
        rows = [(key, json.dumps(record)) for key, record in records.items()]
        with self._refused(), self._file:
            self._file.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?)", rows)

    def setting(self, name: str) -> Any:
        """What is remembered under this name, or None."""
        query = "SELECT value FROM settings WHERE name = ?"
        with self._refused():
            row = self._file.execute(query, (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def remember(self, name: str, value: Any) -> None:
        """Keep a setting for when the sweep is resumed."""
        row = (name, json.dumps(value))
        with self._refused(), self._file:
            self._file.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", row)

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """Turn errors of SQLite into one that names the file and says what would work."""
        try:
            yield
        except (sqlite3.Error, json.JSONDecodeError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ManifoldScaleError:
        return ManifoldScaleError(
            f"`registry`: {str(self.path)!r} cannot be used as a registry ({error}). Runs "
            "that it holds are left as they are; free the disk, make the file writable, or "
            "name another file, and call again."
        )
