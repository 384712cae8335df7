"""Lines of a text file, as a transformer reads them."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, first_line, require
from ..core.extras import optional
from ..core.tables import lines_of
from .shuffled import SHUFFLES, shuffled_lines
from .words import marks_of, spans_of

# Files of rows or records, whose quotes, commas and keys are not text.
RECORDS = (".jsonl", ".json", ".ndjson", ".csv", ".tsv")
UNKNOWN = 0.1  # of the tokens, above which they are warned of
LENGTHS = ("max_position_embeddings", "n_positions")
# Networks whose first position stands after that of their padding token.
AFTER_PADDING = ("roberta", "camembert", "longformer", "mpnet", "esm", "data2vec-text")
UNLIMITED = 10**6  # a larger greatest length means that the tokenizer knows none
OFFSETS = "offset_mapping"


def load_text(
    spec: str, words: Sequence[str] = (), shuffle: str = "", seed: int = 0
) -> tuple[dict[str, Array], str]:
    """Tokens of each line by name, with the mask of padding and that of the special tokens
    that the tokenizer added, and what was read. Padding is on the right, whatever the
    tokenizer's default, so positions count from the first token. A tokenizer without a
    padding token does not need one for that.

    Parameters
    ----------
    words : files with a word for each line, see `spans_of`: each makes a column "word:FILE"
        that is 1 at the tokens of the word.
    shuffle : "words" or "sentences", see `shuffled_lines`, drawn by `seed`; "" for none.

    Raises
    ------
    ManifoldScaleError : no such file, or not a text, such as a table; no lines; no
        tokenizer; a word that is not in its line.
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
        "texts into a file of their own, one per line, as by "
        "`Path('texts.txt').write_text('\\n'.join(texts))`, or name a function of yours "
        "that returns tokens, py:module:loader.",
    )
    try:
        lines = lines_of(Path(name).read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ManifoldScaleError(
            f"{name} is not text in UTF-8 ({error}): convert it, as with `iconv -t utf-8`."
        ) from error
    numbers = [place for place, line in enumerate(lines) if line.strip()]
    require(bool(numbers), f"{name} holds no lines of text: it is empty.")
    kept = [lines[place] for place in numbers]
    if shuffle:
        kept = shuffled_lines(kept, shuffle, seed)
        lines = _put(lines, numbers, kept)
    spans = {path: spans_of(path, lines, numbers) for path in words}
    encode = _tokenizer(tokenizer)
    rows, cut = _tokens(encode, kept, _most_tokens(encode, tokenizer), bool(spans))
    empty = [at for at, row in enumerate(rows) if not row["input_ids"]]
    require(
        not empty,
        f"{name}: the tokenizer makes no tokens of {len(empty)} lines, the first "
        f"{kept[empty[0]][:40]!r}."
        if empty
        else "",
    )
    offsets = [row.pop(OFFSETS, []) for row in rows]
    for path, mine in spans.items():
        for row, mark in zip(rows, marks_of(mine, offsets, path), strict=True):
            row[f"word:{path}"] = mark
    absent = len(lines) - len(kept)
    left_out = f", {absent} empty ones left out" if absent else ""
    limit = f"; {cut} lines were cut at {max(map(_length, rows))} tokens" if cut else ""
    told = f"; {SHUFFLES[shuffle]}, seed {seed}" if shuffle else ""
    unknown = _unknown(rows, encode.unk_token_id)
    twice = _twice(rows, encode)
    return _padded(rows), f"{len(kept):,} lines{left_out}{limit}{unknown}{twice}{told}"


def _unknown(rows: Sequence[Mapping[str, Any]], unk: int | None) -> str:
    """How many of the tokens of the text stand for what the tokenizer does not know."""
    ids = np.concatenate([row["input_ids"] for row in rows])
    is_text = np.concatenate([row["special_tokens_mask"] for row in rows]) == 0
    share = float(np.mean(ids[is_text] == unk)) if unk is not None and is_text.any() else 0
    if not share:
        return ""
    said = f"{100 * share:.3g} % of the tokens are unknown to the tokenizer"
    if share <= UNKNOWN:
        return f"; {said}"
    advice = "other words look alike to the network: is it the tokenizer of this network?"
    return f"; warning: {said}, {advice}"


def _twice(rows: Sequence[Mapping[str, Any]], encode: Any) -> str:
    """How many lines begin or end with the token that the tokenizer adds there itself, as
    those that a chat template wrote.
    """
    found = set()
    for row in rows:
        ids, special = row["input_ids"], row["special_tokens_mask"]
        for own, next_ in ((0, 1), (-1, -2)):
            if len(ids) > 1 and special[own] and ids[own] == ids[next_]:
                found.add(ids[own])
    names = ", ".join(repr(encode.convert_ids_to_tokens(one)) for one in sorted(found))
    return (
        f"; warning: the tokenizer adds {names} to lines that have it already, where it "
        "counts as a word: take it out of the lines"
        if found
        else ""
    )


def _put(lines: list[str], numbers: list[int], kept: list[str]) -> list[str]:
    """The lines with some of them replaced."""
    new = dict(zip(numbers, kept, strict=True))
    return [new.get(place, line) for place, line in enumerate(lines)]


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


def _most_tokens(encode: Any, folder: str) -> int:
    """The tokens of the longest line that the network takes: as its tokenizer says, or
    else the settings of the network in the same folder, if there are any.
    """
    most = int(encode.model_max_length)
    try:
        config = json.loads(Path(folder, "config.json").read_text("utf-8"))
    except (OSError, ValueError):  # none, or damaged
        return most
    if most <= UNLIMITED or not isinstance(config, dict):
        return most
    told = [config[name] for name in LENGTHS if isinstance(config.get(name), int)]
    most = min((length for length in told if length > 0), default=most)
    if any(kind in str(config.get("model_type")) for kind in AFTER_PADDING):
        most -= 1 + (config.get("pad_token_id") or 0)
    return most


def _tokens(
    encode: Any, lines: list[str], limit: int, offsets: bool = False
) -> tuple[list[dict[str, Any]], int]:
    """The columns of each line, and how many lines are longer than `limit` and so cut."""
    require(
        not offsets or encode.is_fast,
        "points='word:FILE' needs a tokenizer that tells the characters of its tokens (a "
        "fast one, with a tokenizer.json); this one does not.",
    )
    asked = {"return_special_tokens_mask": True, "return_offsets_mapping": offsets}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lines that are too long are counted here
        whole = encode(lines, padding=False, truncation=False, verbose=False, **asked)
        long = sum(len(ids) > limit for ids in whole["input_ids"])
        found = whole
        if long:
            found = encode(lines, padding=False, truncation=True, max_length=limit, **asked)
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
