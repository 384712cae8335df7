"""What a wanted interval costs: how the error bar of an exponent falls with sizes, seeds
and range.

    python benchmarks/interval_cost.py     # five minutes on one core; interval_cost.json

Losses L = floor + D^-0.3 with a scatter of 5 % from network to network, fitted with the
floor free, known to be zero, and known from a reference. Per design the median over tables
of half the width of the 95 % interval of alpha, in units of alpha, and the share of the
intervals that hold it.
"""

import itertools
from pathlib import Path
from typing import Any

import click
import numpy as np
from output import keep, show

import manifoldscale as ms
from manifoldscale.core.random import keyed

ALPHA, SCATTER, SMALLEST = 0.3, 0.05, 100.0
DECADES, SIZES, SEEDS = (1.0, 1.5, 2.0, 3.0), (6, 12), (3, 10)
HERE = Path(__file__)


def table(
    decades: float, sizes: int, seeds: int, share: float, draw: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Sizes, losses, and the floor: the share `share` of the last loss."""
    x = np.repeat(SMALLEST * np.geomspace(1, 10**decades, sizes), seeds)
    falling = (x / SMALLEST) ** -ALPHA
    floor = share / (1 - share) * float(falling.min())
    rng = keyed(draw, "interval cost", decades, sizes, seeds)
    return x, (floor + falling) * rng.lognormal(0, SCATTER, len(x)), floor


def half_width(fit: ms.scaling.PowerLaw) -> float:
    low, high = fit.interval
    return float(high - low) / 2 / ALPHA


def row(decades: float, sizes: int, seeds: int, tables: int) -> dict[str, Any]:
    """One design, under each assumption about the floor."""
    found: dict[str, Any] = {"decades": decades, "sizes": sizes, "seeds": seeds}
    for name, share in (("zero", 0.0), ("free", 0.3), ("known", 0.3)):
        widths, held = [], []
        for draw in range(tables):
            x, losses, floor = table(decades, sizes, seeds, share, draw)
            fit = ms.fit_power_law(x, losses, floor=floor if name == "known" else name)
            widths.append(half_width(fit))
            held.append(ALPHA in fit.interval)
        found |= {name: float(np.median(widths)), f"{name} held": float(np.mean(held))}
    return found


@click.command()
@click.option("--tables", default=200, help="Per design.")
@click.option("--output", default=str(HERE.with_suffix(".json")))
def main(tables: int, output: str) -> None:
    """Widths of the interval of an exponent."""
    designs = itertools.product(DECADES, SIZES, SEEDS)
    rows = [row(*design, tables) for design in designs]
    show(rows, form=".3f")
    keep(rows, Path(output))


if __name__ == "__main__":
    main()
