"""Results as plain JSON: settings by name, non-finite numbers as null."""

import contextlib
import dataclasses as dc
import enum
import json
import math
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Metadata of fields of dataclasses. A setting that came later is left out at its default:
# keys of runs and files that were written before it stay as they are.
LATER: Mapping[str, str] = {"stored": "where it is not the default"}
NEVER: Mapping[str, str] = {"stored": "never"}


def plain(value: Any) -> Any:
    """`value` as dicts, lists, strings and finite numbers, ready for JSON.

    A non-finite number becomes None: an open end of an interval, or a number that could
    not be known; the caveats beside it say why.
    """
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if dc.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dc.fields(value) if _is_stored(f, getattr(value, f.name))]
        stored = {f.name: plain(getattr(value, f.name)) for f in fields}
        return {"type": type(value).__name__, **stored}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return value.as_posix()
    return value


def _is_stored(field: "dc.Field[Any]", value: Any) -> bool:
    when = field.metadata.get("stored")
    if when == LATER["stored"]:
        return bool(value != field.default)
    return bool(when != NEVER["stored"])


def dumps(value: Any, indent: int | None = 2) -> str:
    """JSON text of a result."""
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: first under another name, then renamed. Each writer
    has its own name, so of two at once the last one wins.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
