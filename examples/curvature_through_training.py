"""How training bends a manifold: curvature and dimension of a hidden layer, step by step.

The inputs are a sphere of dimension 2 in 20 features, so curvature can be measured from
3,000 points. A tanh network learns the sign of a polynomial of degree 4 on it. Training
bends the image of the sphere to part the classes: its curvature, in units of its own size,
rises from 1.7 (a round sphere has 1) to 3.3, while its dimension stays 2. The second layer
soon folds it so tightly that 3,000 points cannot tell: then the estimate says so instead of
giving a number. A minute; writes curvature_through_training.png.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import manifoldscale as ms

STEPS = [0, 30, 100, 300, 1000, 3000]
SITES = ["hidden1", "hidden2"]
WIDTH, ANCHORS = 100, 300

sphere = ms.manifolds.Sphere(2).sample(3000, ambient=20, rng=0)
inputs = torch.as_tensor(np.array(sphere.points), dtype=torch.float32)
x, y, z = ms.manifolds.Sphere(2).sample(3000, rng=0).points.T
labels = torch.as_tensor((x**3 * y - x * y**3 + x * y * z**2 > 0).astype(np.int64))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = {
        "hidden1": nn.Sequential(nn.Linear(20, WIDTH), nn.Tanh()),
        "hidden2": nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh()),
        "readout": nn.Linear(WIDTH, 2),
    }
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        model.hidden1[0].weight *= 20**0.5  # the sphere fills 3 of its 20 features
    return model


def measure(model: nn.Module) -> dict[str, tuple[ms.dimension.Dimension, object]]:
    """Dimension and curvature of each hidden layer: kappa_rms times radius of gyration."""
    found = {}
    for site, cloud in ms.extract(model, inputs, sites=SITES).items():
        dim = ms.estimate(cloud, ms.dimension.Auto())
        near = cloud.neighbors(k=64, anchors=ANCHORS)
        found[site] = dim, ms.estimate(near, ms.curvature.Quadric(2))
    return found


def main() -> None:
    model, history, accuracy = network(), [], []
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(STEPS[-1] + 1):
        logits = model(inputs)
        if step in STEPS:
            accuracy.append((logits.argmax(1) == labels).double().mean().item())
            history.append(measure(model))
            for site, (dim, curved) in history[-1].items():
                print(f"step {step}, {site}: {accuracy[-1]:.0%} right, {dim.headline()}")
                print(f"  {curved.headline()}")
        optimiser.zero_grad()
        nn.functional.cross_entropy(logits, labels).backward()
        optimiser.step()
    draw(history)


def draw(history: list) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    shown = np.maximum(STEPS, 10)  # step 0 on a logarithmic axis
    for site in SITES:
        dims = [found[site][0] for found in history]
        curved = [found[site][1] for found in history]
        kappas = [one.pooled.kappa_rms for one in curved]
        units = np.array([one.extent for one in curved])
        for ax, results, unit in zip(axes, (kappas, dims), (units, 1), strict=True):
            values = unit * np.array([result.value for result in results])
            ends = unit * np.array([[*result.interval] for result in results]).T
            ax.errorbar(shown, values, np.abs(ends - values), fmt="o-", ms=4, label=site)
            unknown = np.isnan(values)
            ax.plot(shown[unknown], 0 * shown[unknown], "x", color=ax.lines[-1].get_color())
    axes[0].axhline(1, color="0.5", lw=1, label="round sphere")
    axes[0].plot([], [], "kx", label="not identifiable")
    axes[0].set(ylabel=r"$\kappa_\mathrm{rms} R_g$", ylim=(-0.15, 5))
    axes[1].axhline(2, color="0.5", lw=1, label="inputs")
    axes[1].set(ylabel="dimension", ylim=(0, 4))
    for ax in axes:
        ax.set(xscale="log", xlabel="step (10 stands for 0)")
        ax.legend(fontsize=8)
    figure.savefig("curvature_through_training.png", dpi=160)


if __name__ == "__main__":
    main()
