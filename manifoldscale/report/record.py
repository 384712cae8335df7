"""results.json of any command, read and checked: what figures and pages are made of."""

import dataclasses as dc
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ManifoldScaleError, require
from ..core.serialize import plain

# The newest schema of each kind that this version reads.
KINDS = {"study": 1, "probe": 1, "sweep": 1, "fit": 1}
FILE = "results.json"


class RecordError(ManifoldScaleError):
    """A file that holds no results which this version can show."""


@dc.dataclass(frozen=True, eq=False)
class Record:
    """The content of one results.json.

    Attributes
    ----------
    kind : the command that wrote it, a key of `KINDS`.
    name : how it is called on a page of several: the folder of the run.
    """

    kind: str
    content: Mapping[str, Any]
    name: str = ""

    @classmethod
    def of(cls, result: Any) -> "Record":
        """Of a result in memory, through the same plain values as in its file."""
        return result if isinstance(result, cls) else checked(plain(result), "the result")


def checked(content: Any, where: str, name: str = "") -> Record:
    """The record, if it is of a kind and a schema that are known."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise RecordError(
            f"{where} holds no results of {', '.join(KINDS)}: its `kind` is {kind!r}."
        )
    schema = content.get("schema")
    if not isinstance(schema, int) or not 1 <= schema <= KINDS[kind]:
        raise RecordError(
            f"{where} has schema {schema!r} of {kind!r}; this version reads 1 to "
            f"{KINDS[kind]}. Update manifoldscale, or run {kind!r} again."
        )
    return Record(kind, content, name)


def read_record(path: str | Path) -> Record:
    """The record of a run folder or of a results file.

    Raises
    ------
    RecordError : there is no such file, or it is damaged, or of another kind.
    """
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        looked = f"{path} holds no {FILE}" if path.is_dir() else f"There is no file {path}"
        raise RecordError(f"{looked}: RESULTS are run folders or their {FILE}.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise RecordError(f"{file} is damaged or no JSON: {error}.") from error
    return checked(content, str(file), path.name if path.is_dir() else _name(file))


def _name(file: Path) -> str:
    return file.absolute().parent.name if file.name == FILE else file.stem


def read_records(
    paths: Iterable[str | Path],
) -> tuple[list[Record], list[ManifoldScaleError]]:
    """Those that can be read, and what is wrong with the others."""
    records: list[Record] = []
    problems: list[ManifoldScaleError] = []
    for path in paths:
        try:
            records.append(read_record(path))
        except RecordError as error:
            problems.append(error)
    return records, problems


def combined_name(records: Iterable[Record]) -> str:
    names = [record.name or record.kind for record in records]
    require(bool(names), "There are no results to show.")
    return ", ".join(names)
