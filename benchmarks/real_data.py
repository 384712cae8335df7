"""Both dimensions of real data against the number of points.

    python benchmarks/real_data.py        # minutes; real_data.json

What n points resolve changes with n; the dimension of the manifold should not, by more than
its interval. Digits, 5,000 MNIST digits, and 60,000 pictures of Fashion-MNIST where they
are installed: at n points drawn at random, nested.
"""

from pathlib import Path

import click
import numpy as np
from output import keep, show

import manifoldscale as ms

SIZES = (500, 1000, 1797, 2500, 5000, 20_000, 60_000)


@click.command()
@click.option("--output", default=str(Path(__file__).with_suffix(".json")))
def main(output: str) -> None:
    """Dimensions of real data."""
    rows = []
    for name in ("digits", "mnist5k", "fashion-mnist"):
        try:
            points = ms.data.load(name).cloud().points
        except ms.ManifoldScaleError as error:
            print(f"{name}: {error}")
            continue
        order = np.random.default_rng(0).permutation(len(points))
        for n in (n for n in SIZES if n <= len(points)):
            dim = ms.estimate(points[order[:n]], ms.dimension.Auto())
            low, high = dim.interval
            resolved = dim.resolved
            rows.append(
                {
                    "data": name,
                    "n": n,
                    "resolved": resolved.value,
                    "resolved low": resolved.interval.low,
                    "resolved high": resolved.interval.high,
                    "manifold": dim.value,
                    "low": low,
                    "high": high,
                }
            )
    show(rows)
    keep(rows, Path(output))


if __name__ == "__main__":
    main()
