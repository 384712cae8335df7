"""How fast is the exact neighbour search, and what do the estimators add?

    python benchmarks/speed.py                    # hours on two cores
    python benchmarks/speed.py --quick            # minutes
    python benchmarks/speed.py --sizes 5000 20000 --features 2 32 --threads 1

All times are of one run, interleaved, best of several; what counts are their ratios. The
yardstick of a search is the bare float32 product of all pairs in blocks that stay in
cache. Rivals run where they are installed: scikit-learn by products, SciPy's tree, FAISS
(IndexFlatL2). They return the point itself too; FAISS and scikit-learn give distances with
the errors of float32 products, SciPy and we exact ones.

Prints tables and writes benchmarks/speed.json.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from output import keep, show
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

import manifoldscale as ms

SIZES, FEATURES = (1_000, 5_000, 20_000, 50_000), (2, 8, 32, 128, 512, 2048)
NEIGHBORS, ANCHORS = (2, 10, 64, 256), (None, 2_000)
QUICK = (1_000, 5_000), (2, 32, 512)
LARGEST = 50_000 * 512  # points x features of the largest case
BUDGET = 2.0  # seconds of repetitions of a case
TREES = 16  # features above which SciPy's tree is not tried: it takes minutes

Times = dict[str, float]


def best_of(functions: dict[str, Callable[[], object]]) -> Times:
    """Best time of each, taken in turns, so that a busy moment hits all alike."""
    times: Times = {}
    start = time.perf_counter()
    for turn in range(9):
        for name, function in functions.items():
            if turn > 1 and times[name] > 2 * min(times.values()) and name != "ours":
                continue  # it will not be the best
            begin = time.perf_counter()
            function()
            spent = time.perf_counter() - begin
            times[name] = min(spent, times.get(name, spent))
        if time.perf_counter() - start > BUDGET:
            break
    return times


def product(points: np.ndarray, height: int = 512, width: int = 2048) -> None:
    """All products x.y in blocks, into one buffer."""
    tensor = torch.from_numpy(points)
    buffer = torch.empty(height * width)
    for start in range(0, len(tensor), height):
        rows = tensor[start : start + height]
        for first in range(0, len(tensor), width):
            columns = tensor[first : first + width]
            shape = (len(rows), len(columns))
            out = buffer[: shape[0] * shape[1]].view(shape)
            torch.mm(rows, columns.T, out=out)


def faiss(
    points: np.ndarray, asked: np.ndarray, k: int, threads: int
) -> dict[str, Callable[[], object]]:
    try:
        import faiss as library
    except ImportError:
        return {}
    library.omp_set_num_threads(threads)

    def search() -> object:
        index = library.IndexFlatL2(points.shape[1])
        index.add(points)
        return index.search(asked, k + 1)

    return {"faiss": search}


def search_case(
    n: int, features: int, k: int, threads: int, anchors: int | None
) -> dict[str, object]:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((n, features)).astype(np.float32)
    rows = np.arange(n) if anchors is None else np.sort(rng.permutation(n)[:anchors])
    asked, cloud = points[rows], ms.Cloud(points)
    brute = NearestNeighbors(n_neighbors=k + 1, algorithm="brute", n_jobs=threads)
    functions: dict[str, Callable[[], object]] = {
        "ours": lambda: cloud.neighbors(k, anchors=anchors and rows),
        "sklearn": lambda: brute.fit(points).kneighbors(asked),
        **faiss(points, asked, k, threads),
    }
    if features <= TREES:
        functions["scipy tree"] = lambda: cKDTree(points).query(
            asked, k + 1, workers=threads
        )
    rivals = list(functions)[1:]
    if anchors is None:
        functions["product"] = lambda: product(points)
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        times = best_of(functions)
    best = min(rivals, key=lambda name: times[name])
    case: dict[str, object] = {"points": n, "features": features, "k": k}
    case |= {"threads": threads, "anchors": anchors or n}
    case |= {"search": cloud.neighbors(k, anchors=1).search, "best rival": best}
    return case | {"ours / best": times["ours"] / times[best], **times}


def outlier_case(features: int) -> dict[str, object]:
    """What one far point costs."""
    points = np.random.default_rng(0).standard_normal((5_000, features))
    far = points.copy()
    far[7] = 1e12
    clouds = {"without": ms.Cloud(points), "with": ms.Cloud(far)}
    times = best_of({name: lambda c=c: c.neighbors(10) for name, c in clouds.items()})
    return {
        "features": features,
        "one point at 1e12 / without": times["with"] / times["without"],
    }


def estimator_case(n: int, features: int) -> dict[str, object]:
    """Every estimator that runs on a table, together, over the one search."""
    cloud = ms.manifolds.Sphere(4).sample(n, ambient=features)
    near = cloud.neighbors(64)
    methods = [ms.dimension.TwoNN(), ms.dimension.MLE(k=10), ms.dimension.MLE(k=20)]
    for name in ("Gride", "ABIDE"):
        if hasattr(ms.dimension, name):
            methods.append(getattr(ms.dimension, name)())
    functions: dict[str, Callable[[], object]] = {
        "search": lambda: cloud.neighbors(64),
        "together": lambda: ms.estimate(near, methods),
    }
    for method in methods:
        functions[str(method)] = lambda method=method: ms.estimate(near, method)
    functions["search + TwoNN"] = lambda: ms.estimate(cloud, ms.dimension.TwoNN())
    functions.update(_skdim(cloud.points))
    times = best_of(functions)
    return {
        "points": n,
        "features": features,
        **times,
        "together / search": times["together"] / times["search"],
    }


def _skdim(points: np.ndarray) -> dict[str, Callable[[], object]]:
    try:
        import skdim
    except ImportError:
        return {}
    return {
        "skdim TwoNN": lambda: skdim.id.TwoNN().fit(points),
        "skdim MLE": lambda: skdim.id.MLE(K=20).fit(points),
    }


def disk_case(n: int, features: int, anchors: int) -> dict[str, object]:
    """A cloud in a file, searched by a process of its own: time and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        shape = (n, features)
        points = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=shape)
        rng = np.random.default_rng(0)
        for start in range(0, n, 1 << 16):
            part = points[start : start + (1 << 16)]
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        points.flush()
        command = [sys.executable, __file__, "--on-disk", str(path), str(anchors)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        "points": n,
        "features": features,
        "anchors": anchors,
        **json.loads(done.stdout),
    }


