"""Running a sweep: packs are trained, finished ones are never trained again."""

import dataclasses as dc
import logging
import math
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.devices import device_of
from ..core.errors import ManifoldScaleError, is_whole, require
from ..core.learning_curve import LearningCurve, Run
from ..core.settings import whole
from ..core.source import check_unchanged
from ..core.workers import check_executor, results
from ..networks.layout import FLAT, AsLaidOut, Layout
from ..networks.mlp import MLP, absorb
from ..networks.shape import Shape
from .factory import FromFactory, check_loaded, layout_of
from .objectives import check_own, is_own
from .packing import best_size, packs
from .plan import PROBE_SEED, PackSpec, Plan, known_drift
from .registry import Registry
from .students import check_widths
from .tasks import Split
from .train import Trained, train
from .trial import EXAMPLES, left_untrained, why_alone

Record = dict[str, Any]
LOG = logging.getLogger(__name__)
FIELDS = {field.name for field in dc.fields(Run)}


def run(
    plan: Plan,
    registry: str | Path | None = None,
    *,
    executor: Executor | None = None,
    device: str = "cpu",
    pack_size: int | str | None = None,
    retry_failed: bool = False,
    progress: Callable[[int], None] | None = None,
) -> LearningCurve:
    """Train every network of a plan and return their test losses.

    Parameters
    ----------
    registry : an SQLite file in which finished runs are kept. The same call again resumes:
        finished runs are not trained again, and the curve is the same as without the
        interruption.
    executor : where packs are trained; None is this process, one after the other. A process
        of an executor uses one thread. Any `concurrent.futures.Executor` will do; on a
        cluster, `dask.distributed.Client(...).get_executor()`.
    device : where torch computes, "cpu" or "cuda".
    pack_size : networks that are trained together. None: all seeds of one combination. A
        number: at most so many, also of different dataset sizes. "auto": the number beyond
        which this machine trains no faster, by timing, remembered in the registry. The
        losses differ only by rounding, which training in float32 may amplify.
    retry_failed : train failed runs again.
    progress : called with the number of runs finished since the last call.

    Your own student is tried on a few examples before the first run, and refused if it
    cannot work. If its networks cannot be batched, because of dropout or batch
    normalisation for instance, they are trained one at a time, which is logged.

    Returns
    -------
    LearningCurve with one run for each combination, in the order of the plan. A failed run
    is there with its failure: what it raised, or that its loss was not finite. Each run has
    its test losses at about 40 steps during training, evenly spaced in log step:
    `curve.trajectories` is L(t). They use only the first of its test examples if all would
    take more than 2 % of the arithmetic of training.

    Raises
    ------
    ManifoldScaleError : a student that cannot be trained, a registry that cannot be used,
        a device that is not there, or a worker that died.
    """
    check_plan(plan)
    check_executor(executor)
    report = progress or (lambda _: None)
    check_loaded(plan.student)
    check_widths(plan.student, plan.widths)
    check_unchanged(type(plan.task), "`task`")
    runs = plan.runs()
    keys = {one: plan.key(*one) for one in runs}
    with Registry(registry) if registry is not None else nullcontext() as stored:
        records: dict[str, Record] = (
            stored.find(keys.values()) if stored is not None else {}
        )
        if retry_failed:
            records = {key: r for key, r in records.items() if r["failure"] is None}
        report(len(records))
        missing = [one for one in runs if keys[one] not in records]
        if missing and executor is None:  # workers may have what this process lacks
            device_of(device, plan.training.torch_dtype)
        _try_out(plan, missing, here=executor is None)
        specs = _specs(plan, missing, pack_size, stored, device)
        # For workers the most expensive first: else one may be left with it at the end.
        specs = specs if executor is None else specs[::-1]
        for spec, made in results(executor, _records, specs, plan, device, plan.code()):
            members = [(spec.shape, *member) for member in spec.members]
            finished = dict(zip((keys[one] for one in members), made, strict=True))
            if stored is not None:
                stored.add(finished)
            records.update(finished)
            report(len(finished))
    task, loss = plan.task, plan.training.loss
    return LearningCurve(
        runs=tuple(_run(records[key]) for key in keys.values()),
        loss=loss,
        floor=task.floor(loss),
        shared_data=task.shared_data or plan.paired,
        task=task.name,
        early_stopped=plan.training.keep == "best",
        drift=known_drift(plan),
        copies=task.copies_said,
    )


