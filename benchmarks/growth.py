"""How do time and memory grow with the size, and what would a far larger one take?

    python benchmarks/growth.py            # ten minutes on one core

Each case is run at several sizes, each in a process of its own with one thread; the
exponent of its growth is fitted to the times and stands beside the expected one. Prints a
table and writes benchmarks/growth.json, from which docs/how-to/many-machines.md
extrapolates.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from output import keep, show

import manifoldscale as ms

Work = Callable[[], object]
FEATURES = 512


def cloud(n: int, features: int = FEATURES) -> ms.Cloud:
    rng = np.random.default_rng(0)
    return ms.Cloud(rng.standard_normal((n, features), dtype=np.float32))


def all_pairs(n: int) -> Work:
    points = cloud(n)
    return lambda: points.neighbors(10)


def anchored(n: int) -> Work:
    points = cloud(n)
    return lambda: points.neighbors(10, anchors=2_000)


def by_tree(n: int) -> Work:
    points = cloud(n, 3)
    return lambda: points.neighbors(10)


def on_disk(n: int) -> Work:
    """A file of points: its search keeps a block of them in memory."""
    path = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))) / "points.npy"
    points = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(n, 256))
    rng = np.random.default_rng(0)
    for block in np.array_split(np.arange(n), max(1, n // 50_000)):
        points[block] = rng.standard_normal((len(block), 256), dtype=np.float32)
    points.flush()
    mapped = ms.Cloud(np.load(path, mmap_mode="r"))
    return lambda: mapped.neighbors(10, anchors=1_000)


def estimate(n: int) -> Work:
    near = cloud(n, 64).neighbors(64)
    return lambda: ms.estimate(near, ms.dimension.Auto())


def fit(rows: int) -> Work:
    """Fifty sizes, with more and more runs of each."""
    rng = np.random.default_rng(0)
    sizes = np.unique(np.geomspace(100, 100_000, 50).astype(int))
    n = np.repeat(sizes, rows // 50)
    noise = np.exp(0.03 * rng.standard_normal(len(n)))
    loss = (0.05 + (n / 100) ** -0.4) * noise
    seed = np.tile(np.arange(rows // 50), len(sizes))
    table = pd.DataFrame({"n_train": n, "seed": seed, "loss": loss})
    return lambda: ms.fit(table)


def ntk(n: int) -> Work:
    points = cloud(n, 64).points
    return lambda: ms.theory.nngp_and_ntk(points, depth=2)


CASES: dict[str, tuple[Callable[[int], Work], list[int], float]] = {
    "search, all pairs, 512 features": (all_pairs, [5_000, 10_000, 20_000], 2.0),
    "search, 2,000 anchors, 512 features": (anchored, [20_000, 50_000, 100_000], 1.0),
    "search, all points by a tree, 3 features": (by_tree, [20_000, 80_000, 320_000], 1.1),
    "search on disk, 1,000 anchors, 256 features": (
        on_disk,
        [100_000, 300_000, 1_000_000],
        1.0,
    ),
    "Auto on a table of 64 neighbours": (estimate, [5_000, 10_000, 20_000], 1.0),
    "fit of a table, rows": (fit, [1_000, 4_000, 16_000], 1.0),
    "NNGP and NTK": (ntk, [1_000, 2_000, 4_000], 2.0),
}


def measured(name: str, size: int) -> dict[str, float]:
    """One case at one size in a process of its own."""
    command = [sys.executable, __file__, "--case", name, str(size)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=alone)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(name: str, size: int) -> None:
    torch.set_num_threads(1)
    make = CASES[name][0]
    make(min(size, 1_000))()  # imports, and compiled loops
    work, times = make(size), []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
        if sum(times) > 30:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": min(times), "peak_gib": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args().case
    if asked:
        run(asked[0], int(asked[1]))
        return
    rows: list[dict[str, object]] = []
    for name, (_, sizes, expected) in CASES.items():
        found = [measured(name, size) for size in sizes]
        seconds = [one["seconds"] for one in found]
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        row: dict[str, object] = {"case": name, "exponent": slope, "expected": expected}
        for size, one in zip(sizes, found, strict=True):
            row |= {f"s at {size:,}": one["seconds"]}
        rows.append(row | {"peak GiB at the last": found[-1]["peak_gib"]})
        print(rows[-1], flush=True)
        keep(rows, Path(__file__).with_suffix(".json"))
    show(rows, "Growth: seconds on one thread")


if __name__ == "__main__":
    main()
