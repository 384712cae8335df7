"""The data sets at hand: a card each, checked when loaded."""

import dataclasses as dc
import hashlib
import importlib
import shutil
import sys
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .core.arrays import Array
from .core.errors import ManifoldScaleError, nearest
from .core.extras import optional
from .core.random import Rng, generator
from .geometry.cloud import Cloud

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dc.dataclass(frozen=True)
class Card:
    """What is known of a data set, as its card.toml says."""

    name: str
    title: str
    description: str
    sha256: str
    points: int
    shape: tuple[int, ...]
    maximum: float
    classes: int
    licence: str
    origin: str
    citation: str
    known: Mapping[str, Any]
    file: str | None = None
    loader: str | None = None
    origin_sha256: str | None = None


@dc.dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and labels in memory.

    Attributes
    ----------
    inputs : (n x features) float32, in [0, 1].
    labels : (n,) integers.
    """

    card: Card
    inputs: Array
    labels: Array

    @property
    def name(self) -> str:
        return self.card.name

    def __len__(self) -> int:
        return len(self.inputs)

    def cloud(self) -> Cloud:
        """The inputs as a cloud."""
        return Cloud(self.inputs, labels=self.labels, name=self.name)


def folder() -> Path:
    """Where the cards are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    for place in (package / "datasets", package.parent / "datasets"):
        if any(place.glob("*/card.toml")):
            return place
    raise ManifoldScaleError(
        f"The data sets are missing: neither {package / 'datasets'} nor "
        f"{package.parent / 'datasets'} holds a card.toml. Install the package again."
    )


def names() -> list[str]:
    """Names that `load` understands."""
    return sorted(path.parent.name for path in folder().glob("*/card.toml"))


def card(name: str) -> Card:
    """The card of a data set."""
    if name not in names():
        raise ManifoldScaleError(
            f"There is no data set {name!r}; did you mean {nearest(name, names())}?"
        )
    with (folder() / name / "card.toml").open("rb") as stream:
        fields = tomllib.load(stream)
    return Card(name=name, **{**fields, "shape": tuple(fields["shape"])})


def load(name: str) -> Dataset:
    """A data set by name, its checksum verified.

    >>> digits = load("digits")
    >>> digits.inputs.shape
    (1797, 64)

    Raises
    ------
    ManifoldScaleError : there is no such data set, its file is missing, or its contents
        are not those that the card describes.
    """
    about = card(name)
    images, labels = _from_loader(about) if about.loader else _from_file(about)
    inputs = images.reshape(len(images), -1).astype(np.float32) / np.float32(about.maximum)
    return Dataset(about, inputs, labels.astype(np.int64))


def _from_file(about: Card) -> tuple[Array, Array]:
    path = folder() / about.name / str(about.file)
    if not path.is_file():
        raise ManifoldScaleError(
            f"The file of data set {about.name!r} is missing: {path}. Install the package "
            "again."
        )
    _verify(about, path.read_bytes(), str(path))
    with np.load(path, allow_pickle=False) as stored:
        return stored["images"], stored["labels"]


def _from_loader(about: Card) -> tuple[Array, Array]:
    module, _, function = str(about.loader).partition(":")
    bunch = getattr(importlib.import_module(module), function)()
    images, labels = bunch.data.astype(np.uint8), bunch.target.astype(np.uint8)
    _verify(about, images.tobytes() + labels.tobytes(), str(about.loader))
    return images, labels


def _verify(about: Card, contents: bytes, place: str) -> None:
    found = hashlib.sha256(contents).hexdigest()
    if found != about.sha256:
        raise ManifoldScaleError(
            f"Data set {about.name!r} is not what its card describes: {place} has sha256 "
            f"{found[:16]}..., the card {about.sha256[:16]}... . The copy is damaged or "
            "changed; install the package again."
        )


def shipped_sweep(name: str, to: str | Path = ".") -> Path:
    """A copy, in the folder `to`, of a registry of trained networks that is shipped with
    the package, for `sweeps.run`; one that is there already is left as it is.

    Raises
    ------
    ManifoldScaleError : no registry has this name.
    """
    place = folder() / "sweeps"
    names = sorted(path.stem for path in place.glob("*.sqlite"))
    if name not in names:
        raise ManifoldScaleError(
            f"There is no sweep {name!r}; there are {', '.join(names)}."
        )
    copy = Path(to) / f"{name}.sqlite"
    if not copy.exists():
        shutil.copyfile(place / f"{name}.sqlite", copy)
    return copy


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
    transformer reads them; or a folder of images, one folder a class.
    """
    if spec.startswith("text:"):
        return _from_text(spec)
    if spec.startswith("py:"):
        return _from_loader_of_user(spec)
    path = Path(spec)
    if path.is_dir():
        return _from_images(path)
    if path.suffix in (".npy", ".npz"):
        return _from_numpy(path)
    dataset = load(spec)
    return Examples(dataset.inputs, dataset.labels)


def _from_loader_of_user(spec: str) -> Examples:
    found = from_python(spec)
    pair = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
    if not hasattr(pair[0], "shape"):
        raise ManifoldScaleError(
            f"{spec} must return an array or tensor of inputs, or (inputs, labels); it "
            f"returned {type(found).__name__}."
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
    arrays = []
    for file in files:
        with image.open(file) as opened:
            grey = opened.mode in ("1", "L", "I;16")
            array = np.asarray(opened.convert("L" if grey else "RGB"), dtype=np.float32)
        arrays.append(np.moveaxis(np.atleast_3d(array), -1, 0) / np.float32(255))
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ManifoldScaleError(
            f"{path} holds images of {len(shapes)} shapes, such as "
            f"{', '.join(map(str, sorted(shapes)[:2]))}: bring them to one size."
        )
    classes = np.unique([str(file.parent) for file in files], return_inverse=True)[1]
    return Examples(np.stack(arrays), classes if classes.max() > 0 else None)


def from_python(spec: str) -> Any:
    """What the function that `py:module:function` names returns."""
    return python_function(spec)()


def python_function(spec: str) -> Callable[..., Any]:
    """The function that `py:module:function` names, found from the working directory as
    well as among installed packages.
    """
    parts = spec.split(":")
    if len(parts) != 3 or not all(parts):
        raise ManifoldScaleError(f"{spec!r} is not of the form py:module:function.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(parts[1])
    except ModuleNotFoundError as error:
        raise ManifoldScaleError(
            f"{spec!r}: there is no module {error.name!r}, neither here nor installed."
        ) from error
    function = getattr(module, parts[2], None)
    if not callable(function):
        choices = [name for name in dir(module) if callable(getattr(module, name))]
        raise ManifoldScaleError(
            f"{spec!r}: {parts[1]} has no function {parts[2]!r}; did you mean "
            f"{nearest(parts[2], choices)}?"
        )
    found: Callable[..., Any] = function
    return found
