"""Which runs are trained together."""

import dataclasses as dc
import itertools
import time
from collections.abc import Sequence

import numpy as np

from ..networks.shape import Shape
from .plan import PackSpec, Plan
from .tasks import Split
from .train import Training, train
from .trial import why_alone

MAX_FLOATS = 2**26  # of the training sets of a pack
LARGEST = 128  # members
GAIN = 1.1  # factor in throughput that doubling a pack must bring

Run = tuple[Shape, int, int]


def packs(plan: Plan, runs: Sequence[Run], size: int | None) -> list[PackSpec]:
    """The runs in packs, the most expensive last.

    With `size` None a pack holds all seeds of one combination of width and dataset size.
    Otherwise runs of one shape with equal batches and budgets share packs of at most `size`
    members, whatever their dataset sizes. A student that cannot be batched is alone.
    """

    def kind(run: Run) -> tuple[int, ...]:
        shape, n, _ = run
        alike = (plan.training.batch(n), plan.training.budget(n))
        return (shape.parameters, *shape.sizes, *(alike if size else (n,)))

    grouped = itertools.groupby(sorted(runs, key=lambda r: (kind(r), r[1:])), kind)
    specs = []
    for _, group in grouped:
        members = list(group)
        limit = max(1, MAX_FLOATS // (members[-1][1] * plan.task.inputs))
        alone = bool(why_alone(members[0][0], plan.training.torch_dtype))
        step = 1 if alone else min(size or len(members), limit)
        specs += [
            PackSpec(part[0][0], tuple(run[1:] for run in part))
            for part in (members[at : at + step] for at in range(0, len(members), step))
        ]
    return specs


def best_size(shape: Shape, training: Training, device: str) -> int:
    """The number of members, a power of two, beyond which a larger pack does not train
    faster per member on this machine, by timing a few steps of each.
    """
    best, before, members = 1, 0.0, 1
    while members <= LARGEST and not why_alone(shape, training.torch_dtype):
        rate = members / _seconds(shape, training, members, device)
        if rate < GAIN * before:
            break
        best, before, members = members, rate, 2 * members
    return best


def _seconds(shape: Shape, training: Training, members: int, device: str) -> float:
    """Time of a few steps of a pack, on random examples."""
    rng, n = np.random.default_rng(0), training.batch(128)
    inputs, targets = rng.random((n, shape.inputs)), rng.random((n, shape.outputs))
    one = Split(inputs, targets, inputs[:2], targets[:2])
    short = dc.replace(training, steps=20, epochs=0.0, online=False)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        train(shape, [one] * members, range(members), short, device=device)
        times.append(time.perf_counter() - start)
    return min(times)
