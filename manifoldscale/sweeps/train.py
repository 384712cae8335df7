"""Training a pack."""

import dataclasses as dc
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.errors import one_of, require
from ..core.random import keyed
from ..networks.mlp import MLP
from .pack import Pack
from .tasks import Split

INTERPOLATED = 0.1  # a run has converged when its training loss is below this share of
# its test loss
DIVERGED = 10  # times the loss of the zero function
CHECK_EVERY = 50  # steps between looks for members that diverged


@dc.dataclass(frozen=True)
class Training:
    """How every network of a sweep is trained: Adam, with a cosine to zero.

    Parameters
    ----------
    steps : optimisation steps.
    batch_size : examples a step, at most; a smaller training set is used whole.
    learning_rate : at the start.
    loss : "mse", the squared error summed over the outputs, without 1/2; or
        "cross_entropy".
    dtype : "float32" or "float64".
    """

    steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 4e-3
    loss: str = "mse"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        one_of("loss", self.loss, ("mse", "cross_entropy"))
        one_of("dtype", self.dtype, ("float32", "float64"))
        for name in ("steps", "batch_size", "learning_rate"):
            require(
                getattr(self, name) > 0,
                f"`{name}` must be positive; not {getattr(self, name)}.",
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        return torch.float64 if self.dtype == "float64" else torch.float32


@dc.dataclass(frozen=True, eq=False)
class Trained:
    """A trained pack with the losses of its members, NaN for one that diverged: whose
    loss became non-finite, or ended above ten times that of the zero function.
    """

    pack: Pack
    test_loss: list[float]
    test_stderr: list[float]
    train_loss: list[float]

    def converged(self, member: int) -> bool:
        """Whether the member interpolates its training set."""
        return self.train_loss[member] <= INTERPOLATED * self.test_loss[member]


def train(
    shape: MLP,
    examples: Sequence[Split],
    seeds: Sequence[int],
    training: Training,
    *,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Trained:
    """Train one network a seed, together.

    All members have equally many training examples. What a member computes depends on
    its own examples and seed, up to the rounding of batched products.

    Parameters
    ----------
    examples, seeds : one entry a member.
    progress : called with the number of steps done since the last call.
    """
    dtype = training.torch_dtype
    inputs = _stacked([one.train_inputs for one in examples], dtype, device)
    targets = _stacked([one.train_targets for one in examples], dtype, device)
    pack = Pack(shape, seeds, dtype, device)
    optimiser = torch.optim.Adam(pack.parameters(), lr=training.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
    alive = torch.ones(len(seeds), dtype=torch.bool, device=device)
    n = inputs.shape[1]
    order = _Order(n, min(n, training.batch_size), seeds, device)
    for step in range(training.steps):
        batch_inputs, batch_targets = _gather(inputs, targets, next(order))
        losses = example_loss(pack(batch_inputs), batch_targets, training.loss).mean(1)
        optimiser.zero_grad(set_to_none=False)
        torch.autograd.backward(losses.sum())
        optimiser.step()
        schedule.step()
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == training.steps:
            alive &= losses.detach().isfinite()
            _quarantine(pack, optimiser, alive)
            if progress is not None:
                progress(step % CHECK_EVERY + 1)
    return _evaluated(pack, examples, inputs, targets, alive, training)


def example_loss(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """(..., batch, outputs) to the loss of each example."""
    if loss == "mse":
        return (outputs - targets).square().sum(-1)
    return -(targets * outputs.log_softmax(-1)).sum(-1)


def _stacked(arrays: Sequence[np.ndarray], dtype: torch.dtype, device: str) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).to(device, dtype)


class _Order:
    """Batches of row numbers, (members x batch), reshuffled every epoch by each member's
    own stream; the whole set, unshuffled, where it fits in one batch.
    """

    def __init__(self, n: int, batch: int, seeds: Sequence[int], device: str) -> None:
        self.n, self.batch, self.device = n, batch, device
        self.streams = [keyed(seed, "order") for seed in seeds]
        self.rows: Tensor | None = None
        self.at = 0

    def __next__(self) -> Tensor | None:
        if self.batch == self.n:
            return None
        if self.rows is None or self.at + self.batch > self.n:
            drawn = np.stack([stream.permutation(self.n) for stream in self.streams])
            self.rows, self.at = torch.from_numpy(drawn).to(self.device), 0
        self.at += self.batch
        return self.rows[:, self.at - self.batch : self.at]


def _gather(inputs: Tensor, targets: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
    if rows is None:
        return inputs, targets
    members, n = inputs.shape[:2]
    flat = (rows + n * torch.arange(members, device=rows.device)[:, None]).ravel()
    shape = (*rows.shape, -1)
    return (
        inputs.flatten(0, 1).index_select(0, flat).view(shape),
        targets.flatten(0, 1).index_select(0, flat).view(shape),
    )


def _quarantine(pack: Pack, optimiser: torch.optim.Adam, alive: Tensor) -> None:
    """Zero the weights of members that diverged, and what the optimiser remembers of
    them: their NaN harms no other, but slows the arithmetic of all.
    """
    if bool(alive.all()):
        return
    with torch.no_grad():
        for parameter in pack.parameters():
            parameter[~alive] = 0
            for memory in optimiser.state[parameter].values():
                if memory.shape == parameter.shape:
                    memory[~alive] = 0


@torch.no_grad()
def _evaluated(
    pack: Pack,
    examples: Sequence[Split],
    inputs: Tensor,
    targets: Tensor,
    alive: Tensor,
    training: Training,
) -> Trained:
    dtype, device = inputs.dtype, str(inputs.device)
    test_inputs = _stacked([one.test_inputs for one in examples], dtype, device)
    test_targets = _stacked([one.test_targets for one in examples], dtype, device)
    test = example_loss(pack(test_inputs), test_targets, training.loss).double()
    fitted = example_loss(pack(inputs), targets, training.loss).double().mean(1)
    trivial = example_loss(torch.zeros_like(targets), targets, training.loss).mean(1)
    sane = fitted <= DIVERGED * trivial.double()
    alive = alive & test.isfinite().all(1) & fitted.isfinite() & sane
    nan = torch.full_like(fitted, math.nan)
    return Trained(
        pack=pack,
        test_loss=torch.where(alive, test.mean(1), nan).tolist(),
        test_stderr=torch.where(alive, test.std(1) / test.shape[1] ** 0.5, nan).tolist(),
        train_loss=torch.where(alive, fitted, nan).tolist(),
    )