def on_disk(path: str, anchors: int) -> None:
    start = time.perf_counter()
    ms.Cloud(np.load(path, mmap_mode="r")).neighbors(10, anchors=anchors)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": spent, "peak_rss_gib": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--features", type=int, nargs="+")
    parser.add_argument("--threads", type=int, nargs="+")
    parser.add_argument("--on-disk", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.on_disk:
        on_disk(chosen.on_disk[0], int(chosen.on_disk[1]))
        return
    sizes, features = QUICK if chosen.quick else (SIZES, FEATURES)
    sizes, features = chosen.sizes or sizes, chosen.features or features
    threads = chosen.threads or sorted({1, torch.get_num_threads()})
    cases = itertools.product(threads, features, sizes, NEIGHBORS, ANCHORS)
    results: dict[str, list[dict[str, object]]] = {"search": []}
    for t, f, n, k, anchors in cases:
        if n * f <= LARGEST and n > (anchors or 0):
            results["search"].append(search_case(n, f, k, t, anchors))
            print(t, f, n, k, anchors, flush=True)
            keep(results, Path(__file__).with_suffix(".json"))
    show(results["search"], "Exact search: seconds, and the ratio to the fastest rival")
    results["outlier"] = [outlier_case(f) for f in (16, 512)]
    show(results["outlier"], "One far point")
    torch.set_num_threads(threads[-1])
    clouds = [(min(sizes), 64)] if chosen.quick else [(5_000, 64), (20_000, 512)]
    results["estimators"] = [estimator_case(*cloud) for cloud in clouds]
    show(results["estimators"], "Estimators over one search with k = 64: seconds")
    keep(results, Path(__file__).with_suffix(".json"))
    shape = (60_000, 64, 500) if chosen.quick else (1_000_000, 256, 2_000)
    results["on disk"] = [disk_case(*shape)]
    show(results["on disk"], "A cloud on disk")
    keep(results, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
