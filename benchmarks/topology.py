"""Persistent homology beside bare ripser on the same landmarks, and what was predicted.

    python benchmarks/topology.py

writes a table and benchmarks/topology.json. `ratio` is the time of `Rips` without
subsamples (search of landmarks, process, tests of the bars and all) over that of
`ripser.ripser` on the distances of the same landmarks, both in this run, in seconds of the
processor, of child processes too: other work on the machine does not count.
`predicted_s` and `predicted_bytes` are what the estimate beforehand says of the bare run.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from output import keep, show

import manifoldscale as ms
from manifoldscale.manifolds import Ball, KleinBottle, Manifold, Sphere, Torus
from manifoldscale.topology import cost

CASES: list[tuple[Manifold, int, int, int]] = [
    (Torus(), 4000, 500, 1),
    (KleinBottle(), 4000, 1000, 1),
    (Sphere(2), 4000, 2000, 1),
    (Sphere(2), 2000, 150, 2),
    (Ball(5), 2000, 150, 2),
]
BARE = """
import resource, sys, time
import numpy as np
from ripser import ripser
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
distances = np.load(sys.argv[1])
start = time.process_time()
ripser(distances, maxdim=int(sys.argv[2]), distance_matrix=True)
spent = time.process_time() - start
print(spent, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def bare(points: np.ndarray, up_to: int, folder: Path) -> tuple[float, float]:
    """Seconds and bytes of ripser alone, in a process of its own for its peak of memory."""
    from scipy.spatial.distance import pdist, squareform

    path = folder / "distances.npy"
    np.save(path, squareform(pdist(points)))
    command = [sys.executable, "-c", BARE, str(path), str(up_to)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    path.unlink()
    seconds, size = done.stdout.split()
    return float(seconds), float(size)


def measure(manifold: Manifold, n: int, landmarks: int, up_to: int) -> dict[str, Any]:
    """One row of the table."""
    method = ms.topology.Rips(up_to=up_to, landmarks=landmarks, subsamples=0)
    cloud = manifold.sample(n, rng=1)
    start = processor_seconds()
    found = ms.estimate(cloud, method)
    spent = processor_seconds() - start
    chosen = cloud.points[found.landmarks]
    seconds, size = bare(chosen, up_to, Path(__file__).parent)
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
        "ripser_bytes": size,
        "predicted_s": expected.seconds,
        "predicted_bytes": expected.bytes,
    }


def main() -> None:
    rows = []
    measure(Sphere(1), 100, 50, 1)  # imports
    for case in CASES:
        rows.append(measure(*case))
    show(rows)
    keep(rows, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
