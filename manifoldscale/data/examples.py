"""Examples from what a user typed: a name, a file, a folder, a function."""

import dataclasses as dc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, require
from ..core.extras import optional
from ..core.random import Rng, generator
from .cards import load
from .python import from_python
from .saved import is_saved, load_saved
from .stack import stacked

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dc.dataclass(frozen=True, eq=False)
class Examples:
    """Inputs of a network as they came, by name where it takes names, with labels where
    there are some.
    """

    inputs: Any
    labels: Array | None = None

    def sample(self, n: int, rng: Rng = 0) -> "Examples":
        """At most `n` of the examples, drawn at random, in their order."""
        if len(self) <= n:
            return self
        rows = np.sort(generator(rng).choice(len(self), n, replace=False))
        labels = None if self.labels is None else np.asarray(self.labels)[rows]
        if isinstance(self.inputs, Mapping):
            return Examples({k: v[rows] for k, v in self.inputs.items()}, labels)
        return Examples(self.inputs[rows], labels)

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
        return _from_text(spec)
    if spec.startswith("py:"):
        return _from_loader_of_user(spec)
    path = Path(spec)
    if is_saved(path):
        return Examples(*load_saved(path))
    if path.is_dir():
        return _from_images(path)
    if path.suffix in (".npy", ".npz"):
        return _from_numpy(path)
    dataset = load(spec)
    return Examples(dataset.inputs, dataset.labels)


def _from_loader_of_user(spec: str) -> Examples:
    found = from_python(spec, name="DATA")
    pair = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    if not hasattr(pair[0], "shape"):
        raise ManifoldScaleError(
            f"DATA {spec!r} must return an array or tensor of inputs, or (inputs, labels); "
            f"it returned {type(found).__name__}."
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
    inputs = next((arrays[n] for n in ("X", "inputs", "images") if n in arrays), None)
    labels = next((arrays[n] for n in ("y", "labels") if n in arrays), None)
    if inputs is None:
        raise ManifoldScaleError(
            f"{path} needs an array named X, inputs or images; it has {', '.join(arrays)}."
        )
    if inputs.ndim == 0:
        raise ManifoldScaleError(f"{path} holds a single number, not examples.")
    return Examples(inputs, labels)


def _from_text(spec: str) -> Examples:
    """Lines as tokens, padded, with the mask that says so."""
    name, at, tokenizer = spec.removeprefix("text:").rpartition("@")
    if not at or not Path(name).is_file():
        raise ManifoldScaleError(
            f"DATA {spec!r} is not of the form text:FILE@TOKENIZER with a file that "
            "exists; TOKENIZER is the folder or name of a transformer."
        )
    transformers = optional("transformers", "models")
    lines = [line for line in Path(name).read_text("utf-8").splitlines() if line.strip()]
    try:
        encode = transformers.AutoTokenizer.from_pretrained(
            tokenizer, local_files_only=Path(tokenizer).is_dir(), trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ManifoldScaleError(f"{tokenizer} holds no tokenizer: {error}") from error
    found = encode(lines, padding=True, truncation=True, return_tensors="np")
    return Examples({key: np.asarray(value) for key, value in found.items()})


def _from_images(path: Path) -> Examples:
    """(images x channels x height x width) in [0, 1]; folders are classes."""
    image = optional("PIL.Image", "images")
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGES)
    if not files:
        raise ManifoldScaleError(f"{path} holds no images ({', '.join(IMAGES)}).")
    arrays = [_pixels(image, file) for file in files]
    classes = np.unique([str(file.parent) for file in files], return_inverse=True)[1]
    images = stacked(arrays, str(path), "images")
    return Examples(images, classes if classes.max() > 0 else None)


def _pixels(image: Any, file: Path) -> Array:
    """(channels x height x width) in [0, 1]."""
    try:
        with image.open(file) as opened:
            mode = str(opened.mode)
            deep, grey = mode.startswith("I;16"), mode in ("1", "L")
            kept = opened if deep else opened.convert("L" if grey else "RGB")
            array = np.asarray(kept, dtype=np.float32)
    except OSError as error:  # Pillow's own errors are of this kind
        raise ManifoldScaleError(f"{file} cannot be read as an image: {error}") from error
    require(
        mode not in ("I", "F"),
        f"{file} has pixels without a largest value (mode {mode}): save it with 8 or 16 "
        "bits, or name a function of yours, py:module:loader.",
    )
    most = np.float32(65535 if deep else 255)  # Pillow cuts 16 bits off at 255
    return np.moveaxis(np.atleast_3d(array), -1, 0) / most
