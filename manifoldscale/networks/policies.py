"""A policy from the word that names it: `tokens:8`, `last+special`, `CHW:mean`."""

import dataclasses as dc
import re

from ..core.errors import ManifoldScaleError, nearest, require
from .padding import MARK, SPECIAL
from .points import (
    PROJECTED,
    Flatten,
    Mean,
    Named,
    Points,
    Position,
    Project,
    Several,
    Token,
    Word,
    plain,
)

WORDS = ("auto", "flatten", "mean", "mean-special", "cls", "last", "tokens", "patches")
COUNTED = "special"  # after a plus
SPAN = re.compile(r"(-?\d+)(?:\.\.(-?\d+))?")


def columns_of(policy: Points) -> set[str]:
    """The columns beside the inputs that say which tokens a policy means."""
    base = plain(policy)
    if isinstance(base, Word):
        return {f"{MARK}{base.name}"}
    counts = isinstance(base, Token | Position | Several | Mean) and not base.special
    return {SPECIAL} if counts and str(base) != "cls" else set()


def points_from(word: str, seed: int = 0) -> Points | None:
    """The policy that a word means; None for "auto"."""
    axes, colon, rest = word.partition(":")
    if colon and axes.isupper():
        named = points_from(rest, seed)
        require(named is not None, f"`points`: {word!r} names axes for no policy.")
        assert named is not None
        return Named(axes, named)
    # The name of a file may hold a plus.
    split = r"\+(?=project)" if axes == "word" else r"\+"
    base, *more = re.split(split, word)
    policy = _base(base, seed)
    for part in more:
        policy = _with(policy, part, word, seed)
    return policy


def _with(policy: Points | None, part: str, word: str, seed: int) -> Points:
    """A policy with what stands after a plus."""
    counts = str(policy).partition(":")[0] in ("last", "token", "tokens")
    if part == COUNTED and counts and isinstance(policy, Token | Position | Several):
        return dc.replace(policy, special=True)
    name, _, size = part.partition(":")
    require(
        name == "project" and policy is not None and (size == "" or size.isdigit()),
        f"`points`: {word!r} is not understood after the '+'; a projection is written "
        "flatten+project:1024, and last+special, token:0+special, tokens:8+special count "
        "the tokens that a tokenizer adds.",
    )
    assert policy is not None
    return Project(policy, int(size or PROJECTED), seed)


def _base(base: str, seed: int) -> Points | None:
    name, colon, rest = base.partition(":")
    if name == "word" and rest:
        mark, _, take = rest.rpartition(":")
        return Word(mark, take) if mark and take in ("mean", "last") else Word(rest)
    span = SPAN.fullmatch(rest)
    if name == "token" and span:
        return Position(int(span[1]), None if span[2] is None else int(span[2]))
    counted = name in ("tokens", "patches")
    if name not in WORDS or (colon and not (counted and rest.isdigit())):
        raise ManifoldScaleError(
            f"`points` must be one of {', '.join(map(repr, WORDS))}, tokens and patches "
            f"with a number as in 'tokens:8', a place as in 'token:-2' or 'token:2..5', or "
            f"a file of words as in 'word:words.txt'; not {base!r}. Did you mean "
            f"{nearest(name, WORDS, 1)}?"
        )
    if counted:
        return Several(name, int(rest) if rest else None, seed)
    single = {"flatten": Flatten(), "mean": Mean(), "mean-special": Mean(False)}
    return None if name == "auto" else single.get(name) or Token(name)
