"""A circle of inputs through the layers of wide networks: order, chaos, and kinks.

In a chaotic tanh network the circle grows and turns exponentially with depth, as mean-field
theory says (Poole et al. 2016); in an ordered one it shrinks to a smooth loop. In a ReLU
network curvature is not a number: circles through three points of the curve bend more the
closer the points are, like step^(-1/2). A few seconds; writes circle_through_layers.png.
"""

import math

import matplotlib.pyplot as plt
import torch
from torch import nn

import manifoldscale as ms

WIDTH, DEPTH, INPUTS = 600, 8, 16


def network(activation: type[nn.Module], variance: float) -> nn.Sequential:
    """Weights N(0, variance / fan-in), no biases."""
    layers: list[nn.Module] = []
    for i in range(DEPTH):
        linear = nn.Linear(WIDTH if i else INPUTS, WIDTH, bias=False)
        nn.init.normal_(linear.weight, std=math.sqrt(variance / linear.in_features))
        layers += [linear, activation()]
    return nn.Sequential(*layers)


torch.manual_seed(0)
directions = torch.eye(INPUTS)
circle = ms.curvature.great_circle(directions[0], directions[1], radius=math.sqrt(INPUTS))
linear_sites = [str(2 * i) for i in range(DEPTH)]
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
depths = range(1, DEPTH + 1)
for color, variance in zip(("C0", "C1", "C2"), (0.8, 1.5, 3.0), strict=True):
    line = ms.theory.mean_field("tanh", variance, 0.0).layers(DEPTH - 1, variance=variance)
    found = ms.curvature.through_layers(
        network(nn.Tanh, variance), circle, sites=linear_sites, initial=False, expected=line
    )
    print(f"tanh, weight variance {variance}: {found}")
    for axis, name in ((left, "length"), (middle, "curvature")):
        axis.plot(depths, getattr(line, name), color=color, lw=1)
        axis.plot(depths, getattr(found, name), "o", color=color, label=f"{variance}")
left.set(xlabel="layer", ylabel="length", yscale="log", title="tanh, by weight variance")
left.legend(frameon=False)
middle.set(xlabel="layer", ylabel="curvature", yscale="log", title="lines: mean field")

kinked = ms.curvature.through_layers(
    network(nn.ReLU, 2.0), circle, sites=linear_sites[1::2], initial=False
)
print(f"relu: {kinked}")
for site, kappa in zip(kinked.sites, kinked.kappa_of_step, strict=True):
    right.loglog(kinked.steps, kappa, "o-", label=f"layer {int(site) // 2 + 1}")
guide = kinked.kappa_of_step[0, 0] * (kinked.steps / kinked.steps[0]) ** -0.5
right.loglog(kinked.steps, 0.7 * guide, "k--", lw=1, label="step$^{-1/2}$")
right.set(
    xlabel="step, radians", ylabel="curvature of circles", title="ReLU: of scale only"
)
right.set_xticks([0.02, 0.05, 0.1, 0.2], ["0.02", "0.05", "0.1", "0.2"])
right.minorticks_off()
right.set_ylim(top=60)
right.legend(frameon=False, ncols=2, fontsize=8)
figure.savefig("circle_through_layers.png", dpi=160)
