"""Accuracy of dimension estimates on the 24 manifolds of scikit-dimension.

    python benchmarks/accuracy.py                       # ours: 10 seeds, a few minutes
    python benchmarks/accuracy.py --peer-seeds 1        # beside the rivals: an hour

Every method has one fixed default for all manifolds (`BenchmarkManifolds`, 2,500 points),
in the same run and on the same points; the rivals, some of which take minutes per cloud,
see only the first seeds. DADApy pins an old NumPy: `--dadapy PYTHON` runs it with the
Python of an environment where it is installed. No parameter of ours was tuned on these
manifolds: `Auto` rests on the clouds of `benchmarks/cloud_families.py`, and was chosen by
leaving families of these out. The mean percentage error, by true dimension, is printed and
written to accuracy.json, with every estimate.
"""

import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import skdim
from output import show

import manifoldscale as ms

POINTS = 2500
Estimate = Callable[[np.ndarray], tuple[float, float, float]]
GROUPS = {"all": (0, 1000), "d <= 6": (0, 6), "d > 6": (7, 1000)}


def ours(method: object) -> Estimate:
    def run(points: np.ndarray) -> tuple[float, float, float]:
        dim = ms.estimate(points, method)
        return dim.value, *dim.interval

    return run


def theirs(name: str, **settings: object) -> Estimate:
    def run(points: np.ndarray) -> tuple[float, float, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(getattr(skdim.id, name)(**settings).fit(points).dimension_)
        return value, np.nan, np.nan

    return run


DADAPY = """
import sys
import numpy as np
from dadapy import Data
points = np.load(sys.argv[1])
print("value", Data(points, maxk=10, verbose=False).compute_id_2NN()[0])
"""


def dadapy(python: str) -> Estimate:
    """Its two-neighbour estimate; the error that it gives with it is 0."""

    def run(points: np.ndarray) -> tuple[float, float, float]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "points.npy"
            np.save(path, points)
            command = [python, "-c", DADAPY, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1]), np.nan, np.nan

    return run


OURS = {
    "Auto": ours(ms.dimension.Auto()),
    "Calibrated(TwoNN())": ours(ms.dimension.Calibrated(ms.dimension.TwoNN())),
    "TwoNN": ours(ms.dimension.TwoNN()),
    "Gride(2, 4)": ours(ms.dimension.Gride(2, 4)),
    "MLE(k=10)": ours(ms.dimension.MLE(k=10)),
}
PEERS = {
    "skdim TwoNN": theirs("TwoNN"),
    "skdim MLE": theirs("MLE"),
    "skdim GRIDE": theirs("GRIDE"),
    "skdim lPCA": theirs("lPCA"),
    "skdim ESS": theirs("ESS"),
    "skdim FisherS": theirs("FisherS"),
    "skdim DANCo": theirs("DANCo"),
}


def manifolds(seed: int) -> list[tuple[str, int, np.ndarray]]:
    made = skdim.datasets.BenchmarkManifolds(random_state=seed)
    rows = []
    for name, truth in made.truth.iterrows():
        dim, features = int(truth.iloc[0]), int(truth.iloc[1])
        points = made.generate(name=name, n=POINTS, dim=features, d=dim)
        rows.append((str(name), dim, np.asarray(points, dtype=float)))
    return rows


def measure(
    methods: dict[str, Estimate], seeds: int, rivals: dict[str, Estimate], rival_seeds: int
) -> list[dict[str, object]]:
    rows = []
    for seed in range(seeds):
        here = methods | (rivals if seed < rival_seeds else {})
        for manifold, dim, points in manifolds(seed):
            for name, method in here.items():
                start = time.perf_counter()
                try:
                    value, low, high = method(points)
                except Exception as error:  # a peer's failure is a result
                    print(f"{name} on {manifold}: {type(error).__name__}: {error}")
                    value, low, high = np.nan, np.nan, np.nan
                row = {"manifold": manifold, "dim": dim, "seed": seed, "method": name}
                seconds = time.perf_counter() - start
                rows.append(row | {"value": value, "low": low, "high": high, "s": seconds})
        print(f"seed {seed} done", flush=True)
    return rows


def summary(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Mean percentage error and share of intervals that hold the truth, by method."""
    lines = []
    for name in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == name]
        value, dim, low, high, spent = (
            np.array([row[key] for row in own], dtype=float)
            for key in ("value", "dim", "low", "high", "s")
        )
        line: dict[str, object] = {"method": name}
        for group, (first, last) in GROUPS.items():
            inside = (dim >= first) & (dim <= last)
            line[group] = float(np.nanmean(100 * np.abs(value / dim - 1)[inside]))
        held = (low <= dim) & (dim <= high)
        line["covered"] = float(held.mean()) if np.isfinite(low).any() else None
        line["clouds"] = len(own)
        line["failed"] = int(np.isnan(value).sum())
        line["seconds"] = float(np.median(spent))
        lines.append(line)
    return lines


def show_all(lines: list[dict[str, object]], rows: list[dict[str, object]]) -> None:
    show(lines, "mean percentage error", form=".2f", width=110)
    detail = []
    for name in dict.fromkeys(row["manifold"] for row in rows):
        by = {
            method: [r for r in rows if r["manifold"] == name and r["method"] == method]
            for method in ("Auto", "TwoNN")
        }
        mean = {
            (method, key): np.mean([float(str(row[key])) for row in own])
            for method, own in by.items()
            for key in ("value", "low", "high")
        }
        low, high = mean["Auto", "low"], mean["Auto", "high"]
        detail.append(
            {
                "manifold": name,
                "d": by["Auto"][0]["dim"],
                "Auto": mean["Auto", "value"],
                "95 % interval, mean": f"[{low:.2f}, {high:.2f}]",
                "TwoNN": mean["TwoNN", "value"],
            }
        )
    show(detail, form=".2f", width=110)


@click.command()
@click.option("--seeds", default=10)
@click.option("--peer-seeds", default=0, help="Seeds that the rivals see too.")
@click.option("--dadapy", "python", help="A Python with DADApy, as another rival.")
@click.option("--output", default=str(Path(__file__).with_name("accuracy.json")))
def main(seeds: int, peer_seeds: int, python: str | None, output: str) -> None:
    """Accuracy on known manifolds."""
    rivals = PEERS | ({"DADApy 2NN": dadapy(python)} if python else {})
    rows = measure(OURS, seeds, rivals, peer_seeds)
    lines = summary(rows)
    show_all(lines, rows)
    Path(output).write_text(json.dumps({"summary": lines, "estimates": rows}, indent=1))


if __name__ == "__main__":
    main()
