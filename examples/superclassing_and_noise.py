"""What changes an exponent: the inputs, not the classes (after Bahri et al., figure 3).

Images are learned with their 10 classes, and with classes merged into 5 and 2: the inputs
and their dimension stay. Then noise is added to the inputs, which raises their dimension,
and the loss that no network can undercut. On digits (100 to 3,200 training examples) and on
Fashion-MNIST (250 to 60,000). A floor that is forced to zero makes noise look like a lower
exponent; with a free one, what falls is partly the floor rising: both are printed. The 396
trained networks are shipped, and the images are not needed: seconds; from scratch, an hour
and a half on one core. Writes superclassing_and_noise.png.
"""

import dataclasses as dc

import matplotlib.pyplot as plt

import manifoldscale as ms

REGISTRY = ms.data.shipped_sweep("superclassing_and_noise")

digits = ms.sweeps.Plan(
    ms.sweeps.DataSet("mnist5k"),
    dataset_sizes=[100, 200, 400, 800, 1600, 3200],
    widths=[128],
    seeds=5,
    n_test=1500,
    training=ms.sweeps.Training(steps=1500, epochs=60),
)
fashion = dc.replace(
    digits,
    task=ms.sweeps.DataSet("fashion-mnist"),
    dataset_sizes=[250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000],
    seeds=4,
    n_test=10_000,
    training=ms.sweeps.Training(steps=1500, epochs=20),
)
CHANGES = {"superclasses": [None, 5, 2], "input_noise": [0.0, 0.5, 1.0, 2.0]}


def draw(ax: plt.Axes, plan: ms.sweeps.Plan, title: str, name: str) -> None:
    """One curve with the law that has a free floor; print the other law too."""
    curve = ms.sweeps.run(plan, REGISTRY)
    free, zero = (ms.fit_power_law(curve, axis="data", floor=f) for f in ("free", "zero"))
    print(f"{title} {name}: {free}")
    print(f"  forced floor: {zero.headline()}")
    losses = [curve.at(dataset_size=n).losses for n in plan.dataset_sizes]
    means, errors = [x.mean() for x in losses], [x.std(ddof=1) for x in losses]
    label = rf"{name}: $\alpha_D$ = {free.alpha:.2f} {free.interval}"
    ax.errorbar(plan.dataset_sizes, means, errors, fmt="o", ms=3, capsize=2, label=label)
    color = ax.lines[-1].get_color()
    ax.plot(plan.dataset_sizes, free.predict(plan.dataset_sizes), color=color, lw=1)


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
    for row, plan in zip(axes, (digits, fashion), strict=True):
        for ax, (change, values) in zip(row, CHANGES.items(), strict=True):
            title = f"{plan.task.dataset}, {change.replace('_', ' ')}"
            for (value,), one in plan.vary(**{change: values}).items():
                draw(ax, one, title, "10" if value is None else f"{value:g}")
            ax.set(xscale="log", yscale="log", xlabel="training examples D", title=title)
            ax.set_ylabel("test loss")
            ax.legend(fontsize=7)
    figure.savefig("superclassing_and_noise.png", dpi=160)


if __name__ == "__main__":
    main()
