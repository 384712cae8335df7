"""Controls of a text: the same words without their order, or without their sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.arrays import Array, Bools
from ..core.errors import one_of, require
from ..core.random import keyed

# What is exchanged, and what is kept.
SHUFFLES = {
    "words": "words in random order within each sentence",
    "sentences": "words exchanged at random between sentences, whose lengths are kept",
}


def shuffled_lines(lines: Sequence[str], kind: str, seed: int = 0) -> list[str]:
    """Lines with their words, which spaces divide, shuffled: within each line ("words"), or
    over all of them ("sentences"), where a line keeps its number of words.
    """
    one_of("shuffle", kind, SHUFFLES)
    split = [line.split() for line in lines]
    require(
        any(len(words) > 1 for words in split),
        f"`shuffle` {kind!r} needs words that spaces divide; each line is one word.",
    )
    if kind == "words":
        orders = (keyed(seed, "words", i).permutation(len(s)) for i, s in enumerate(split))
        return [" ".join(s[j] for j in o) for s, o in zip(split, orders, strict=True)]
    words = [word for line in split for word in line]
    order = iter(keyed(seed, "sentences").permutation(len(words)).tolist())
    return [" ".join(words[next(order)] for _ in line) for line in split]


def shuffled_tokens(given: Any, kind: str, seed: int = 0) -> dict[str, Array]:
    """Inputs by name whose tokens are shuffled, where only their numbers are known: padding
    and special tokens stay at their places, and the parts of a word may come apart.

    Raises
    ------
    ManifoldScaleError : the inputs are no tokens by name.
    """
    one_of("shuffle", kind, SHUFFLES)
    require(
        isinstance(given, Mapping) and np.ndim(given.get("input_ids", 0)) == 2,
        "`shuffle` needs tokens: a text, text:FILE@TOKENIZER, or `input_ids` (examples x "
        "tokens) in a mapping, with `attention_mask` where some are padding.",
    )
    ids, words = np.array(given["input_ids"]), _words(given)
    if kind == "words":
        for row, mine in enumerate(words):
            places = np.flatnonzero(mine)
            ids[row, places] = keyed(seed, "words", row).permutation(ids[row, places])
    else:
        ids[words] = keyed(seed, "sentences").permutation(ids[words])
    # Where a marked word has gone is not known.
    kept = {name: value for name, value in given.items() if not name.startswith("word:")}
    return {**kept, "input_ids": ids}


def _words(given: Mapping[str, Array]) -> Bools:
    """(examples x tokens) True where a token is neither padding nor special."""
    words = np.ones(np.shape(given["input_ids"]), bool)
    if "attention_mask" in given:
        words &= np.asarray(given["attention_mask"]) != 0
    if "special_tokens_mask" in given:
        words &= np.asarray(given["special_tokens_mask"]) == 0
    return words
