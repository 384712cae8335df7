"""Early stopping: the network of the step at which examples of its own have the least loss.

The least of many noisy losses lies below the loss of that network on new examples. So one
half of the test examples chooses the step, and the other half tests it.
"""

import dataclasses as dc

import torch
from torch import Tensor

from ..core.errors import require
from .pack import Pack
from .tasks import Split


def halves(split: Split) -> tuple[Split, Split]:
    """A split with the half of its test examples that test, and one with the half that
    choose the step.
    """
    n = len(split.test_inputs) // 2
    require(n >= 2, "`keep` = 'best' needs at least 4 test examples, `n_test`.")

    def part(rows: slice) -> Split:
        return dc.replace(
            split,
            test_inputs=split.test_inputs[rows],
            test_targets=split.test_targets[rows],
        )

    return part(slice(n, None)), part(slice(n))


class Best:
    """The state of each member of a pack where its loss was least."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.values = pack.flat.values.clone()
        self.buffers = pack.buffers()
        self.least = torch.full_like(self.values[:, 0], torch.inf)

    @torch.no_grad()
    def look(self, losses: Tensor) -> None:
        """Keep the members whose losses, (members,), are the least so far."""
        better = losses < self.least  # false for NaN
        self.least = torch.where(better, losses, self.least)
        self.values[better] = self.pack.flat.values[better]
        if bool(better.any()):
            self.buffers = self.pack.buffers()

    @torch.no_grad()
    def restore(self) -> None:
        self.pack.flat.values.copy_(self.values)
        self.pack.set_buffers(self.buffers)
