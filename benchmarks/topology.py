"""Persistent homology beside bare ripser on the same landmarks, and what was predicted.

    python benchmarks/topology.py

writes a table and benchmarks/topology.json. `ratio` is the time of `Rips` without
subsamples (search of landmarks, tree, tests of the bars and all) over that of
`ripser.ripser` on the distances of the same landmarks; they take turns, and the least of
each counts. Of `default` and `circular`, the ratio is over what one would write instead: a
loop of `ripser` with `n_perm` over the same halves, and `ripser` with cocycles. `first_s`
is what the first run takes, which starts the process. `predicted_s` and `predicted_bytes`
are what the estimate beforehand says of the bare run.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from output import keep, show
from ripser import ripser
from scipy.spatial.distance import pdist, squareform

import manifoldscale as ms
from manifoldscale.core.random import keyed
from manifoldscale.manifolds import Ball, KleinBottle, Manifold, Sphere, Torus
from manifoldscale.topology import cost

ROUNDS = 7  # fewer where one takes long
CASES: list[tuple[Manifold, int, int, int]] = [
    (Ball(5), 150, 150, 1),
    (Ball(5), 150, 150, 2),
    (Torus(), 4000, 500, 1),
    (KleinBottle(), 4000, 1000, 1),
    (Sphere(2), 4000, 2000, 1),
    (Sphere(2), 2000, 150, 2),
    (Ball(5), 2000, 150, 2),
]
BARE = """
import sys
import numpy as np
from ripser import ripser
def peak():  # of this program; getrusage remembers the one that started it
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])
distances = np.load(sys.argv[1])
before = peak()
ripser(distances, maxdim=int(sys.argv[2]), distance_matrix=True)
print(peak() - before)
"""


def fastest(*works: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """The least seconds of each; they take turns."""
    taken: list[list[float]] = [[] for _ in works]
    begun = time.perf_counter()
    for done in range(rounds):
        if done >= 2 and time.perf_counter() - begun > 30:
            break
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    return [min(times) for times in taken]


def bare_bytes(distances: np.ndarray, up_to: int, folder: Path) -> float:
    """Of ripser alone, in a process of its own for its peak of memory."""
    path = folder / "distances.npy"
    np.save(path, distances)
    command = [sys.executable, "-c", BARE, str(path), str(up_to)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path.unlink()
    return float(done.stdout)


def measure(manifold: Manifold, n: int, landmarks: int, up_to: int) -> dict[str, Any]:
    """One row of the table."""
    method = ms.topology.Rips(up_to=up_to, landmarks=landmarks, subsamples=0)
    cloud = manifold.sample(n, rng=1)
    found = ms.estimate(cloud, method)
    chosen = cloud.points[found.landmarks]
    distances = squareform(pdist(chosen))
    spent, seconds = fastest(
        lambda: ms.estimate(cloud, method),
        lambda: ripser(distances, maxdim=up_to, distance_matrix=True),
    )
    expected = cost.predicted(chosen, up_to, np.inf, 1)
    return {
        "manifold": str(manifold),
        "n": n,
        "landmarks": landmarks,
        "up_to": up_to,
        "betti": [one.value for one in found.betti],
        "covering_radius": found.covering_radius,
        "rips_s": spent,
        "ripser_s": seconds,
        "ratio": spent / seconds,
        "ripser_bytes": bare_bytes(distances, up_to, Path(__file__).parent),
        "predicted_s": expected.seconds,
        "predicted_bytes": expected.bytes,
    }


def default() -> dict[str, Any]:
    """5,000 handwritten digits of 784 pixels; 3 of the 39 halves, to save time."""
    points = ms.data.load("mnist5k").cloud().points

    def loop() -> None:
        ripser(points, maxdim=1, n_perm=300)
        for i in range(3):
            half = keyed(0, "subsample", i).choice(len(points), len(points) // 2, False)
            ripser(points[half], maxdim=1, n_perm=300)

    method = ms.topology.Rips(subsamples=3)
    spent, looped = fastest(lambda: ms.estimate(points, method), loop, rounds=3)
    return {"rips_s": spent, "loop_s": looped, "ratio": spent / looped}


def circular() -> dict[str, Any]:
    """An angle around a circle, without repeats."""
    cloud = Sphere(1).sample(2000, noise=0.05, rng=1)
    method = ms.topology.CircularCoordinates(repeats=0)
    landmarks = cloud.points[ms.estimate(cloud, ms.topology.Rips(subsamples=0)).landmarks]
    distances = squareform(pdist(landmarks))
    spent, seconds = fastest(
        lambda: ms.estimate(cloud, method),
        lambda: ripser(distances, coeff=47, do_cocycles=True, distance_matrix=True),
    )
    return {"circular_s": spent, "ripser_s": seconds, "ratio": spent / seconds}


def main() -> None:
    cloud, small = Sphere(1).sample(100), ms.topology.Rips(landmarks=50, subsamples=0)
    start = time.perf_counter()
    ms.estimate(cloud, small)
    first = {"first_s": time.perf_counter() - start}
    rows = [measure(*case) for case in CASES]
    show(rows)
    others = {"first": first, "default": default(), "circular": circular()}
    show([{"what": name} | one for name, one in others.items()])
    keep({"rows": rows, **others}, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
