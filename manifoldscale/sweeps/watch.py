"""The test losses of a pack while it is trained, at steps that are even in their logarithm.

To look changes nothing of the training (`Pack.tested`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .losses import example_loss
from .pack import Pack
from .tasks import Split

LOOKS = 40  # of a run
SHARE = 0.02  # of the arithmetic of training that looking takes, at most
FEWEST = 32  # test examples, below which the losses say little

Point = tuple[int, float, float]  # step, test loss, its standard error


def steps_of(budget: int, looks: int = LOOKS) -> tuple[int, ...]:
    """About `looks` steps, even in their logarithm, from the first to the last.

    >>> steps_of(10), len(steps_of(1000)), steps_of(1000)[-1]
    ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 35, 1000)
    """
    spaced = np.geomspace(1, budget, looks).round().astype(int)
    return tuple(np.unique(spaced).tolist())


def examples_of(n_test: int, budget: int, batch: int) -> int:
    """How many of the test examples are looked at: all, or as many as cost no more than
    SHARE of training. A step on an example costs three times a look at one.
    """
    most = int(SHARE * 3 * budget * batch / len(steps_of(budget)))
    return min(n_test, max(most, FEWEST))


class Watch:
    """Looks at a pack after some of its steps.

    steps : those after which it looks. The losses are those of the first `examples_of` test
    examples, the same at all steps.
    """

    def __init__(
        self, examples: Sequence[Split], budget: int, batch: int, loss: str, like: Tensor
    ) -> None:
        self.steps, self.loss = set(steps_of(budget)), loss
        n = examples_of(len(examples[0].test_inputs), budget, batch)

        def first(arrays: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(like.device, like.dtype)

        self.inputs = first([one.test_inputs[:n] for one in examples])
        self.targets = first([one.test_targets[:n] for one in examples])
        self.seen: list[tuple[int, Tensor]] = []

    @torch.no_grad()
    def __call__(self, pack: Pack, step: int) -> None:
        """Note the losses after a step, where it is one of those."""
        if step in self.steps:
            with pack.tested():
                outputs = pack(self.inputs)
            self.seen.append((step, example_loss(outputs, self.targets, self.loss)))

    def trajectory(self, member: int, done: int) -> list[Point]:
        """Of one member, up to the step at which it stopped."""
        seen = [
            (step, losses[member].double()) for step, losses in self.seen if step <= done
        ]
        found = [
            (step, float(one.mean()), float(one.std()) / len(one) ** 0.5)
            for step, one in seen
        ]
        return [point for point in found if np.isfinite(point).all()]
