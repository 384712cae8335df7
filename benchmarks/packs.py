"""How much faster is a pack than a loop of single trainings?

    python benchmarks/packs.py [--device cuda]

The loop trains ordinary nn.Sequential networks with torch.optim.Adam on the same
examples and the same number of steps. Times are best of three and compared within one
run; prints a table and writes benchmarks/packs.json. With another device it also trains the
packs there, and writes benchmarks/packs_DEVICE.json; `gain` is over the packs of the CPU.
"""

import argparse
import functools
import time
from pathlib import Path

import torch
from output import keep, show

import manifoldscale as ms
from manifoldscale.networks.mlp import MLP
from manifoldscale.sweeps.train import Training, example_loss, train

MEMBERS = (4, 16, 64)
SHAPES = [MLP(20, 16, 2, 1), MLP(20, 32, 2, 1), MLP(20, 64, 2, 1), MLP(20, 128, 2, 1)]
STEPS, BATCH, REPEATS = 100, 32, 3


def loop(shape: MLP, examples: list, training: Training) -> None:
    for one in examples:
        module = shape.module()
        optimiser = torch.optim.Adam(module.parameters(), lr=training.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
        inputs = torch.from_numpy(one.train_inputs).float()
        targets = torch.from_numpy(one.train_targets).float()
        for _ in range(training.steps):
            rows = torch.randperm(len(inputs))[: training.batch_size]
            loss = example_loss(module(inputs[rows]), targets[rows], "mse").mean()
            optimiser.zero_grad(set_to_none=False)
            loss.backward()
            optimiser.step()
            schedule.step()


def best_of(function: object, *arguments: object) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)


def measure(shape: MLP, members: int, device: str) -> dict[str, float]:
    """One row of the table."""
    task, training = ms.sweeps.TeacherStudent(4), Training(steps=STEPS, batch_size=BATCH)
    seeds = list(range(members))
    examples = [task.draw(256, 64, seed) for seed in seeds]
    pack = best_of(train, shape, examples, seeds, training)
    single = best_of(loop, shape, examples, training)
    row = {
        "width": shape.width,
        "members": members,
        "loop_s": single,
        "pack_s": pack,
        "ratio": single / pack,
    }
    if device != "cpu":
        there = functools.partial(train, device=device)
        moved = best_of(there, shape, examples, seeds, training)
        row |= {f"{device}_s": moved, "gain": pack / moved}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    counts = MEMBERS if device == "cpu" else (*MEMBERS, 512)
    rows = [measure(shape, members, device) for shape in SHAPES for members in counts]
    show(rows, f"{torch.get_num_threads()} threads, batch {BATCH}")
    name = "packs.json" if device == "cpu" else f"packs_{device.replace(':', '')}.json"
    keep(rows, Path(__file__).with_name(name))


if __name__ == "__main__":
    main()
