"""Examples from what a user typed: a name, a file, a folder, a function."""

import dataclasses as dc
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array, numbers_rows
from ..core.errors import ManifoldScaleError, few, require
from ..core.random import Rng, generator
from ..core.settings import whole
from ..core.stand_ins import refuse_stand_ins
from ..core.tables import Row, as_number, read_rows
from .cards import INPUTS, TARGETS, load
from .images import load_images
from .python import from_python
from .saved import is_saved, load_saved
from .shuffled import SHUFFLES, shuffled_tokens
from .text import load_text

COLUMNS = (".csv", ".tsv", ".parquet")  # tables, a row for each example
TARGET_COLUMNS = ("target", "label", "class")


@dc.dataclass(frozen=True, eq=False)
class Examples:
    """Inputs of a network as given, by name if it takes names, with labels if there are
    any.

    read : what was read and what was not, in words.
    """

    inputs: Any
    labels: Array | None = None
    read: str = ""

    def sample(self, n: int, rng: Rng = 0) -> "Examples":
        """At most `n` of the examples, drawn at random, in their original order."""
        n = whole("n", n)
        if len(self) <= n:
            return self
        rows = np.sort(generator(rng).choice(len(self), n, replace=False))
        labels = None if self.labels is None else np.asarray(self.labels)[rows]
        if isinstance(self.inputs, Mapping):
            inputs = {k: v[rows] for k, v in self.inputs.items()}
            return Examples(inputs, labels, self.read)
        return Examples(self.inputs[rows], labels, self.read)

    def shuffled(self, kind: str, seed: int = 0) -> "Examples":
        """A control of tokens, see `data.shuffled.shuffled_tokens`."""
        said = (
            f"shuffled, tokens for {SHUFFLES[kind]}, seed {seed}"
            if kind in SHUFFLES
            else ""
        )
        read = "; ".join(filter(None, (self.read, said)))
        return dc.replace(self, inputs=shuffled_tokens(self.inputs, kind, seed), read=read)

    def __len__(self) -> int:
        named = isinstance(self.inputs, Mapping)
        return len(next(iter(self.inputs.values())) if named else self.inputs)


def load_examples(
    spec: str, *, words: Sequence[str] = (), shuffle: str = "", seed: int = 0
) -> Examples:
    """Examples from what a user typed.

    A name of `names()`; the path of an .npy array or of an .npz with an array `X`
    (`inputs`, `images`) and perhaps `y` (`labels`); a .csv, .tsv or .parquet table of
    numbers with a column `y` (`target`, `label`), or `FILE::column` for another one;
    `py:module:loader`, a function that returns inputs or (inputs, labels);
    `text:FILE@TOKENIZER`, the lines of a file as a transformer reads them; a folder that
    Hugging Face's `datasets` saved; or a folder of images, with one folder per class.

    Parameters
    ----------
    words : of a text, files with one word for each line, for points="word:FILE": a word of
        the line, `word#2` where it is there twice, or characters `4..9`.
    shuffle : of a text or of tokens, a control drawn by `seed`: "words" are shuffled within
        each sentence, or exchanged between "sentences".
    """
    if spec.startswith("text:"):
        tokens, read = load_text(spec, words, shuffle, seed)
        return Examples(tokens, read=read)
    found = _load(spec)
    return found.shuffled(shuffle, seed) if shuffle else found


def _load(spec: str) -> Examples:
    if spec.startswith("py:"):
        return _from_loader_of_user(spec)
    path = Path(spec)
    if is_saved(path):
        return Examples(*load_saved(path))
    if path.is_dir():
        return Examples(*load_images(path))
    if path.suffix in (".npy", ".npz"):
        return _from_numpy(path)
    file, _, column = spec.partition("::")
    if Path(file).suffix in COLUMNS:
        return _from_table(Path(file), column)
    dataset = load(spec)
    return Examples(dataset.inputs, dataset.labels)


