"""The registry: finished runs in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..core.errors import ManifoldScaleError

TABLES = (
    "CREATE TABLE IF NOT EXISTS runs (key TEXT PRIMARY KEY, record TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
ASKED = 500  # keys in one query


class Registry:
    """Records of finished runs by key.

    A pack is written in one transaction when it is done, so a sweep that is killed loses
    the packs in flight and nothing else. Only the process that drives the sweep writes:
    it holds a lock that the system lets go of when it dies.

    Raises
    ------
    ManifoldScaleError : the file is no registry, is damaged, cannot be written, its disk is
        full, or another process is writing to it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ManifoldScaleError(
                f"`registry`: there is no folder {str(self.path.parent)!r}."
            )
        self._lock = FileLock(f"{self.path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ManifoldScaleError(
                f"`registry`: another process is running a sweep on {str(self.path)!r}; "
                "wait for it, or give this sweep a file of its own."
            ) from None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            with self._refused():
                self._file = sqlite3.connect(self.path, timeout=30)
                self._file.execute("PRAGMA journal_mode=WAL")
                for table in TABLES:
                    self._file.execute(table)
        except ManifoldScaleError:
            self._lock.release()
            raise

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._lock.release()

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The records of those runs that are finished."""
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
        """Write the records of a pack, all or none; a run again replaces its failure."""
        rows = [(key, json.dumps(record)) for key, record in records.items()]
        with self._refused(), self._file:
            self._file.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?)", rows)

    def setting(self, name: str) -> Any:
        """What is remembered under this name; None where nothing is."""
        query = "SELECT value FROM settings WHERE name = ?"
        with self._refused():
            row = self._file.execute(query, (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def remember(self, name: str, value: Any) -> None:
        """Keep a setting, so that a sweep that is resumed goes on with it."""
        row = (name, json.dumps(value))
        with self._refused(), self._file:
            self._file.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", row)

    @contextmanager
    def _refused(self) -> Iterator[None]:
        """What SQLite refuses, as an error that says which file and what would work."""
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
