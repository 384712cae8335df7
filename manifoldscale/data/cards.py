"""The data sets at hand: one card per data set, checked when loaded."""

import dataclasses as dc
import hashlib
import importlib
import math
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, nearest, require
from ..core.tables import read_rows
from ..geometry.cloud import Cloud
from .idx import read_idx

HOME = "MANIFOLDSCALE_DATA"  # the environment variable that names a folder of data sets
EXAMPLES = "examples"  # the default kind of a card
AGAIN = "Install the package again."
# How the arrays of an .npz file may be called.
INPUTS = ("X", "inputs", "images")
TARGETS = ("y", "targets", "labels")


@dc.dataclass(frozen=True, kw_only=True)
class Card:
    """What is known about a data set, from its card.toml.

    Its examples come from one of: `file`, shipped beside the card; `loader`, a function of
    a library; `idx`, pairs of files (images, labels) that are not shipped, in the first of
    `places` that has them. `install` says how to get these files.

    Attributes
    ----------
    shape, dtype : of one input: (28, 28) of "uint8", (32, 32, 3) with colors, (10,) numbers
        of "float64".
    maximum : what inputs are divided by.
    classes : how many; 0 if the targets are real numbers.
    targets : names of the real targets; in a file that is a table, of the columns that are
        not inputs.
    file : an .npz with arrays `images` or `inputs`, and `labels` or `targets`; or a table,
        as .csv or .parquet.
    """

    name: str
    title: str
    description: str
    sha256: str
    points: int
    shape: tuple[int, ...]
    licence: str
    origin: str
    citation: str
    known: Mapping[str, Any]
    dtype: str = "uint8"
    maximum: float = 1.0
    classes: int = 0
    targets: tuple[str, ...] = ()
    file: str | None = None
    loader: str | None = None
    idx: tuple[tuple[str, str], ...] = ()
    places: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    install: str = ""
    origin_sha256: str | None = None

    @property
    def at_hand(self) -> bool:
        """Whether `load` finds the examples on this machine."""
        return not self.idx or _place(self) is not None

    @property
    def outputs(self) -> int:
        """Number of classes, or of real targets per example."""
        return self.classes or len(self.targets)

    @property
    def inputs_in_words(self) -> str:
        """How `load` gives them."""
        rows = f"rows of {math.prod(self.shape)} numbers"
        if self.maximum == 1:
            return f"{rows}, as stored"
        return f"{rows} in [0, 1], divided by {self.maximum:g}"

    @property
    def targets_in_words(self) -> str:
        """What is to be learned."""
        if self.classes:
            return f"{self.classes} classes"
        return f"real targets: {', '.join(self.targets)}"


@dc.dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and their targets in memory.

    Attributes
    ----------
    inputs : (n x features), divided by the maximum of the card; unsigned bytes become
        float32 in [0, 1].
    targets : (n,) integers if there are classes, else (n x targets) real numbers.
    """

    card: Card
    inputs: Array
    targets: Array

    def __repr__(self) -> str:
        about = self.card
        return (
            f"Dataset {self.name!r}: {len(self):,} examples of "
            f"{' x '.join(map(str, about.shape))} ({about.inputs_in_words}), "
            f"{about.targets_in_words}"
        )

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def labels(self) -> Array | None:
        """(n,) classes; None if the targets are real numbers."""
        return self.targets if self.card.classes else None

    def __len__(self) -> int:
        return len(self.inputs)

    def cloud(self) -> Cloud:
        """The inputs as a cloud."""
        return Cloud(self.inputs, labels=self.labels, name=self.name)


def folder() -> Path:
    """Where the cards are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    for place in (package / "datasets", package.parent / "datasets"):
        if any(place.glob("*/card.toml")):
            return place
    raise ManifoldScaleError(
        f"The data sets are missing: neither {package / 'datasets'} nor "
        f"{package.parent / 'datasets'} holds a card.toml. Install the package again."
    )


def names() -> list[str]:
    """Names that `load` understands."""
    return names_of(EXAMPLES)


def names_of(kind: str) -> list[str]:
    """Names of the cards of a kind."""
    found = sorted(path.parent.name for path in folder().glob("*/card.toml"))
    return [name for name in found if _contents(name).get("kind", EXAMPLES) == kind]


def read_card(name: str) -> dict[str, Any]:
    """The fields of a card, without its kind."""
    return {key: value for key, value in _contents(name).items() if key != "kind"}


def _contents(name: str) -> dict[str, Any]:
    with (folder() / name / "card.toml").open("rb") as stream:
        return tomllib.load(stream)


