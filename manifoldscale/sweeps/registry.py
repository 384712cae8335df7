"""The registry: finished runs in one SQLite file."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ManifoldScaleError

TABLE = "CREATE TABLE IF NOT EXISTS runs (key TEXT PRIMARY KEY, record TEXT NOT NULL)"


class Registry:
    """Records of finished runs by key.

    A pack is written in one transaction when it is done, so a sweep that is killed loses
    the packs in flight and nothing else. Only the process that drives the sweep writes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise ManifoldScaleError(
                f"`registry`: there is no folder {str(self.path.parent)!r}."
            )
        try:
            self._file = sqlite3.connect(self.path, timeout=30)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(TABLE)
        except sqlite3.Error as error:
            raise ManifoldScaleError(
                f"`registry`: {str(self.path)!r} cannot be used as a registry ({error})."
            ) from error

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The records of those runs that are finished."""
        found = {}
        for key in keys:
            row = self._file.execute(
                "SELECT record FROM runs WHERE key = ?", (key,)
            ).fetchone()
            if row is not None:
                found[key] = json.loads(row[0])
        return found

    def add(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the records of a pack, all or none."""
        rows = [(key, json.dumps(record)) for key, record in records.items()]
        with self._file:
            self._file.executemany("INSERT OR IGNORE INTO runs VALUES (?, ?)", rows)
