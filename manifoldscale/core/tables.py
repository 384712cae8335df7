"""Tables from anywhere as rows: files, data frames of any library, columns, mappings."""

import ast
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import check_same_rows, is_absent
from .errors import ManifoldScaleError, require
from .names import is_bare_size, meaning

Row = dict[str, Any]
SEPARATORS = {".csv": ",;\t", ".tsv": "\t", ".txt": "\t,;"}  # the likely one first
ENDINGS = ".csv, .tsv or .parquet, or from .txt, .json or .jsonl, texts also as .gz"
WRAPPERS = ("data", "rows", "runs", "records", "results", "log_history")  # of records
SUMMARY = "train_runtime"  # in the record of Hugging Face that sums up a run
THINNED = 4  # a filter leaves at least one row number in so many; sizes lie further apart
COUNTED = ("dataset_size", "parameters", "width", "unique_examples", "steps")
BLANK = {"", "nan", "na", "n/a", "#n/a", "<na>", "nat", "null", "none", "-"}


def read_rows(table: Any) -> list[Row]:
    """The rows of a table, all with the same columns; what is missing is None.

    Parameters
    ----------
    table : the path of a file; a data frame of pandas, polars or pyarrow (its index becomes
        a column, "index" or "index_0", ... if it has no name, unless it only numbers the
        rows); a pandas Series; a mapping of columns; a structured array; or a list of
        mappings, whose nested mappings become columns such as `config.width`.

    Raises
    ------
    ManifoldScaleError : no such file or format, no rows, or a repeated column.
    """
    records = [_flat(record) for record in _records(table)]
    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [{name: _cell(record.get(name)) for name in columns} for record in records]
    rows = [row for row in rows if any(value is not None for value in row.values())]
    require(bool(rows), "The table has no rows.")
    return rows


def is_missing(value: Any) -> bool:
    """None, NaN, NaT, pandas' NA, a masked cell, or a text that stands for one of them."""
    if isinstance(value, str):
        return value.strip().lower() in BLANK
    return is_absent(value)


def as_number(value: Any) -> float | int | None:
    """A number, also from text (`csv`, and columns with a bad cell, hold texts); None if it
    is not a number.
    """
    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int | float | np.number):
        return value.item() if isinstance(value, np.number) else value
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None


def is_number_or_none(value: Any) -> bool:
    """Whether a cell is a number or empty."""
    return value is None or as_number(value) is not None


def _cell(value: Any) -> Any:
    if is_missing(value):
        return None
    single = isinstance(value, np.ndarray) and value.ndim == 0
    return _cell(value.item()) if single else value


def _flat(record: Mapping[Any, Any], before: str = "") -> Row:
    """A record whose nested mappings, as loggers write them, became columns."""
    row: Row = {}
    for key, value in record.items():
        name, inner = f"{before}{key}", _mapping(value)
        row |= {name: value} if inner is None else _flat(inner, f"{name}.")
    return row


def _mapping(value: Any) -> Mapping[Any, Any] | None:
    """A cell that is a mapping, or its text, as a CSV of a logger's settings holds it."""
    if isinstance(value, str) and value[:1] == "{" and value[-1:] == "}":
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(value)
                break
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
    return value if isinstance(value, Mapping) else None


def _records(table: Any) -> Iterable[Mapping[Any, Any]]:
    if isinstance(table, str | Path):
        return _of_file(Path(table))
    if hasattr(table, "to_dicts"):  # polars
        return list(table.to_dicts())
    if hasattr(table, "to_pylist"):  # pyarrow
        return list(table.to_pylist())
    if hasattr(table, "to_dict") and hasattr(table, "index"):  # pandas
        return _of_pandas(table)
    if isinstance(table, np.ndarray) and table.dtype.names:
        names = table.dtype.names
        return [dict(zip(names, row, strict=True)) for row in table.ravel().tolist()]
    if isinstance(table, Mapping):
        return _of_columns(table)
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        return table
    raise ManifoldScaleError(
        "A table is the path of a file, a data frame of pandas, polars or pyarrow, a "
        f"mapping of columns, or a list of mappings; not {_kind(table)}."
    )


def _kind(table: Any) -> str:
    if isinstance(table, Sequence) and table:
        return f"a {type(table).__name__} of {type(table[0]).__name__}"
    return type(table).__name__


