"""Scalar curvature of surfaces whose curvature is known, point by point.

A torus, an ellipsoid and a hyperboloid, 1,500 points each, measured in 20 dimensions from
points with a little noise. Each panel shows the estimates at 300 points against the truth,
with 95 % intervals that include noise and truncation bias. About half a minute; writes
curvature_of_known_manifolds.png.
"""

import matplotlib.pyplot as plt
import numpy as np

import manifoldscale as ms

N, SHOWN, AMBIENT, NOISE = 1500, 300, 20, 0.005
SURFACES = {
    "torus": ms.manifolds.Torus(),
    "ellipsoid": ms.manifolds.Ellipsoid(axes=(1.6, 1.3, 1.0)),
    "hyperboloid": ms.manifolds.Hyperboloid(height=1.5),
}

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for axis, (name, surface) in zip(axes, SURFACES.items(), strict=True):
    cloud = surface.sample(N, ambient=AMBIENT, noise=NOISE, rng=1)
    method = ms.curvature.Quadric(surface.dim)
    near = cloud.neighbors(method.n_neighbors, anchors=SHOWN)
    found = ms.estimate(near, method)
    print(f"{name}: {found}")
    # The same seed without noise and rotation: where the points truly lie.
    truth = surface.scalar_curvature(surface.sample(N, rng=1).points[found.rows])
    low, high = found.scalar_interval.T
    inside = (low <= truth) & (truth <= high)
    edge = found.status == "boundary"
    for group, color, label in ((~edge, "C0", "inside"), (edge, "C1", "at an edge")):
        known = group & np.isfinite(found.scalar)
        if known.any():
            errors = np.abs(found.scalar_interval[known].T - found.scalar[known])
            axis.errorbar(
                truth[known], found.scalar[known], errors, fmt=".", ms=3, lw=0.5,
                color=color, label=label,
            )  # fmt: skip
    ends = np.array([truth.min(), truth.max()])
    margin = 0.25 * (ends[1] - ends[0])
    axis.plot(ends, ends, color="0.3", lw=1)
    axis.set(
        xlabel="true scalar curvature",
        title=f"{name}: the truth is in {inside.mean():.0%}",
        ylim=(ends[0] - margin, ends[1] + margin),
    )
    axis.title.set_fontsize(9)
axes[0].set_ylabel("estimate and 95 % interval")
axes[2].legend(frameon=False, loc="lower right")
figure.savefig("curvature_of_known_manifolds.png", dpi=160)
