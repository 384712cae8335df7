"""Persistence diagrams from a process that can be killed."""

import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.arrays import Array, Floats, Ints
from ..core.errors import ManifoldScaleError

Diagrams = list[Floats]
WORKER = Path(__file__).with_name("worker.py")


def diagrams(
    clouds: Sequence[Floats],
    up_to: int,
    coefficients: int,
    threshold: float,
    time_limit: float,
) -> list[Diagrams]:
    """The bars of degrees 0 ... `up_to` of each cloud, (bars x 2) births and deaths.

    Raises
    ------
    ManifoldScaleError : the process took longer than `time_limit` seconds, or died.
    """
    found = _computed(clouds, up_to, coefficients, threshold, time_limit)
    return [
        [found[f"{i}_{degree}"] for degree in range(up_to + 1)] for i in range(len(clouds))
    ]


def loops_of(
    clouds: Sequence[Floats], prime: int, time_limit: float
) -> list[tuple[Floats, list[Ints]]]:
    """The bars of degree 1 of each cloud, and a cocycle of each: rows (i, j, value) for the
    edge from i to j, modulo the prime, at the scale of the death.
    """
    found = _computed(clouds, 1, prime, math.inf, time_limit, cocycles=True)
    return [
        (bars, [found[f"{i}_cocycle{j}"] for j in range(len(bars))])
        for i, bars in enumerate(found[f"{i}_1"] for i in range(len(clouds)))
    ]


def _computed(
    clouds: Sequence[Floats],
    up_to: int,
    coefficients: int,
    threshold: float,
    time_limit: float,
    cocycles: bool = False,
) -> dict[str, Array]:
    """What the worker writes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.npz"), Path(folder, "out.npz")
        distances = {f"distances{i}": condensed(cloud) for i, cloud in enumerate(clouds)}
        settings = np.array([up_to, coefficients, threshold, len(clouds), cocycles])
        np.savez(source, allow_pickle=False, settings=settings, **distances)
        _run([sys.executable, "-P", str(WORKER), str(source), str(target)], time_limit)
        with np.load(target, allow_pickle=False) as found:
            return dict(found)


def condensed(points: Floats) -> Array:
    """Distances of each point to those after it, float32, as ripser reads them."""
    from scipy.spatial.distance import pdist

    return np.asarray(pdist(points), dtype=np.float32)


def _run(command: list[str], time_limit: float) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=time_limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ManifoldScaleError(
            f"Persistent homology took longer than {time_limit:g} s and was stopped. Use "
            "fewer `landmarks` or `subsamples`, a `threshold`, or a longer `time_limit`."
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ManifoldScaleError(
            f"The process that computes persistent homology died (exit status "
            f"{done.returncode}: {last}). If memory ran out, use fewer `landmarks` or a "
            "`threshold`."
        )