def check_plan(plan: Any) -> None:
    """Refuse the name of a file, several plans, and anything that is not a plan."""
    advice = "make one, as `ms.sweeps.Plan(task, dataset_sizes, widths)`"
    if isinstance(plan, str | Path):
        advice = f"run a file by the command `manifoldscale sweep {plan}`; here, {advice}"
    elif isinstance(plan, list | tuple | dict) and plan:
        plans = plan.values() if isinstance(plan, dict) else plan  # as from `Plan.vary`
        several = f"[{', '.join(type(one).__name__ for one in plans)[:60]}]"
        raise ManifoldScaleError(
            f"`plan` must be one Plan; not {several}. Run one after the other, with one "
            "registry: `[run(plan, registry) for plan in plans]`."
        )
    require(isinstance(plan, Plan), f"`plan` must be a Plan; not {plan!r}: {advice}.")


def failures(curve: LearningCurve) -> dict[str, int]:
    """How many runs failed, by what they raised, most frequent first."""
    last = [one.failure.strip().splitlines()[-1] for one in curve.runs if one.failure]
    return dict(Counter(last).most_common())


def check_any(curves: Sequence[LearningCurve], kept: str) -> str:
    """Why runs failed, each reason once; empty if none did.

    Parameters
    ----------
    kept : where the runs are kept, for the message.

    Raises
    ------
    ManifoldScaleError : no run gave a loss.
    """
    reasons: Counter[str] = Counter()
    for curve in curves:
        reasons.update(failures(curve))
    total, failed = sum(map(len, curves)), sum(reasons.values())
    listed = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    require(
        failed < total,
        f"None of {total} runs gave a loss: {listed}. All of it is in {kept}; mended code "
        "is tried again by the same call, other causes with `retry_failed`.",
    )
    return f"{failed} of {total} runs failed: {listed}." if failed else ""


def train_one(
    plan: Plan, width: int, dataset_size: int, seed: int = PROBE_SEED
) -> nn.Sequential:
    """One network of the plan, to probe: its layers are hidden1, act1, ..., readout. It
    takes the data of the task unprepared, as rows: the preparation is in its first layer.
    By default its seed is not one of the sweep's, so what is measured on it is independent
    of the losses.
    """
    network, layout = train_bare(plan, width, dataset_size, seed)
    if layout != FLAT:
        network = nn.Sequential(AsLaidOut(layout), network)
    elif not isinstance(network, nn.Sequential):
        network = nn.Sequential(network)
    return absorb(network, *plan.task.preparation)


def train_bare(
    plan: Plan, width: int, dataset_size: int, seed: int = PROBE_SEED
) -> tuple[nn.Module, Layout]:
    """The same network as its module was made, and how it takes the prepared data."""
    width, dataset_size = whole("width", width), whole("dataset_size", dataset_size)
    shape = plan.shape(width)
    spec = PackSpec(shape, ((dataset_size, whole("seed", seed, 0)),))
    return train_pack(plan, spec, "cpu").pack.member(0), layout_of(shape)


def _try_out(plan: Plan, missing: Sequence[tuple[Shape, int, int]], here: bool) -> None:
    """Find out before the first run whether and how the student can be trained, and, if
    training is in this process (`here`), whether the task has its examples.
    """
    if missing and here:
        split = _draw(plan, min(plan.dataset_sizes))
        if is_own(plan.training.loss):
            targets = split.train_targets[:EXAMPLES]
            check_own(plan.training.loss, torch.from_numpy(targets).float())
    shapes = dict.fromkeys(shape for shape, _, _ in missing)
    ways = [why_alone(shape, plan.training.torch_dtype) for shape in shapes]
    reasons = dict.fromkeys(filter(None, ways))
    if reasons:
        LOG.warning(
            "The networks of the student %r are trained one by one, not in packs: %s.",
            plan.student,
            "; ".join(reasons),
        )
    untrained = {left_untrained(shape, plan.training.torch_dtype) for shape in shapes}
    for words in filter(None, untrained):
        LOG.warning("The student %r leaves weights as they began: %s.", plan.student, words)


def _draw(plan: Plan, size: int) -> Split:
    try:
        return plan.task.draw(size, plan.n_test, PROBE_SEED)
    except ManifoldScaleError:
        raise
    except Exception as error:  # whatever a task of the user's may raise
        raise ManifoldScaleError(
            f"`task` {plan.task.name!r} cannot draw {size} examples: "
            f"{type(error).__name__}: {error}."
        ) from error


