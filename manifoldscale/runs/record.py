"""results.json of any kind of run, read and checked."""

import dataclasses as dc
import functools as ft
import importlib
import json
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.errors import ManifoldScaleError, require
from ..core.serialize import plain
from ..report.parts import Section

if TYPE_CHECKING:
    from ..report.page import Shown

FILE = "results.json"
DAMAGES = (
    *(ManifoldScaleError, LookupError, TypeError, ValueError),
    *(AttributeError, ArithmeticError),
)


class RecordError(ManifoldScaleError):
    """A file that holds no results which this version can show."""


@ft.cache
def kinds() -> dict[str, ModuleType]:
    """Every kind of run and its module: those beside this one that tell one."""
    folder = [str(Path(__file__).parent)]
    names = [m.name for m in pkgutil.iter_modules(folder) if not m.ispkg]
    modules = {name: importlib.import_module(f".{name}", __package__) for name in names}
    return {name: one for name, one in modules.items() if hasattr(one, "tell")}


@dc.dataclass(frozen=True, eq=False)
class Record:
    """The content of one results.json.

    Attributes
    ----------
    kind : of the run that wrote it, a key of `kinds()`.
    name : how it is called on a page of several: the folder of the run.
    """

    kind: str
    content: Mapping[str, Any]
    name: str = ""

    @classmethod
    def of(cls, result: Any) -> "Record":
        """Of a result in memory, through the same plain values as in its file."""
        return result if isinstance(result, cls) else checked(plain(result), "the result")

    @ft.cached_property
    def section(self) -> Section:
        """The parts that show it.

        Raises
        ------
        RecordError : something that a record of its kind has is missing.
        """
        with self.whole():
            section: Section = kinds()[self.kind].tell(self.content)
            return section

    def shown(self) -> "Shown":
        """Its parts, with the figures of a page.

        Raises
        ------
        RecordError : something that a record of its kind has is missing or cannot be drawn.
        """
        from ..report.page import Shown

        with self.whole():
            return Shown.of(self.section)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """One error for whatever is wrong with its content."""
        try:
            yield
        except RecordError:
            raise
        except DAMAGES as error:
            name = self.name or f"The {self.kind}"
            raise RecordError(f"{name}: its results are damaged ({error!r}).") from error


def checked(content: Any, where: str, name: str = "") -> Record:
    """The record, if it is of a kind and a schema that are known."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in kinds():
        raise RecordError(
            f"{where} holds no results of {', '.join(kinds())}: its `kind` is {kind!r}."
        )
    schema, newest = content.get("schema"), kinds()[kind].SCHEMA
    if not isinstance(schema, int) or not 1 <= schema <= newest:
        raise RecordError(
            f"{where} has schema {schema!r} of {kind!r}; this version reads 1 to "
            f"{newest}. Update manifoldscale, or run {kind!r} again."
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


def save_pages(records: Sequence[Record], path: str | Path) -> list[ManifoldScaleError]:
    """Write one page of several records; returns what is wrong with those that are left
    out.

    Raises
    ------
    ManifoldScaleError : none can be shown.
    """
    from ..report.page import save_page

    require(bool(records), "There are no results to show.")
    shown, problems = [], []
    for record in records:
        try:
            shown.append(record.shown())
        except RecordError as error:
            problems.append(error)
    if not shown:
        raise problems[0]
    names = ", ".join(record.name or record.kind for record in records)
    title = shown[0].section.title if len(shown) == 1 else f"Results: {names}"
    save_page(shown, path, title)
    return list(problems)
