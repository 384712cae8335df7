"""The chain by library import: sweep, fit, extract, estimate, predict, compare.

Networks are trained on 100 to 1,400 real digits; the exponent of their test loss is
compared with the one that the dimension of the last hidden layer implies. About ten
seconds; writes digits_end_to_end.png.
"""

import matplotlib.pyplot as plt

import manifoldscale as ms

SIZES = (100, 155, 240, 375, 580, 900, 1400)
WIDTH, DEPTH, SEEDS = 64, 2, 5

task = ms.sweeps.DataSet("digits")
plan = ms.sweeps.Plan(
    task,
    dataset_sizes=SIZES,
    widths=[WIDTH],
    seeds=SEEDS,
    depth=DEPTH,
    n_test=397,
    training=ms.sweeps.Training(steps=600),
)
curve = ms.sweeps.run(plan, registry="digits.sqlite")  # again: read, not trained
fit = ms.fit_power_law(curve, axis="data", floor="free")
print(fit)

# A network that is not one of the fitted ones: any torch module would do.
model = ms.sweeps.train_one(plan, WIDTH, max(SIZES))
reps = ms.extract(model, task.points(10_000, seed=0))
dims = {site: ms.estimate(cloud, ms.dimension.Auto()) for site, cloud in reps.items()}
for site, dim in dims.items():
    print(f"{site:>8}: {dim}")

comparison = ms.compare(ms.predict_exponent(dims[f"hidden{DEPTH}"]), fit)
print(comparison)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
fit.plot(left)
left.set_title(f"alpha_D = {fit.alpha:.2f}")
values = [dim.value for dim in dims.values()]
errors = [
    [dim.value - dim.interval.low for dim in dims.values()],
    [dim.interval.high - dim.value for dim in dims.values()],
]
right.errorbar(range(len(dims)), values, errors, fmt="o-", capsize=2)
right.set_xticks(range(len(dims)), dims, rotation=40, ha="right")
right.set(ylabel="intrinsic dimension", ylim=(0, None))
right.set_title(f"r = alpha_D d / 4 = {comparison.ratio:.2f}")
figure.savefig("digits_end_to_end.png", dpi=160)
