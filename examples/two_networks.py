"""Two networks that differ in their seed, layer by layer, and one that is not trained.

Kornblith et al. (2019) find that corresponding layers of two trained networks resemble each
other more than other pairs do. Here two perceptrons learn the digits of mnist5k from
different seeds; 1,500 digits that neither has seen give the unbiased CKA of every layer of
one with every layer of the other, and with the layers of a network at initialisation. CKA
follows the few directions of the largest variance, so the information imbalance is beside
it: how far the nearest neighbours in one layer are neighbours in another one. Last, the
dimension at the scale of these digits, as the difference of the two networks on the same
digits, whose errors of sampling cancel. Half a minute; writes two_networks.png.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import manifoldscale as ms

WIDTH, DEPTH, STEPS, N = 128, 5, 600, 1500
SITES = [f"layer {i + 1}" for i in range(DEPTH)]

data = ms.data.load("mnist5k")
scale = np.sqrt(np.mean(data.inputs.var(axis=0)))
inputs = torch.from_numpy((data.inputs - data.inputs.mean(axis=0)) / scale)
labels = torch.from_numpy(data.labels.astype(np.int64))
order = torch.from_numpy(np.random.default_rng(0).permutation(len(inputs)))
unseen, training = order[:N], order[N:]


def network(seed: int, steps: int) -> nn.Sequential:
    """A perceptron after so many steps on the training digits."""
    torch.manual_seed(seed)
    sizes = [inputs.shape[1], *[WIDTH] * DEPTH]
    layers: list[nn.Module] = []
    for i in range(DEPTH):
        layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
    found = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    optimiser = torch.optim.Adam(found.parameters(), lr=1e-3)
    for _ in range(steps):
        batch = training[torch.randint(len(training), (128,))]
        optimiser.zero_grad()
        nn.functional.cross_entropy(found(inputs[batch]), labels[batch]).backward()
        optimiser.step()
    return found.eval()


def layers_of(found: nn.Sequential) -> dict[str, ms.Cloud]:
    """The output of every hidden layer for the unseen digits."""
    reps = ms.extract(found, inputs[unseen], "re:^\\d*[13579]$")
    return dict(zip(SITES, reps.values(), strict=True))


first, second, untrained = (
    layers_of(network(seed, steps)) for seed, steps in ((0, STEPS), (1, STEPS), (2, 0))
)
between = ms.compare_representations(first, second, measures=("cka", "imbalance"))
before = ms.compare_representations(first, untrained, measures=("cka",))

figure, axes = plt.subplots(2, 2, figsize=(8.6, 7.2), layout="constrained")
panels = (
    (between, "cka", "CKA of two trained networks"),
    (before, "cka", "CKA with one that is not trained"),
    (between, "imbalance", "information imbalance, first to second"),
)
for axis, (matrix, measure, title) in zip(axes.flat, panels, strict=False):
    matrix.plot(axis, measure=measure)
    axis.set_title(title)

alike = between.values("cka")
own = alike.argmax(axis=1)
print(f"the most alike layer of the second network: {(own + 1).tolist()}")
print(f"CKA of corresponding layers {np.diag(alike).round(2).tolist()}")
print(f"with no training {np.diag(before.values('cka')).round(2).tolist()}")

method = ms.dimension.MLE(k=20)
differences = [ms.paired_difference(first[site], second[site], method) for site in SITES]
for site, found in zip(SITES, differences, strict=True):
    both = f"{found.first:.1f} and {found.second:.1f}"
    print(f"{site}: dimension {both}, difference {found.value:+.2f} {found.interval}")
axis = axes[1, 1]
values = np.array([one.value for one in differences])
ends = np.array([tuple(one.interval) for one in differences]).T
axis.axhline(0, color="0.7", lw=0.8)
axis.errorbar(np.arange(1, DEPTH + 1), values, np.abs(ends - values), fmt=".", capsize=3)
axis.set(
    title="dimension, second less first",
    xlabel="hidden layer",
    xticks=range(1, DEPTH + 1),
)
figure.savefig("two_networks.png", dpi=160)