def _of_pandas(table: Any) -> list[Row]:
    """The rows with the index, into which pandas moves what rows were grouped by, unless it
    only numbers the rows.
    """
    frame = table if hasattr(table, "columns") else table.to_frame(table.name or "loss")
    columns = [_joined(name) for name in frame.columns]
    _refuse_twice(columns)
    rows = [
        dict(zip(columns, row, strict=True))
        for row in frame.itertuples(index=False, name=None)
    ]
    levels = frame.index.nlevels
    for level in range(levels):
        values = frame.index.get_level_values(level)
        unnamed = "index" if levels == 1 else f"index_{level}"
        label = unnamed if values.name is None else _joined(values.name)
        if values.name is None and level == levels - 1 and _number_rows(values, columns):
            continue
        if label in columns:
            if all(row[label] == v for row, v in zip(rows, values, strict=True)):
                continue
            label = f"{label} (index)"
        rows = [{label: v} | row for row, v in zip(rows, values, strict=True)]
        columns.append(label)
    return rows


def _number_rows(values: Any, columns: Sequence[str]) -> bool:
    """Whether an index only numbers the rows of one table, or of several, also after
    sorting or filtering. Beside a single column the index may be the size, so there a
    filtered one does not count as row numbers.
    """
    if values.dtype.kind not in "iu" or len(values) == 0 or values.min() < 0:
        return False
    distinct, most = values.nunique(), int(values.max()) + 1
    filtered = len(columns) > 1 and most <= THINNED * distinct
    return bool(distinct == most or (filtered and distinct == len(values)))


def _joined(name: Any) -> str:
    """The name of a column that has several levels, as after `groupby().agg([...])`."""
    parts = name if isinstance(name, tuple) else (name,)
    return "_".join(str(part) for part in parts if str(part))


