"""Random networks on clouds of known dimension: do intervals of a whole chain hold it?

    python benchmarks/chains.py                # ten minutes on two cores; chains.json

Inputs of many families (`cloud_families.py`) go through networks of random weights, dense
and convolutional, plain and residual, of three to seven layers, all wide enough to keep the
dimension. Shown for the sites alone and for all together (`dimension.chain`, whose three
constants were chosen here): the error, the share of intervals that hold the dimension, the
share that exclude it from above, and the median of high / low; by depth too.
"""

import concurrent.futures
import os
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import numpy as np
import torch
from cloud_families import (
    FAMILIES,
    HIGHEST,
    NETWORKS,
    PICTURES,
    log_uniform,
    sample,
    standard,
)
from output import judged, keep, show
from torch import nn

import manifoldscale as ms
from manifoldscale.core.random import keyed

Row = dict[str, Any]
HERE = Path(__file__)
INPUTS = [name for name in FAMILIES if name not in NETWORKS]
TOP = 10  # dimensions


class Residual(nn.Module):
    """A block that adds to its input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x)


def dense(features: int, dim: int, rng: np.random.Generator) -> nn.Module:
    width = int(log_uniform(rng, max(3 * dim, 32), 200))
    act = rng.choice([nn.ReLU, nn.Tanh, nn.GELU])
    depth, residual = int(rng.integers(3, 8)), rng.random() < 0.3
    parts: list[nn.Module] = [nn.Linear(features, width), act()]
    for _ in range(depth - 1):
        layers = nn.Linear(width, width), act()
        parts += [Residual(*layers)] if residual else layers
    return drawn(nn.Sequential(*parts), rng)


def convolutional(side: int, rng: np.random.Generator) -> nn.Module:
    act, channels = rng.choice([nn.ReLU, nn.Tanh, nn.GELU]), int(rng.integers(8, 25))
    parts: list[nn.Module] = []
    for layer in range(int(rng.integers(3, 6))):
        stride = 2 if layer < 2 and rng.random() < 0.6 else 1
        before = channels if layer else 1
        parts += [nn.Conv2d(before, channels, 3, stride, padding=1), act()]
    return drawn(nn.Sequential(*parts), rng)


def drawn(net: nn.Module, rng: np.random.Generator) -> nn.Module:
    """With weights that keep the size of the signal, and small biases."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    gain = rng.uniform(1, 1.6)
    with torch.no_grad():
        for name, weights in net.named_parameters():
            fan_in = weights[0].numel() if weights.ndim > 1 else 1
            size = gain * fan_in**-0.5 if name.endswith("weight") else 0.2 * rng.random()
            weights.copy_(size * torch.randn(weights.shape, generator=generator))
    return net


def chain(number: int) -> list[Row]:
    """The sites of one network, each alone and all together."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rng = keyed(2, "chain", number)
    family = INPUTS[number % len(INPUTS)]
    d = round(log_uniform(rng, 1, min(TOP, HIGHEST.get(family, TOP))))
    made = sample(family, round(log_uniform(rng, 600, 5000)), d, rng)
    x = standard(made.points).astype(np.float32)
    side = int(np.sqrt(x.shape[1]))
    if family in PICTURES and side**2 == x.shape[1] and rng.random() < 0.7:
        net = convolutional(side, rng)
        x = x.reshape(len(x), 1, side, side)
    else:
        net = dense(x.shape[1], made.dim, rng)
    sites = ["@input", *(str(i) for i, m in enumerate(net) if not isinstance(m, nn.Linear))]
    try:
        reps = ms.extract(net, x, sites, points="flatten+project:256")
        table = ms.estimate(reps, ms.dimension.Auto(anchors=2500))
    except ms.ManifoldScaleError:
        return []
    rows = []
    for depth, (site, dim) in enumerate(table.items()):
        if not np.isfinite(dim.value):
            continue
        alone = dim.alone or dim
        rows.append(
            {
                "chain": number,
                "family": family,
                "dim": made.dim,
                "n": dim.n_points,
                "site": site,
                "depth": depth,
                "TwoNN": alone.raw,
                "alone": [alone.value, *alone.interval],
                "joint": [dim.value, *dim.interval],
                "top": dim.top,
            }
        )
    return rows


def summary(rows: list[Row], key: str) -> dict[str, float]:
    value, low, high = np.array([row[key] for row in rows]).T
    dim, raw = (np.array([row[k] for row in rows]) for k in ("dim", "TwoNN"))
    found = judged(dim, value, low, high, raw)
    return {"sites": len(rows), **found, "too low": float(np.mean(high < dim))}


@click.command()
@click.option("--count", default=300, help="Networks.")
@click.option("--workers", default=2)
@click.option("--output", default=str(HERE.with_name("chains.json")))
def main(count: int, workers: int, output: str) -> None:
    """Chains of known dimension."""
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        rows = [row for rows in pool.map(chain, range(count)) for row in rows]
    lines = []
    for key in ("alone", "joint"):
        lines.append({"": key} | summary(rows, key))
        for depth in range(6):
            own = [row for row in rows if row["depth"] == depth]
            lines.append({"": f"{key}, depth {depth}"} | summary(own, key))
    show(lines, form=".3f", width=110)
    keep({"summary": lines, "estimates": rows}, Path(output))


if __name__ == "__main__":
    main()
