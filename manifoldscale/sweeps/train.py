"""Training a pack."""

import dataclasses as dc
import math
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..core.devices import device_of
from ..core.errors import require
from ..core.serialize import LATER
from ..core.settings import Count, NotNegative, Positive, Settings, among, at_least
from ..networks.shape import Shape
from .early_stopping import Best, halves
from .flat import OPTIMISERS
from .minibatches import Data, Order
from .objectives import check_name, example_loss, is_own
from .pack import Pack
from .tasks import Split
from .trial import make_pack
from .watch import Point, Watch

INTERPOLATED = 0.1  # training loss over test loss below which a run has converged
DIVERGED = 10  # training loss, over that of the zero function, of a run that diverged
CHECK_EVERY = 50  # steps between checks for members that diverged or are done
EVALUATED = 2048  # examples per member in a batch of the evaluation

Fresh = Callable[[int], Sequence[Split]]


@dc.dataclass(frozen=True)
class Training(Settings):
    """How every network of a sweep is trained.

    Parameters
    ----------
    steps : optimisation steps.
    epochs : least number of passes over the training set: a network makes `steps` steps, or
        as many as these passes take if that is more.
    batch_size : at most so many examples per step; a smaller training set is used whole.
        None always uses the whole set: full-batch gradient descent.
    learning_rate : at the start.
    schedule : "cosine", to zero, or "constant".
    optimiser : "adam", "adamw" or "sgd".
    loss : "mse", the squared error summed over the outputs, without 1/2; "abs^p", as
        "abs^3", |y - f|^p; "cross_entropy"; "kl", the cross-entropy less the entropy of
        the targets, whose floor is zero; or "py:module:function", your own function of
        (outputs, targets), tensors of (n x outputs), that returns the loss of each example,
        (n,). Runs are identified by its source.
    plateau : a network stops when its training loss has fallen by less than this share
        over the last `patience` steps; 0 never stops.
    patience : see `plateau`.
    online : the training set is drawn anew after each pass over it.
    dtype : "float32" or "float64".
    keep : which network is tested: "last", that of the last step; or "best", that of the
        step, of about 40, at which one half of its test examples has the least loss. The
        other half gives its test loss.
    weight_decay : of "adamw" apart from the gradient, of the others as a part of it, as in
        torch.
    momentum : of "sgd".
    """

    steps: Count = 1000
    batch_size: Count | None = 128
    learning_rate: Positive = 4e-3
    loss: str = "mse"
    dtype: Annotated[str, among("float32", "float64")] = "float32"
    epochs: NotNegative = 0.0
    schedule: Annotated[str, among("cosine", "constant")] = "cosine"
    optimiser: Annotated[str, among(OPTIMISERS)] = "adam"
    plateau: NotNegative = 0.0
    patience: Count = 500
    online: bool = False
    keep: Annotated[str, among("last", "best")] = dc.field(default="last", metadata=LATER)
    weight_decay: NotNegative = dc.field(default=0.0, metadata=LATER)
    momentum: Annotated[float, at_least(0, below=1)] = dc.field(default=0.0, metadata=LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_name(self.loss)
        require(
            self.optimiser != "adamw" or self.weight_decay > 0,
            "The optimiser 'adamw' without `weight_decay` is 'adam': give one, such as "
            "0.01, which is torch's.",
        )
        require(
            self.momentum == 0 or self.optimiser == "sgd",
            f"`momentum` is of 'sgd'; {self.optimiser!r} has its own.",
        )

    @property
    def torch_dtype(self) -> torch.dtype:
        return torch.float64 if self.dtype == "float64" else torch.float32

    def batch(self, n: int) -> int:
        """Examples per step, for a training set of n."""
        return n if self.batch_size is None else min(n, self.batch_size)

    def budget(self, n: int) -> int:
        """Number of steps, for a training set of n."""
        return max(self.steps, math.ceil(self.epochs * n / self.batch(n)))


@dc.dataclass(frozen=True, eq=False)
class Trained:
    """A trained pack with the losses of its members. They are NaN for a member that
    diverged: its loss became non-finite, or ended above ten times that of the zero
    function.

    steps : number of steps of each member.
    watch : the losses seen during training, if asked for.
    """

    pack: Pack
    test_loss: list[float]
    test_stderr: list[float]
    train_loss: list[float]
    steps: list[int]
    watch: Watch | None = None

    def trajectory(self, member: int) -> list[Point]:
        """(step, test loss, its standard error) of a member, if it was watched."""
        if self.watch is None or math.isnan(self.test_loss[member]):
            return []
        return self.watch.trajectory(member, self.steps[member])

    def converged(self, member: int) -> bool:
        """Whether the member interpolates its training set."""
        return self.train_loss[member] <= INTERPOLATED * self.test_loss[member]


def train(
    shape: Shape,
    examples: Sequence[Split],
    seeds: Sequence[int],
    training: Training,
    *,
    device: str = "cpu",
    learning_rates: Sequence[float] | None = None,
    fresh: Fresh | None = None,
    watched: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Trained:
    """Train one network per seed, together.

    A member depends only on its own examples and seed, up to the rounding of batched
    products. Training sets may differ in size as long as their batches do not. All losses,
    of the training set too, are those of the network in eval mode.

    Parameters
    ----------
    examples, seeds : one entry per member.
    learning_rates : one per member; by default that of `training` for all.
    fresh : from a number of passes to new examples of all members, for online training.
    watched : look at the test losses during training, without any effect on it.
    progress : called with the number of steps done since the last call.
    """
    dtype = training.torch_dtype
    device_of(device, dtype)
    data = Data(examples, dtype, device)
    batches = {training.batch(n) for n in data.counts}
    require(len(batches) == 1, f"Members of a pack have batches of {sorted(batches)}.")
    pack = make_pack(shape, seeds, dtype, device)
    optimiser = OPTIMISERS[training.optimiser](
        pack.flat, training.weight_decay, training.momentum
    )
    batch = batches.pop()
    order = Order(data.counts, batch, seeds)
    clock = _Clock(training, data.counts, learning_rates, dtype, device)
    watch, best = None, None
    if training.keep == "best":
        examples, chosen_by = zip(*map(halves, examples), strict=True)
        watch = Watch(chosen_by, clock.longest, None, training.loss, pack.flat.values)
        best = Best(pack)
    elif watched:
        watch = Watch(examples, clock.longest, batch, training.loss, pack.flat.values)
    for step in range(clock.longest):
        rows = next(order)
        if training.online and fresh is not None and order.passed:
            data = Data(fresh(order.passes), dtype, device)
        inputs, targets = data.batch(rows)
        losses = example_loss(pack(inputs), targets, training.loss).mean(1)
        pack.flat.differentiate(losses)
        optimiser.step(clock.rates(step))
        clock.watch(losses.detach())
        if watch is not None:
            seen = watch(pack, step + 1)
            if best is not None and seen is not None:
                best.look(seen.mean(1))
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == clock.longest:
            if not bool(clock.alive.all()):
                # NaNs of members that diverged harm no other, but slow down all arithmetic.
                pack.flat.values[~clock.alive] = 0
            optimiser.forget(~clock.alive)
            if progress is not None:
                progress(step % CHECK_EVERY + 1)
            if clock.finished(step + 1):
                break
    if best is not None:
        best.restore()
    return dc.replace(_evaluated(pack, examples, clock, training, device), watch=watch)


class _Clock:
    """The learning rate of each member at a step, whether it is alive, and when it
    stops.
    """

    def __init__(
        self,
        training: Training,
        counts: Sequence[int],
        learning_rates: Sequence[float] | None,
        dtype: torch.dtype,
        device: str,
    ) -> None:
        self.training = training
        self.budgets = torch.tensor([training.budget(n) for n in counts], device=device)
        self.longest = int(self.budgets.max())
        given = learning_rates or [training.learning_rate] * len(counts)
        self.start = torch.tensor(given, dtype=dtype, device=device)
        self.alive = torch.ones(len(counts), dtype=torch.bool, device=device)
        self.stopped = torch.zeros_like(self.alive)
        self.done = self.budgets.clone()
        self.recent = torch.zeros(len(counts), dtype=dtype, device=device)
        self.before: Tensor | None = None
        self.steps = 0

    def rates(self, step: int) -> Tensor:
        """(members x 1) learning rates; zero for members that have stopped."""
        share = (step / self.budgets.double()).clamp(max=1)
        rate = self.start
        if self.training.schedule == "cosine":
            rate = rate * (0.5 * (1 + torch.cos(math.pi * share))).to(rate.dtype)
        running = self.alive & ~self.stopped & (step < self.budgets)
        return torch.where(running, rate, 0)[:, None]

    def watch(self, losses: Tensor) -> None:
        """Register the losses of a step."""
        self.steps += 1
        if self.steps % CHECK_EVERY == 0:
            self.alive &= losses.isfinite()
        if self.training.plateau == 0:
            return
        self.recent += losses
        if self.steps % self.training.patience == 0:
            if self.before is not None:
                flat = self.recent > (1 - self.training.plateau) * self.before
                newly = flat & ~self.stopped
                self.done = torch.where(newly, self.done.clamp(max=self.steps), self.done)
                self.stopped |= newly
            self.before, self.recent = self.recent, torch.zeros_like(self.recent)

    def finished(self, step: int) -> bool:
        """Whether no member has a step left."""
        return bool((~self.alive | self.stopped | (step >= self.budgets)).all())


@torch.no_grad()
def _evaluated(
    pack: Pack, examples: Sequence[Split], clock: _Clock, training: Training, device: str
) -> Trained:
    pack.eval()
    dtype, loss = training.torch_dtype, training.loss
    test_inputs = _stacked([one.test_inputs for one in examples], dtype, device)
    test_targets = _stacked([one.test_targets for one in examples], dtype, device)
    test = _losses(pack, test_inputs, test_targets, loss)
    fitted, trivial = _training_losses(pack, examples, training, device)
    alive = clock.alive & test.isfinite().all(1) & fitted.isfinite()
    if not is_own(loss):  # whose value for the zero function says nothing
        alive &= fitted <= DIVERGED * trivial
    nan = torch.full_like(fitted, math.nan)
    return Trained(
        pack=pack,
        test_loss=torch.where(alive, test.mean(1), nan).tolist(),
        test_stderr=torch.where(alive, test.std(1) / test.shape[1] ** 0.5, nan).tolist(),
        train_loss=torch.where(alive, fitted, nan).tolist(),
        steps=clock.done.tolist(),
    )


def _training_losses(
    pack: Pack, examples: Sequence[Split], training: Training, device: str
) -> tuple[Tensor, Tensor]:
    """Mean training loss of each member, and of the zero function. Members of all sizes are
    evaluated together: shorter sets are repeated, and only their own rows count.
    """
    dtype, loss = training.torch_dtype, training.loss
    longest = max(len(one.train_inputs) for one in examples)
    rows = [np.arange(longest) % len(one.train_inputs) for one in examples]
    weight = torch.tensor(
        np.array([np.arange(longest) < len(one.train_inputs) for one in examples]),
        dtype=torch.float64,
        device=device,
    )
    weight /= weight.sum(1, keepdim=True)
    pairs = list(zip(examples, rows, strict=True))
    inputs = _stacked([one.train_inputs[r] for one, r in pairs], dtype, device)
    targets = _stacked([one.train_targets[r] for one, r in pairs], dtype, device)
    fitted = _losses(pack, inputs, targets, loss)
    trivial = example_loss(torch.zeros_like(targets), targets, loss).double()
    return (fitted * weight).sum(1), (trivial * weight).sum(1)


def _losses(pack: Pack, inputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """(members x examples) losses in float64, in batches."""
    parts = []
    for at in range(0, inputs.shape[1], EVALUATED):
        rows = slice(at, at + EVALUATED)
        outputs = pack(inputs[:, rows])
        parts.append(example_loss(outputs, targets[:, rows], loss).double())
    return torch.cat(parts, 1)


def _stacked(arrays: Sequence[np.ndarray], dtype: torch.dtype, device: str) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).to(device, dtype)