def _specs(
    plan: Plan,
    missing: Sequence[tuple[Shape, int, int]],
    pack_size: int | str | None,
    stored: Registry | None,
    device: str,
) -> list[PackSpec]:
    require(
        pack_size in (None, "auto") or (is_whole(pack_size) and int(pack_size) >= 1),
        f"`pack_size` must be None, 'auto' or a positive integer; not {pack_size!r}.",
    )
    if not isinstance(pack_size, str):
        return packs(plan, missing, pack_size)
    specs: list[PackSpec] = []
    for shape in dict.fromkeys(shape for shape, _, _ in missing):
        name = f"pack size of {shape} on {device}"
        size = stored.setting(name) if stored is not None else None
        if size is None:
            size = best_size(shape, plan.training, device)
            if stored is not None:
                stored.remember(name, size)
        specs += packs(plan, [one for one in missing if one[0] == shape], size)
    return specs


def train_pack(plan: Plan, spec: PackSpec, device: str, watched: bool = False) -> Trained:
    """Train the networks of a pack, each on its own examples."""
    sizes = [size for size, _ in spec.members]
    seeds = [plan.seed_of(spec.shape, *member) for member in spec.members]
    pairs = list(zip(sizes, seeds, strict=True))
    return train(
        spec.shape,
        [plan.task.draw(size, plan.n_test, seed) for size, seed in pairs],
        seeds,
        plan.training,
        device=device,
        watched=watched,
        fresh=lambda passes: [
            plan.task.draw(size, 0, seed + passes * 2**32) for size, seed in pairs
        ],
    )


def _records(
    spec: PackSpec, plan: Plan, device: str, code: Mapping[str, Any]
) -> list[Record]:
    """Train a pack; a record per member. An exception of training becomes the failure of
    its members, and harms no other pack.
    """
    _check_code(spec, plan, code)
    device_of(device, plan.training.torch_dtype)
    try:
        trained = train_pack(plan, spec, device, watched=True)
    except Exception:  # whatever a user's module may raise
        trace = traceback.format_exc()
        return [
            _record(plan, spec.shape, *member, failure=trace) for member in spec.members
        ]
    records = []
    for place, member in enumerate(spec.members):
        record = _record(plan, spec.shape, *member, steps=trained.steps[place])
        if math.isnan(trained.test_loss[place]):
            record["failure"] = "the training diverged"
        else:
            record |= {
                "loss": trained.test_loss[place],
                "loss_stderr": trained.test_stderr[place],
                "train_loss": trained.train_loss[place],
                "converged": trained.converged(place),
                "trajectory": trained.trajectory(place),
            }
        records.append(record)
    return records


def _check_code(spec: PackSpec, plan: Plan, code: Mapping[str, Any]) -> None:
    """Refuse to train code that differs from the keys, as in a worker started earlier."""
    if isinstance(spec.shape, FromFactory):
        spec.shape.check_code()
    require(
        plan.code() == code,
        f"`task` {plan.task.name!r} is not the same code or data in a worker as where the "
        "sweep was started. Start the workers again, and the sweep.",
    )


def _record(
    plan: Plan,
    shape: Shape,
    dataset_size: int,
    index: int,
    failure: str | None = None,
    steps: int = 0,
) -> Record:
    seen = steps * plan.training.batch(dataset_size)
    return {
        "task": plan.task.name,
        "dataset_size": max(dataset_size, seen) if plan.training.online else dataset_size,
        "width": shape.width or None,
        "parameters": shape.parameters,
        "seed": index,
        "steps": steps,
        "compute": _operations(shape, seen),
        "loss": None,
        "loss_stderr": None,
        "train_loss": None,
        "converged": None,
        "failure": failure,
    }


def _operations(shape: Shape, seen: int) -> float | None:
    """6 P for each example seen: two per weight forward, four backward (Kaplan et al. 2020,
    section 2.1). None for networks that use a weight more than once.
    """
    return 6.0 * shape.parameters * seen if isinstance(shape, MLP) else None


def _run(record: Record) -> Run:
    """The run of a record; those of older registries lack trajectory and compute."""
    numbers = {
        name: math.nan if record[name] is None else record[name]
        for name in ("loss", "loss_stderr", "train_loss")
    }
    known = {name: record[name] for name in FIELDS & record.keys()} | numbers
    return Run(**known | {"trajectory": tuple(map(tuple, record.get("trajectory", ())))})
