"""The data sets at hand: a card each, checked when loaded."""

import dataclasses as dc
import hashlib
import importlib
import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import ManifoldScaleError, nearest
from ..geometry.cloud import Cloud
from .idx import read_idx

HOME = "MANIFOLDSCALE_DATA"  # the environment variable that names a folder of data sets
EXAMPLES = "examples"  # the kind of a card that does not say another
AGAIN = "Install the package again."


@dc.dataclass(frozen=True)
class Card:
    """What is known of a data set, as its card.toml says.

    Its examples come from one of: `file`, shipped beside the card; `loader`, a function of
    a library; `idx`, pairs of files (images, labels) that are not shipped, in the first
    of `places` that has them. `install` says how to get those.
    """

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
    idx: tuple[tuple[str, str], ...] = ()
    places: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    install: str = ""
    origin_sha256: str | None = None

    @property
    def at_hand(self) -> bool:
        """Whether `load` finds the examples on this machine."""
        return not self.idx or _place(self) is not None


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
    for key in ("shape", "places", "aliases"):
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
    images, labels = read(about)
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
    """Where files that are not shipped may be: the folder of the user, the cache, and the
    places that the card names.
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
    """The file as it is, or compressed."""
    plain = place / name
    return plain if plain.is_file() else place / f"{name}.gz"


def _verify(about: Card, contents: bytes, place: str) -> None:
    remedy = about.install if about.idx else AGAIN
    verify(about.name, about.sha256, contents, place, remedy)


def verify(
    name: str, sha256: str, contents: bytes, place: str, remedy: str = AGAIN
) -> None:
    """Refuse contents that are not those which a card describes."""
    found = hashlib.sha256(contents).hexdigest()
    if found != sha256:
        raise ManifoldScaleError(
            f"Data set {name!r} is not what its card describes: {place} has sha256 "
            f"{found[:16]}..., the card {sha256[:16]}... . The copy is damaged or "
            f"changed. {remedy}"
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
