"""Weights from files, none of which can run code."""

import dataclasses as dc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..core.errors import ManifoldScaleError, require
from .wrappers import unwrapped

DEEPEST = 3  # mappings inside one another that are searched for weights
EXTRA = "_extra_state"  # of a module's own making, not always a tensor
# Of no use in eval mode, and not there in checkpoints of old.
COUNTER = "num_batches_tracked"
AVERAGED = "n_averaged"  # beside the weights of an average over training

Weights = Mapping[str, Any]


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name: .safetensors, or what `torch.save` wrote, a
    state dict alone or beside an optimiser's. `FILE::key` chooses one of several in a file.

    Raises
    ------
    ManifoldScaleError : there is no such file, it is no checkpoint, it holds several sets
        of weights, or loading it would run code, which never happens.
    """
    groups = _groups(path)
    require(len(groups) == 1, _which(path, groups))
    (found,) = groups.values()
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def fill(model: nn.Module, path: str | Path) -> nn.Module:
    """Put the weights of a checkpoint into a model; every one must have its place. A prefix
    that all of the names share is left out, and weights that the model ties may stand under
    one of their names. Of several sets of weights in a file the one that fits is taken.

    Raises
    ------
    ManifoldScaleError : names or shapes differ; the first few are shown.
    """
    network = unwrapped(model)
    groups = _groups(path)
    fits = {key: _Fit.best(network, weights) for key, weights in groups.items()}
    good = {key: fit for key, fit in fits.items() if not fit.misfits}
    require(len(good) <= 1, _which(path, good))
    fit = next(iter(good.values() or fits.values()))
    several = f" It holds {', '.join(map(repr, fits))}." if len(fits) > 1 else ""
    require(
        not fit.misfits,
        f"{path} does not fit {type(network).__name__}: {'; '.join(fit.misfits)}.{several}",
    )
    try:
        network.load_state_dict(dict(fit.weights), strict=False)
    except Exception as error:  # of a module that reads its own state
        raise ManifoldScaleError(
            f"{path} cannot be put into {type(network).__name__}: {error}"
        ) from error
    return model


@dc.dataclass(frozen=True)
class _Fit:
    """Weights by the names of a network, and in what they do not fit it."""

    weights: Weights
    misfits: tuple[str, ...]

    @classmethod
    def best(cls, network: nn.Module, weights: Weights) -> "_Fit":
        """With as much of the common prefix left out as makes the names fit."""
        own = network.state_dict(keep_vars=True)
        tried = [cls(named, tuple(_misfits(own, named))) for named in _shortened(weights)]
        return next((one for one in tried if not one.misfits), tried[0])


def _shortened(weights: Weights) -> list[Weights]:
    """The weights as they are called, and without one, two, ... first parts of the name
    that all of them share, as in `module.` or `model._orig_mod.`.
    """
    found = [weights]
    while True:
        names = [name for name in found[-1] if name != AVERAGED]
        parts = {name.partition(".")[0] for name in names}
        if len(parts) != 1 or any("." not in name for name in names):
            return found
        found.append({name.partition(".")[2]: found[-1][name] for name in names})


def _misfits(own: Mapping[str, Any], weights: Weights) -> Iterator[str]:
    """What is wrong with weights for a network of these entries, in words."""
    names = _tied(own)
    lacking = [
        name
        for name in own
        if not name.endswith(COUNTER) and not any(n in weights for n in names[name])
    ]
    shared = [name for name in own if name in weights]
    shapes = [n for n in shared if not _has_shape(own[n], weights[n])]
    kinds = [n for n in shared if not _has_kind(own[n], weights[n])]
    apart = [
        n
        for n in shared
        for other in names[n]
        if n < other and other in weights and not _are_equal(weights[n], weights[other])
    ]
    for what, found in (
        ("it lacks", lacking),
        ("it has besides", sorted(weights.keys() - own)),
        ("of another shape are", shapes),
        ("whole numbers, as of quantised weights, are", kinds),
        ("one weight of the network under several names is not one in it:", apart),
    ):
        if found:
            more = " and more" if len(found) > 3 else ""
            yield f"{what} {', '.join(map(repr, found[:3]))}{more}"


def _tied(own: Mapping[str, Any]) -> dict[str, list[str]]:
    """Each name with the names of the same weight."""
    groups: dict[int, list[str]] = {}
    for name, value in own.items():
        groups.setdefault(id(value), []).append(name)
    return {name: groups[id(value)] for name, value in own.items()}


def _has_shape(own: Any, given: Any) -> bool:
    tensors = isinstance(own, Tensor) and isinstance(given, Tensor)
    return not tensors or is_lazy(own) or own.shape == given.shape


def _has_kind(own: Any, given: Any) -> bool:
    tensors = isinstance(own, Tensor) and isinstance(given, Tensor)
    return not tensors or own.is_floating_point() <= given.is_floating_point()


def _are_equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or torch.equal(one, other)
    return bool(one == other)


def _groups(path: str | Path) -> dict[str, Weights]:
    """The sets of weights in a file, by their key; `FILE::key` is the one of that key."""
    file, colons, wanted = str(path).partition("::")
    found = dict(_sets(_stored(Path(file))))
    require(bool(found), f"{file} holds no tensors by name.")
    if not colons:
        return found
    require(
        wanted in found,
        f"{file} has no weights under {wanted!r}; it has {', '.join(map(repr, found))}.",
    )
    return {wanted: found[wanted]}


def _sets(stored: Any, key: str = "") -> Iterator[tuple[str, Weights]]:
    """(key, entries) of every mapping that holds tensors by name, the outermost first. The
    states of optimisers are kept by number.
    """
    if not isinstance(stored, Mapping) or not all(isinstance(k, str) for k in stored):
        return
    own = {
        name: value
        for name, value in stored.items()
        if isinstance(value, Tensor) or name.endswith(EXTRA)
    }
    # A number beside the weights, such as the step, makes no set of its own.
    if any(isinstance(value, Tensor) and value.ndim for value in own.values()):
        yield key, own
    if key.count(".") + 1 < DEEPEST:
        for name, value in stored.items():
            if not name.endswith(EXTRA):
                yield from _sets(value, f"{key}.{name}" if key else name)


def _which(path: str | Path, groups: Mapping[str, Any]) -> str:
    file = str(path).partition("::")[0]
    choices = ", ".join(f"{file}::{key}" for key in groups if key)
    return (
        f"{file} holds several sets of weights: {', '.join(map(repr, groups))}. Choose "
        f"one, as {choices}."
    )


def _stored(path: Path) -> Any:
    require(path.is_file(), f"Checkpoint {str(path)!r}: there is no such file.")
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
        raise ManifoldScaleError(
            f"{path} is refused: it holds more than tensors, or is damaged, and loading "
            "Python objects can run anything. Save `model.state_dict()`, best as "
            f".safetensors. ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