def _of_columns(table: Mapping[Any, Any]) -> list[Row]:
    check_same_rows((str(name), values) for name, values in table.items())
    columns = {str(name): _as_list(values) for name, values in table.items()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        said = ", ".join(f"{name!r} {len(values)}" for name, values in columns.items())
        raise ManifoldScaleError(f"Columns must be of one length; they have {said}.")
    names = list(columns)
    return [
        dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]


def _as_list(values: Any) -> list[Any]:
    if isinstance(values, Mapping):  # pandas writes columns by index
        return list(values.values())
    if isinstance(values, str) or not hasattr(values, "__len__"):
        return [values]
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _refuse_twice(columns: Sequence[str]) -> None:
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    require(
        not twice,
        f"Column {', '.join(map(repr, twice))} appears more than once in the table: rename "
        "or remove one.",
    )


def _of_file(path: Path) -> Iterable[Mapping[Any, Any]]:
    name = path.as_posix()
    require(not path.is_dir(), f"{name!r} is a folder; a table is read from {ENDINGS}.")
    require(path.exists(), f"There is no file {name!r}.")
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    ending = endings[0] if endings[-1:] == [".gz"] and len(endings) > 1 else path.suffix
    ending = ending.lower()
    if ending == ".parquet":
        return _of_parquet(path)
    if ending not in (*SEPARATORS, ".json", ".jsonl", ".ndjson"):
        raise ManifoldScaleError(f"A table is read from {ENDINGS}; not from {path.name!r}.")
    try:
        text = _text(path)
        if ending in SEPARATORS:
            return _of_text(text, SEPARATORS[ending])
        return _of_json(text, lines=ending != ".json")
    except (ValueError, OSError, EOFError, csv.Error, zlib.error, RecursionError) as error:
        said = str(error).rstrip(".") or type(error).__name__
        raise ManifoldScaleError(f"{path.name} cannot be read: {said}.") from error


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":  # gzip, whatever the ending says
        data = gzip.decompress(data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as spreadsheets write "Unicode text"
        return data.decode("utf-16")
    require(b"\x00" not in data[:4096], "it is not a text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifoldScaleError(
            f"it is not UTF-8 (byte {error.start}): save it again as UTF-8"
        ) from error


def lines_of(text: str) -> list[str]:
    """The lines of a text. `str.splitlines` also ends them at the separators of Unicode,
    which stand inside of sentences and of JSON.
    """
    return re.split(r"\r\n?|\n", text.removesuffix("\n"))


def _of_text(text: str, separators: str) -> list[Row]:
    """Rows under a header. Rows of another length are refused: cells would shift."""
    lines = lines_of(text)
    header = next((line for line in lines if line.strip()), "")
    require(bool(header), "it is empty")
    separator = max(
        separators, key=lambda mark: (header.count(mark), mark == separators[0])
    )
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True
    )
    filled = ((reader.line_num, cells) for cells in reader if any(map(str.strip, cells)))
    _, names = next(filled)
    names = [name.strip() for name in names]
    columns = [name or f"column {place + 1}" for place, name in enumerate(names)]
    _refuse_twice(columns)
    rows, texts = [], []
    for number, cells in filled:
        beyond = cells[len(columns) :]
        if any(map(str.strip, beyond)) or len(cells) < len(columns):
            raise ManifoldScaleError(
                f"line {number} has {len(cells)} cells, the header {len(columns)}"
            )
        texts.append(dict(zip(columns, cells, strict=False)))
        rows.append({name: _typed(cell) for name, cell in texts[-1].items()})
    for name in columns:
        if is_bare_size(name) or meaning(name) in COUNTED:
            _refuse_marks(name, [text[name].strip() for text in texts])
    if not names[0] and [row[columns[0]] for row in rows] == list(range(len(rows))):
        return [dict(list(row.items())[1:]) for row in rows]  # row numbers of pandas
    return rows


def _refuse_marks(name: str, cells: Sequence[str]) -> None:
    """Refuse sizes such as 800 and 1.600, which may be 1600 or 1.6."""
    filled = [cell for cell in cells if cell]
    marked = [cell for cell in filled if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", cell)]
    whole = [cell for cell in filled if re.fullmatch(r"\d{1,3}", cell)]
    require(
        not (marked and whole) or len(marked) + len(whole) < len(filled),
        f"column {name!r} holds {(whole or [''])[0]} and {(marked or [''])[0]}: is the "
        "point a mark of thousands? Write the sizes without marks",
    )


def _typed(cell: str) -> Any:
    """The cell as a number if it is written as one (1_000 is not)."""
    text = cell.strip()
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    found = as_number(text) if "_" not in text else None
    return text if found is None else found


def _of_json(text: str, lines: bool) -> Iterable[Mapping[Any, Any]]:
    require(bool(text.strip()), "it is empty")
    found: Any
    if lines:
        found = [_json(line, i) for i, line in enumerate(lines_of(text), 1) if line.strip()]
    else:
        found = json.loads(text)
    if isinstance(found, Mapping):
        for key in WRAPPERS:
            inner = found.get(key)
            if isinstance(inner, list) and inner and isinstance(inner[0], Mapping):
                found = _joined_at_steps(inner) if key == "log_history" else inner
                break
    if isinstance(found, Mapping) and not any(
        isinstance(column, list | Mapping) for column in found.values()
    ):
        found = [found]
    if isinstance(found, Mapping):
        return _of_columns(found)
    if not (isinstance(found, list) and all(isinstance(row, Mapping) for row in found)):
        raise ManifoldScaleError(
            'it holds no records, as in [{"dataset_size": 100, "loss": 0.3}, ...]'
        )
    return found


def _json(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:  # the last one of a killed run, often
        raise ManifoldScaleError(f"line {number} is no JSON, {line[:40]!r}") from error


def _joined_at_steps(records: list[Mapping[Any, Any]]) -> list[Row]:
    """Rows that join records of one step: Hugging Face logs training and evaluation in
    separate records. The last one, which sums up the run, is no step of it.
    """
    rows: list[Row] = []
    steps = [record for record in records if SUMMARY not in record]
    for record in steps or records:
        last = rows[-1] if rows else {}
        one = "step" in record and last.get("step") == record["step"]
        if one and all(last[key] == record[key] for key in last.keys() & record.keys()):
            rows[-1] = {**last, **record}
        else:
            rows.append(dict(record))
    return rows


def _of_parquet(path: Path) -> list[Row]:
    try:
        import pandas as pd

        return _of_pandas(pd.read_parquet(path))
    except ImportError as error:
        raise ManifoldScaleError(
            "Parquet files need pyarrow: `pip install pyarrow`, or write the table as .csv."
        ) from error
    except (ValueError, OSError) as error:
        if isinstance(error, ManifoldScaleError):
            raise
        said = " ".join(str(error).split()).rstrip(".")
        raise ManifoldScaleError(f"{path.name} cannot be read: {said}.") from error
