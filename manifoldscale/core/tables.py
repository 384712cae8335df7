"""Tables from anywhere as rows: files, data frames of any library, lists of mappings."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import ManifoldScaleError, require

Row = dict[str, Any]
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def rows_of(table: Any, aliases: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows of a table, columns under the names that are looked for.

    Parameters
    ----------
    table : the path of a .csv, .tsv or .parquet file; a pandas or polars data frame; a
        list of mappings.
    aliases : for each name the other names that a column may have, in lower case with
        underscores. A column of the name itself comes first; other columns stay.

    Raises
    ------
    ManifoldScaleError : no such file or format, no rows, two columns for one name.
    """
    rows = _records(table)
    require(bool(rows), "The table has no rows.")
    renamed = _names(list(rows[0]), aliases)
    return [{renamed.get(name, name): value for name, value in row.items()} for row in rows]


def is_missing(value: Any) -> bool:
    """None, NaN or an empty cell."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _names(columns: list[str], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    renamed: dict[str, str] = {}
    plain = {column: _plain(column) for column in columns}
    for name, others in aliases.items():
        if name in columns:
            continue
        found = [column for column in columns if plain[column] in (name, *others)]
        if len(found) > 1:
            listed = ", ".join(repr(column) for column in found)
            raise ManifoldScaleError(
                f"Columns {listed} may all be {name!r}: rename the one that is meant."
            )
        renamed |= dict.fromkeys(found, name)
    return renamed


def _plain(column: Any) -> str:
    return str(column).strip().lower().replace(" ", "_").replace("-", "_")


def _records(table: Any) -> list[Row]:
    if isinstance(table, str | Path):
        return _read(Path(table))
    if hasattr(table, "to_dicts"):  # polars
        return list(table.to_dicts())
    if hasattr(table, "to_dict"):  # pandas
        return list(table.to_dict("records"))
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        return [dict(row) for row in table]
    raise ManifoldScaleError(
        "A table is the path of a .csv, .tsv or .parquet file, a data frame of pandas or "
        f"polars, or a list of mappings; not {type(table).__name__}."
    )


def _read(path: Path) -> list[Row]:
    require(path.is_file(), f"There is no file {path.as_posix()!r}.")
    import pandas as pd

    try:
        if path.suffix in SEPARATORS:
            frame = pd.read_csv(path, sep=SEPARATORS[path.suffix], skipinitialspace=True)
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            raise ManifoldScaleError(
                f"A table is read from .csv, .tsv or .parquet; not from {path.name!r}."
            )
    except ImportError as error:
        raise ManifoldScaleError(
            "Parquet files need pyarrow: `pip install pyarrow`, or write the table as .csv."
        ) from error
    except (ValueError, OSError) as error:
        if isinstance(error, ManifoldScaleError):
            raise
        raise ManifoldScaleError(f"{path.name} cannot be read: {error}.") from error
    return list(frame.to_dict("records"))
