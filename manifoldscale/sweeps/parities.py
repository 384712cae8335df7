"""Many independent pieces of knowledge of very different use: the quanta of scaling."""

import dataclasses as dc
import functools
import itertools
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from scipy import stats

from ..core.arrays import Floats, Ints
from ..core.errors import require
from ..core.random import keyed
from ..core.settings import Count, Positive, Settings, at_least
from .tasks import Split, Task


@dc.dataclass(frozen=True)
class SparseParities(Settings, Task):
    """Parities of a few of many bits, one of which an example asks for, with frequencies
    that fall as a power: the multitask sparse parity of Michaud et al. (2023).

    An example is a one-hot vector that names subtask k, of length sqrt(bits), beside random
    bits of -1 and 1. Its target is the product of the `size` bits of that subtask, which is
    asked for with probability p_k ~ k^-(1 + decay). A parity is not learned in parts: a
    network knows a subtask or not, and its loss, 1 at the start, is the share of examples
    that ask for what it does not know.

    If a subtask is known after a number of its own examples, n subtasks are known after
    D ~ 1 / p_n of them all, and the others are asked for with probability n^-decay: the
    loss falls as D^-(decay / (1 + decay)). If each takes as many parameters, it falls as
    P^-decay. The dimension of the inputs has no part in it.

    Assumes: subtasks independent of each other, and equally hard; and sizes at which n is
    far from 1 and from `subtasks`: `expected_loss` is exact where it is not.

    >>> task = SparseParities(decay=1.0)
    >>> task.alpha_D, task.alpha_P
    (0.5, 1.0)

    Parameters
    ----------
    subtasks : their number; they are the first sets of bits in a random order, and distinct
        while there are enough.
    decay : of the frequencies; None makes them equal, a control without a power law: all
        subtasks are learned at one size.
    bits : that are not the name of the subtask.
    size : bits of a parity.
    rules_seed : which bits.
    """

    subtasks: Count = 100
    decay: Positive | None = 1.0
    bits: Annotated[int, at_least(1, most=64)] = 16
    size: Count = 2
    rules_seed: Annotated[int, at_least(0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.size <= self.bits,
            f"`size`: a parity of {self.size} bits cannot be had of {self.bits}.",
        )

    @property
    def name(self) -> str:
        said = "equal" if self.decay is None else f"decay {self.decay:g}"
        return f"{self.subtasks} parities of {self.size} of {self.bits} bits, {said}"

    @property
    def inputs(self) -> int:
        return self.subtasks + self.bits

    @property
    def outputs(self) -> int:
        return 1

    @property
    def shared_data(self) -> bool:
        return False

    @property
    def alpha_D(self) -> float | None:
        """The predicted exponent of the data; None where there is none."""
        return None if self.decay is None else self.decay / (1 + self.decay)

    @property
    def alpha_P(self) -> float | None:
        """The predicted exponent of the parameters; None where there is none."""
        return self.decay

    @property
    def frequencies(self) -> Floats:
        """(subtasks,) probabilities p_k."""
        ranks = np.arange(1, self.subtasks + 1.0)
        weights = ranks ** (-1 - self.decay) if self.decay is not None else ranks**0
        return np.asarray(weights / weights.sum())

    def expected_loss(self, sizes: Sequence[int], needed: int) -> Floats:
        """The expected loss after each number of examples, if a subtask is known from
        `needed` of its own on: sum_k p_k Pr(Binomial(D, p_k) < needed).
        """
        p = self.frequencies
        counts = np.asarray(sizes)[:, None]
        return np.asarray(stats.binom.cdf(needed - 1, counts, p) @ p)

    def floor(self, loss: str) -> float | None:
        return 0.0

    def largest(self, n_test: int) -> None:
        return None

    def draw(self, n_train: int, n_test: int, seed: int) -> Split:
        inputs, targets = self._examples(n_test + n_train, keyed(seed, "parities"))
        return Split(inputs[n_test:], targets[n_test:], inputs[:n_test], targets[:n_test])

    def points(self, n: int, seed: int) -> tuple[Floats, Floats | None]:
        return self._examples(n, keyed(seed, "probe"))[0], None

    def _examples(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Inputs and targets; fewer are the first of more."""
        drawn = rng.random((n, 1 + self.bits))
        ends = np.cumsum(self.frequencies)[:-1]
        which = np.searchsorted(ends, drawn[:, 0], side="right")
        bits = np.where(drawn[:, 1:] < 0.5, -1.0, 1.0)
        names = np.zeros((n, self.subtasks))
        names[np.arange(n), which] = self.bits**0.5
        asked = np.take_along_axis(bits, _rules(self)[which], 1)
        return np.hstack([names, bits]), asked.prod(1, keepdims=True)


@functools.lru_cache(maxsize=8)
def _rules(task: SparseParities) -> Ints:
    """(subtasks x size) bits of each parity."""
    rng = keyed(task.rules_seed, "parities", task.bits, task.size)
    if task.bits <= 24 and task.size <= 4:
        every = np.array(list(itertools.combinations(range(task.bits), task.size)))
        order = rng.permutation(len(every))
        return np.asarray(every[np.resize(order, task.subtasks)])
    draws = [rng.permutation(task.bits)[: task.size] for _ in range(task.subtasks)]
    return np.sort(draws, axis=1)
