"""The first stage of foreign.py: clouds of known dimension, each with its known facts.

The cache holds one folder per chain and dimension, `<network>/<family>-<d>`, with one array
per site (`0.npy`, `1.npy`, ... in the order of the network; points x at most 2,048
features, float32) and `chain.json`: network, family, d, n, and for every site its name,
file, `loss` (empty, or why d is only a ceiling) and what the Jacobian says. A folder is
made again where `n` has changed; after another change of foreign_networks.py delete it.

The Jacobian of a site by the parameters is taken at 20 random inputs, by central
differences in double precision:

    full_rank : share of the inputs at which its rank is d
    ratio     : median of the smallest singular value over the largest; below 1 / 100 the
                manifold is `stretched`, in practice of a lower dimension at 3,000 points
    tightest, loosest : least and largest ratio at any of the inputs
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from foreign_networks import Chain

import manifoldscale as ms

PROBES = 20
STEP = 1e-5  # of parameters in [0, 1]: the rounding error of a difference is about 1e-11
RANK = 1e-6  # of the largest singular value, far above that error
STRETCHED = 0.01
POINTS = "flatten+project:2048"
BATCH = 125


def folder_of(chain: Chain, d: int, cache: Path) -> Path:
    return cache / chain.network.replace(" ", "-") / f"{chain.family.replace(' ', '-')}-{d}"


def make(chain: Chain, d: int, cache: Path, n: int | None = None) -> Path:
    """The clouds of a chain, made unless they are there."""
    folder, n = folder_of(chain, d, cache), n or chain.n
    if (folder / "chain.json").exists() and read(folder)["n"] == n:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chain.json").unlink(missing_ok=True)
    rng = np.random.default_rng([sum(map(ord, chain.network + chain.family)), d])
    free = torch.from_numpy(rng.random((n, d)))
    x = np.concatenate([chain.inputs(u).float().numpy() for u in free.split(BATCH)])
    net = chain.build()
    arrays = _arrays(net, x, chain)
    about = [
        {"site": place.site, "file": f"{i}.npy", "loss": place.loss, **stretch}
        for i, (place, stretch) in enumerate(
            zip(chain.places, _jacobians(net, chain, d, rng), strict=True)
        )
    ]
    for row in about:
        np.save(folder / row["file"], arrays[row["site"]].astype(np.float32))
    head = {"network": chain.network, "family": chain.family, "d": d, "n": n}
    text = json.dumps(head | {"sites": about}, indent=1)
    (folder / "chain.json").write_text(text + "\n", encoding="utf-8")
    return folder


def read(folder: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
    return about


def load(folder: Path) -> dict[str, np.ndarray]:
    """Site to cloud, in the order of the network."""
    return {row["site"]: np.load(folder / row["file"]) for row in read(folder)["sites"]}


def _arrays(net: torch.nn.Module, x: np.ndarray, chain: Chain) -> dict[str, np.ndarray]:
    sites = [place.site for place in chain.places]
    found = ms.extract(net, x, sites, points=POINTS, batch_size=BATCH)
    arrays = {site: np.asarray(array) for site, array in found.arrays.items()}
    assert list(arrays) == sites, list(arrays)
    return arrays


def _jacobians(
    net: torch.nn.Module, chain: Chain, d: int, rng: np.random.Generator
) -> list[dict[str, float]]:
    """What the Jacobians of each site say; of its projected values, as they are kept."""
    at = rng.uniform(2 * STEP, 1 - 2 * STEP, (PROBES, 1, 1, d))
    sides = np.array([1.0, -1.0])[:, None, None] * STEP * np.eye(d)
    u = torch.from_numpy((at + sides).reshape(-1, d))
    x = np.concatenate([chain.inputs(part).numpy() for part in u.split(BATCH)])
    arrays = _arrays(net.double(), x, chain)
    return [_stretch(arrays[place.site], d) for place in chain.places]


def _stretch(values: np.ndarray, d: int) -> dict[str, float]:
    assert values.dtype == np.float64 and values.shape[1] >= d
    ahead, behind = values.reshape(PROBES, 2, d, -1).transpose(1, 0, 2, 3)
    singular = np.linalg.svd((ahead - behind) / (2 * STEP), compute_uv=False)
    ratios = singular[:, -1] / np.maximum(singular[:, 0], 1e-300)
    return {
        "features": values.shape[1],
        "full_rank": float((ratios > RANK).mean()),
        "ratio": float(np.median(ratios)),
        "tightest": float(ratios.min()),
        "loosest": float(ratios.max()),
    }
