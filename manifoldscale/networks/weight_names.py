"""The names of weights: what wrappers, prefixes and reparametrisations do to them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.names import words_of
from .wrappers import INNER

AVERAGED = "n_averaged"  # beside the weights of an average over training
AVERAGES = {"ema", "swa", "avg", "average", "averaged", "shadow"}
DEEPEST = 3  # parts of a name under which a network among others may be

# What a parametrisation keeps of a weight, and the ending of its older name.
OLDER = {
    "original0": "g",
    "original1": "v",
    "original": "orig",
    "0._u": "u",
    "0._v": "v",
}

Weights = Mapping[str, Any]


def readings(own: Weights, weights: Weights) -> Iterator[Weights]:
    """The weights under the names that a network with names `own` may mean: unchanged;
    without one, two, ... first parts that all names share (`module.`); with the first parts
    that all of the network's names share. Additions by wrappers and reparametrisations are
    translated.
    """
    common = _common(own)
    added = [
        "",
        *("".join(f"{part}." for part in common[: n + 1]) for n in range(len(common))),
    ]
    for named in _shortened(weights):
        for prefix in added:
            yield _translated(own, {prefix + name: v for name, v in named.items()})


def parts_of(weights: Weights) -> dict[str, Weights]:
    """The weights under each prefix of a few parts of the names, without it; parts that all
    names share do not count.
    """
    common = _common(name for name in weights if name != AVERAGED)
    prefixes: dict[str, None] = {}
    for name in weights:
        parts = name.split(".")[:-1]
        deepest = min(len(parts), len(common) + DEEPEST)
        for n in range(len(common) + 1, deepest + 1):
            prefixes[".".join(parts[:n])] = None
    return {prefix: under(prefix, weights) for prefix in prefixes}


def is_first(prefix: str, weights: Weights) -> bool:
    """Whether a prefix ends at the first part in which names differ; deeper parts are
    layers of a network instead of networks.
    """
    shared = len(_common(name for name in weights if name != AVERAGED))
    last = prefix.split(".")[-1]
    return prefix.count(".") == shared and not last.isdigit()


def under(prefix: str, weights: Weights) -> Weights:
    """The weights whose names begin with a prefix, without it."""
    start = f"{prefix}."
    return {n.removeprefix(start): v for n, v in weights.items() if n.startswith(start)}


def is_average(key: str) -> bool:
    """Whether weights with this key are an average over training, by its words."""
    return bool(AVERAGES & set(words_of(key)))


def _common(names: Iterable[str]) -> list[str]:
    """The first parts that all names share; the last part of a name is not a prefix."""
    split = [name.split(".")[:-1] for name in names]
    found = []
    for parts in zip(*split, strict=False):  # as far as the shortest
        if len(set(parts)) > 1:
            break
        found.append(parts[0])
    return found


def _shortened(weights: Weights) -> Iterator[Weights]:
    yield weights
    names = [name for name in weights if name != AVERAGED]
    for n in range(1, len(_common(names)) + 1):
        yield {name.split(".", n)[n]: weights[name] for name in names}


def _translated(own: Weights, weights: Weights) -> Weights:
    """The weights by the names of the network, if only wrappers and reparametrisations make
    the names differ. If that would put two weights in one place, they keep their names.
    """
    places: dict[str, list[str]] = {}
    for name in own:
        places.setdefault(_bare(name), []).append(name)
    asked: dict[str, list[str]] = {}
    for name in weights:
        meant = places.get(_bare(name), ())
        place = name if name in own or len(meant) != 1 else meant[0]
        asked.setdefault(place, []).append(name)
    return {
        place if len(names) == 1 else name: weights[name]
        for place, names in asked.items()
        for name in names
    }


def _bare(name: str) -> str:
    """A name without the parts of wrappers (also `module` of parallel ones), and with the
    older names for the weights of `weight_norm` and `spectral_norm`.
    """
    kept = [part for part in name.split(".") if part not in (*INNER, "module")]
    plain = ".".join(kept)
    found = re.fullmatch(r"(.*?)parametrizations\.([^.]+)\.(.+)", plain)
    older = OLDER.get(found[3]) if found else None
    return f"{found[1]}{found[2]}_{older}" if found and older else plain
