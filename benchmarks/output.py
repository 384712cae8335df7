"""Show and keep the rows of a benchmark."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table


def show(
    rows: Sequence[Mapping[str, Any]],
    title: str | None = None,
    *,
    form: str = ".3g",
    width: int = 220,
) -> None:
    """A table with a column for every key of any row; `form` formats floats."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(*names, title=title)
    for row in rows:
        values = (row.get(name, "") for name in names)
        table.add_row(*(f"{v:{form}}" if isinstance(v, float) else str(v) for v in values))
    Console(width=width).print(table)


def judged(
    dim: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray, raw: np.ndarray
) -> dict[str, float]:
    """How far estimates, and TwoNN's, are from the truth, and what their intervals hold."""
    return {
        "error": float(np.mean(np.abs(value / dim - 1))),
        "TwoNN": float(np.mean(np.abs(raw / dim - 1))),
        "covered": float(np.mean((low <= dim) & (dim <= high))),
        "too high": float(np.mean(low > dim)),
        "high / low": float(np.median(high / low)),
    }


def keep(results: Any, path: Path) -> None:
    """The results as JSON."""
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
