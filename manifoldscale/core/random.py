"""Random numbers: passed by name, spawned by key, never global."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ManifoldScaleError, is_whole

Rng = int | np.random.Generator


def generator(rng: Rng) -> np.random.Generator:
    """The generator that an `rng` argument (an int or a Generator) stands for."""
    if isinstance(rng, np.random.Generator):
        return rng
    if is_whole(rng) and int(rng) >= 0:
        return np.random.default_rng(int(rng))
    raise ManifoldScaleError(
        f"`rng` must be a non-negative int or a numpy Generator; not {rng!r}."
    )


def keyed(seed: int, *key: int | str) -> np.random.Generator:
    """An independent stream for each (seed, key).

    What a run draws depends on its own key alone, not on the order of the runs, their pack
    or their process.
    """
    return np.random.default_rng(np.random.SeedSequence([int(seed), *_words(key)]))


def _words(key: Sequence[int | str]) -> list[int]:
    return [
        int.from_bytes(part.encode(), "little") if isinstance(part, str) else int(part)
        for part in key
    ]


def hashed(seed: int, *parts: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """64 random bits for each combination of whole numbers, broadcast together.

    A pure function: the bits of a row depend neither on the other rows nor on their order,
    and draws are the same in any batch or process.

    >>> bool(hashed(0, [7, 8])[1] == hashed(0, 8))
    True
    """
    bits = _mixed(np.uint64(int(seed) % 2**64))
    for part in parts:
        # Whole numbers wrap around, as a hash should.
        bits = _mixed(bits ^ _mixed(np.asarray(part).astype(np.uint64)))
    return np.asarray(bits)


def nested_rows(n: int, total: int, seed: int) -> npt.NDArray[np.int64]:
    """`n` of the rows 0 ... total - 1 in their order, drawn without replacement.

    The draws of one seed are nested: a larger n keeps all rows of a smaller one.
    """
    if n >= total:
        return np.arange(total)
    order = np.argsort(hashed(seed, np.arange(total)), kind="stable")
    return np.sort(order[:n])


def _mixed(bits: Any) -> Any:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014), a bijection."""
    with np.errstate(over="ignore"):
        bits = bits + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))