def card(name: str) -> Card:
    """The card of a data set."""
    if name not in names():
        if (folder() / str(name) / "card.toml").is_file():
            raise ManifoldScaleError(
                f"{name!r} is a table of losses, not of examples: ms.data.table({name!r})."
            )
        raise ManifoldScaleError(
            f"There is no data set {name!r}; did you mean {nearest(str(name), names())}?"
        )
    fields = read_card(name)
    for key in ("shape", "places", "aliases", "targets"):
        fields[key] = tuple(fields.get(key, ()))
    fields["idx"] = tuple(map(tuple, fields.get("idx", ())))
    return Card(name=name, **fields)


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
    read = _from_idx if about.idx else _from_loader if about.loader else _from_file
    raw, targets = read(about)
    _check(about, raw, targets)
    kind = np.result_type(about.dtype, np.float32)
    inputs = raw.reshape(len(raw), -1).astype(kind) / kind.type(about.maximum)
    if about.classes:
        return Dataset(about, inputs, targets.reshape(-1).astype(np.int64))
    return Dataset(about, inputs, targets.reshape(len(raw), -1).astype(np.float64))


def _check(about: Card, inputs: Array, targets: Array) -> None:
    """Refuse examples whose sizes differ from the card."""
    per_example = 1 if about.classes else len(about.targets)
    expected = about.points * math.prod(about.shape), about.points * per_example
    shape = " x ".join(map(str, about.shape))
    require(
        (inputs.size, targets.size) == expected and inputs.dtype == about.dtype,
        f"The card of {about.name!r} describes {about.points} examples of {shape}, "
        f"{about.dtype}, with {about.targets_in_words}; there are inputs of shape "
        f"{inputs.shape}, {inputs.dtype}, and targets of shape {targets.shape}.",
    )


def _from_file(about: Card) -> tuple[Array, Array]:
    path = shipped(about.name, str(about.file), about.sha256)
    if path.suffix != ".npz":
        return _from_table(about, path)
    with np.load(path, allow_pickle=False) as stored:
        inputs, targets = (
            next(name for name in names if name in stored) for names in (INPUTS, TARGETS)
        )
        return stored[inputs], stored[targets]


def _from_table(about: Card, path: Path) -> tuple[Array, Array]:
    """Columns that the card calls targets, and all others in their order."""
    rows = read_rows(path)
    names = [name for name in rows[0] if name not in about.targets]

    def numbers(columns: Sequence[str], kind: str) -> Array:
        return np.array([[row[name] for name in columns] for row in rows], dtype=kind)

    return numbers(names, about.dtype), numbers(about.targets, "float64")


def _from_loader(about: Card) -> tuple[Array, Array]:
    module, _, function = str(about.loader).partition(":")
    bunch = getattr(importlib.import_module(module), function)()
    targets = bunch.target.astype(np.uint8 if about.classes else np.float64)
    inputs = bunch.data.astype(about.dtype)
    _verify(about, inputs.tobytes() + targets.tobytes(), str(about.loader))
    return inputs, targets


def _from_idx(about: Card) -> tuple[Array, Array]:
    """Files that a user or a distribution put on this machine."""
    place = _place(about)
    if place is None:
        raise ManifoldScaleError(
            f"Data set {about.name!r} is not shipped and not on this machine. "
            f"{about.install} Looked in {', '.join(map(str, _places(about)))}."
        )
    parts = [[read_idx(_stored(place, name)) for name in pair] for pair in about.idx]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    _verify(about, images.tobytes() + labels.tobytes(), str(place))
    return images, labels


def _places(about: Card) -> list[Path]:
    """Where files that are not shipped may be: the user's folder, the cache, and the places
    on the card.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    roots = [Path(os.environ[HOME])] if os.environ.get(HOME) else []
    roots += [cache / "manifoldscale"]
    own = [root / name for root in roots for name in (about.name, *about.aliases)]
    return own + [Path(place) for place in about.places]


def _place(about: Card) -> Path | None:
    """The first place that holds all files of the data set."""
    needed = [name for pair in about.idx for name in pair]
    for place in _places(about):
        if all(_stored(place, name).is_file() for name in needed):
            return place
    return None


def _stored(place: Path, name: str) -> Path:
    """The plain file if there is one, else the compressed one."""
    plain = place / name
    return plain if plain.is_file() else place / f"{name}.gz"


def shipped(name: str, file: str, sha256: str) -> Path:
    """A file beside a card, its checksum verified."""
    path = folder() / name / file
    require(path.is_file(), f"The file of {name!r} is missing: {path}. {AGAIN}")
    verify(name, sha256, path.read_bytes(), str(path))
    return path


def _verify(about: Card, contents: bytes, place: str) -> None:
    remedy = about.install if about.idx else AGAIN
    verify(about.name, about.sha256, contents, place, remedy)


def verify(
    name: str, sha256: str, contents: bytes, place: str, remedy: str = AGAIN
) -> None:
    """Refuse contents that differ from those on the card."""
    found = hashlib.sha256(contents).hexdigest()
    if found != sha256:
        raise ManifoldScaleError(
            f"Data set {name!r} is not what its card describes: {place} has sha256 "
            f"{found[:16]}..., the card {sha256[:16]}... . The copy is damaged or "
            f"changed. {remedy}"
        )


def shipped_sweep(name: str, to: str | Path = ".") -> Path:
    """Copy a registry of trained networks that is shipped with the package to the folder
    `to`, for `sweeps.run`. An existing copy is left unchanged.

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
