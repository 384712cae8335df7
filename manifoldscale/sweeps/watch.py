"""The test losses of a pack during training, at steps evenly spaced in their logarithm.

Looking does not change the training (`Pack.tested`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .objectives import example_loss
from .pack import Pack
from .tasks import Split

LOOKS = 40  # per run
SHARE = 0.02  # looking takes at most this share of the arithmetic of training
FEWEST = 32  # test examples; losses of fewer say little

Point = tuple[int, float, float]  # step, test loss, its standard error


def steps_of(budget: int, looks: int = LOOKS) -> tuple[int, ...]:
    """About `looks` steps from the first to the last, evenly spaced in their logarithm.

    >>> steps_of(10), len(steps_of(1000)), steps_of(1000)[-1]
    ((1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 35, 1000)
    """
    spaced = np.geomspace(1, budget, looks).round().astype(int)
    return tuple(np.unique(spaced).tolist())


def examples_of(n_test: int, budget: int, batch: int) -> int:
    """How many test examples are looked at: all, or as many as cost no more than SHARE of
    training. A step on an example costs three times as much as a look at it.
    """
    most = int(SHARE * 3 * budget * batch / len(steps_of(budget)))
    return min(n_test, max(most, FEWEST))


class Watch:
    """Looks at a pack after some of its steps.

    steps : the steps after which it looks. The losses are of the first `examples_of` test
    examples, the same at all steps; of all of them if `batch` is None.
    """

    def __init__(
        self,
        examples: Sequence[Split],
        budget: int,
        batch: int | None,
        loss: str,
        like: Tensor,
    ) -> None:
        self.steps, self.loss = set(steps_of(budget)), loss
        n = len(examples[0].test_inputs)
        n = n if batch is None else examples_of(n, budget, batch)

        def first(arrays: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(arrays)).to(like.device, like.dtype)

        self.inputs = first([one.test_inputs[:n] for one in examples])
        self.targets = first([one.test_targets[:n] for one in examples])
        self.seen: list[tuple[int, Tensor]] = []

    @torch.no_grad()
    def __call__(self, pack: Pack, step: int) -> Tensor | None:
        """Register the losses after a step, (members x examples), if it is one of
        `steps`.
        """
        if step not in self.steps:
            return None
        with pack.tested():
            outputs = pack(self.inputs)
        self.seen.append((step, example_loss(outputs, self.targets, self.loss)))
        return self.seen[-1][1]

    def trajectory(self, member: int, done: int) -> list[Point]:
        """The points of one member, up to the step at which it stopped."""
        seen = ((s, losses[member].double()) for s, losses in self.seen if s <= done)
        found = [(s, float(x.mean()), float(x.std()) / len(x) ** 0.5) for s, x in seen]
        return [point for point in found if np.isfinite(point).all()]
