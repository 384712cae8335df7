"""Dimension of populations with repeated, noisy trials: the model of `AboveNoise`, and its
check on codes that were not used to make it.

    python benchmarks/above_noise.py --fit     # two minutes: above_noise.npz of the package
    python benchmarks/above_noise.py           # five minutes on one core; above_noise.json

The model is fitted to noise-free populations: many distributions of latent variables, many
families of tuning. Its error is that of families that are left out. The check simulates
recordings of other codes (`KINDS`): Poisson counts of 100 to 1,000 neurons in 4 to 32
trials, with gains shared by all neurons of a trial, and missing ones. Shown per kind and
number of trials: the share of recordings with a dimension, of those the share whose
interval holds it, and the share that excludes it; beside them `TwoNN` on the means.
"""

import itertools
from pathlib import Path
from typing import Any

import click
import numpy as np
from output import keep, show

import manifoldscale as ms
from manifoldscale.core.errors import ManifoldScaleError
from manifoldscale.core.random import keyed
from manifoldscale.dimension import above_noise as room

HERE = Path(__file__)
SOURCES = ("cube", "ball", "normal", "sphere", "torus", "skewed", "long", "clusters")
CODES = (
    "linear",
    "smooth",
    "wavy",
    "rough",
    "relu",
    "quadratic",
    "sigmoid",
    "mixed scales",
)
DIMS = (1, 2, 3, 4, 5, 6, 7, 8, 10)
REFERENCE = 1500  # points of a reference population
KINDS = ("ring", "cosine", "torus", "place", "sphere", "mixed", "objects")
TRIALS = (4, 8, 16, 32)


