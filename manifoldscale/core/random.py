"""Random numbers: passed by name, spawned by key, never global."""

from collections.abc import Sequence

import numpy as np

from .errors import ManifoldScaleError

Rng = int | np.random.Generator


def generator(rng: Rng) -> np.random.Generator:
    """The generator that an `rng` argument (an int or a Generator) stands for."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(rng)
    raise ManifoldScaleError(
        f"`rng` must be a non-negative int or a numpy Generator; not {rng!r}."
    )


def keyed(seed: int, *key: int | str) -> np.random.Generator:
    """An independent stream for each (seed, key).

    What a run draws depends on its own key alone: not on the order of the runs, nor on
    the pack or the process that it is in.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, *_words(key)]))


def _words(key: Sequence[int | str]) -> list[int]:
    return [
        part if isinstance(part, int) else int.from_bytes(part.encode(), "little")
        for part in key
    ]
