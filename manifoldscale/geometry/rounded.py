"""Why distances are tied: numbers on a lattice, or numbers that their type has rounded."""

import math

import numpy as np
from scipy import spatial

from ..core.arrays import Array, Floats
from ..core.caveat import Caveat, Remark
from .neighbors import Neighbors

ROWS, COLUMNS = 1000, 64  # of the points, which are looked at
FELT = 32.0  # steps, times the root of the features: rounding ties nearer distances only
# Bits of the significand, the leading one included.
TYPES = {"bfloat16": 8, "float16": 11, "float32": 24}


def tied(near: Neighbors, share: str) -> Remark:
    """The caveat of tied distances, by where they come from; `share` says how many are."""
    found = None if near.cloud is None else rounding(near.cloud.points)
    if found is None:
        return Caveat.DISCRETE(share)
    name, step = found
    return Caveat.ROUNDED(f"{name} goes in steps of {step:.2g} there; {share}")


def rounding(points: Array) -> tuple[str, float] | None:
    """The floating type whose rounding ties the distances of neighbours, and its step at
    the size of these numbers; None if no type does.

    The numbers are all of this type, their smallest difference is its step where they are,
    and that is a good part of the distance between neighbours. Counts have larger steps.
    """
    some = np.asarray(points[:ROWS, :COLUMNS], dtype=np.float64)
    size = float(np.median(np.abs(some)))
    if size == 0:
        return None
    gaps = np.diff(np.sort(some, axis=0), axis=0)
    gap = float(gaps[gaps > 0].min(initial=math.inf))
    distinct = np.unique(some, axis=0)
    nearest = float(np.median(spatial.KDTree(distinct).query(distinct, 2)[0][:, 1]))
    whole = bool((some == np.round(some)).all())
    for name, bits in TYPES.items():
        step = _step(size, bits)
        near = nearest <= FELT * math.sqrt(some.shape[1]) * step
        counts = whole and name != "float32"  # small counts are numbers of any type
        if near and gap <= 2 * step and not counts and _is_of(some, bits):
            return name, step
    return None


def _step(size: float, bits: int) -> float:
    """The distance of neighbouring numbers of so many bits at this size."""
    return math.ldexp(1.0, math.frexp(size)[1] - bits)


def _is_of(some: Floats, bits: int) -> bool:
    """Whether rounding to so many bits changes nothing."""
    scaled = np.ldexp(np.frexp(some)[0], bits)
    return bool((scaled == np.round(scaled)).all())