def latent(source: str, dim: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n x features) latent variables of this dimension, of unit order."""
    normal = rng.standard_normal((n, dim))
    if source == "ball":
        ball = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        return ball * rng.random((n, 1)) ** (1 / dim) * np.sqrt((dim + 2) / 3)
    if source == "normal":
        return 0.6 * normal
    if source == "sphere":
        sphere = rng.standard_normal((n, dim + 1))
        sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
        return sphere * np.sqrt((dim + 1) / 3)
    if source == "torus":
        angles = rng.uniform(0, 2 * np.pi, (n, dim))
        return 0.8 * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    if source == "skewed":
        return 3 * rng.beta(0.7, 2.0, (n, dim)) - 1
    cube = rng.uniform(-1, 1, (n, dim))
    if source == "long":
        return cube * np.geomspace(1, 0.4, dim)
    if source == "clusters":
        count, size = rng.integers(5, 30), rng.uniform(0.15, 0.5)
        centres = rng.uniform(-1, 1, (count, 6))
        around = np.pad(size * cube, ((0, 0), (0, max(0, 6 - dim))))
        centres = np.pad(centres, ((0, 0), (0, max(0, dim - 6))))
        return centres[rng.integers(count, size=n)] + around
    return cube


def tuned(
    code: str, x: np.ndarray, rng: np.random.Generator, neurons: int = 250
) -> np.ndarray:
    """(n x neurons) rates, up to a constant."""
    weights = rng.standard_normal((x.shape[1], neurons))
    phases = rng.uniform(0, 2 * np.pi, neurons)
    if code == "linear":
        return x @ weights
    if code in ("smooth", "wavy", "rough"):
        return np.cos(
            x @ weights / {"smooth": 2.0, "wavy": 1.0, "rough": 0.6}[code] + phases
        )
    if code == "relu":
        return np.maximum(x @ weights + 0.5 * np.sqrt(x.shape[1]) * np.cos(phases), 0)
    if code == "quadratic":
        other = rng.standard_normal(weights.shape)
        return x @ weights + (x @ other) ** 2 / (2 * np.sqrt(x.shape[1]))
    if code == "sigmoid":
        return 1 / (1 + np.exp(-4 * x @ weights / np.sqrt(x.shape[1]) + 2 * np.cos(phases)))
    scales = np.clip(1 / np.abs(rng.standard_normal(neurons)), 0.2, 12.0)
    return np.cos(0.5 * (x @ weights) * scales + phases)


def reference(cell: tuple[str, str, int]) -> dict[str, Any]:
    """Slopes of a noise-free population, and the readings of every scale."""
    source, code, dim = cell
    rng = keyed(0, "above noise", *cell)
    rates = tuned(code, latent(source, dim, REFERENCE, rng), rng)
    pairs = room.count_pairs(rates, None)
    n = len(rates)
    few = pairs.shares[2:] * n * (n - 1) / 2 < room.FEWEST
    logs = np.where(few, np.nan, room.log_slopes(pairs.shares[None], pairs, None))
    return {
        "source": source,
        "code": code,
        "dim": dim,
        "logs": logs,
        "shares": pairs.shares,
    }


def fit() -> None:
    """The model of each scale, its errors on families that are left out."""
    found = [reference(cell) for cell in itertools.product(SOURCES, CODES, DIMS)]
    log_dim = np.log([one["dim"] for one in found])
    logs = np.concatenate([one["logs"] for one in found])
    shares = np.stack([one["shares"] for one in found])
    stored: dict[str, Any] = {}
    errors = [[np.nan, np.nan]] * room.COARSEST
    for place in range(room.COARSEST, logs.shape[1]):
        with np.errstate(divide="ignore", invalid="ignore"):
            design = room.readings(logs, shares, place)
        wanted = log_dim - logs[:, place]
        good = np.isfinite(design).all(1) & room.is_steady(logs, place)
        rest = [
            _left_out(design, wanted, good, np.array([one[key] for one in found]))
            for key in ("source", "code")
        ]
        missed = np.concatenate(rest)
        errors.append([-np.quantile(missed, 0.025), np.quantile(missed, 0.975)])
        stored[f"weights{place}"] = _solved(design[good], wanted[good])
        stored[f"ranges{place}"] = np.quantile(design[good], [0.0, 1.0], axis=0)
        print(
            f"{room.SCALES[place]:.3f}: {good.sum()} populations, log d / slope spreads "
            f"{wanted[good].std():.3f}, left out {missed.std():.3f}, {errors[-1]}"
        )
    np.savez_compressed(room.FILE, errors=np.clip(errors, 0.02, None), **stored)


def _solved(design: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    ridge = 0.01 * np.eye(design.shape[1])
    return np.asarray(np.linalg.solve(design.T @ design + ridge, design.T @ wanted))


def _left_out(
    design: np.ndarray, wanted: np.ndarray, good: np.ndarray, family: np.ndarray
) -> np.ndarray:
    """What models miss on the families that they have not seen."""
    missed = []
    for name in np.unique(family):
        own = good & (family == name)
        weights = _solved(design[good & ~own], wanted[good & ~own])
        missed.append(wanted[own] - design[own] @ weights)
    return np.concatenate(missed)


def code_of(
    kind: str, n: int, neurons: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """(n x neurons) rates of a code of the check, and its dimension."""
    if kind in ("ring", "torus"):
        dim = 1 if kind == "ring" else 2
        angles, preferred = (rng.uniform(0, 2 * np.pi, (m, dim)) for m in (n, neurons))
        width = rng.uniform(0.8, 2.5)
        bumps = np.cos(angles[:, None] - preferred) - 1
        return np.exp(width * bumps.sum(2)), dim
    if kind == "cosine":
        angles, preferred = (rng.uniform(0, 2 * np.pi, m) for m in (n, neurons))
        return 1 + np.cos(angles[:, None] - preferred) * rng.uniform(0.3, 1, neurons), 1
    if kind == "place":
        x, centres = rng.uniform(0, 1, (n, 2)), rng.uniform(-0.1, 1.1, (neurons, 2))
        squared = ((x[:, None] - centres) ** 2).sum(2)
        return np.exp(-squared / (2 * rng.uniform(0.12, 0.3) ** 2)), 2
    if kind == "sphere":
        views, preferred = (rng.standard_normal((m, 4)) for m in (n, neurons))
        views /= np.linalg.norm(views, axis=1, keepdims=True)
        preferred /= np.linalg.norm(preferred, axis=1, keepdims=True)
        return np.exp(2 * (views @ preferred.T - 1)), 3
    if kind == "objects":
        count = 20
        centres, axes = (
            rng.standard_normal((count, neurons)),
            rng.standard_normal((count, 3, neurons)),
        )
        which, pose = rng.integers(count, size=n), rng.uniform(-1, 1, (n, 3))
        moved = np.einsum("np,npi->ni", pose, axes[which])
        return np.exp(0.5 * centres[which] + 0.25 * moved), 3
    dim = int(rng.integers(4, 7))
    x = rng.uniform(-1, 1, (n, dim)) @ rng.standard_normal((dim, 64)) / 1.5
    hidden = np.maximum(x + 0.5 * rng.standard_normal(64), 0)
    return np.logaddexp(0, 1.5 * hidden @ rng.standard_normal((64, neurons)) / 8), dim


def recording(kind: str, trials: int, seed: int) -> tuple[np.ndarray, int]:
    """(stimuli x neurons x trials) spike counts, NaN where a trial is missing."""
    rng = keyed(seed, "recording", kind, trials)
    n, neurons = int(rng.choice([400, 800, 1500])), int(rng.choice([100, 250, 600, 1000]))
    rates, dim = code_of(kind, n, neurons, rng)
    rates *= rng.uniform(0.5, 2.5) / rates.mean()
    gain = rng.choice([0.0, 0.15, 0.3])
    gains = np.exp(gain * rng.standard_normal((n, 1, trials)) - gain**2 / 2)
    counts = rng.poisson(rates[..., None] * gains).astype(float)
    counts[rng.random(counts.shape) < rng.choice([0.0, 0.1])] = np.nan
    counts[:, :, 0] = np.where(np.isnan(counts).all(2), 0.0, counts[:, :, 0])
    return counts, dim


def check(kind: str, trials: int, seed: int) -> dict[str, Any]:
    counts, dim = recording(kind, trials, seed)
    cloud = ms.population(counts, order="stimuli neurons trials")
    row: dict[str, Any] = {"kind": kind, "trials": trials, "seed": seed, "dim": dim}
    row["twonn"] = ms.estimate(cloud, ms.dimension.TwoNN()).value
    try:
        found = ms.estimate(cloud, ms.dimension.Auto())
    except ManifoldScaleError as error:
        return row | {"reason": str(error)}
    return row | {
        "value": found.value,
        "low": found.interval.low,
        "high": found.interval.high,
    }


def summary(rows: list[dict[str, Any]], **of: Any) -> dict[str, Any]:
    own = [row for row in rows if all(row[key] == value for key, value in of.items())]
    known = [row for row in own if "value" in row]
    held = [row["low"] <= row["dim"] <= row["high"] for row in known]
    error = [abs(row["value"] / row["dim"] - 1) for row in known]
    return {
        "kind": "all",
        "trials": "all",
        **of,
        "recordings": len(own),
        "identifiable": len(known) / len(own),
        "held": float(np.mean(held)) if held else float("nan"),
        "wrong": (len(held) - sum(held)) / len(own),
        "error": float(np.mean(error)) if error else float("nan"),
        "high / low": float(np.median([r["high"] / r["low"] for r in known]))
        if known
        else float("nan"),
        "TwoNN": float(np.mean([row["twonn"] / row["dim"] - 1 for row in own])),
    }


@click.command()
@click.option("--fit", "make", is_flag=True, help="Fit the model of the package.")
@click.option("--seeds", default=8, help="Recordings of each kind and number of trials.")
@click.option("--output", default=str(HERE.with_suffix(".json")))
def main(make: bool, seeds: int, output: str) -> None:
    """Dimension of populations with repeated trials."""
    if make:
        fit()
        return
    cells = itertools.product(KINDS, TRIALS, range(seeds))
    rows = [check(*cell) for cell in cells]
    lines = [summary(rows)]
    lines += [summary(rows, trials=trials) for trials in TRIALS]
    lines += [summary(rows, kind=kind) for kind in KINDS]
    lines += [summary(rows, kind=k, trials=t) for k in KINDS for t in TRIALS]
    show(lines, form=".3f")
    keep({"summary": lines, "recordings": rows}, Path(output))


if __name__ == "__main__":
    main()
