"""Weights from files, which can never run code."""

import dataclasses as dc
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..core.errors import ManifoldScaleError, few, require
from .stored_weights import joined, sets_of_weights, shard_advice, which
from .weight_names import Weights, is_average, is_first, parts_of, readings
from .wrappers import unregistered, unwrapped

LOG = logging.getLogger(__name__)

# Not used in eval mode, and missing in old checkpoints.
COUNTER = "num_batches_tracked"
SHOWN = 4  # choices that an error lists


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name: .safetensors, a file of `torch.save`, a state
    dict alone or beside an optimiser's, or the index of several files. `FILE::key` chooses
    one of several sets in a file, or the weights whose names begin with the key.

    Raises
    ------
    ManifoldScaleError : there is no such file, it is not a checkpoint, it holds several
        sets of weights, or loading it would run code, which is refused.
    """
    groups = sets_of_weights(path)
    require(len(groups) == 1, which(path, groups))
    (found,) = groups.values()
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def fill(model: nn.Module, path: str | Path) -> nn.Module:
    """Put the weights of a checkpoint into a model; every weight must have its place. A
    prefix that all names share is removed, or added if the model has one; parts of names
    from wrappers are ignored; weights that the model ties may have any one of their names.
    Of several sets of weights in a file, or under first parts of the names (`model.` beside
    `criterion.`), the one that fits is taken; an average over training beside others must
    be named.

    Raises
    ------
    ManifoldScaleError : names or shapes differ; the first few are shown.
    """
    network = unwrapped(model)
    fit = _chosen(network, path)
    hidden = unregistered(network)
    if hidden:
        LOG.warning(
            "%s does not see the modules in %s: no checkpoint holds their weights, which "
            "are as they were made. Use nn.ModuleList or nn.ModuleDict.",
            type(network).__name__,
            few(hidden),
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
    """Weights by the names of a network, how many of its names they have, and how they do
    not fit.
    """

    weights: Weights
    placed: int
    misfits: tuple[str, ...]

    @classmethod
    def best(cls, network: nn.Module, weights: Weights) -> "_Fit":
        """The reading of their names that fits, or else the one with the most places."""
        own = network.state_dict(keep_vars=True)
        tried = []
        for named in readings(own, weights):
            placed = len(own.keys() & named.keys())
            tried.append(cls(named, placed, tuple(_misfits(own, named))))
            if not tried[-1].misfits:
                return tried[-1]
        return max(tried, key=lambda one: one.placed)


def _chosen(network: nn.Module, path: str | Path) -> _Fit:
    """The only weights of a file that fit a network."""
    groups = sets_of_weights(path)
    fits = {key: _Fit.best(network, weights) for key, weights in groups.items()}
    good = {key: fit for key, fit in fits.items() if not fit.misfits}
    first, deeper = _parts(network, {k: v for k, v in groups.items() if k not in good})
    good |= {key: fit for key, fit in first.items() if not fit.misfits}
    good = _distinct(good)
    require(len(good) <= 1, which(path, good))
    for key, fit in good.items():
        require(
            not is_average(key) or (key in fits and len(fits) == 1),
            f"Of what {path} holds, only {key!r} fits {type(network).__name__}, by its "
            f"name an average over training. If you mean it: {_named(path, [key])}.",
        )
        return fit
    fits |= first
    near = max(fits, key=lambda key: fits[key].placed)
    several = f" It holds {', '.join(map(repr, groups))}." if len(groups) > 1 else ""
    where = f", nearest under {near!r}" if len(fits) > 1 and near else ""
    inside = f" These parts would fit: {_named(path, deeper)}." if deeper else ""
    raise ManifoldScaleError(
        f"{path} does not fit {type(network).__name__}{where}: "
        f"{'; '.join(fits[near].misfits)}.{several}{inside}{shard_advice(path)}"
    )


def _distinct(fits: Mapping[str, _Fit]) -> dict[str, _Fit]:
    """The fits with different weights: a loss may hold the same network once more. Averages
    over training come last.
    """
    kept: dict[str, _Fit] = {}
    for key, fit in sorted(fits.items(), key=lambda one: is_average(one[0])):
        own = fit.weights
        if not any(
            own.keys() == other.weights.keys()
            and all(_are_equal(own[n], other.weights[n]) for n in own)
            for other in kept.values()
        ):
            kept[key] = fit
    return kept


def _parts(
    network: nn.Module, groups: Mapping[str, Weights]
) -> tuple[dict[str, _Fit], list[str]]:
    """The weights under each first part of the names in a set; and the keys of weights that
    fit under more parts, which may be a layer of another network and must be asked for.
    """
    own = network.state_dict(keep_vars=True)
    needed = len({id(value) for name, value in own.items() if not name.endswith(COUNTER)})
    first, deeper = {}, []
    for key, weights in groups.items():
        fitting: list[str] = []
        for prefix, inside in parts_of(weights).items():
            at_first = is_first(prefix, weights)
            fewer = len(inside) < needed and not at_first
            if fewer or any(prefix.startswith(f"{p}.") for p in fitting):
                continue
            fit = _Fit.best(network, inside)
            if at_first:
                first[joined(key, prefix)] = fit
            if not fit.misfits:
                fitting.append(prefix)
                deeper += [] if at_first else [joined(key, prefix)]
    return first, deeper


def _named(path: str | Path, keys: list[str]) -> str:
    file = str(path).partition("::")[0]
    more = " and more" if len(keys) > SHOWN else ""
    return ", ".join(f"{file}::{key}" for key in keys[:SHOWN]) + more


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
            yield f"{what} {few(found)}"


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
        return one is other or (one.dtype == other.dtype and torch.equal(one, other))
    return bool(one == other)
