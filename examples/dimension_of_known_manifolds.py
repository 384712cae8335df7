"""Raw and calibrated dimension on manifolds whose dimension is known.

A nearest-neighbour estimate is too low in high dimension, the more so the fewer the points;
on a folded manifold (a product of circles, whose neighbours lie a radius apart) it is too
high. The calibrated default corrects the first error. Two distances per point cannot tell
which is the case, so its interval also allows for the second. About ten seconds; writes
dimension_of_known_manifolds.png.
"""

import matplotlib.pyplot as plt

import manifoldscale as ms

N = 2000
AMBIENT = 60
DIMS = (1, 2, 3, 5, 8, 12, 16, 20)
FAMILIES = {
    "sphere": ms.manifolds.Sphere,
    "ball": ms.manifolds.Ball,
    "flat torus": ms.manifolds.FlatTorus,
}

figure, (left, right) = plt.subplots(
    1, 2, figsize=(8, 3.6), sharey=True, layout="constrained"
)
for offset, (name, family) in enumerate(FAMILIES.items()):
    for dim in DIMS:
        cloud = family(dim).sample(N, ambient=AMBIENT, rng=dim)
        raw = ms.estimate(cloud, ms.dimension.TwoNN())
        default = ms.estimate(cloud, ms.dimension.Auto())
        print(f"{name:>10}, d = {dim:2}: TwoNN {raw.value:5.2f}, {default}")
        for axis, result in ((left, raw), (right, default)):
            low, high = result.interval
            errors = [[result.value - low], [high - result.value]]
            label = name if dim == DIMS[0] else None
            place = dim + 0.15 * (offset - 1)
            axis.errorbar(
                place,
                result.value,
                errors,
                fmt="o",
                ms=4,
                capsize=2,
                color=f"C{offset}",
                label=label,
            )
for axis, title in ((left, "TwoNN"), (right, "Auto: corrected for number and shape")):
    axis.plot([0, 21], [0, 21], color="0.6", lw=1, zorder=0)
    axis.set(xlabel="true dimension", title=title, xlim=(0, 21), ylim=(0, 42))
left.set_ylabel(f"estimated dimension, N = {N:,}")
left.legend(frameon=False)
figure.savefig("dimension_of_known_manifolds.png", dpi=160)
