"""Curvature against the truth, and the time beside that of the neighbour search.

    python benchmarks/curvature.py

writes a table and benchmarks/curvature.json. Errors are of points against exact curvature,
coverage is that of nominal 95 % intervals at points whose status is ok; `ratio` is the time
of the fits at all points over that of the search, from the share of points that is fitted.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import manifoldscale as ms
from manifoldscale.manifolds import (
    Ellipsoid,
    FlatTorus,
    Grassmann,
    Hyperboloid,
    Manifold,
    SpecialOrthogonal,
    Sphere,
    Torus,
)

ANCHORS = 200
CASES: list[tuple[Manifold, int, int | None]] = [
    (Torus(), 2000, None),
    (Ellipsoid(), 2000, None),
    (Hyperboloid(), 2000, None),
    (Sphere(2), 10_000, None),
    (Sphere(3), 10_000, None),
    (Sphere(3), 10_000, 512),
    (Sphere(5), 10_000, None),
    (SpecialOrthogonal(n=3), 10_000, None),
    (FlatTorus(2), 10_000, None),
    (Grassmann(n=3, plane=1), 10_000, None),
]
NOISES = (0.0, 0.01, 0.03, 0.1)


def measure(
    manifold: Manifold, n: int, ambient: int | None, noise: float
) -> dict[str, Any]:
    """One row of the table."""
    method = ms.curvature.Quadric(manifold.dim)
    cloud = manifold.sample(n, ambient=ambient, noise=noise, rng=1)
    start = time.perf_counter()
    near = cloud.neighbors(method.n_neighbors)
    search = time.perf_counter() - start
    near = cloud.neighbors(method.n_neighbors, anchors=None if n < 5000 else ANCHORS)
    start = time.perf_counter()
    found = ms.estimate(near, method)
    spent = (time.perf_counter() - start) * n / near.n_queries
    truth = manifold.scalar_curvature(manifold.sample(n, rng=1).points[found.rows])
    known, ok = np.isfinite(found.scalar), found.status == "ok"
    low, high = found.scalar_interval.T
    hit = (low <= truth) & (truth <= high)
    varies = truth.std() > 1e-9 and known.sum() > 2
    return {
        "manifold": str(manifold),
        "n": n,
        "ambient": cloud.ambient_dim,
        "noise": noise,
        "r": float(np.corrcoef(truth[known], found.scalar[known])[0, 1])
        if varies
        else None,
        "mean_error": float(np.abs(found.scalar - truth)[known].mean()),
        "coverage_ok": float(hit[ok].mean()) if ok.any() else None,
        "share_ok": float(ok.mean()),
        "pooled_scalar": found.pooled.scalar.value,
        "pooled_low": found.pooled.scalar.interval.low,
        "pooled_high": found.pooled.scalar.interval.high,
        "true_mean": float(truth.mean()),
        "search_s": search,
        "ratio": spent / search,
    }


def main() -> None:
    rows = []
    for manifold, n, ambient in CASES:
        noises = (0.0, 0.1) if n < 5000 else (0.0,) if ambient else NOISES[:3]
        rows += [measure(manifold, n, ambient, noise) for noise in noises]
    table = Table(*rows[0])
    for row in rows:
        table.add_row(
            *(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
        )
    Console(width=220).print(table)
    Path(__file__).with_suffix(".json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
