"""A target that is made of parts, which are made of parts: a random hierarchy of rules."""

import dataclasses as dc
import functools
from typing import Annotated

import numpy as np

from ..core.arrays import Floats, Ints
from ..core.errors import require
from ..core.random import keyed
from ..core.settings import Count, Settings, at_least
from .tasks import Split, Task


@dc.dataclass(frozen=True)
class RandomHierarchy(Settings, Task):
    """Classify sentences of a random grammar: the random hierarchy model of Cagnetta et al.
    (2024).

    A class is a symbol of the top level. At each of `depth` levels a symbol is replaced by
    one of its `synonyms`, sequences of `branching` symbols of the level below, at random.
    No two symbols of a level share a sequence, so the sentence tells the class. It is given
    as a one-hot vector of `vocabulary` for each of its branching^depth symbols, scaled to
    unit mean square.

    A network that uses the hierarchy learns which sequences are synonyms from their
    correlation with the class, level by level. One of the lowest level stands out from
    sampling noise after D* = classes * synonyms^depth examples, and the others follow: the
    error falls at one size, D*, polynomial in the number of features, and not as a power of
    D. One that does not use it needs a share of all sentences,
    classes * synonyms^((branching^depth - 1) / (branching - 1)).

    Assumes: rules with equal frequencies, drawn at random; networks as deep as the
    hierarchy, trained to the end. D* is a scale, not an edge: fully connected networks of
    two or three hidden layers needed 3 to 10 times as many.

    >>> RandomHierarchy(vocabulary=8, classes=8, synonyms=4, depth=3).transition
    512

    Parameters
    ----------
    vocabulary : symbols at each level below the classes.
    classes : symbols at the top.
    synonyms : rules of each symbol.
    branching : length of a rule.
    depth : levels of rules.
    rules_seed : which grammar.
    """

    vocabulary: Count = 8
    classes: Annotated[int, at_least(2)] = 8
    synonyms: Count = 4
    branching: Annotated[int, at_least(2)] = 2
    depth: Annotated[int, at_least(1, most=8)] = 2
    rules_seed: Annotated[int, at_least(0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        most = self.vocabulary**self.branching // max(self.vocabulary, self.classes)
        require(
            self.synonyms <= most,
            f"`synonyms`: symbols do not share rules, so there are at most {most} for each "
            f"of {self.vocabulary} symbols and {self.classes} classes; not "
            f"{self.synonyms}.",
        )

    @property
    def name(self) -> str:
        return (
            f"random hierarchy, depth {self.depth}, {self.synonyms} synonyms, "
            f"{self.classes} classes"
        )

    @property
    def length(self) -> int:
        """Symbols of a sentence."""
        return int(self.branching**self.depth)

    @property
    def inputs(self) -> int:
        return self.length * self.vocabulary

    @property
    def outputs(self) -> int:
        return self.classes

    @property
    def has_classes(self) -> bool:
        return True

    @property
    def shared_data(self) -> bool:
        return False

    @property
    def transition(self) -> int:
        """D*, the scale of the number of examples at which the error falls."""
        return int(self.classes * self.synonyms**self.depth)

    @property
    def sentences(self) -> int:
        """All that the grammar makes."""
        replaced = (self.length - 1) // (self.branching - 1)
        return int(self.classes * self.synonyms**replaced)

    def floor(self, loss: str) -> float | None:
        return 0.0

    def largest(self, n_test: int) -> None:
        return None

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        inputs, targets = self._examples(n_test + n_train, keyed(seed, "sentences"))
        return Split(inputs[n_test:], targets[n_test:], inputs[:n_test], targets[:n_test])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        inputs, targets = self._examples(n, keyed(seed, "probe"))
        return inputs, targets.argmax(1)

    def _examples(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Inputs and one-hot classes; fewer are the first of more."""
        replaced = (self.length - 1) // (self.branching - 1)
        drawn = rng.random((n, 1 + replaced))
        symbols = (drawn[:, :1] * self.classes).astype(int)
        labels, at = symbols[:, 0], 1
        for rules in _rules(self):
            wide = symbols.shape[1]
            picked = (drawn[:, at : at + wide] * self.synonyms).astype(int)
            symbols = rules[symbols, picked].reshape(n, -1)
            at += wide
        shown = np.eye(self.vocabulary)[symbols].reshape(n, -1)
        return shown * self.vocabulary**0.5, np.eye(self.classes)[labels]


@functools.lru_cache(maxsize=8)
def _rules(task: RandomHierarchy) -> tuple[Ints, ...]:
    """For each level from the top, (symbols x synonyms x branching) symbols below."""
    rng, v, s = keyed(task.rules_seed, "hierarchy"), task.vocabulary, task.branching
    found = []
    for level in range(task.depth):
        symbols = task.classes if level == 0 else v
        chosen = rng.choice(v**s, size=symbols * task.synonyms, replace=False)
        parts = np.stack(np.unravel_index(chosen, (v,) * s), 1)
        found.append(parts.reshape(symbols, task.synonyms, s))
    return tuple(found)
