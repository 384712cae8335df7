"""What do two or four workers gain on one machine?

    python benchmarks/workers.py                  # minutes; needs manifoldscale[cluster]

A search and a sweep on Dask workers of one thread each, against the same work in this
process with one thread; the gain is the ratio of the times, the efficiency that over the
workers that have a core of their own. Workers are started before the clock. Prints a table
and writes benchmarks/workers.json.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import torch
from distributed import Client, LocalCluster
from output import keep, show

import manifoldscale as ms

WORKERS = (1, 2, 4)
Work = Callable[[Executor | None], object]


def search(executor: Executor | None) -> object:
    rng = np.random.default_rng(0)
    cloud = ms.Cloud(rng.standard_normal((20_000, 512), dtype=np.float32))
    return cloud.neighbors(10, executor=executor)


def sweep(executor: Executor | None) -> object:
    plan = ms.sweeps.Plan(
        ms.sweeps.TeacherStudent(dim=6),
        dataset_sizes=[200, 400, 800, 1600, 3200],
        widths=[32, 64, 128],
        seeds=4,
        training=ms.sweeps.Training(steps=400),
    )
    return ms.sweeps.run(plan, executor=executor)


def seconds(work: Work, executor: Executor | None) -> float:
    times = []
    for turn in range(3):
        start = time.perf_counter()
        work(executor)
        if turn:  # the first imports and compiles
            times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    torch.set_num_threads(1)
    cases: dict[str, Work] = {"search, 20,000 x 512": search, "sweep, 60 networks": sweep}
    alone = {name: seconds(work, None) for name, work in cases.items()}
    rows: list[dict[str, object]] = []
    for workers in WORKERS:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True
            ) as cluster,
            Client(cluster) as client,
        ):
            for name, work in cases.items():
                spent = seconds(work, client.get_executor())
                gain = alone[name] / spent
                cores = min(workers, os.cpu_count() or 1)
                row: dict[str, object] = {"case": name, "workers": workers, "cores": cores}
                row |= {"alone, s": alone[name], "s": spent}
                rows.append(row | {"gain": gain, "efficiency": gain / cores})
    show(rows, "Dask workers on one machine")
    keep(rows, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
