"""Examples from what a user typed: a name, a file, a folder, a function."""

import dataclasses as dc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require
from ..core.random import Rng, generator
from ..core.settings import whole
from .cards import load
from .images import load_images
from .python import from_python
from .saved import is_saved, load_saved
from .text import load_text


@dc.dataclass(frozen=True, eq=False)
class Examples:
    """Inputs of a network as they came, by name where it takes names, with labels where
    there are some.

    read : what was read, and what was not, for the one who named it.
    """

    inputs: Any
    labels: Array | None = None
    read: str = ""

    def sample(self, n: int, rng: Rng = 0) -> "Examples":
        """At most `n` of the examples, drawn at random, in their order."""
        n = whole("n", n)
        if len(self) <= n:
            return self
        rows = np.sort(generator(rng).choice(len(self), n, replace=False))
        labels = None if self.labels is None else np.asarray(self.labels)[rows]
        if isinstance(self.inputs, Mapping):
            inputs = {k: v[rows] for k, v in self.inputs.items()}
            return Examples(inputs, labels, self.read)
        return Examples(self.inputs[rows], labels, self.read)

    def __len__(self) -> int:
        named = isinstance(self.inputs, Mapping)
        return len(next(iter(self.inputs.values())) if named else self.inputs)


def load_examples(spec: str) -> Examples:
    """Examples from what a user typed.

    A name of `names()`; the path of an .npy array or of an .npz with an array `X`
    (`inputs`, `images`) and perhaps `y` (`labels`); or `py:module:loader`, a function that
    returns inputs or (inputs, labels); `text:FILE@TOKENIZER`, the lines of a file as a
    transformer reads them; a folder that Hugging Face's `datasets` saved; or a folder of
    images, one folder a class.
    """
    if spec.startswith("text:"):
        tokens, read = load_text(spec)
        return Examples(tokens, read=read)
    if spec.startswith("py:"):
        return _from_loader_of_user(spec)
    path = Path(spec)
    if is_saved(path):
        return Examples(*load_saved(path))
    if path.is_dir():
        return Examples(*load_images(path))
    if path.suffix in (".npy", ".npz"):
        return _from_numpy(path)
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
    names = [n for n in ("X", "inputs", "images") if n in arrays][:1]
    require(
        bool(names),
        f"{path} needs an array named X, inputs or images; it has {', '.join(arrays)}.",
    )
    names += [n for n in ("y", "labels") if n in arrays][:1]
    inputs, *labels = (arrays.pop(name) for name in names)
    require(inputs.ndim > 0, f"{path} holds a single number, not examples.")
    rest = f"; not read: {', '.join(arrays)}" if arrays else ""
    read = f"{', '.join(names)}{rest}" if path.suffix == ".npz" else ""
    return Examples(inputs, labels[0] if labels else None, read)
