"""Files of weights, read without running anything: sets of tensors by name."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..core.errors import ManifoldScaleError, few, require
from .weight_names import Weights, under

DEEPEST = 3  # levels of nested mappings to search for weights
EXTRA = "_extra_state"  # made by a module itself, not always a tensor
INDEX = ".index.json"  # says which of several files holds a weight
ENDINGS = (INDEX, ".safetensors", ".pt", ".pth", ".bin", ".ckpt")
POINTER = b"version https://git-lfs"
SHARD = re.compile(r"-\d+-of-\d+\.")


def sets_of_weights(path: str | Path) -> dict[str, Weights]:
    """The sets of weights in a file by key; `FILE::key` gives the set with this key, or the
    weights of a set whose names begin with it.
    """
    file, colons, wanted = str(path).partition("::")
    found = dict(_sets(_stored(Path(file))))
    require(bool(found), f"{file} holds no tensors by name.")
    if not colons:
        return found
    if wanted in found:
        return {wanted: found[wanted]}
    parts = _parts(found, wanted)
    require(
        bool(parts),
        f"{file} has no weights under {wanted!r}; it has {_choices(found)}.",
    )
    require(len(parts) == 1, which(path, parts))
    return parts


def which(path: str | Path, keys: Iterable[str]) -> str:
    """The message that one of several sets of weights must be chosen."""
    file, keys = str(path).partition("::")[0], list(keys)
    choices = ", ".join(f"{file}::{key}" for key in keys if key)
    return (
        f"{file} holds several sets of weights: {', '.join(map(repr, keys))}. Choose "
        f"one, as {choices}."
    )


def shard_advice(path: str | Path) -> str:
    """What to name instead of one of several files of one set of weights."""
    file = Path(str(path).partition("::")[0])
    if not SHARD.search(file.name):
        return ""
    index = sorted(file.parent.glob(f"*{INDEX}"))
    named = f": name {index[0]}" if index else ", whose index is not beside it"
    return f" It is one of several files of one set{named}."


def _parts(found: Mapping[str, Weights], wanted: str) -> dict[str, Weights]:
    """The weights inside the sets that a key names, if it is not the key of a set."""
    parts = {}
    for key, weights in found.items():
        for prefix in dict.fromkeys((wanted, wanted.removeprefix(f"{key}."))):
            inside = under(prefix, weights)
            if inside:
                parts[joined(key, prefix)] = inside
    return parts


def joined(key: str, prefix: str) -> str:
    return f"{key}.{prefix}" if key and prefix else key or prefix


def _choices(found: Mapping[str, Weights]) -> str:
    """The keys of sets, and what the names in these begin with."""
    names = [name for weights in found.values() for name in weights if "." in name]
    parts = list(dict.fromkeys(name.partition(".")[0] for name in names))
    begun = f"names that begin with {few(parts, 6)}" if parts else "names of one part"
    keys = ", ".join(map(repr, filter(None, found)))
    return f"{keys}, with {begun}" if keys else begun


def _sets(stored: Any, key: str = "") -> Iterator[tuple[str, Weights]]:
    """(key, entries) of every mapping that holds tensors by name, the outermost first.
    States of optimisers are kept by number, and so are not weights.
    """
    if not isinstance(stored, Mapping) or not all(isinstance(k, str) for k in stored):
        return
    own = {
        name: value
        for name, value in stored.items()
        if isinstance(value, Tensor) or name.endswith(EXTRA)
    }
    # A number beside the weights, such as the step, is not a set.
    if any(isinstance(value, Tensor) and value.ndim for value in own.values()):
        yield key, own
    if key.count(".") + 1 < DEEPEST:
        for name, value in stored.items():
            if not name.endswith(EXTRA):
                yield from _sets(value, joined(key, name))


def _stored(path: Path) -> Any:
    if path.is_dir():
        raise ManifoldScaleError(f"Checkpoint {str(path)!r} is a folder: {_files(path)}")
    require(path.is_file(), f"Checkpoint {str(path)!r}: there is no such file.")
    with path.open("rb") as stored:
        is_pointer = stored.read(len(POINTER)) == POINTER
    require(
        not is_pointer, f"{path} is a pointer of Git LFS: fetch the file, `git lfs pull`."
    )
    if path.suffix == ".json":
        return _of_index(path)
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(str(path))
        except (safetensors.SafetensorError, OSError, ValueError, KeyError) as error:
            raise ManifoldScaleError(
                f"{path} is not a safetensors file, or is damaged: {error}."
            ) from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise anything
        words = re.sub("\x1b\\[[0-9;]*m", "", str(error)) or type(error).__name__
        said = words.splitlines()[0][:200]
        advice = "Save `model.state_dict()`, best as .safetensors."
        if "numpy" in str(error):
            advice = (
                "It holds arrays or numbers of NumPy. Save tensors, as `torch.save({name: "
                "torch.as_tensor(value) for name, value in weights.items()}, ...)`, and "
                "numbers beside them as those of Python."
            )
        raise ManifoldScaleError(
            f"{path} is refused: it holds more than tensors, or is damaged, and loading "
            f"Python objects can run anything. {advice} ({said})"
        ) from error


def _files(folder: Path) -> str:
    """Which file of a folder to name; an index of several files comes first."""
    names = [file.name for file in sorted(folder.iterdir()) if file.is_file()]
    found = [name for end in ENDINGS for name in names if name.endswith(end)]
    whole = [name for name in found if not SHARD.search(name)] or found
    if not whole:
        return f"it holds no file of weights ({', '.join(ENDINGS)})."
    more = " and more" if len(whole) > 4 else ""
    return f"name the file, as {' or '.join(str(folder / n) for n in whole[:4])}{more}."


def files_of(path: Path) -> list[Path]:
    """The file, and the files that it names if it is an index."""
    if not path.name.endswith(INDEX):
        return [path]
    return [path, *(path.parent / name for name in sorted(set(_places(path).values())))]


def _places(path: Path) -> dict[str, str]:
    """Weight to file, from an index."""
    try:
        found = dict(json.loads(path.read_text("utf-8"))["weight_map"])
        places = {str(name): str(file) for name, file in found.items()}
        if any(file.endswith(".json") for file in places.values()):
            raise ValueError("it names another index")
    except (ValueError, KeyError, TypeError) as error:
        raise ManifoldScaleError(
            f"{path} is not an index of files of weights, or is damaged "
            f"({type(error).__name__}: {error}). Name a file of weights, or the "
            f"*{INDEX} beside them."
        ) from error
    lacking = sorted({f for f in places.values() if not (path.parent / f).is_file()})
    require(
        not lacking,
        f"{path} names {', '.join(lacking[:3])}{' and more' * (len(lacking) > 3)}, which "
        "is not beside it: the download or copy is not complete.",
    )
    return places


def _of_index(path: Path) -> dict[str, Any]:
    """The weights of all files that an index names."""
    places = _places(path)
    stored = {name: _stored(path.parent / name) for name in set(places.values())}
    held = {
        name: found if isinstance(found, dict) else {} for name, found in stored.items()
    }
    gone = [name for name, file in places.items() if name not in held[file]]
    require(
        not gone,
        f"{path} names weights that its files do not hold: {few(gone)}.",
    )
    return {name: held[file][name] for name, file in places.items()}
