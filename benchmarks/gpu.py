"""What a GPU gives: the exact search, packs of networks, and a dimension end to end.

    bash benchmarks/gpu.sh                            # under eight minutes
    python benchmarks/gpu.py --device cpu --small     # the same script, checked on a CPU

The search is compared with the bare product of all pairs, in the type that it uses, and
with FAISS where its GPU index is installed; packs with a loop of single trainings on the
CPU and with packs there. Writes benchmarks/gpu.json after every case, so that a run that
is cut off keeps what it has.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import packs
import torch
from output import keep, show

import manifoldscale as ms
from manifoldscale.networks.mlp import MLP

Row = dict[str, object]


def best(function: Callable[[], object], device: str, repeats: int = 3) -> float:
    """The best time, waiting for the device; the first call is not counted."""
    times = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        function()
        if device != "cpu":
            torch.cuda.synchronize()
        if turn:
            times.append(time.perf_counter() - start)
    return min(times)


def product(points: torch.Tensor, block: int = 8192) -> None:
    for rows in points.split(block):
        for columns in points.split(block):
            rows @ columns.T


def search(n: int, features: int, k: int, device: str) -> Row:
    points = np.random.default_rng(0).standard_normal((n, features), dtype=np.float32)
    cloud, here = ms.Cloud(points), torch.from_numpy(points).to(device)
    row: Row = {"points": n, "features": features, "k": k}
    row["ours"] = ours = best(lambda: cloud.neighbors(k, device=device), device)
    for dtype in (torch.float32, torch.bfloat16):
        spent = best(lambda d=dtype: product(here.to(d)), device)
        row[f"product, {dtype}"] = spent
        row[f"ours / product, {dtype}"] = ours / spent
    try:
        import faiss

        resources = faiss.StandardGpuResources()
    except (ImportError, AttributeError):
        return row

    def by_faiss() -> None:
        index = faiss.GpuIndexFlatL2(resources, features)
        index.add(points)
        index.search(points, k + 1)

    row["FAISS"] = best(by_faiss, device)
    return row | {"ours / FAISS": ours / float(str(row["FAISS"]))}


def auto(n: int, features: int, device: str) -> Row:
    """A dimension with its interval, from points in memory to the number."""
    cloud = ms.manifolds.Sphere(6).sample(n, ambient=features)
    near = cloud.neighbors(64, device=device)
    return {
        "points": n,
        "features": features,
        "search": best(lambda: cloud.neighbors(64, device=device), device, 1),
        "estimate": best(lambda: ms.estimate(near, ms.dimension.Auto()), device, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a minute on a CPU")
    chosen = parser.parse_args()
    device, small = chosen.device, chosen.small
    n = 3_000 if small else 100_000
    name = torch.cuda.get_device_name() if device != "cpu" else "cpu"
    results: dict[str, object] = {"device": name, "small": small}
    cases: list[tuple[str, Callable[[], Row]]] = [
        (
            f"search, {features} features, k = {k}",
            lambda f=features, k=k: search(n, f, k, device),
        )
        for features in (512, 2048)
        for k in (10, 64)
    ]
    cases += [
        (f"pack of {m}", lambda m=m: packs.measure(MLP(20, 64, 2, 1), m, device))
        for m in ((4,) if small else (64, 512))
    ]
    cases.append(("Auto", lambda: auto(n // 10 if small else n, 512, device)))
    path = Path(__file__).with_name("gpu_small.json" if small else "gpu.json")
    for title, case in cases:
        results[title] = row = case()
        show([row], title)
        keep(results, path)


if __name__ == "__main__":
    main()
