"""Training a pack."""

import dataclasses as dc
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.errors import one_of, require
from ..core.settings import check_fields
from .batches import Data, Order
from .flat import OPTIMISERS
from .losses import check_name, example_loss
from .pack import Pack
from .students import AnyShape
from .tasks import Split
from .trial import make_pack
from .watch import Point, Watch

INTERPOLATED = 0.1  # a run has converged when its training loss is below this share of
# its test loss
DIVERGED = 10  # times the loss of the zero function
CHECK_EVERY = 50  # steps between looks for members that diverged, or are done
EVALUATED = 2048  # examples of each member in a batch of the evaluation
SCHEDULES = ("cosine", "constant")

Fresh = Callable[[int], Sequence[Split]]


@dc.dataclass(frozen=True)
class Training:
    """How every network of a sweep is trained.

    Parameters
    ----------
    steps : optimisation steps.
    epochs : passes over the training set that a network makes at least: its number of
        steps is the larger of `steps` and what these take.
    batch_size : examples a step, at most; a smaller training set is used whole. None is
        the whole set always: full-batch gradient descent.
    learning_rate : at the start.
    schedule : "cosine", to zero, or "constant".
    optimiser : "adam" or "sgd", without momentum.
    loss : "mse", the squared error summed over the outputs, without 1/2; "abs^p", as
        "abs^3", |y - f|^p; "cross_entropy"; or "kl", the cross-entropy less the entropy of
        the targets, whose floor is zero.
    plateau : a network stops when its training loss has fallen by less than this share
        over the last `patience` steps; 0 never stops.
    online : the training set is drawn anew whenever it has been passed over once.
    dtype : "float32" or "float64".
    """

    steps: int = 1000
    batch_size: int | None = 128
    learning_rate: float = 4e-3
    loss: str = "mse"
    dtype: str = "float32"
    epochs: float = 0.0
    schedule: str = "cosine"
    optimiser: str = "adam"
    plateau: float = 0.0
    patience: int = 500
    online: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        check_name(self.loss)
        one_of("dtype", self.dtype, ("float32", "float64"))
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("optimiser", self.optimiser, OPTIMISERS)
        for name in ("steps", "batch_size", "learning_rate", "patience"):
            value = getattr(self, name)
            require(
                value is None or 0 < value < math.inf,
                f"`{name}` must be positive and finite; not {value}.",
            )
        for name in ("epochs", "plateau"):
            value = getattr(self, name)
            require(
                0 <= value < math.inf,
                f"`{name}` must be finite and at least 0; not {value}.",
            )

    @property
    def torch_dtype(self) -> torch.dtype:
        return torch.float64 if self.dtype == "float64" else torch.float32

    def batch(self, n: int) -> int:
        """Examples of a step, of a training set of n."""
        return n if self.batch_size is None else min(n, self.batch_size)

    def budget(self, n: int) -> int:
        """Steps on a training set of n."""
        return max(self.steps, math.ceil(self.epochs * n / self.batch(n)))


@dc.dataclass(frozen=True, eq=False)
class Trained:
    """A trained pack with the losses of its members, NaN for one that diverged: whose
    loss became non-finite, or ended above ten times that of the zero function.

    steps : how many each member made.
    watch : what was seen on the way, where that was asked for.
    """

    pack: Pack
    test_loss: list[float]
    test_stderr: list[float]
    train_loss: list[float]
    steps: list[int]
    watch: Watch | None = None

    def trajectory(self, member: int) -> list[Point]:
        """(step, test loss, its standard error) of a member, where it was watched."""
        if self.watch is None or math.isnan(self.test_loss[member]):
            return []
        return self.watch.trajectory(member, self.steps[member])

    def converged(self, member: int) -> bool:
        """Whether the member interpolates its training set."""
        return self.train_loss[member] <= INTERPOLATED * self.test_loss[member]


def train(
    shape: AnyShape,
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
    """Train one network a seed, together.

    What a member computes depends on its own examples and seed, up to the rounding of
    batched products. Training sets may differ in size as long as their batches do not. The
    losses, that of the training set too, are those of the network in eval mode.

    Parameters
    ----------
    examples, seeds : one entry a member.
    learning_rates : one a member; by default all have that of `training`.
    fresh : new examples of all members, of their number of passes, for online training.
    watched : look at the test losses on the way; changes nothing of the training.
    progress : called with the number of steps done since the last call.
    """
    dtype = training.torch_dtype
    data = Data(examples, dtype, device)
    batches = {training.batch(n) for n in data.counts}
    require(len(batches) == 1, f"Members of a pack have batches of {sorted(batches)}.")
    pack = make_pack(shape, seeds, dtype, device)
    optimiser = OPTIMISERS[training.optimiser](pack.flat)
    batch = batches.pop()
    order = Order(data.counts, batch, seeds)
    clock = _Clock(training, data.counts, learning_rates, dtype, device)
    watch = None
    if watched:
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
            watch(pack, step + 1)
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == clock.longest:
            _quarantine(pack, clock.alive)
            optimiser.forget(~clock.alive)
            if progress is not None:
                progress(step % CHECK_EVERY + 1)
            if clock.finished(step + 1):
                break
    return dc.replace(_evaluated(pack, examples, clock, training, device), watch=watch)


class _Clock:
    """What each member may still do: its learning rate at a step, whether it is alive,
    and when it stops.
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
        """Take note of the losses of a step."""
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
        """Whether no member has a step to make."""
        return bool((~self.alive | self.stopped | (step >= self.budgets)).all())


def _quarantine(pack: Pack, alive: Tensor) -> None:
    """Zero the weights of members that diverged: their NaN harms no other, but slows the
    arithmetic of all.
    """
    if not bool(alive.all()):
        pack.flat.values[~alive] = 0


@torch.no_grad()
def _evaluated(
    pack: Pack,
    examples: Sequence[Split],
    clock: _Clock,
    training: Training,
    device: str,
) -> Trained:
    pack.eval()
    dtype, loss = training.torch_dtype, training.loss
    test_inputs = _stacked([one.test_inputs for one in examples], dtype, device)
    test_targets = _stacked([one.test_targets for one in examples], dtype, device)
    test = _losses(pack, test_inputs, test_targets, loss)
    fitted, trivial = _training_losses(pack, examples, training, device)
    alive = clock.alive & test.isfinite().all(1) & fitted.isfinite()
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
    """Mean training loss of each member, and that of the zero function. Members of other
    sizes are evaluated in turn: shorter sets are repeated, and only their own rows count.
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
