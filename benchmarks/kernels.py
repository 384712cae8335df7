"""How fast and how right are the kernels of wide networks?

    python benchmarks/kernels.py                                       # ours alone
    python benchmarks/kernels.py --neural-tangents-python PATH         # side by side
    python benchmarks/kernels.py --sizes 1000 --threads 2

Gram matrices of standard normal points in 32 features, ReLU, 3 hidden layers, float64.
neural-tangents 0.6.5 (unmaintained) runs in an interpreter of its own, because it needs an
old JAX:

    python3.11 -m venv /tmp/nt && /tmp/nt/bin/pip install neural-tangents==0.6.5 \\
        "jax[cpu]==0.4.23" "numpy<2" "scipy<1.13"

with x64, compiled and warm; both are pinned to the same cores and take turns, best of
several; "both" is both kernels at once, which both can do. The largest relative difference
of the NTK, 2e-8, is on its diagonal, from the arc cosine of a rounded 1: there the exact
value is 4 times that of K0, and ours has it to 1e-15.

Prints a table and writes benchmarks/kernels.json.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from output import keep, show

import manifoldscale as ms

SIZES, FEATURES, DEPTH = (1_000, 4_000, 8_000), 32, 3
REPEATS = 3
KERNELS = {"nngp": ms.theory.nngp, "ntk": ms.theory.ntk, "both": ms.theory.nngp_and_ntk}

# Reads a line (.npy file, kernel) and answers with seconds, and the matrix where asked.
RIVAL = """
import json, os, sys, time
cores = int(sys.argv[1])
os.sched_setaffinity(0, set(range(cores)))
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
import numpy as np
import neural_tangents as nt
from neural_tangents import stax
layers = []
for _ in range(int(sys.argv[2])):
    layers += [stax.Dense(1, W_std=2**0.5, b_std=0.0), stax.Relu()]
_, _, kernel = stax.serial(*layers, stax.Dense(1, W_std=2**0.5, b_std=0.0))
compiled = {
    "nngp": jax.jit(lambda x: kernel(x, None, "nngp")),
    "ntk": jax.jit(lambda x: kernel(x, None, "ntk")),
    "both": jax.jit(lambda x: tuple(kernel(x, None, ("nngp", "ntk")))),
}
print(json.dumps({"neural_tangents": nt.__version__, "jax": jax.__version__}), flush=True)
for line in sys.stdin:
    path, name, saved = json.loads(line)
    x = np.load(path)
    begin = time.perf_counter()
    found = jax.block_until_ready(compiled[name](x))
    seconds = time.perf_counter() - begin
    if saved:
        np.save(saved, np.asarray(found))
    print(json.dumps(seconds), flush=True)
"""


class NeuralTangents:
    """neural-tangents in an interpreter of its own, asked line by line."""

    def __init__(self, python: str, threads: int, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [python, "-c", RIVAL, str(threads), str(DEPTH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ, PYTHONPATH=""),
        )
        self.versions = self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("neural-tangents did not start in that interpreter.")
        return json.loads(line)

    def _ask(self, points: np.ndarray, name: str, saved: str | None) -> float:
        path = self.folder / "points.npy"
        np.save(path, points)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(path), name, saved]) + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def seconds(self, points: np.ndarray, name: str) -> float:
        return self._ask(points, name, None)

    def matrix(self, points: np.ndarray, name: str) -> np.ndarray:
        saved = self.folder / "matrix.npy"
        self._ask(points, name, str(saved))
        return np.load(saved, mmap_mode="r")


def ours(points: np.ndarray, name: str) -> float:
    begin = time.perf_counter()
    KERNELS[name](points, depth=DEPTH)
    return time.perf_counter() - begin


def case(n: int, rival: NeuralTangents | None) -> list[dict[str, Any]]:
    points = np.random.default_rng(0).standard_normal((n, FEATURES))
    rows = []
    for name in KERNELS:
        row: dict[str, Any] = {"points": n, "kernel": name}
        if rival is not None and name != "both":  # compiles and warms as well
            theirs = rival.matrix(points, name)
            mine = KERNELS[name](points, depth=DEPTH).numpy()
            row["relative difference"] = float(np.abs(mine / theirs - 1).max())
        elif rival is not None:
            rival.seconds(points, name)
        times: dict[str, list[float]] = {"ours": [], "neural-tangents": []}
        for _ in range(REPEATS):
            times["ours"].append(ours(points, name))
            if rival is not None:
                times["neural-tangents"].append(rival.seconds(points, name))
        best = {who: min(seconds) for who, seconds in times.items() if seconds}
        row.update(best)
        if rival is not None:
            row["ours / neural-tangents"] = best["ours"] / best["neural-tangents"]
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neural-tangents-python", metavar="PATH")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    os.sched_setaffinity(0, set(range(arguments.threads)))
    with tempfile.TemporaryDirectory() as folder:
        python = arguments.neural_tangents_python
        rival = NeuralTangents(python, arguments.threads, Path(folder)) if python else None
        rows = [row for n in arguments.sizes for row in case(n, rival)]
    show(rows, f"Gram matrices, {FEATURES} features, {DEPTH} hidden ReLU layers")
    about = {
        "machine": platform.processor() or platform.machine(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "threads": arguments.threads,
        **(rival.versions if rival else {}),
    }
    keep({"about": about, "cases": rows}, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
