"""Lines of a text file, as a transformer reads them."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, first_line, require
from ..core.extras import optional

# Whose lines are rows or records: their quotes, commas and keys are no text.
RECORDS = (".jsonl", ".json", ".ndjson", ".csv", ".tsv")
UNLIMITED = 10**6  # what a tokenizer calls its greatest length where it knows none


def load_text(spec: str) -> tuple[dict[str, Array], str]:
    """Tokens of each line with the mask that says what is padding, by name, and what was
    read. Padding stands on the right, whatever the tokenizer's own habit, so that positions
    count from the first token; a tokenizer without a padding token needs none for that.

    Raises
    ------
    ManifoldScaleError : no such file, or not one of text, such as a table; no lines; no
        tokenizer.
    """
    name, at, tokenizer = spec.removeprefix("text:").rpartition("@")
    if not at or not Path(name).is_file():
        raise ManifoldScaleError(
            f"DATA {spec!r} is not of the form text:FILE@TOKENIZER with a file that "
            "exists; TOKENIZER is the folder or name of a transformer."
        )
    require(
        Path(name).suffix.lower() not in RECORDS,
        f"{name} holds records, whose source would be read as if it were text. Write their "
        "texts into a file of their own, one a line, as by "
        "`Path('texts.txt').write_text('\\n'.join(texts))`, or name a function of yours "
        "that returns tokens, py:module:loader.",
    )
    try:
        lines = Path(name).read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ManifoldScaleError(
            f"{name} is no text in UTF-8 ({error}): convert it, as with `iconv -t utf-8`."
        ) from error
    kept = [line for line in lines if line.strip()]
    require(bool(kept), f"{name} holds no lines of text: it is empty.")
    rows, cut = _tokens(_tokenizer(tokenizer), kept)
    empty = [at for at, row in enumerate(rows) if not row["input_ids"]]
    require(
        not empty,
        f"{name}: the tokenizer makes no tokens of {len(empty)} lines, the first "
        f"{kept[empty[0]][:40]!r}."
        if empty
        else "",
    )
    left_out = f", {len(lines) - len(kept)} empty ones left out" if kept != lines else ""
    limit = f"; {cut} lines were cut at {max(map(_length, rows))} tokens" if cut else ""
    return _padded(rows), f"{len(kept):,} lines{left_out}{limit}"


def _tokenizer(name: str) -> Any:
    transformers = optional("transformers", "models")
    try:
        return transformers.AutoTokenizer.from_pretrained(
            name, local_files_only=Path(name).is_dir(), trust_remote_code=False
        )
    except Exception as error:  # of JSON, of tokenizers, or of a library it lacks
        raise ManifoldScaleError(
            f"{name} holds no tokenizer: {first_line(error)}"
        ) from error


def _tokens(encode: Any, lines: list[str]) -> tuple[list[dict[str, Any]], int]:
    """The columns of each line, and how many lines were longer than the network takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that lines are too long, which is counted here
        whole = encode(lines, padding=False, truncation=False, verbose=False)
        limit = int(encode.model_max_length)
        long = sum(len(ids) > limit for ids in whole["input_ids"])
        found = whole
        if long and limit < UNLIMITED:
            found = encode(lines, padding=False, truncation=True, max_length=limit)
    columns = dict(found.items())
    return [
        {name: values[row] for name, values in columns.items()} for row in range(len(lines))
    ], long


def _length(row: dict[str, Any]) -> int:
    return len(row["input_ids"])


def _padded(rows: list[dict[str, Any]]) -> dict[str, Array]:
    length = max(map(_length, rows))
    rows = [{"attention_mask": [1] * _length(row), **row} for row in rows]
    return {
        name: np.array([[*row[name], *[0] * (length - _length(row))] for row in rows])
        for name in rows[0]
    }
