"""Curvature against the truth, and the time beside that of the neighbour search.

    python benchmarks/curvature.py

writes a table and benchmarks/curvature.json. Errors are of points against exact curvature,
coverage is that of nominal 95 % intervals at points whose status is ok (of S, and of
kappa_rms), `half_width` the median half of the intervals of S; `ratio` is the time
of the fits at all points over that of the search, from the share of points that is fitted,
both in seconds of the processor, so that other work on the machine does not count.

`loop_...` is what one would write first: one quadric per point by NumPy, in the principal
frame of its neighbours, without errors, noise removal or choice of radius. `loop_ratio` is
its time over ours, which makes some twenty fits per point.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
from output import keep, show

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
ROUNDS = 2  # the least of each counts
LOOP_POINTS = 100  # points of the loop
LOOP_NEIGHBORS = 4  # neighbours of the loop for each unknown of a quadric
CASES: list[tuple[Manifold, int, int | None]] = [
    (Torus(), 2000, None),
    (Ellipsoid(), 2000, None),
    (Hyperboloid(), 2000, None),
    (Torus(), 10_000, None),
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
    near = cloud.neighbors(method.n_neighbors, anchors=None if n < 5000 else ANCHORS)
    searches, fits = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        cloud.neighbors(method.n_neighbors)
        searches.append(time.process_time() - start)
        start = time.process_time()
        found = ms.estimate(near, method)
        fits.append((time.process_time() - start) * n / near.n_queries)
    search, spent = min(searches), min(fits)
    truth = manifold.scalar_curvature(manifold.sample(n, rng=1).points[found.rows])
    known, ok = np.isfinite(found.scalar), found.status == "ok"
    low, high = found.scalar_interval.T
    hit = (low <= truth) & (truth <= high)
    kappa = manifold.kappa_rms(manifold.sample(n, rng=1).points[found.rows])
    from_below, to_above = found.kappa_interval.T
    kappa_hit = (from_below <= kappa) & (kappa <= to_above)
    queries = min(LOOP_POINTS, near.n_queries)
    start = time.process_time()
    looped = quadric_loop(near, manifold.dim, queries)
    loop = (time.process_time() - start) * n / queries
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
        "coverage_kappa_ok": float(kappa_hit[ok].mean()) if ok.any() else None,
        "share_ok": float(ok.mean()),
        "half_width": float(np.median((high - low)[known])) / 2,
        "pooled_scalar": found.pooled.scalar.value,
        "pooled_low": found.pooled.scalar.interval.low,
        "pooled_high": found.pooled.scalar.interval.high,
        "true_mean": float(truth.mean()),
        "search_s": search,
        "ratio": spent / search,
        "loop_mean_error": float(np.abs(looped - truth[:queries]).mean()),
        "loop_ratio": loop / spent,
    }


def quadric_loop(near: Any, dim: int, queries: int) -> np.ndarray:
    """(queries,) scalar curvature by one fit per point."""
    points = np.asarray(near.cloud.points, dtype=np.float64)
    i, j = np.triu_indices(dim)
    count = LOOP_NEIGHBORS * (1 + dim + len(i))
    found = np.empty(queries)
    for row in range(queries):
        offsets = points[near.indices[row, :count]] - points[near.queries[row]]
        axes = np.linalg.svd(offsets - offsets.mean(0), full_matrices=False)[2]
        along, normal = offsets @ axes[:dim].T, offsets @ axes[dim:].T
        quadratic = along[:, i] * along[:, j] * np.where(i == j, 0.5, 1.0)
        design = np.column_stack([np.ones(count), along, quadratic])
        entries = np.linalg.lstsq(design, normal, rcond=None)[0][1 + dim :]
        form = np.zeros((dim, dim, normal.shape[1]))
        form[i, j] = form[j, i] = entries
        trace = np.trace(form)
        found[row] = trace @ trace - (form**2).sum()
    return found


def main() -> None:
    rows = []
    for manifold, n, ambient in CASES:
        noises = (0.0, 0.1) if n < 5000 else (0.0,) if ambient else NOISES[:3]
        rows += [measure(manifold, n, ambient, noise) for noise in noises]
    show(rows)
    keep(rows, Path(__file__).with_suffix(".json"))


if __name__ == "__main__":
    main()
