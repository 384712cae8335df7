"""Fit the model that corrects `dimension.Auto`, and check it by leaving families out.

    python benchmarks/families.py            # leave every family out; families.json
    python benchmarks/families.py --ship     # fit to all families, write correction.npz

Five minutes and a few seconds, on one core; `reference_clouds.py` makes the clouds. A
family is left out with all clouds that rest on it. Every choice sees the other families
only: the weights of the correction, its errors (those on families that are left out in turn
among the others), and their scale. The settings below were chosen by the same check. Shown
for each family, over its clouds of d <= 40 and N >= 500: the error of the estimate and of
TwoNN, the share of 95 % intervals that hold the dimension, that which excludes it from
above, the median of high / low, and the share of clouds that are called unlike all others.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
import numpy as np
from cloud_families import FLAT
from output import judged, keep, show
from reference_clouds import load
from scipy.linalg import cho_factor, cho_solve
from sklearn.cluster import KMeans

from manifoldscale.dimension.correction import (
    FEW_AND_MANY,
    FILE,
    LEAST,
    Basis,
    Correction,
    coordinates,
    error,
)
from manifoldscale.dimension.signature import BY_DISTANCE, READINGS

Array = np.ndarray
Row = dict[str, Any]
CENTRES = 600
LENGTH = 5.0
PRIOR, ERROR_PRIOR = 0.03, 0.03  # variances of the weights, in units of log d squared
MEDIAN = 0.635  # -E log|z| of a standard normal z
USUAL = 0.995  # share of reference clouds that are like the others
LEVEL = 0.95  # share of intervals that hold, over all families
WORST, MOST_FAMILIES = 0.9, 0.97  # share that holds in most of the families
HIGHEST, FEWEST = 40, 500  # the clouds that are judged


class Table:
    """The reference clouds as the model takes them."""

    def __init__(self, names: Sequence[str] = READINGS) -> None:
        stored = load()
        columns = [READINGS.index(name) for name in names]
        self.names = tuple(names)
        self.readings = stored["readings"][:, columns].astype(float)
        self.sizes = stored["sizes"].astype(float)
        self.dims = stored["dims"].astype(float)
        self.families, self.bases = stored["families"], stored["bases"]
        shift = between_whole_numbers(self.dims)
        self.at = coordinates(self.names, self.readings, self.sizes)
        self.at[:, 0] += shift
        self.targets = np.log(self.dims) - self.readings[:, 0]
        self.judged = (self.dims <= HIGHEST) & (self.sizes >= FEWEST)

    def touches(self, family: str) -> Array:
        return (self.families == family) | (self.bases == family)


def between_whole_numbers(dims: Array) -> Array:
    """Shifts of log d, and of the readings with it, that fill the gaps between the whole
    dimensions of the clouds, evenly in d.

    The dimension of a manifold is a whole number; that of noise, of a mixture, or at a
    scale is not. Without the shifts, everything near 2 would be called 2.00 +- 0.01.
    """
    steps = np.mod(np.arange(len(dims)) * (np.sqrt(5) - 1) / 2, 1) - 0.5
    return np.log1p(steps / dims)


def basis_of(table: Table, used: Array) -> Basis:
    """Centres that are spread as the clouds are; dimensions have no part in it."""
    at = table.at[used]
    middle, spread = np.median(at, axis=0), at.std(axis=0)
    plain = Basis(middle, spread, np.zeros((1, len(middle))), LENGTH)
    x = plain.scaled(at)
    groups = KMeans(min(CENTRES, len(x) // 4), n_init=1, max_iter=10, random_state=0)
    return Basis(middle, spread, groups.fit(x).cluster_centers_, LENGTH)


class Moments:
    """Weighted normal equations, from which families can be taken out."""

    def __init__(self, functions: Array, weights: Array, prior: float) -> None:
        self.functions, self.weights = functions, weights
        self.square = self._square(slice(None)) + np.eye(functions.shape[1]) / prior

    def _square(self, rows: object) -> Array:
        own = self.functions[rows]
        return (own * self.weights[rows, None]).T @ own

    def solve(self, targets: Array, out: Array) -> Array:
        """Weights of the functions without the rows `out`."""
        kept = ~out
        moments = self.functions[kept].T @ (self.weights * targets)[kept]
        return cho_solve(cho_factor(self.square - self._square(out)), moments)


def unseen(table: Table, moments: Moments, out: Array) -> Array:
    """Residuals of every family by the others; `out` is left out of all."""
    residuals = np.full(len(out), np.nan)
    for family in np.unique(table.families[~out]):
        own = (table.families == family) & ~out
        weights = moments.solve(table.targets, out | table.touches(family))
        residuals[own] = table.targets[own] - moments.functions[own] @ weights
    return residuals


def fit(table: Table, basis: Basis, functions: Array, out: Array) -> Correction:
    """The model without the clouds `out`: twice, as its errors weigh the clouds."""
    used, errors = ~out, np.full(len(out), 0.1)
    for _ in range(2):
        moments = Moments(functions, 1 / (np.square(errors) + LEAST**2), PRIOR)
        residuals = unseen(table, moments, out)
        size = error_model(functions, residuals, used)
        errors = error(functions @ size)
    weights = moments.solve(table.targets, out)
    lower = lowered(residuals, errors, used & table.judged)
    residuals = residuals + lower * np.square(errors)
    sides = [
        error_model(functions, residuals, used & (sign * residuals > 0)) for sign in (-1, 1)
    ]
    few = np.exp(table.readings[:, 0]) < np.sqrt(np.prod(FEW_AND_MANY))
    reaches = []
    for sign, side in zip((-1, 1), sides, strict=True):
        z = sign * residuals / error(functions @ side)
        reaches.append([scale(table, z, used & table.judged & own) for own in (few, ~few)])
    return Correction(
        names=table.names,
        basis=basis,
        weights=weights,
        size=size,
        lower=lower,
        below=sides[0],
        above=sides[1],
        wider=np.array(reaches),
        usual=float(np.quantile(basis.distance(table.at[used]), USUAL)),
        sizes=np.array([table.sizes.min(), table.sizes.max()]),
    )


def error_model(functions: Array, residuals: Array, used: Array) -> Array:
    """Weights of the logarithm of the error."""
    logs = np.where(used, np.log(np.abs(np.nan_to_num(residuals)) + LEAST) + MEDIAN, 0)
    moments = Moments(functions, np.ones(len(used)), ERROR_PRIOR)
    return moments.solve(logs, ~used)


def lowered(residuals: Array, errors: Array, used: Array) -> float:
    """How many squared errors below the mean the relative error is least."""
    steps = np.arange(0, 3.01, 0.25)
    off = residuals[used] + steps[:, None] * np.square(errors[used])
    return float(steps[np.abs(np.expm1(-off)).mean(axis=1).argmin()])


def scale(table: Table, z: Array, used: Array) -> float:
    """How many errors an interval reaches on one side: so far that of all families
    together, and of the worst, the share that lies beyond is small enough.
    """
    families = np.unique(table.families[used])
    pooled = np.quantile(z[used], 1 - (1 - LEVEL) / 2)
    each = [
        np.quantile(z[used & (table.families == f)], 1 - (1 - WORST) / 2) for f in families
    ]
    return float(max(pooled, np.quantile(each, MOST_FAMILIES)))


def check(table: Table) -> list[Row]:
    """Every family by a model that never saw it."""
    rows = []
    for family in np.unique(table.families):
        out = table.touches(family)
        basis = basis_of(table, ~out)
        model = fit(table, basis, basis(table.at), out)
        own = (table.families == family) & table.judged
        readings = table.readings[own].copy()
        middle, reach, distance = model.predict(readings, table.sizes[own])
        rows += [
            {
                "family": str(family),
                "dim": int(dim),
                "n": int(n),
                "value": float(np.exp(m)),
                "low": float(np.exp(m - below)),
                "high": float(np.exp(m + above)),
                "raw": float(np.exp(raw)),
                "unlike": bool(far > model.usual),
            }
            for dim, n, m, below, above, raw, far in zip(
                table.dims[own],
                table.sizes[own],
                middle,
                *reach,
                readings[:, 0],
                distance,
                strict=True,
            )
        ]
    return rows


def summary(rows: list[Row], name: str) -> Row:
    dim, value, low, high, raw, unlike = (
        np.array([row[key] for row in rows])
        for key in ("dim", "value", "low", "high", "raw", "unlike")
    )
    found = judged(dim, value, low, high, raw)
    return {"family": name, "clouds": len(rows), **found, "unlike": float(unlike.mean())}


def report(rows: list[Row]) -> list[Row]:
    """A line per family, and over ranges of dimension and size."""
    names = sorted({row["family"] for row in rows})
    lines = [summary([r for r in rows if r["family"] == name], name) for name in names]
    lines.append({"family": "mean over families"} | _mean(lines))
    for first, last in ((1, 6), (7, 15), (16, 40)):
        own = [row for row in rows if first <= row["dim"] <= last]
        lines.append(summary(own, f"d {first}-{last}"))
    for least, most in ((500, 1500), (1500, 5000), (5000, 20_000)):
        own = [row for row in rows if least <= row["n"] < most]
        lines.append(summary(own, f"N {least:,}-{most:,}"))
    flat = [row for row in rows if row["family"] in FLAT and row["dim"] <= 6]
    return [*lines, summary(flat, "flat, d <= 6")]


def _mean(lines: list[Row]) -> Row:
    keys = [key for key in lines[0] if key not in ("family", "clouds")]
    return {key: float(np.mean([line[key] for line in lines])) for key in keys}


def ship() -> None:
    """Fit the two models, of all readings and of those of distances, and write them."""
    columns: dict[str, Array] = {}
    for prefix, names in (("positions", READINGS), ("distances", BY_DISTANCE)):
        table = Table(names)
        out = np.zeros(len(table.dims), dtype=bool)
        basis = basis_of(table, ~out)
        model = fit(table, basis, basis(table.at), out)
        parts = {
            "middle": basis.middle,
            "spread": basis.spread,
            "centres": basis.centres,
            "length": basis.length,
            "usual": model.usual,
            "sizes": model.sizes,
            "lower": model.lower,
            **{
                k: getattr(model, k) for k in ("weights", "size", "below", "above", "wider")
            },
        }
        columns |= {f"{prefix}/{name}": np.asarray(value) for name, value in parts.items()}
    np.savez_compressed(FILE, **columns)
    print(f"{FILE.name}: {FILE.stat().st_size / 2**20:.1f} MiB")


@click.command()
@click.option("--ship", "is_final", is_flag=True, help="Fit to all families and write.")
@click.option("--output", default=str(Path(__file__).with_name("families.json")))
def main(is_final: bool, output: str) -> None:
    """The model that corrects the default dimension."""
    if is_final:
        ship()
        return
    rows = check(Table())
    lines = report(rows)
    show(lines, "leaving the family out", form=".3f", width=110)
    keep({"summary": lines, "estimates": rows}, Path(output))


if __name__ == "__main__":
    main()
