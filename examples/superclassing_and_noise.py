"""What changes an exponent: the inputs, not the classes (Bahri et al., figure 3).

Digits are learned with their 10 classes, and with classes merged into 5 and 2: the inputs
and their dimension stay, and so does alpha_D. Then noise is added to the inputs, which
raises their dimension and lowers alpha_D. The 180 trained networks are shipped: seconds;
from nothing, half an hour on one core. Writes superclassing_and_noise.png.
"""

import matplotlib.pyplot as plt

import manifoldscale as ms

REGISTRY = ms.data.shipped_sweep("superclassing_and_noise")

plan = ms.sweeps.Plan(
    ms.sweeps.DataSet("mnist5k"),
    dataset_sizes=[100, 200, 400, 800, 1600, 3200],
    widths=[128],
    seeds=5,
    n_test=1500,
    training=ms.sweeps.Training(steps=1500, epochs=60),
)
merged = plan.vary(superclasses=[None, 5, 2])
noisy = plan.vary(input_noise=[0.0, 0.5, 1.0, 2.0])


def main() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", sharey=True)
    panels = (("classes", merged), ("input noise", noisy))
    for ax, (title, plans) in zip(axes, panels, strict=True):
        for (setting,), one in plans.items():
            curve = ms.sweeps.run(one, REGISTRY)
            fit = ms.fit_power_law(curve, axis="data", floor="zero")
            shown = 10 if setting is None else setting
            print(f"{title} {shown}: {fit}")
            sizes = one.dataset_sizes
            losses = [curve.at(dataset_size=n).losses for n in sizes]
            label = rf"{shown:g}: $\alpha_D$ = {fit.alpha:.2f} {fit.interval}"
            means, errors = [x.mean() for x in losses], [x.std(ddof=1) for x in losses]
            ax.errorbar(sizes, means, errors, fmt="o", ms=3, capsize=2, label=label)
            ax.plot(sizes, fit.predict(sizes), color=ax.lines[-1].get_color(), lw=1)
        ax.set(xscale="log", yscale="log", xlabel="training examples D", title=title)
        ax.legend(fontsize=7)
    axes[0].set_ylabel("test loss")
    figure.savefig("superclassing_and_noise.png", dpi=160)


if __name__ == "__main__":
    main()
