"""The loss over the steps of training, and over compute.

    python benchmarks/time_and_compute.py

1. Wide networks against their linearisation: L(t) of students of the shipped teacher, in
the NTK parametrisation under plain gradient descent with the whole set, as a sweep keeps
it; beside the closed form at the network's own tangent kernel (`linearized_network`), and
at that of infinite width with the mean over initialisations (`linearized_training`). Both
must close in on the measured L(t) as the width grows.

2. The compute envelope of the shipped teacher: students of several widths under Adam at a
constant rate, on 16,384 examples; alpha_C of the envelope, the exponent along
steps of the widest, L(N, t) as a sum of two powers with the steps in the place of the data,
and by how much a larger learning rate is faster.

3. The cost for a sweep of looking at the losses on the way.

Writes benchmarks/time_and_compute.json. Two minutes on one core.
"""

import dataclasses as dc
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from output import keep, show

import manifoldscale as ms
from manifoldscale.sweeps import Plan, TeacherStudent, Training
from manifoldscale.sweeps.pack import MLPPack
from manifoldscale.sweeps.plan import PackSpec
from manifoldscale.sweeps.run import train_pack
from manifoldscale.theory import linearized_network, linearized_training, nngp, ntk, ntk_mlp

LAZY = Training(steps=1000, batch_size=None, learning_rate=0.1, schedule="constant",
                optimiser="sgd", dtype="float64")  # fmt: skip
EXAMPLES, TESTED, SEEDS = 64, 100, 4
LAZY_WIDTHS = (32, 128, 512, 2048)
WIDTHS = (6, 9, 14, 21, 32, 48)
ADAM = Training(steps=2000, learning_rate=2e-3, schedule="constant")


def lazy_plan(width: int) -> Plan:
    return Plan(
        TeacherStudent(2), (EXAMPLES,), (width,), seeds=SEEDS, depth=1, activation="tanh",
        parametrisation="ntk", n_test=TESTED, training=LAZY,
    )  # fmt: skip


def of_its_own(plan: Plan, index: int, steps: list[int]) -> np.ndarray:
    """L(t) of the linearisation of the network of a run."""
    shape = plan.shape(plan.widths[0])
    seed = plan.seed_of(shape, EXAMPLES, index)
    start = MLPPack(shape, [seed], torch.float64).member(0)
    network = ntk_mlp(shape.inputs, shape.width, shape.outputs, 1, "tanh", 1.0, 0.01)
    with torch.no_grad():
        for mine, theirs in zip(start[::2], network[::2], strict=True):
            theirs.weight.copy_(mine.weight / theirs.weight_scale)
            theirs.bias.copy_(mine.bias / theirs.bias_scale)
    split = plan.task.draw(EXAMPLES, TESTED, seed)
    return linearized_network(
        network, split.train_inputs, split.train_targets, steps,
        learning_rate=2 * LAZY.learning_rate / EXAMPLES,  # of half the sum of squares
        test_inputs=split.test_inputs, test_targets=split.test_targets,
    ).test_loss  # fmt: skip


def of_infinite_width(plan: Plan, index: int, steps: list[int]) -> np.ndarray:
    """Expected L(t) over initialisations, on the examples of a run."""
    seed = plan.seed_of(plan.shape(plan.widths[0]), EXAMPLES, index)
    split = plan.task.draw(EXAMPLES, TESTED, seed)
    x = np.vstack([split.train_inputs, split.test_inputs])
    settings = {"depth": 1, "activation": "tanh", "weight_variance": 1.0,
                "bias_variance": 0.01}  # fmt: skip
    return linearized_training(
        np.asarray(ntk(x, **settings)), split.train_targets, steps,
        learning_rate=2 * LAZY.learning_rate / EXAMPLES,
        nngp=np.asarray(nngp(x, **settings)), test_targets=split.test_targets,
    ).test_loss  # fmt: skip


