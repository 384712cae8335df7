"""The dimension of real digits through the layers of a deep network, trained and not.

Ansuini et al. (2019) found that the dimension of a trained network's representations first
rises and then falls along its depth, to few directions at the read-out. Here: six hidden
layers of 128 units, 5,000 MNIST digits, and for each layer the dimension that these digits
resolve, which is what they estimated; the dimension of the manifold, all layers together;
and the participation ratio, a linear dimension, which counts directions of space. The
resolved dimension falls clearly from the first layer to the read-out. Whether the dimension
of the manifold falls is not known: its intervals allow for what layers do to distances, and
it cannot rise. A minute; writes dimension_through_depth.png.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import manifoldscale as ms

DEPTH, WIDTH, EPOCHS, BATCH = 6, 128, 15, 100
digits = ms.data.load("mnist5k")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    model, features = nn.Sequential(), digits.inputs.shape[1]
    for layer in range(1, DEPTH + 1):
        linear = nn.Linear(features, WIDTH)
        nn.init.kaiming_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        model.add_module(f"hidden{layer}", nn.Sequential(linear, nn.ReLU()))
        features = WIDTH
    model.add_module("readout", nn.Linear(features, 10))
    return model


def train(model: nn.Module) -> None:
    x, y = torch.as_tensor(digits.inputs), torch.as_tensor(digits.labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
    right = (model(x).argmax(1) == y).double().mean()
    print(f"trained: {right:.1%} of the training digits are right")


def measure(model: nn.Module) -> dict[str, list]:
    """Resolved, intrinsic and linear dimension at every site."""
    reps = ms.extract(model, digits.cloud(), sites=["@input", "hidden?", "readout"])
    together = ms.estimate(reps, ms.dimension.Auto())
    linear = ms.estimate(reps, ms.dimension.ParticipationRatio())
    return {site: [dim.resolved, dim, linear[site]] for site, dim in together.items()}


def main() -> None:
    model = network()
    found = {"at initialisation": measure(model)}
    train(model)
    found["trained"] = measure(model)
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for name, sites in found.items():
        for site, results in sites.items():
            resolved, manifold, linear = (result.headline() for result in results)
            print(f"{name}, {site}: resolved {resolved}; {manifold}; {linear}")
        for kind, ax in enumerate(axes):
            dims = [results[kind] for results in sites.values()]
            values = np.array([dim.value for dim in dims])
            errors = np.abs(np.array([[*dim.interval] for dim in dims]).T - values)
            ax.errorbar(range(len(values)), values, errors, fmt="o-", ms=4, label=name)
    titles = "dimension resolved by 5,000 digits", "of the manifold", "participation ratio"
    for ax, title in zip(axes, titles, strict=True):
        ax.set(title=title, ylim=(0, 35), xlabel="layer, from input to read-out")
        ax.legend(fontsize=8)
    figure.savefig("dimension_through_depth.png", dpi=160)


if __name__ == "__main__":
    main()
