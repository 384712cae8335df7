"""Make the reference clouds that calibrate `dimension.Auto`.

    python benchmarks/reference_clouds.py --workers 2       # half an hour

Every cloud has a random family (`cloud_families.py`), dimension and number of points. Its
signature is kept beside its dimension in a table from which `benchmarks/families.py` fits
the model that is shipped, and checks it by leaving families out. Each cloud depends only on
its own number, and families take turns: a run that was stopped continues where it was, and
a longer one extends a shorter one.
"""

import concurrent.futures
import os
import warnings
from pathlib import Path

import click
import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread per worker

import torch
from cloud_families import FAMILIES, HIGHEST, MOST, log_uniform, sample

import manifoldscale as ms
from manifoldscale.core.random import keyed
from manifoldscale.dimension.signature import N_NEIGHBORS, signature

TABLE = Path(__file__).with_name("reference_clouds.npz")
TOP = 120
SIZES = (200, 20_000)
QUERIES = 2000
CHUNK = 74


def read(number: int) -> dict[str, object] | None:
    """The signature of a reference cloud beside its truth."""
    torch.set_num_threads(1)
    rng = keyed(1, "reference cloud", number)
    family = FAMILIES[number % len(FAMILIES)]
    d = round(log_uniform(rng, 1, HIGHEST.get(family, TOP)))
    n = round(log_uniform(rng, SIZES[0], MOST.get(family, SIZES[1])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = sample(family, n, d, rng)
        try:
            near = ms.Cloud(made.points).neighbors(N_NEIGHBORS, anchors=QUERIES, rng=number)
        except ms.ManifoldScaleError:
            return None
    if near.n_duplicates > 0.01 * n:  # a float could not hold the map
        return None
    found = signature(near).values
    if not np.isfinite(found).all():
        return None
    return {
        "numbers": number,
        "readings": found.astype(np.float32),
        "dims": made.dim,
        "sizes": near.n_points,
        "features": made.points.shape[1],
        "families": made.family,
        "bases": made.base,
    }


def load(path: Path = TABLE) -> dict[str, np.ndarray]:
    """The table, a row per cloud."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored}


def save(rows: list[dict[str, object]], done: int) -> None:
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    partial = TABLE.with_suffix(".partial.npz")
    np.savez_compressed(partial, done=done, **columns)
    partial.replace(TABLE)


def begun() -> tuple[list[dict[str, object]], int]:
    """The rows of a run that was stopped, and the number of the next cloud."""
    if not TABLE.exists():
        return [], 0
    stored = load()
    done = int(stored.pop("done"))
    count = len(stored["dims"])
    return [{name: stored[name][i] for name in stored} for i in range(count)], done


@click.command()
@click.option("--count", default=4958, help="Clouds to make.")
@click.option("--workers", default=2, help="Processes of one thread each.")
def main(count: int, workers: int) -> None:
    """Make the reference clouds."""
    rows, done = begun()
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        for start in range(done, count, CHUNK):
            end = min(start + CHUNK, count)
            rows += [row for row in pool.map(read, range(start, end)) if row is not None]
            save(rows, end)
            print(f"{end:,} of {count:,}", flush=True)


if __name__ == "__main__":
    main()