def lazy_rows() -> list[dict[str, Any]]:
    """A row per width: relative differences of L(t), the largest over t of their root mean
    square over networks, and of the mean over networks.
    """
    rows = []
    for width in LAZY_WIDTHS:
        plan = lazy_plan(width)
        curve = ms.sweeps.run(plan)
        steps = [point[0] for point in curve.runs[0].trajectory]
        measured = np.array([[point[1] for point in run.trajectory] for run in curve.runs])
        own = np.array([of_its_own(plan, i, steps) for i in range(SEEDS)])
        limit = np.array([of_infinite_width(plan, i, steps) for i in range(SEEDS)])
        apart = np.sqrt(((measured / own - 1) ** 2).mean(0))
        rows.append({
            "width": width,
            "first loss": float(measured[:, 0].mean()),
            "last loss": float(measured[:, -1].mean()),
            "of its own kernel": float(apart.max()),
            "at step": steps[int(apart.argmax())],
            "of infinite width": float(abs(measured.mean(0) / limit.mean(0) - 1).max()),
            "steps": steps,
            "measured": measured.mean(0).tolist(),
            "linearised": own.mean(0).tolist(),
            "infinite": limit.mean(0).tolist(),
        })  # fmt: skip
    return rows


def steps_as_data(curve: ms.LearningCurve) -> ms.LearningCurve:
    """L(N, t) in place of L(N, D)."""
    rows = curve.trajectories.runs
    return dc.replace(curve, runs=tuple(dc.replace(r, dataset_size=r.steps) for r in rows))


def compute_rows() -> list[dict[str, Any]]:
    plan = Plan(TeacherStudent(4), (16_384,), WIDTHS, seeds=SEEDS, training=ADAM)
    curve = ms.sweeps.run(plan)
    middle = dc.replace(plan, widths=(21,))
    slower = dc.replace(middle, training=dc.replace(ADAM, learning_rate=1e-3))
    late = dc.replace(
        curve.trajectories,
        runs=tuple(run for run in curve.trajectories.runs if run.steps >= 100),
    )
    results = {
        "envelope, floor zero": ms.compute_envelope(curve, floor="zero"),
        "envelope, floor free": ms.compute_envelope(curve),
        "widest, t >= 100": ms.fit_power_law(late.at(width=WIDTHS[-1]), axis="steps"),
        "N and t, t >= 100": ms.fit_sum(steps_as_data(late)),
        "rate 2e-3 over 1e-3": ms.speed_up(ms.sweeps.run(slower), curve.at(width=21)),
    }
    return [
        {"what": name, "said": str(found)} | found.row() for name, found in results.items()
    ]


def looking() -> list[dict[str, Any]]:
    """The cost of the losses on the way: processor time of a pack with and without them,
    the least of five, in turn.
    """
    rows = []
    for width, n, seeds in ((16, 64, 8), (64, 512, 8), (256, 2048, 4)):
        plan = Plan(TeacherStudent(4), (n,), (width,), seeds=seeds)
        spec = PackSpec(plan.shape(width), tuple((n, index) for index in range(seeds)))
        times: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(5):
            for watched, taken in times.items():
                begun = time.process_time()
                train_pack(plan, spec, "cpu", watched=watched)
                taken.append(time.process_time() - begun)
        plain, seen = min(times[False]), min(times[True])
        rows.append({"width": width, "D": n, "networks": seeds, "seconds": plain,
                     "with looks": seen, "more": seen / plain - 1})  # fmt: skip
    return rows


def main() -> None:
    torch.set_num_threads(1)
    begun = time.perf_counter()
    lazy = lazy_rows()
    told = ("steps", "measured", "linearised", "infinite")
    show([{k: v for k, v in row.items() if k not in told} for row in lazy],
         "L(t) of wide networks: relative distance to the closed form")  # fmt: skip
    cost = looking()
    show(cost, "What the losses on the way cost")
    compute = compute_rows()
    for row in compute:
        print(f"{row['what']}: {row['said']}")
    seconds = time.perf_counter() - begun
    print(f"{seconds:.0f} s")
    kept = {"lazy": lazy, "compute": compute, "cost": cost, "seconds": seconds}
    keep(kept, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
