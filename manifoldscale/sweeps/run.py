"""Running a sweep: packs are trained, finished ones are never trained again."""

import dataclasses as dc
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, as_completed
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from ..core.learning_curve import LearningCurve, Run
from ..networks.mlp import absorb
from .plan import PROBE_SEED, PackSpec, Plan
from .registry import Registry
from .train import Trained, train

Records = dict[str, dict[str, Any]]


def run(
    plan: Plan,
    registry: str | Path | None = None,
    *,
    executor: Executor | None = None,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> LearningCurve:
    """Train every network of a plan and return their test losses.

    Parameters
    ----------
    registry : an SQLite file in which finished runs are kept. The same call again
        resumes: runs that are there are not trained again, and the curve is the one that
        an undisturbed sweep gives.
    executor : where packs are trained; None is this process, one after the other. A
        process of an executor uses one thread.
    device : where torch computes.
    progress : called with the number of runs finished since the last call.

    Returns
    -------
    LearningCurve with one run for each combination, in the order of the plan; a run
    whose loss is not finite is there with its failure.
    """
    report = progress or (lambda _: None)
    specs = plan.packs()
    keys = {
        spec: [plan.key(spec.shape, spec.dataset_size, i) for i in spec.seeds]
        for spec in specs
    }
    with Registry(registry) if registry is not None else nullcontext() as stored:
        wanted = [key for names in keys.values() for key in names]
        records: Records = stored.find(wanted) if stored is not None else {}
        report(len(records))
        missing = list(_missing(keys, records))
        for finished in _trained(plan, missing, executor, device):
            if stored is not None:
                stored.add(finished)
            records.update(finished)
            report(len(finished))
    task = plan.task
    return LearningCurve(
        runs=tuple(_run(records[key]) for key in wanted),
        loss=plan.training.loss,
        floor=task.floor,
        shared_data=task.shared_data,
        task=task.name,
    )


def train_one(
    plan: Plan, width: int, dataset_size: int, seed: int = PROBE_SEED
) -> nn.Sequential:
    """One network as those of the plan, to probe: its layers are hidden1, act1, ...,
    readout. It takes the task's data as they are: their preparation is in its first
    layer. By default its seed is none of the sweep's, so that the error of what is
    measured on it is independent of the losses.
    """
    spec = PackSpec(plan.shape(width), dataset_size, (seed,))
    network = _train(plan, spec, "cpu").pack.member(0)
    absorb(network, *plan.task.preparation)
    return network


def _missing(keys: dict[PackSpec, list[str]], records: Records) -> Iterator[PackSpec]:
    for spec, names in keys.items():
        left = [i for i, key in zip(spec.seeds, names, strict=True) if key not in records]
        if left:
            yield dc.replace(spec, seeds=tuple(left))


def _trained(
    plan: Plan, specs: list[PackSpec], executor: Executor | None, device: str
) -> Iterator[Records]:
    if executor is None:
        for spec in specs:
            yield _records(plan, spec, device)
        return
    # The most expensive first, so that no worker is left alone with one at the end.
    futures = [
        executor.submit(_records_in_worker, plan, spec, device) for spec in specs[::-1]
    ]
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _records_in_worker(plan: Plan, spec: PackSpec, device: str) -> Records:
    # Several workers with several threads each mostly wait for one another.
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return _records(plan, spec, device)


def _train(plan: Plan, spec: PackSpec, device: str) -> Trained:
    seeds = [plan.seed_of(spec.shape, spec.dataset_size, i) for i in spec.seeds]
    examples = [plan.task.draw(spec.dataset_size, plan.n_test, seed) for seed in seeds]
    return train(spec.shape, examples, seeds, plan.training, device=device)


def _records(plan: Plan, spec: PackSpec, device: str) -> Records:
    """Train a pack; a record for each member, by key."""
    trained = _train(plan, spec, device)
    records = {}
    for member, index in enumerate(spec.seeds):
        failed = math.isnan(trained.test_loss[member])
        records[plan.key(spec.shape, spec.dataset_size, index)] = {
            "dataset_size": spec.dataset_size,
            "width": spec.shape.width,
            "parameters": spec.shape.parameters,
            "seed": index,
            "loss": None if failed else trained.test_loss[member],
            "loss_stderr": None if failed else trained.test_stderr[member],
            "train_loss": None if failed else trained.train_loss[member],
            "converged": None if failed else trained.converged(member),
            "failure": "the training diverged" if failed else None,
        }
    return records


def _run(record: dict[str, Any]) -> Run:
    numbers = {
        name: math.nan if record[name] is None else record[name]
        for name in ("loss", "loss_stderr", "train_loss")
    }
    return Run(**{**record, **numbers})