def _from_loader_of_user(spec: str) -> Examples:
    found = from_python(spec, name="DATA")
    pair = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    inputs = pair[0].values() if isinstance(pair[0], Mapping) else [pair[0]]
    if not inputs or not all(getattr(part, "shape", ()) for part in inputs):
        raise ManifoldScaleError(
            f"DATA {spec!r} must return an array or tensor of inputs (examples first), a "
            "mapping of them, or (inputs, labels); it returned "
            f"{type(found).__name__}."
        )
    return Examples(*pair)


def _from_table(path: Path, target: str) -> Examples:
    """The numbers of a table: the column of the target as labels, all others as inputs."""
    rows = read_rows(path)
    names = list(rows[0])
    own = [name for name in names if name.lower() in (*TARGET_COLUMNS, *TARGETS)]
    if not target:
        require(
            len(own) <= 1,
            f"DATA {str(path)!r} has several columns that may be the target, "
            f"{', '.join(own)}: name one, as {path}::{(own or names)[0]}.",
        )
        target = own[0] if own else ""
    require(
        not target or target in names,
        f"DATA {str(path)!r} has no column {target!r}; it has {few(names)}.",
    )
    inputs = [name for name in names if name != target]
    for name in inputs:
        bad = [row[name] for row in rows if as_number(row[name]) is None]
        require(
            not bad,
            f"Column {name!r} of {path} must hold a number in each row; it has "
            f"{bad[:1]}. Leave the column out, or turn its words into numbers.",
        )
        numbers = numbers_rows(name, [as_number(row[name]) for row in rows])
        require(
            not numbers or len(inputs) == 1,
            f"Column {name!r} of {path} numbers the rows and is no input: leave it out.",
        )
    require(bool(inputs), f"{path} has no column beside {target!r}.")
    values = np.array([[as_number(row[name]) for name in inputs] for row in rows], float)
    refuse_stand_ins(values, values.min(), values.max(), str(path))
    read = f"{len(inputs)} columns as inputs, " + (target or "none") + " as target"
    return Examples(values, _targets(rows, target, path) if target else None, read)


def _targets(rows: list[Row], name: str, path: Path) -> Array:
    """Whole numbers and words are classes, other numbers real targets."""
    cells = [row[name] for row in rows]
    absent = sum(cell is None for cell in cells)
    require(not absent, f"Column {name!r} of {path} is empty in {absent} rows.")
    numbers = [as_number(cell) for cell in cells]
    if any(number is None for number in numbers):
        return np.array([str(cell) for cell in cells])
    whole = all("." not in str(cell) and float(cell).is_integer() for cell in cells)
    return np.array(numbers, dtype=np.int64 if whole else np.float64)


def _from_numpy(path: Path) -> Examples:
    if not path.is_file():
        raise ManifoldScaleError(f"DATA {str(path)!r}: there is no such file.")
    try:
        stored = np.load(path, allow_pickle=False)
        arrays = {"X": stored} if path.suffix == ".npy" else dict(stored)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ManifoldScaleError(
            f"{path} cannot be read as numeric arrays ({error}); Python objects are never "
            "loaded."
        ) from error
    names = [n for n in INPUTS if n in arrays][:1]
    require(
        bool(names),
        f"{path} needs an array named X, inputs or images; it has {', '.join(arrays)}.",
    )
    names += [n for n in TARGETS if n in arrays][:1]
    inputs, *labels = (arrays.pop(name) for name in names)
    require(inputs.ndim > 0, f"{path} holds a single number, not examples.")
    if inputs.dtype.kind == "f" and inputs.size:
        refuse_stand_ins(inputs, inputs.min(), inputs.max(), str(path))
    rest = f"; not read: {', '.join(arrays)}" if arrays else ""
    read = f"{', '.join(names)}{rest}" if path.suffix == ".npz" else ""
    return Examples(inputs, labels[0] if labels else None, read)
