"""The training sets of a pack, and the order in which its members see them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.random import keyed
from .tasks import Split


class Data:
    """The training sets of all members, one after the other."""

    def __init__(self, examples: Sequence[Split], dtype: torch.dtype, device: str) -> None:
        self.counts = [len(one.train_inputs) for one in examples]
        starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.starts = torch.from_numpy(starts)[:, None].to(device)
        self.inputs = _joined([one.train_inputs for one in examples], dtype, device)
        self.targets = _joined([one.train_targets for one in examples], dtype, device)

    def batch(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs and targets at these row numbers, (members x batch); None is all."""
        if rows is None:
            shape = (len(self.counts), self.counts[0], -1)
            return self.inputs.view(shape), self.targets.view(shape)
        flat = (rows.to(self.starts.device) + self.starts).ravel()
        shape = (*rows.shape, -1)
        return (
            self.inputs.index_select(0, flat).view(shape),
            self.targets.index_select(0, flat).view(shape),
        )


def _joined(arrays: Sequence[np.ndarray], dtype: torch.dtype, device: str) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays)).to(device, dtype)


class Order:
    """Batches of row numbers, (members x batch), reshuffled every pass by each member's
    own stream; None, the whole set, where it fits in one batch.

    passed, passes : whether the last batch began a new pass over the first member's set,
    and how many passes are complete.
    """

    def __init__(self, counts: Sequence[int], batch: int, seeds: Sequence[int]) -> None:
        self.counts, self.batch = counts, batch
        self.streams = [keyed(seed, "order") for seed in seeds]
        self.orders = [np.arange(n) for n in counts]
        self.at = list(counts)  # no pass begun
        self.passed, self.passes = False, -1

    def __next__(self) -> Tensor | None:
        if all(n == self.batch for n in self.counts):
            self.passed = self.passes >= 0
            self.passes += 1
            return None
        rows = np.empty((len(self.counts), self.batch), dtype=np.int64)
        for i, n in enumerate(self.counts):
            begins = self.at[i] + self.batch > n
            if begins:
                self.orders[i], self.at[i] = self.streams[i].permutation(n), 0
            rows[i] = self.orders[i][self.at[i] : self.at[i] + self.batch]
            self.at[i] += self.batch
            if i == 0:
                self.passed = begins and self.passes >= 0
                self.passes += begins
        return torch.from_numpy(rows)
